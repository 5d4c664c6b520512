"""The check itself: it finds every leak that is known, and lets an honest pipeline pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from forecasting.core.days import DayTable
from tests.forecasting.leaks.check import leaks, market, tables
from tests.forecasting.leaks.pipelines import FIRST, LEAKING, REFIT, honest

CUTS = (FIRST + REFIT, FIRST + 2 * REFIT + 3, FIRST + 3 * REFIT + 17)  # at a fit, soon after one, and long after
GAP = CUTS[0] - 1  # a day that is missing just before a cut


@pytest.fixture(scope="module")
def table() -> DayTable:
    found = tables(market(240))
    found.variance[GAP, 0] = np.nan
    return found


@pytest.mark.parametrize("steps", [1, 7, 30])
def test_an_honest_pipeline_passes(table: DayTable, steps: int) -> None:
    assert leaks(partial(honest, steps=steps), table, cuts=CUTS) == []


@pytest.mark.parametrize("name", LEAKING)
def test_a_leaking_pipeline_is_caught(table: DayTable, name: str) -> None:
    found = leaks(LEAKING[name], table, cuts=CUTS)
    assert found
    assert all(leak.row <= leak.cut for leak in found)


@pytest.mark.parametrize("steps", [7, 30])
def test_an_unpurged_fit_shows_from_the_row_of_the_fit_on(table: DayTable, steps: int) -> None:
    found = leaks(LEAKING[f"unpurged_{steps}d"], table, cuts=CUTS[:1])
    assert {leak.row for leak in found} <= set(range(FIRST, CUTS[0] + 1))
    assert any(leak.row >= FIRST for leak in found)


def test_the_check_refuses_to_be_empty(table: DayTable) -> None:
    with pytest.raises(AssertionError, match="does not read"):
        leaks(lambda known: np.ones_like(known.variance), table, cuts=CUTS)
    with pytest.raises(AssertionError, match="nothing is forecast before day"):
        leaks(honest, table, cuts=[FIRST - 1])


def test_a_leak_would_have_looked_like_skill(table: DayTable) -> None:
    # Why this suite exists: the leak halves the loss, and no score tells it from a better model.
    losses: dict[str, Callable[[DayTable], np.ndarray]] = {"honest": honest, **LEAKING}
    ratio = {name: table.variance[FIRST:-1] / losses[name](table)[FIRST:-1] for name in ("honest", "same_day_feature")}
    mean = {name: float(np.nanmean(found - np.log(found) - 1)) for name, found in ratio.items()}
    assert mean["same_day_feature"] < 0.6 * mean["honest"]
