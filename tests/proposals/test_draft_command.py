"""`manage.py draft`: what a steward does between a recommendation and a vote."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from governance.domain.bundle import from_json
from governance.errors import ConflictError, InputError
from governance.governors.base import governor_for
from governance.models import BundleRecord
from proposals import draft as drafting
from proposals import policy
from proposals.models import Draft
from proposals.recommend import recommend
from tests.proposals.cases import CURRENT, document
from tests.proposals.fake_chain import FakeChain
from tests.proposals.markets import STEWARD
from tests.proposals.test_draft import CARELESS

COMMAND = "proposals.management.commands.draft"


@pytest.fixture
def recommendation(market, models, monkeypatch):
    chain = FakeChain(settings=dict(CURRENT))
    monkeypatch.setattr(drafting, "simulate", chain.simulate)
    monkeypatch.setattr(f"{COMMAND}.default_client", lambda: chain)
    return recommend(market.weth, snapshot=market.snapshot, policy=policy.load(document(**CARELESS)))


def answer(capsys, *arguments):
    call_command("draft", *map(str, arguments), "--json")
    return json.loads(capsys.readouterr().out)


def test_a_draft_is_written_signed_and_shown_with_its_transaction(recommendation, capsys):
    written = answer(capsys, "write", recommendation.pk, "--proposer", STEWARD.lower())
    made = Draft.objects.get()
    assert (written["status"], written["sign_offs"]) == ("draft", [])
    assert written["evidence_hash"] == recommendation.evidence.hash

    signed = answer(capsys, "sign", made.pk, "--steward", STEWARD, "--comment", "agreed")
    assert (signed["status"], signed["sign_offs"]) == ("signed", [STEWARD])
    assert BundleRecord.objects.get().hash == made.bundle_hash

    governor = drafting.governor_of(recommendation)
    call = governor_for(governor.flavour, governor.addresses).propose(from_json(made.bundle))
    assert signed["propose"] == {"from": STEWARD, "to": call.target, "data": f"0x{call.data.hex()}"}
    call_command("draft", "show", str(made.pk))
    assert f"0x{call.data.hex()}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["write", "{}"], "--proposer is missing"),
        (["write", "{}", "--proposer", "0x12"], "not an address"),
        (["write", "999999", "--proposer", STEWARD], "no recommendation 999999"),
        (["show", "999999"], "no draft 999999"),
    ],
)
def test_unusable_input_is_named(recommendation, arguments, words):
    with pytest.raises(InputError, match=words):
        call_command("draft", *(argument.format(recommendation.pk) for argument in arguments))
    assert not Draft.objects.exists()


def test_what_was_not_executed_is_not_scored(recommendation, capsys):
    made = answer(capsys, "write", recommendation.pk, "--proposer", STEWARD)
    with pytest.raises(ConflictError, match="not executed"):
        call_command("draft", "score", str(made["draft"]))
