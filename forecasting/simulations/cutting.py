"""Paths in units of work, and all of them together again.

Without a precision there is one stage of paths. With one, the precision is looked at at the ends of stages, at twice as
many paths each time: the units of a stage compute nothing when the stages before it sufficed. Stages do not depend on
the number of chunks, and what is told is computed from all paths in their order, so chunks leave no trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from forecasting.backtests.base import Arrays, Done, Tick
from forecasting.core import outcomes, tables, weighted
from forecasting.core.book import Floats
from forecasting.core.cascade import CascadeProblem
from forecasting.core.outcomes import Limits, Outcome
from forecasting.core.tables import Tally
from forecasting.simulations.posing import Posed

FIRST = 2_000  # paths of the first stage with a precision; of fewer, too few are in the tail to tell an error by
BLOCK = 500  # paths at a time, which bounds the memory of a unit
PREFIX = "paths"

type Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """All paths that were run.

    Attributes
    ----------
    tally, calm : Tally
        With and without the impact of liquidations; of the latter, parts and course alone.
    weights : (P,) floats or None
    precise : bool or None
        Whether the precision was reached, which it never is without a loss; None: none was asked for.
    """

    tally: Tally
    calm: Tally
    weights: Floats | None
    precise: bool | None

    @property
    def paths(self) -> int:
        """How many."""
        return int(self.tally.course.shape[0])

    @property
    def bad_debt(self) -> Floats:
        """Of all protocols, by path, USD."""
        found: Floats = self.tally.totals[:, tables.BAD_DEBT]
        return found

    def outcome(self, posed: Posed, *, reserve: float | None, limits: Limits) -> Outcome:
        """Return what the paths come to."""
        return outcomes.summarise(self.problem(posed), self.tally, self.calm, reserve=reserve, limits=limits)

    def problem(self, posed: Posed) -> CascadeProblem:
        """Return a problem of these weights whose paths are the prices at the horizon, which is all that it is for."""
        return posed.on(self.tally.price[:, None, :], weights=self.weights)


def stages(request: Mapping[str, Any], posed: Posed) -> tuple[Span, ...]:
    """Return the stages: first path and the one after the last of each."""
    most = request["paths"] if posed.world.size is None else min(request["paths"], posed.world.size)
    if not _stops(request, posed) or most <= FIRST:
        return ((0, most),)
    edges = [0]
    while edges[-1] < most:
        edges.append(min(max(2 * edges[-1], FIRST), most))
    return tuple(pairwise(edges))


def units(request: Mapping[str, Any], posed: Posed) -> dict[str, tuple[str, ...]]:
    """Return the units of paths by name, each with those of the stages before it."""
    made: dict[str, tuple[str, ...]] = {}
    for number, span in enumerate(stages(request, posed)):
        before = tuple(made)
        made |= {f"{PREFIX}-{number}-{piece:02}": before for piece in range(len(_chunks(span, request["chunks"])))}
    return made


def compute(unit: str, *, request: Mapping[str, Any], posed: Posed, done: Done, tick: Tick) -> Arrays:
    """Return the tallies of the unit's paths; nothing when earlier stages sufficed."""
    _, stage, piece = unit.split("-")
    if int(stage) and join(request, posed, done).precise:
        return {}
    first, last = _chunks(stages(request, posed)[int(stage)], request["chunks"])[int(piece)]
    tallies, calms, weights = [], [], []
    for begin in range(first, last, BLOCK):
        tick()
        problem = posed.problem(begin, min(BLOCK, last - begin))
        tallies.append(problem.run())
        calms.append(problem.calm().run())
        weights += [] if problem.weights is None else [problem.weights]
    tick()
    told = {f"run_{name}": array for name, array in _stacked(tallies)._asdict().items()}
    calm = _stacked(calms)
    told |= {"calm_parts": calm.parts, "calm_course": calm.course}
    return told | ({"weights": np.concatenate(weights)} if weights else {})


def join(request: Mapping[str, Any], posed: Posed, done: Done) -> Joined:
    """Return the paths of the stages that are done, up to the one that sufficed."""
    tallies: list[Tally] = []
    calms: list[Tally] = []
    weights: list[Floats] = []
    found: Joined | None = None
    for number, _ in enumerate(stages(request, posed)):
        parts = [arrays for name, arrays in done.items() if name.startswith(f"{PREFIX}-{number}-") and arrays]
        if not parts:
            break
        for arrays in parts:
            tallies.append(Tally(*(arrays[f"run_{name}"] for name in Tally._fields)))
            calms.append(_calm(arrays))
            weights += [arrays["weights"]] if "weights" in arrays else []
        found = Joined(
            tally=_stacked(tallies),
            calm=_stacked(calms),
            weights=np.concatenate(weights) if weights else None,
            precise=None,
        )
        if _stops(request, posed):
            summary = weighted.summarise(found.bad_debt, found.weights)
            found = replace(found, precise=outcomes.precise(summary, request["precise"]))
            if found.precise:
                break
    if found is None:
        raise ValueError("no unit of paths is done")
    return found


def _stops(request: Mapping[str, Any], posed: Posed) -> bool:
    """Return whether a precision decides how many paths there are; of what is certain, none does."""
    return request["precise"] is not None and posed.world.size is None


def _chunks(span: Span, count: int) -> list[Span]:
    edges = np.unique(np.linspace(*span, min(count, span[1] - span[0]) + 1).astype(int))
    return [(int(a), int(b)) for a, b in pairwise(edges)]


def _calm(arrays: Arrays) -> Tally:
    paths, assets = arrays["run_lost"].shape
    blank = tables.blank(paths=paths, assets=assets, protocols=arrays["calm_parts"].shape[1])
    return blank._replace(parts=arrays["calm_parts"], course=arrays["calm_course"])


def _stacked(tallies: Sequence[Tally]) -> Tally:
    return Tally(*(np.concatenate(column) for column in zip(*tallies, strict=True)))
