"""Train: freeze, walk forward, judge, fit, register. One run is one row, one lock, and ends once.

`request` asks for a run and `wait` follows it; a Celery worker carries it out by `carry_out`, which may be delivered
any number of times: after a crash it begins again, after the end it does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.utils import timezone

from forecasting import competing, daily, datasets, fields, fitting, freshness, lifecycle, registering, runs, shadows
from forecasting.core.config import TrainingConfig
from forecasting.fields import Settings
from forecasting.following import Progress, follow
from forecasting.imports import catalogue
from forecasting.models import ModelVersion, Snapshot, TrainingRun
from forecasting.runs import TASK, NotWanted, TooLate
from forecasting.warners import training as training_warnings
from forecasting.warners.plans import Plan
from governance.celery import app
from governance.domain.canonical import digest
from governance.errors import BreakwaterError, DataError, InputError
from governance.locks import exclusive
from governance.models import Deployment
from governance.version import code_version, lock_hash

log = logging.getLogger(__name__)

SEED = 1
SILENCE = timedelta(seconds=60)  # without a heartbeat, after which a run that nobody holds counts as lost


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
    return _ask(key, kind=ModelVersion.Kind.CASCADE, wanted=wanted)


def request_source(
    source: str,
    assets: Sequence[str],
    *,
    seed: int = SEED,
    config: Mapping[str, object] | None = None,
) -> TrainingRun:
    """Ask for the league's models of imported assets; the same request of the same data again is the same run.

    Parameters
    ----------
    source : str
        Name of the imported dataset, with or without ``prices/``.
    assets : sequence of str
    seed : int
    config : mapping, optional
        Settings of `forecasting.fields.Settings` that differ from the defaults.

    Raises
    ------
    InputError
        When there is no such dataset or asset, or a setting cannot be used.
    DataError
        When the prices must not be computed on.
    """
    file = catalogue.newest(catalogue.find(source, kind="prices"))
    settings = Settings.read(config or {}).as_dict()
    found = daily.read(source=file.dataset.name, assets=assets, version=file.version)  # refuse now what would fail then
    fields.require_long_enough(fields.of_daily(found))
    wanted = {
        "source": file.dataset.name,
        "version": file.version,
        "assets": list(assets),
        "seed": seed,
        "config": settings,
    }
    key = digest({**wanted, "dataset": found.dataset.hash, "code": code_version(), "lock": lock_hash()})
    return _ask(key, kind=ModelVersion.Kind.VARIANCE, wanted=wanted)


def request_warnings(plan: Plan, *, seed: int = SEED) -> TrainingRun:
    """Ask for the models of a line of warnings; the same request of the same data again is the same run.

    Raises
    ------
    InputError
        When there is no such dataset.
    DataError
        When the data must not be computed on, or is too little to learn from.
    """
    wanted = training_warnings.wanted(plan, seed=seed)
    key = digest({**wanted, "code": code_version(), "lock": lock_hash()})
    return _ask(key, kind=ModelVersion.Kind.WARNING, wanted=wanted)


def _ask(key: str, *, kind: ModelVersion.Kind, wanted: Mapping[str, object]) -> TrainingRun:
    with transaction.atomic():
        run, created = TrainingRun.objects.get_or_create(key=key, defaults={"kind": kind, "request": wanted})
        run = TrainingRun.objects.select_for_update().get(pk=run.pk)
        if created or _lost(run):
            run.status, run.progress, run.error, run.attempts = TrainingRun.Status.QUEUED, 0, "", 0
            run.message, run.heartbeat = "waiting for a worker", timezone.now()
            run.started_at, run.finished_at = None, None
            run.save()
            transaction.on_commit(lambda: app.send_task(TASK, args=[run.pk]))
    return run


def _lost(run: TrainingRun) -> bool:
    if run.status in {TrainingRun.Status.DONE, TrainingRun.Status.FAILED}:
        return run.status == TrainingRun.Status.FAILED
    silent = run.heartbeat is None or timezone.now() - run.heartbeat > SILENCE
    return silent and not runs.is_held(run)  # some models give no sign of life for long


def carry_out(run_id: int) -> None:
    """Do a run, unless it is done already.

    Raises
    ------
    ConflictError
        When another worker is at it; try later, for that worker may die.
    """
    run = TrainingRun.objects.get(pk=run_id)
    with exclusive(runs.lock(run)):
        run.refresh_from_db()
        if not runs.begin(run):
            return
        try:
            if run.kind == ModelVersion.Kind.VARIANCE:
                train_source(run)
            elif run.kind == ModelVersion.Kind.WARNING:
                training_warnings.train(run)
            else:
                wanted = run.request
                train(wanted["deployment"], wanted["snapshot"], seed=wanted["seed"], config=wanted["config"], run=run)
        except NotWanted:
            log.info("Training run %d is not wanted any more.", run.pk)
        except (SoftTimeLimitExceeded, TooLate):
            runs.fail(run, runs.too_late())
        except BreakwaterError as error:
            runs.fail(run, error.message)
        except Exception as error:
            runs.fail(run, f"unexpected {type(error).__name__}: {error}")
            raise


def train(
    deployment_id: int, snapshot_id: int, *, seed: int, config: Mapping[str, object], run: TrainingRun
) -> ModelVersion:
    """Train and register a market's models and their forecasts, and end the run, in one transaction.

    The league's models compete on the market's prices as well, where these are long enough. Nothing is forecast while
    the market's prices must not be published on.

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
    result = fitting.fit(snapshot, seed=seed, config=TrainingConfig.read(config), progress=runs.teller(run, 0, 70))
    field, settings = fields.of_frozen(result.frozen, deployment=snapshot.deployment), Settings()
    entries: tuple[competing.Entry, ...] = ()
    if field is not None and fields.long_enough(field):
        with _reporting_trouble(field.line):
            entries = competing.compete(field, settings=settings, seed=seed, progress=runs.teller(run, 70, 99))
    fresh = freshness.state(snapshot.deployment).fresh
    with transaction.atomic():
        version = registering.register(result, publish=fresh)
        if field is not None and entries:
            lifecycle.register(field, entries, settings=settings, seed=seed)
            if fresh:
                shadows.make(field)
        runs.end(run, version)
    return version


def train_source(run: TrainingRun) -> ModelVersion:
    """Train and register the league's models of imported assets, and end the run; return the contender's version.

    Of data that ended too long ago nothing is forecast, and an alarm says so: its models are there for newer data.
    """
    wanted = run.request
    settings = Settings.read(wanted["config"])
    field = fields.of_source(source=wanted["source"], assets=wanted["assets"], version=wanted["version"])
    entries = competing.compete(field, settings=settings, seed=wanted["seed"], progress=runs.teller(run, 0, 99))
    fresh = freshness.watch_imported(field.line, newest=field.moment).fresh
    with transaction.atomic():
        version = lifecycle.register(field, entries, settings=settings, seed=wanted["seed"])[-1]
        if fresh:
            shadows.make(field)
        runs.end(run, version)
    return version


@contextmanager
def _reporting_trouble(line: str) -> Iterator[None]:
    """Say loudly that the league cannot compete on a market's data, whose own models need not wait for it."""
    try:
        yield
    except DataError as error:
        log.error("The league's models of %s were not trained: %s", line, error.message)  # noqa: TRY400 - says it all


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

    def ended() -> ModelVersion | None:
        if run.status == TrainingRun.Status.FAILED:
            raise DataError(f"The training failed: {run.error}", run=run.pk)
        return run.model_version if run.status == TrainingRun.Status.DONE else None

    return follow(run, name="The training", ended=ended, progress=progress, timeout=timeout)
