"""The champion: a mean with weights that were fixed beforehand, so that nothing is chosen on the days that are scored.

Five models that learn from realised measures share equally what GARCH, and at a month EWMA, leave over. Estimated
weights lose to equal ones on few and wild days (Timmermann 2006). The mean is taken of variances, not of their
logarithms: where one model sees the storm, its forecast counts. GARCH's share is a floor: it expects more than is usual
of a calm market, and one day on which a calm market wakes up decides a year's loss. A month ahead recent days tell
little, and what forgets slowly has most of the weight.

Members and shares were chosen on days before October 2022: half-hourly candles of five assets, hourly ones of ten. Two
things came later, with other days in view: a week has the shares of a day, which nothing before told apart, and
`linear.WILDEST`, because a coin that lost everything in May 2022 moved all forecasts of the pool.

References
----------
Bates & Granger (1969); Timmermann (2006), sections 3 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.days import DAY
from forecasting.core.volatility.direct import FittedDirect, Learnt, Sample, zoo
from forecasting.core.volatility.regressors import spacing

FAST = ("log_har_x", "gamma_glm", "pooled", "pooled_gamma", "hybrid")
SLOW = {1: {"garch_t": 0.1}, 30: {"garch_t": 0.3, "ewma": 0.3}}  # by days ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedChampion:
    """Every member, fitted."""

    members: Mapping[str, FittedDirect]

    @property
    def parameters(self) -> Learnt:
        """Everything that was learnt."""
        return {name: member.parameters for name, member in self.members.items()}

    def forecast(self, sample: Sample, *, first: int = 0) -> Floats:
        """Return the (D + 1 - first, A) forecasts."""
        return combined({name: one.forecast(sample, first=first) for name, one in self.members.items()}, sample)


@dataclass(frozen=True, slots=True)
class Champion:
    """The model; it has nothing to set."""

    name: str = "champion"
    minimum: int = 100
    refit: int = 5
    hourly: bool = True
    members: tuple[str, ...] = (*FAST, "garch_t", "ewma")

    def fit(self, sample: Sample) -> FittedDirect:
        """Return every member, fitted to the sample."""
        return FittedChampion(members={name: zoo()[name].fit(sample) for name in self.members})

    def restore(self, parameters: Learnt) -> FittedDirect:
        """Return the fitted model of the registry."""
        return FittedChampion(
            members={name: zoo()[name].restore(learnt) for name, learnt in parameters.items()}  # type: ignore[arg-type]
        )

    def combine(self, sample: Sample, parts: Mapping[str, Floats]) -> Floats:
        """Return the forecasts that the members' (D, A) forecasts make together."""
        return combined(parts, sample)


def weights(sample: Sample) -> dict[str, float]:
    """Return each member's weight for the sample's horizon; they sum to 1."""
    ahead = max(1, round(sample.steps * spacing(sample.table.ends) / DAY))
    slow = SLOW[max(days for days in SLOW if days <= ahead)]
    return slow | dict.fromkeys(FAST, (1.0 - sum(slow.values())) / len(FAST))


def combined(parts: Mapping[str, Floats], sample: Sample) -> Floats:
    """Return the weighted mean of the parts that have a forecast; NaN where no fast one has any."""
    shares = {name: share for name, share in weights(sample).items() if name in parts}
    total, weight = np.zeros_like(next(iter(parts.values()))), np.zeros_like(next(iter(parts.values())))
    for name, share in shares.items():
        known = np.isfinite(parts[name])
        total += np.where(known, share * parts[name], 0.0)
        weight += np.where(known, share, 0.0)
    seen = np.any([np.isfinite(parts[name]) for name in FAST if name in parts], axis=0)
    return np.where(seen, total / np.where(seen, weight, 1.0), np.nan)


DIRECT = (Champion(),)
