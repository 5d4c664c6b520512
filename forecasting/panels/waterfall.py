"""The exhibits of how a cascade went: round after round, who was liquidated, and why the next round came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from forecasting.core.narrative import Narrative
from governance.exhibits import Chart, Column, Getter, Ink, Series, Table

type Said = Mapping[str, Any]

CAUSES: Mapping[str, tuple[str, Ink]] = {
    "price": ("Market prices", "muted"),
    "sales": ("Earlier sales", "bad"),
    "lag": ("Oracle's delay", "second"),
}
TOTAL = "In all"
SHOWN = 12


def overview(narrative: Said) -> dict[str, object]:
    """Return the context of one path's rounds; without any, exhibits that say so."""
    rounds = narrative.get("rounds", [])
    return {
        "path_why": narrative.get("why", ""),
        "waterfall": waterfall(rounds),
        "rounds": table(rounds),
        "story": story(rounds),
        "pushed": pushed(rounds),
        "events": events(narrative.get("events", []), total=int(narrative.get("events_total") or 0)),
    }


def told(story: Narrative) -> list[dict[str, Any]]:
    """Return the rounds of a story as they stand in the result of a simulation."""
    return [asdict(one) for one in story.rounds]


def waterfall(rounds: Sequence[Said]) -> Chart:
    """Return what each round liquidated on top of those before it, by why the accounts were below 1."""
    starts, done = [], 0.0
    for one in rounds:
        starts.append(done)
        done += one["repaid"]
    bars = [[_label(one), start] for one, start in zip(rounds, starts, strict=True)]
    return Chart(
        title="Round by round",
        summary="Debt repaid in each round, on top of those before it, by why the accounts could be liquidated. "
        "The part that sales of earlier liquidations caused is the spiral.",
        table=Table(
            slug="waterfall",
            caption="Debt repaid by round and cause",
            columns=(
                Column(label="Hour", value=_label),
                Column(label="Before", value=lambda row: starts[rounds.index(row)], kind="usd"),
                Column(label="Repaid", value=_of("repaid"), kind="usd"),
                *(Column(label=name, value=_part(key), kind="usd") for key, (name, _) in CAUSES.items()),
            ),
            rows=rounds,
            shown=SHOWN,
            empty="Nothing is liquidated on this path.",
        ),
        x=("Hour", "category"),
        y=("Debt repaid so far, USD", "usd"),
        series=(
            Series(name="Before", mark="base", data=[*bars, [TOTAL, 0.0]]),
            *(
                Series(
                    name=name,
                    mark="bar",
                    tone=tone,
                    data=[
                        *([_label(one), _part(key)(one)] for one in rounds),
                        [TOTAL, sum(_share(one, key) for one in rounds)],
                    ],
                )
                for key, (name, tone) in CAUSES.items()
            ),
        ),
        stacked=True,
        tall=True,
    )


def table(rounds: Sequence[Said]) -> Table:
    """Return the rounds as a narrative."""
    return Table(
        slug="rounds",
        caption="The rounds of liquidations",
        columns=(
            Column(label="Hour", value=_label),
            Column(label="Round", value=_of("round"), kind="integer", help="Successive steps with liquidations"),
            Column(label="Liquidations", value=_of("liquidations"), kind="integer"),
            Column(label="Accounts", value=_of("accounts"), kind="integer"),
            Column(label="Repaid", value=_of("repaid"), kind="usd"),
            Column(label="Seized", value=_of("seized"), kind="usd"),
            Column(label="Because of sales", value=lambda row: row["causes"].get("sales"), kind="percent"),
            Column(label="Largest", value=_largest("account"), kind="address"),
            Column(label="It repaid", value=_largest("repaid"), kind="usd"),
            Column(label="Bad debt left", value=_of("bad_debt"), kind="usd"),
        ),
        rows=rounds,
        shown=SHOWN,
        empty="Nothing is liquidated on this path.",
    )


