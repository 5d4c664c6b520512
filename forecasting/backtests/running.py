"""Backtests as jobs: ask for one, follow it, cancel it. One run a key, one row, and it ends once.

`ask` sends as many messages as workers may share the run; each is taken up by `forecasting.backtests.sharing`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Any

from django.db import transaction
from django.utils import timezone

from forecasting.backtests import bench
from forecasting.backtests.base import kind
from forecasting.backtests.bench import called
from forecasting.following import POLL, Progress, follow
from forecasting.models import BacktestRun
from forecasting.selectors import SIMULATION
from governance.celery import app
from governance.domain.canonical import digest
from governance.errors import ConflictError, DataError, InputError
from governance.locks import exclusive
from governance.version import code_version, lock_hash

TASK = "forecasting.tasks.backtest"
LIMIT = 3600  # seconds of work
LONGEST = 7 * 24 * 3600  # seconds of work that anybody may ask for
GRACE = 15  # seconds between the deadline, which the work looks at, and the end of a process that does not look
SILENCE = timedelta(seconds=90)  # without a heartbeat, after which a run that nobody holds is lost with its messages
PATIENCE = 5.0  # seconds for work to see that it was cancelled, before its process is ended


def ask(slug: str, options: Mapping[str, Any], *, limit: int = LIMIT, shares: int = 1) -> BacktestRun:
    """Ask for a backtest; the same request of the same data and code is the same run.

    A run that failed, was cancelled, or was lost is taken up again where it was left.

    Parameters
    ----------
    slug : str
        Kind of backtest.
    options : mapping
        As its command has them.
    limit : int
        Seconds from its start after which it is stopped.
    shares : int
        How many workers may share the work; more than it has units would find nothing to do, and are not asked.

    Raises
    ------
    InputError, DataError
        When it cannot be computed.
    ImplausibleData
        When it is done already, and what is stored of it was altered since or does not belong together.
    """
    if shares < 1:
        raise InputError(f"--threads is {shares}; it must be at least 1.", field="threads", value=shares)
    if not 1 <= limit <= LONGEST:
        raise InputError(f"--limit is {limit}; it must be at least 1, at most {LONGEST}.", field="limit", value=limit)
    asked = kind(slug)
    wanted = asked.request(options)
    inputs = asked.inputs(wanted)
    dataset, units = inputs.dataset, asked.units(wanted, inputs)
    about = {"kind": slug, "request": wanted, "dataset": dataset.hash, "code": code_version(), "lock": lock_hash()}
    with transaction.atomic():
        run, created = BacktestRun.objects.get_or_create(
            key=digest(about),
            defaults={
                "kind": slug,
                "request": wanted,
                "dataset": dataset,
                "code_version": code_version(),
                "lock_hash": lock_hash(),
                "limit": limit,
            },
        )
        run = BacktestRun.objects.select_for_update().get(pk=run.pk)
        if created or _may_begin_again(run):
            run.status, run.error, run.limit, run.message = BacktestRun.Status.QUEUED, "", limit, "waiting for a worker"
            run.started_at, run.deadline, run.finished_at, run.heartbeat = None, None, None, timezone.now()
            run.save()
            run.units.filter(arrays=None).update(tries=0)
            transaction.on_commit(lambda: _share(run, min(shares, len(units))))
    if run.status == BacktestRun.Status.DONE:
        bench.verify(run, units=units)
    return run


def _may_begin_again(run: BacktestRun) -> bool:
    if run.status in BacktestRun.OPEN:
        silent = run.heartbeat is None or timezone.now() - run.heartbeat > SILENCE
        return silent and not messages(run)  # some work gives no sign of life for long
    return run.status != BacktestRun.Status.DONE


def send(run: BacktestRun, *, countdown: float = 0) -> None:
    """Send one message for a run; whoever takes it up is ended when the run's time is over, wherever it is then."""
    left = run.limit
    if run.deadline is not None:
        left = max(0, ceil((run.deadline - timezone.now()).total_seconds()))
    app.send_task(TASK, args=[run.pk], countdown=countdown, soft_time_limit=left + GRACE // 3, time_limit=left + GRACE)


def _share(run: BacktestRun, shares: int) -> None:
    for _ in range(shares):
        send(run)


def wait(run: BacktestRun, *, progress: Progress, timeout: float) -> BacktestRun:
    """Follow a run to its end.

    Parameters
    ----------
    run : BacktestRun
    progress : callable
        Called with percent, 100 and a text.
    timeout : float
        Seconds.

    Raises
    ------
    DataError
        When the run failed, with its reason.
    ConflictError
        When somebody cancelled it.
    ServiceError
        When it did not end in time.
    """

    def ended() -> BacktestRun | None:
        if run.status == BacktestRun.Status.FAILED:
            raise DataError(f"{called(run)} failed: {run.error}", run=run.pk)
        if run.status == BacktestRun.Status.CANCELLED:
            raise ConflictError(f"{called(run)} was cancelled at {run.progress} %.", run=run.pk)
        return run if run.status == BacktestRun.Status.DONE else None

    return follow(run, name=called(run), ended=ended, progress=progress, timeout=timeout)


def find(run_id: int, *, simulation: bool | None = None) -> BacktestRun:
    """Return the run of that number.

    Parameters
    ----------
    run_id : int
    simulation : bool or None
        Whether it must be one, or must not; None: a run of any kind.

    Raises
    ------
    InputError
        When there is none, saying where to look.
    """
    command, thing = ("simulate", "simulation") if simulation else ("backtest", "backtest")
    run = BacktestRun.objects.filter(pk=run_id).first()
    if run is None:
        message = f"There is no {thing} {run_id}; see `manage.py {command} --list`."
        raise InputError(message, field="id", value=run_id)
    found = run.kind == SIMULATION
    if simulation not in {None, found}:
        other = "simulate" if found else "backtest"
        message = f"{called(run)} is no {thing}; see `manage.py {other} --show {run_id}`."
        raise InputError(message, field="id", value=run_id)
    return run


def cancel(run_id: int) -> BacktestRun:
    """Cancel a run that has not ended, and wait until nobody works on it; what is computed is kept.

    Work that does not look whether it is still wanted is ended with its process.

    Raises
    ------
    InputError
        When there is no such run.
    ConflictError
        When it has ended.
    """
    run = find(run_id)
    stopped = BacktestRun.objects.filter(pk=run_id, status__in=BacktestRun.OPEN).update(
        status=BacktestRun.Status.CANCELLED, finished_at=timezone.now(), message="cancelled"
    )
    run.refresh_from_db()
    if not stopped:
        raise ConflictError(f"{called(run)} has ended already: it is {run.status}.", run=run_id)
    deadline = time.monotonic() + PATIENCE
    while left := messages(run):
        if time.monotonic() > deadline:
            app.control.revoke(left, terminate=True, signal="SIGKILL")
            break
        time.sleep(POLL)
    return run


def messages(run: BacktestRun) -> list[str]:
    """Return the messages under which units of a run are being computed now."""
    return [unit.task for unit in run.units.filter(arrays=None, tries__gt=0) if _held(unit_lock(run, unit.name))]


def unit_lock(run: BacktestRun, unit: str) -> str:
    """Return the name of the lock under which a unit is computed."""
    return f"backtest-{run.pk}-{unit}"


def _held(name: str) -> bool:
    try:
        with exclusive(name):
            return False
    except ConflictError:
        return True
