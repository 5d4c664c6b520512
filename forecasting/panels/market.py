"""The exhibits of the market: its reserves, one reserve, and what a falling price would do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.shortcuts import get_object_or_404
from django.urls import reverse

from forecasting import selectors
from forecasting.core.price_drop import DropCurve, drop_curve
from forecasting.models import ParameterChange, Position, Reserve, ReserveState, Snapshot
from forecasting.selectors import PricePoint
from governance.domain.units import RAY
from governance.exhibits import Chart, Column, Rule, Series, Table, Tokens, Value
from governance.formatting import capital, percent
from governance.protocols.base import ParameterSpec, plugin

DAY = 86_400
DROPS = np.arange(0.0, 0.81, 0.02)
PRESETS = (0.10, 0.25, 0.50)  # falls that the chart points out
USD = 10**8


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One reserve in the list: its state, and how its price moved over the window."""

    state: ReserveState
    supplied: int
    borrowed: int
    change: float | None
    prices: tuple[float, ...]

    @property
    def utilisation(self) -> float:
        """Share of the supply that is borrowed."""
        return self.borrowed / self.supplied if self.supplied else 0.0


def value(amount: int, state: ReserveState) -> int:
    """Return an amount of ``state``'s token in USD with 8 decimals, rounded down."""
    return int(amount) * int(state.price) // int(10**state.reserve.decimals)


def lines(snapshot: Snapshot, *, days: int) -> list[Line]:
    """Return every reserve of a snapshot with its price over the last ``days``."""
    since = snapshot.timestamp - days * DAY
    return [
        _line(state, selectors.price_series(state.reserve, first=since, last=snapshot.timestamp))
        for state in selectors.reserve_states(snapshot)
    ]


def _line(state: ReserveState, points: Sequence[PricePoint]) -> Line:
    first = points[0].price if points else 0
    return Line(
        state=state,
        supplied=value(int(state.total_supply), state),
        borrowed=value(int(state.total_debt), state),
        change=int(state.price) / first - 1 if first else None,
        prices=tuple(point.price / USD for point in points),
    )


def overview(reserve: Reserve, snapshot: Snapshot, *, recommended: Mapping[str, int]) -> dict[str, object]:
    """Return the page's context for one reserve in a snapshot.

    Raises
    ------
    django.http.Http404
        When the reserve was listed after the snapshot.
    """
    state = get_object_or_404(selectors.reserve_states(snapshot), reserve=reserve)
    since = snapshot.timestamp - 30 * DAY
    return {
        "reserve": reserve,
        "snapshot": snapshot,
        "state": state,
        "line": _line(state, selectors.price_series(reserve, first=since, last=snapshot.timestamp)),
        "supply_cap": cap_use(state, "supply"),
        "borrow_cap": cap_use(state, "borrow"),
        "borrow_rate": int(state.variable_borrow_rate) / RAY,
        "parameters": parameters(state, recommended),
        "drop": drop_chart(reserve, curve(reserve, snapshot)),
        "price": price_chart(reserve, until=snapshot.timestamp),
        "largest": largest(snapshot, reserve, link=lambda row: reverse("account", args=[row.account])),
        "changes": parameter_changes(list(selectors.parameter_changes(reserve)[:500]), reserve),
    }


def reserves(rows: Sequence[Line], *, days: int, link: Callable[[Any], str]) -> Table:
    """Return the list of reserves."""
    return Table(
        slug="reserves",
        caption="Reserves",
        columns=(
            Column(label="Reserve", value=lambda row: row.state.reserve.symbol, link=link),
            Column(label="Price", value=lambda row: row.state.price, kind="price8"),
            Column(label=f"{days} d", value=lambda row: row.change, kind="change", help="Change of the price"),
            Column(label="Supplied", value=lambda row: row.supplied, kind="usd8"),
            Column(label="Borrowed", value=lambda row: row.borrowed, kind="usd8"),
            Column(label="Utilisation", value=lambda row: row.utilisation, kind="percent"),
            Column(label="Supply cap used", value=lambda row: cap_use(row.state, "supply"), kind="percent"),
            Column(label="Borrow cap used", value=lambda row: cap_use(row.state, "borrow"), kind="percent"),
            Column(label="LTV", value=lambda row: row.state.ltv, kind="bps"),
            Column(label="Threshold", value=lambda row: row.state.liquidation_threshold, kind="bps"),
        ),
        rows=rows,
    )


def brief(rows: Sequence[Line], *, days: int, link: Callable[[Any], str]) -> Table:
    """Return the list of reserves with what matters most."""
    whole = reserves(rows, days=days, link=link)
    wanted = {"Reserve", "Price", f"{days} d", "Supplied", "Borrowed", "Utilisation", "Threshold"}
    return replace(whole, columns=tuple(column for column in whole.columns if column.label in wanted))


def cap_use(state: ReserveState, side: str) -> float | None:
    """Return the used share of a cap, or None when there is no cap."""
    cap = int(getattr(state, f"{side}_cap"))
    used = int(state.total_supply if side == "supply" else state.total_debt)
    return used / (cap * 10**state.reserve.decimals) if cap else None


def specs(reserve: Reserve) -> tuple[ParameterSpec, ...]:
    """Return the parameters of the reserve's protocol."""
    return plugin(reserve.deployment.flavour).parameters


