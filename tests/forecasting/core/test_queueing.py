"""The queue of liquidators: served from the best gain down, of equals the lowest row first."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.core import kernel, queueing
from forecasting.core.book import Floats
from forecasting.core.compiled import compiled
from forecasting.core.tables import Accounts, Ints, Work


def accounts(size: int) -> Accounts:
    """Return accounts of one holding each, of which only the number matters."""
    rows = np.arange(size + 1)
    return Accounts(rows, rows[:-1], *(np.ones(size) for _ in range(3)), np.zeros(size, np.int64), np.ones(size))


@compiled
def served(work: Work, count: int, order: Ints) -> int:
    """Write the accounts in the order in which they are served; return the number of bins."""
    at, bins = 0, queueing.lay_out(work, count)
    for b in range(bins):
        queue = work.queue[work.edge[b] : work.edge[b + 1]]
        queueing.arrange(queue, work.gain)
        for left in range(queue.size, 0, -1):
            order[at] = queueing.take(queue, work.gain, left)
            at += 1
    return bins


def order_of(gains: Floats, rows: Ints, *, size: int) -> tuple[Ints, int]:
    """Queue ``rows`` of ``size`` accounts with their ``gains``; return how they are served, and the bins."""
    work = kernel.workspace(accounts(size))
    work.found[: rows.size] = rows
    work.gain[rows] = gains
    order = np.full(rows.size, -1)
    return order, served(work, rows.size, order)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 100, 5000])
@pytest.mark.parametrize("kind", ["wide", "narrow", "tied", "equal", "extreme"])
def test_accounts_are_served_by_gain_and_then_by_row(kind: str, count: int) -> None:
    rng = np.random.default_rng(count)
    gains = {
        "wide": np.exp(rng.normal(0, 8, count)),
        "narrow": 1e6 + rng.random(count) * 1e-6,
        "tied": rng.integers(0, 4, count).astype(float),
        "equal": np.full(count, 3.0),
        "extreme": rng.choice([0.0, 5e-324, 1.0, 1.7e308, np.inf], count),
    }[kind]
    rows = np.sort(rng.choice(6000, count, replace=False))
    order, _ = order_of(gains, rows, size=6000)
    assert order.tolist() == rows[np.lexsort((rows, -gains))].tolist()


def test_bins_grow_with_the_queue_and_the_best_come_first() -> None:
    gains = np.exp(np.random.default_rng(1).normal(4, 2, 4000))
    order, bins = order_of(gains, np.arange(4000), size=4000)
    assert order.tolist() == np.argsort(-gains, kind="stable").tolist()
    assert bins == 4000 // queueing.BIN + 1
