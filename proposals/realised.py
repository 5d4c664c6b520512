"""What really happened in a market between two moments of chain time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt

from forecasting.collect import snapshot
from forecasting.core.realised import HOUR, grid
from forecasting.history import require_derived
from forecasting.models.history import Liquidation, Price, Reserve, Snapshot
from forecasting.pruning import pin
from governance.domain.units import BPS
from governance.errors import InputError
from governance.models import Block

USD8 = 10**8
YEAR_HOURS = 365 * 24
SILENCE = 26 * HOUR  # before the window, in which a feed spoke for the last time at the latest


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of chain time, after ``start`` up to and with ``end`` (unix seconds)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """What happened, in USD; ``volatility`` is an annual fraction.

    Attributes
    ----------
    block_number : int
        The last block of the window, at which the book was read.
    bad_debt : float
        What accounts owed beyond their collateral at the end.
    liquidated, borrower_loss : float
        Debt that liquidators repaid in the window, and what they took beyond it.
    volatility : float
        Of the reserve's hourly prices in the window.
    capacity : float
        What all accounts together could borrow at the end.
    """

    block_number: int
    bad_debt: float
    liquidated: float
    borrower_loss: float
    volatility: float
    capacity: float


def measure(reserve: Reserve, *, window: Window) -> Realised:
    """Return what happened in ``reserve``'s market in ``window``.

    Raises
    ------
    InputError
        If the window is not over in the collected history.
    GapInData
        If the logs or facts up to the window's end are not complete.
    """
    deployment = reserve.deployment
    block = Block.objects.filter(chain=deployment.chain_id, timestamp__lte=window.end).order_by("-number").first()
    later = Block.objects.filter(chain=deployment.chain_id, timestamp__gte=window.end).exists()
    if block is None or not later:
        known = block.timestamp if block else window.start
        raise InputError(
            f"The forecast's horizon ends {(window.end - known) / HOUR:.1f} hours after the collected history; "
            "let the chain advance, run collect, and score again.",
            end=window.end,
            collected=known,
        )
    require_derived(deployment, block=block.number)
    book = snapshot(deployment, block=block.number)
    pin(book)
    bad_debt, capacity = _book(book)
    covered, seized = _liquidations(reserve, window)
    return Realised(
        block_number=block.number,
        bad_debt=bad_debt,
        liquidated=covered,
        borrower_loss=seized - covered,
        volatility=_volatility(reserve, window),
        capacity=capacity,
    )


def _book(book: Snapshot) -> tuple[float, float]:
    bad_debt = capacity = 0
    for row in book.accounts.all():
        bad_debt += max(int(row.debt_base) - int(row.collateral_base), 0)
        capacity += int(row.collateral_base) * row.ltv
    return bad_debt / USD8, capacity / USD8 / BPS


def _liquidations(reserve: Reserve, window: Window) -> tuple[float, float]:
    covered = seized = 0
    rows = Liquidation.objects.filter(
        deployment_id=reserve.deployment_id, timestamp__gt=window.start, timestamp__lte=window.end
    )
    for row in rows.select_related("collateral", "debt"):
        covered += int(row.debt_covered) * int(row.debt_price) // 10**row.debt.decimals
        seized += int(row.collateral_seized) * int(row.collateral_price) // 10**row.collateral.decimals
    return covered / USD8, seized / USD8


def _volatility(reserve: Reserve, window: Window) -> float:
    rows = Price.objects.filter(
        reserve=reserve, timestamp__gt=window.start - SILENCE, timestamp__lte=window.end
    ).values_list("timestamp", "price")
    hourly = grid([(0, time, int(price)) for time, price in rows], assets=[reserve.symbol], until=window.end)
    prices = [
        int(price)
        for time, price in zip(hourly.timestamps, hourly.prices[:, 0], strict=True)
        if time >= window.start - window.start % HOUR
    ]
    squares = [log(after / before) ** 2 for before, after in pairwise(prices)]
    return sqrt(sum(squares) / len(squares) * YEAR_HOURS)
