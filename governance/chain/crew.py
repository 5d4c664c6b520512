"""A second process for a long backlog, so that two processors are used where there are two.

Python runs one thread at a time. While one reads an answer, which is most of the work, none hands rows to the database.
So a copy of this process takes its share of the blocks and lands them as any other worker would, over a connection of
its own. What it leaves, because it failed or was killed, is still missing, and the first one collects it afterwards.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from django.db import connection, connections

from governance.env import env
from governance.errors import BreakwaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

MANY = 5_000  # blocks that are missing, from which a second process pays
STRIDE = 2_000  # blocks that one takes at once: neighbours are landed together, and in the end nobody waits long
_FORK = multiprocessing.get_context("fork")  # another start would take as long as some ten thousand blocks


class Share:
    """Blocks that two processes collect, each taking the next ones when it has done its own.

    Parameters
    ----------
    ranges : sequence of (int, int)
        First and last blocks, lowest first.

    Attributes
    ----------
    total : int
        How many blocks these are.
    """

    def __init__(self, ranges: Sequence[tuple[int, int]]) -> None:
        self.total = sum(last - first + 1 for first, last in ranges)
        self._pieces = [
            (low, min(low + STRIDE - 1, last)) for first, last in ranges for low in range(first, last + 1, STRIDE)
        ]
        self._owner = os.getpid()
        self._taken = _FORK.Value("q", 0)
        self._landed = _FORK.Value("q", 0)

    def take(self) -> list[tuple[int, int]]:
        """Take the next blocks; none when all are taken, or when a copy has survived its original."""
        if self._owner not in {os.getpid(), os.getppid()}:
            return []
        with self._taken:
            number = int(self._taken.value)
            self._taken.value = number + 1
        return self._pieces[number : number + 1]

    def landed(self, blocks: int) -> int:
        """Count blocks that this process has landed; return how many both have."""
        with self._landed:
            self._landed.value += blocks
            return int(self._landed.value)


def share(ranges: Sequence[tuple[int, int]]) -> Share | None:
    """Return missing blocks for two processes to share; None when one is as good, or alone may collect them."""
    found = Share(ranges)
    several = (os.cpu_count() or 1) > 1 and env().fetchers > 1
    limited = env().provider_rps > 0  # of which each process would send as many
    return None if found.total < MANY or not several or limited or connection.in_atomic_block else found


@contextmanager
def copied[Result](work: Callable[[], Result]) -> Iterator[Callable[[], Result | None]]:
    """Let a copy of this process do some work meanwhile.

    Yields
    ------
    callable
        Waits for the copy and returns its result; None when it did not come to one.
    """
    mine, theirs = _FORK.Pipe(duplex=False)
    copy = _FORK.Process(target=_serve, args=(work, theirs), daemon=True)
    gc.freeze()  # what is there now is not looked through again by either, nor its memory copied for that
    with warnings.catch_warnings():  # threads of others, as that which draws a progress bar, are none of its business
        warnings.simplefilter("ignore", DeprecationWarning)
        copy.start()
    gc.unfreeze()
    theirs.close()
    try:
        yield lambda: _result(mine)
    finally:
        _end(copy)
        mine.close()


def _result[Result](line: Connection[Result, Result]) -> Result | None:
    try:
        return line.recv()
    except EOFError:
        return None


def _end(copy: BaseProcess) -> None:
    copy.terminate()
    copy.join()
    copy.close()


def _serve[Result](work: Callable[[], Result], line: Connection[Result, Result]) -> None:
    """Do the work, in the copy: with connections of its own, and none of the original's ways to be interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()
    for alias in list(connections):
        with suppress(AttributeError):  # it was never used
            del connections[alias]
    with suppress(BreakwaterError, BrokenPipeError):  # the original meets the same fault, and says so
        line.send(work())
