"""How often one node is asked: as often as it takes it, and more slowly for a while after it said no.

References
----------
ITU-T I.371, generic cell rate algorithm (a token bucket as one number: when the next request may go); Chiu and Jain
(1989), "Analysis of the increase and decrease algorithms for congestion avoidance": add a little, take a share away.
"""

from __future__ import annotations

import math
from collections import deque

SLOWEST = 0.5  # requests a second
SHARE = 0.5  # of the rate that was refused, to go on with
GAIN = 1.0  # requests a second that the rate grows in a second of success
FREE_AGAIN = 4.0  # times the rate at which the node said no; from there on there is no limit any more
LONGEST_PAUSE = 30.0  # seconds after refusals that did not say how long to wait
_SHORTEST = 0.1  # seconds over which a rate is observed at the least
_CUT_ONCE_IN = 1.0  # seconds: requests that were under way together are refused together


class Pace:
    """The pace at which one node is asked. Times are seconds of one monotonic clock; the caller does the locking.

    Parameters
    ----------
    ceiling : float
        Most requests a second, whatever the node says; ``inf`` for none.

    Attributes
    ----------
    rate : float
        Requests a second now; ``inf`` while the node never said no.
    """

    def __init__(self, ceiling: float = math.inf) -> None:
        self.ceiling = self.rate = ceiling
        self._next = 0.0  # when the next request may go
        self._sent: deque[float] = deque(maxlen=32)
        self._refusals = 0  # in a row
        self._cut_at = -math.inf
        self._refused_rate = math.inf

    def wait(self, now: float) -> float:
        """Return how long a request that is asked for ``now`` has to wait."""
        return max(self._next - now, 0.0)

    def reserve(self, now: float) -> float:
        """Take the next place and return how long it is until then."""
        wait = self.wait(now)
        self._next = now + wait + 1 / self.rate
        self._sent.append(now + wait)
        return wait

    def accepted(self, now: float) -> None:
        """Note that the node answered: grow by `GAIN` in each second of answers."""
        self._refusals = 0
        if self.rate >= self.ceiling or now < self._cut_at + _CUT_ONCE_IN:
            return
        self.rate = min(self.rate + GAIN * max(1 / self.rate, 0.01), self.ceiling)
        if self.rate > FREE_AGAIN * self._refused_rate:
            self.rate = self.ceiling

    def refused(self, now: float, retry_after: float) -> float:
        """Note that the node asked to slow down, lower the rate, and return the seconds that it is left alone."""
        if now >= self._cut_at + _CUT_ONCE_IN:
            self._cut_at = now
            self._refused_rate = min(self.rate, self._observed(now))
            self.rate = max(self._refused_rate * SHARE, SLOWEST)
            self._refusals += 1
        pause = retry_after or min(2.0 ** (self._refusals - 2), LONGEST_PAUSE)
        self._next = max(self._next, now + pause)
        return pause

    def _observed(self, now: float) -> float:
        span = now - self._sent[0] if self._sent else 0.0
        return max(len(self._sent) / max(span, _SHORTEST), 1.0)
