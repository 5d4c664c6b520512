"""Single prices as bars: at regular times, or at any time, as an oracle publishes them."""

from __future__ import annotations

import numpy as np

from forecasting.core.bars import Bars
from forecasting.core.book import Floats
from forecasting.core.realised import HOUR, MAX_SILENCE_HOURS, Stamps

JITTER = 0.1  # of the usual step, by which a stamp may be late or early
IRREGULAR = 0.25  # of all steps are not as usual: there is no step
WHOLE = (1, 2, 3, 4, 6, 8, 12, 24)  # hours that divide a day


def observed(stamps: Stamps, prices: Floats) -> Bars:
    """Return single prices as bars, as long as the prices are apart.

    Prices at regular times are bars with a close only, an hour long or longer, and a missing one is a gap. Prices at
    any time, as an oracle publishes when they have moved, hold until the next one, for `MAX_SILENCE_HOURS` at the most.

    Parameters
    ----------
    stamps : (n,) int64
        Unix seconds, ascending.
    prices : (n,) floats
    """
    apart = np.diff(stamps)
    usual = float(np.median(apart)) if apart.size else 0.0
    if not usual or (np.abs(apart - usual) > JITTER * usual).mean() > IRREGULAR:
        return singles(stamps, prices, span=HOUR, hold=MAX_SILENCE_HOURS)
    span = min((hours for hours in WHOLE if hours * HOUR >= usual * (1 - JITTER)), default=WHOLE[-1])
    return singles(stamps, prices, span=span * HOUR)


def singles(stamps: Stamps, prices: Floats, *, span: int, hold: int = 0) -> Bars:
    """Return single prices as bars: each counts at the end of the step within which it was known, the last one stays.

    Parameters
    ----------
    stamps : (n,) int64
        Unix seconds, ascending.
    prices : (n,) floats
    span : int
        Seconds of a step.
    hold : int
        Steps for which a price counts on when there is no newer one.
    """
    ends = -(-stamps // span) * span
    last = np.flatnonzero(np.append(np.diff(ends) > 0, True))[: ends.size]
    ends, close = ends[last], prices[last]
    if hold and ends.size:
        steps = np.arange(ends[0], ends[-1] + 1, span, dtype=np.int64)
        newest = np.searchsorted(ends, steps, side="right") - 1
        held = steps - ends[newest] <= hold * span
        ends, close = steps[held], close[newest[held]]
    nothing = np.full(ends.size, np.nan)
    return Bars(span=span, ends=ends, open=nothing, high=nothing, low=nothing, close=close, volume=nothing)
