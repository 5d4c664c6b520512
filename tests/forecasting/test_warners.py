"""Warnings as registered models: trained, judged, published once, scored, watched, and silent on stale data."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.db.utils import ProgrammingError

from forecasting import alarms, gate, hourly_features, runs, tasks, training, warning
from forecasting.core.realised import HOUR
from forecasting.core.warning import competitors
from forecasting.core.warning.competitors import BASELINE, CONTENDER, NAMES
from forecasting.core.warning.events import Target
from forecasting.models import Alarm, Decision, Forecast, ModelVersion, TrainingRun, WarningScore
from forecasting.warners import judging, plans, publishing, selectors, watching
from forecasting.warners import training as warner_training
from forecasting.warners.plans import Plan
from governance.errors import InputError, StaleData, TooShort
from proposals import policy
from tests.forecasting.imports.files import command
from tests.forecasting.liquidated_world import land, market, strike

pytestmark = pytest.mark.django_db

TARGET = Target(hours=6, usd=1e6)
STEWARD = "0x00000000000000000000000000000000000000AA"
HOURS = market()


@pytest.fixture(autouse=True)
def _quiet_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.app, "send_task", lambda *_, **__: None)


@pytest.fixture
def early(tmp_path: Path) -> Path:
    """Import a made-up market whose liquidations end thirty days before its prices."""
    land(tmp_path, replace(HOURS, liquidated=np.where(_late(), 0.0, HOURS.liquidated)))
    return tmp_path


@pytest.fixture
def recent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the data that there is count as of now."""
    monkeypatch.setattr(warning, "_current", lambda moment: None)


def _late() -> np.ndarray:
    return np.arange(HOURS.ends.size) >= HOURS.ends.size - 30 * 24


def trained(names: tuple[str, ...] = NAMES, **settings: object) -> dict[str, ModelVersion]:
    """Train some of the models of a line and register them."""
    chosen = hourly_features.choose(prices="", liquidations=[], assets=[])
    plan = Plan(chosen=chosen, target=TARGET, **settings)  # type: ignore[arg-type]
    found = plan.read()
    made = [(name, *warner_training.compete(name, found.hours, TARGET, seed=1)) for name in names]
    return {version.name: version for version in warner_training.register(plan, found, made, seed=1)}


def promoted() -> ModelVersion:
    """Train the contender and its baseline, and let the gate and a steward promote it whatever the rules say."""
    made = trained((CONTENDER, BASELINE))
    version = made[CONTENDER]
    moment = gate.known_until(version.line)
    Decision.objects.create(
        line=version.line, version=version, kind="promoted", reason="a test says so", actor=STEWARD, moment=moment
    )
    return version


@pytest.mark.usefixtures("early")
def test_training_registers_every_model_and_the_gate_decides(monkeypatch):
    chosen = hourly_features.choose(prices="", liquidations=[], assets=[])
    plan = Plan(chosen=chosen, target=TARGET)
    run = training.request_warnings(plan)
    assert training.request_warnings(plan) == run
    training.carry_out(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error) == (TrainingRun.Status.DONE, "")
    made = {version.name: version for version in ModelVersion.objects.filter(line=plan.line)}
    assert set(made) == set(NAMES)
    assert run.model_version == made[CONTENDER]
    kinds = list(Decision.objects.filter(line=plan.line).order_by("pk").values_list("version__name", "kind"))
    assert kinds[0] == (BASELINE, "first")
    assert kinds[1][0] == CONTENDER
    assert kinds[1][1] in {"waiting", "refused"}
    assert gate.in_use(plan.line) == made[BASELINE]
    contender = made[CONTENDER]
    assert contender.metrics["brier_skill"] > made[BASELINE].metrics["brier_skill"]
    assert contender.metrics["assets"][0]["ratio"] < 1
    assert warner_training.refit(contender) == contender.artifact_hash
    assert selectors.newest()[0].abstained.startswith("Nothing was said yet")


@pytest.mark.usefixtures("early")
def test_the_gate_lets_a_better_warning_pass_and_a_steward_signs():
    policy.load({**policy.DEFAULT, "models": {"sign_off": True}})
    made = trained()
    decided = gate.consider(made[CONTENDER], steward=STEWARD)
    rules = {rule["rule"]: rule for rule in decided.facts["rules"]}
    assert set(rules) == {"better", "ranked", "calibrated", "complete"}
    expected = "promoted" if all(rule["passed"] for rule in rules.values()) else "refused"
    assert decided.kind == expected
    assert rules["ranked"]["passed"]
    again = gate.consider(made["persistence"], steward=STEWARD)
    assert again.kind == "refused"


