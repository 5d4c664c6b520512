"""How workers share a run: each takes a unit that nobody holds, stores what it brings, and takes the next.

A message of the broker is worth a slice of time, after which it is sent again, so that other work gets its turn. A
unit is held by an advisory lock, which the database frees when its holder dies. Whatever happens to messages, locks and
processes, a unit's arrays are stored once and the run ends once.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from forecasting.backtests import bench as benches
from forecasting.backtests.bench import Bench, Part
from forecasting.backtests.running import send, unit_lock
from forecasting.models import BacktestRun, BacktestUnit
from governance.errors import BreakwaterError, ConflictError, DataError
from governance.locks import exclusive

SLICE = 20.0  # seconds of work for one message, and the unit that is begun then
LOOK = 1.0  # seconds between two looks whether the run is still wanted
RETURN = 1.0  # seconds until a worker for which nothing was left comes back to see whether the others lived
TRIES = 4  # a unit that ended this many workers is not begun again
REPORT = "report"  # is held and counted like a unit


class NotWanted(Exception):
    """The run was cancelled, or has ended otherwise: there is nothing to say and nothing to store."""


class Watch:
    """Looks whether a run is still wanted and in time, and gives its sign of life; a call between two looks is free."""

    def __init__(self, run: BacktestRun, *, message: str) -> None:
        self.run = run
        self.message = message
        self.due = 0.0
        self.unit = ""

    def __call__(self) -> None:
        """Look, if that is due.

        Raises
        ------
        NotWanted
            When the run is not open any more, or began anew.
        DataError
            When its time is over.
        """
        if time.monotonic() < self.due:
            return
        self.due = time.monotonic() + LOOK
        now = timezone.now()
        if not _still(self.run).update(heartbeat=now):
            raise NotWanted
        if self.run.deadline is not None and now > self.run.deadline:
            raise DataError(_too_long(self.run), run=self.run.pk)

    def tell(self, bench: Bench, unit: str) -> None:
        """Write how far the run is, and what is computed now."""
        self.due, self.unit = 0.0, unit
        self()
        done = len(bench.units) - len(bench.missing)
        _still(self.run).update(progress=99 * done // max(len(bench.units), 1), message=unit)


def carry_out(run_id: int, *, message: str = "") -> None:
    """Work on a run for a while, and send its message again unless it has ended.

    Parameters
    ----------
    run_id : int
    message : str
        The broker's name of the message that is carried out.

    Raises
    ------
    OperationalError, InterfaceError
        When the database is gone; the same message may be tried again.
    """
    run = BacktestRun.objects.select_related("dataset").get(pk=run_id)
    watch, pause = Watch(run, message=message), None
    try:
        if _begin(run):
            pause = _work(run, watch)
    except NotWanted:
        pass
    except (OperationalError, InterfaceError):
        raise
    except SoftTimeLimitExceeded:
        _fail(run, _too_long(run))
    except BreakwaterError as error:
        _fail(run, error.message)
    except Exception as error:
        _fail(run, f"unexpected {type(error).__name__} in {watch.unit or 'reading'}: {error}")
        raise
    if pause is None:
        benches.forget()
    else:
        send(run, countdown=pause)


def _begin(run: BacktestRun) -> bool:
    """Mark a run that waits as begun; return whether the run is open."""
    now = timezone.now()
    BacktestRun.objects.filter(pk=run.pk, status=BacktestRun.Status.QUEUED).update(
        status=BacktestRun.Status.RUNNING,
        started_at=now,
        deadline=now + timedelta(seconds=run.limit),
        heartbeat=now,
        message="reading the data",
    )
    run.refresh_from_db(fields=["status", "started_at", "deadline"])
    return run.status == BacktestRun.Status.RUNNING


def _work(run: BacktestRun, watch: Watch) -> float | None:
    """Do units until the slice is over; return seconds until the next message, None when the run has ended."""
    watch()
    bench = benches.open_run(run)
    until = time.monotonic() + SLICE
    while True:
        benches.fetch(bench, run)
        if not bench.missing:
            return None if _finish(run, bench, watch) else RETURN
        if not any(_take(run, bench, unit, watch) for unit in bench.ready):
            return RETURN
        if time.monotonic() >= until:
            return 0.0


def _take(run: BacktestRun, bench: Bench, unit: str, watch: Watch) -> bool:
    """Compute and store one unit; return False when another worker holds it."""
    with _held(run, unit) as held:
        if not held:
            return False
        row = _count(run, unit, watch)
        if row.arrays is not None:  # stored since we looked
            return True
        began = time.monotonic()
        try:
            watch.tell(bench, unit)
            part = bench.compute(unit, tick=watch)
        except Exception:
            BacktestUnit.objects.filter(pk=row.pk).update(tries=0)  # put down, not died of
            raise
        _store(row, part, seconds=time.monotonic() - began)
        bench.parts[unit] = part
    return True


def _finish(run: BacktestRun, bench: Bench, watch: Watch) -> bool:
    """Write the result and end the run; return False when another worker is about to."""
    with _held(run, REPORT) as held:
        if not held:
            return False
        row = _count(run, REPORT, watch)
        watch.tell(bench, "the report")
        result = bench.report()
        now = timezone.now()
        with transaction.atomic():
            _still(run).update(
                status=BacktestRun.Status.DONE,
                progress=100,
                message="done",
                result=result,
                content_hash=result["content_hash"],
                finished_at=now,
                heartbeat=now,
            )
            row.delete()
    return True


@contextmanager
def _held(run: BacktestRun, unit: str) -> Iterator[bool]:
    """Hold a unit while the block runs; yield whether that could be, for another worker may hold it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive(unit_lock(run, unit)))
        except ConflictError:
            held = False
        else:
            held = True
        yield held


def _count(run: BacktestRun, unit: str, watch: Watch) -> BacktestUnit:
    """Note that a unit is begun.

    Raises
    ------
    DataError
        When it has ended too many workers: it does not fit into this machine's memory, or crashes a library.
    """
    row, _ = BacktestUnit.objects.get_or_create(run=run, name=unit)
    if row.arrays is None:
        if row.tries >= TRIES:
            raise DataError(f"gave up: {row.tries} workers died on {unit}", run=run.pk, unit=unit)
        BacktestUnit.objects.filter(pk=row.pk).update(tries=row.tries + 1, task=watch.message)
    return row


def _store(row: BacktestUnit, part: Part, *, seconds: float) -> None:
    BacktestUnit.objects.filter(pk=row.pk, arrays=None).update(
        arrays=zlib.compress(part.packed, 1), content_hash=part.content_hash, seconds=seconds
    )


def _still(run: BacktestRun) -> QuerySet[BacktestRun]:
    """Return the row of the run while it is at work, and has not begun anew since we took it up."""
    return BacktestRun.objects.filter(pk=run.pk, status=BacktestRun.Status.RUNNING, deadline=run.deadline)


def _fail(run: BacktestRun, reason: str) -> None:
    _still(run).update(status=BacktestRun.Status.FAILED, error=reason, finished_at=timezone.now())


def _too_long(run: BacktestRun) -> str:
    return (
        f"stopped after {run.limit} seconds, its limit; what was computed is kept, and asking again goes on from there"
    )
