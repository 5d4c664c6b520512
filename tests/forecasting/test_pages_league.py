"""What the pages of a backtest say of its result: who is best, by how much, and whether that is luck."""

from __future__ import annotations

import copy
import json
import random

import pytest

from forecasting.core.volatility import direct
from forecasting.panels import league, tails
from forecasting.panels.words import MODELS, model
from tests.e2e.sample.backtests import ASSETS, DAYS, volatility_result
from tests.forecasting.pages import cells

RESULT = volatility_result(random.Random(3))


def result() -> dict:
    """Return a result as the database gives it back: JSON columns keep no order of keys."""
    return json.loads(json.dumps(copy.deepcopy(RESULT), sort_keys=True))


def text(table, label: str) -> list[str]:
    return [cell.text for cell in cells(table, label)]


def test_the_headline_is_the_ratio_of_mean_losses():
    found = league.headline(result(), period="1d")
    rows = RESULT["mean"]["1d"]
    assert found["field"] == pytest.approx(rows["champion"]["qlike"] / rows["garch_t"]["qlike"] - 1)
    assert found["field_calm"] == pytest.approx(rows["champion"]["without_worst_day"] - 1)
    assert found["worse"] == ["XRP"]
    assert found["wins"] == {"garch_t": ["BTC", "ETH", "SOL", "BNB"], "log_har": ["BTC", "ETH", "SOL", "BNB"]}


def test_models_stand_by_their_loss_and_the_champion_is_marked():
    table = league.overview(result(), period="1d", asset="BTC")["league"]
    losses = cells(table, "QLIKE")
    assert losses == sorted(losses)
    assert [table.marked(row) for row in table.rows if row[0] == "champion"] == ["chosen"]
    for row in table.rows:
        assert row[1]["low"] < row[1]["qlike"] < row[1]["high"]


def test_assets_and_horizons_keep_their_order_whatever_the_database_does():
    found = league.overview(result() | {"horizons": dict(reversed(result()["horizons"].items()))}, period="", asset="")
    assert found["periods"] == [("1d", "1 day"), ("7d", "7 days")]
    assert (found["period"], found["asset"]) == ("1d", "BTC")
    assert list(dict.fromkeys(cells(found["tests"], "Asset"))) == list(ASSETS)
    assert [column.label for column in found["matrix"].columns[1:]] == list(ASSETS)


@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        ({"t": -3.1, "p": 0.002}, "Better"),
        ({"t": 3.1, "p": 0.002}, "Worse"),
        ({"t": -3.1, "p": 0.2}, "No difference shown"),
        ({"t": None, "p": None}, "Not testable"),
    ],
)
def test_a_verdict_needs_both_direction_and_evidence(test, verdict):
    found = result()
    found["dm"]["1d"] = {"BTC": {"champion_vs_garch_t": test}}
    table = league.overview(found, period="1d", asset="BTC")["tests"]
    assert text(table, "Verdict") == [verdict]
    assert league.sure(found, period="1d", rival="garch_t") == (["BTC"] if verdict == "Better" else [])


def test_a_model_is_inside_the_confidence_set_from_ten_per_cent_on():
    found = result()
    found["mcs"]["1d"]["BTC"] = {"champion": 0.1, "garch_t": 0.0999}
    page = league.overview(found, period="1d", asset="BTC")
    inside = dict(zip([row[0] for row in page["league"].rows], cells(page["league"], "In confidence set"), strict=True))
    assert (inside["champion"].text, inside["garch_t"].text, inside["har"]) == ("Inside", "Outside", None)


def test_a_backtest_of_one_model_and_one_asset_makes_a_page_without_numbers_that_it_has_not():
    found = {
        "assets": ["ETH"],
        "horizons": {"7d": {"ETH": {"ewma": {"qlike": 0.3, "low": 0.2, "high": 0.4, "n": 90}}}},
        "mean": {"7d": {"ewma": {"qlike": 0.3, "n": 1}}},
    }
    page = league.overview(found, period="1d", asset="BTC")
    assert (page["period"], page["asset"]) == ("7d", "ETH")
    assert page["headline"] == {
        "field": None,
        "field_mean": None,
        "field_calm": None,
        "plain": None,
        "worse": [],
        "wins": {"garch_t": [], "log_har": []},
    }
    assert [page[name].rows for name in ("tests", "bias")] == [[], []]
    assert page["scores"].rules == ()
    assert len(page["league"].rows) == 1


def test_a_horizon_on_which_an_asset_was_not_scored_is_empty_and_says_so():
    found = result()
    found["horizons"]["1d"]["BTC"] = {}
    page = league.overview(found, period="1d", asset="BTC")
    assert page["scores"].table.rows == []
    assert "No model was scored here" in page["league"].empty


def test_whiskers_carry_every_model_once():
    chart = league.overview(result(), period="1d", asset="ETH")["scores"]
    names = [row[3] for series in chart.series for row in series.data]
    assert sorted(names) == sorted(map(model, RESULT["horizons"]["1d"]["ETH"]))
    assert chart.rules[0].at == RESULT["horizons"]["1d"]["ETH"]["garch_t"]["qlike"]


