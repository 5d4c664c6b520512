"""A process that reads answers beside the collector's own, whose threads would otherwise wait for each other.

Python runs one thread at a time. While one reads an answer, which is most of the work, none would hand rows to the
database. So a long backlog gets a process that does nothing else. It knows neither nodes nor the database, imports
little, and ends when the collector does, whatever ends it.
"""

from __future__ import annotations

import os
import pickle
import socket
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from governance.chain.reading import Question, read, read_here
from governance.errors import DishonestAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from governance.chain.reading import Outcome

    Read = Callable[[bytes, Question], Outcome]

MANY = 5_000  # blocks that are missing, from which a process of its own pays
PATIENCE = 60  # seconds without a word, after which it is taken for dead
ENDING = 5.0  # seconds
_HEAD = struct.Struct(">QQ")
_PATH = "import sys; sys.path[:] = sys.argv[1:]"  # it finds what we find


@contextmanager
def reading(blocks: int) -> Iterator[Read]:
    """Yield what reads the answers about so many blocks: a process of its own when it pays."""
    if blocks < MANY or (os.cpu_count() or 1) == 1:
        yield read_here
        return
    reader = Reader()
    try:
        yield reader
    finally:
        reader.close()


class Reader:
    """A process that reads. Threads take turns; when it is gone, they read themselves."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        for which in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._line.setsockopt(socket.SOL_SOCKET, which, struct.pack("ll", PATIENCE, 0))
        self._turn = threading.Lock()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"{_PATH}; from {__name__} import serve; serve()", *filter(None, sys.path)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for the collector, and it ends with it
            )

    def __call__(self, raw: bytes, question: Question) -> Outcome:
        """Return what `read` does, or raise it."""
        with self._turn:
            try:
                _say(self._line, question, raw)
                found: Outcome | _Raised = _hear(self._line)[0]
            except (OSError, EOFError):
                self._line.close()
                return read(raw, question)
        if isinstance(found, _Raised):
            raise found.error
        return found

    def close(self) -> None:
        """End it."""
        self._line.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(ENDING)
        self.process.kill()
        self.process.wait()


class _Raised:
    """An error that was raised, not returned."""

    def __init__(self, error: DishonestAnswer) -> None:
        self.error = error


def serve() -> None:
    """Read what comes through the standard input, a socket, until nobody asks any more."""
    with socket.socket(fileno=0) as line, suppress(EOFError, ConnectionError):
        while True:
            question, raw = _hear(line)
            _say(line, _outcome(raw, question))


def _outcome(raw: bytearray, question: Question) -> Outcome | _Raised:
    try:
        return read(raw, question)
    except DishonestAnswer as error:
        return _Raised(error)


def _say(line: socket.socket, said: object, raw: bytes = b"") -> None:
    packed = pickle.dumps(said)
    line.sendall(_HEAD.pack(len(packed), len(raw)) + packed)
    line.sendall(raw)


def _hear(line: socket.socket) -> tuple[Any, bytearray]:
    """Return an object and the bytes behind it; both ends are our own, so what is unpickled is what we pickled."""
    packed, raw = _HEAD.unpack(_take(line, _HEAD.size))
    return pickle.loads(_take(line, packed)), _take(line, raw)  # noqa: S301 - see above


def _take(line: socket.socket, size: int) -> bytearray:
    taken = bytearray(size)
    view, at = memoryview(taken), 0
    while at < size:
        got = line.recv_into(view[at:], 0, socket.MSG_WAITALL)
        if not got:
            raise EOFError
        at += got
    return taken
