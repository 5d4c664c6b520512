"""How sure a gain over "change nothing" is.

All candidates run through the same futures, so their differences are paired, path by path. Resampling the paths gives
each candidate's gain a distribution. The half-width of an interval is the candidate's bootstrap standard error times
the confidence quantile of the largest studentised deviation over all candidates. For one candidate that is a paired
bootstrap interval. Over the many of a search it only screens: candidates that were adapted to the futures, and a tail
of a few paths, make it too narrow, so the search's pick is confirmed on fresh futures.

An interval covers the noise of the simulation, not errors of its model.

References
----------
The max-t bootstrap: Romano & Wolf (2005), "Stepwise multiple testing as formalized data snooping".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from proposals.core.objective import Floats, Futures, shortfall
from proposals.core.policy import Objective


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """A difference of objectives in USD with its interval."""

    value: float
    low: float
    high: float


def gains(
    runs: Sequence[Futures], *, weights: Objective, confidence: float, resamples: int, seed: int
) -> tuple[Gain, ...]:
    """Return each run's gain over the first one.

    Parameters
    ----------
    runs : sequence of Futures
        The baseline first; all over the same P paths.
    weights : Objective
        The weights of the losses.
    confidence : float
        Nominal probability with which all intervals hold together, had the runs not been chosen on these paths.
    resamples : int
        Bootstrap resamples B; memory is B x P floats.
    seed : int
        Seed of the resampling.
    """
    paths = runs[0].bad_debt.size
    draws = np.random.default_rng(seed).integers(0, paths, size=(resamples, paths))
    base_point, base_boot = _losses(runs[0], draws, weights)
    points, boots = [], []
    for run in runs:
        point, boot = _losses(run, draws, weights)
        points.append(run.capacity - runs[0].capacity - (point - base_point))
        boots.append(run.capacity - runs[0].capacity - (boot - base_boot))
    value = np.array(points)
    deviation = np.array(boots) - value[:, None]
    error = deviation.std(axis=1)
    moving = error > 0  # a candidate without losses differs by its capacity alone, which is certain
    critical = (
        float(np.quantile(np.abs(deviation[moving] / error[moving, None]).max(axis=0), confidence))
        if (moving.any())
        else 0.0
    )
    return tuple(
        Gain(value=float(v), low=float(v - critical * e), high=float(v + critical * e))
        for v, e in zip(value, error, strict=True)
    )


def _losses(
    run: Futures, draws: np.ndarray[tuple[int, int], np.dtype[np.int64]], weights: Objective
) -> tuple[float, Floats]:
    point = weights.es99_weight * float(shortfall(run.stressed_bad_debt))
    point += weights.borrower_loss_weight * float(run.borrower_loss.mean())
    boot = weights.es99_weight * shortfall(run.stressed_bad_debt[draws])
    boot += weights.borrower_loss_weight * run.borrower_loss[draws].mean(axis=1)
    return point, boot
