"""A backlog on several workers: disjoint jobs, nobody does another's, and doing one twice lands nothing more."""

from __future__ import annotations

import pytest
from django.db import connection

from governance import tasks
from governance.celery import app
from governance.chain import coverage, logs, spreading, store
from governance.locks import lock_key
from governance.models import Coverage, Log
from tests.ledger import FakeChain, watched
from tests.market import watch

UP_TO = 119


@pytest.fixture
def grid(monkeypatch):
    monkeypatch.setattr(spreading, "BLOCKS", 20)


@pytest.mark.django_db
def test_jobs_are_disjoint_and_cover_what_is_missing(grid):
    stream = watched(first_block=5)
    store.land(stream, FakeChain([0] * 100).range(20, 39), provider="one")
    assert spreading.plan([stream], to_block=88) == [(stream.pk, 5, 19), (stream.pk, 40, 59), (stream.pk, 60, 79)]
    store.land(stream, FakeChain([0] * 100).range(45, 46), provider="one")
    assert spreading.plan([stream], to_block=79) == [(stream.pk, 5, 19), (stream.pk, 40, 59), (stream.pk, 60, 79)]


@pytest.mark.django_db
def test_a_short_backlog_is_left_to_the_follower(grid):
    assert spreading.plan([watched()], to_block=18) == []


@pytest.mark.django_db
def test_not_all_of_a_very_long_backlog_is_handed_out_at_once(grid):
    assert len(spreading.plan([watched()], to_block=10**9)) == spreading.MOST


@pytest.mark.django_db
def test_workers_jobs_make_what_one_collector_makes(grid, world, chain_client, monkeypatch):
    deployment = watch(world, chain_client)
    whole = logs.collect(chain_client, deployment, to_block=UP_TO)
    Coverage.objects.all().delete()
    Log.objects.all().delete()
    jobs = spreading.plan(deployment.streams.all(), to_block=UP_TO)
    assert len(jobs) == 6
    for job in [*jobs[::-1], jobs[2]]:
        spreading.work(job, client=chain_client)
    assert coverage.verify(deployment) == []
    assert Log.objects.count() == whole.logs
    assert store.digest(deployment, UP_TO) == whole.digest


@pytest.mark.django_db
def test_the_backlog_is_sent_when_the_transaction_is_over(
    grid, world, chain_client, monkeypatch, django_capture_on_commit_callbacks
):
    deployment = watch(world, chain_client)
    monkeypatch.setattr("governance.chain.finality.head", lambda _: UP_TO)
    sent = []
    monkeypatch.setattr(app, "send_task", lambda name, *, args, expires: sent.append((name, *args)))
    with django_capture_on_commit_callbacks(execute=True):
        assert spreading.spread(deployment, client=chain_client) == 6
        assert sent == []
    stream = deployment.streams.get().pk
    assert sent[0] == (tasks.collect_range.name, stream, deployment.first_block, 19)
    assert len(sent) == 6


@pytest.mark.django_db(transaction=True)
def test_a_job_that_another_worker_does_is_left_alone(grid, world, chain_client):
    deployment = watch(world, chain_client)
    job = spreading.plan(deployment.streams.all(), to_block=UP_TO)[1]
    key = lock_key(f"collect {job.stream} {job.first // spreading.BLOCKS}")
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [key])
        spreading.work(job, client=chain_client)
        assert not Coverage.objects.exists()
    finally:
        other.close()
    spreading.work(job, client=chain_client)
    assert Coverage.objects.get().first == job.first


@pytest.mark.django_db
def test_a_job_of_a_stream_that_is_gone_is_nothing_to_do():
    tasks.collect_range(10**9, 0, 19)
    assert not Coverage.objects.exists()