@pytest.mark.usefixtures("early")
def test_a_stored_model_says_what_the_fitted_one_says():
    made = trained()
    found = plans.plan_of(made[CONTENDER].config, made[CONTENDER].dataset).read()
    features = plans.features(found.hours, TARGET)
    protocol = plans.protocol(found.hours, TARGET)
    at = found.hours.last
    for name, version in made.items():
        past = competitors.walk(name, features, protocol, hours=found.hours, seed=1, tick=lambda: None)
        fitted = competitors.fit(name, features, protocol, hours=found.hours, past=past, seed=1)
        stored = warning.restored(version)
        assert stored.chance(features, target=TARGET, at=at) == fitted.chance(features, target=TARGET, at=at)
        assert stored.reasons(features, target=TARGET, at=at) == fitted.reasons(features, target=TARGET, at=at)
        assert bool(stored.reasons(features, target=TARGET, at=at)) is (name != "boosted")


@pytest.mark.usefixtures("early", "recent")
def test_what_is_said_is_stored_once_with_its_version_and_its_shadows():
    version = promoted()
    first = publishing.publish(version.line)
    assert [row.model_version.name for row in first.rows] == [CONTENDER, BASELINE]
    assert [row.body["role"] for row in first.rows] == ["champion", "shadow"]
    assert publishing.publish(version.line).rows == first.rows
    standing = selectors.newest()[0]
    assert standing.version == version
    assert standing.abstained == ""
    assert standing.warning is not None
    assert (standing.warning.version, standing.warning.role) == (version, "champion")
    assert 0 < standing.warning.probability < 1
    assert standing.warning.reasons[0][1] != 0
    assert standing.warning.happened is None
    assert [one.at for one in selectors.history(version.line)] == [standing.warning.at]
    with pytest.raises(ProgrammingError, match="Cannot update or delete"):
        Forecast.objects.filter(pk=first.rows[0].pk).update(made_at=1)


@pytest.mark.usefixtures("early")
def test_stale_data_stops_publication_and_an_alarm_says_why_until_it_is_over(monkeypatch):
    version = promoted()
    with pytest.raises(StaleData, match="What is imported ends"):
        publishing.publish(version.line)
    assert not Forecast.objects.filter(kind="warning").exists()
    alarm = alarms.standing(version.line).get()
    assert alarm.kind == Alarm.Kind.STALE
    assert selectors.newest()[0].abstained == alarm.detail
    [said] = list(watching.say())
    assert (said.forecasts, said.problem) == (0, alarm.detail)
    monkeypatch.setattr(warning, "_current", lambda moment: None)
    tasks.warn()
    assert not alarms.standing(version.line).exists()
    assert selectors.newest()[0].abstained == ""


@pytest.mark.usefixtures("early")
def test_a_line_that_has_not_begun_is_named():
    with pytest.raises(InputError, match="no line of warnings nowhere"):
        publishing.publish("nowhere")
    with pytest.raises(ModelVersion.DoesNotExist):
        selectors.standing("nowhere")


@pytest.mark.usefixtures("recent")
def test_a_warning_is_scored_when_its_hours_are_over_and_not_before(early):
    version = promoted()
    row = publishing.publish(version.line).rows[0]
    assert watching.score(version.line) == []
    strike(early, HOURS, source="one-later", hours_struck=np.flatnonzero((HOURS.liquidated > 0) & _late()))
    assert watching.score(version.line) == []  # another source is another line's
    rows = np.flatnonzero((HOURS.liquidated > 0) & _late())
    later = early / "later"
    later.mkdir()
    strike(later, HOURS, source="one", hours_struck=rows)
    made = watching.score(version.line)
    assert {one.forecast.model_version.name for one in made} == {CONTENDER, BASELINE}
    one = next(one for one in made if one.forecast == row)
    inside = (HOURS.ends > row.made_at) & (HOURS.ends <= row.made_at + 6 * HOUR)
    assert one.liquidated == pytest.approx(HOURS.liquidated[inside].sum())
    assert one.happened is bool(one.liquidated >= 1e6)
    assert one.brier == pytest.approx((row.body["probability"] - one.happened) ** 2)
    assert one.known_at == row.made_at + 6 * HOUR
    assert watching.score(version.line) == []
    assert selectors.stored(Forecast.objects.get(pk=row.pk)).happened is one.happened
    with pytest.raises(ProgrammingError, match="Cannot update or delete"):
        WarningScore.objects.update(brier=0.0)


