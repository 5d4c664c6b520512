"""Walk-forward: every forecast is made from what was known before its day, by a model fitted on earlier days alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.model_selection import TimeSeriesSplit

from forecasting.core.book import Floats
from forecasting.core.realised import HOURS, Panel
from forecasting.core.scenarios import simulate
from forecasting.core.scoring import Comparison, compare, crps, qlike
from forecasting.core.volatility import models
from forecasting.core.volatility.base import Series, VolatilityModel, one_step, series

type Tick = Callable[[], None]

BASELINE = "ewma"
CHALLENGER = "log-har"
MINIMUM_SCORED = 30  # days, below which a comparison says nothing
TAIL = 0.05
SHORT_BLOCK = 2  # weeks


def walk_forward(data: Series, model: VolatilityModel, *, first: int, refit: int, tick: Tick) -> Floats:
    """Return the (D,) one-day forecasts of ``model``; NaN before day ``first``.

    Parameters
    ----------
    data : Series
    model : VolatilityModel
    first : int
        Index of the first day that is forecast; at least the model's minimum is used.
    refit : int
        Days between two fits; features are fresh every day.
    tick : callable
        Called after each fit.
    """
    out = np.full(data.variance.size, np.nan)
    for past, ahead in folds(data.variance.size, first=max(first, model.minimum), length=refit):
        until = int(ahead[-1]) + 1
        out[ahead] = one_step(model.fit(data.until(past.size)), data.until(until))[ahead]
        tick()
    return out


def folds(days: int, *, first: int, length: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the days to fit on and the ``length`` days that follow them, oldest first, up to the last day.

    The first fit sees at least ``first`` days. Fewer than two folds are no walk; then nothing is yielded.
    """
    count = (days - first) // length
    if count > 1:
        yield from TimeSeriesSplit(n_splits=count, test_size=length).split(np.arange(days))


def judge(data: Series, *, first: int, refit: int, seed: int, tick: Tick) -> Comparison | None:
    """Compare the challenger with the baseline by QLIKE; None when too few days can be scored to say anything."""
    losses = {
        name: qlike(data.variance, walk_forward(data, models()[name], first=first, refit=refit, tick=tick))
        for name in (CHALLENGER, BASELINE)
    }
    if np.isfinite(losses[CHALLENGER]).sum() < MINIMUM_SCORED:
        return None
    return compare(losses[CHALLENGER], losses[BASELINE], seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioScore:
    """How the joint scenarios of one asset did against its weeks.

    Attributes
    ----------
    losses, baseline : tuple of float
        CRPS of the return over each horizon, and that of a normal random walk with EWMA variance.
    crps : Comparison or None
        The first against the second; None: too few weeks.
    ranks : tuple of float
        Where the realised return fell in each forecast distribution (uniform when calibrated).
    below, above : int
        Realised returns under the 5 % and over the 95 % quantile.
    """

    losses: tuple[float, ...]
    baseline: tuple[float, ...]
    crps: Comparison | None
    ranks: tuple[float, ...]
    below: int
    above: int


def score_scenarios(
    panel: Panel, *, used: Sequence[str], first: int, hours: int, paths: int, seed: int, tick: Tick
) -> tuple[ScenarioScore, ...]:
    """Score scenarios from origins that are one horizon apart, for each of R assets.

    Parameters
    ----------
    panel : Panel
    used : sequence of str
        Name of the model that each asset uses.
    first : int
        Day of the first origin.
    hours, paths, seed : int
        As in `simulate`.
    tick : callable
        Called after each origin.
    """
    days = -(-hours // HOURS)
    ours: list[list[float]] = [[] for _ in used]
    theirs: list[list[float]] = [[] for _ in used]
    ranks: list[list[float]] = [[] for _ in used]
    known = [models()[name] for name in used]
    origins = range(max(first, *(model.minimum for model in known)), panel.ends.size - days + 1, days)
    for origin in origins:
        past = panel.between(0, origin)
        fitted = [model.fit(series(past, asset=r)) for r, model in enumerate(known)]
        growth = simulate(past, fitted=fitted, hours=days * HOURS, paths=paths, seed=seed).growth
        future = panel.hourly[origin : origin + days].sum(axis=(0, 1))
        for r in range(len(used)):
            sample, realised = np.log(growth[:, -1, r]), float(future[r])
            ours[r].append(crps(sample, realised))
            theirs[r].append(_normal_crps(_baseline_deviation(past, asset=r, days=days), realised))
            ranks[r].append(float((sample < realised).mean()))
        tick()
    return tuple(
        ScenarioScore(
            losses=tuple(a),
            baseline=tuple(b),
            crps=compare(np.array(a), np.array(b), seed=seed, block=SHORT_BLOCK) if len(a) > 1 else None,
            ranks=tuple(rank),
            below=sum(value < TAIL for value in rank),
            above=sum(value > 1 - TAIL for value in rank),
        )
        for a, b, rank in zip(ours, theirs, ranks, strict=True)
    )


def pooled(scores: Sequence[ScenarioScore], *, seed: int) -> Comparison | None:
    """Compare scenarios with the baseline over all assets, each weighted by its own scale; None: too few weeks."""
    if not scores or len(scores[0].losses) < 2:
        return None
    scale = np.array([np.mean(score.baseline) for score in scores])
    ours = np.array([score.losses for score in scores]) / scale[:, None]
    theirs = np.array([score.baseline for score in scores]) / scale[:, None]
    return compare(ours.mean(axis=0), theirs.mean(axis=0), seed=seed, block=SHORT_BLOCK)


def _baseline_deviation(past: Panel, *, asset: int, days: int) -> float:
    data = series(past, asset=asset)
    return sqrt(float(one_step(models()[BASELINE].fit(data), data)[-1]) * days)


def _normal_crps(deviation: float, realised: float) -> float:
    """Return the CRPS of a centred normal (Gneiting & Raftery 2007, eq. 21)."""
    z = realised / deviation
    return deviation * float(z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / sqrt(np.pi))
