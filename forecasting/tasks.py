"""Celery's door to this floor: each task takes ids, does one verb and returns nothing."""

from __future__ import annotations

import logging
from contextlib import suppress

from celery import Task, shared_task
from django.db import InterfaceError, OperationalError

from forecasting import patrol, pruning, rounds, runs, training
from forecasting.backtests import sharing
from forecasting.selectors import final_snapshot
from forecasting.warners import watching
from governance import deployments
from governance.chain.client import default_client
from governance.errors import ChainUnavailable, ConflictError, DataError
from governance.locks import exclusive
from governance.models import Deployment

log = logging.getLogger(__name__)


@shared_task(autoretry_for=(ChainUnavailable,), retry_backoff=True, max_retries=3)
def collect() -> None:
    """Bring every watched deployment up to date, and freeze each protocol's book when that is due.

    One that fails does not stop the others; a tick that comes while another is at work leaves it alone.
    """
    with suppress(ConflictError), exclusive("collect on schedule"):
        plan = rounds.Plan(snapshots="due")
        outcomes = list(rounds.run(deployments.select(), client=default_client(), plan=plan, show=rounds.unseen))
        for outcome in outcomes:
            pruning.prune(outcome.deployment)
            if outcome.error is not None:
                log.error("%s was not collected: %s", outcome.deployment.slug, outcome.error.message)


@shared_task(
    base=Task,
    bind=True,
    max_retries=None,
    acks_on_timeout=False,  # as below
    soft_time_limit=runs.LIMIT + runs.GRACE // 3,
    time_limit=runs.LIMIT + runs.GRACE,
)
def train(task: Task[..., None], run_id: int) -> None:
    """Carry out a training run; when another worker is at it, come back to see whether it lived."""
    try:
        training.carry_out(run_id)
    except ConflictError as error:
        raise task.retry(exc=error, countdown=2) from error


@shared_task
def watch() -> None:
    """Look whether the data of every market is fresh, complete and plausible; alarms sound and end by it."""
    with suppress(ConflictError), exclusive("watch on schedule"):
        patrol.watch()


@shared_task
def monitor() -> None:
    """Forecast in the shadow, score what is known now, and watch the champions of every line."""
    with suppress(ConflictError), exclusive("monitor on schedule"):
        for done in patrol.run():
            log.info("%s: %d forecasts stand, %d were scored.", done.line, done.forecasts, done.scores)
        for looked in watching.run():
            log.info("%s: %d warnings stand, %d were scored.", looked.line, looked.forecasts, looked.scores)


@shared_task
def warn() -> None:
    """Say what every model of warnings says of the hours to come; where data is stale an alarm says so instead."""
    with suppress(ConflictError), exclusive("warn on schedule"):
        for said in watching.say():
            log.info("%s: %s", said.line, said.problem or f"{said.forecasts} warnings stand.")


@shared_task
def retrain() -> None:
    """Ask for fresh models of every protocol that has a book."""
    with suppress(ConflictError), exclusive("retrain on schedule"):
        for deployment in deployments.select(kind=Deployment.Kind.PROTOCOL):
            latest = final_snapshot(deployment)
            if latest is None:
                continue
            try:
                training.request(deployment, latest)
            except DataError as error:  # the other markets' models need not wait for this one's history
                log.error("%s cannot be trained: %s", deployment.slug, error.message)  # noqa: TRY400 - says it all


@shared_task(
    base=Task,
    bind=True,
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=8,
    acks_on_timeout=False,  # delivered again after a hard limit, so that somebody writes why the run has ended
)
def backtest(task: Task[..., None], run_id: int) -> None:
    """Work on a backtest for a while."""
    sharing.carry_out(run_id, message=task.request.id or "")