def story(rounds: Sequence[Said]) -> Table:
    """Return why each round came, and what was left after it, in sentences."""
    return Table(
        slug="story",
        caption="Why each round came",
        columns=(
            Column(label="Hour", value=_label),
            Column(label="Why it came", value=_of("why")),
            Column(label="Then", value=_of("then")),
        ),
        rows=rounds,
        shown=SHOWN,
        empty="Nothing is liquidated on this path.",
    )


def pushed(rounds: Sequence[Said]) -> Chart:
    """Return how far liquidations pushed the price of each collateral in each round."""
    rows = list(_pushes(rounds))
    symbols = list(dict.fromkeys(symbol for _, symbol, *_ in rows))
    tones: tuple[Ink, ...] = ("accent", "second", "third", "fourth", "fifth")
    return Chart(
        title="What selling did to prices",
        summary="Market price of the collateral after each round over that before it: how far the liquidators' own "
        "sales pushed it.",
        table=Table(
            slug="pushed",
            caption="Market price of the collateral before and after each round",
            columns=(
                Column(label="Hour", value=lambda row: _label(row[0])),
                Column(label="Asset", value=lambda row: row[1]),
                Column(label="Before", value=lambda row: row[2], kind="usd"),
                Column(label="After", value=lambda row: row[3], kind="usd"),
                Column(label="Push", value=lambda row: row[3] / row[2] - 1, kind="change"),
            ),
            rows=rows,
            shown=SHOWN,
            empty="No collateral was sold on this path.",
        ),
        x=("Hour", "category"),
        y=("Push by sales", "percent"),
        series=tuple(
            Series(
                name=symbol,
                mark="bar",
                tone=tones[index % len(tones)],
                data=[[_label(one), _push(one, symbol)] for one in rounds],
            )
            for index, symbol in enumerate(symbols)
        ),
    )


def events(rows: Sequence[Said], *, total: int) -> Table:
    """Return single liquidations in their order."""
    more = total - len(rows)
    return Table(
        slug="events",
        caption="Liquidations one by one",
        columns=(
            Column(label="Account", value=_of("account"), kind="address"),
            Column(label="Hour", value=_label),
            Column(label="Collateral", value=_of("collateral")),
            Column(label="Debt", value=_of("debt")),
            Column(label="Repaid", value=_of("repaid"), kind="usd"),
            Column(label="Seized", value=_of("seized"), kind="usd"),
            Column(label="Price before", value=_of("price_before"), kind="usd"),
            Column(label="Price after", value=_of("price_after"), kind="usd"),
            Column(label="Profit", value=_of("profit"), kind="usd", help="Of the liquidator"),
            Column(label="Health before", value=_of("health_before"), kind="number"),
            Column(label="Health after", value=_of("health_after"), kind="number", help="— nothing is owed any more"),
            Column(label="Because of", value=lambda row: CAUSES.get(row["cause"], (row["cause"],))[0]),
        ),
        rows=rows,
        shown=10,
        empty="Nothing is liquidated on this path.",
        unit_note=f"{more:,} later ones were not kept." if more > 0 else "",
    )


def _pushes(rounds: Sequence[Said]) -> Iterator[tuple[Said, str, float, float]]:
    for one in rounds:
        for symbol, (before, after) in one.get("prices", {}).items():
            if before and after != before:
                yield one, symbol, before, after


def _push(one: Said, symbol: str) -> float:
    before, after = one.get("prices", {}).get(symbol, (1.0, 1.0))
    return float(after / before - 1) if before else 0.0


def _label(one: Said) -> str:
    return f"{one['hour']:g} h"


def _share(one: Said, cause: str) -> float:
    return float(one["repaid"]) * float(one["causes"].get(cause) or 0.0)


def _part(cause: str) -> Getter:
    return lambda row: _share(row, cause)


def _of(name: str) -> Getter:
    return lambda row: row.get(name)


def _largest(name: str) -> Getter:
    return lambda row: (row.get("largest") or {}).get(name)
