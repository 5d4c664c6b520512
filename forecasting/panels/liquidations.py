"""The exhibits of liquidations: how much by day, of what, and by whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from forecasting.models import Liquidation
from governance.exhibits import Chart, Column, Ink, Series, Table, Tokens
from governance.formatting import iso

DAY = 86_400
USD = 10**8
TONES: tuple[Ink, ...] = ("accent", "second", "third", "fourth", "fifth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Sums over liquidations, USD with 8 decimals."""

    count: int
    accounts: int
    covered: int
    seized: int


def covered(row: Liquidation) -> int:
    """Return the repaid debt in USD with 8 decimals."""
    return int(row.debt_covered) * int(row.debt_price) // int(10**row.debt.decimals)


def seized(row: Liquidation) -> int:
    """Return the seized collateral in USD with 8 decimals."""
    return int(row.collateral_seized) * int(row.collateral_price) // int(10**row.collateral.decimals)


def total(rows: Sequence[Liquidation]) -> Total:
    """Return the sums over ``rows``."""
    return Total(
        count=len(rows),
        accounts=len({row.account for row in rows}),
        covered=sum(map(covered, rows)),
        seized=sum(map(seized, rows)),
    )


def table(rows: Sequence[Liquidation], *, link: Callable[[Any], str]) -> Table:
    """Return liquidations, the newest first."""
    return Table(
        slug="liquidations",
        caption="Liquidations, the newest first",
        columns=(
            Column(label="Chain time", value=lambda row: row.timestamp, kind="time"),
            Column(label="Account", value=lambda row: row.account, kind="address", link=link),
            Column(label="Repaid", value=_repaid, kind="tokens"),
            Column(label="Worth", value=covered, kind="usd8"),
            Column(label="Seized", value=_taken, kind="tokens"),
            Column(label="Worth, seized", value=seized, kind="usd8"),
            Column(label="Liquidator", value=lambda row: row.liquidator, kind="address"),
            Column(label="Block", value=lambda row: row.block_number, kind="block"),
        ),
        rows=rows,
        empty="No liquidation here.",
    )


def by_day(rows: Sequence[Liquidation]) -> Chart:
    """Return the repaid debt by day, stacked by what was seized."""
    days: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        days[row.timestamp // DAY * DAY][row.collateral.symbol] += covered(row)
    sums: dict[str, int] = defaultdict(int)
    for day in days.values():
        for symbol, worth in day.items():
            sums[symbol] += worth
    symbols = sorted(sums, key=lambda symbol: -sums[symbol])
    ordered = list(range(min(days), max(days) + 1, DAY)) if days else []
    return Chart(
        title="Liquidated debt by day",
        summary="Debt repaid by liquidators on each day with liquidations, by the collateral that they took.",
        table=Table(
            slug="by-day",
            caption="Liquidated debt by day and collateral",
            columns=(
                Column(label="Day", value=lambda day: iso(day)[:10]),
                *(Column(label=symbol, value=_cell(days, symbol), kind="usd8") for symbol in symbols),
            ),
            rows=[day for day in reversed(ordered) if day in days],
            shown=15,
            empty="Nobody was liquidated in this time.",
        ),
        x=("", "day"),
        y=("Debt repaid", "usd"),
        series=tuple(
            Series(
                name=symbol,
                mark="bar",
                tone=TONES[i % len(TONES)],
                data=[[iso(day)[:10], days[day][symbol] / USD if day in days else 0] for day in ordered],
            )
            for i, symbol in enumerate(symbols)
        ),
        stacked=True,
    )


def liquidators(rows: Sequence[Liquidation]) -> Table:
    """Return who liquidated most."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        entry = sums[row.liquidator]
        entry[0] += 1
        entry[1] += covered(row)
        entry[2] += seized(row) - covered(row)
    return Table(
        slug="liquidators",
        caption="Liquidators, the largest first",
        columns=(
            Column(label="Liquidator", value=lambda row: row[0], kind="address"),
            Column(label="Calls", value=lambda row: row[1][0], kind="integer"),
            Column(label="Debt repaid", value=lambda row: row[1][1], kind="usd8"),
            Column(
                label="Seized above it", value=lambda row: row[1][2], kind="usd8", help="Bonus at the feed's prices"
            ),
        ),
        rows=sorted(sums.items(), key=lambda item: -item[1][1]),
        shown=10,
        empty="Nobody liquidated anything.",
    )


def _cell(days: dict[int, dict[str, int]], symbol: str) -> Callable[[Any], object]:
    return lambda day: days[day].get(symbol, 0)


def _repaid(row: Liquidation) -> Tokens:
    return Tokens(amount=int(row.debt_covered), decimals=row.debt.decimals, symbol=row.debt.symbol)


def _taken(row: Liquidation) -> Tokens:
    return Tokens(amount=int(row.collateral_seized), decimals=row.collateral.decimals, symbol=row.collateral.symbol)
