"""Forecasts of hours that were not seen: blocks of days, a purge before each, and calibration on what is past.

Before a block is forecast, everything is fitted anew to the rows whose outcome was known ``embargo`` hours before the
block begins; the scale of features, the regression and its calibration alike. Calibration learns from the forecasts
that earlier blocks were given, never from fitted values, and so do the weights of what is laid on top (`stacking`).
With a frozen end of training all that comes after it is forecast by what was fitted then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from forecasting.core.book import Floats
from forecasting.core.warning import boosted, champion, logistic, stacking
from forecasting.core.warning.events import MAIN, Target, outcomes
from forecasting.core.warning.features import COLUMNS, THOUSAND, Features, Hours
from governance.errors import GapInData

type Rows = npt.NDArray[np.intp]
type Tick = Callable[[], None]
type Score = Callable[[Floats], Floats]

BLOCK = 21 * 24  # hours
MARGIN = 24  # hours of embargo beyond the horizon
FIRST = 180 * 24  # hours of training before the first forecast
FEWEST_EVENTS = 3  # episodes of hours with an event, times the horizon, that a fit needs
DIGITS = 9  # that are kept of a forecast: beyond, linear algebra libraries differ
MET = "met"
CAUTION = 300.0  # windows that the calibration has to overcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What is forecast from what, in indexes of hours.

    Attributes
    ----------
    target : Target
    first : int
        First hour that is learnt from.
    test : tuple of int
        First hour that is scored, and the one after the last.
    frozen : int or None
        Hour up to which outcomes may be learnt from, for all blocks; None: everything is fitted anew for each.
    """

    target: Target
    first: int
    test: tuple[int, int]
    frozen: int | None = None

    @property
    def embargo(self) -> int:
        """Hours between the last outcome that is learnt from and the block."""
        return self.target.hours + MARGIN

    def blocks(self) -> tuple[tuple[int, int], ...]:
        """Return the blocks before the test, for calibration, and those of the test; they meet where it begins."""
        begin, end = self.test
        before = range(begin - BLOCK, self.first + FIRST - 1, -BLOCK)
        return (
            *((start, start + BLOCK) for start in reversed(before)),
            *((start, min(start + BLOCK, end)) for start in range(begin, end, BLOCK)),
        )

    def known(self, block: int) -> int:
        """Return the hour from which on rows must not be learnt from when a block begins at ``block``."""
        before = block - self.embargo if self.frozen is None or block < self.test[0] else self.frozen + 1
        return min(before, block) - self.target.hours

    def folds(self) -> tuple[stacking.Fold, ...]:
        """Return the blocks as folds, each with the hour up to which it could learn."""
        return tuple(stacking.Fold(start=a, stop=b, until=self.known(a)) for a, b in self.blocks())


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """What was forecast, of all T hours; NaN where nothing was.

    Attributes
    ----------
    chance : (T,) floats
        Probabilities.
    raw : (T,) floats
        What hours are ranked by: log odds before calibration, or the single feature of a baseline.
    odds : (T,) floats
        Calibrated log odds before anything was laid on top of them; empty where nothing ever is.
    """

    chance: Floats
    raw: Floats
    odds: Floats = field(default_factory=lambda: np.zeros(0))


def model(features: Features, protocol: Protocol, *, hours: Hours, tick: Tick) -> Forecasts:
    """Return the forecasts of the model; see `champion`."""
    came = outcomes(hours.liquidated, protocol.target)
    values = features.columns(*COLUMNS)

    def fit(rows: Rows) -> Score:
        return champion.fit(values[rows], came[rows], hours=protocol.target.hours).logits

    return walk(values, came[:, MAIN], protocol, fit=fit, tick=tick, extras=features.beside())


def baseline(features: Features, protocol: Protocol, *, hours: Hours, names: tuple[str, ...], tick: Tick) -> Forecasts:
    """Return the forecasts of a plain regression on a few features, for comparison.

    Hours are ranked by a single feature itself, so that no refit disturbs their order.
    """
    came = outcomes(hours.liquidated, protocol.target)[:, [MAIN]]
    values = with_met(features, protocol.target).columns(*names)

    def fit(rows: Rows) -> Score:
        found = logistic.fit(values[rows], came[rows], penalty=1.0)
        return lambda block: found.logits(block, threshold=0)

    found = walk(values, came[:, 0], protocol, fit=fit, tick=tick, calibrated=False)
    return replace(found, raw=np.where(np.isfinite(found.raw), values[:, 0], np.nan)) if len(names) == 1 else found


