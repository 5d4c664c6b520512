"""When a block was, as far as an archive tells: many of its logs do not say, but their neighbours bound it.

Blocks are in the order of their times, so a block without a time lies between those of its nearest neighbours with one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

type Span = tuple[int, int]
"""Earliest and latest unix second; equal when the time is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The known times of one chain's blocks.

    Attributes
    ----------
    blocks, times : tuple of int
        Blocks with a known time, ascending, and their times.
    """

    blocks: tuple[int, ...]
    times: tuple[int, ...]

    @property
    def newest(self) -> int:
        """The newest known time; 0 when none is known."""
        return max(self.times, default=0)

    def span(self, block: int, *, latest: int) -> Span:
        """Return when ``block`` was at the earliest and at the latest; ``latest`` is after everything archived."""
        before, after = bisect_right(self.blocks, block) - 1, bisect_left(self.blocks, block)
        low = self.times[before] if before >= 0 else 0
        high = self.times[after] if after < len(self.times) else max(latest, low)
        return low, high

    def backwards(self) -> Iterator[int]:
        """Yield the blocks that are earlier than one before them, which no chain allows."""
        for number in range(1, len(self.blocks)):
            if self.times[number] < self.times[number - 1]:
                yield self.blocks[number]


def clock(known: Iterable[tuple[int, int]]) -> Clock:
    """Return the clock of a chain from pairs of block and time; of two times of one block the earlier counts."""
    found: dict[int, int] = {}
    for block, time in known:
        found[block] = min(time, found.get(block, time))
    blocks = tuple(sorted(found))
    return Clock(blocks=blocks, times=tuple(found[block] for block in blocks))
