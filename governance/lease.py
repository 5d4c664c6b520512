"""A renewed lease on the tasks that a worker holds.

On a Redis broker a task is delivered again when it was not finished within the visibility time-out. A time-out above
the longest task would leave the tasks of a killed worker lying for as long; so it is short here, and a living worker
renews it. Other brokers notice a dead worker by its connection and need no lease.
"""

from __future__ import annotations

import time
from typing import Any

from celery import bootsteps

LEASE = 20  # seconds; a dead worker's tasks are delivered again after this
RENEWAL = LEASE / 4


class LeaseRenewal(bootsteps.StartStopStep):
    """Step of the worker's consumer that renews the lease while its main process lives."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:  # noqa: ANN401 - Celery is untyped
        """Begin to renew."""
        self.timer = parent.timer.call_repeatedly(RENEWAL, renew, (parent,))

    def stop(self, parent: Any) -> None:  # noqa: ANN401, ARG002
        """End it."""
        self.timer.cancel()


def renew(consumer: Any) -> int:  # noqa: ANN401
    """Renew the lease of every task that ``consumer`` holds; return how many those were.

    Notes
    -----
    Kombu keeps the unfinished deliveries in a sorted set, scored by the time of delivery. Only members that are still
    there are touched (``XX``), so a task that ended meanwhile does not come back.
    """
    channel = consumer.task_consumer.channel
    if not hasattr(channel, "unacked_index_key"):
        return 0
    held = list(channel.qos._delivered)  # noqa: SLF001 - Kombu offers no other way to list them
    if not held:
        return 0
    with channel.conn_or_acquire() as client:
        return int(client.zadd(channel.unacked_index_key, dict.fromkeys(held, time.time()), xx=True, ch=True))
