"""How well a forecast distribution met what happened.

References
----------
Probability integral transform with ties at their middle: Czado, Gneiting & Held (2009), "Predictive model assessment
for count data". Losses have most of their mass at zero, so ties are the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

import numpy as np

from proposals.core.objective import DUST, Floats

LEVELS: Final = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
LOW, MIDDLE, HIGH = LEVELS.index(0.05), LEVELS.index(0.5), LEVELS.index(0.95)


def quantiles(sample: Floats, *, dust: float = DUST) -> list[float]:
    """Return the sample's quantiles at `LEVELS`; less than ``dust`` counts as nothing."""
    found = np.quantile(sample, LEVELS, method="inverted_cdf")
    return [float(value) if abs(value) >= dust else 0.0 for value in found]


def pit(realised: float, values: Sequence[float], *, levels: Sequence[float] = LEVELS, dust: float = DUST) -> float:
    """Return the forecast probability of at most ``realised``, ties counted half, from the quantiles ``values``."""
    value = realised if abs(realised) >= dust else 0.0
    tied = [level for level, quantile in zip(levels, values, strict=True) if quantile == value]
    if tied:
        return (tied[0] + tied[-1]) / 2
    return float(np.interp(value, values, levels, left=0.0, right=1.0))


def inside(realised: float, values: Sequence[float], *, dust: float = DUST) -> bool:
    """Return whether ``realised`` is in the central 90 % of the forecast; ``dust`` beyond it is forgiven."""
    return values[LOW] - dust <= realised <= values[HIGH] + dust


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One forecast beside what happened.

    Attributes
    ----------
    key, label : str
        Stable name, and the words for it.
    unit : {"usd", "fraction"}
        Dollars, or a share of one.
    forecast, low, high : float
        Middle and ends of the interval.
    realised : float
        What happened.
    note : str
        What a reader must know of it.
    inside : bool or None
        Whether it is in the interval; None where no distribution was forecast, so nothing can be judged.
    pit : float or None
        Forecast probability of at most what happened; None as above.
    """

    key: str
    label: str
    unit: Literal["usd", "fraction"]
    forecast: float
    low: float
    high: float
    realised: float
    note: str
    inside: bool | None = None
    pit: float | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the metric as JSON-ready data."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def judge(
    key: str, *, label: str, unit: Literal["usd", "fraction"], realised: float, values: Sequence[float], note: str
) -> Metric:
    """Return the metric of a forecast distribution given by its quantiles at `LEVELS`."""
    dust = DUST if unit == "usd" else 0.0
    return Metric(
        key=key,
        label=label,
        unit=unit,
        forecast=values[MIDDLE],
        low=values[LOW],
        high=values[HIGH],
        realised=realised,
        inside=inside(realised, values, dust=dust),
        pit=pit(realised, values, dust=dust),
        note=note,
    )