def scored(version: ModelVersion, *, chance: float, happened: list[bool]) -> None:
    """Write warnings whose outcome is known, six hours apart, after the data that the version learnt from."""
    for index, came in enumerate(happened):
        at = version.created_timestamp + 6 * HOUR * (index + 1)
        row = Forecast.objects.create(
            model_version=version,
            kind="warning",
            made_at=at,
            block_number=0,
            horizon_hours=6,
            body={"target": "6h_1m", "usd": 1e6, "probability": chance, "base_rate": 0.05, "reasons": [], "role": "x"},
        )
        WarningScore.objects.create(
            forecast=row,
            chance=chance,
            liquidated=2e6 * came,
            happened=came,
            brier=(chance - came) ** 2,
            known_at=at + 6 * HOUR,
        )


@pytest.mark.usefixtures("early")
def test_a_warning_that_breaks_its_promise_is_replaced_by_the_baseline():
    version = promoted()
    scored(version, chance=0.05, happened=[index % 3 == 0 for index in range(60)])
    found = watching.check(version.line)
    assert found is not None
    assert found.kind == Alarm.Kind.CALIBRATION
    assert (found.warnings, found.happened) == (60, 20)
    assert "20 came true where 3.0 were expected" in found.breach
    used = gate.in_use(version.line)
    assert used is not None
    assert used.name == BASELINE
    last = Decision.objects.filter(line=version.line).last()
    assert last is not None
    assert (last.kind, last.facts["instead_of"]) == ("demoted", version.pk)
    assert selectors.newest()[0].alarms == (found.breach,)
    assert gate.was_demoted(version.line)


@pytest.mark.usefixtures("early")
def test_a_warning_that_keeps_its_promise_stays():
    version = promoted()
    scored(version, chance=0.05, happened=[index % 20 == 0 for index in range(60)])
    found = watching.check(version.line)
    assert found is not None
    assert (found.kind, found.breach) == (None, "")
    assert found.brier == pytest.approx(np.mean([(0.05 - (i % 20 == 0)) ** 2 for i in range(60)]))
    assert gate.in_use(version.line) == version


@pytest.mark.usefixtures("early")
def test_drift_is_a_score_worse_than_before_and_than_the_baseline(monkeypatch):
    version = promoted()
    scored(version, chance=0.3, happened=[index % 10 == 0 for index in range(60)])
    monkeypatch.setattr(watching, "_limit", lambda *_, **__: 0.05)
    monkeypatch.setattr(watching, "CHANCE", 0.0)
    monkeypatch.setattr(watching, "_baseline", lambda *_, **__: 0.2)
    found = watching.health(version.line)
    assert found is not None
    assert found.kind is None  # the baseline did worse: a wild month is nobody's fault
    monkeypatch.setattr(watching, "_baseline", lambda *_, **__: 0.01)
    found = watching.health(version.line)
    assert found is not None
    assert found.kind == Alarm.Kind.DRIFT
    assert "stayed below 0.0500, and two_feature has 0.0100" in found.breach


@pytest.mark.usefixtures("early", "recent")
def test_the_command_says_which_version_and_stores_what_it_says_of_now():
    version = promoted()
    answer = command("warn", "--horizons", "6")
    told = answer["warnings"]["6h_1m"]
    assert told["version"] == {"id": version.pk, "name": CONTENDER, "artifact_hash": version.artifact_hash}
    assert told["stored"]
    assert told["probability"] == pytest.approx(
        Forecast.objects.get(model_version=version).body["probability"], abs=1e-5
    )
    early = command("warn", "--horizons", "6", "--at", "2021-08-20T12:00")["warnings"]["6h_1m"]
    assert early["version"] is None  # it knows what came later
    assert not early["stored"]
    assert Forecast.objects.filter(kind="warning", model_version=version).count() == 1


