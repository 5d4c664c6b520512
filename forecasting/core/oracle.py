"""What a protocol believes: the oracle's price is not the market's.

An oracle reports when its last report is a heartbeat old, or when the market is further from it than its deviation
threshold; a report counts after the oracle's latency. With neither heartbeat nor threshold it reports at every step.
The market is looked at once a step, so a threshold crossed and left again between two steps goes unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.compiled import inlined
from forecasting.core.tables import Feed
from governance.errors import InputError

MOST = 1e6  # hours of latency, for each of whose steps a report is kept; and the largest deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """How the prices of R assets are reported.

    Attributes
    ----------
    heartbeat_hours : (R,) floats
        Longest time between two reports; ``inf`` for none.
    deviation : (R,) floats
        Relative move that is reported at once; 0 reports at every step.
    latency_hours : (R,) floats
        Time from a report to when it counts.
    """

    heartbeat_hours: Floats
    deviation: Floats
    latency_hours: Floats

    def __post_init__(self) -> None:
        """Refuse what no oracle does."""
        _require("heartbeat_hours", self.heartbeat_hours, least=0.0, most=np.inf)
        if not (np.asarray(self.heartbeat_hours) > 0).all():
            raise InputError(
                "An oracle's heartbeat_hours is 0; it must be positive.", field="heartbeat_hours", value=0.0
            )
        _require("deviation", self.deviation, least=0.0, most=MOST)
        _require("latency_hours", self.latency_hours, least=0.0, most=MOST)

    @classmethod
    def instant(cls, assets: int) -> Self:
        """Return the oracle that reports the market's price at every step."""
        nothing = np.zeros(assets)
        return cls(heartbeat_hours=np.full(assets, np.inf), deviation=nothing, latency_hours=nothing)

    def feed(self, *, step_hours: float) -> Feed:
        """Return the oracle in steps of ``step_hours``; what is shorter than a step takes effect at the next one."""
        return Feed(
            heartbeat=np.maximum(np.ceil(np.asarray(self.heartbeat_hours) / step_hours), 1.0),
            deviation=np.asarray(self.deviation, dtype=np.float64),
            latency=np.ceil(np.asarray(self.latency_hours) / step_hours).astype(np.int64),
        )


def _require(name: str, values: Floats, *, least: float, most: float) -> None:
    """Check the numbers of one field.

    Raises
    ------
    InputError
        Naming the field, the first value that is wrong, and what would be right.
    """
    given = np.asarray(values, dtype=np.float64).ravel()
    for value in given[~((given >= least) & (given <= most))][:1]:
        raise InputError(
            f"An oracle's {name} is {value:g}; it must be {least:g} to {most:g}.", field=name, value=float(value)
        )


@inlined
def report(feed: Feed, step: int, market: Floats, posted: Floats, age: Floats, ring: Floats, oracle: Floats) -> None:
    """Let the oracles look at the market at ``step``, and set the ``oracle`` prices that count now.

    ``posted`` (R,) is each oracle's last report, ``age`` (R,) the steps since; ``ring`` (R, longest latency + 1) holds
    the reports under way. ``oracle`` keeps the start's price until a first report counts.
    """
    size = ring.shape[1]
    for r in range(market.size):
        age[r] += 1.0
        if age[r] >= feed.heartbeat[r] or abs(market[r] / posted[r] - 1.0) >= feed.deviation[r]:
            posted[r] = market[r]
            age[r] = 0.0
        ring[r, step % size] = posted[r]
        if step >= feed.latency[r]:
            oracle[r] = ring[r, (step - feed.latency[r]) % size]
