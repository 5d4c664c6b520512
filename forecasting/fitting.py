"""What a training computes: walk-forward, choice, fits and a first forecast. Nothing is registered here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecasting import datasets
from forecasting.core.book import Book, Floats
from forecasting.core.cascade import CascadeEstimate, CascadeProblem
from forecasting.core.config import TrainingConfig
from forecasting.core.realised import HOURS
from forecasting.core.scenarios import Scenarios, simulate
from forecasting.core.scoring import Comparison
from forecasting.core.volatility import models
from forecasting.core.volatility.base import FittedVolatility, series
from forecasting.core.walkforward import BASELINE, CHALLENGER, ScenarioScore, judge, score_scenarios
from forecasting.datasets import Frozen
from forecasting.models import Snapshot

type Progress = Callable[[int, int, str], None]

YEAR = 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Everything that a training found, before it is registered.

    Attributes
    ----------
    snapshot, frozen, config, seed
        What it was made from.
    comparisons : tuple of Comparison or None
        Challenger against baseline by asset; None: too few days.
    used : tuple of str
        Model in use by asset.
    fits : tuple of dict
        Every fitted model by name, by asset.
    depth : (R,) floats
        USD.
    scores : tuple of ScenarioScore
    scenarios : Scenarios
    estimate : CascadeEstimate
    amplification : float
    """

    snapshot: Snapshot
    frozen: Frozen
    config: TrainingConfig
    seed: int
    comparisons: tuple[Comparison | None, ...]
    used: tuple[str, ...]
    fits: tuple[dict[str, FittedVolatility], ...]
    depth: Floats
    scores: tuple[ScenarioScore, ...]
    scenarios: Scenarios
    estimate: CascadeEstimate
    amplification: float


class _Clock:
    """Counts the ticks of a known number of steps into one progress report."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.done, self.total, self.progress, self.text = 0, total, progress, ""

    def tick(self) -> None:
        self.done = min(self.done + 1, self.total)
        self.progress(self.done, self.total, self.text)


def fit(snapshot: Snapshot, *, seed: int, config: TrainingConfig, progress: Progress) -> Trained:
    """Freeze the data, walk forward, choose, fit and forecast; nothing but the dataset is written.

    Raises
    ------
    GapInData, ImplausibleData, StaleData
        When the data must not be computed on.
    """
    frozen = datasets.fresh(datasets.freeze(snapshot), snapshot)
    book = datasets.book(snapshot)
    assets, days = len(frozen.reserves), frozen.panel.ends.size
    refits = max(0, (days - config.first_days) // config.refit_days)
    origins = max(0, (days - config.first_days) * HOURS // config.horizon_hours)
    clock = _Clock(2 * assets * refits + origins + 4, progress)
    comparisons = []
    for r, symbol in enumerate(frozen.symbols):
        clock.text = f"walking {symbol} forward"
        data = series(frozen.panel, asset=r)
        comparisons.append(judge(data, first=config.first_days, refit=config.refit_days, seed=seed, tick=clock.tick))
    used = tuple(CHALLENGER if one is not None and one.beats else BASELINE for one in comparisons)
    clock.text = "scoring joint scenarios"
    scores = score_scenarios(
        frozen.panel,
        used=used,
        first=config.first_days,
        hours=config.horizon_hours,
        paths=config.backtest_paths,
        seed=seed,
        tick=clock.tick,
    )
    clock.text = "fitting"
    fits = _fits(frozen)
    clock.tick()
    clock.text = "drawing joint prices"
    chosen = [fits[r][name] for r, name in enumerate(used)]
    drawn = simulate(frozen.panel, fitted=chosen, hours=config.horizon_hours, paths=config.paths, seed=seed)
    clock.tick()
    clock.text = "simulating cascades"
    problem = CascadeProblem(
        book=book,
        paths=drawn.growth * book.price,
        step_hours=1.0,
        depth=depths(book, frozen=frozen, config=config),
        rules=config.rules,
    )
    estimate = problem.evaluate()
    clock.tick()
    amplification = problem.amplification()
    clock.tick()
    return Trained(
        snapshot=snapshot,
        frozen=frozen,
        config=config,
        seed=seed,
        comparisons=tuple(comparisons),
        used=used,
        fits=fits,
        depth=problem.depth,
        scores=scores,
        scenarios=drawn,
        estimate=estimate,
        amplification=amplification,
    )


def depths(book: Book, *, frozen: Frozen, config: TrainingConfig) -> Floats:
    """Return each asset's depth (USD): a multiple of what is supplied, and ``inf`` for pegged assets."""
    pegged = np.sqrt(np.median(frozen.panel.measures.variance, axis=0) * YEAR) < config.pegged_below
    depth = np.maximum(book.total_supply * book.price * config.depth_share, 1.0)
    return np.where(pegged, np.inf, depth)


def _fits(frozen: Frozen) -> tuple[dict[str, FittedVolatility], ...]:
    found = []
    for r in range(len(frozen.reserves)):
        data = series(frozen.panel, asset=r)
        able = {name: model for name, model in models().items() if data.variance.size >= model.minimum}
        found.append({name: model.fit(data) for name, model in sorted(able.items())})
    return tuple(found)
