"""A steward's steps on the columns of a book: what follows an asset moves with it, unless it is said to part.

Where an asset parts, what wraps it goes with it: wrapped staked ether follows staked ether, not ether, when that falls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from forecasting.core.worlds.documents import wrong
from forecasting.core.worlds.likeness import USD, WRAPS, Column, peg_of
from forecasting.core.worlds.steward import Steward
from forecasting.core.worlds.stress import plain
from governance.errors import InputError


def placed(found: Steward, columns: Sequence[Column]) -> dict[str, list[tuple[int, float]]]:
    """Return the (hour, change) steps of each symbol of a book.

    Raises
    ------
    InputError
        For an asset that the book does not have, two changes of one in the same hour, or one that is pegged to another
        and yet moved apart.
    """
    steps: dict[str, list[tuple[int, float]]] = {column.symbol: [] for column in columns}
    free = _freed(found, columns)
    for place, (hour, asset, change) in enumerate(found.steps):
        moved = [column for column in columns if _moves(column, asset, free=free)]
        if not moved:
            raise wrong(f"steps[{place}].asset", asset, f"one of {_names(columns)}")
        for column in moved:
            if _tie(column, free=free) != plain(asset) and column.symbol.upper() not in free:
                raise InputError(
                    f"steps[{place}] moves {asset}, which follows {_tie(column, free=free)}, apart from it; say so with"
                    f' "unpegged": ["{column.symbol}"], or move {_tie(column, free=free)}.',
                    field=f"steps[{place}].asset",
                    value=asset,
                )
            if any(known == hour for known, _ in steps[column.symbol]):
                raise wrong(f"steps[{place}].hour", hour, f"another one: {column.symbol} changes in that hour already")
            steps[column.symbol].append((hour, change))
    return steps


def scales(found: Mapping[str, float], columns: Sequence[Column]) -> dict[str, float]:
    """Return by how much the depth of each symbol is multiplied.

    Raises
    ------
    InputError
        For an asset that the book does not have.
    """
    for name in found:
        if name != "*" and not any(plain(column.symbol) == plain(name) for column in columns):
            raise wrong("depth_scale", name, f"one of {', '.join(column.symbol for column in columns)}, or *")
    own = {plain(name): scale for name, scale in found.items()}
    return {column.symbol: own.get(plain(column.symbol), found.get("*", 1.0)) for column in columns}


def _freed(found: Steward, columns: Sequence[Column]) -> set[str]:
    """Return the assets that part from what they follow, in capitals."""
    moved = {asset.upper() for _, asset, _ in found.steps}
    for symbol in found.unpegged:
        mine = next((column for column in columns if _same(column.symbol, symbol)), None)
        if mine is None:
            raise wrong("unpegged", symbol, f"one of {_names(columns)}")
        if _tie(mine, free=()) == plain(symbol):
            raise wrong("unpegged", symbol, "an asset that follows another one, which this does not")
        if symbol.upper() not in moved:
            raise wrong("unpegged", symbol, "an asset that a step moves on its own; without one it keeps its peg")
    return {symbol.upper() for symbol in found.unpegged}


def _moves(column: Column, asset: str, *, free: Collection[str]) -> bool:
    """Return whether a change of ``asset`` moves a column: under its own name, or as what it follows."""
    if _same(column.symbol, asset):
        return True
    return _tie(column, free=free) == plain(asset) != USD and column.symbol.upper() not in free


def _tie(column: Column, *, free: Collection[str]) -> str:
    """Return what a column follows: what it wraps where that parts, what it is priced as or pegged to, or itself."""
    wrapped = WRAPS.get(column.symbol.upper(), "")
    if wrapped in free:
        return wrapped
    if column.why:
        return plain(column.of)
    return peg_of(column.symbol) or plain(column.symbol)


def _same(one: str, other: str) -> bool:
    return one.upper() == other.upper()


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(dict.fromkeys(name for column in columns for name in (column.symbol, column.of) if name != USD))
