"""Likely paths, the past again, and what a steward wrote."""

from __future__ import annotations

from collections.abc import Sequence

from forecasting.core.worlds import placing, steward
from forecasting.core.worlds.likeness import Column
from forecasting.core.worlds.replays import Window
from forecasting.models import Dataset
from forecasting.worlds import frozen, prices
from forecasting.worlds.drafts import Draft, likely
from forecasting.worlds.grounds import Asked, about, assets_of, by_name, choose, stand
from forecasting.worlds.prices import Usable
from forecasting.worlds.sentences import moment, moved
from governance.errors import GapInData, InputError


def filtered(asked: Asked, *, tail: bool) -> Draft:
    """Return likely paths: all alike, or with the wild ones drawn more often."""
    hours = asked.length(168)
    ground = stand(asked, hours=hours)
    said = ["Wild days are drawn more often, and their paths weigh less, so that averages stay the same."]
    return Draft(
        name="filtered-tail" if tail else "filtered",
        title="Likely paths, more of the tail" if tail else "Likely paths",
        what="Joint days of history at today's forecast volatility.",
        kind="filtered",
        hours=hours,
        columns=ground.columns,
        recipe=likely(ground, tilt=tail),
        assumptions=[*about(ground), *(said if tail else [])],
        ground=ground,
    )


def replay(asked: Asked, window: Window) -> Draft:
    """Return a named time as it was."""
    hours = asked.length(window.hours, most=window.hours)
    first, last = window.first, window.first + hours * 3600
    sources = prices.to_replay(asked.source, first=first, last=last)
    if not any(usable.assets for usable in sources):
        raise GapInData(
            f"No imported prices cover {window.title} ({moment(first)} to {moment(last)}); run manage.py import prices"
            " with a file that does.",
            scenario=window.name,
        )
    for symbol in (s for s in asked.assets if s.upper() in window.own and s not in asked.likenesses):
        sources = _with_own(symbol, window, sources)
    usable, columns, dataset, span = _whole(sources, asked, first=first, last=last)
    return Draft(
        name=window.name,
        title=window.title,
        what=window.what,
        kind="historical",
        hours=hours,
        step_hours=span / 3600,
        columns=columns,
        recipe={"base": "replay", "first": first, "last": last},
        assumptions=[
            f"Prices move as they did from {moment(first)} to {moment(last)} ({usable.name}), from the book's own.",
            f"What happened within {span // 60} minutes, between two prices, is not seen.",
        ],
        dataset=dataset,
        window=(first, last),
    )


def _whole(
    sources: Sequence[Usable], asked: Asked, *, first: int, last: int
) -> tuple[Usable, tuple[Column, ...], Dataset, int]:
    """Return the best source without a gap in a time, its columns, its frozen prices and the seconds of a step.

    Raises
    ------
    GapInData
        When all have one.
    """
    usable, columns = choose(sources, asked)
    try:
        dataset = frozen.freeze(usable, assets_of(columns), first=first - frozen.LEAD, last=last)
        _, _, span = frozen.replayed(dataset.hash, first, last)
    except GapInData as gap:
        try:
            return _whole([one for one in sources if one is not usable], asked, first=first, last=last)
        except InputError:  # no other source has what the book holds
            raise gap from None
    return usable, columns, dataset, span


def of_steward(asked: Asked, text: str, *, name: str) -> Draft:
    """Return a steward's scenario."""
    read = steward.read(text, hours=asked.hours)
    ground = stand(asked, hours=read.hours) if read.base == "filtered" else None
    columns = by_name(asked) if ground is None else ground.columns
    recipe = {"base": "none"} if ground is None else likely(ground, scale=read.volatility_scale)
    steps = {symbol: [list(step) for step in rows] for symbol, rows in placing.placed(read, columns).items() if rows}
    told = ["Nothing moves but what the steps move."] if ground is None else list(about(ground))
    if read.volatility_scale != 1.0:
        told.append(f"All returns of the likely paths are multiplied by {read.volatility_scale:g}.")
    return Draft(
        name=name,
        title=read.title,
        what=read.what,
        kind="parametric" if ground is None else "filtered",
        hours=read.hours,
        columns=columns,
        recipe={**recipe, "steps": steps},
        assumptions=[*told, *moved(steps)],
        ground=ground,
        depth_scale=placing.scales(read.depth_scale, columns),
    )


def _with_own(symbol: str, window: Window, sources: Sequence[Usable]) -> list[Usable]:
    """Return the sources that have an asset's own prices."""
    found = [usable for usable in sources if any(symbol.upper() == asset.upper() for asset in usable.assets)]
    if not found:
        raise InputError(
            f"{window.title} was about {symbol}, and no imported prices of {symbol} cover it; import them, or say what"
            f" stands for them: --like {symbol}=USD leaves its peg whole.",
            field="like",
            value=symbol,
        )
    return found
