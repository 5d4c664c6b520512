"""A backlog that workers land while a command waits for it."""

from __future__ import annotations

import pytest

from governance import backlog
from governance.chain import spreading
from tests.governance.ledger import cover, make_chain, stream_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def stream(monkeypatch):
    monkeypatch.setattr(spreading, "BLOCKS", 5)
    monkeypatch.setattr(backlog, "LOOK", 0.0)
    return stream_of(make_chain(), "a")


def test_no_more_than_so_many_are_under_way_and_the_rest_follows(stream, monkeypatch):
    told, under_way = [], []

    def worker(jobs):
        under_way.extend(jobs)
        assert len(under_way) <= 2
        if under_way:
            job = under_way.pop(0)
            cover(stream, job.first, job.last)

    monkeypatch.setattr(spreading, "hand_out", worker)
    jobs = backlog.work_off(
        stream.deployment, to_block=26, workers=2, progress=lambda *progress: told.append(progress[:2])
    )
    assert jobs == 5
    assert told == [(5, 27), (10, 27), (15, 27), (20, 27), (25, 27)]


def test_waiting_ends_when_nobody_works(stream, monkeypatch):
    handed = []
    monkeypatch.setattr(spreading, "hand_out", handed.extend)
    clock = iter(range(100))
    monkeypatch.setattr(backlog.time, "monotonic", lambda: next(clock))
    assert backlog.work_off(stream.deployment, to_block=26, workers=3, progress=lambda *_: None, stall=4) == 3
    assert [(job.first, job.last) for job in handed] == [(0, 4), (5, 9), (10, 14)]


def test_a_short_backlog_is_not_handed_out(stream, monkeypatch):
    monkeypatch.setattr(spreading, "hand_out", lambda _: pytest.fail("nothing to hand out"))
    assert backlog.work_off(stream.deployment, to_block=3, workers=3, progress=lambda *_: None) == 0