@pytest.mark.usefixtures("early")
def test_what_is_learnt_up_to_a_day_knows_nothing_later():
    until = int(datetime(2021, 9, 1, tzinfo=UTC).timestamp())
    made = trained((BASELINE,), until=until)
    assert made[BASELINE].created_timestamp <= until
    assert made[BASELINE].dataset.last_timestamp <= until
    assert (
        warning.warn(made[BASELINE].dataset.facts, targets=[TARGET], at=until + 24 * HOUR).warnings[0].version
        == made[BASELINE]
    )


@pytest.mark.usefixtures("early")
def test_the_monitor_goes_round_warnings_too(capsys):
    version = promoted()
    call_command("monitor", "--json")
    told = json.loads(capsys.readouterr().out)["warnings"]
    assert [one["line"] for one in told] == [version.line]
    assert told[0]["health"]["champion"] == CONTENDER
    assert "What is imported ends" in told[0]["problem"]


@pytest.mark.usefixtures("early")
def test_rows_that_changed_cannot_be_fitted_again():
    made = trained((BASELINE,))
    dataset = made[BASELINE].dataset
    dataset.facts["last"] -= 24 * HOUR
    with pytest.raises(StaleData, match="no longer there as they were"):
        hourly_features.load(dataset)


def test_too_little_is_refused_before_a_worker_is_asked(tmp_path):
    land(tmp_path, market(days=190))
    chosen = hourly_features.choose(prices="", liquidations=[], assets=[])
    with pytest.raises(TooShort, match="are needed to learn"):
        training.request_warnings(Plan(chosen=chosen, target=TARGET))
    assert not TrainingRun.objects.exists()


def test_a_run_that_was_cancelled_registers_nothing(early):
    chosen = hourly_features.choose(prices="", liquidations=[], assets=[])
    run = training.request_warnings(Plan(chosen=chosen, target=TARGET))
    runs.cancel(run.pk)
    training.carry_out(run.pk)
    assert not ModelVersion.objects.exists()


@pytest.mark.usefixtures("early")
def test_a_model_fitted_to_newer_data_takes_over_and_one_whose_outcomes_differ_does_not():
    until = int(datetime(2021, 9, 1, tzinfo=UTC).timestamp())
    older = trained((BASELINE,), until=until)[BASELINE]
    newer = trained((BASELINE, "persistence"))[BASELINE]
    kinds = list(Decision.objects.filter(line=older.line).order_by("pk").values_list("version", "kind"))
    assert kinds == [(older.pk, "first"), (newer.pk, "refreshed")]
    assert gate.in_use(older.line, until=until) == older
    assert gate.in_use(older.line) == newer
    assert judging.got_worse(newer, used=newer) == 0
    other = judging.past(newer)
    assert judging._agree(other, other)
    assert not judging._agree(replace(other, happened=1 - other.happened), other)


@pytest.mark.usefixtures("early")
def test_the_command_trains_every_target_and_says_what_was_decided(monkeypatch, capsys):
    def carried(run: TrainingRun, **_: object) -> ModelVersion:
        training.carry_out(run.pk)
        run.refresh_from_db()
        assert run.model_version is not None, run.error
        return run.model_version

    monkeypatch.setattr(training, "wait", carried)
    monkeypatch.setattr("forecasting.management.commands.train.Command.needs", ("database",))
    call_command("train", "--warnings", "--horizons", "6", "--books", "none", "--json")
    [line] = json.loads(capsys.readouterr().out)["lines"]
    assert {one["name"] for one in line["models"]} == set(NAMES)
    assert [one["in_use"] for one in line["models"] if one["name"] == BASELINE] == [True]
    assert line["decisions"][0]["decision"] == "first"
    call_command("train", "--warnings", "--horizons", "6", "--books", "none")
    told = capsys.readouterr().out
    assert "Brier skill, PR-AUC, ECE:" in told
    assert "in use" in told
    assert TrainingRun.objects.count() == 1
    with pytest.raises(InputError, match="Name markets or --warnings"):
        call_command("train", "somewhere", "--warnings")


@pytest.mark.usefixtures("early")
def test_the_card_of_a_warning_can_be_read(client):
    made = trained((CONTENDER, BASELINE))
    assert "Warnings of liquidations" in client.get("/models/").content.decode()
    page = client.get(f"/models/{made[CONTENDER].pk}/").content.decode()
    assert "6h_1m" in page
    assert "liquidated_24h" in page
