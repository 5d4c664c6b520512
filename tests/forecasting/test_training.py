"""Training: idempotent, reproducible, registered with its evidence, and over once."""

from __future__ import annotations

import json
import os
import signal
import time

import psutil
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.utils import ProgrammingError
from django.utils import timezone

from forecasting import datasets, forecasts, registering, runs, training
from forecasting.models import Forecast, ModelVersion, Price, TrainingRun
from governance.errors import ConflictError, DataError, InputError, ServiceError, StaleData
from governance.locks import lock_key
from governance.version import code_version
from tests.forecasting import rows

SMALL = {"paths": 200, "backtest_paths": 50}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Return the tasks that would have been sent to the broker."""
    found: list[list[int]] = []
    monkeypatch.setattr(training.app, "send_task", lambda name, args: found.append(args))
    return found


def trained(snapshot, **changes) -> TrainingRun:
    run = training.request(snapshot.deployment, snapshot, config=SMALL, **changes)
    training.carry_out(run.pk)
    run.refresh_from_db()
    return run


@pytest.mark.django_db
def test_a_run_registers_both_models_with_their_evidence(sent) -> None:
    snapshot = rows.market()
    run = trained(snapshot)
    assert (run.status, run.progress, run.attempts, run.error) == ("done", 100, 1, "")
    models = forecasts.champions(snapshot.deployment)
    assert run.model_version == models["cascade"]
    for version in models.values():
        assert version.dataset == datasets.freeze(snapshot).dataset
        assert version.code_version == code_version()
        assert len(version.lock_hash) == 64
        assert version.seed == training.SEED
        assert version.created_timestamp == snapshot.timestamp
        assert version.config["paths"] == 200
    metrics = {asset["symbol"]: asset for asset in models["volatility"].metrics["assets"]}
    assert metrics["WETH"]["n"] == 130 - 90
    assert {asset["used"] for asset in metrics.values()} <= {"ewma", "log-har"}
    assert all((asset["used"] == "log-har") == asset["beats"] for asset in metrics.values())
    depth = {asset["symbol"]: asset["depth"] for asset in models["cascade"].parameters["assets"]}
    assert depth["USDC"] is None
    assert depth["WETH"] == pytest.approx(100_000_000, rel=0.01)


@pytest.mark.django_db
def test_a_run_leaves_a_forecast_for_each_reserve_and_one_for_the_market(sent) -> None:
    snapshot = rows.market()
    trained(snapshot)
    made = Forecast.objects.order_by("reserve__index")
    assert [row.reserve.symbol if row.reserve else None for row in made] == [
        "WETH",
        "WBTC",
        "TIDE",
        "USDC",
        "DAI",
        None,
    ]
    weth, market = made[0].body, made[5].body
    assert weth["fan"]["hours"][-1] == 168
    assert weth["volatility"] == sorted(weth["volatility"])
    assert weth["fan"]["quantiles"][3][-1] == pytest.approx(weth["price"], rel=0.1)
    assert len(weth["days"]) == 7
    assert market["paths"] == sum(market["bad_debt"]["histogram"]["counts"]) == 200
    assert market["borrowed"] < market["borrow_capacity"] * 2


@pytest.mark.django_db
def test_the_same_inputs_give_the_same_bytes(sent) -> None:
    first = rows.market(days=80)
    run = trained(first)
    hashes = {version.kind: version.artifact_hash for version in ModelVersion.objects.all()}
    again = rows.market(days=80, slug="twin")
    trained(again)
    found = forecasts.champions(again.deployment)
    assert {kind: version.artifact_hash for kind, version in found.items()} == hashes
    assert trained(first, seed=2).model_version.artifact_hash != run.model_version.artifact_hash


@pytest.mark.django_db(transaction=True)
def test_asking_twice_is_one_run_and_one_message(sent) -> None:
    snapshot = rows.market(days=60)
    first = training.request(snapshot.deployment, snapshot)
    assert training.request(snapshot.deployment, snapshot) == first
    assert sent == [[first.pk]]
    other = training.request(snapshot.deployment, snapshot, seed=7)
    assert other != first
    assert sent == [[first.pk], [other.pk]]


@pytest.mark.django_db(transaction=True)
def test_a_lost_run_is_sent_again_and_a_finished_one_is_not(sent) -> None:
    snapshot = rows.market(days=60)
    run = training.request(snapshot.deployment, snapshot)
    long_ago = timezone.now() - 2 * training.SILENCE
    TrainingRun.objects.filter(pk=run.pk).update(status="running", heartbeat=long_ago, progress=40)
    assert training.request(snapshot.deployment, snapshot).status == "queued"
    assert sent == [[run.pk]] * 2
    training.carry_out(run.pk)
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat=long_ago)
    assert training.request(snapshot.deployment, snapshot).status == "done"
    assert sent == [[run.pk]] * 2


@pytest.mark.django_db
def test_a_second_delivery_does_nothing(sent) -> None:
    run = trained(rows.market(days=60))
    training.carry_out(run.pk)
    run.refresh_from_db()
    assert run.attempts == 1
    assert ModelVersion.objects.count() == 2


@pytest.mark.django_db
def test_another_workers_lock_is_respected(sent) -> None:
    snapshot = rows.market(days=60)
    run = training.request(snapshot.deployment, snapshot)
    other = connection.copy("other")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [lock_key(f"training-run-{run.pk}")])
        with pytest.raises(ConflictError):
            training.carry_out(run.pk)
    finally:
        other.close()
    run.refresh_from_db()
    assert run.status == "queued"


@pytest.mark.django_db
def test_data_that_must_not_be_computed_on_fails_the_run_with_its_reason(sent) -> None:
    snapshot = rows.market(days=60)
    Price.objects.filter(block_number__range=(100, 150)).delete()
    run = trained(snapshot)
    assert run.status == "failed"
    assert not ModelVersion.objects.exists()
    with pytest.raises(DataError, match="any asset for 52 hours"):
        training.wait(run, progress=lambda *_: None, timeout=1)


@pytest.mark.django_db
def test_a_run_that_killed_its_worker_often_is_given_up(sent) -> None:
    snapshot = rows.market(days=60)
    run = training.request(snapshot.deployment, snapshot)
    TrainingRun.objects.filter(pk=run.pk).update(attempts=runs.DELIVERIES)
    training.carry_out(run.pk)
    run.refresh_from_db()
    assert run.status == "failed"
    assert "gave up" in run.error


@pytest.mark.django_db
def test_waiting_in_vain_says_what_to_look_at(sent) -> None:
    snapshot = rows.market(days=60)
    run = training.request(snapshot.deployment, snapshot)
    with pytest.raises(ServiceError, match="services status"):
        training.wait(run, progress=lambda *_: None, timeout=0.5)


@pytest.mark.django_db
def test_configurations_that_cannot_be_used_are_refused(sent) -> None:
    snapshot = rows.market(days=60)
    for config in ({"path": 10}, {"paths": "many"}, {"paths": 0}, {"close_factor": 1.5}, {"paths": True}):
        with pytest.raises(InputError, match=next(iter(config))):
            training.request(snapshot.deployment, snapshot, config=config)


@pytest.mark.django_db
def test_a_version_is_written_once(sent) -> None:
    version = trained(rows.market(days=60)).model_version
    with pytest.raises(ProgrammingError, match=r"(?i)cannot update"):
        ModelVersion.objects.filter(pk=version.pk).update(verdict="champion")


@pytest.mark.django_db
def test_forecasts_need_a_model_and_fresh_prices(sent) -> None:
    snapshot = rows.market(days=60)
    with pytest.raises(InputError, match=r"manage\.py train"):
        forecasts.publish(snapshot, seed=1)
    trained(snapshot)
    snapshot.timestamp += 9 * 3600
    with pytest.raises(StaleData, match=r"9\.0 hours behind"):
        forecasts.publish(snapshot, paths=100, seed=1)


@pytest.mark.django_db
def test_publishing_again_changes_nothing(sent) -> None:
    snapshot = rows.market(days=60)
    trained(snapshot)
    before = list(Forecast.objects.order_by("pk").values_list("pk", "body"))
    forecasts.publish(snapshot, paths=100, seed=5)
    assert list(Forecast.objects.order_by("pk").values_list("pk", "body")) == before
    more = forecasts.publish(snapshot, horizon_hours=48, paths=100, seed=5)
    assert len(more) == 6
    assert more[0].body["fan"]["hours"][-1] == 48


@pytest.mark.django_db
def test_a_change_is_forecast_on_the_same_paths(sent) -> None:
    snapshot = rows.market(days=60)
    trained(snapshot)
    models = forecasts.champions(snapshot.deployment)
    common = {"models": models, "paths": 200, "seed": 1}
    base = forecasts.cascade(snapshot, **common)
    same = forecasts.cascade(snapshot, **common, change={"WETH": {"liquidation_threshold": 8000}})
    lower = forecasts.cascade(snapshot, **common, change={"WETH": {"liquidation_threshold": 7000, "ltv": 6700}})
    assert (base.liquidated_paths == same.liquidated_paths).all()
    assert lower.liquidated.mean.value > base.liquidated.mean.value
    assert lower.borrow_capacity < base.borrow_capacity


@pytest.mark.django_db
def test_the_commands_report(sent, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = rows.market(days=130)
    rows.mine(snapshot)
    monkeypatch.setattr(training, "wait", lambda run, **_: (training.carry_out(run.pk), reloaded(run))[1])
    call_command("train", "--paths=200", "--json")
    report = json.loads(capsys.readouterr().out)["trained"][0]
    assert [model["kind"] for model in report["models"]] == ["volatility", "cascade"]
    call_command("train", "--paths=200")
    assert "QLIKE" in capsys.readouterr().out
    call_command("forecast", "--paths=100", "--hours=24", "--json")
    made = json.loads(capsys.readouterr().out)["forecasts"]
    assert [row["reserve"] for row in made] == ["WETH", "WBTC", "TIDE", "USDC", "DAI", None]
    call_command("forecast", "--paths=100", "--hours=24")
    assert "bad debt with probability" in capsys.readouterr().out
    with pytest.raises(InputError, match="paths"):
        call_command("forecast", "--paths=10")
    assert snapshot.deployment.slug == report["deployment"]


def reloaded(run: TrainingRun) -> ModelVersion:
    run.refresh_from_db()
    assert run.model_version is not None
    return run.model_version


@pytest.mark.timeout(180)
def test_a_killed_worker_loses_nothing_and_doubles_nothing(celery_worker_process) -> None:
    snapshot = rows.market(days=130)
    run = training.request(snapshot.deployment, snapshot, config={"paths": 2000, "backtest_paths": 8000})
    await_true(lambda: TrainingRun.objects.get(pk=run.pk).progress > 0, seconds=60)
    for child in psutil.Process(celery_worker_process.process.pid()).children():
        os.kill(child.pid, signal.SIGKILL)
    version = training.wait(run, progress=lambda *_: None, timeout=120)
    run.refresh_from_db()
    assert run.attempts == 2
    assert run.status == "done"
    assert ModelVersion.objects.filter(pk=version.pk).count() == 1
    assert ModelVersion.objects.count() == 2
    assert Forecast.objects.count() == 6


def await_true(condition, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.django_db
def test_models_that_do_worse_than_their_baseline_are_kept_and_not_used(sent, monkeypatch) -> None:
    snapshot = rows.market(days=60)
    monkeypatch.setattr(registering, "_worse", lambda trained: True)
    assert trained(snapshot).model_version.verdict == "not_used"
    with pytest.raises(InputError, match="worse than a random walk"):
        forecasts.champions(snapshot.deployment)
    monkeypatch.undo()
