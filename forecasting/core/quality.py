"""What is wrong or odd about prices before anything is measured from them: each with a code of its own.

A finding with an ``error`` must be refused unless a person allows its code; the others are told. Thresholds stand far
from what real series do. Measured on 30 of them (5 majors by the half hour, 25 tokens, pegged ones too, by the hour):
the widest move of one bar that was no splice was a factor of 11 (a token that collapsed), at most 4 % of an unpegged
token's prices had two digits, at most 45 % of a pegged one's moves were none, and hardly a stretch of twelve moves came
twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.core.bars import Bars
from forecasting.core.book import Floats
from forecasting.core.days import DayTable
from forecasting.core.realised import HOUR, MAX_SILENCE_HOURS
from governance.errors import DataError, NotPositive, StoppedTrading, SyntheticSeries, TooShort, WrongNumeraire

FEWEST = 48  # prices from which on a series can be judged
PEG = (0.9, 1.1)  # USD: a price that may well stand still, or have few digits
STILL = 0.99  # of all moves are none: no market
CALM = 0.5  # likewise, to be told
LEAP = float(np.log(20))  # of one bar: no market does that in one step; another unit, or another asset
ROUND, COARSE = 2, 3  # significant digits that nearly all prices have: refused, told
ALL = 0.9
WINDOW = 12  # moves that a market does not repeat
COPIED = (0.5, 0.05)  # of all such stretches come again: refused, told


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Something wrong or odd about an asset's prices.

    Attributes
    ----------
    code : str
        Stable name; that of ``error`` where it is refused.
    asset : str
    sentence : str
        What is wrong and what would be right.
    count : int
        How many prices it is about.
    error : type or None
        What to raise; None: it is only told.
    """

    code: str
    asset: str
    sentence: str
    count: int
    error: type[DataError] | None = None

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON-ready data."""
        return {"code": self.code, "asset": self.asset, "sentence": self.sentence, "count": self.count}


def examine(series: Sequence[Bars], *, assets: Sequence[str]) -> Iterator[Doubt]:
    """Yield all that is wrong or odd about several assets' bars."""
    newest = max((int(bars.ends[-1]) for bars in series if bars.ends.size), default=0)
    for asset, bars in zip(assets, series, strict=True):
        negative = list(_not_positive(bars, asset))
        yield from negative
        if negative or bars.close.size < FEWEST:
            continue
        moves = np.diff(np.log(bars.close))
        yield from _leaps(bars, asset, moves)
        yield from _still(bars, asset, moves)
        yield from _rounded(bars, asset)
        yield from _copied(asset, moves)
        yield from _stopped(bars, asset, newest)


def refuse(doubts: Sequence[Doubt], *, allow: Sequence[str] = ()) -> None:
    """Raise the first finding that must be refused and whose code is not allowed.

    Raises
    ------
    ImplausibleData
        Of the branch that the finding names.
    """
    for doubt in doubts:
        if doubt.error is not None and doubt.code not in allow:
            raise doubt.error(doubt.sentence, asset=doubt.asset, count=doubt.count)


def require(table: DayTable, *, days: int, until: int) -> None:
    """Check that every asset of a table is long enough to learn from, and still traded.

    Parameters
    ----------
    table : DayTable
    days : int
        Measured ones that are needed.
    until : int
        Unix seconds up to which each asset must have prices, but for `MAX_SILENCE_HOURS`.

    Raises
    ------
    TooShort, StoppedTrading
        Naming the asset.
    """
    measured = np.isfinite(table.variance)
    for asset, known in zip(table.assets, measured.T, strict=True):
        count = int(known.sum())
        if count < days:
            raise TooShort(
                f"{asset} has {count} measured days, and {days} are needed; import more of its history, or leave it"
                " out.",
                asset=asset,
                days=count,
            )
        last = int(table.ends[np.flatnonzero(known)[-1]])
        if until - last > MAX_SILENCE_HOURS * HOUR:
            raise StoppedTrading(
                f"The last measured day of {asset} ended at {last}, {(until - last) / HOUR:.0f} hours before {until};"
                f" at most {MAX_SILENCE_HOURS} are allowed. Leave it out, or import what is missing.",
                asset=asset,
                last=last,
            )


