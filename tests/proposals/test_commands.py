"""The commands of this floor: thin doors, one clear line for an error."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from governance.errors import ImplausibleData, InputError, PolicyError
from proposals.models import Policy, Recommendation
from tests.proposals.cases import document

pytestmark = pytest.mark.django_db


def run(capsys, *args):
    call_command(*args)
    return capsys.readouterr().out


def test_recommend_reports_what_it_found(market, models, capsys):
    answer = json.loads(run(capsys, "recommend", "weth", "--json"))
    found = Recommendation.objects.get()
    assert answer["recommendation"] == found.pk
    assert answer["evidence_hash"] == found.evidence.hash
    assert answer["chosen"]["why"] in run(capsys, "recommend", "WETH", "--market", "market")
    assert Recommendation.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["DOGE"], "there are: USDC, WETH"),
        (["WETH", "--seed", "-1"], "negative"),
        (["WETH", "--market", "x"], "none yet"),
    ],
)
def test_recommend_says_what_is_wrong_with_its_input(market, models, arguments, words):
    with pytest.raises(InputError, match=words):
        call_command("recommend", *arguments)


def test_recommend_says_that_a_market_has_no_snapshot(market):
    market.snapshot.delete()
    with pytest.raises(InputError, match="no snapshot yet"):
        call_command("recommend", "WETH")


def test_policy_is_shown_checked_and_loaded(db, tmp_path, capsys):
    assert json.loads(run(capsys, "policy", "show", "--json"))["version"] == 1
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(document(name="Bolder")), encoding="utf-8")
    bad.write_text(json.dumps(document(parameters__ltv__grid=[9_000])), encoding="utf-8")
    assert "does not contradict itself" in run(capsys, "policy", "check", str(good))
    assert Policy.objects.count() == 1
    assert json.loads(run(capsys, "policy", "load", str(good), "--json"))["version"] == 2
    for verb in ("check", "load"):
        with pytest.raises(PolicyError, match=r"parameters\.ltv\.grid and parameters\.ltv\.limit"):
            call_command("policy", verb, str(bad))
        with pytest.raises(InputError, match="needs a FILE"):
            call_command("policy", verb)
    assert Policy.objects.get(active=True).name == "Bolder"


def test_evidence_is_listed_exported_and_verified(market, models, tmp_path, capsys):
    assert "no evidence report yet" in run(capsys, "evidence", "list")
    key = json.loads(run(capsys, "recommend", "WETH", "--json"))["evidence_hash"]
    file = tmp_path / "report.json"
    assert json.loads(run(capsys, "evidence", "list", "--json")) == {"reports": [key]}
    run(capsys, "evidence", "export", key, str(file))
    assert json.loads(run(capsys, "evidence", "verify", key, str(file), "--json"))["hash"] == key
    assert "no proposal names it yet" in run(capsys, "evidence", "verify", key)
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(ImplausibleData, match="SHA-256"):
        call_command("evidence", "verify", key, str(file))
    with pytest.raises(InputError, match="no evidence report 0x1"):
        call_command("evidence", "verify", "0x1")
    with pytest.raises(InputError, match="needs a FILE"):
        call_command("evidence", "export", key)
    with pytest.raises(InputError, match="cannot be read"):
        call_command("evidence", "verify", key, str(tmp_path / "gone"))
