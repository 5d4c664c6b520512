"""The report of a league: its figures against direct computation, on days that all models share."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from forecasting.core.bars import lay
from forecasting.core.days import DAY, DayTable
from forecasting.core.league import Data, Job, Plan
from forecasting.core.league_report import common, means, report
from forecasting.core.measures import hourly
from forecasting.core.scoring import dm_test, fz0, kupiec, qlike
from forecasting.core.tail_report import SIDES
from forecasting.core.tails import aci
from forecasting.core.tails.base import pits, walk
from forecasting.core.tails.mean import Mean
from tests.forecasting.leaks.check import START, market, tables

DAYS, FIRST, LAST = 700, 560, 689
ASSETS = ("A0", "A1")
MODELS = ("champion", "garch_t", "log_har")


@cache
def days() -> DayTable:
    return tables(market(DAYS))


@cache
def forecasts(steps: int = 1) -> dict[str, np.ndarray]:
    """Return three forecasts of different quality, from day 60 on."""
    rng = np.random.default_rng(1)
    past = np.concatenate([np.full((60, 2), np.nan), _means(days().variance, 30)[29 + 30 : -1]])
    fast = np.concatenate([np.full((60, 2), np.nan), _means(days().variance, 3)[2 + 57 : -1]])
    made = {"champion": np.sqrt(past * fast), "garch_t": 1.4 * past, "log_har": fast}
    return {name: steps * values * np.exp(0.05 * rng.standard_normal(values.shape)) for name, values in made.items()}


def _means(values: np.ndarray, window: int) -> np.ndarray:
    out = np.full_like(values, np.nan)
    out[window - 1 :] = np.lib.stride_tricks.sliding_window_view(values, window, axis=0).mean(axis=-1)
    return out


def plan(**changes) -> Plan:
    return Plan(**({"assets": ASSETS, "horizons": ("1d", "7d"), "first": FIRST, "last": LAST, "warm": 500} | changes))


def jobs(made: dict[str, np.ndarray] | None = None, *, horizon: str = "1d") -> dict[Job, np.ndarray]:
    return {Job(horizon, name): values for name, values in (made or forecasts()).items()}


@cache
def whole() -> dict:
    return report(plan(), Data(days=days()), jobs() | jobs(forecasts(7), horizon="7d"))


def test_the_result_is_json_and_says_what_it_is_of() -> None:
    found = json.loads(json.dumps(whole(), allow_nan=False))
    assert found["kind"] == "volatility"
    assert (found["days"], found["seed"], found["span"]) == (LAST - FIRST + 1, 1, 3600)
    assert (found["from"], found["to"]) == ("2023-07-15", "2023-11-21")
    assert set(found["horizons"]["1d"]["A0"]) == set(MODELS)
    assert json.dumps(whole()) == json.dumps(
        report(plan(), Data(days=days()), jobs() | jobs(forecasts(7), horizon="7d"))
    )


def test_losses_are_those_of_the_scored_days() -> None:
    losses = qlike(days().variance[FIRST : LAST + 1, 1], forecasts()["garch_t"][FIRST : LAST + 1, 1])
    row = whole()["horizons"]["1d"]["A1"]["garch_t"]
    assert row["qlike"] == pytest.approx(losses.mean())
    assert row["median"] == pytest.approx(np.median(losses))
    assert row["worst"] == pytest.approx(losses.max())
    assert row["trimmed"] == pytest.approx(np.sort(losses)[:-1].mean())
    assert row["n"] == LAST - FIRST + 1
    worst = np.datetime64(START + (FIRST + int(losses.argmax())) * DAY, "s")
    assert row["worst_day"] == str(worst.astype("datetime64[D]"))
    assert row["low"] < row["qlike"] < row["high"]


def test_spans_end_within_the_scored_window() -> None:
    outcome = days().ahead(7)[FIRST : LAST - 5, 0]
    losses = qlike(outcome, forecasts(7)["champion"][FIRST : LAST - 5, 0])
    row = whole()["horizons"]["7d"]["A0"]["champion"]
    assert row["n"] == LAST - FIRST + 1 - 6
    assert row["qlike"] == pytest.approx(losses.mean())


def test_verdicts_are_of_the_same_losses() -> None:
    window = slice(FIRST, LAST + 1)
    losses = {name: qlike(days().variance[window, 0], forecasts()[name][window, 0]) for name in MODELS}
    for rival in ("garch_t", "log_har"):
        expected = dm_test(losses["champion"], losses[rival])
        found = whole()["dm"]["1d"]["A0"][f"champion_vs_{rival}"]
        assert (found["t"], found["p"]) == pytest.approx((expected.t, expected.p))
    assert max(whole()["mcs"]["1d"]["A0"].values()) == 1.0
    assert whole()["mincer_zarnowitz"]["7d"]["A1"]["garch_t"]["bias"] < 1


def test_means_over_assets_as_ratio_of_means_and_mean_of_ratios() -> None:
    rows = {
        "A": {"m": {"qlike": 1.0, "trimmed": 0.5}, "garch_t": {"qlike": 2.0, "trimmed": 1.0}},
        "B": {"m": {"qlike": 9.0, "trimmed": 1.0}, "garch_t": {"qlike": 6.0, "trimmed": 4.0}},
        "C": {"m": {"qlike": 2.0, "trimmed": 2.0}},
    }
    found = means(rows)
    assert found["m"] == pytest.approx(
        {"qlike": 4.0, "n": 3, "ratio": 10 / 8, "mean_ratio": 1.0, "without_worst_day": 0.375}
    )
    assert found["garch_t"]["ratio"] == 1.0
    assert means({"C": rows["C"]}) == {"m": {"qlike": 2.0, "n": 1}}


def test_models_are_compared_on_the_days_that_all_have() -> None:
    made = {name: values.copy() for name, values in forecasts().items()}
    made["log_har"][FIRST : FIRST + 20] = np.nan
    made["late"] = np.where(np.arange(DAYS)[:, None] > LAST - 40, made["garch_t"], np.nan)
    found = report(plan(horizons=("1d",)), Data(days=days()), jobs(made))
    rows = found["horizons"]["1d"]["A0"]
    assert "late" not in rows, "it has too few days, and must not shorten everybody's"
    assert {row["n"] for row in rows.values()} == {LAST - FIRST + 1 - 20}


def test_what_cannot_be_scored_is_left_out() -> None:
    found = report(plan(horizons=("1d",), first=LAST - 20), Data(days=days()), jobs())
    assert found["horizons"]["1d"] == {}
    assert found["mean"]["1d"] == {}
    assert found["var99"] == {"cells": 0, "days": 0, "hits": 0, "methods": {}, "by_cell": {}}
    json.dumps(found, allow_nan=False)


def test_without_a_champion_there_are_losses_but_no_tails() -> None:
    found = report(plan(horizons=("1d",)), Data(days=days()), jobs({"log_har": forecasts()["log_har"]}))
    assert found["dm"]["1d"]["A0"] == {}
    assert "ratio" not in found["mean"]["1d"]["log_har"]
    assert "var99" not in found


def test_value_at_risk_is_counted_over_assets_and_sides() -> None:
    scale = np.sqrt(forecasts()["champion"])  # the champion's own, as published: no other model has a say
    hits, losses, rejected = 0, [], 0
    for asset in range(2):
        for sign in SIDES.values():
            loss = sign * days().change[: LAST + 1, asset]
            told = walk(Mean(), loss=loss, scale=scale[: LAST + 1, asset], share=0.01)
            window = slice(FIRST, LAST + 1)
            cell = (loss > told.var)[window]
            hits += int(cell.sum())
            rejected += kupiec(cell, share=0.01).p < 0.05
            losses.append(fz0(100 * loss, var=100 * told.var, es=100 * told.es, share=0.01)[window].mean())
    found = whole()["var99"]
    assert (found["cells"], found["days"], found["hits"]) == (4, 4 * (LAST - FIRST + 1), hits)
    assert found["rate"] == pytest.approx(hits / found["days"])
    assert found["kupiec_rejections"] == rejected
    assert found["fz0"]["champion"] == pytest.approx(np.mean(losses))
    assert set(found["methods"]) == {"champion", "fhs", "pot", "hs_250", "hs_500", "garch_t"}
    assert found["by_cell"]["A1"]["short"]["n"] == LAST - FIRST + 1
    assert whole()["var975_es"]["hits"] >= hits


def test_tails_need_no_garch_and_no_second_asset() -> None:
    made = {"champion": forecasts()["champion"][:, :1]}
    alone = DayTable(
        assets=("A0",),
        span=days().span,
        ends=days().ends,
        variance=days().variance[:, :1],
        change=days().change[:, :1],
        complete=days().complete[:, :1],
        measures={},
    )
    found = report(plan(assets=("A0",), horizons=("1d",)), Data(days=alone), jobs(made))
    assert "garch_t" not in found["var99"]["methods"]
    assert found["basket"] == {}
    assert found["var99"]["cells"] == 2


def test_a_basket_is_scored_by_every_dependence() -> None:
    found = whole()["basket"]["var99"]
    assert set(found) == {"joint", "shrunk", "dcc"}
    assert {row["n"] for sides in found.values() for row in sides.values()} == {LAST - FIRST + 1}
    assert found["joint"]["long"]["average_var"] < max(
        whole()["var99"]["by_cell"][asset]["long"]["average_var"] for asset in ASSETS
    )


def test_the_series_are_the_scored_days_and_a_gap_is_none() -> None:
    variance, change = days().variance.copy(), days().change.copy()
    variance[FIRST + 3, 0] = change[FIRST + 3, 0] = np.nan
    found = report(plan(horizons=("1d",)), Data(days=replace(days(), variance=variance, change=change)), jobs())
    series = found["series"]["A0"]
    assert series["ends"] == days().ends[FIRST : LAST + 1].tolist()
    assert series["realised"][3] is series["change"][3] is None
    assert series["champion_1d"][5] == pytest.approx(forecasts()["champion"][FIRST + 5, 0])
    assert series["var99_long"][5] > 0
    assert sum(found["pit"]["A0"]["counts"]) == LAST - FIRST


def test_hours_are_scored_within_the_scored_days() -> None:
    bars = market(60, seed=4)
    hours = hourly(lay(bars, assets=ASSETS))
    made = {name: np.full_like(hours.variance, np.nanmean(hours.variance)) for name in ("champion", "garch_t")}
    found = report(
        plan(horizons=("1h",), first=40, last=49, warm=0),
        Data(days=tables(bars), hours=hours),
        jobs(made, horizon="1h"),
    )
    row = found["horizons"]["1h"]["A0"]["champion"]
    assert row["n"] == 10 * 24
    assert "2022-02-10" <= row["worst_day"] <= "2022-02-19"
    assert found["dm"]["1h"]["A0"]["champion_vs_garch_t"]["t"] == 0.0
    assert found["mincer_zarnowitz"]["1h"]["A0"] == {}, "a forecast that never changes has no regression"


def test_who_is_left_out_is_told_and_takes_nobody_along() -> None:
    made = {name: values.copy() for name, values in forecasts().items()}
    short = np.where(np.arange(DAYS)[:, None] > LAST - 29, made["garch_t"], np.nan)
    gone = {name: np.where([[True, False]], values, np.nan) for name, values in made.items()}
    window = plan(horizons=("1d",), first=LAST - 39)
    found = report(window, Data(days=days()), jobs(made | {"late": short}))
    assert set(found["horizons"]["1d"]["A0"]) == set(MODELS), "29 days of one model must not delete the asset"
    told = [(row["horizon"], row["asset"], row["model"]) for row in found["left_out"]]
    assert told == [("1d", asset, "late") for asset in ASSETS]
    assert "29 of its forecasts have an outcome" in found["left_out"][0]["why"]
    found = report(plan(horizons=("1d",)), Data(days=days()), jobs(gone))
    assert set(found["horizons"]["1d"]) == {"A0"}
    assert {(row["asset"], row["model"]) for row in found["left_out"]} == {("A1", "")}
    assert found["assets"] == list(ASSETS)
    assert whole()["left_out"] == []


def test_days_that_no_two_models_share_cost_the_fewest_models() -> None:
    known = {name: np.zeros(100, dtype=bool) for name in "abc"}
    known["a"][:60] = known["b"][:55] = known["c"][50:] = True
    models, both = common(known)
    assert (models, int(both.sum())) == (["a", "b"], 55)
    assert common({"a": np.zeros(100, dtype=bool)})[0] == []


def test_fits_that_did_not_end_are_counted() -> None:
    counted = {Job("1d", "garch_t"): 3, Job("1d", "log_har"): 0}
    found = report(plan(horizons=("1d",)), Data(days=days()), jobs(), unfinished=counted)
    assert found["not_converged"] == {"1d": {"garch_t": 3}}
    assert whole()["not_converged"] == {}


def test_every_cell_has_its_monitor_and_every_asset_its_label() -> None:
    loss, scale = -days().change[: LAST + 1, 0], np.sqrt(forecasts()["champion"][: LAST + 1, 0])
    expected = aci.watch(pits(loss / scale, window=500)[FIRST:], share=0.01)
    told = whole()["var99"]["by_cell"]["A0"]["long"]["aci"]
    assert told["level"] == pytest.approx(expected.levels[-1])
    assert told["lowest"] == pytest.approx(expected.levels.min())
    assert told["alarms"] == int(expected.alarms.sum())
    assert all(row["state"] in {"calm", "turbulent"} for row in whole()["regime"].values())


def test_a_price_that_stands_still_is_left_out_of_the_tails() -> None:
    variance, change = days().variance.copy(), days().change.copy()
    variance[:, 1], change[:, 1] = 1e-10, 0.0
    made = {name: np.where([[True, False]], values, 1e-10) for name, values in forecasts().items()}
    made["garch_t"][:, 1] = np.nan
    found = report(plan(horizons=("1d",)), Data(days=replace(days(), variance=variance, change=change)), jobs(made))
    assert set(found["var99"]["by_cell"]) == {"A0"}
    assert found["basket"] == {}
    assert {(row["asset"], row["model"]) for row in found["left_out"]} == {("A1", "garch_t"), ("A1", "")}
    json.dumps(found, allow_nan=False)
