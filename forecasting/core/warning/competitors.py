"""The models of warnings that are registered: walked forward, fitted to everything, and restored from plain data.

`BASELINE` cannot fail to fit and is what a line falls back to; `CONTENDER` was fixed beforehand and is put to the gate
unasked; the others are there to be compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.volatility.trees import plain, restored
from forecasting.core.warning import boosted, champion, logistic, stacking, walkforward
from forecasting.core.warning.champion import Champion
from forecasting.core.warning.events import MAIN, Target, outcomes
from forecasting.core.warning.features import COLUMNS, Features, Hours
from forecasting.core.warning.logistic import Calibration, Logistic
from forecasting.core.warning.stacking import Stack
from forecasting.core.warning.walkforward import MET, Forecasts, Protocol, Rows, Tick, enough, rows
from governance.errors import GapInData

BASELINE = "two_feature"
CONTENDER = "hazard"
BOOSTED = "boosted"
PLAIN: Mapping[str, tuple[str, ...]] = {
    "persistence": (MET,),
    "recent": ("liquidated_24h",),
    "ewma": ("volatility",),
    BASELINE: ("liquidated_24h", "volatility"),
}
"""Baselines, by the features that they read."""
NAMES = (CONTENDER, BOOSTED, *PLAIN)

type Learnt = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A model that was fitted to all hours whose outcome is known.

    Attributes
    ----------
    name : str
    columns : tuple of str
        F features that it reads.
    odds : callable
        From (n, F) features to (n,) log odds before calibration.
    parts : callable or None
        From (n, F) features to what each adds, (n, F); None: it cannot tell.
    calibration : Calibration
    stack : Stack
    base : float
        Share of the hours learnt from after which the target came true.
    learnt : dict
        Everything above as numbers, JSON-ready but for arrays.
    """

    name: str
    columns: tuple[str, ...]
    odds: Callable[[Floats], Floats]
    parts: Callable[[Floats], Floats] | None
    base: float
    learnt: Learnt
    calibration: Calibration = field(default_factory=Calibration)
    stack: Stack = field(default_factory=Stack)

    def chance(self, features: Features, *, target: Target, at: int) -> float:
        """Return the probability at an hour; NaN where a feature is not known."""
        values = values_of(features, self.columns, target)[[at]]
        calm = self.calibration.shift + self.calibration.slope * self.odds(values)
        beside = {name: column[[at]] for name, column in features.beside().items()}
        return float(self.stack.probabilities(calm, beside, at=np.array([0]))[0])

    def reasons(self, features: Features, *, target: Target, at: int) -> tuple[tuple[str, float], ...]:
        """Return what moves the log odds of an hour compared with a usual one, the strongest first."""
        if self.parts is None:
            return ()
        values = values_of(features, self.columns, target)[[at]]
        beside = {name: column[[at]] for name, column in features.beside().items()}
        moved = dict(zip(self.columns, (self.calibration.slope * self.parts(values)[0]).tolist(), strict=True))
        moved |= dict(zip(self.stack.names, self.stack.parts(beside, rows=1)[0].tolist(), strict=True))
        return tuple(sorted(moved.items(), key=lambda pair: -abs(pair[1])))


def walk(name: str, features: Features, protocol: Protocol, *, hours: Hours, seed: int, tick: Tick) -> Forecasts:
    """Return the forecasts of a model on hours that it had not seen."""
    if name == CONTENDER:
        return walkforward.model(features, protocol, hours=hours, tick=tick)
    if name == BOOSTED:
        return walkforward.trees(features, protocol, hours=hours, seed=seed, tick=tick)
    return walkforward.baseline(features, protocol, hours=hours, names=PLAIN[name], tick=tick)


