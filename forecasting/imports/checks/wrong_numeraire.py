"""Prices in another unit than they claim: ether that looks like dollars, or the other way round.

Told, in this order, by tokens that are pegged to the dollar, by the lowest and highest price in USD that a token ever
had, by a jump within the series that is as large as ether or bitcoin is dear, by the same asset in other imported
datasets, and by ether: what falls whenever ether rises is counted in ether.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from forecasting.core.book import Floats
from forecasting.core.realised import Stamps
from forecasting.imports.prices import dollars
from forecasting.imports.reference import CEILING, COLLAPSED, FLOOR, HIGHEST, STABLE, STAKED_ETHER, token
from forecasting.imports.rows import Finding, Indices, Known, Rows, refusal
from forecasting.imports.times import MICRO
from governance.errors import WrongNumeraire

PEG = (0.2, 5.0)  # USD: no living pegged token had a usual price outside of it for a day
DAY = 86_400 * MICRO
HOUR = 3_600 * MICRO
JUMP = 20.0  # in an hour, growing with the root of time; the largest that a market is known to have made is 8
APART = 1.3  # times another dataset's price, over the whole overlap
FEW = 5
AGAINST = -0.5  # slope of a series' returns on ether's: a price in dollars hardly falls when ether rises
SURE = -0.3  # and their correlation
MOVES = 48  # returns from which on that can be told
SMALLEST = 1e-6  # tokens, below which a division says nothing
FACTOR = "the unit is another there (cents, thousands, ether or bitcoin)"


def check(rows: Rows) -> Iterator[Finding]:
    """Find series in the wrong unit."""
    for name in ("collateral", "debt"):
        if f"{name}_usd" in rows.numbers and f"{name}_amount" in rows.numbers:
            yield from _implied(rows, name)
    if "close" not in rows.numbers or "asset" not in rows.words:
        return
    quotes = rows.words["quote"]
    for asset, part in rows.series():
        series = _Series(rows, asset, part, dollars=dollars(quotes[int(part[0])]))
        found = series.level() or series.jump() or series.elsewhere() or series.against()
        if found is not None:
            yield found


def _implied(rows: Rows, name: str) -> Iterator[Finding]:
    """Find amounts in USD that make no sense of the tokens beside them."""
    amounts, usd = rows.values(f"{name}_amount"), rows.values(f"{name}_usd")
    for asset, part in rows.groups(name):
        since, floor = FLOOR.get(asset.upper(), (0, 0.0))
        low, high = PEG if asset.upper() in STABLE else (floor / 2, np.inf)
        usable = part[(amounts[part] > SMALLEST) & (usd[part] > 0) & (rows.micros[part] >= since * MICRO)]
        price = usd[usable] / amounts[usable]
        wrong = ((price < low) & (rows.micros[usable] < COLLAPSED.get(asset.upper(), 1 << 40) * MICRO)) | (price > high)
        if wrong.any():
            index = int(usable[int(wrong.argmax())])
            yield refusal(
                WrongNumeraire,
                f"{name}_usd over {name}_amount makes {float(price[int(wrong.argmax())]):.4g} USD a {asset}, which was"
                f" never below {low:g}{f' or above {high:g}' if high < np.inf else ''}: state the value in USD",
                count=int(wrong.sum()),
                row=index + 1,
                column=f"{name}_usd",
                value=rows.value(f"{name}_usd", index),
            )


class _Series:
    def __init__(self, rows: Rows, asset: str, part: Indices, *, dollars: bool) -> None:
        self.rows = rows
        self.asset = asset
        self.symbol = token(asset)
        self.quote = rows.words["quote"][int(part[0])]
        self.dollars = dollars
        self.part = part
        self.micros: Stamps = rows.micros[part]
        self.prices: Floats = rows.values("close")[part]

    def level(self) -> Finding | None:
        """Compare each day's usual price with what it can be."""
        if self.dollars and (found := self._ceiling()) is not None:
            return found
        lows, high, source = self._bounds()
        wrong = np.zeros(self.prices.size, dtype=np.bool_)
        for day in np.split(np.arange(self.prices.size), np.flatnonzero(np.diff(self.micros // DAY)) + 1):
            wrong[day] = not lows[day[0]] <= float(np.median(self.prices[day])) <= high
        return self._found(wrong, source) if wrong.any() else None

    def jump(self) -> Finding | None:
        """Find a step as large as from dollars to ether, within a day and with no way back soon after."""
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.abs(np.diff(np.log(self.prices)))
        apart = np.diff(self.micros)
        most = np.log(JUMP * np.sqrt(np.maximum(apart / HOUR, 1.0)))
        alive = self.micros[1:] < COLLAPSED.get(self.symbol, 1 << 40) * MICRO
        large = np.flatnonzero((steps > most) & (apart <= DAY) & alive)
        if not large.size:
            return None
        wrong = np.zeros(self.prices.size, dtype=np.bool_)
        wrong[int(large[0]) + 1] = True
        ratio = float(self.prices[large[0] + 1] / self.prices[large[0]])
        return self._found(wrong, f"the price before; {max(ratio, 1 / ratio):.0f} times in one step: {FACTOR}")

    def elsewhere(self) -> Finding | None:
        """Compare with the same asset in datasets that are there already."""
        if not self.dollars or self.symbol in COLLAPSED:
            return None
        known = self.rows.known(self.asset, int(self.micros[0]), int(self.micros[-1]), self.rows.intent.source)
        ratios = _ratios(self.micros, self.prices, known) if known else np.empty(0)
        if known is None or ratios.size < FEW:
            return None
        usual = float(np.median(ratios))
        if 1 / APART <= usual <= APART:
            return None
        wrong = np.ones(self.prices.size, dtype=np.bool_)
        return self._found(wrong, f"{known.name}, usually {usual:.4g} times as much: {FACTOR}")

    def against(self) -> Finding | None:
        """Find a series that falls whenever ether rises: it is counted in ether."""
        if not self.dollars or self.symbol in STABLE or (self.prices <= 0).any():
            return None
        ether = self.rows.known("ETH", int(self.micros[0]) - HOUR, int(self.micros[-1]), "")
        if ether is None or (ether.prices <= 0).any():
            return None
        at, near = _before(self.micros, ether)
        ours, theirs = np.diff(np.log(self.prices[near])), np.diff(np.log(ether.prices[at[near]]))
        if ours.size < MOVES or not ours.std() or not theirs.std():
            return None
        together = float(np.corrcoef(ours, theirs)[0, 1])
        slope = together * float(ours.std() / theirs.std())
        if together > SURE or slope > AGAINST:
            return None
        wrong = np.ones(self.prices.size, dtype=np.bool_)
        return self._found(
            wrong, f"{ether.name}: it falls {-slope:.1f} times as much as ether rises, and so is in ether"
        )

    def _ceiling(self) -> Finding | None:
        most = CEILING.get(self.symbol, HIGHEST)
        wrong = self.prices > most
        if self.symbol in STABLE or not wrong.any():
            return None
        raw = "; a feed's raw integers are taken with --raw-decimals 8"
        return self._found(wrong, f"{most:g} USD, over which {self.asset} never was{raw}")

    def _bounds(self) -> tuple[Floats, float, str]:
        """Return the lowest possible price at each time, the highest of all, and how that is known."""
        ether = self.quote.upper() in {"ETH", "WETH"}
        if self.symbol in STABLE and self.dollars:
            alive = self.micros < COLLAPSED.get(self.symbol, 1 << 40) * MICRO
            return np.where(alive, PEG[0], 0.0), PEG[1], "a token that is pegged to the dollar"
        if self.symbol in STABLE and (ether or self.quote.upper() == "BTC"):
            return np.zeros(self.prices.size), PEG[0], f"a dollar in {self.quote}"
        if self.symbol in STAKED_ETHER and ether:
            return np.full(self.prices.size, PEG[0]), PEG[1], "a token that stands for ether, in ether"
        since, floor = FLOOR.get(self.symbol, (0, 0.0)) if self.dollars else (0, 0.0)
        lows = np.where(self.micros >= since * MICRO, floor, 0.0)
        return lows, np.inf, f"{floor:g} USD, under which {self.asset} never was"

    def _found(self, wrong: np.ndarray, source: str) -> Finding:
        index = int(self.part[int(wrong.argmax())])
        return refusal(
            WrongNumeraire,
            f"this is no price of {self.asset} in {self.quote}, compared with {source}; state its unit with --quote ETH"
            " or another",
            count=int(wrong.sum()),
            row=index + 1,
            column="close",
            value=self.rows.value("close", index),
        )


def _ratios(micros: Stamps, prices: Floats, known: Known) -> Floats:
    """Return each price over the known one at most an hour before it."""
    at, near = _before(micros, known)
    return prices[near] / known.prices[at[near]]


def _before(micros: Stamps, known: Known) -> tuple[Indices, npt.NDArray[np.bool_]]:
    """Return the place of the last known price at each time, and whether it is at most an hour old."""
    at = np.searchsorted(known.micros, micros, side="right") - 1
    return at, (at >= 0) & (micros - known.micros[np.maximum(at, 0)] <= HOUR)
