"""A long backlog, cut into jobs that several workers carry out at once.

The jobs of a stream lie on a fixed grid of blocks, so that planning twice names the same ones. A job takes the
advisory lock of its place: whoever comes second leaves it, and the server frees the lock of a worker that died.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from celery import current_app
from django.db import transaction

from governance.chain import finality, logs
from governance.chain.coverage import missing
from governance.errors import ConflictError
from governance.locks import exclusive
from governance.models import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from governance.chain.client import Client
    from governance.models import Deployment

TASK = "governance.tasks.collect_range"
BLOCKS = 10_000  # of one job: some seconds to minutes of work, so that little is lost with a worker that dies
MOST = 64  # jobs of one stream that are handed out at once
EXPIRES = 600  # seconds after which a job that no worker took is dropped; it is planned again


class Job(NamedTuple):
    """Blocks of a stream that one worker collects."""

    stream: int
    first: int
    last: int


def plan(streams: Iterable[Stream], *, to_block: int) -> list[Job]:
    """Return the jobs that lack blocks up to ``to_block``, the first `MOST` of each stream; a short one is none.

    What is left at the end, less than `BLOCKS`, is for the collector that follows the head.
    """
    return [job for stream in streams for job in _jobs(stream, to_block)]


def _jobs(stream: Stream, to_block: int) -> list[Job]:
    end = (to_block + 1) // BLOCKS  # the place that is not whole yet
    places = dict.fromkeys(
        place
        for first, last in missing(stream, end * BLOCKS - 1)
        for place in range(first // BLOCKS, min(last // BLOCKS, first // BLOCKS + MOST) + 1)
    )
    low = stream.first_block
    found = [Job(stream.pk, max(place * BLOCKS, low), (place + 1) * BLOCKS - 1) for place in places]
    return found[:MOST]


def spread(deployment: Deployment, *, client: Client) -> int:
    """Hand the backlog of ``deployment`` out to the workers and return the number of jobs."""
    jobs = plan(deployment.streams.all(), to_block=finality.head(client))
    hand_out(jobs)
    return len(jobs)


def hand_out(jobs: Iterable[Job]) -> None:
    """Give jobs to the workers, once what this transaction wrote can be seen by them."""
    for job in jobs:
        transaction.on_commit(partial(current_app.send_task, TASK, args=list(job), expires=EXPIRES))


def work(job: Job, *, client: Client) -> None:
    """Carry out a job: land what is missing of it. Doing it twice lands nothing more.

    Raises
    ------
    ChainUnavailable, WrongChain, DeepReorg
        As `governance.chain.logs.collect`; what was landed until then stays.
    """
    stream = Stream.objects.select_related("deployment__chain").get(pk=job.stream)
    with suppress(ConflictError), exclusive(f"collect {job.stream} {job.first // BLOCKS}"):
        logs.collect_range(client, stream, first=job.first, last=job.last)