def few_digits(prices: Floats) -> tuple[int, int]:
    """Return `ROUND` or `COARSE` where nearly all prices have no more digits than that, and how many; 0 if they have.

    A pegged price has few digits by nature.
    """
    if not PEG[0] <= float(np.median(prices)) <= PEG[1]:
        for digits in (ROUND, COARSE):
            scale = 10.0 ** (digits - 1 - np.floor(np.log10(prices)))
            whole = np.isclose(np.rint(prices * scale) / scale, prices, rtol=1e-12, atol=0.0)
            if whole.mean() >= ALL:
                return digits, int(whole.sum())
    return 0, 0


def _not_positive(bars: Bars, asset: str) -> Iterator[Doubt]:
    wrong = np.zeros(bars.close.size, dtype=bool)
    for values in (bars.open, bars.high, bars.low, bars.close):
        wrong |= values <= 0
    wrong |= ~np.isfinite(bars.close)
    if wrong.any():
        at = int(wrong.argmax())
        yield _refused(
            NotPositive,
            asset,
            int(wrong.sum()),
            f"{asset} has a price of zero or less, or none, at {int(bars.ends[at])} (close {bars.close[at]:g}); a price"
            " must be positive.",
        )


def _leaps(bars: Bars, asset: str, moves: Floats) -> Iterator[Doubt]:
    wide = np.flatnonzero(np.abs(moves) > LEAP)
    if wide.size:
        at = int(wide[0])
        yield _refused(
            WrongNumeraire,
            asset,
            wide.size,
            f"{asset} goes from {bars.close[at]:.6g} to {bars.close[at + 1]:.6g} in one step, at"
            f" {int(bars.ends[at + 1])}: another unit, or another asset under its name; import one unit a series.",
        )


def _still(bars: Bars, asset: str, moves: Floats) -> Iterator[Doubt]:
    share = float((moves == 0).mean())
    pegged = PEG[0] <= float(np.median(bars.close)) <= PEG[1]
    said = f"{share:.0%} of the steps of {asset} are no move at all"
    count = int((moves == 0).sum())
    if share >= STILL and not pegged:
        yield _refused(SyntheticSeries, asset, count, f"{said}: this is no market's price; import observed prices.")
    elif share >= CALM:
        yield Doubt(code="constant", asset=asset, sentence=f"{said}; its variance is that of the others.", count=count)


def _rounded(bars: Bars, asset: str) -> Iterator[Doubt]:
    digits, count = few_digits(bars.close)
    said = f"{count} of {bars.close.size} prices of {asset} have {digits} digits or fewer"
    if digits == ROUND:
        sentence = f"{said}: rounded, or made up; import prices as they were quoted."
        yield _refused(SyntheticSeries, asset, count, sentence)
    elif digits:
        yield Doubt(code="rounded", asset=asset, sentence=f"{said}; small moves are lost.", count=count)


def _copied(asset: str, moves: Floats) -> Iterator[Doubt]:
    """Find stretches whose moves come again: each window's fingerprint is its product with fixed weights."""
    if moves.size < 4 * WINDOW:
        return
    moving = np.convolve(moves != 0, np.ones(WINDOW), "valid") >= WINDOW - 2
    prints = np.convolve(np.round(moves, 9), np.sqrt(np.arange(2, WINDOW + 2)), "valid")[moving].round(12)
    again = int(prints.size - np.unique(prints).size)
    said = f"{again} of {prints.size} stretches of {WINDOW} moves of {asset} come again"
    if again > COPIED[0] * prints.size:
        yield _refused(SyntheticSeries, asset, again, f"{said}: copied or made up; import observed prices.")
    elif again > COPIED[1] * prints.size:
        yield Doubt(code="copied", asset=asset, sentence=f"{said}.", count=again)


def _stopped(bars: Bars, asset: str, newest: int) -> Iterator[Doubt]:
    silent = newest - int(bars.ends[-1])
    if silent > max(MAX_SILENCE_HOURS * HOUR, 2 * bars.span):
        sentence = f"{asset} has no price after {int(bars.ends[-1])}, {silent / HOUR:.0f} hours before the others end."
        yield Doubt(code=StoppedTrading.code, asset=asset, sentence=sentence, count=1)


def _refused(error: type[DataError], asset: str, count: int, sentence: str) -> Doubt:
    return Doubt(code=error.code, asset=asset, sentence=sentence, count=count, error=error)
