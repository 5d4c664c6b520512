"""What charts show of warnings: precision at every recall, and of each episode whether and when it was warned of.

References
----------
Precision and recall as curves of a threshold: Davis & Goadrich (2006).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.realised import HOUR
from forecasting.core.warning.events import Episode, Target
from forecasting.core.warning.features import Hours
from forecasting.core.warning.scores import BUDGET
from forecasting.core.warning.walkforward import Rows

RECALLS = np.linspace(0.02, 1.0, 50)
DIGITS = 6


def precision_recall(happened: Floats, score: Floats) -> list[list[float]]:
    """Return ``[recall, precision]`` at `RECALLS`; ties count together; empty where nothing happened.

    Each point is the highest threshold that reaches the recall, so that no point is better than a threshold can be.
    """
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(happened[order])
    if not hits.size or hits[-1] == 0:
        return []
    last = np.append(np.flatnonzero(np.diff(score[order])), score.size - 1)
    recall, precision = hits[last] / hits[-1], hits[last] / (last + 1)
    at = np.minimum(np.searchsorted(recall, RECALLS * (1 - 1e-12)), last.size - 1)
    return [[round(float(r), DIGITS), round(float(p), DIGITS)] for r, p in zip(recall[at], precision[at], strict=True)]


def timeline(
    score: Floats, episodes: Sequence[Episode], *, at: Rows, hours: Hours, target: Target
) -> list[dict[str, float | int | None]]:
    """Return each episode: when it began, when the amount was reached, USD liquidated, and hours of warning before.

    Parameters
    ----------
    score : (n,) floats
        The highest of them, `BUDGET` of all, are warnings.
    episodes : sequence of Episode
        In places of ``score``.
    at : (n,) ints
        Which of ``hours`` each score is of.
    hours : Hours
    target : Target

    Returns
    -------
    list of dict
        ``from`` (unix seconds: from then on a warning would have been right), ``reached``, ``liquidated`` and
        ``lead_hours``, None where nothing warned.
    """
    alarms = np.zeros(score.size, dtype=np.bool_)
    alarms[np.argsort(-score, kind="stable")[: max(1, round(BUDGET * score.size))]] = True
    rows: list[dict[str, float | int | None]] = []
    for episode in episodes:
        inside = np.flatnonzero(alarms[episode.first : min(episode.last + 1, episode.crossed)])
        first, last = int(at[episode.first]), int(at[episode.last])
        rows.append(
            {
                "from": int(hours.ends[first]),
                "reached": int(hours.ends[first]) + (episode.crossed - episode.first) * HOUR,
                "liquidated": round(float(np.nansum(hours.liquidated[first + 1 : last + 1 + target.hours])), 2),
                "lead_hours": int(episode.crossed - episode.first - inside[0]) if inside.size else None,
            }
        )
    return rows
