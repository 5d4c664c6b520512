"""The few figures that decide about a simulation, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forecasting.panels.verdicts import single
from governance.exhibits import Column, Kind
from governance.formatting import number, percent, usd

type Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure that matters: what it is, its value with its interval, and what it means."""

    label: str
    kind: Kind
    value: object
    note: str
    tone: str = ""

    @property
    def column(self) -> Column:
        """How its value is written."""
        return Column(label=self.label, value=lambda figure: figure.value, kind=self.kind)


def figures(result: Said) -> Iterator[Figure]:
    """Yield the figures that decide, each with its interval."""
    yield from _one_path(result) if single(result) else _many_paths(result)
    limits = result.get("limits") or {}
    yield Figure(
        label="Amplification",
        kind="number",
        value=result.get("amplification"),
        note=f"liquidated with price impact over without; a cascade from {limits.get('amplification', '?')} on",
    )
    yield Figure(
        label="Toxic share",
        kind="percent",
        value=result.get("toxic_share"),
        note="of all debt: a liquidation would leave these accounts worse",
    )


def _one_path(result: Said) -> Iterator[Figure]:
    yield Figure(label="Liquidated", kind="usd", value=result["liquidated"]["mean"]["value"], note=_owed(result))
    debt = result["bad_debt"]["mean"]["value"]
    yield Figure(label="Bad debt", kind="usd", value=debt, note="at the end", tone="bad" if debt > 1 else "")
    yield Figure(
        label="Waiting at the end",
        kind="usd",
        value=result["backlog"]["value"],
        note="debt that can be liquidated, and nobody does",
    )
    yield Figure(
        label="Time to clear",
        kind="number",
        value=result["clearing_hours"]["mean"]["value"],
        note="hours for which debt waited",
    )


def _many_paths(result: Said) -> Iterator[Figure]:
    bad, sold = result["bad_debt"], result["liquidated"]
    yield Figure(
        label="VaR 95 %", kind="usd", value=bad["var95"]["value"], note=f"of bad debt; {between(bad['var95'], 'usd')}"
    )
    yield Figure(
        label="LaR 95 %",
        kind="usd",
        value=sold["var95"]["value"],
        note=f"liquidated; {between(sold['var95'], 'usd')}",
    )
    yield Figure(
        label="ES 99 %",
        kind="usd",
        value=bad["es99"]["value"],
        note=f"mean of the worst 1 %; {between(bad['es99'], 'usd')}",
    )
    yield Figure(
        label="Chance of a cascade",
        kind="percent",
        value=result["cascade"]["value"],
        note=between(result["cascade"], "percent"),
    )
    yield _ruin(result)
    yield Figure(
        label="Time to clear",
        kind="number",
        value=result["clearing_hours"]["var95"]["value"],
        note=f"hours, in 95 % of futures; {between(result['clearing_hours']['var95'], 'number')}",
    )


def _ruin(result: Said) -> Figure:
    ruin, positive = result.get("ruin"), result["bad_debt"]["positive"]
    if not ruin:
        words = between(positive, "percent")
        return Figure(label="Chance of bad debt", kind="percent", value=positive["value"], note=words)
    words = f"{between(ruin, 'percent')}; the reserve is {usd(result.get('reserve_usd') or 0)}"
    return Figure(label="Reserve not enough", kind="percent", value=ruin["value"], note=words)


def between(estimate: Said, kind: str) -> str:
    """Return an interval in words."""
    writers: Mapping[str, Callable[[float], str]] = {"usd": usd, "percent": percent, "number": number}
    write = writers[kind]
    return f"{write(estimate['low'])} to {write(estimate['high'])}"


def _owed(result: Said) -> str:
    owed = result["book"]["debt_usd"]
    share = percent(result["liquidated"]["mean"]["value"] / owed) if owed else "none"
    return f"{share} of the debt"
