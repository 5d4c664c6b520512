"""The gate: who begins, who may follow, who has to sign, and who takes over when a champion fails."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.db.utils import ProgrammingError

from forecasting import gate
from forecasting.models import Decision
from governance.errors import ConflictError, ImplausibleData, InputError
from governance.models import AuditEntry
from proposals import policy
from tests.forecasting.versions import LINE, version

pytestmark = pytest.mark.django_db

STEWARD = "0x00000000000000000000000000000000000000AA"


@pytest.fixture
def free() -> None:
    """Put a policy in force that asks for nobody's signature."""
    policy.load({**policy.DEFAULT, "models": {"sign_off": False}})


def kinds() -> list[str]:
    return [str(made.kind) for made in Decision.objects.order_by("pk")]


def test_a_line_begins_with_the_baseline_and_the_contender_waits_for_a_steward():
    baseline, contender = version("log_har", error=0.8), version("champion")
    other = version("boosted", seed=3)
    gate.settle([baseline, contender, other])
    assert kinds() == ["first", "waiting"]
    assert gate.in_use(LINE) == baseline
    assert "manage.py promote" in Decision.objects.get(kind="waiting").reason
    assert gate.consider(contender, steward=STEWARD).kind == "promoted"
    assert gate.in_use(LINE) == contender
    signed = AuditEntry.objects.get(action="model.promoted")
    assert (signed.actor, signed.subject) == (STEWARD, contender.artifact_hash)


@pytest.mark.usefixtures("free")
def test_where_the_policy_asks_for_nobody_the_gate_promotes():
    gate.settle([version("log_har", error=0.8), version("champion")])
    assert kinds() == ["first", "promoted"]
    assert Decision.objects.get(kind="promoted").actor == "gate"


@pytest.mark.usefixtures("free")
def test_settling_again_decides_nothing_anew():
    made = [version("log_har", error=0.8), version("champion")]
    assert len(gate.settle(made)) == 2
    assert gate.settle(made) == []
    assert kinds() == ["first", "promoted"]


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize(
    ("baseline", "challenger", "rule"),
    [
        ({"error": 0.1, "numbers": 5}, {"error": 0.1, "seed": 2}, "better"),
        ({"error": 1.5}, {"late": 0.1}, "coverage"),
        ({"error": 1.2}, {"scale": 1.7}, "bias"),
    ],
)
def test_one_rule_that_fails_is_enough(baseline, challenger, rule):
    gate.settle([version("log_har", **baseline), version("champion", **challenger)])
    refused = Decision.objects.get(kind="refused")
    failed = {found["rule"] for found in refused.facts["rules"] if not found["passed"]}
    assert rule in failed
    assert all(found["sentence"] for found in refused.facts["rules"])
    assert len(refused.facts["rules"]) == 5


@pytest.mark.usefixtures("free")
def test_a_model_that_is_as_good_and_cheaper_is_let_through():
    gate.settle([version("log_har", error=0.2, numbers=900)])
    cheaper = version("champion", error=0.2, numbers=10, seed=1)
    decision = gate.consider(cheaper)
    assert next(found for found in decision.facts["rules"] if found["rule"] == "better")["passed"]


@pytest.mark.usefixtures("free")
def test_too_few_days_are_no_evidence():
    gate.settle([version("log_har", error=0.8, days=200), version("champion", days=200)])
    (coverage,) = [
        found for found in Decision.objects.get(kind="refused").facts["rules"] if found["rule"] == "coverage"
    ]
    assert "are needed to test" in coverage["sentence"]


@pytest.mark.usefixtures("free")
def test_newer_data_refreshes_the_champion_unless_it_got_worse():
    gate.settle([version("log_har", error=0.8), version("champion")])
    good = version("champion", seed=2, days=620)
    gate.settle([version("log_har", error=0.8, days=620), good])
    assert gate.in_use(LINE) == good
    bad = version("champion", error=0.9, seed=3, days=630)
    gate.settle([version("log_har", error=0.8, days=630), bad])
    assert gate.in_use(LINE) == good
    assert kinds() == ["first", "promoted", "refreshed", "refused"]


@pytest.mark.usefixtures("free")
def test_after_a_demotion_only_a_steward_brings_the_champion_back():
    baseline, contender = version("log_har", error=0.8), version("champion")
    gate.settle([baseline, contender])
    made = gate.demote(LINE, reason="It drifted.", facts={}, actor="monitor")
    assert made is not None
    assert gate.in_use(LINE) == baseline
    assert gate.demote(LINE, reason="Again.", facts={}, actor="monitor") is None
    assert gate.consider(contender).kind == "waiting"
    assert gate.consider(contender, steward=STEWARD).kind == "promoted"


@pytest.mark.usefixtures("free")
def test_what_was_in_use_is_told_for_every_moment():
    baseline, contender = version("log_har", error=0.8), version("champion")
    gate.settle([baseline])
    gate.settle([contender])
    later = version("champion", days=620, seed=2)
    gate.settle([later])
    assert gate.in_use(LINE, until=contender.created_timestamp) == contender
    assert gate.in_use(LINE) == later
    assert gate.in_use("nowhere") is None


def test_what_cannot_be_promoted_is_refused_in_words():
    baseline = version("log_har")
    with pytest.raises(InputError, match="competes with no other"):
        gate.consider(baseline)
    gate.settle([baseline])
    with pytest.raises(ConflictError, match="in use already"):
        gate.consider(baseline)


def test_an_altered_version_does_not_pass():
    gate.settle([version("log_har", error=0.8)])
    contender = version("champion")
    contender.name = "other"
    with pytest.raises(ImplausibleData, match="altered"):
        gate.consider(contender)


def test_decisions_are_written_once():
    gate.settle([version("log_har")])
    with pytest.raises(ProgrammingError, match=r"(?i)cannot update"):
        Decision.objects.update(kind="promoted")


def test_the_command_tells_every_rule(capsys: pytest.CaptureFixture[str]):
    gate.settle([version("log_har", error=0.8), contender := version("champion")])
    call_command("promote", str(contender.pk), "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["decision"] == "waiting"
    assert [rule["rule"] for rule in told["rules"]] == ["better", "coverage", "tail", "worst_day", "bias"]
    call_command("promote", contender.artifact_hash[:14], f"--steward={STEWARD}")
    assert "Promoted" in capsys.readouterr().out
    with pytest.raises(InputError, match="999"):
        call_command("promote", "999")
