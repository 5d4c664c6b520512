"""Heat maps: each cell is the engine's own answer, the frontier is exact, and directions are those of theory."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.core import heat
from forecasting.core.book import build
from forecasting.core.cascade import CascadeProblem
from governance.errors import InputError
from tests.forecasting import samples

THRESHOLDS = ("liquidation_threshold", [7800, 8000, 8200])
BONUSES = ("liquidation_bonus", [10300, 10500])


@pytest.fixture(scope="module")
def wild() -> CascadeProblem:
    problem = samples.problem(accounts=30, count=30, seed=4)
    return dataclasses.replace(problem, depth=problem.depth / 3, paths=samples.paths(count=30, seed=4, scale=3.0))


def test_a_cell_is_what_the_engine_says_about_its_setting(wild: CascadeProblem) -> None:
    found = heat.grid(wild, reserve=0, x=THRESHOLDS, y=BONUSES)
    changes = {"liquidation_threshold": 8200, "liquidation_bonus": 10300}
    own = wild.evaluate(wild.book.parameters.changed(reserve=0, changes=changes))
    assert found.es99.shape == (2, 3)
    assert found.es99[0, 2] == own.bad_debt.es99.value > 0
    assert found.es99_low[0, 2] == own.bad_debt.es99.low
    assert found.es99_high[0, 2] == own.bad_debt.es99.high
    assert found.var95[0, 2] == own.bad_debt.var95.value
    assert found.liquidated[0, 2] == own.liquidated.mean.value
    assert found.capacity[0, 2] == own.borrow_capacity
    assert (found.es99_low <= found.es99).all()
    assert (found.es99 <= found.es99_high).all()


def test_the_current_cell_is_the_book_as_it_stands(wild: CascadeProblem) -> None:
    found = heat.grid(wild, reserve=0, x=THRESHOLDS, y=BONUSES)
    assert found.current == (1, 1)
    assert heat.grid(wild, reserve=0, x=BONUSES, y=THRESHOLDS).current == (1, 1)
    assert heat.grid(wild, reserve=0, x=("liquidation_bonus", [10500]), y=THRESHOLDS).current == (0, 1)
    assert found.es99[1, 1] == wild.evaluate().bad_debt.es99.value
    away = heat.grid(wild, reserve=0, x=("liquidation_threshold", [8100]), y=BONUSES)
    assert away.current is None


@settings(max_examples=100, deadline=None)
@given(threshold=st.integers(1, 10_000), extra=st.integers(0, 10_000))
def test_the_toxic_frontier_is_exactly_where_a_liquidation_makes_things_worse(threshold: int, extra: int) -> None:
    """In whole numbers: ``threshold * (10,000 + extra) >= 10,000**2``, ties included."""
    found = heat.grid(
        dataclasses.replace(samples.problem(accounts=1, count=1), paths=samples.paths(count=1, hours=1)),
        reserve=0,
        x=("liquidation_threshold", [threshold]),
        y=("liquidation_bonus", [10_000 + extra]),
    )
    assert found.toxic[0, 0] == (threshold * (10_000 + extra) >= 10_000**2)


@pytest.mark.parametrize(("threshold", "bonus"), [(8000, 12500), (6250, 16000), (5000, 20000), (10000, 10000)])
def test_a_setting_on_the_frontier_is_toxic(wild: CascadeProblem, threshold: int, bonus: int) -> None:
    below, on = (
        heat.grid(
            dataclasses.replace(wild, paths=wild.paths[:1]),
            reserve=0,
            x=("liquidation_threshold", [value]),
            y=("liquidation_bonus", [bonus]),
        ).toxic[0, 0]
        for value in (threshold - 1, threshold)
    )
    assert on
    assert not below


def test_a_higher_threshold_liquidates_no_more_without_impact() -> None:
    """Prices fall once: a higher threshold then puts no more accounts below 1, and none deeper."""
    problem = samples.problem(accounts=40, count=1, seed=2).calm()
    paths = np.tile(problem.book.price, (1, 1, 1))
    paths[:, :, :3] *= 0.8
    falling = dataclasses.replace(problem, paths=paths)
    row = heat.grid(
        falling,
        reserve=0,
        x=("liquidation_threshold", [7000, 7500, 8000, 8500, 9000]),
        y=("liquidation_bonus", [10500]),
    ).liquidated[0]
    assert (np.diff(row) <= 1e-9).all()
    assert row[0] > row[-1]


def test_the_usual_maps_are_around_the_current_setting(wild: CascadeProblem) -> None:
    ticks: list[int] = []
    found = heat.threshold_by_bonus(wild, reserve=0, tick=lambda: ticks.append(1))
    assert found.x == ("liquidation_threshold", (7400, 7600, 7800, 8000, 8200, 8400, 8600))
    assert found.y == ("liquidation_bonus", (10200, 10300, 10400, 10500, 10600, 10700, 10800))
    assert found.current == (3, 3)
    assert found.symbol == "WETH"
    assert found.response == "amounts"
    assert len(ticks) == 49
    assert found.capacity[0, 0] < found.capacity[0, 3]  # 7,400 is below the LTV of 7,700, which is lowered with it
    assert not found.impossible.any()


def test_a_higher_cap_and_ltv_let_more_be_borrowed_and_risk_no_less(wild: CascadeProblem) -> None:
    found = heat.ltv_by_cap(wild, reserve=0)
    assert found.response == "relever"
    assert found.x == ("ltv", (7100, 7300, 7500, 7700, 7900))  # up to the threshold of 8,000
    assert found.y[0] == "supply_cap"
    assert found.current == (3, 0)
    assert found.notes == (
        f"WETH has no supply cap; it is taken to have one of {found.y[1][0]:,}, which is what is supplied.",
    )
    assert (np.diff(found.capacity, axis=0) > 0).all()
    assert (np.diff(found.capacity, axis=1) > 0).all()
    assert found.es99[-1, -1] > found.es99[0, 0]
    assert found.es99[0, 3] == wild.evaluate().bad_debt.es99.value  # the cap that is just filled changes nothing


def test_a_cap_that_there_is_begins_the_map(wild: CascadeProblem) -> None:
    rows = samples.reserve_rows(supply_cap=20_000)
    book = build(reserves=rows, positions=samples.position_rows(accounts=30, seed=4), own_threshold={})
    found = heat.ltv_by_cap(dataclasses.replace(wild, book=book), reserve=0)
    assert found.y == ("supply_cap", (20_000, 25_000, 30_000, 35_000, 40_000, 50_000, 60_000))
    assert found.current == (3, 0)
    assert found.notes == ()


def test_an_ltv_above_the_threshold_is_impossible_and_not_computed(wild: CascadeProblem) -> None:
    found = heat.grid(wild, reserve=0, x=("ltv", [7700, 8100]), y=("supply_cap", [1, 2]), response="relever")
    assert found.impossible.tolist() == [[False, True], [False, True]]
    body = heat.document(found)
    assert body["es99"][0][1] is None
    assert body["capacity"][0][0] > 0


def test_the_document_is_plain_data(wild: CascadeProblem) -> None:
    found = heat.grid(wild, reserve=0, x=THRESHOLDS, y=BONUSES)
    body = json.loads(json.dumps(heat.document(found), allow_nan=False))
    assert body["x"] == [0.78, 0.8, 0.82]
    assert body["y"] == [0.03, 0.05]
    assert body["y_parameter"] == "liquidation_bonus"
    assert body["current"] == [1, 1]
    assert body["toxic"] == [[False] * 3] * 2
    assert np.array(body["var95"]) == pytest.approx(found.var95)


def test_the_current_setting_is_found_though_its_fraction_is_not_exact(wild: CascadeProblem) -> None:
    """0.57 * 10,000 is a hair less than 5,700 in floating point."""
    rows = samples.reserve_rows(liquidation_threshold=5700, ltv=2900)
    book = build(reserves=rows, positions=samples.position_rows(accounts=5, seed=4), own_threshold={})
    problem = dataclasses.replace(wild, book=book, paths=wild.paths[:1])
    x, y = ("liquidation_threshold", [5699, 5700]), ("ltv", [2900])
    assert heat.grid(problem, reserve=0, x=x, y=y).current == (1, 0)


def test_both_maps_are_one_document(wild: CascadeProblem) -> None:
    small = dataclasses.replace(wild, paths=wild.paths[:1])
    ticks: list[int] = []
    body = heat.maps(small, reserve=1, tick=lambda: ticks.append(1))
    assert body["symbol"] == "WBTC"
    assert body["lt_lb"] == heat.document(heat.threshold_by_bonus(small, reserve=1))
    assert body["ltv_cap"] == heat.document(heat.ltv_by_cap(small, reserve=1))
    assert body["ltv_cap"]["y"][4] == 2 * body["ltv_cap"]["y"][0]
    assert len(ticks) == sum(len(body[key]["x"]) * len(body[key]["y"]) for key in ("lt_lb", "ltv_cap"))


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (("price", [1]), BONUSES, "'price' is no axis"),
        (THRESHOLDS, ("liquidation_threshold", [8000]), "Both axes of the map are liquidation_threshold"),
        (("liquidation_threshold", [10_001]), BONUSES, "liquidation_threshold cannot be 10001 here; use 0 to 10000"),
        (THRESHOLDS, ("liquidation_bonus", [500]), "liquidation_bonus cannot be 500 here; use 10000 to 20000"),
        (("ltv", [7000]), ("supply_cap", [0, 10]), "supply_cap cannot be 0 here; use 1 or more"),
        (("ltv", [7000, 6000]), BONUSES, "The values of ltv must ascend"),
        (("ltv", []), BONUSES, "The values of ltv must ascend"),
        (("ltv", [7000, 7000]), BONUSES, "The values of ltv must ascend"),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(wild: CascadeProblem, x, y, words: str) -> None:
    with pytest.raises(InputError, match=words):
        heat.grid(wild, reserve=0, x=x, y=y)
