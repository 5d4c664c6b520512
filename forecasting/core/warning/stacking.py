"""What else is known, laid on top of the model's log odds: funding, open interest, debt near liquidation, a simulator.

Each of these covers only part of the past, if any, and most help little. So none of them enters the model. One that
has proven itself on past folds, and on nothing else, moves the log odds by a weight that was learnt on the forecasts of
past folds: ``logit p = calibrated logit of the model + sum of w_e z_e``, where ``z_e`` is standardised on what was
learnt from, and 0 where it is not known. One that has not is left aside, and it is said why.

References
----------
Wolpert, D. (1992), stacked generalisation. Folds that go forward, so that none is judged by what was learnt later:
Dawid, A. P. (1984), the prequential approach. Several judged at once: Bonferroni.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from scipy.stats import t as student

from forecasting.core.book import Floats
from forecasting.core.volatility.base import rounded

LEVEL = 0.05  # one-sided, of all that are judged together
FEWEST_FOLDS = 6  # with hours that it covers
FEWEST_EVENTS = 3  # windows after which the event came, among those that a weight is learnt from
CAUTION = 100.0  # windows that a weight has to overcome
FAR = 4.0  # standard deviations, beyond which it says no more
STEPS = 30
TOLERANCE = 1e-9

type Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A block of days: ``start`` and ``stop``, and the hour ``until`` which could be learnt from before it began."""

    start: int
    stop: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What past folds say of one extra feature.

    Attributes
    ----------
    name : str
    hours, folds : int
        Forecast hours that it covers, and folds on which it could be judged.
    gain, t : float
        Mean fall of the logarithmic loss by fold, and over its standard error; 0 where it could not be judged.
    used : bool
    why : str
        One sentence.
    """

    name: str
    hours: int
    folds: int
    gain: float
    t: float
    used: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Weights of those features that are used, and what was said of all.

    Attributes
    ----------
    names : tuple of str
        E features in use.
    mean, scale, weights : (E,) floats
    judged : tuple of Judged
    """

    names: tuple[str, ...] = ()
    mean: Floats = field(default_factory=lambda: np.zeros(0))
    scale: Floats = field(default_factory=lambda: np.ones(0))
    weights: Floats = field(default_factory=lambda: np.zeros(0))
    judged: tuple[Judged, ...] = ()

    def parts(self, extras: Mapping[str, Floats], *, rows: int) -> Floats:
        """Return (rows, E): what each feature adds to the log odds; one that is not there, or NaN, adds nothing."""
        columns = [extras.get(name, np.full(rows, np.nan)) for name in self.names]
        values = np.column_stack(columns) if columns else np.zeros((rows, 0))
        return np.asarray(_standard(values, self.mean, self.scale) * self.weights, dtype=np.float64)

    def probabilities(self, odds: Floats, extras: Mapping[str, Floats], *, at: Indices) -> Floats:
        """Return the probabilities of hours ``at`` from their calibrated log odds and all hours' extras."""
        moved = self.parts({name: column[at] for name, column in extras.items()}, rows=at.size).sum(axis=1)
        return np.asarray(expit(odds + moved), dtype=np.float64)

    @property
    def parameters(self) -> dict[str, object]:
        """Everything that was learnt, JSON-ready but for its arrays."""
        return {"names": list(self.names), "mean": self.mean, "scale": self.scale, "weights": self.weights}


def restored(parameters: Mapping[str, object]) -> Stack:
    """Return the stack that `Stack.parameters` describes."""
    arrays = {name: np.asarray(parameters[name], dtype=np.float64) for name in ("mean", "scale", "weights")}
    return Stack(names=tuple(map(str, parameters["names"])), **arrays)  # type: ignore[call-overload, arg-type]


