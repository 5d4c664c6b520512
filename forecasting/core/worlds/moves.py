"""What is laid over paths: drifts, joint jumps, and changes that somebody wrote down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import ndtri

from forecasting.core.book import Floats
from forecasting.core.worlds.base import JUMPS, uniforms, words


class Move(Protocol):
    """Something that happens to every path."""

    @property
    def deterministic(self) -> bool:
        """Whether the same happens to all."""

    def logs(self, *, first: int, count: int, steps: int) -> Floats:
        """Return the (P or 1, T, A) logarithms by which prices are moved, cumulated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A drift of A assets, log units a step."""

    size: Floats
    deterministic: bool = True

    def logs(self, *, first: int, count: int, steps: int) -> Floats:  # noqa: ARG002 - as all moves
        """Return (1, T, A)."""
        return (np.arange(1, steps + 1)[:, None] * self.size)[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """One joint jump of each path, in a step drawn from all.

    Attributes
    ----------
    mean, spread : (A,) floats
        Of the jump's logarithm, over paths.
    alike : float
        Correlation of two assets' jumps.
    seed : int
    columns : tuple of int
        The asset of each of the book's columns: what is priced alike jumps alike.
    """

    mean: Floats
    spread: Floats
    alike: float
    seed: int
    columns: tuple[int, ...]
    deterministic: bool = False

    def logs(self, *, first: int, count: int, steps: int) -> Floats:
        """Return (P, T, R)."""
        raw = uniforms(words(seed=self.seed, first=first, count=count, stream=JUMPS, size=2 + self.mean.size))
        shocks = normals(raw[:, 1:])
        joint = np.sqrt(self.alike) * shocks[:, :1] + np.sqrt(1.0 - self.alike) * shocks[:, 1:]
        when = (raw[:, 0] * steps).astype(np.int64)
        since = np.arange(steps) >= when[:, None]
        jumps = (self.mean + self.spread * joint)[:, list(self.columns)]
        found: Floats = since[:, :, None] * jumps[:, None, :]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Changes of single assets in given steps.

    Attributes
    ----------
    when, which : (n,) ints
        Step and asset of each.
    size : (n,) floats
        Relative change of the price, above -1.
    assets : int
    """

    when: tuple[int, ...]
    which: tuple[int, ...]
    size: tuple[float, ...]
    assets: int
    deterministic: bool = True

    def logs(self, *, first: int, count: int, steps: int) -> Floats:  # noqa: ARG002 - as all moves
        """Return (1, T, A)."""
        out = np.zeros((1, steps, self.assets))
        for when, which, size in zip(self.when, self.which, self.size, strict=True):
            out[0, when:, which] += np.log1p(size)
        return out


def normals(uniform: Floats) -> Floats:
    """Return standard normal numbers made of uniform ones."""
    found: Floats = ndtri(uniform + 2.0**-54)
    return found