def test_every_model_of_the_league_is_explained_in_words():
    assert [name for name in direct.zoo() if name not in MODELS] == []


def series(changes: list[float | None]) -> dict[str, list]:
    days = len(changes)
    return {
        "ends": [1_700_000_000 + 86_400 * i for i in range(days)],
        "change": changes,
        "var99_long": [0.05] * days,
        "var99_short": [0.04] * days,
        "realised": [0.0004] * days,
        "champion_1d": [0.0005] * days,
    }


def test_a_day_passes_on_the_side_that_loses():
    days = list(tails.days(series([-0.051, -0.049, 0.039, 0.041, None])))
    assert [day.passed for day in days] == ["long", "", "", "short", ""]


def test_limits_are_returns_and_volatility_is_a_year():
    day = next(tails.days(series([0.0])))
    assert day.long == pytest.approx(-0.04877, abs=1e-5)  # exp(-0.05) - 1
    assert day.short == pytest.approx(0.04081, abs=1e-5)
    assert day.realised == pytest.approx((0.0004 * 365) ** 0.5)


def test_exceptions_are_all_days_but_the_chart_shows_a_span():
    found = result()
    page = tails.overview(found, asset="ETH", span="90")
    assert len(page["returns"].table.rows) == 90
    everything = list(tails.days(found["series"]["ETH"]))
    assert len(everything) == DAYS
    assert len(page["exceptions"].rows) == sum(bool(day.passed) for day in everything)
    ratios = cells(page["exceptions"], "Times the limit")
    assert ratios
    assert min(ratios) > 1


def test_marks_of_passed_days_are_the_days_of_the_table():
    page = tails.overview(result(), asset="SOL", span="all")
    marked = next(one for one in page["returns"].series if one.name == "Passed")
    assert [row[0] for row in marked.data] == [day.end for day in reversed(page["exceptions"].rows)]


def test_calibration_bars_are_shares_and_the_lines_hold_them_95_times_in_100():
    chart = tails.pit({"counts": [10] * 20, "p": 1.0}, asset="BTC")
    assert [row[1] for row in chart.series[0].data] == [0.05] * 20
    middle, low, high = (rule.at for rule in chart.rules)
    assert (middle, high - middle) == (pytest.approx(0.05), pytest.approx(1.96 * (0.05 * 0.95 / 200) ** 0.5))
    assert middle - low == pytest.approx(high - middle)
    assert "p = 1.000" in chart.summary


@pytest.mark.parametrize("missing", [{}, {"cells": 0, "days": 0, "hits": 0, "methods": {}, "by_cell": {}}])
def test_a_backtest_without_tails_has_empty_exhibits(missing):
    found = {"assets": ["BTC"], "horizons": {}, "var99": missing}
    page = tails.overview(found, asset="", span="")
    assert page["headline"]["rate"] is None
    assert page["headline"]["expected"] is None
    exhibits = (
        page["returns"].table,
        page["exceptions"],
        page["pit"].table,
        page["methods"],
        page["cells"],
        page["basket"],
    )
    assert [list(table.rows) for table in exhibits] == [[]] * 6
    assert page["pit"].rules == ()


def test_a_rejected_test_draws_attention():
    page = tails.overview(result(), asset="", span="")
    assert [(badge.text, badge.tone) for badge in cells(page["cells"], "Often enough")[:1]] == [("p = 0.620", "good")]
    assert {badge.tone for badge in cells(page["cells"], "Unpredictable")} == {"warn"}


def test_methods_stand_by_their_joint_score():
    scores = cells(tails.overview(result(), asset="", span="")["methods"], "FZ0")
    assert scores == sorted(scores)


def test_what_was_left_out_and_what_did_not_end_is_shown():
    told = {"horizon": "1d", "asset": "XRP", "model": "garch_t", "why": "0 of its forecasts have an outcome"}
    asked = result() | {"left_out": [told, told | {"horizon": "7d"}], "not_converged": {"1d": {"garch_t": 3}}}
    found = league.overview(asked, period="1d", asset="BTC")
    assert cells(found["left_out"], "Why") == [told["why"]]
    counts = dict(zip(cells(found["means"], "Model"), cells(found["means"], "Fits not ended"), strict=True))
    assert counts[model("garch_t")] == 3
    assert sum(counts.values()) == 3


def test_the_monitor_and_the_state_of_the_market_are_shown():
    asked = result()
    asked["var99"]["by_cell"]["BTC"]["long"]["aci"] = {"level": 0.002, "lowest": 0.001, "alarms": 7}
    asked["regime"] = {"BTC": {"state": "calm", "turbulence": 0.02, "share": 0.3}}
    found = tails.overview(asked, asset="BTC", span="all")
    assert found["regime"]["state"] == "calm"
    rows = found["cells"]
    alarms = [
        days for days, row in zip(cells(rows, "Days of alarm"), rows.rows, strict=True) if row[:2] == ("BTC", "long")
    ]
    assert alarms == [7]
