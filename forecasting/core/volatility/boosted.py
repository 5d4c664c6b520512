"""Boosted trees with gamma loss: on how far variance is from its month, and on what the pooled line leaves over.

``boosted`` learns the ratio of what came to the last month's mean; ``hybrid`` the ratio to the forecast of `pooled`,
with few small trees. A tree cannot say more than it has seen, so it never stands alone: what it is multiplied with can.
Both learn from all assets at once; features are relative to the month.

References
----------
Friedman (2001). Trees on a linear model's residual: Zhang (2003).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.volatility import trees
from forecasting.core.volatility.direct import FittedDirect, Learnt, Sample
from forecasting.core.volatility.linear import WILDEST, FittedLinear
from forecasting.core.volatility.linear import restored as restored_line
from forecasting.core.volatility.pooled import POOLED
from forecasting.core.volatility.trees import Trees

FEWEST = 500  # rows of all assets together
MONTH = "variance_30"
RELATIVE = (
    *("variance_1", "variance_7", "range_1", "range_7", "absolute", "last_12h", "last_12h_absolute", "last_2h"),
    *("bipower", "negative", "market_1", "market_7"),
)
PLAIN = (
    *("fall_1", "fall_7", "market_fall", "volume_now", "volume_lately"),
    *("weekday_0", "weekday_4", "weekday_5", "weekday_6"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedBoosted:
    """Trees, and the line whose forecast they multiply (None: the month's mean)."""

    trees: Trees | None
    line: FittedLinear | None
    names: tuple[str, ...]
    steps: int

    @property
    def parameters(self) -> Learnt:
        """Everything that was learnt."""
        return {
            "trees": None if self.trees is None else self.trees.parameters,
            "line": None if self.line is None else self.line.parameters,
            "names": list(self.names),
            "steps": self.steps,
        }

    def forecast(self, sample: Sample, *, first: int = 0) -> Floats:
        """Return the (D + 1 - first, A) forecasts."""
        base = beneath(self.line, sample, first=first)
        if self.trees is None:
            return np.full_like(base, np.nan)
        x = features(sample, self.names)[first:]
        raw = self.trees.raw(x.reshape(-1, x.shape[-1])).reshape(base.shape)
        return base * np.exp(raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """The model.

    Attributes
    ----------
    name : str
    count, leaves : int
        Trees, and leaves of each.
    line : bool
        Whether the trees learn what the pooled line leaves over.
    minimum, refit, seed : int
    """

    name: str
    count: int
    leaves: int
    line: bool
    minimum: int = 200
    refit: int = 50
    hourly: bool = False  # an hour of two returns is mostly noise
    seed: int = 1

    def fit(self, sample: Sample) -> FittedDirect:
        """Return the trees that all assets together teach; none when there are fewer than `FEWEST` rows."""
        line = POOLED.fit(sample) if self.line else None
        names = tuple(name for name in (*RELATIVE, MONTH, *PLAIN) if name in sample.known.names)
        grown = None
        target = sample.outcome / beneath(line, sample)[:-1]  # type: ignore[arg-type]
        x = features(sample, names)[:-1]
        usable = np.isfinite(target) & np.isfinite(x[..., names.index(MONTH)])
        if usable.sum() >= FEWEST:
            tamed = np.minimum(target[usable], WILDEST)
            grown = trees.grow(x[usable], tamed, trees=self.count, leaves=self.leaves, seed=self.seed)
        return FittedBoosted(trees=grown, line=line, names=names, steps=sample.steps)  # type: ignore[arg-type]

    def restore(self, parameters: Learnt) -> FittedDirect:
        """Return the fitted model of the registry."""
        grown, line = parameters["trees"], parameters["line"]
        return FittedBoosted(
            trees=None if grown is None else trees.restored(grown),  # type: ignore[arg-type]
            line=None if line is None else restored_line(line),  # type: ignore[arg-type]
            names=tuple(parameters["names"]),  # type: ignore[arg-type]
            steps=int(parameters["steps"]),  # type: ignore[call-overload]
        )


def beneath(line: FittedLinear | None, sample: Sample, *, first: int = 0) -> Floats:
    """Return the (D + 1 - first, A) forecasts that trees multiply."""
    if line is not None:
        return line.forecast(sample, first=first)
    return np.asarray(np.exp(sample.known.take((MONTH,))[first:, :, 0]) * sample.steps)


def features(sample: Sample, names: tuple[str, ...]) -> Floats:
    """Return the (D + 1, A, len(names)) features: logarithms of variance relative to the month's."""
    values = sample.known.take(names)
    month = names.index(MONTH)
    for place, name in enumerate(names):
        if name in RELATIVE:
            values[..., place] -= values[..., month]
    return values


DIRECT = (
    Boosted(name="boosted", count=120, leaves=8, line=False),
    Boosted(name="hybrid", count=60, leaves=4, line=True),
)
