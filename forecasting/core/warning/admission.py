"""Whether a challenger may take the place of the warning in use: rules on forecasts that both made unseen.

Judged are the newest blocks of the walk that hold `EPISODES` episodes, with all that is between: one block alone may be
calm, and calm hours tell nobody from another. Every rule answers with a sentence and its numbers, and one that lacks
data does not pass.

References
----------
Paired resampling of episodes: Efron & Tibshirani (1993), with pieces that hold one episode each, see `scores`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.core.admission import Finding
from forecasting.core.book import Floats
from forecasting.core.realised import Stamps
from forecasting.core.warning import scores
from forecasting.core.warning.events import episodes
from forecasting.core.warning.scores import Indices
from forecasting.core.warning.walkforward import BLOCK

EPISODES = 20  # that the judged hours hold
FEWEST = 5  # episodes, below which nothing is compared
SURE = 0.95  # share of resamples in which the challenger must be better
LARGEST_ERROR = 0.05  # of calibration, on hours so few that luck alone makes 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a model forecast unseen.

    Attributes
    ----------
    name : str
    ends : (n,) int64
        Hours, unix seconds.
    chance, score, happened : (n,) floats
        Probability (NaN: it abstained), what hours are ranked by, and the outcome.
    """

    name: str
    ends: Stamps
    chance: Floats
    score: Floats
    happened: Floats


def judged(past: Past, *, hours: int) -> Past:
    """Return the newest hours, whole blocks, that hold `EPISODES` episodes; all, where there are fewer."""
    known = cut(past, np.flatnonzero(np.isfinite(past.happened)))
    size, taken = known.ends.size, 0
    while taken < size:
        taken = min(taken + BLOCK, size)
        if len(episodes(known.happened[size - taken :], hours=hours)) >= EPISODES:
            break
    return cut(known, np.arange(size - taken, size))


def cut(past: Past, at: Indices) -> Past:
    """Return some of the hours."""
    return Past(
        name=past.name,
        ends=past.ends[at],
        chance=past.chance[at],
        score=past.score[at],
        happened=past.happened[at],
    )


def on(past: Past, ends: Stamps) -> Past:
    """Return what was forecast of hours, in their order; NaN where nothing was."""
    at = np.minimum(np.searchsorted(past.ends, ends), max(0, past.ends.size - 1))
    there = past.ends[at] == ends if past.ends.size else np.zeros(ends.size, dtype=np.bool_)

    def column(values: Floats) -> Floats:
        return np.where(there, values[at], np.nan) if past.ends.size else np.full(ends.size, np.nan)

    return Past(
        name=past.name,
        ends=ends,
        chance=column(past.chance),
        score=column(past.score),
        happened=column(past.happened),
    )


def examine(
    challenger: Past, champion: Past, *, rivals: Mapping[str, Past], hours: int, seed: int
) -> tuple[Finding, ...]:
    """Return what every rule says of a challenger; it may be promoted when all have passed.

    Parameters
    ----------
    challenger, champion : Past
        Outcomes are the champion's.
    rivals : mapping of str to Past
        The baselines, which have to be outdone whoever is champion.
    hours : int
        Horizon.
    seed : int
        Of the resampling.
    """
    old = judged(champion, hours=hours)
    new = on(challenger, old.ends)
    both = np.flatnonzero(np.isfinite(new.chance) & np.isfinite(old.chance))
    lacking = int((np.isnan(new.chance) & np.isfinite(old.chance)).sum())
    ours, theirs = cut(new, both), cut(old, both)
    others = {name: on(past, ours.ends) for name, past in rivals.items() if name != challenger.name}
    return (
        better(ours, theirs, hours=hours, seed=seed),
        ranked(ours, others, happened=theirs.happened),
        calibrated(ours, happened=theirs.happened),
        complete(lacking),
    )


def better(ours: Past, theirs: Past, *, hours: int, seed: int) -> Finding:
    """Ask for a smaller Brier score in nearly all resamples of the episodes, drawn for both alike."""
    found = episodes(theirs.happened, hours=hours)
    if len(found) < FEWEST:
        sentence = f"{len(found)} episodes can be compared; {FEWEST} are needed."
        return Finding(rule="better", passed=False, sentence=sentence, numbers={"episodes": float(len(found))})
    gain = (theirs.chance - theirs.happened) ** 2 - (ours.chance - theirs.happened) ** 2
    drawn = scores.resamples(gain.size, found, seed=seed)
    share = float(np.mean([gain[rows].mean() > 0 for rows in drawn]))
    numbers = {
        "brier": _brier(ours.chance, theirs.happened),
        "champion_brier": _brier(theirs.chance, theirs.happened),
        "share": share,
        "episodes": float(len(found)),
        "hours": float(gain.size),
    }
    said = (
        f"Brier score {numbers['brier']:.5f} against {numbers['champion_brier']:.5f} of {theirs.name} over"
        f" {gain.size:,} hours with {len(found)} episodes, better in {share:.0%} of their resamples"
    )
    passed = share >= SURE
    end = "more than luck explains" if passed else f"that may be luck, for {SURE:.0%} are asked"
    return Finding(rule="better", passed=passed, sentence=f"{said}: {end}.", numbers=numbers)


def ranked(ours: Past, others: Mapping[str, Past], *, happened: Floats) -> Finding:
    """Ask that it rank hours better than every baseline does."""
    area = scores.average_precision(happened, ours.chance)
    areas = {name: _area(other, happened) for name, other in others.items()}
    known = {name: value for name, value in areas.items() if np.isfinite(value)}
    numbers = {"pr_auc": area, **{f"{name}_pr_auc": value for name, value in known.items()}}
    if not np.isfinite(area) or not known:
        return Finding(rule="ranked", passed=False, sentence="No baseline forecast the same hours, or nothing came.")
    best = max(known, key=lambda name: known[name])
    return Finding(
        rule="ranked",
        passed=area > known[best],
        sentence=f"Precision and recall enclose {area:.3f}; of the baselines {best} comes closest with"
        f" {known[best]:.3f}.",
        numbers=numbers,
    )


def calibrated(ours: Past, *, happened: Floats) -> Finding:
    """Ask that what was said come as often as it was said."""
    if not happened.size:
        return Finding(rule="calibrated", passed=False, sentence="No hour can be compared.")
    error = scores.calibration_error(happened, ours.chance)
    return Finding(
        rule="calibrated",
        passed=error <= LARGEST_ERROR,
        sentence=f"Forecast and observed shares differ by {error:.3f} on average; {LARGEST_ERROR} is allowed"
        f" (mean forecast {ours.chance.mean():.1%}, {happened.mean():.1%} came true).",
        numbers={"ece": error},
    )


def complete(lacking: int) -> Finding:
    """Ask for a forecast of every hour that the champion forecast."""
    said = "It forecast every hour that the champion forecast."
    if lacking:
        said = f"It lacks {lacking} hours that the champion forecast: whoever is silent in wild hours looks right."
    return Finding(rule="complete", passed=not lacking, sentence=said, numbers={"lacking": float(lacking)})


def _area(other: Past, happened: Floats) -> float:
    both = np.isfinite(other.score)
    return scores.average_precision(happened[both], other.score[both]) if both.all() and both.size else float("nan")


def _brier(chance: Floats, happened: Floats) -> float:
    return float(np.mean((chance - happened) ** 2))
