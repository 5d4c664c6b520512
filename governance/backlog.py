"""A long backlog, worked off by Celery's workers while somebody waits for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from governance.chain import spreading
from governance.chain.coverage import missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.models import Deployment

LOOK = 0.5  # seconds between two looks at what has landed
STALL = 60.0  # seconds without anything landing after which waiting makes no sense


def work_off(
    deployment: Deployment,
    *,
    to_block: int,
    workers: int,
    progress: Callable[[int, int, str], None],
    stall: float = STALL,
) -> int:
    """Let up to ``workers`` tasks at once land the backlog up to ``to_block``; return how many jobs were handed out.

    What they leave, because nobody took it, a node refused, or it is short, is for the caller to collect.

    Parameters
    ----------
    deployment : Deployment
        Whose streams are collected.
    to_block : int
        Last block.
    workers : int
        Jobs that are under way at once; how many run depends on the workers that are there.
    progress : callable
        Called with blocks done, blocks in all, and a text.
    stall : float
        Seconds without progress after which it gives up waiting.
    """
    streams = list(deployment.streams.all())

    def lacking() -> int:
        return sum(last - first + 1 for stream in streams for first, last in missing(stream, to_block))

    given: set[spreading.Job] = set()
    total = left = lacking()
    moved = time.monotonic()
    while (jobs := spreading.plan(streams, to_block=to_block)) and time.monotonic() - moved < stall:
        under_way = given & set(jobs)
        new = [job for job in jobs if job not in given][: max(workers - len(under_way), 0)]
        spreading.hand_out(new)
        given.update(new)
        time.sleep(LOOK)
        now = lacking()
        if now != left:
            left, moved = now, time.monotonic()
        progress(total - left, total, f"{len(given):,} jobs of {spreading.BLOCKS:,} blocks")
    return len(given)
