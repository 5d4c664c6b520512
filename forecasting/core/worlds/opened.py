"""The world of a book: a source of paths, what is laid over it, and which column is which asset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.realised import Stamps
from forecasting.core.worlds.base import Draw
from forecasting.core.worlds.moves import Move
from forecasting.core.worlds.sources import Fixed, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A world; see `forecasting.core.worlds.base.World`.

    Attributes
    ----------
    columns : (R,) ints
        The source's asset of each symbol; -1: it does not move by itself.
    source : Source
    moves : tuple of Move
        Over the R symbols.
    scale : float
        What the source's log returns are multiplied by.
    """

    symbols: tuple[str, ...]
    title: str
    what: str
    assumptions: tuple[str, ...]
    hours: int
    step_hours: float
    depth_scale: Floats
    columns: Stamps
    source: Source
    moves: tuple[Move, ...] = ()
    scale: float = 1.0

    @property
    def deterministic(self) -> bool:
        """Whether there is one path only."""
        return isinstance(self.source, Fixed) and all(move.deterministic for move in self.moves)

    @property
    def size(self) -> int | None:
        """How many distinct paths there are; None: as many as wanted."""
        return 1 if self.deterministic else None

    def draw(self, first: int, count: int) -> Draw:
        """Return ``count`` paths (P, T, R) from path ``first`` on."""
        drawn = self.source.draw(first, count)
        growth = np.where(self.columns >= 0, drawn.growth[:, :, np.maximum(self.columns, 0)], 1.0)
        if self.scale != 1.0:
            growth = growth**self.scale
        if self.moves:
            steps = growth.shape[1]
            logs = [move.logs(first=first, count=count, steps=steps) for move in self.moves]
            growth = growth * np.exp(sum(logs[1:], logs[0]))
        return Draw(growth=growth, weights=drawn.weights)
