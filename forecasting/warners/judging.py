"""What versions of warnings forecast unseen, and how two of them compare there.

Each version kept its forecasts with their outcomes. Outcomes are taken from the champion's, and a challenger whose
outcomes say otherwise is refused: nobody is judged by what it brought along itself.
"""

from __future__ import annotations

import numpy as np

from forecasting import artifacts
from forecasting.core.admission import Finding
from forecasting.core.warning import scores
from forecasting.core.warning.admission import FEWEST, Past, cut, examine, judged, on
from forecasting.core.warning.competitors import PLAIN
from forecasting.core.warning.events import episodes
from forecasting.models import ModelVersion

SEED = 1
WORSE = 0.95  # share of resamples in which a refreshed model is worse, from which on it is refused


def past(version: ModelVersion) -> Past:
    """Return what a version forecast unseen.

    Raises
    ------
    InputError
        When nothing was kept.
    ImplausibleData
        When it was altered after registration.
    """
    held = artifacts.evidence(version)
    return Past(name=version.name, **{key: held[key] for key in ("ends", "chance", "score", "happened")})


def compare(challenger: ModelVersion, champion: ModelVersion) -> tuple[Finding, ...]:
    """Return what the rules say of two versions of a line, with its newest baselines beside."""
    ours, theirs = past(challenger), past(champion)
    if not _agree(ours, theirs):
        said = (
            f"Its outcomes are not those of version {champion.pk} on the hours that both have; train on the same data."
        )
        return (Finding(rule="outcomes", passed=False, sentence=said),)
    rows = ModelVersion.objects.filter(line=champion.line, name__in=PLAIN).order_by("name", "-created_timestamp", "-pk")
    rivals = {row.name: past(row) for row in rows.distinct("name")}
    return examine(ours, theirs, rivals=rivals, hours=champion.config["hours"], seed=SEED)


def got_worse(version: ModelVersion, *, used: ModelVersion) -> int:
    """Return the days on which a model fitted anew is worse than before by more than luck; 0: it is not."""
    old = judged(past(used), hours=used.config["hours"])
    new = on(past(version), old.ends)
    both = np.flatnonzero(np.isfinite(new.chance) & np.isfinite(old.chance))
    ours, theirs = cut(new, both), cut(old, both)
    found = episodes(theirs.happened, hours=used.config["hours"])
    loss = (ours.chance - theirs.happened) ** 2 - (theirs.chance - theirs.happened) ** 2
    if len(found) < FEWEST or not loss.any():
        return 0
    drawn = scores.resamples(loss.size, found, seed=SEED)
    worse = float(np.mean([loss[rows].mean() > 0 for rows in drawn]))
    return loss.size // 24 if worse >= WORSE else 0


def _agree(ours: Past, theirs: Past) -> bool:
    """Return whether two versions saw the same outcomes wherever both know one."""
    mine = on(ours, theirs.ends).happened
    both = np.isfinite(mine) & np.isfinite(theirs.happened)
    return bool((mine[both] == theirs.happened[both]).all())