def price_chart(reserve: Reserve, *, until: int) -> Chart:
    """Return the whole price history by day."""
    points = selectors.price_series(reserve, last=until)
    return Chart(
        title="Price",
        summary="Last price of each day as the protocol's own feed published it.",
        table=Table(
            slug="price",
            caption=f"Daily price of {reserve.symbol}",
            columns=(
                Column(label="Day", value=lambda row: row.timestamp, kind="time"),
                Column(label="Price", value=lambda row: row.price, kind="price8"),
            ),
            rows=points[::-1],
            shown=10,
            empty="No price was collected yet.",
        ),
        x=("", "time"),
        y=("USD", "usd"),
        series=(Series(name="Price", mark="area", data=[[point.timestamp, point.price / USD] for point in points]),),
    )


def drop_chart(reserve: Reserve, curve: DropCurve) -> Chart:
    """Return the debt that a fall of one price makes liquidatable."""
    rows = list(zip(curve.drops.tolist(), curve.debt.tolist(), curve.accounts.tolist(), strict=True))
    return Chart(
        title=f"Debt at risk when {reserve.symbol} falls",
        summary=f"Debt of the accounts below a health factor of 1 if {reserve.symbol} alone fell at once "
        "and nobody reacted.",
        table=Table(
            slug="drop",
            caption=f"Debt at risk by fall of {reserve.symbol}",
            columns=(
                Column(label="Fall", value=lambda row: row[0], kind="percent"),
                Column(label="Debt at risk", value=lambda row: row[1], kind="usd"),
                Column(label="Accounts", value=lambda row: row[2], kind="integer"),
            ),
            rows=rows,
            shown=50,
        ),
        x=(f"Fall of the {reserve.symbol} price", "percent"),
        y=("Debt at risk", "usd"),
        series=(Series(name="Debt at risk", mark="area", tone="warn", data=[[drop, debt] for drop, debt, _ in rows]),),
        rules=tuple(Rule(axis="x", at=preset, label=percent(preset, digits=0), tone="muted") for preset in PRESETS),
    )


def curve(reserve: Reserve, snapshot: Snapshot) -> DropCurve:
    """Return the drop curve of one reserve over a snapshot's book."""
    states = {state.reserve_id: state for state in selectors.reserve_states(snapshot)}
    accounts: dict[str, list[float]] = {}
    for position in Position.objects.filter(snapshot=snapshot):
        state = states[position.reserve_id]
        row = accounts.setdefault(position.account, [0.0, 0.0, 0.0, 0.0])
        counted = value(int(position.collateral), state) if position.used_as_collateral else 0
        weighted = counted / USD * state.liquidation_threshold / 10_000
        owed = value(int(position.debt), state) / USD
        row[0] += weighted
        row[1] += owed
        if position.reserve_id == reserve.pk:
            row[2] += weighted
            row[3] += owed
    table = np.array(list(accounts.values()) or [[0.0] * 4])
    return drop_curve(weighted=table[:, 0], debt=table[:, 1], weighted_in=table[:, 2], debt_in=table[:, 3], drops=DROPS)


def parameter_changes(rows: Sequence[ParameterChange], reserve: Reserve) -> Table:
    """Return every change of the reserve's parameters."""
    known = {spec.name: spec for spec in specs(reserve)}

    def side(name: str) -> Callable[[Any], object]:
        return lambda row: Value(word=int(getattr(row, name)), unit=known[row.parameter].unit)

    return Table(
        slug="parameter-changes",
        caption="Parameter changes, the newest first",
        columns=(
            Column(label="Parameter", value=lambda row: capital(known[row.parameter].label)),
            Column(label="Before", value=side("old"), kind="value"),
            Column(label="After", value=side("new"), kind="value"),
            Column(label="Block", value=lambda row: row.block_number, kind="block"),
            Column(label="Chain time", value=lambda row: row.timestamp, kind="time"),
            Column(label="Transaction", value=lambda row: row.tx_hash, kind="hash"),
        ),
        rows=[row for row in rows if row.parameter in known],
        shown=10,
        empty="No parameter was ever changed.",
    )


def parameters(state: ReserveState, recommended: Mapping[str, int]) -> Table:
    """Return the reserve's parameters now, and the ones that the latest recommendation names."""
    rows = [(spec, state.parameter(spec.name), recommended.get(spec.name)) for spec in specs(state.reserve)]
    return Table(
        slug="parameters",
        caption="Parameters now and recommended",
        columns=(
            Column(label="Parameter", value=lambda row: capital(row[0].label)),
            Column(label="Now", value=lambda row: Value(word=row[1], unit=row[0].unit), kind="value"),
            Column(
                label="Recommended",
                value=lambda row: None if row[2] in {None, row[1]} else Value(word=row[2], unit=row[0].unit),
                kind="value",
            ),
            Column(label="What it does", value=lambda row: row[0].help),
        ),
        rows=rows,
        marked=lambda row: "chosen" if row[2] not in {None, row[1]} else "",
    )


def largest(snapshot: Snapshot, reserve: Reserve, *, link: Callable[[Any], str]) -> Table:
    """Return the accounts with most of the reserve."""
    return Table(
        slug="largest",
        caption=f"Largest holders of {reserve.symbol} as collateral",
        columns=(
            Column(label="Account", value=lambda row: row.account, kind="address", link=link),
            Column(label="Supplied", value=lambda row: _tokens(int(row.collateral), reserve), kind="tokens"),
            Column(label="Borrowed", value=lambda row: _tokens(int(row.debt), reserve), kind="tokens"),
        ),
        rows=list(Position.objects.filter(snapshot=snapshot, reserve=reserve).order_by("-collateral")[:200]),
        shown=5,
        empty="Nobody holds it.",
    )


def _tokens(amount: int, reserve: Reserve) -> Tokens:
    return Tokens(amount=amount, decimals=reserve.decimals, symbol=reserve.symbol)
