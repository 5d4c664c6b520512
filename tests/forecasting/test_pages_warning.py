"""The early-warning page: what is said and why, abstention in words, and how the model did on hours it had not seen."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pgtrigger
import pytest
from django.utils import timezone

from forecasting.core.warning import pictures
from forecasting.core.warning.events import MAIN, Target, episodes, outcomes
from forecasting.core.warning.features import Hours
from forecasting.core.warning.scores import average_precision, warned
from forecasting.models import Alarm, BacktestRun, Forecast, ModelVersion
from forecasting.panels import warnings
from forecasting.panels.features import feature
from forecasting.warners import selectors as warners
from tests.e2e.sample.base import HEAD_TIME
from tests.e2e.sample.warnings import LINES, cascade_result
from tests.forecasting.pages import cells, rows, words

HOUR = 3_600


def test_every_line_is_said_and_one_that_abstains_gives_no_all_clear(client, sample):
    page = words(client, "/warning/")
    assert "within 24 hours is given, nor an all-clear: The newest price of ETH is 40 hours old." in page
    assert "Abstains" in page
    for line in LINES:
        said = warners.standing(line).warning
        assert said is not None
        assert f'value="{said.probability}"' in page


def test_an_alarm_that_is_over_is_not_shown(client, sample):
    Alarm.objects.filter(line=LINES[1]).update(resolved_at=timezone.now())
    page = words(client, "/warning/")
    assert "Abstains" not in page
    assert "nor an all-clear" not in page


def test_what_is_wrong_with_a_model_is_said(client, sample):
    Alarm.objects.create(line=LINES[0], kind="calibration", detail="Warnings came true twice as often as they said.")
    assert "Warnings came true twice as often as they said." in words(client, "/warning/")


def test_reasons_stand_by_their_strength_and_in_words(client, sample):
    told = rows(client, f"/warning/?line={LINES[0]}&csv=reasons")
    assert [row["Effect"] for row in told][1:] == ["Raises", "Lowers", "None"]
    assert float(told[1]["Odds times"]) == pytest.approx(float(np.exp(0.31)))
    assert "Liquidated in the last 24 hours" in words(client, "/warning/")


def test_the_record_shows_what_came_of_published_warnings(client, sample):
    told = rows(client, f"/warning/?line={LINES[0]}&csv=record")
    stored = Forecast.objects.filter(kind="warning", model_version__line=LINES[0])
    assert len(told) == stored.count()
    assert [row["Outcome"] for row in told[:6]] == ["Not known yet"] * 6  # their hours are not over
    scored = stored.filter(warning_score__isnull=False)
    came = scored.filter(warning_score__happened=True).count()
    assert sum(row["Outcome"] == "Came true" for row in told) == came


def test_without_any_model_or_test_the_page_says_what_to_do(client, db):
    page = words(client, "/warning/")
    assert "manage.py train --warnings" in page
    assert "manage.py backtest cascade" in page


def test_a_line_that_has_said_nothing_yet_abstains(client, sample):
    with pgtrigger.ignore():
        Forecast.objects.filter(model_version__line=LINES[0]).delete()
    said = warnings.said(warners.standing(LINES[0]))
    assert said.text == "Abstains"
    assert "Nothing was said yet" in words(client, "/warning/")


@pytest.mark.parametrize(
    ("times", "tone"), [(0.5, "good"), (1.4, "good"), (1.6, "warn"), (2.9, "warn"), (3.1, "bad"), (15.0, "bad")]
)
def test_how_far_above_the_usual_a_warning_is_is_said_in_words(sample, times, tone):
    standing = warners.standing(LINES[0])
    changed = replace(standing, warning=replace(standing.warning, probability=times * standing.warning.base_rate))
    assert warnings.said(changed).tone == tone


def test_an_altered_backtest_is_not_shown(client, sample):
    with pgtrigger.ignore():
        BacktestRun.objects.filter(kind="cascade").update(result={"targets": {}})
    page = words(client, "/warning/")
    assert "The backtest is not shown" in page
    assert "Day by day" not in page


def test_a_model_version_of_a_warning_has_its_card(client, sample):
    version = ModelVersion.objects.get(line=LINES[0])
    assert f'href="/models/{version.pk}/"' in words(client, "/warning/")
    assert client.get(f"/models/{version.pk}/").status_code == 200


def test_the_list_of_backtests_leads_here(client, sample):
    run = BacktestRun.objects.get(kind="cascade")
    assert f'href="/warning/?run={run.pk}"' in words(client, "/models/")
    assert words(client, f"/warning/?run={run.pk}")


# What a backtest shows


def target() -> dict:
    return copy.deepcopy(cascade_result()["targets"]["6h_1m"])


def test_bins_hold_all_hours_and_lie_in_their_intervals():
    chart = warnings.reliability(target())
    assert sum(cells(chart.table, "Hours")) == target()["scored"]
    for came, low, high in zip(*(cells(chart.table, name) for name in ("Came true", "From", "To")), strict=True):
        assert 0 <= low <= came <= high <= 1


def test_an_interval_counts_hours_that_share_their_outcome_once():
    one = {"forecast": 0.2, "observed": 0.25, "hours": 240}
    wide, narrow = (warnings._interval(one, hours=hours) for hours in (24, 1))
    assert wide[0] < narrow[0] < 0.25 < narrow[1] < wide[1]


def test_the_contest_is_ranked_and_the_model_marked():
    table = warnings.contest(target(), meaning=cascade_result()["meaning"])
    areas = cells(table, "PR-AUC")
    assert areas == sorted(areas, reverse=True)
    assert [row[0] for row in table.rows if table.marked(row)] == ["model"]


def test_every_episode_says_whether_it_was_warned_of():
    found = target()
    found["timeline"][0]["lead_hours"] = None
    table = warnings.episodes(found)
    badges = [badge.text for badge in cells(table, "Warning")]
    assert len(badges) == found["episodes"]
    assert badges[-1] == "Missed"
    chart = warnings.timeline(found, cascade_result()["series"]["6h_1m"])
    assert [len(series.data) for series in chart.series[1:]] == [len(badges) - badges.count("Missed"), 1]


def test_a_backtest_from_before_curves_says_so():
    old = {name: value for name, value in target().items() if name not in {"curves", "timeline"}}
    assert "run it again" in warnings.curves(old).table.empty
    assert warnings.curves(old).series == ()
    assert "run it again" in warnings.episodes(old).empty


def test_a_target_that_is_not_there_shows_the_first():
    assert warnings.tested(cascade_result(), target="99h")["target"] == "6h_1m"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("reach", "Debt that a usual move of prices reaches, all assets"),
        ("liquidated_6h", "Liquidated in the last 6 hours"),
        ("drawdown_168h", "Fall from the high of the last 168 hours"),
        ("near_debt_10", "Debt within 10 % of liquidation"),
        ("interest_change_7d", "Change of open interest in 7 days"),
        ("structural_6h_1m", "The simulator's own probability, 6h 1m"),
        ("never_heard_of", "never heard of"),
    ],
)
def test_features_are_said_in_words(name, said):
    assert feature(name) == said


def test_features_on_trial_say_why_they_are_not_used(client, sample):
    assert rows(client, "/warning/?csv=tried")[0]["Verdict"] == "Not used"
    assert "It does not help." in words(client, "/warning/")


# What the pictures are made of


def world(seed: int) -> tuple[Hours, Target, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    count, wanted = 600, Target(hours=6, usd=1e6)
    hours = Hours(
        assets=("ETH",),
        ends=HEAD_TIME + np.arange(count, dtype=np.int64) * HOUR,
        close=np.ones((count, 1)),
        low=np.ones((count, 1)),
        high=np.ones((count, 1)),
        liquidated=np.exp(rng.normal(11, 1.6, count)),
    )
    came = outcomes(hours.liquidated, wanted)[:, MAIN]
    at = np.flatnonzero(np.isfinite(came))
    return hours, wanted, at, came[at]


def test_the_area_under_the_curve_is_the_score():
    _, _, _, happened = world(1)
    score = np.round(np.random.default_rng(2).normal(size=happened.size) + happened, 2)
    points = pictures.precision_recall(happened, score)
    assert len(points) == pictures.RECALLS.size
    assert all(a[0] <= b[0] for a, b in pairwise(points))
    area = float(np.mean([precision for _, precision in points]))
    assert area == pytest.approx(average_precision(happened, score), abs=0.03)


def test_a_perfect_order_has_precision_one_and_a_constant_one_the_base_rate():
    _, _, _, happened = world(1)
    assert all(precision == 1 for _, precision in pictures.precision_recall(happened, happened))
    flat = pictures.precision_recall(happened, np.zeros(happened.size))
    assert {round(precision, 6) for _, precision in flat} == {round(float(happened.mean()), 6)}
    assert pictures.precision_recall(np.zeros(5), np.arange(5.0)) == []


def test_leads_of_the_timeline_are_those_that_are_scored():
    hours, wanted, at, happened = world(3)
    score = np.random.default_rng(4).normal(size=happened.size) + 2 * happened
    found = episodes(happened, hours=wanted.hours)
    told = pictures.timeline(score, found, at=at, hours=hours, target=wanted)
    assert len(told) == len(found)
    leads = tuple(row["lead_hours"] for row in told if row["lead_hours"] is not None)
    assert leads == warned(score, happened, found).leads
    assert leads
    for row in told:
        assert row["liquidated"] >= wanted.usd
        assert row["from"] < row["reached"]
