"""Real candles in place of drawn prices: checked first, because a world on wrong prices teaches wrong lessons.

A candle is a time, a symbol and a closing price. Each hour of the world takes the last candle at or before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from governance.errors import GapInData, ImplausibleData, InputError
from governance.lab.prices import SCALE, PricePath
from governance.lab.spec import ASSETS, HOUR, WorldSpec

ALIASES = {"ETH": "WETH", "BTC": "WBTC", "SOL": "TIDE"}  # what a file may call our assets besides their own symbols
NAMES = frozenset(ALIASES) | {asset.symbol for asset in ASSETS}
LARGEST_STEP = 5.0  # factor between two candles beyond which a price is taken for an error
LONGEST_GAP = HOUR
SHORTEST_DAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """One price: ``row`` is where it stands in its file, ``timestamp`` unix seconds, ``price`` US dollars."""

    row: int
    timestamp: int
    symbol: str
    price: float


def replayed(spec: WorldSpec, candles: Iterable[Candle]) -> WorldSpec:
    """Return ``spec`` on the last ``spec.days`` days of ``candles``; assets that they lack keep drawn prices.

    An asset that they hold under two names (BTC and WBTC) takes the name with more candles.

    Raises
    ------
    ImplausibleData
        When a price is not positive, jumps by more than a factor of 5, or times are not in order; names the row.
    GapInData
        When more than an hour is missing between two candles in these days, or all of them cover less than two days.
    InputError
        When no asset of the world is among the symbols.
    """
    series = _checked(candles, known={asset.symbol for asset in spec.assets})
    first = max(one[0].timestamp for one in series.values())
    last = min(one[-1].timestamp for one in series.values())
    start = -(-first // HOUR) * HOUR
    days = min((last - start) // (24 * HOUR), spec.days)
    start = last // HOUR * HOUR - max(days, SHORTEST_DAYS) * 24 * HOUR
    for one in series.values():
        _check_gaps(one, start)
    if days < SHORTEST_DAYS:
        raise GapInData(f"The prices have less than {SHORTEST_DAYS} days in common to all assets.", days=max(days, 0))
    hourly = {symbol: _hourly(one, start, days * 24) for symbol, one in series.items()}
    drawn = PricePath(replace(spec, start=start, replay=()))
    rows = tuple(
        tuple(
            hourly[asset.symbol][hour] if asset.symbol in hourly else price
            for asset, price in zip(spec.assets, drawn.at(hour), strict=True)
        )
        for hour in range(days * 24 + 1)
    )
    return replace(spec, name=f"{spec.name} on given prices", start=start, days=days, replay=rows)


def _checked(candles: Iterable[Candle], *, known: set[str]) -> dict[str, list[Candle]]:
    """Return the candles by asset of the world."""
    named: dict[str, list[Candle]] = {}
    for candle in candles:
        before = named.setdefault(candle.symbol.upper(), [])
        _check(candle, before[-1] if before else None)
        before.append(candle)
    series: dict[str, list[Candle]] = {}
    for name, found in named.items():
        symbol = ALIASES.get(name, name)
        if symbol in known and len(found) > len(series.get(symbol, ())):
            series[symbol] = found
    if not series:
        raise InputError(
            f"The price file has none of the world's assets; it may call them {', '.join(sorted({*known, *ALIASES}))}.",
            field="prices",
        )
    return series


def _check(candle: Candle, before: Candle | None) -> None:
    where = f"Row {candle.row} of the prices ({candle.symbol})"
    if not math.isfinite(candle.price) or candle.price <= 0:
        raise ImplausibleData(f"{where} has the price {candle.price}; a price is positive.", row=candle.row)
    if before is None:
        return
    if candle.timestamp <= before.timestamp:
        raise ImplausibleData(f"{where} is not later than row {before.row}; sort the file by time.", row=candle.row)
    if (
        candle.timestamp - before.timestamp <= LONGEST_GAP
        and not 1 / LARGEST_STEP < candle.price / before.price < LARGEST_STEP
    ):
        raise ImplausibleData(f"{where} jumps from {before.price} to {candle.price}; correct it.", row=candle.row)


def _check_gaps(candles: list[Candle], start: int) -> None:
    for before, candle in pairwise(candles):
        if candle.timestamp > start and candle.timestamp - before.timestamp > LONGEST_GAP:
            hours = (candle.timestamp - before.timestamp) / HOUR
            raise GapInData(
                f"Row {candle.row} of the prices ({candle.symbol}) comes {hours:.1f} hours after row {before.row};"
                " fill the gap.",
                row=candle.row,
            )


def _hourly(candles: list[Candle], start: int, hours: int) -> list[int]:
    """Return the price at each full hour from ``start`` on, in US dollars with 8 decimals."""
    prices, position = [], 0
    for hour in range(hours + 1):
        while position + 1 < len(candles) and candles[position + 1].timestamp <= start + hour * HOUR:
            position += 1
        prices.append(round(candles[position].price * SCALE))
    return prices
