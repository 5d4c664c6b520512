"""Whether value at risk is passed too often, asked anew every day without wearing out the answer.

An ordinary test that is repeated daily rejects everything in the end, and assets that fall together are no independent
witnesses. So a bet is kept instead: each day stakes a share of the fortune on more hits than promised, at odds that are
fair when the promise holds, whatever the hits of one day have to do with each other. A fortune of 100 from 1 is then
seen with a probability of at most 1 % in the first year and 2 % in any other, however often one looks (Ville's
inequality). The fortune is spread over how often hits may really come, over each series alone and all together, and
over the last twelve months in which the trouble may have begun, so that good years do not hide a bad month.

References
----------
Betting on sequences and its guarantee: Ville (1939), Shafer (2021). Averages of bets that depend on each other:
Vovk & Wang (2021). Backtests of value at risk by such bets: Wang, Wang & Ziegel (2022).
"""

from __future__ import annotations

import numpy as np

from forecasting.core.book import Floats

ODDS = (2.0, 3.0, 5.0, 10.0, 20.0)  # times as many hits as promised that are bet on
RESTART = 30  # days after which another bet begins
BETS = 12  # of equal stakes that are kept; the oldest is given up for the newest


def fortune(hits: Floats, *, share: float) -> float:
    """Return what 1 has become by betting against the promise that ``share`` of the losses pass the value at risk.

    Parameters
    ----------
    hits : (D, C) floats
        By day, which do not overlap, and series (an asset's side): 1 passed, 0 not, NaN not known.
    share : float
        Of the days that may be worse; below 0.05, the odds above being multiples of it.
    """
    days, series = hits.shape
    if not days or not series:
        return 1.0
    rates = share * np.array(ODDS)
    known = np.isfinite(hits)
    won = np.where(hits[..., None] > 0, rates / share, (1 - rates) / (1 - share))
    single = np.where(known[..., None], won, 1.0)  # (D, C, K)
    told = known.sum(axis=1)
    together = np.where(known[..., None], won, 0.0).sum(axis=1) / np.maximum(told, 1)[:, None]
    together = np.where(told[:, None] > 0, together, 1.0)  # (D, K)
    starts = np.arange(0, days, RESTART)[-BETS:]
    won_by = (_from(single, starts).mean(axis=(1, 2)) + _from(together, starts).mean(axis=1)) / 2
    return float(won_by.sum() + BETS - starts.size) / BETS  # what is staked later is kept


def _from(factors: Floats, starts: np.ndarray) -> Floats:
    """Return the products of (D, ...) factors from each start to the end."""
    logs = np.cumsum(np.log(factors)[::-1], axis=0)[::-1]
    products: Floats = np.exp(logs[starts])
    return products
