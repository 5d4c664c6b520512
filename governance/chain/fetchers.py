"""Threads that read ranges of blocks ahead of the one who lands them.

They never touch the database: what they have read is handed to the caller's thread, which lands it. At most
``width + AHEAD`` ranges are under way or waiting, so the memory is bounded however far behind the collector is.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from governance.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from governance.chain.crew import Share
    from governance.chain.ranges import Range

AHEAD = 3  # ranges that wait to be landed while all threads read others


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What became of a question: the range that was found, or the error, and who answered."""

    first: int
    last: int
    found: Range | ChainError
    provider: str


class Work:
    """Ranges of blocks that are still to be read, lowest first; they are cut as they are taken.

    Parameters
    ----------
    ranges : iterable of (int, int)
        First and last blocks.
    share : Share or None
        Where more are taken from when these are done.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]], share: Share | None = None) -> None:
        self._ranges = deque(sorted(ranges))
        self._share = share

    def __bool__(self) -> bool:
        if not self._ranges and self._share is not None:
            self._ranges.extend(self._share.take())
        return bool(self._ranges)

    @property
    def blocks(self) -> int:
        """How many blocks are left."""
        return sum(last - first + 1 for first, last in self._ranges)

    def take(self, size: int) -> tuple[int, int]:
        """Take up to ``size`` blocks."""
        first, last = self._ranges.popleft()
        if last - first >= size:
            self._ranges.appendleft((first + size, last))
            last = first + size - 1
        return first, last

    def put_back(self, first: int, last: int) -> None:
        """Return blocks that have to be read again; they are taken next."""
        self._ranges.appendleft((first, last))


class Fetchers:
    """Some threads that read.

    Parameters
    ----------
    read : callable
        Reads the blocks from its first to its second argument, and returns them with the name of who answered.
    width : int
        Number of threads.
    """

    def __init__(self, read: Callable[[int, int], tuple[Range, str]], *, width: int) -> None:
        self._read = read
        self._width = width
        self._threads = ThreadPoolExecutor(max_workers=width, thread_name_prefix="fetch")
        self._pending: dict[Future[Reading], tuple[int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()
        self._threads.shutdown(cancel_futures=True)

    def next(self, work: Work, size: Callable[[], int]) -> list[Reading]:
        """Wait for at least one reading and return what is there, lowest first; empty when all work is done."""
        while work and len(self._pending) < self._width + AHEAD:
            piece = work.take(size())
            self._pending[self._threads.submit(self._fetch, *piece)] = piece
        if not self._pending:
            return []
        done, _ = wait(self._pending, return_when=FIRST_COMPLETED)
        for future in done:
            del self._pending[future]
        return sorted((future.result() for future in done), key=_first)

    def under_way(self) -> list[tuple[int, int]]:
        """Return the ranges that are being read, or wait for it."""
        return list(self._pending.values())

    def forget(self) -> None:
        """Drop what is under way: it is read again if it is still wanted."""
        for future in self._pending:
            future.cancel()
        self._pending = {}

    def _fetch(self, first: int, last: int) -> Reading:
        try:
            found, provider = self._read(first, last)
        except ChainError as error:
            return Reading(first=first, last=last, found=error, provider="")
        return Reading(first=first, last=last, found=found, provider=provider)


def _first(reading: Reading) -> int:
    return reading.first


def subtract(ranges: Iterable[tuple[int, int]], others: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what is left of some ranges of blocks without others."""
    left = list(ranges)
    for low, high in others:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, low - 1)), (max(first, high + 1), last))
            if part[0] <= part[1]
        ]
    return left
