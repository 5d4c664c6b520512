"""What a world is: joint price paths, any cut of which has the same bits.

Path 7 draws from ``Philox(key=(seed, 7))``, one stream for each purpose, so that it is the same in a run of ten paths
and of ten thousand, on any machine, in any number of pieces.

References
----------
Salmon, Moraes, Dror & Shaw (2011), counter-based random numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from forecasting.core.book import Floats
from governance.errors import InputError

type Words = npt.NDArray[np.uint64]

DAYS, TILTS, JUMPS, SHOCKS = range(4)  # streams of a path: which days, how tilted, when it jumps, normal shocks
MOST_PATHS = 10_000_000  # a path is a key


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Some paths of a world.

    Attributes
    ----------
    growth : (P, T, R) floats
        Price over the starting price at the end of each step.
    weights : (P,) floats or None
        Importance weights, 1 on average; None: all paths are alike.
    """

    growth: Floats
    weights: Floats | None


class World(Protocol):
    """Joint paths of the R columns that it was opened for."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """The columns."""

    @property
    def title(self) -> str:
        """A name for people."""

    @property
    def what(self) -> str:
        """One sentence that says what happens."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What is taken for granted, in sentences."""

    @property
    def hours(self) -> int:
        """How long a path is."""

    @property
    def step_hours(self) -> float:
        """Time between two prices of a path."""

    @property
    def size(self) -> int | None:
        """How many distinct paths there are; None: as many as wanted."""

    @property
    def deterministic(self) -> bool:
        """Whether there is one path only."""

    @property
    def depth_scale(self) -> Floats:
        """By how much the depth of each column is multiplied, (R,)."""

    def draw(self, first: int, count: int) -> Draw:
        """Return ``count`` paths from path ``first`` on; a world that has one path only repeats it."""


def words(*, seed: int, first: int, count: int, stream: int, size: int) -> Words:
    """Return (count, size) random words of paths ``first`` and on."""
    out = np.empty((count, size), dtype=np.uint64)
    for row in range(count):
        generator = np.random.Philox(key=[seed, first + row], counter=[0, 0, 0, stream])
        out[row] = generator.random_raw(size)
    return out


def uniforms(raw: Words) -> Floats:
    """Return random words as numbers in [0, 1)."""
    found: Floats = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return found


def require_range(first: int, count: int) -> None:
    """Check that paths can be asked for.

    Raises
    ------
    InputError
        When they cannot.
    """
    if first < 0 or count < 1 or first + count > MOST_PATHS:
        raise InputError(
            f"Paths {first} to {first + count - 1} cannot be drawn; ask for at least one below {MOST_PATHS}.",
            field="paths",
            value=count,
        )
