"""Train: freeze, walk forward, judge, fit, register. One run is one row, one lock, and ends once.

`request` asks for a run and `wait` follows it; a Celery worker carries it out by `carry_out`, which may be delivered
any number of times: after a crash it begins again, after the end it does nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from forecasting import datasets, fitting, registering
from forecasting.core.config import TrainingConfig
from forecasting.models import ModelVersion, Snapshot, TrainingRun
from governance.celery import app
from governance.domain.canonical import digest
from governance.errors import BreakwaterError, DataError, InputError, ServiceError
from governance.locks import exclusive
from governance.models import Deployment
from governance.version import code_version, lock_hash

type Progress = Callable[[int, int, str], None]

SEED = 1
TASK = "forecasting.tasks.train"
DELIVERIES = 5  # a run that killed its worker this often is not tried again
SILENCE = timedelta(seconds=60)  # without a heartbeat, after which a run counts as lost
POLL = 0.3  # seconds


def request(
    deployment: Deployment,
    snapshot: Snapshot,
    *,
    seed: int = SEED,
    config: Mapping[str, object] | None = None,
) -> TrainingRun:
    """Ask for models of a deployment as of a snapshot; the same request again is the same run.

    A run that failed, or that was lost with its worker, is sent again.

    Parameters
    ----------
    deployment : Deployment
    snapshot : Snapshot
    seed : int
    config : mapping, optional
        Settings of `TrainingConfig` that differ from the defaults.

    Raises
    ------
    InputError
        For a snapshot of another deployment, or a configuration that cannot be used.
    DataError
        When the snapshot's history is not complete, or its block not final.
    """
    if snapshot.deployment_id != deployment.pk:
        raise InputError(f"Snapshot {snapshot.pk} is not of {deployment.name}.", field="snapshot")
    datasets.require_final(snapshot)
    settings = TrainingConfig.read(config or {}).as_dict()
    wanted = {"deployment": deployment.pk, "snapshot": snapshot.pk, "seed": seed, "config": settings}
    wanted |= {"block": snapshot.block_number, "coverage_digest": snapshot.coverage_digest}
    key = digest(
        {
            **wanted,
            "block_hash": snapshot.block_hash,
            "content": snapshot.dataset_hash,
            "code": code_version(),
            "lock": lock_hash(),
        }
    )
    with transaction.atomic():
        run, created = TrainingRun.objects.get_or_create(
            key=key, defaults={"kind": ModelVersion.Kind.CASCADE, "request": wanted}
        )
        run = TrainingRun.objects.select_for_update().get(pk=run.pk)
        if created or _lost(run):
            run.status, run.progress, run.error, run.attempts = TrainingRun.Status.QUEUED, 0, "", 0
            run.message, run.heartbeat = "waiting for a worker", timezone.now()
            run.save()
            transaction.on_commit(lambda: app.send_task(TASK, args=[run.pk]))
    return run


def _lost(run: TrainingRun) -> bool:
    if run.status in {TrainingRun.Status.DONE, TrainingRun.Status.FAILED}:
        return run.status == TrainingRun.Status.FAILED
    return run.heartbeat is None or timezone.now() - run.heartbeat > SILENCE


def carry_out(run_id: int) -> None:
    """Do a run, unless it is done already.

    Raises
    ------
    ConflictError
        When another worker is at it; try later, for that worker may die.
    """
    with exclusive(f"training-run-{run_id}"):
        run = TrainingRun.objects.get(pk=run_id)
        if run.status in {TrainingRun.Status.DONE, TrainingRun.Status.FAILED}:
            return
        if run.attempts >= DELIVERIES:
            _fail(run, f"gave up: {run.attempts} workers died on it")
            return
        _begin(run)
        wanted = run.request
        try:
            train(wanted["deployment"], wanted["snapshot"], seed=wanted["seed"], config=wanted["config"], run=run)
        except BreakwaterError as error:
            _fail(run, error.message)
        except Exception as error:
            _fail(run, f"unexpected {type(error).__name__}: {error}")
            raise


def train(
    deployment_id: int, snapshot_id: int, *, seed: int, config: Mapping[str, object], run: TrainingRun
) -> ModelVersion:
    """Train and register both models and their forecasts, and end the run, in one transaction.

    Returns
    -------
    ModelVersion
        The cascade version; its ``parent`` is the volatility version.

    Raises
    ------
    DataError
        When the data must not be computed on.
    """
    snapshot = Snapshot.objects.select_related("deployment").get(pk=snapshot_id, deployment_id=deployment_id)

    def tell(done: int, total: int, text: str) -> None:
        _beat(run, progress=min(99, 100 * done // max(total, 1)), message=text)

    result = fitting.fit(snapshot, seed=seed, config=TrainingConfig.read(config), progress=tell)
    with transaction.atomic():
        version = registering.register(result)
        run.status, run.progress, run.message = TrainingRun.Status.DONE, 100, "done"
        run.model_version, run.finished_at, run.heartbeat = version, timezone.now(), timezone.now()
        run.save()
    return version


def wait(run: TrainingRun, *, progress: Progress, timeout: float) -> ModelVersion:
    """Follow a run to its end.

    Parameters
    ----------
    run : TrainingRun
    progress : callable
        Called with percent, 100 and a text.
    timeout : float
        Seconds.

    Raises
    ------
    DataError
        When the run failed, with its reason.
    ServiceError
        When it did not end in time.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        run.refresh_from_db()
        progress(run.progress, 100, run.message)
        if run.status == TrainingRun.Status.FAILED:
            raise DataError(f"The training failed: {run.error}", run=run.pk)
        if run.status == TrainingRun.Status.DONE and run.model_version is not None:
            return run.model_version
        time.sleep(POLL)
    raise ServiceError(
        f"The training did not end within {timeout:.0f} seconds (it is {run.status} at {run.progress} %). "
        "`manage.py services status` says whether a worker runs; asking again continues the same run.",
        run=run.pk,
    )


def _begin(run: TrainingRun) -> None:
    run.status, run.attempts = TrainingRun.Status.RUNNING, run.attempts + 1
    run.started_at, run.heartbeat = timezone.now(), timezone.now()
    run.save()


def _fail(run: TrainingRun, reason: str) -> None:
    run.status, run.error, run.finished_at = TrainingRun.Status.FAILED, reason, timezone.now()
    run.save()


def _beat(run: TrainingRun, *, progress: int, message: str) -> None:
    run.progress, run.message, run.heartbeat = progress, message[:200], timezone.now()
    run.save(update_fields=["progress", "message", "heartbeat"])
