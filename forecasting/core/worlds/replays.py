"""Named weeks of the past, by fixed UTC windows, and the one path that they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from forecasting.core.bars import BarGrid
from forecasting.core.book import Floats
from forecasting.core.realised import HOUR
from governance.errors import GapInData


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A named time.

    Attributes
    ----------
    name, title, what : str
    first, last : int
        Unix seconds: the starting price is that of ``first``, the path ends with ``last``.
    own : tuple of str
        Assets that this was about, which must not be priced as another without being told.
    """

    name: str
    title: str
    what: str
    first: int
    last: int
    own: tuple[str, ...] = ()

    @property
    def hours(self) -> int:
        """How long it was."""
        return (self.last - self.first) // HOUR


def _window(name: str, title: str, what: str, *, first: str, days: int, own: tuple[str, ...] = ()) -> Window:
    since = int(datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp())
    return Window(name=name, title=title, what=what, first=since, last=since + days * 24 * HOUR, own=own)


WINDOWS: Mapping[str, Window] = {
    window.name: window
    for window in (
        _window(
            "march-2020",
            "March 2020",
            "Black Thursday: all markets fell at once, and ether halved within a day.",
            first="2020-03-12",
            days=3,
        ),
        _window(
            "may-2021",
            "May 2021",
            "After mining was banned in China, leverage was unwound in two waves, on the 19th and the 23rd.",
            first="2021-05-18",
            days=6,
        ),
        _window(
            "june-2022",
            "June 2022",
            "A lender stopped withdrawals, a fund failed, and ether fell by half in nine days.",
            first="2022-06-10",
            days=9,
        ),
        _window(
            "november-2022",
            "November 2022",
            "An exchange failed.",
            first="2022-11-07",
            days=4,
        ),
        _window(
            "march-2023",
            "March 2023",
            "A bank failed, and USDC and DAI lost their pegs for a weekend; ether hardly moved.",
            first="2023-03-10",
            days=3,
            own=("USDC", "DAI"),
        ),
        _window(
            "august-2024",
            "August 2024",
            "The yen's carry trade was unwound; ether lost a quarter overnight.",
            first="2024-08-04",
            days=3,
        ),
        _window(
            "october-2025",
            "October 2025",
            "The largest liquidation of perpetual futures so far, within minutes on the evening of the 10th.",
            first="2025-10-10",
            days=3,
        ),
    )
}


def path(bars: BarGrid, *, first: int, last: int) -> Floats:
    """Return (T, A) prices over those at ``first``, at the end of each bar up to ``last``.

    Raises
    ------
    GapInData
        When a price is missing, naming the asset and the time.
    """
    rows = (bars.ends >= first) & (bars.ends <= last)
    close, ends = bars.close[rows], bars.ends[rows]
    missing = np.argwhere(~np.isfinite(close))
    if ends.size < 1 + (last - first) // bars.span:
        raise GapInData(f"The prices do not cover {first} to {last}.", first=first, last=last)
    if missing.size:
        row, column = missing[0]
        raise GapInData(
            f"There is no price of {bars.assets[column]} at {int(ends[row])}, within the time that is replayed.",
            asset=bars.assets[column],
            timestamp=int(ends[row]),
        )
    growth: Floats = close[1:] / close[0]
    return growth