def learn(
    odds: Floats, extras: Mapping[str, Floats], came: Floats, *, folds: Sequence[Fold], until: int, hours: int
) -> Stack:
    """Return which features are used, and their weights, from forecasts whose outcome was known.

    Parameters
    ----------
    odds : (T,) floats
        Calibrated log odds, as they were forecast; NaN where nothing was.
    extras : mapping of str to (T,) floats
        NaN where not known.
    came : (T,) floats
        Outcomes.
    folds : sequence of Fold
        In order of time.
    until : int
        Hour from which on nothing may be learnt.
    hours : int
        Horizon: so many hours overlap.
    """
    known = np.isfinite(odds) & np.isfinite(came)
    known[max(until, 0) :] = False
    level = LEVEL / max(1, len(extras))
    judged = tuple(
        _judge(name, odds, np.where(known, values, np.nan), came, folds=folds, hours=hours, level=level)
        for name, values in extras.items()
    )
    names = tuple(one.name for one in judged if one.used)
    if not names:
        return Stack(judged=judged)
    values = np.column_stack([extras[name] for name in names])
    rows = np.flatnonzero(known & np.isfinite(values).any(axis=1))
    mean, scale = np.nanmean(values[rows], axis=0), np.nanstd(values[rows], axis=0) + 1e-9
    weights = _weights(_standard(values[rows], mean, scale), odds[rows], came[rows], penalty=CAUTION * hours)
    exact = [np.array([rounded(value) for value in part]) for part in (mean, scale, weights)]
    return Stack(names=names, mean=exact[0], scale=exact[1], weights=exact[2], judged=judged)


def _judge(
    name: str, odds: Floats, values: Floats, came: Floats, *, folds: Sequence[Fold], hours: int, level: float
) -> Judged:
    """Return how much a feature alone helps on each fold with a weight that was learnt before it."""
    covered = np.isfinite(values)
    gains = []
    for fold in folds:
        inside = fold.start + np.flatnonzero(covered[fold.start : fold.stop])
        before = np.flatnonzero(covered[: max(fold.until, 0)])
        if inside.size and came[before].sum() >= FEWEST_EVENTS * hours:
            gains.append(_gain(odds, values[:, None], came, before=before, inside=inside, hours=hours))
    size = len(gains)
    mean = float(np.mean(gains)) if gains else 0.0
    spread = float(np.std(gains, ddof=1)) if size > 1 else 0.0
    ratio = mean / (spread / np.sqrt(size)) if spread > 0 else 0.0
    enough = size >= FEWEST_FOLDS
    used = enough and bool(ratio > student.isf(level, size - 1))
    return Judged(
        name=name,
        hours=int(covered.sum()),
        folds=size,
        gain=rounded(mean),
        t=rounded(ratio),
        used=used,
        why=_why(size=size, covered=int(covered.sum()), used=used, gain=mean, ratio=ratio),
    )


def _why(*, size: int, covered: int, used: bool, gain: float, ratio: float) -> str:
    if size < FEWEST_FOLDS:
        return f"covers {covered:,} forecast hours, {size} folds to be judged on; {FEWEST_FOLDS} are needed"
    told = f"changes the logarithmic loss by {-gain:+.5f} a fold (t {ratio:.1f}, {size} past folds)"
    return f"{told}: used" if used else f"{told}: that may be luck, not used"


def _gain(odds: Floats, values: Floats, came: Floats, *, before: Indices, inside: Indices, hours: int) -> float:
    mean, scale = values[before].mean(axis=0), values[before].std(axis=0) + 1e-9
    weight = _weights(_standard(values[before], mean, scale), odds[before], came[before], penalty=CAUTION * hours)
    moved = odds[inside] + _standard(values[inside], mean, scale) @ weight
    return float((_loss(odds[inside], came[inside]) - _loss(moved, came[inside])).mean())


def _loss(odds: Floats, came: Floats) -> Floats:
    return np.asarray(np.logaddexp(0.0, odds) - came * odds, dtype=np.float64)


def _weights(z: Floats, odds: Floats, came: Floats, *, penalty: float) -> Floats:
    """Return the weights with the largest penalised likelihood beside fixed log odds, by Newton's method."""
    found = np.zeros(z.shape[1])
    for _ in range(STEPS):
        chance = expit(odds + z @ found)
        curvature = (z * (chance * (1 - chance))[:, None]).T @ z + penalty * np.eye(found.size)
        step = np.linalg.solve(curvature, z.T @ (came - chance) - penalty * found)
        found = found + step
        if np.abs(step).max() <= TOLERANCE:
            break
    return found


def _standard(values: Floats, mean: Floats, scale: Floats) -> Floats:
    return np.asarray(np.nan_to_num(np.clip((values - mean) / scale, -FAR, FAR)), dtype=np.float64)
