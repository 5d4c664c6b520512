"""Training runs end once: in time, when they are cancelled, and whoever works on them then stores nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from forecasting import runs, tasks, training
from forecasting.models import Forecast, ModelVersion, TrainingRun
from governance.errors import ConflictError, InputError
from governance.locks import lock_key
from tests.forecasting import rows
from tests.forecasting.test_training import SMALL

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> TrainingRun:
    """Return a run that waits for a worker."""
    monkeypatch.setattr(training.app, "send_task", lambda *_, **__: None)
    snapshot = rows.market(days=60)
    return training.request(snapshot.deployment, snapshot, config=SMALL)


def during_the_work(monkeypatch: pytest.MonkeyPatch, happen) -> None:
    """Let something happen while models are fitted, before the next sign of life."""
    fit = training.fitting.fit

    def meanwhile(*given, **how):
        happen()
        return fit(*given, **how)

    monkeypatch.setattr(training.fitting, "fit", meanwhile)


def again(run: TrainingRun) -> TrainingRun:
    snapshot = training.Snapshot.objects.get(pk=run.request["snapshot"])
    return training.request(snapshot.deployment, snapshot, config=SMALL)


def test_a_run_that_waits_is_cancelled_and_its_message_does_nothing(asked, capsys):
    call_command("train", f"--cancel={asked.pk}", "--json")
    assert json.loads(capsys.readouterr().out)["error"] == "cancelled at 0 %"
    training.carry_out(asked.pk)
    asked.refresh_from_db()
    assert (asked.status, asked.attempts) == ("failed", 0)
    assert not ModelVersion.objects.exists()
    with pytest.raises(ConflictError, match="has ended already"):
        runs.cancel(asked.pk)


def test_what_is_cancelled_while_it_runs_stores_nothing_and_may_be_asked_for_anew(asked, monkeypatch):
    with monkeypatch.context() as patch:
        during_the_work(patch, lambda: runs.cancel(asked.pk))
        training.carry_out(asked.pk)
    asked.refresh_from_db()
    assert (asked.status, asked.error) == ("failed", "cancelled at 0 %")
    assert not ModelVersion.objects.exists()
    assert not Forecast.objects.exists()
    assert again(asked).status == "queued"
    training.carry_out(asked.pk)
    asked.refresh_from_db()
    assert (asked.status, asked.error, asked.attempts) == ("done", "", 1)


def test_what_is_cancelled_at_the_last_moment_is_rolled_back(asked, monkeypatch):
    register = training.registering.register

    def late(*given, **how):
        version = register(*given, **how)
        TrainingRun.objects.filter(pk=asked.pk).update(status="failed", error="cancelled at 70 %")
        return version

    monkeypatch.setattr(training.registering, "register", late)
    training.carry_out(asked.pk)
    assert not ModelVersion.objects.exists()


def test_a_run_whose_time_is_over_is_stopped_with_the_reason(asked, monkeypatch):
    def much_later() -> None:
        TrainingRun.objects.filter(pk=asked.pk).update(status="running")

    monkeypatch.setattr(runs, "LIMIT", 0)
    during_the_work(monkeypatch, much_later)
    training.carry_out(asked.pk)
    asked.refresh_from_db()
    assert asked.status == "failed"
    assert "stopped after 0 seconds" in asked.error
    assert not ModelVersion.objects.exists()


def test_a_process_that_was_ended_by_its_limit_is_followed_by_one_that_says_so(asked):
    """The message is delivered again after a hard limit; the run still says that it runs."""
    long_ago = timezone.now() - timedelta(seconds=runs.LIMIT + 60)
    TrainingRun.objects.filter(pk=asked.pk).update(status="running", attempts=1, started_at=long_ago)
    training.carry_out(asked.pk)
    asked.refresh_from_db()
    assert asked.status == "failed"
    assert f"stopped after {runs.LIMIT} seconds" in asked.error
    assert again(asked).started_at is None  # its time begins anew


def test_the_soft_limit_of_the_worker_is_the_runs_reason(asked, monkeypatch):
    def stopped() -> None:
        raise SoftTimeLimitExceeded

    during_the_work(monkeypatch, stopped)
    training.carry_out(asked.pk)
    asked.refresh_from_db()
    assert "the limit of a training" in asked.error


def test_the_message_of_a_training_is_not_lost_with_a_hard_limit():
    assert tasks.train.acks_on_timeout is False
    assert runs.LIMIT < tasks.train.soft_time_limit < tasks.train.time_limit


def test_work_that_does_not_look_is_ended_with_its_process(asked, monkeypatch):
    ended: list[tuple[list[str], str]] = []
    active = {"worker": [{"id": "ours", "name": runs.TASK, "args": [asked.pk]}, {"id": "x", "name": "y", "args": []}]}
    control = SimpleNamespace(
        inspect=lambda: SimpleNamespace(active=lambda: active),
        revoke=lambda messages, *, terminate, signal: ended.append((messages, signal)) if terminate else None,
    )
    monkeypatch.setattr(runs, "app", SimpleNamespace(control=control))
    monkeypatch.setattr(runs, "PATIENCE", 0.0)
    other = connection.copy("other")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [lock_key(runs.lock(asked))])
        TrainingRun.objects.filter(pk=asked.pk).update(heartbeat=timezone.now() - 2 * training.SILENCE)
        assert again(asked).attempts == asked.attempts
        assert TrainingRun.objects.get(pk=asked.pk).heartbeat < timezone.now() - training.SILENCE  # held: not lost
        runs.cancel(asked.pk)
    finally:
        other.close()
    assert ended == [(["ours"], "SIGKILL")]


def test_a_number_that_no_run_has_is_refused():
    with pytest.raises(InputError, match="no training run 12345"):
        runs.cancel(12345)
