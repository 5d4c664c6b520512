"""How good probabilities of rare events are: ranking, reliability, warnings in time, and how sure that is.

References
----------
Area under precision and recall (average precision): Davis & Goadrich (2006). Brier skill and reliability: Murphy
(1973). Expected calibration error over bins of equal width: Naeini et al. (2015); beside it over bins of equal size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from forecasting.core.book import Floats
from forecasting.core.warning.events import Episode
from forecasting.core.warning.logistic import calibrate

BINS = 10
BUDGET = 0.05  # share of all hours that may be spent on warnings
DRAWS = 400
LEVELS = (0.05, 0.95)  # of an interval

type Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """What warnings are worth when the highest forecasts, `BUDGET` of all hours, are warnings.

    Attributes
    ----------
    recall : float
        Share of episodes with a warning before the amount was reached.
    precision : float
        Share of warnings after which the event came in time.
    leads : tuple of int
        Hours from the first warning to that in which the amount was reached, of each episode that was warned of.
    """

    recall: float
    precision: float
    leads: tuple[int, ...]


def average_precision(happened: Floats, score: Floats) -> float:
    """Return the area under precision and recall of (n,) scores; ties count together; NaN where nothing happened."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(happened[order])
    if not hits.size or hits[-1] == 0:
        return float("nan")
    last = np.append(np.flatnonzero(np.diff(score[order])), score.size - 1)
    found = hits[last]
    precision = found / (last + 1)
    return float((np.diff(found, prepend=0.0) * precision).sum() / hits[-1])


def brier_skill(happened: Floats, chance: Floats) -> float:
    """Return 1 - Brier score / that of the share of events in the scored hours themselves, which nobody knew before."""
    base = happened.mean()
    reference = base * (1 - base)
    return float(1 - np.mean((chance - happened) ** 2) / reference) if reference > 0 else float("nan")


def calibration_error(happened: Floats, chance: Floats) -> float:
    """Return the mean distance of forecast and observed share over `BINS` bins of equal width, weighted by hours."""
    return sum(
        abs(bin_["forecast"] - bin_["observed"]) * bin_["hours"] for bin_ in reliability(happened, chance)
    ) / max(1, chance.size)


def calibration_error_by_rank(happened: Floats, chance: Floats) -> float:
    """Return the same over `BINS` bins of as many hours each."""
    bins = np.array_split(np.argsort(chance, kind="stable"), BINS)
    return float(sum(abs(chance[b].sum() - happened[b].sum()) for b in bins) / max(1, chance.size))


def reliability(happened: Floats, chance: Floats) -> list[dict[str, float]]:
    """Return forecast and observed share of each bin of equal width that holds hours."""
    which = np.minimum((chance * BINS).astype(np.intp), BINS - 1)
    found = []
    for index in range(BINS):
        inside = which == index
        if inside.any():
            found.append(
                {
                    "forecast": float(chance[inside].mean()),
                    "observed": float(happened[inside].mean()),
                    "hours": int(inside.sum()),
                }
            )
    return found


def slope(happened: Floats, chance: Floats) -> float:
    """Return the slope of outcomes on log odds: below 1, forecasts were too sure of themselves."""
    held = np.clip(chance, 1e-6, 1 - 1e-6)
    return calibrate(np.log(held / (1 - held)), happened, penalty=1e-6).slope


def warned(score: Floats, happened: Floats, episodes: Sequence[Episode]) -> Warned:
    """Return what warnings are worth; ``score`` is (n,), and so are the hours of ``episodes``."""
    size = max(1, round(BUDGET * score.size))
    alarms = np.zeros(score.size, dtype=np.bool_)
    alarms[np.argsort(-score, kind="stable")[:size]] = True
    leads = []
    for episode in episodes:
        inside = np.flatnonzero(alarms[episode.first : min(episode.last + 1, episode.crossed)])
        if inside.size:
            leads.append(episode.crossed - episode.first - int(inside[0]))
    recall = len(leads) / len(episodes) if episodes else float("nan")
    return Warned(recall=recall, precision=float(happened[alarms].mean()), leads=tuple(leads))


def resamples(size: int, episodes: Sequence[Episode], *, seed: int, draws: int = DRAWS) -> list[Indices]:
    """Return hours drawn anew: the hours are cut half-way between episodes, and the pieces drawn with replacement."""
    middles = [(a.last + b.first) // 2 + 1 for a, b in pairwise(episodes)]
    edges = np.array([0, *middles, size], dtype=np.intp)
    pieces = [np.arange(a, b, dtype=np.intp) for a, b in pairwise(edges)]
    rng = np.random.Generator(np.random.Philox(key=[seed, size]))
    drawn = rng.integers(0, len(pieces), size=(draws, len(pieces)))
    return [np.concatenate([pieces[int(piece)] for piece in row]) for row in drawn]


def intervals(
    happened: Floats, chances: Mapping[str, Floats], scores: Mapping[str, Floats], drawn: Sequence[Indices], model: str
) -> dict[str, dict[str, list[float]]]:
    """Return intervals of each forecast's PR-AUC and Brier skill, and of how much ``model`` is above it.

    Parameters
    ----------
    happened : (n,) floats
    chances, scores : mapping of str to (n,) floats
        Probabilities, and what hours are ranked by.
    drawn : sequence of indices
        See `resamples`.
    model : str
        Which forecast the others are compared with.
    """
    areas = {
        name: np.array([average_precision(happened[d], score[d]) for d in drawn]) for name, score in scores.items()
    }
    skills = {name: np.array([brier_skill(happened[d], chance[d]) for d in drawn]) for name, chance in chances.items()}
    return {
        name: {
            "pr_auc": _interval(areas[name]),
            "brier_skill": _interval(skills[name]),
            "pr_auc_gain": _interval(areas[model] - areas[name]),
            "brier_skill_gain": _interval(skills[model] - skills[name]),
        }
        for name in chances
    }


def _interval(values: Floats) -> list[float]:
    known = values[np.isfinite(values)]
    return [float(np.quantile(known, level)) for level in LEVELS] if known.size else []
