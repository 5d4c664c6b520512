"""The gate: who begins, who may follow, who has to sign, and who takes over when a champion fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db.utils import ProgrammingError

from forecasting import artifacts, gate
from forecasting.core.days import DAY
from forecasting.models import Decision, Forecast, ModelVersion
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
    promoted = Decision.objects.get(kind="promoted")
    assert (promoted.facts["signed_by"], promoted.facts["signature"]) == (STEWARD, gate.ON_TRUST)


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
    assert len(refused.facts["rules"]) == 7


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
    made = gate.demote(contender, reason="It drifted.", facts={}, actor="monitor")
    assert made is not None
    assert gate.in_use(LINE) == baseline
    assert gate.demote(contender, reason="Again.", facts={}, actor="monitor") is None
    assert gate.demote(baseline, reason="Nobody is behind it.", facts={}, actor="monitor") is None
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


def rule(version: ModelVersion, name: str) -> dict[str, Any]:
    """Return what one rule says of a challenger."""
    decision = gate.consider(version, steward=STEWARD)
    return next(found for found in decision.facts["rules"] if found["rule"] == name)


def test_evidence_that_was_invented_for_an_artifact_is_refused():
    gate.settle([version("log_har", error=0.8)])
    useless, good = version("champion", error=1.5, seed=9), version("champion")
    row = {item.name: getattr(useless, item.name) for item in ModelVersion._meta.fields if item.name != "id"}
    planted = ModelVersion.objects.create(**row | {"code_version": "other", "evidence_hash": good.evidence_hash})
    artifacts.store(planted, content=bytes(useless.artifact.content), evidence=bytes(good.artifact.evidence))
    with pytest.raises(ImplausibleData, match="not those that its artifact names"):
        gate.consider(planted, steward=STEWARD)
    assert gate.in_use(LINE).name == "log_har"


def test_who_tells_other_outcomes_than_the_champion_is_refused():
    gate.settle([version("log_har", error=0.8)])
    told = rule(version("champion", revised=1.01), "outcomes")
    assert not told["passed"]
    assert "are not those of version" in told["sentence"]
    assert gate.in_use(LINE).name == "log_har"


def test_who_is_silent_on_wild_days_is_refused():
    gate.settle([version("log_har", error=0.8)])
    told = rule(version("champion", silent=0.3), "complete")
    assert not told["passed"]
    assert told["numbers"]["lacking"] == 360
    assert rule(version("champion"), "complete")["passed"]


def test_who_does_not_know_the_newest_days_is_refused():
    gate.settle([version("log_har", error=0.8, days=610)])
    assert rule(version("champion"), "complete")["numbers"]["lacking"] == 20


@pytest.mark.parametrize(("week", "passed"), [(0.3, True), (1.2, False), (None, False)])
def test_a_promotion_asks_about_every_horizon_that_it_puts_in_use(week, passed):
    gate.settle([version("log_har", error=0.8, week=0.5)])
    told = rule(version("champion", week=week), "horizons")
    assert told["passed"] is passed
    assert "7d" in told["sentence"]


@pytest.mark.usefixtures("free")
def test_a_decision_is_dated_by_the_newest_data_so_that_the_past_stays():
    baseline, contender = version("log_har", error=0.8), version("champion")
    gate.settle([baseline, contender])
    later = contender.created_timestamp + 40 * DAY
    Forecast.objects.create(model_version=contender, kind="variance", made_at=later, block_number=0, horizon_hours=24)
    gate.demote(contender, reason="It drifted.", facts={}, actor="monitor")
    assert Decision.objects.get(kind="demoted").moment == later
    assert gate.in_use(LINE, until=later - 1) == contender
    assert gate.in_use(LINE, until=later) == baseline


@pytest.mark.parametrize("change", [{"body": {}}, {"made_at": 0}])
def test_forecasts_are_written_once(change):
    made = version("champion")
    Forecast.objects.create(model_version=made, kind="variance", made_at=1, block_number=0, horizon_hours=24)
    with pytest.raises(ProgrammingError, match=r"(?i)cannot update"):
        Forecast.objects.update(**change)


def test_forecasts_are_not_deleted():
    made = version("champion")
    Forecast.objects.create(model_version=made, kind="variance", made_at=1, block_number=0, horizon_hours=24)
    with pytest.raises(ProgrammingError, match=r"(?i)cannot update or delete"):
        Forecast.objects.all().delete()


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
    assert [rule["rule"] for rule in told["rules"]] == [
        *("better", "coverage", "tail", "worst_day", "bias"),
        *("complete", "horizons"),
    ]
    call_command("promote", contender.artifact_hash[:14], f"--steward={STEWARD}")
    told = capsys.readouterr().out
    assert "Promoted" in told
    assert f"Signed by {STEWARD} on the operator's word" in told
    with pytest.raises(InputError, match="999"):
        call_command("promote", "999")
