"""A second process for a long backlog, so that two processors are used where there are two.

Python runs one thread at a time. While one reads an answer, which is most of the work, none hands rows to the database.
So a copy of this process takes its share of the blocks and lands them as any other worker would, over a connection of
its own. What it leaves, because it failed or was killed, is still missing, and the first one collects it afterwards.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import select
import signal
import struct
import time
import traceback
import warnings
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from django.db import connection, connections

from governance.env import env
from governance.errors import BreakwaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MANY = 5_000  # blocks that are missing, from which a second process pays
STRIDE = 2_000  # blocks that one takes at once, as neighbours are landed together
_LAST = 2  # pieces that are cut smaller, so that in the end nobody waits long
_PIECES = 4_096  # that are waiting at most: their numbers fit into a pipe
_NUMBER = struct.Struct("q")
PATIENCE = 120.0  # seconds for the copy to land what it still has, after which the original lands that itself


class Share:
    """Blocks that two processes collect, each taking the next ones when it has done its own.

    Nothing here is locked, so that neither waits for the other when that was killed, wherever it was then: the numbers
    of the pieces wait in a pipe, of which each reads the next one, and each counts for itself.

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
        stride = max(STRIDE, self.total // _PIECES)
        pieces = list(islice(_cut(ranges, stride), _PIECES))  # what is left of very many holes is for one, afterwards
        self._pieces = [*pieces[:-_LAST], *_cut(pieces[-_LAST:], stride // 4)]
        self._owner = os.getpid()
        self._landed = multiprocessing.RawArray("q", 2)
        self._line, end = os.pipe()
        os.write(end, b"".join(map(_NUMBER.pack, range(len(self._pieces)))))
        os.close(end)

    def __del__(self) -> None:
        os.close(self._line)

    def take(self) -> list[tuple[int, int]]:
        """Take the next blocks; none when all are taken, or when a copy has survived its original."""
        if self._owner not in {os.getpid(), os.getppid()}:
            return []
        number = os.read(self._line, _NUMBER.size)
        return [self._pieces[_NUMBER.unpack(number)[0]]] if number else []

    def landed(self, blocks: int) -> int:
        """Count blocks that this process has landed; return how many both have."""
        self._landed[os.getpid() != self._owner] += blocks
        return sum(self._landed)


def _cut(ranges: Iterable[tuple[int, int]], stride: int) -> Iterator[tuple[int, int]]:
    return ((low, min(low + stride - 1, last)) for first, last in ranges for low in range(first, last + 1, stride))


def share(ranges: Sequence[tuple[int, int]]) -> Share | None:
    """Return missing blocks for two processes to share; None when one is as good, or alone may collect them.

    A worker of Celery may not start another process; there, a long backlog is shared by jobs instead.
    """
    several = (os.cpu_count() or 1) > 1 and env().fetchers > 1
    limited = env().provider_rps > 0  # of which each process would send as many
    alone = connection.in_atomic_block or multiprocessing.current_process().daemon
    few = sum(last - first + 1 for first, last in ranges) < MANY
    return None if few or limited or alone or not several else Share(ranges)


@contextmanager
def copied[Result](work: Callable[[], Result]) -> Iterator[Callable[[], Result | None]]:
    """Let a copy of this process do some work meanwhile; it is ended with the block.

    It is forked without `multiprocessing`, whose hooks would first tidy up after libraries that hold connections here,
    and may wait for them for ever.

    Yields
    ------
    callable
        Waits for the copy and returns its result; None when it did not come to one in time.
    """
    line, end = os.pipe()
    copy = _fork()
    if not copy:
        _serve(work, end)
    os.close(end)
    try:
        yield lambda: _result(line)
    finally:
        os.close(line)
        os.kill(copy, signal.SIGKILL)
        os.waitpid(copy, 0)


def _fork() -> int:
    gc.freeze()  # what is there now is not looked through again by the copy, nor its memory copied for that
    try:
        with warnings.catch_warnings():  # threads of others, as that which draws a progress bar, are not its business
            warnings.simplefilter("ignore", DeprecationWarning)
            return os.fork()
    finally:
        gc.unfreeze()


def _result(line: int) -> Any:  # noqa: ANN401 - what the work returned
    said, until = b"", time.monotonic() + PATIENCE
    while select.select([line], [], [], max(until - time.monotonic(), 0))[0]:
        piece = os.read(line, 65_536)
        if not piece:
            return pickle.loads(said) if said else None  # noqa: S301 - our own copy pickled it
        said += piece
    return None


def _serve[Result](work: Callable[[], Result], end: int) -> NoReturn:
    """Do the work, in the copy: with connections of its own, and none of the original's ways to be interrupted."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        gc.freeze()
        for alias in list(connections):
            with suppress(AttributeError):  # it was never used
                del connections[alias]
        with suppress(BreakwaterError, BrokenPipeError):  # the original meets the same fault, and says so
            os.write(end, pickle.dumps(work()))
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may go on from here as if it were the original
        traceback.print_exc()
    finally:
        os._exit(status)
