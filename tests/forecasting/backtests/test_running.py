"""Backtests as jobs: asked for once, shared, stopped, picked up, and over once."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.utils import ProgrammingError
from django.utils import timezone

from forecasting.backtests import bench, running, sharing
from forecasting.models import BacktestRun
from governance.errors import ConflictError, DataError, ImplausibleData, InputError, ServiceError
from governance.locks import lock_key
from tests.fixtures import backtest

HASH = re.compile(r"0x[0-9a-f]{64}")


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Let no test see what the process keeps of another test's run: numbers of rows begin anew."""
    bench.forget()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Return the messages that would have been sent to the broker."""
    found: list[dict] = []
    monkeypatch.setattr(running.app, "send_task", lambda name, **options: found.append({"name": name, **options}))
    return found


def ask(*, shares: int = 1, limit: int = 60, **options) -> BacktestRun:
    return running.ask(backtest.NAME, options, limit=limit, shares=shares)


def worked(run: BacktestRun) -> BacktestRun:
    sharing.carry_out(run.pk)
    run.refresh_from_db()
    return run


@contextmanager
def held(run: BacktestRun, unit: str):
    """Hold a unit as another worker would."""
    other = connection.copy("other")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [lock_key(running.unit_lock(run, unit))])
        yield
    finally:
        other.close()


def started(path) -> list[str]:
    return [line.removeprefix("start ") for line in path.read_text().splitlines() if line.startswith("start")]


@pytest.mark.django_db(transaction=True)
def test_asking_twice_is_one_run_and_one_message_a_share(sent) -> None:
    first = ask(shares=2)
    assert ask(shares=2) == first
    assert [message["args"] for message in sent] == [[first.pk]] * 2
    other = ask(length=3)
    assert other != first
    assert len(sent) == 3
    assert (first.status, first.key != other.key, len(first.code_version)) == ("queued", True, 64)


@pytest.mark.django_db(transaction=True)
def test_no_more_messages_are_sent_than_there_is_work(sent) -> None:
    run = ask(shares=100_000)
    assert [message["args"] for message in sent] == [[run.pk]] * 4


@pytest.mark.django_db
def test_a_result_that_was_planted_is_not_told(sent) -> None:
    run = ask()
    BacktestRun.objects.filter(pk=run.pk).update(status="done", result={"totals": {}}, content_hash="0x" + "1" * 64)
    with pytest.raises(ImplausibleData, match="says that it is done, but has not the 4 units"):
        ask()
    run.refresh_from_db()
    with pytest.raises(ImplausibleData, match="says that it is done"):
        call_command("backtest", f"--show={run.pk}")


@pytest.mark.django_db
def test_a_result_that_was_altered_is_not_told(sent) -> None:
    run = worked(ask())
    with pgtrigger.ignore("forecasting.BacktestRun:backtest_run_done_is_final"):
        BacktestRun.objects.filter(pk=run.pk).update(result={**run.result, "totals": {"a0": 1.0}})
    with pytest.raises(ImplausibleData, match="was altered after it ended"):
        ask()


@pytest.mark.django_db
def test_a_run_ends_with_all_its_parts_and_a_hash(sent) -> None:
    run = worked(ask())
    assert (run.status, run.progress, run.error) == ("done", 100, "")
    assert HASH.fullmatch(run.content_hash)
    assert run.result["content_hash"] == run.content_hash
    assert set(run.result["totals"]) == {"a0", "a1", "b0", "b1"}
    assert bench.verify(run).keys() == run.result["totals"].keys()
    assert all(row.seconds >= 0 and row.tries == 1 for row in run.units.all())
    assert sent == []


@pytest.mark.django_db
def test_a_second_delivery_does_nothing(sent, tmp_path) -> None:
    run = worked(ask(notes=str(tmp_path / "notes")))
    before = run.finished_at, started(tmp_path / "notes")
    worked(run)
    assert (run.finished_at, started(tmp_path / "notes")) == before


@pytest.mark.django_db
def test_what_cannot_be_asked_is_refused_before_anything_is_stored(sent) -> None:
    for options in ({"length": 0}, {"limit": 0}, {"limit": 10**30}, {"shares": 0}):
        with pytest.raises(InputError, match="at least 1"):
            ask(**options)
    with pytest.raises(InputError, match=f"no backtest 'nothing'; there are: .*{backtest.NAME}"):
        running.ask("nothing", {})
    with pytest.raises(InputError, match="no backtest 7"):
        running.find(7)
    assert not BacktestRun.objects.exists()


@pytest.mark.django_db
def test_a_slice_of_work_is_followed_by_the_next_message(sent, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sharing, "SLICE", 0.0)
    run = ask(notes=str(tmp_path / "notes"))
    for expected in (["a0"], ["a0", "b0"], ["a0", "b0", "a1"], ["a0", "b0", "a1", "b1"]):
        assert worked(run).status == "running"
        assert started(tmp_path / "notes") == expected
    assert worked(run).status == "done"
    assert [message["countdown"] for message in sent] == [0.0] * 4


@pytest.mark.django_db
def test_a_unit_that_another_worker_holds_is_left_to_it(sent, tmp_path) -> None:
    run = ask(notes=str(tmp_path / "notes"))
    with held(run, "a0"):
        worked(run)
        assert started(tmp_path / "notes") == ["b0", "b1"]
        assert (run.status, run.progress) == ("running", 24)
        assert [message["countdown"] for message in sent] == [sharing.RETURN]
    assert worked(run).status == "done"
    assert started(tmp_path / "notes") == ["b0", "b1", "a0", "a1"]


@pytest.mark.django_db
def test_the_end_is_left_to_another_worker_that_is_about_to_write_it(sent) -> None:
    run = ask()
    with held(run, sharing.REPORT):
        assert worked(run).status == "running"
    assert worked(run).status == "done"


@pytest.mark.django_db
def test_the_hash_does_not_depend_on_who_did_what_when(sent, monkeypatch) -> None:
    whole = worked(ask())
    expected = whole.content_hash
    with pgtrigger.ignore("forecasting.BacktestRun:backtest_run_done_is_final"):
        whole.delete()
    bench.forget()
    run = ask()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing.Watch, "tell", stop_at("b1", sharing.Watch.tell))
        assert worked(run).status == "running"
    bench.forget()  # another process knows nothing
    assert worked(run).content_hash == expected


def stop_at(name, tell):
    def told(self, bench, unit):
        if unit == name:
            raise sharing.NotWanted
        return tell(self, bench, unit)

    return told


@pytest.mark.django_db
def test_a_cancelled_run_stops_where_it_is_and_goes_on_when_it_is_asked_for_again(sent, tmp_path, monkeypatch) -> None:
    notes = tmp_path / "notes"
    run = ask(notes=str(notes))
    monkeypatch.setattr(sharing.Watch, "tell", cancel_at("a1", sharing.Watch.tell))
    worked(run)
    assert (run.status, run.message) == ("cancelled", "cancelled")
    assert sent == []
    assert started(notes) == ["a0", "b0"]
    with pytest.raises(ConflictError, match="cancelled at"):
        running.wait(run, progress=lambda *_: None, timeout=1)
    with pytest.raises(ConflictError, match="ended already"):
        running.cancel(run.pk)
    monkeypatch.undo()
    monkeypatch.setattr(running.app, "send_task", lambda name, **options: None)
    again = ask(notes=str(notes))
    assert (again.pk, again.status) == (run.pk, "queued")
    assert worked(again).status == "done"
    assert started(notes) == ["a0", "b0", "a1", "b1"]


def cancel_at(name, tell):
    def told(self, bench, unit):
        if unit == name:
            running.cancel(self.run.pk)
        return tell(self, bench, unit)

    return told


@pytest.mark.django_db
def test_a_message_that_comes_after_the_deadline_ends_the_run(sent) -> None:
    run = ask(limit=5)
    late = timezone.now() - timedelta(seconds=1)
    BacktestRun.objects.filter(pk=run.pk).update(status="running", started_at=late, deadline=late)
    assert worked(run).status == "failed"
    assert "stopped after 5 seconds, its limit" in run.error
    with pytest.raises(DataError, match="stopped after 5 seconds"):
        running.wait(run, progress=lambda *_: None, timeout=1)
    again = ask(limit=60)
    assert (again.pk, again.status, again.limit, again.deadline) == (run.pk, "queued", 60, None)
    assert worked(again).status == "done"


@pytest.mark.django_db(transaction=True)
def test_messages_carry_what_is_left_of_the_limit(sent) -> None:
    run = ask(limit=100)
    BacktestRun.objects.filter(pk=run.pk).update(status="running", deadline=timezone.now() + timedelta(seconds=10))
    run.refresh_from_db()
    running.send(run)
    limits = [(message["soft_time_limit"], message["time_limit"]) for message in sent]
    assert limits[0] == (100 + running.GRACE // 3, 100 + running.GRACE)
    assert 10 < limits[1][0] < limits[1][1] <= 10 + running.GRACE


@pytest.mark.django_db(transaction=True)
def test_a_lost_run_is_sent_again_and_one_at_work_is_not(sent) -> None:
    run = ask()
    BacktestRun.objects.filter(pk=run.pk).update(status="running", heartbeat=timezone.now(), deadline=timezone.now())
    assert ask().status == "running"
    BacktestRun.objects.filter(pk=run.pk).update(heartbeat=timezone.now() - 2 * running.SILENCE)
    run.units.create(name="a0", tries=1, task="one")
    with held(run, "a0"):
        assert running.messages(run) == ["one"]
        assert ask().status == "running"  # silent, but somebody holds a unit
    assert ask().status == "queued"
    assert len(sent) == 2


@pytest.mark.django_db
def test_a_unit_that_killed_its_worker_often_is_given_up(sent) -> None:
    run = ask()
    run.units.create(name="a0", tries=sharing.TRIES)
    assert worked(run).status == "failed"
    assert f"gave up: {sharing.TRIES} workers died on a0" in run.error
    assert worked(ask()).status == "done"  # asked for again, it is tried again


@pytest.mark.django_db
def test_an_error_of_ours_fails_the_run_and_is_not_hidden(sent) -> None:
    run = ask(wrong="a1")
    with pytest.raises(ZeroDivisionError):
        sharing.carry_out(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error) == ("failed", "unexpected ZeroDivisionError in a1: a1")
    assert run.units.get(name="a1").tries == 0


@pytest.mark.django_db
def test_a_database_that_is_gone_fails_nothing(sent, monkeypatch) -> None:
    def gone(*_args):
        raise OperationalError("the server closed the connection")

    run = ask()
    monkeypatch.setattr(sharing, "_count", gone)
    with pytest.raises(OperationalError):
        sharing.carry_out(run.pk)
    run.refresh_from_db()
    assert run.status == "running"
    monkeypatch.undo()
    assert worked(run).status == "done"


@pytest.mark.django_db
def test_a_damaged_part_is_computed_again(sent, monkeypatch) -> None:
    expected = worked(ask(length=1)).result["totals"]
    run = ask()
    monkeypatch.setattr(sharing.Watch, "tell", stop_at("b1", sharing.Watch.tell))
    worked(run)
    monkeypatch.undo()
    monkeypatch.setattr(running.app, "send_task", lambda name, **options: None)
    run.units.filter(name="a0").update(arrays=b"nonsense")
    run.units.filter(name="b0").update(content_hash="0x" + "0" * 64)
    bench.forget()
    assert worked(run).status == "done"
    assert {unit: run.result["totals"][unit] for unit in expected} == expected
    assert bench.verify(run)


@pytest.mark.django_db
def test_what_was_asked_for_with_other_code_is_not_computed_with_this(sent) -> None:
    run = ask()
    BacktestRun.objects.filter(pk=run.pk).update(code_version="f" * 64)
    assert worked(run).status == "failed"
    assert "other code" in run.error


@pytest.mark.django_db
def test_what_is_done_cannot_be_altered(sent) -> None:
    worked(ask())
    for change in (lambda: BacktestRun.objects.update(result={}), lambda: BacktestRun.objects.all().delete()):
        with pytest.raises(ProgrammingError, match=r"(?i)cannot update or delete"), transaction.atomic():
            change()


@pytest.mark.django_db
def test_waiting_in_vain_says_what_to_look_at(sent) -> None:
    with pytest.raises(ServiceError, match="services status"):
        running.wait(ask(), progress=lambda *_: None, timeout=0.1)


@pytest.mark.parametrize(
    ("value", "expected"), [(-0.0, "0.0"), (1e22, str(int(1e22))), (1.5, "1.5"), ((1, 2.0), "[1, 2.0]")]
)
@pytest.mark.django_db
def test_results_are_as_the_database_gives_them_back(value, expected) -> None:
    settled = bench.settled({"value": value})["value"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb #>> '{}'", [str(settled)])
        assert cursor.fetchone()[0] == expected
    assert str(settled) == expected
