"""Where paths come from, beside filtered history: one path that was, none at all, or a plain diffusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.worlds.base import SHOCKS, Draw, require_range, uniforms, words
from forecasting.core.worlds.moves import normals


class Source(Protocol):
    """Joint paths of A assets."""

    def draw(self, first: int, count: int) -> Draw:
        """Return ``count`` paths from path ``first`` on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """One path, (T, A) prices over the starting ones."""

    path: Floats

    def draw(self, first: int, count: int) -> Draw:
        """Return the path, ``count`` times."""
        require_range(first, count)
        return Draw(growth=np.repeat(self.path[None], count, axis=0), weights=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diffusion:
    """Geometric Brownian motion without drift of the logarithm.

    Attributes
    ----------
    volatility : (A,) floats
        Of a step's log return.
    alike : float
        Correlation of any two assets.
    steps, seed : int
    """

    volatility: Floats
    alike: float
    steps: int
    seed: int

    def draw(self, first: int, count: int) -> Draw:
        """Return ``count`` paths (P, T, A) from path ``first`` on."""
        require_range(first, count)
        size = self.steps * (1 + self.volatility.size)
        raw = uniforms(words(seed=self.seed, first=first, count=count, stream=SHOCKS, size=size))
        shocks = normals(raw).reshape(count, self.steps, -1)
        joint = np.sqrt(self.alike) * shocks[:, :, :1] + np.sqrt(1.0 - self.alike) * shocks[:, :, 1:]
        return Draw(growth=np.exp(np.cumsum(joint * self.volatility, axis=1)), weights=None)
