"""Importance sampling inside the tail: wild days are drawn more often, and their paths weigh less.

Drawn days are ranked by how deep their mean standardised return fell within the day. A path is one of three: as likely
as any other (`PLAIN`), with one tilted day (`ONE`), or with every day tilted (`ALL`). A tilted day is the one of rank
k, the deepest being 1, with a probability in proportion to ``1 / (k + SOFT)``: about as many from the worst hundredth
as from the tenth around it. The weight is that of the mixture, ``1 / (PLAIN + ONE mean(r) + ALL prod(r))`` with ``r`` a
day's tilted over its plain probability; it is 1 on average and never above ``1 / PLAIN``.

Half of the paths from the worst per cent gained nothing where it was measured: it must be the inside of the tail that
is spread. What is deep is a fall of all assets; a book that loses when prices rise is still estimated without bias, but
not better than by plain paths.

References
----------
Mixture weights that bound: Hesterberg (1995); Owen & Zhou (2000). Tilts for value at risk: Glasserman, Heidelberger &
Shahabuddin (2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.realised import Stamps

PLAIN, ONE, ALL = 0.3, 0.4, 0.3
SOFT = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tilt:
    """Tilted probabilities of n days.

    Attributes
    ----------
    ratio : (n,) floats
        Tilted over plain probability.
    reached : (n,) floats
        Sums of the tilted probabilities up to each day; the last is 1.
    """

    ratio: Floats
    reached: Floats

    @classmethod
    def of(cls, fall: Floats) -> Tilt:
        """Return the tilt of n days that fell this deep (negative numbers)."""
        rank = np.empty(fall.size)
        rank[np.argsort(fall, kind="stable")] = np.arange(1, fall.size + 1)
        raw = 1.0 / (rank + SOFT)
        share = raw / raw.sum()
        reached = np.cumsum(share)
        reached[-1] = 1.0
        return cls(ratio=share * fall.size, reached=reached)

    def choose(self, days: Floats, which: Floats) -> tuple[Stamps, Floats]:
        """Return the (P, K) chosen days and the (P,) weights.

        Parameters
        ----------
        days : (P, K) floats
            Uniform: which day.
        which : (P, 2) floats
            Uniform: which kind of path, and which of its days is the tilted one.
        """
        size, count = self.ratio.size, days.shape[1]
        place = (which[:, 1] * count).astype(np.int64)
        tilted = (which[:, 0] >= PLAIN)[:, None] & (np.arange(count) == place[:, None])
        tilted |= (which[:, 0] >= PLAIN + ONE)[:, None]
        deep = np.minimum(np.searchsorted(self.reached, days, side="right"), size - 1)
        chosen = np.where(tilted, deep, (days * size).astype(np.int64))
        ratio = self.ratio[chosen]
        return chosen, 1.0 / (PLAIN + ONE * ratio.mean(axis=1) + ALL * ratio.prod(axis=1))
