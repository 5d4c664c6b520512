"""What a simulation comes to, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from governance.exhibits import Badge, Tone
from governance.formatting import number, percent, usd

type Said = Mapping[str, Any]

KINDS: Mapping[str, str] = {
    "filtered": "Simulated futures",
    "historical": "Replay of a crash",
    "parametric": "Named stress",
    "steward": "A steward's own",
}


def single(result: Said) -> bool:
    """Return whether there was one path only, of which there are no chances."""
    return int(result["paths"]) == 1


def cascaded(result: Said) -> bool:
    """Return whether a single path is a cascade by the run's own limits."""
    return float(result["cascade"]["value"]) > 0


def state(result: Said) -> Badge:
    """Return the verdict in two words."""
    if single(result):
        if cascaded(result):
            return Badge(text="A cascade", tone="bad")
        return Badge(text="No cascade by the limits", tone="good")
    share = float(result["cascade"]["value"])
    tone: Tone = "good" if share < 0.01 else "warn" if share < 0.1 else "bad"
    return Badge(text=f"Cascades in {percent(share)} of futures", tone=tone)


def verdict(result: Said) -> str:
    """Return what the result comes to, in plain words."""
    return _of_one(result) if single(result) else _of_many(result)


def _of_one(result: Said) -> str:
    loss, debt = result["liquidated"]["mean"]["value"], result["bad_debt"]["mean"]["value"]
    without = result.get("without_impact", {}).get("liquidated", {}).get("mean", {}).get("value")
    if not loss:
        end = f", yet {usd(debt)} of bad debt is left" if debt else " and no bad debt is left"
        return f"Nothing is liquidated{end}."
    rounds = len((result.get("narrative") or {}).get("rounds", []))
    times = f" in {rounds} rounds" if rounds > 1 else " in one round" if rounds else ""
    spiral = ""
    if without:
        spiral = f" Without the price moves of the liquidations themselves {usd(without)} would be liquidated."
    ending = f"{usd(debt)} of bad debt is left" if debt > 1 else "no bad debt is left"
    return f"Liquidators repay {usd(loss)} of debt{times}, and {ending}.{spiral}"


def _of_many(result: Said) -> str:
    positive, tail = result["bad_debt"]["positive"], result["bad_debt"]["es99"]
    span = _hours(result["hours"])
    first = (
        f"Within {span}, {percent(positive['value'])} of {int(result['paths']):,} simulated futures end with bad debt "
        f"({percent(positive['low'])} to {percent(positive['high'])})."
    )
    if not positive["value"]:
        return f"{first} Liquidators keep up in all of them."
    worst = f"The worst 1 % of futures average {usd(tail['value'])} of it ({usd(tail['low'])} to {usd(tail['high'])})."
    spiral = f"Selling by liquidations makes them {number(result['amplification'])} times as large as they would be."
    return " ".join([first, worst, spiral, *_reserve(result)])


def _reserve(result: Said) -> Iterator[str]:
    ruin, reserve = result.get("ruin"), result.get("reserve_usd")
    if ruin and reserve:
        yield f"A reserve of {usd(reserve)} is not enough in {percent(ruin['value'])} of futures."


def _hours(hours: float) -> str:
    return f"{hours / 24:g} days" if hours >= 48 and hours % 24 == 0 else f"{hours:g} hours"
