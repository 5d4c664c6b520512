"""How a training run goes on and ends: with signs of life, within its time, once, and not at all when it is cancelled.

Whoever works on a run holds its lock. A worker that writes into a run which was cancelled, or asked for anew since it
began, finds no row to write into and puts its work down.
"""

from __future__ import annotations

import time
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from forecasting.following import POLL, Progress
from forecasting.models import ModelVersion, TrainingRun
from governance.celery import app
from governance.errors import ConflictError, InputError
from governance.locks import exclusive

TASK = "forecasting.tasks.train"
OPEN = (TrainingRun.Status.QUEUED, TrainingRun.Status.RUNNING)
DELIVERIES = 5  # a run that killed its worker this often is not tried again
LIMIT = 2400  # seconds from its start after which a run is stopped
GRACE = 15  # seconds between the limit, which the work looks at, and the end of a process that does not look
PATIENCE = 5.0  # seconds for work to see that it was cancelled, before its process is ended


class NotWanted(Exception):
    """The run was cancelled, or asked for anew: there is nothing to say and nothing to store."""


class TooLate(Exception):
    """The run's time is over."""


def lock(run: TrainingRun) -> str:
    """Return the name of the lock under which a run is carried out."""
    return f"training-run-{run.pk}"


def begin(run: TrainingRun) -> bool:
    """Note that a worker begins; return False where there is nothing to do any more."""
    now = timezone.now()
    if run.status not in OPEN:
        return False
    if run.attempts >= DELIVERIES:
        fail(run, f"gave up: {run.attempts} workers died on it")
        return False
    if _over(run):
        fail(run, too_late())
        return False
    started = run.started_at or now
    held = _still(run).update(
        status=TrainingRun.Status.RUNNING, attempts=run.attempts + 1, started_at=started, heartbeat=now
    )
    run.refresh_from_db()
    return bool(held)


def teller(run: TrainingRun, low: int, high: int) -> Progress:
    """Return what writes progress from ``low`` to ``high`` per cent into the run, which is its sign of life, too.

    It raises `NotWanted` and `TooLate`.
    """

    def tell(done: int, total: int, text: str) -> None:
        progress = low + (high - low) * done // max(total, 1)
        if not _still(run).update(progress=progress, message=text[:200], heartbeat=timezone.now()):
            raise NotWanted
        if _over(run):
            raise TooLate

    return tell


def end(run: TrainingRun, version: ModelVersion) -> None:
    """End a run well, within the transaction that registers what it made.

    Raises
    ------
    NotWanted
        When it was cancelled meanwhile.
    """
    now, done = timezone.now(), TrainingRun.Status.DONE
    if not _still(run).update(
        status=done, progress=100, message="done", model_version=version, finished_at=now, heartbeat=now
    ):
        raise NotWanted
    run.refresh_from_db()


def fail(run: TrainingRun, reason: str) -> None:
    """End a run with the reason why it failed, unless it has ended or began anew."""
    _still(run).update(status=TrainingRun.Status.FAILED, error=reason, finished_at=timezone.now())


def too_late() -> str:
    """Return why a run whose time is over has failed."""
    return f"stopped after {LIMIT} seconds, the limit of a training; train on fewer assets, days or horizons"


def cancel(run_id: int) -> TrainingRun:
    """Cancel a run that has not ended, and wait until nobody works on it; asked for again, it begins anew.

    Work that does not look whether it is still wanted is ended with its process.

    Raises
    ------
    InputError
        When there is no such run.
    ConflictError
        When it has ended.
    """
    run = TrainingRun.objects.filter(pk=run_id).first()
    if run is None:
        message = f"There is no training run {run_id}; the page /models/ lists them."
        raise InputError(message, field="id", value=run_id)
    stopped = TrainingRun.objects.filter(pk=run_id, status__in=OPEN).update(
        status=TrainingRun.Status.FAILED,
        error=f"cancelled at {run.progress} %",
        message="cancelled",
        finished_at=timezone.now(),
    )
    run.refresh_from_db()
    if not stopped:
        raise ConflictError(f"Training run {run_id} has ended already: it is {run.status}.", run=run_id)
    deadline = time.monotonic() + PATIENCE
    while is_held(run):
        if time.monotonic() > deadline:
            app.control.revoke(_messages(run), terminate=True, signal="SIGKILL")
            break
        time.sleep(POLL)
    return run


def is_held(run: TrainingRun) -> bool:
    """Return whether a worker is at a run now."""
    try:
        with exclusive(lock(run)):
            return False
    except ConflictError:
        return True


def _still(run: TrainingRun) -> QuerySet[TrainingRun]:
    """Return the row of the run while it has not ended, nor begun anew since we took it up."""
    return TrainingRun.objects.filter(pk=run.pk, status__in=OPEN, attempts=run.attempts)


def _over(run: TrainingRun) -> bool:
    return run.started_at is not None and timezone.now() - run.started_at > timedelta(seconds=LIMIT)


def _messages(run: TrainingRun) -> list[str]:
    """Return the broker's names of the messages by which workers are at a run now."""
    found = app.control.inspect().active() or {}
    tasks = [task for held in found.values() for task in held if task["name"] == TASK]
    return [task["id"] for task in tasks if list(task["args"]) == [run.pk]]
