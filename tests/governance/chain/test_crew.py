"""A long backlog shared by two processes: the same rows as by one, whatever becomes of the second."""

from __future__ import annotations

import multiprocessing.util
import os
import signal
import time
from contextlib import suppress

import psutil
import pytest
from django.db import connection

from governance.chain import crew, logs
from governance.chain.collector import Tally
from governance.env import env
from governance.errors import ChainUnavailable, DishonestAnswer
from governance.models import Block, Coverage, Incident, Log
from tests.market import watch

UP_TO = 120


@pytest.fixture
def many(monkeypatch):
    """Let a few blocks be a long backlog, on any number of processors."""
    monkeypatch.setattr(crew, "MANY", 1)
    monkeypatch.setattr(crew, "STRIDE", 10)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


@pytest.fixture
def deployment(transactional_db, world, chain_client):
    return watch(world, chain_client)


def rows() -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    return (
        [tuple(map(str, row)) for row in Log.objects.order_by("block_number", "log_index").values_list()],
        [tuple(map(str, row)) for row in Block.objects.order_by("number").values_list()],
    )


def undisturbed(client, deployment) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Collect alone, and return the rows; nothing is held afterwards."""
    logs.collect(client, deployment, to_block=UP_TO)
    found = rows()
    for table in (Coverage, Log, Block):
        table.objects.all().delete()
    return found


def children() -> list[int]:
    """Return the copies of this process that are alive."""
    mine, found = psutil.Process(), []
    for child in mine.children():
        with suppress(psutil.Error):  # another test's, which has ended
            found += [child.pid] if child.cmdline() == mine.cmdline() else []
    return found


def backends() -> int:
    """Return how many connections there are, once the server has noticed that some ended."""
    for _ in range(100):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            found = int(cursor.fetchone()[0])
        if found == 1:
            break
        time.sleep(0.05)
    return found


def test_two_processes_land_what_one_does(chain_client, deployment, many, monkeypatch):
    with monkeypatch.context() as alone:
        alone.setattr(crew, "MANY", 10**9)
        before = undisturbed(chain_client, deployment)
    told = []
    report = logs.collect(chain_client, deployment, to_block=UP_TO, progress=lambda *said: told.append(said[:2]))
    assert rows() == before
    assert (report.last, report.gaps) == (UP_TO, 0)
    assert (report.blocks, report.logs) == (len(before[1]), len(before[0]))
    assert max(done for done, _ in told) <= {total for _, total in told}.pop() == report.blocks
    assert children() == []
    assert backends() == 1  # the other one's connection was its own, and ours still works


def test_what_was_found_before_is_told_once(chain_client, deployment, many):
    error = DishonestAnswer("It lied.", kind="duplicate", host=chain_client.host)
    chain_client.distrust(error, first=3, last=4)
    logs.collect(chain_client, deployment, to_block=UP_TO)
    assert [row.times for row in Incident.objects.filter(kind="duplicate")] == [1]


def noted_tallies(monkeypatch) -> list[Tally]:
    """Return what each collection of a stream in this process lands from now on; both processes get a share."""
    landed, land = [], logs.collect_stream

    def noted(*args, **options):
        landed.append(land(*args, **options))
        return landed[-1]

    monkeypatch.setattr(crew.Share, "take", _slowly(crew.Share.take))
    monkeypatch.setattr(logs, "collect_stream", noted)
    return landed


def test_both_have_their_share(chain_client, deployment, many, monkeypatch):
    landed = noted_tallies(monkeypatch)
    report = logs.collect(chain_client, deployment, to_block=UP_TO)
    mine, left = (tally.blocks for tally in landed)
    assert 0 < mine < report.blocks
    assert left == 0


def _slowly(take):
    """Take so slowly that nobody is done before the other one has begun."""

    def taking(self):
        multiprocessing.Event().wait(0.05)
        return take(self)

    return taking


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_what_a_killed_one_leaves_is_collected(chain_client, deployment, many, monkeypatch, number):
    with monkeypatch.context() as alone:
        alone.setattr(crew, "MANY", 10**9)
        before = undisturbed(chain_client, deployment)
    original = os.getpid()

    def take(self):
        if os.getpid() != original:
            found = share_take(self)
            os.kill(os.getpid(), number)  # it has blocks then that nobody else will take
            return found
        multiprocessing.Event().wait(0.05)
        return share_take(self)

    share_take = crew.Share.take
    monkeypatch.setattr(crew.Share, "take", take)
    report = logs.collect(chain_client, deployment, to_block=UP_TO)
    assert rows() == before
    assert (report.last, report.gaps) == (UP_TO, 0)


def test_it_ends_when_the_first_one_cannot_go_on(chain_client, deployment, many, monkeypatch):
    original, land = os.getpid(), logs.collect_stream

    def fail(*args, **options):
        if os.getpid() == original:
            raise ChainUnavailable("gone", host="node")
        multiprocessing.Event().wait(60)
        return land(*args, **options)

    monkeypatch.setattr(logs, "collect_stream", fail)
    with pytest.raises(ChainUnavailable, match="gone"):
        logs.collect(chain_client, deployment, to_block=UP_TO)
    assert children() == []


def test_a_copy_that_hangs_is_not_waited_for(chain_client, deployment, many, monkeypatch):
    original, land = os.getpid(), logs.collect_stream

    def hang(*args, **options):
        if os.getpid() != original:
            multiprocessing.Event().wait(60)
        return land(*args, **options)

    monkeypatch.setattr(crew, "PATIENCE", 0.2)
    monkeypatch.setattr(logs, "collect_stream", hang)
    report = logs.collect(chain_client, deployment, to_block=UP_TO)
    assert (report.last, report.gaps) == (UP_TO, 0)
    assert children() == []


class Library:
    """Something that tidies up in processes that `multiprocessing` forks; kombu does, and waits for ever at times."""

    def tidy(self):
        os._exit(9)


def test_what_libraries_do_after_a_fork_is_not_done(chain_client, deployment, many, monkeypatch):
    library = Library()
    multiprocessing.util.register_after_fork(library, Library.tidy)
    landed = noted_tallies(monkeypatch)
    report = logs.collect(chain_client, deployment, to_block=UP_TO)
    assert sum(tally.blocks for tally in landed) < report.blocks


def test_a_copy_whose_original_is_gone_takes_nothing():
    share = crew.Share([(0, 5_000)])
    assert share.take() == [(0, crew.STRIDE - 1)]
    share._owner = 1 if os.getppid() != 1 else 2
    assert share.take() == []


def taken_from(share):
    """Return all pieces, one after the other."""
    return [piece for found in iter(share.take, []) for piece in found]


def test_very_many_blocks_are_cut_into_as_many_pieces_as_may_wait(monkeypatch):
    monkeypatch.setattr(crew, "_PIECES", 4)
    stride = 3 * crew.STRIDE
    pieces = taken_from(crew.Share([(0, 4 * stride - 1)]))
    assert [first for first, _ in pieces] == [0, stride, *range(2 * stride, 4 * stride, stride // 4)]
    holes = crew.Share([(10 * at, 10 * at) for at in range(9)])
    assert [holes.take() for _ in range(5)] == [[(0, 0)], [(10, 10)], [(20, 20)], [(30, 30)], []]


def test_pieces_cover_what_is_missing_once_and_the_last_ones_are_small():
    stride, small = crew.STRIDE, crew.STRIDE // 4
    share = crew.Share([(5, 5), (10, 9 + 3 * stride)])
    assert taken_from(share) == [
        (5, 5),
        (10, 9 + stride),
        *((low, low + small - 1) for low in range(10 + stride, 10 + 3 * stride, small)),
    ]
    assert share.take() == []
    assert share.total == 1 + 3 * stride
    assert (share.landed(3), share.landed(4)) == (3, 7)


def test_a_worker_shares_with_nobody(transactional_db, many, monkeypatch):
    """Celery's workers are daemons, which may not have children."""
    assert crew.share([(0, 10**6)]) is not None
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    assert crew.share([(0, 10**6)]) is None


@pytest.mark.django_db
def test_one_process_is_enough_within_a_transaction(many):
    assert connection.in_atomic_block
    assert crew.share([(0, 10**6)]) is None


@pytest.mark.parametrize(("name", "value"), [("FETCHERS", "1"), ("PROVIDER_RPS", "5"), ("FETCHERS", "2")])
def test_two_processes_need_two_fetchers_and_no_limit(transactional_db, many, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    env.cache_clear()
    try:
        found = crew.share([(0, 10**6)])
    finally:
        monkeypatch.undo()
        env.cache_clear()
    assert (found is not None) == (value == "2")
    assert crew.share([]) is None
