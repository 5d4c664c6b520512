"""Backtests in a real worker, which is killed, told to stop, or does not listen."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from forecasting.backtests import bench, running
from forecasting.models import BacktestRun, BacktestUnit
from governance.errors import DataError
from tests.fixtures import backtest

pytestmark = pytest.mark.timeout(180)
SLOW = 1.5  # seconds a unit


def ask(*, limit: int = 120, shares: int = 1, **options) -> BacktestRun:
    return running.ask(backtest.NAME, options, limit=limit, shares=shares)


def ended(run: BacktestRun) -> BacktestRun:
    return running.wait(run, progress=lambda *_: None, timeout=120)


def await_line(path, line, *, seconds=40.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists() or f"{line}\n" not in path.read_text():
        assert time.monotonic() < deadline, f"no {line!r} in time"
        time.sleep(0.02)


def lines(path) -> list[str]:
    return path.read_text().splitlines()


def undisturbed(run: BacktestRun) -> str:
    """Return the content hash of the same run, computed here in one go."""
    found = bench.lay_out(run)
    while found.missing:
        for unit in found.ready:
            found.parts[unit] = found.compute(unit, tick=lambda: None)
    return found.report()["content_hash"]


def test_a_killed_workers_run_is_picked_up_and_ends_once_with_the_same_hash(celery_worker_process, tmp_path) -> None:
    notes = tmp_path / "notes"
    run = ask(notes=str(notes), seconds=SLOW)
    await_line(notes, "start b0")
    for child in psutil.Process(celery_worker_process.process.pid()).children():
        os.kill(child.pid, signal.SIGKILL)
    run = ended(run)
    assert run.status == "done"
    assert run.content_hash == undisturbed(run)
    told = lines(notes)[: -2 * 4]  # the last eight are ours
    assert [line for line in told if "end" in line] == ["end a0", "end b0", "end a1", "end b1"]
    assert told.count("start b0") == 2
    assert [line for line in told if told.count(line) > 1] == ["start b0", "start b0"]
    assert {row.name: row.tries for row in run.units.all()} == {"a0": 1, "b0": 2, "a1": 1, "b1": 1}


def test_a_run_outlives_the_whole_worker(celery_worker_process, tmp_path) -> None:
    notes = tmp_path / "notes"
    run = ask(notes=str(notes), seconds=SLOW, shares=2)
    await_line(notes, "start b0")
    os.killpg(celery_worker_process.process.pid(), signal.SIGKILL)
    celery_worker_process.start()
    run = ended(run)
    assert run.content_hash == undisturbed(run)
    told = lines(notes)[: -2 * 4]
    assert sorted(line for line in told if "end" in line) == ["end a0", "end a1", "end b0", "end b1"]
    assert told.count("start a0") == 1


def test_a_cancelled_run_leaves_the_worker_within_a_unit(celery_worker_process, tmp_path) -> None:
    notes, other = tmp_path / "notes", tmp_path / "other"
    run = ask(notes=str(notes), seconds=600.0)
    await_line(notes, "start a0")
    running.cancel(run.pk)
    ended(ask(notes=str(other), length=1))  # the only process of the worker is free again
    run.refresh_from_db()
    assert (run.status, run.result) == ("cancelled", {})
    assert lines(notes) == ["start a0"]
    assert BacktestUnit.objects.get(run=run).tries == 0


def test_a_unit_that_does_not_listen_is_cancelled_all_the_same(celery_worker_process, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(running, "PATIENCE", 2.0)
    notes, other = tmp_path / "notes", tmp_path / "other"
    run = ask(notes=str(notes), deaf="a0", limit=600)
    await_line(notes, "start a0")
    assert running.cancel(run.pk).status == "cancelled"
    assert ended(ask(notes=str(other), length=1)).status == "done"
    run.refresh_from_db()
    assert (run.status, lines(notes), running.messages(run)) == ("cancelled", ["start a0"], [])


def test_a_unit_that_does_not_listen_is_stopped_at_the_limit(celery_worker_process, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(running, "GRACE", 3)  # the sender says when the worker ends its process
    notes, other = tmp_path / "notes", tmp_path / "other"
    run = ask(notes=str(notes), deaf="a0", limit=1)
    await_line(notes, "start a0")
    with pytest.raises(DataError, match="stopped after 1 seconds, its limit"):
        ended(run)
    monkeypatch.undo()
    assert ended(ask(notes=str(other), length=1)).status == "done"
    assert lines(notes) == ["start a0"]
    assert BacktestUnit.objects.get(run=run).tries == 1
