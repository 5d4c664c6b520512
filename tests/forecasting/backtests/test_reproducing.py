"""What is registered is computed again: the same hash, or what differs; and altered bytes are not even compared."""

from __future__ import annotations

import json
import sys

import pgtrigger
import pytest
from django.core.management import call_command

from forecasting import artifacts, recomputing, reproducing
from forecasting.backtests import bench, running, sharing
from forecasting.models import BacktestRun, Dataset, ModelVersion
from governance.env import child_environment
from governance.errors import DataError, ImplausibleData, InputError, ServiceError
from tests.fixtures import backtest
from tests.fixtures.celery import database_url


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> BacktestRun:
    """Return a run that is done."""
    bench.forget()
    monkeypatch.setattr(running.app, "send_task", lambda name, **options: None)
    asked = running.ask(backtest.NAME, {"length": 3})
    sharing.carry_out(asked.pk)
    asked.refresh_from_db()
    assert asked.status == "done"
    return asked


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the other process be this one: it would not see what a test has not committed."""

    def here(what, number, *, threads, progress):
        if what == "backtest":
            return recomputing.backtest(BacktestRun.objects.get(pk=number), threads=threads, progress=progress)
        return recomputing.model(ModelVersion.objects.get(pk=number), threads=threads)

    monkeypatch.setattr(reproducing, "_elsewhere", here)


def altered(run: BacktestRun, **changes) -> BacktestRun:
    with pgtrigger.ignore("forecasting.BacktestRun:backtest_run_done_is_final"):
        BacktestRun.objects.filter(pk=run.pk).update(**changes)
    run.refresh_from_db()
    return run


@pytest.mark.django_db
@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_backtest_comes_out_the_same_with_any_number_of_threads(run, threads) -> None:
    seen = []
    found = reproducing.backtest(run, threads=threads, progress=lambda done, total, unit: seen.append((done, total)))
    assert found.same
    assert (found.recomputed, found.differs, found.threads) == (run.content_hash, (), threads)
    assert seen == [(done, 6) for done in range(1, 7)]


@pytest.mark.django_db
@pytest.mark.usefixtures("elsewhere")
def test_another_outcome_names_the_parts_that_differ(run, monkeypatch, capsys) -> None:
    honest = backtest.StandIn.compute

    def other(self, unit, **given):
        arrays = honest(self, unit, **given)
        return {**arrays, "total": arrays["total"] + 1} if unit == "a2" else arrays

    monkeypatch.setattr(backtest.StandIn, "compute", other)
    with pytest.raises(SystemExit, match="1"):
        call_command("reproduce", f"--backtest={run.pk}", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["same"], told["differs"], told["content_hash"]) == (False, ["a2"], run.content_hash)


@pytest.mark.django_db
@pytest.mark.usefixtures("elsewhere")
def test_the_command_says_that_it_is_the_same(run, capsys) -> None:
    call_command("reproduce", f"--backtest={run.pk}", "--threads=2")
    assert f"The same, to the byte: {run.content_hash}" in capsys.readouterr().out
    for words in ((), ("7", f"--backtest={run.pk}")):
        with pytest.raises(InputError, match="Say what to reproduce"):
            call_command("reproduce", *words)
    with pytest.raises(InputError, match="threads is 0"):
        call_command("reproduce", f"--backtest={run.pk}", "--threads=0")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        lambda run: altered(run, result={**run.result, "zero": 1.0}),
        lambda run: altered(run, request={**run.request, "seconds": 9.0}),
        lambda run: run.units.filter(name="a1").update(arrays=b"nonsense"),
        lambda run: run.units.filter(name="a1").update(content_hash="0x" + "0" * 64),
        lambda run: run.units.filter(name="a1").delete(),
        lambda run: run.units.filter(name="a1").update(
            arrays=run.units.get(name="b1").arrays, content_hash=run.units.get(name="b1").content_hash
        ),
    ],
    ids=["result", "request", "bytes", "hash", "unit", "exchange"],
)
def test_what_was_altered_is_refused(run, change) -> None:
    change(run)
    with pytest.raises(ImplausibleData, match="altered"):
        reproducing.backtest(run, threads=1, progress=lambda *_: None)


@pytest.mark.django_db
def test_only_what_is_done_can_be_reproduced(monkeypatch) -> None:
    monkeypatch.setattr(running.app, "send_task", lambda name, **options: None)
    with pytest.raises(InputError, match="queued; only one that is done"):
        reproducing.backtest(running.ask(backtest.NAME, {}), threads=1, progress=lambda *_: None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "said"), [("7", "No model versions"), ("0xab", "too short"), ("0xabcdef", "No model")]
)
def test_a_model_version_that_is_not_there(name, said) -> None:
    with pytest.raises(InputError, match=said):
        reproducing.find_version(name)


@pytest.fixture
def version() -> ModelVersion:
    """Return a model version as it was registered."""
    dataset = Dataset.objects.create(
        hash=f"0x{1:064x}", kind="test", first_timestamp=0, last_timestamp=1, rows=1, block_number=0
    )
    told = {"kind": "volatility", "name": "log_har", "seed": 1, "config": {}, "parameters": {"a": 0.5}}
    content = artifacts.content_of(dataset=dataset.hash, **told)
    return ModelVersion.objects.create(
        dataset=dataset,
        artifact_hash=artifacts.content_hash(artifacts.pack(content)),
        code_version="",
        lock_hash="",
        verdict="champion",
        created_timestamp=1,
        **told,
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("elsewhere")
def test_a_model_version_is_found_by_number_or_hash_and_fitted_again(version, monkeypatch, capsys) -> None:
    monkeypatch.setattr(recomputing.lifecycle, "refit", lambda version, *, threads: version.artifact_hash)
    for name in (str(version.pk), version.artifact_hash, version.artifact_hash[:10]):
        call_command("reproduce", name, "--threads=2", "--json")
        told = json.loads(capsys.readouterr().out)
        assert (told["what"], told["id"], told["same"]) == ("model", version.pk, True)
    with pgtrigger.ignore("forecasting.ModelVersion:model_version_append_only"):
        ModelVersion.objects.update(parameters={"a": 0.6})
    with pytest.raises(ImplausibleData, match="altered"):
        call_command("reproduce", str(version.pk))


@pytest.mark.django_db(transaction=True)
def test_it_is_done_in_a_process_of_its_own_with_that_many_threads(run, monkeypatch) -> None:
    given = {}

    def environment(**changes):
        given.update(changes)
        return child_environment(DATABASE_URL=database_url(), **changes)

    monkeypatch.setattr(reproducing, "child_environment", environment)
    monkeypatch.setattr(
        reproducing, "START", f"{reproducing.START[:30]}import tests.fixtures.backtest; {reproducing.START[30:]}"
    )
    found = reproducing.backtest(run, threads=2, progress=lambda *_: None)
    assert found.same
    assert {given[name] for name in reproducing.LIBRARIES} == {"2"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("program", "error", "said"),
    [
        ('print(\'{"error": "the rows are gone"}\')', DataError, "the rows are gone"),
        ("raise SystemExit(3)", ServiceError, "status 3"),
    ],
)
def test_a_process_that_fails_says_why(run, monkeypatch, program, error, said) -> None:
    monkeypatch.setattr(reproducing, "START", program)
    with pytest.raises(error, match=said):
        reproducing.backtest(run, threads=1, progress=lambda *_: None)


@pytest.mark.django_db
def test_the_other_process_speaks_in_lines_of_json(run, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["", "backtest", str(run.pk), "1"])
    recomputing.main()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["done"] for line in lines[:-1]] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["content_hash"] == run.content_hash
    monkeypatch.setattr(recomputing, "lay_out", lambda run: (_ for _ in ()).throw(DataError("the rows are gone")))
    recomputing.main()
    assert json.loads(capsys.readouterr().out) == {"error": "the rows are gone"}
