"""Whether warnings still come true as often as they say, asked anew every hour without wearing out the answer.

A bet is kept against the promise: each warning stakes a share of the fortune on odds that are `SHIFTS` away from those
that were said, at prices that are fair when the promise holds. So a fortune of 100 from 1 is seen with a probability of
at most 1 % while `BETS` bets last, however often one looks, and of 2 % in as long a time later, for the oldest bet is
given up for the newest. Warnings whose hours overlap share one outcome; of those only the first counts.

References
----------
Ville (1939), Shafer (2021): betting on sequences. Sequential tests of calibration by such bets: Henzi & Ziegel (2022).
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from forecasting.core.book import Floats

SHIFTS = (-1.5, -0.7, 0.7, 1.5)  # of the log odds, that are bet on
EDGE = 1e-4  # how sure a warning counts at most
RESTART = 60  # warnings after which another bet begins
BETS = 12  # of equal stakes that are kept


def fortune(chance: Floats, happened: Floats) -> float:
    """Return what 1 has become by betting against warnings, the oldest first.

    Parameters
    ----------
    chance : (n,) floats
        Probabilities that were said; their hours do not overlap.
    happened : (n,) floats
        1 where the target came true, else 0.
    """
    if not chance.size:
        return 1.0
    held = np.clip(chance, EDGE, 1 - EDGE)[:, None]
    moved = expit(logit(held) + np.array(SHIFTS))
    won = np.where(happened[:, None] > 0, moved / held, (1 - moved) / (1 - held))
    sums = np.cumsum(np.log(won)[::-1], axis=0)[::-1]  # from each warning to the last
    starts = np.arange(0, chance.size, RESTART)[-BETS:]
    return float((np.exp(sums[starts]).mean(axis=1).sum() + BETS - starts.size) / BETS)


def apart(moments: Floats, *, seconds: int) -> Floats:
    """Return the indexes of moments (rising) that are at least ``seconds`` after the last one that was kept."""
    kept: list[int] = []
    for index, moment in enumerate(moments):
        if not kept or moment - moments[kept[-1]] >= seconds:
            kept.append(index)
    return np.array(kept, dtype=np.intp)
