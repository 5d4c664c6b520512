"""The exhibits of borrowers: how healthy they are, who is near the edge, and one account's positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from forecasting.models import AccountState, Position, ReserveState
from forecasting.panels.market import value
from governance.domain.units import WAD
from governance.exhibits import Chart, Column, Rule, Series, Table, Tokens

EDGES = (0.0, 1.0, 1.02, 1.05, 1.1, 1.2, 1.35, 1.5, 2.0, 3.0)
USD = 10**8


def drop_to_liquidation(account: AccountState) -> float:
    """Return by how much all collateral together may fall before the account can be liquidated, as a fraction."""
    return max(0.0, 1 - WAD / int(account.health_factor))


def at_risk(rows: Sequence[AccountState], *, link: Callable[[Any], str]) -> Table:
    """Return indebted accounts, the least healthy first."""
    return Table(
        slug="accounts",
        caption="Indebted accounts, the least healthy first",
        columns=(
            Column(label="Account", value=lambda row: row.account, kind="address", link=link),
            Column(label="Health factor", value=lambda row: row.health_factor, kind="health"),
            Column(
                label="Fall to liquidation",
                value=drop_to_liquidation,
                kind="percent",
                help="By how much all its collateral together may fall before it can be liquidated",
            ),
            Column(label="Collateral", value=lambda row: row.collateral_base, kind="usd8"),
            Column(label="Debt", value=lambda row: row.debt_base, kind="usd8"),
            Column(label="Threshold", value=lambda row: row.liquidation_threshold, kind="bps"),
        ),
        rows=rows,
        shown=40,
        empty="No account is in debt below this health factor.",
    )


def histogram(rows: Sequence[AccountState]) -> Chart:
    """Return the debt by health factor."""
    buckets = [[_label(i), 0.0, 0] for i in range(len(EDGES))]
    for account in rows:
        health = int(account.health_factor) / WAD
        index = max(i for i, edge in enumerate(EDGES) if health >= edge)
        buckets[index][1] += int(account.debt_base) / USD  # type: ignore[operator]
        buckets[index][2] += 1  # type: ignore[operator]
    return Chart(
        title="Debt by health factor",
        summary="How much debt stands at which distance from liquidation, which begins below 1.",
        table=Table(
            slug="health",
            caption="Debt and accounts by health factor",
            columns=(
                Column(label="Health factor from", value=lambda row: row[0]),
                Column(label="Debt", value=lambda row: row[1], kind="usd"),
                Column(label="Accounts", value=lambda row: row[2], kind="integer"),
            ),
            rows=buckets if rows else [],
        ),
        x=("Health factor from", "category"),
        y=("Debt", "usd"),
        series=(Series(name="Debt", mark="bar", data=[[label, debt] for label, debt, _ in buckets]),),
    )


def scatter(rows: Sequence[AccountState]) -> Chart:
    """Return size against health."""
    shown = [row for row in rows if int(row.health_factor) < 3 * WAD and int(row.debt_base) >= USD]
    return Chart(
        title="Size and health",
        summary="Each point is an account with a health factor below 3; large ones on the left matter most.",
        table=Table(
            slug="scatter",
            caption="Health factor and debt of each account",
            columns=(
                Column(label="Account", value=lambda row: row.account, kind="address"),
                Column(label="Health factor", value=lambda row: row.health_factor, kind="health"),
                Column(label="Debt", value=lambda row: row.debt_base, kind="usd8"),
            ),
            rows=shown,
            shown=10,
        ),
        x=("Health factor", "health"),
        y=("Debt", "usd"),
        series=(
            Series(
                name="Accounts",
                mark="points",
                data=[[int(r.health_factor) / WAD, int(r.debt_base) / USD, r.account] for r in shown],
            ),
        ),
        rules=(Rule(axis="x", at=1.0, label="liquidation", tone="bad"),),
        log_y=True,
    )


def positions(rows: Sequence[Position], states: dict[int, ReserveState]) -> Table:
    """Return one account's positions."""

    def tokens(name: str) -> Callable[[Any], object]:
        def read(row: Position) -> Tokens | None:
            amount = int(getattr(row, name))
            return Tokens(amount=amount, decimals=row.reserve.decimals, symbol=row.reserve.symbol) if amount else None

        return read

    return Table(
        slug="positions",
        caption="Positions",
        columns=(
            Column(label="Reserve", value=lambda row: row.reserve.symbol),
            Column(label="Supplied", value=tokens("collateral"), kind="tokens"),
            Column(
                label="Worth", value=lambda row: value(int(row.collateral), states[row.reserve_id]) or None, kind="usd8"
            ),
            Column(
                label="As collateral", value=lambda row: row.used_as_collateral if row.collateral else None, kind="flag"
            ),
            Column(label="Borrowed", value=tokens("debt"), kind="tokens"),
            Column(label="Owed", value=lambda row: value(int(row.debt), states[row.reserve_id]) or None, kind="usd8"),
            Column(label="Threshold", value=lambda row: states[row.reserve_id].liquidation_threshold, kind="bps"),
        ),
        rows=rows,
    )


def _label(index: int) -> str:
    if index == 0:
        return "< 1"
    return f"{EDGES[index]:g}" if index + 1 < len(EDGES) else f"≥ {EDGES[index]:g}"