def fit(name: str, features: Features, protocol: Protocol, *, hours: Hours, past: Forecasts, seed: int) -> Fitted:
    """Return a model fitted to every hour whose outcome is known, calibrated on its forecasts of the past.

    Parameters
    ----------
    name : str
    features, protocol, hours
        As it was walked forward.
    past : Forecasts
        What `walk` returned.
    seed : int

    Raises
    ------
    GapInData
        When there is too little to learn from.
    """
    target = protocol.target
    came = outcomes(hours.liquidated, target)
    columns = PLAIN.get(name, COLUMNS)
    values = values_of(features, columns, target)
    until = hours.last + 1 - target.hours
    learnt_from = rows(values, came[:, MAIN], first=protocol.first, until=until)
    happened = came[learnt_from, MAIN]
    if not learnt_from.size or not enough(happened, hours=target.hours):
        raise GapInData(f"There is too little to learn {target.name} from; import more, or ask for a smaller amount.")
    learnt: Learnt = {
        "columns": list(columns),
        "base": float(happened.mean()),
        "model": _fit(name, values, came, learnt_from, hours=target.hours, seed=seed),
    }
    if name not in PLAIN:
        calibration = walkforward.calibration(past.raw, came[:, MAIN], protocol, until)
        learnt["calibration"] = {"shift": calibration.shift, "slope": calibration.slope}
    if name == CONTENDER:
        stack = judge(features.beside(), protocol, hours=hours, past=past)
        learnt |= {"stack": stack.parameters, "judged": judged(stack)}
    return restore(name, learnt)


def judge(extras: Mapping[str, Floats], protocol: Protocol, *, hours: Hours, past: Forecasts) -> Stack:
    """Return what all forecasts of the past say of the extras; see `stacking`."""
    target, came = protocol.target, outcomes(hours.liquidated, protocol.target)[:, MAIN]
    until = hours.last + 1 - target.hours
    return stacking.learn(past.odds, extras, came, folds=protocol.folds(), until=until, hours=target.hours)


def judged(stack: Stack) -> list[dict[str, Any]]:
    """Return what was said of each extra, JSON-ready."""
    return [{name: getattr(one, name) for name in one.__slots__} for one in stack.judged]


def restore(name: str, learnt: Mapping[str, Any]) -> Fitted:
    """Return the model that ``learnt`` describes."""
    columns, model = tuple(learnt["columns"]), learnt["model"]
    odds, parts = _restored(name, model)
    return Fitted(
        name=name,
        columns=columns,
        odds=odds,
        parts=parts,
        base=float(learnt["base"]),
        learnt=dict(learnt),
        calibration=Calibration(**learnt["calibration"]) if "calibration" in learnt else Calibration(),
        stack=stacking.restored(learnt["stack"]) if "stack" in learnt else Stack(),
    )


def values_of(features: Features, columns: tuple[str, ...], target: Target) -> Floats:
    """Return the (T, F) values that a model reads."""
    return (walkforward.with_met(features, target) if MET in columns else features).columns(*columns)


def _fit(name: str, values: Floats, came: Floats, learnt_from: Rows, *, hours: int, seed: int) -> Learnt:
    if name == CONTENDER:
        found = champion.fit(values[learnt_from], came[learnt_from], hours=hours)
        return {"views": [_numbers(view) for view in found.views]}
    if name == BOOSTED:
        return dict(
            plain(boosted.grow(values[learnt_from], came[learnt_from, MAIN], hours=hours, seed=seed)).parameters
        )
    return _numbers(logistic.fit(values[learnt_from], came[learnt_from][:, [MAIN]], penalty=1.0))


def _restored(name: str, model: Learnt) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats] | None]:
    if name == CONTENDER:
        views = Champion(views=tuple(_logistic(view) for view in model["views"]))
        return views.logits, views.parts
    if name == BOOSTED:
        grown = restored(model)
        return lambda values: np.round(grown.raw(values), boosted.DIGITS), None
    line = _logistic(model)
    return lambda values: line.logits(values, threshold=0), line.parts


def _numbers(found: Logistic) -> Learnt:
    return {name: getattr(found, name) for name in found.__slots__}


def _logistic(learnt: Learnt) -> Logistic:
    return Logistic(**{name: np.asarray(learnt[name], dtype=np.float64) for name in Logistic.__slots__})
