"""Following a run of a worker to its end, whatever kind of run it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from governance.errors import ServiceError

type Progress = Callable[[int, int, str], None]

POLL = 0.3  # seconds


class Run(Protocol):
    """A row that a worker writes its progress into."""

    pk: int
    status: str
    progress: int
    message: str

    def refresh_from_db(self) -> None:
        """Read the row again."""


def follow[R](run: Run, *, name: str, ended: Callable[[], R | None], progress: Progress, timeout: float) -> R:
    """Look at a run until ``ended`` returns something, or raises because it did not end well; return that.

    Parameters
    ----------
    run : Run
    name : str
        What people call it, at the beginning of a sentence.
    ended : callable
        Called after each look; None: not yet.
    progress : callable
        Called with percent, 100 and a text.
    timeout : float
        Seconds.

    Raises
    ------
    ServiceError
        When it did not end in time.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        run.refresh_from_db()
        progress(run.progress, 100, run.message)
        found = ended()
        if found is not None:
            return found
        time.sleep(POLL)
    raise ServiceError(
        f"{name} did not end within {timeout:.0f} seconds (it is {run.status} at {run.progress} %). "
        "`manage.py services status` says whether a worker runs; asking again continues the same run.",
        run=run.pk,
    )