def with_met(features: Features, target: Target) -> Features:
    """Return one feature more, `MET`: whether the target came true within the last hours, as many as it has."""
    recent = features.columns("recent")
    met = np.where(np.isfinite(recent), recent >= np.log1p(target.usd / THOUSAND), np.nan)
    return Features(names=(*features.names, MET), values=np.column_stack([features.values, met]))


def trees(features: Features, protocol: Protocol, *, hours: Hours, seed: int, tick: Tick) -> Forecasts:
    """Return the forecasts of boosted trees, the challenger."""
    came = outcomes(hours.liquidated, protocol.target)[:, MAIN]
    values = features.columns(*COLUMNS)

    def fit(rows: Rows) -> Score:
        return boosted.fit(values[rows], came[rows], hours=protocol.target.hours, seed=seed)

    return walk(values, came, protocol, fit=fit, tick=tick)


def rows(values: Floats, came: Floats, *, first: int, until: int) -> Rows:
    """Return the hours before ``until`` of which features and outcome are known."""
    usable = np.isfinite(values).all(axis=1) & np.isfinite(came)
    usable[:first] = False
    usable[max(until, 0) :] = False
    return np.flatnonzero(usable)


def enough(came: Floats, *, hours: int) -> bool:
    """Return whether events are enough to learn from."""
    return bool(came.sum() >= FEWEST_EVENTS * hours and came.mean() < 1)


def walk(
    values: Floats,
    came: Floats,
    protocol: Protocol,
    *,
    fit: Callable[[Rows], Score],
    tick: Tick,
    calibrated: bool = True,
    extras: Mapping[str, Floats] | None = None,
) -> Forecasts:
    """Return the forecasts of all blocks.

    Parameters
    ----------
    values : (T, F) floats
        Features; hours where one is NaN are not forecast.
    came : (T,) floats
        Outcomes.
    protocol : Protocol
    fit : callable
        From rows to a function from features to log odds.
    tick : callable
        Called before each block.
    calibrated : bool
        Whether log odds are calibrated on those of earlier blocks.
    extras : mapping of str to (T,) floats, optional
        What may be laid on top.

    Raises
    ------
    GapInData
        When there is too little to learn from before a block that is scored.
    """
    raw, odds, chance = (np.full(came.size, np.nan) for _ in range(3))
    fitted: dict[int, Score] = {}
    folds, beside = protocol.folds(), extras or {}
    for start, stop in protocol.blocks():
        tick()
        until = protocol.known(start)
        learnt = rows(values, came, first=protocol.first, until=until)
        if not enough(came[learnt], hours=protocol.target.hours):
            _refuse(came[learnt], protocol, start)
            continue
        if until not in fitted:
            fitted[until] = fit(learnt)
        block = start + np.flatnonzero(np.isfinite(values[start:stop]).all(axis=1))
        if block.size:
            raw[block] = fitted[until](values[block])
            scaled = calibration(raw, came, protocol, until) if calibrated else logistic.Calibration()
            odds[block] = scaled.shift + scaled.slope * raw[block]
            stack = stacking.learn(odds, beside, came, folds=folds, until=until, hours=protocol.target.hours)
            chance[block] = stack.probabilities(odds[block], beside, at=block)
    return Forecasts(chance=np.round(chance, DIGITS), raw=np.round(raw, DIGITS), odds=np.round(odds, DIGITS))


def calibration(raw: Floats, came: Floats, protocol: Protocol, until: int) -> logistic.Calibration:
    """Return the calibration on forecasts of earlier blocks whose outcome was known."""
    past = np.isfinite(raw) & np.isfinite(came)
    past[max(until, 0) :] = False
    if not past.any():
        return logistic.Calibration()
    return logistic.calibrate(raw[past], came[past], penalty=CAUTION * protocol.target.hours)


def _refuse(came: Floats, protocol: Protocol, block: int) -> None:
    if block >= protocol.test[0]:
        raise GapInData(
            f"There is too little to learn {protocol.target.name} from: before the test only {int(came.sum())} hours"
            f" saw it come true. Begin the test later, or ask for a smaller amount.",
            target=protocol.target.name,
            hours=int(came.sum()),
        )
