from __future__ import annotations

import os
import signal
import time

import pytest
from django.db import connection

from governance import lease
from governance.celery import app
from tests.fixtures import tasks

pytestmark = pytest.mark.timeout(180)


def held(channel) -> dict[str, float]:
    return {tag.decode(): at for tag, at in channel.client.zrange("unacked_index", 0, -1, withscores=True)}


def test_a_lease_is_renewed_for_held_tasks_alone(broker):
    class Consumer:
        task_consumer: object

    with app.connection_for_write() as link:
        channel = link.default_channel
        queue = link.SimpleQueue("lease-test")
        queue.put({"n": 1})
        queue.put({"n": 2})
        first, second = queue.get(timeout=5), queue.get(timeout=5)
        consumer = Consumer()
        consumer.task_consumer = queue.consumer
        before = held(channel)
        first.ack()
        time.sleep(0.01)
        assert lease.renew(consumer) == 1
        after = held(channel)
        second.ack()
        assert len(before) == 2
        assert set(after) < set(before)
        assert all(after[tag] > before[tag] for tag in after)


def test_a_killed_workers_task_is_delivered_again_and_ends_once(celery_worker_process, tmp_path):
    process, notes = celery_worker_process.process, tmp_path / "notes"
    tasks.hold.delay(str(notes), 4.0)
    await_line(notes, "start")
    os.killpg(process.pid(), signal.SIGKILL)
    celery_worker_process.start()
    await_line(notes, "end", seconds=tasks.LEASE + 30)
    assert notes.read_text().splitlines() == ["start", "start", "end"]


def test_a_task_longer_than_the_lease_runs_once_on_the_tests_database(celery_worker_process, tmp_path):
    replies = app.control.inspect(timeout=3).active_queues()
    assert {queue["name"] for queues in replies.values() for queue in queues} == {"collect", "train"}
    notes, names = tmp_path / "notes", tmp_path / "names"
    tasks.database.delay(str(names))
    tasks.hold.delay(str(notes), tasks.LEASE + 7.0)
    await_line(notes, "end", seconds=tasks.LEASE + 30)
    assert notes.read_text().splitlines() == ["start", "end"]
    assert names.read_text() == f"database {connection.settings_dict['NAME']}\n"
    assert connection.settings_dict["NAME"].startswith("test_")


def await_line(path, line, *, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not path.exists() or line not in path.read_text():
        assert time.monotonic() < deadline, f"no {line!r} in time"
        time.sleep(0.1)
