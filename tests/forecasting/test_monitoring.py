"""After the outcome is known: scores, drift, coverage, and the baseline's return."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from django.core.management import call_command
from django.db.utils import ProgrammingError

from forecasting import alarms, drift, gate, monitoring, outcomes, patrol, tasks
from forecasting.core.days import DAY
from forecasting.core.league import Data
from forecasting.core.measures import HourTable
from forecasting.core.realised import HOUR
from forecasting.fields import Field
from forecasting.management.commands import monitor
from forecasting.models import Alarm, Dataset, Decision, Forecast, ModelVersion, Score
from forecasting.panels import cards
from governance.errors import ConflictError
from tests.forecasting.versions import ASSETS, LINE, START, version

pytestmark = pytest.mark.django_db

HOURS = 240
VARIANCE = 1e-4  # of an hour


def hours(*, hole: int | None = None) -> HourTable:
    """Return ten days of hours with equal variance and a return of 0.1 % each."""
    variance = np.full((HOURS, 2), VARIANCE)
    if hole is not None:
        variance[hole, 1] = np.nan
    return HourTable(
        assets=ASSETS,
        span=HOUR,
        ends=START + HOUR * np.arange(1, HOURS + 1),
        variance=variance,
        change=np.full((HOURS, 2), 0.001),
        complete=np.ones((HOURS, 2)),
        measures={},
    )


def field(table: HourTable) -> Field:
    return Field(line=LINE, deployment=None, dataset=Dataset.objects.get(), data=Data(days=table, hours=table))


def forecast(made: ModelVersion, *, at: int, variance: float = 24 * VARIANCE, hours: int = 24) -> Forecast:
    told = {"variance": variance, "volatility": 0.5, "var99_long": 0.05, "var99_short": 0.02, "es99_long": 0.06}
    return Forecast.objects.create(
        model_version=made,
        kind="variance",
        made_at=at,
        block_number=0,
        horizon_hours=hours,
        body={"assets": dict.fromkeys(ASSETS, told)},
    )


def test_a_forecast_is_scored_once_when_its_outcome_is_known():
    made = version("champion")
    known = forecast(made, at=START + DAY, variance=48 * VARIANCE)
    forecast(made, at=START + 9 * DAY + HOUR)  # an hour of its day is still to come
    week = forecast(made, at=START + DAY, hours=168, variance=168 * VARIANCE)
    scores = outcomes.score(field(hours()))
    assert [(row.forecast, row.asset) for row in scores] == [(one, asset) for one in (known, week) for asset in ASSETS]
    first = scores[0]
    assert first.realised == pytest.approx(24 * VARIANCE)
    assert first.qlike == pytest.approx(0.5 - np.log(0.5) - 1)
    assert first.change == pytest.approx(0.024)
    assert first.hits == {"var99_long": False, "var99_short": True}
    assert first.known_at == START + 2 * DAY
    assert scores[2].qlike == pytest.approx(0, abs=1e-12)
    assert outcomes.score(field(hours())) == []


def test_an_hour_that_was_not_measured_leaves_its_asset_unscored():
    forecast(version("champion"), at=START + DAY)
    scores = outcomes.score(field(hours(hole=30)))
    assert [row.asset for row in scores] == ["BTC"]


def test_a_forecast_from_before_the_data_is_not_scored():
    forecast(version("champion"), at=START - DAY)
    assert outcomes.score(field(hours())) == []


def test_scores_are_written_once():
    forecast(version("champion"), at=START + DAY)
    outcomes.score(field(hours()))
    with pytest.raises(ProgrammingError, match=r"(?i)cannot update"):
        Score.objects.update(qlike=0)


def scored(
    made: ModelVersion,
    *,
    loss: float,
    days: int = 30,
    hits: int = 0,
    every: int = DAY,
    ahead: int = 24,
    both: bool = False,
) -> None:
    """Let a version's forecasts of the days after its training have had a loss.

    Hits are BTC's, or ``both`` assets'; a forecast was made ``every`` so many seconds.
    """
    for day in range(days):
        row = forecast(made, at=made.created_timestamp + day * every, hours=ahead)
        for asset in ASSETS:
            passed = (both or asset == "BTC") and day < hits
            Score.objects.create(
                forecast=row,
                asset=asset,
                expected=1e-4,
                realised=1e-4,
                qlike=loss,
                change=0.0,
                hits={"var99_long": passed, "var99_short": False},
                known_at=row.made_at + ahead * HOUR,
            )


@pytest.fixture
def champion() -> ModelVersion:
    """Let a champion be in use; its loss out of sample is about 0.1 a day."""
    baseline, made = version("log_har", error=0.8), version("champion")
    gate.settle([baseline, made])
    gate.consider(made, steward="0xAA")
    assert gate.in_use(LINE) == made
    return made


def baseline() -> ModelVersion:
    return gate.newest(LINE)["log_har"]


def test_a_champion_that_holds_is_left_alone(champion):
    scored(champion, loss=0.09)
    scored(baseline(), loss=0.3)
    found = monitoring.check(LINE)
    assert found is not None
    assert (found.breach, found.days, found.hits) == ("", 30, 0)
    assert found.expected == pytest.approx(1.2)
    assert not alarms.standing(LINE).exists()


def test_drift_sounds_the_alarm_and_brings_the_baseline_back(champion):
    scored(champion, loss=1.5)
    scored(baseline(), loss=0.4)
    found = monitoring.check(LINE)
    assert "1.500" in found.breach
    assert alarms.standing(LINE).get().kind == Alarm.Kind.DRIFT
    assert gate.in_use(LINE) == baseline()
    demoted = Decision.objects.get(kind="demoted")
    assert (demoted.actor, demoted.facts["instead_of"]) == ("monitor", champion.pk)
    assert demoted.facts["loss"] == pytest.approx(1.5)


def test_a_wild_market_that_the_baseline_does_not_see_either_is_nobodys_fault(champion):
    scored(champion, loss=1.5)
    scored(baseline(), loss=1.6)
    assert monitoring.check(LINE).breach == ""
    assert gate.in_use(LINE) == champion


def test_too_many_hits_bring_the_baseline_back(champion):
    scored(champion, loss=0.09, hits=8)
    scored(baseline(), loss=0.3)
    found = monitoring.check(LINE)
    assert (found.hits, found.expected) == (8, pytest.approx(1.2))
    assert found.chance < monitoring.CHANCE
    assert alarms.standing(LINE).get().kind == Alarm.Kind.COVERAGE
    assert gate.in_use(LINE) == baseline()


def test_one_bad_day_demotes_nobody(champion):
    scored(champion, loss=0.09, days=1, hits=1, both=True)
    scored(baseline(), loss=0.3, days=1)
    found = monitoring.check(LINE)
    assert (found.hits, found.chance, found.breach) == (2, 1.0, "")
    scored(version("champion", days=601), loss=0.09, days=drift.FEWEST + 2)
    found = monitoring.check(LINE)
    assert found.days > drift.FEWEST
    assert monitoring.CHANCE < found.chance < 1
    assert gate.in_use(LINE) == champion


def test_a_day_counts_once_however_often_it_was_forecast(champion):
    scored(champion, loss=0.09, days=24 * 12, hits=24, every=HOUR)  # one bad day, told by 24 forecasts
    scored(baseline(), loss=0.3, days=24 * 12, every=HOUR)
    found = monitoring.check(LINE)
    assert (found.days, found.hits, found.expected) == (12, 1, pytest.approx(12 * 4 * 0.01))
    assert found.breach == ""


def test_drift_without_a_baseline_to_compare_with_is_a_breach(champion):
    scored(champion, loss=50.0)
    scored(baseline(), loss=60.0, days=drift.FEWEST - 1)  # too few to excuse it
    found = monitoring.check(LINE)
    assert (found.loss, found.baseline_loss) == (50.0, None)
    assert "50.000" in found.breach
    assert gate.in_use(LINE) == baseline()


def test_the_baseline_is_asked_about_the_days_that_both_have(champion):
    scored(champion, loss=1.5)
    scored(baseline(), loss=1.6, days=20)
    found = monitoring.check(LINE)
    assert (found.baseline_loss, found.breach) == (pytest.approx(1.6), "")


def test_what_a_refreshed_champion_learnt_of_the_drift_excuses_nothing(champion):
    scored(champion, loss=1.5, days=28)
    scored(baseline(), loss=0.4, days=28)
    before = monitoring.health(LINE).limit
    drifted = version("champion", days=620, late=0.1, seed=2)
    Decision.objects.create(line=LINE, version=drifted, kind="refreshed", reason="x", actor="gate", moment=START)
    found = monitoring.health(LINE)
    assert found.version == drifted
    assert found.limit == before
    assert found.breach


def test_a_week_ahead_is_watched_as_well():
    first, made = version("log_har", error=0.8, week=0.8), version("champion", week=0.1)
    gate.settle([first, made])
    gate.consider(made, steward="0xAA")
    for one, loss in ((made, 9.0), (first, 1.0)):
        scored(one, loss=0.05)
        scored(one, loss=loss, ahead=168)
    found = monitoring.check(LINE)
    assert (found.kind, found.loss, found.drifts[0].horizon) == (Alarm.Kind.DRIFT, 9.0, "7d")
    assert "7d ahead" in found.breach
    assert gate.in_use(LINE) == first


def test_what_a_steward_brings_back_is_not_undone_for_what_was_known_then(champion):
    scored(champion, loss=1.5, hits=8)
    scored(baseline(), loss=0.4)
    assert monitoring.check(LINE).breach
    assert gate.in_use(LINE) == baseline()
    assert gate.consider(champion, steward="0xAA").kind == "promoted"
    found = monitoring.check(LINE)
    assert (found.days, found.hits, found.breach) == (0, 0, "")
    assert gate.in_use(LINE) == champion


def test_whoever_was_appointed_meanwhile_is_not_to_blame(champion, monkeypatch):
    scored(champion, loss=1.5)
    scored(baseline(), loss=0.4)
    looked = monitoring.health(LINE)
    other = version("pooled", seed=5)
    Decision.objects.create(line=LINE, version=other, kind="promoted", reason="x", actor="0xAA", moment=START)
    monkeypatch.setattr(monitoring, "health", lambda _: looked)
    monitoring.check(LINE)
    assert gate.in_use(LINE) == other
    assert not alarms.standing(LINE).exists()


def test_two_who_score_at_once_write_one_score(monkeypatch):
    forecast(version("champion"), at=START + DAY)
    pending = outcomes._pending

    def overtaken(line, *, until):
        rows = pending(line, until=until)
        monkeypatch.setattr(outcomes, "_pending", pending)
        assert outcomes.score(field(hours()))  # by another process
        return rows

    monkeypatch.setattr(outcomes, "_pending", overtaken)
    outcomes.score(field(hours()))
    assert Score.objects.count() == len(ASSETS)


def test_whoever_goes_round_is_alone(monkeypatch):
    taken: list[str] = []

    @contextmanager
    def other(name: str) -> Iterator[None]:
        taken.append(name)
        raise ConflictError("Another process is doing this already.")
        yield

    monkeypatch.setattr(monitor, "exclusive", other)
    with pytest.raises(ConflictError):
        call_command("monitor")
    assert taken == [patrol.LOCK]
    assert patrol.LOCK in inspect.getsource(tasks.monitor.run)


def test_the_card_counts_losses_beyond_99_per_cent_alone():
    made = version("champion")
    told = {"variance": 24 * VARIANCE, "var99_short": 0.9, "var975_short": 0.01}
    Forecast.objects.create(
        model_version=made,
        kind="variance",
        made_at=START + DAY,
        block_number=0,
        horizon_hours=24,
        body={"assets": {"BTC": told}},
    )
    (score,) = outcomes.score(field(hours()))
    assert score.hits == {"var99_short": False, "var975_short": True}
    table = cards.record([score])
    column = next(one for one in table.columns if one.label == "VaR 99 % passed")
    assert column.value(table.rows[0]) == 0


def test_a_few_days_say_nothing(champion):
    scored(champion, loss=9.0, days=drift.FEWEST - 1)
    scored(baseline(), loss=0.1, days=drift.FEWEST - 1)
    found = monitoring.check(LINE)
    assert (found.loss, found.breach) == (None, "")


def test_a_refreshed_champion_answers_for_its_forerunner(champion):
    scored(champion, loss=1.5, days=28)
    scored(baseline(), loss=0.4, days=28)
    gate.settle([version("champion", days=601, seed=2), version("log_har", days=601, error=0.8)])
    assert gate.in_use(LINE) != champion
    assert monitoring.check(LINE).breach


def test_a_baseline_that_drifts_has_nobody_behind_it():
    made = version("log_har")
    gate.settle([made])
    scored(made, loss=2.0)
    assert "log_har lost 2.000" in monitoring.check(LINE).breach
    assert gate.in_use(LINE) == made
    assert alarms.silence(LINE, kinds=(Alarm.Kind.DRIFT,)) == 1


def test_a_line_that_has_not_begun_has_no_health():
    assert monitoring.check("nowhere") is None


def test_an_alarm_is_said_once_and_counted(caplog):
    for _ in range(3):
        alarms.sound(LINE, kind=Alarm.Kind.GAP, detail="an hour is missing")
    standing = alarms.standing().get()
    assert (standing.times, standing.detail) == (3, "an hour is missing")
    assert sum("an hour is missing" in record.message for record in caplog.records) == 1
    assert alarms.silence(LINE, kinds=Alarm.STOPPING) == 1
    assert alarms.silence(LINE, kinds=Alarm.STOPPING) == 0
    alarms.sound(LINE, kind=Alarm.Kind.GAP, detail="another one")
    assert Alarm.objects.count() == 2
