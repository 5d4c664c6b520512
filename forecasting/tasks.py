"""Celery's door to this floor: each task takes ids, does one verb and returns nothing."""

from __future__ import annotations

from celery import Task, shared_task

from forecasting import collect as verbs
from forecasting import training
from forecasting.selectors import latest_snapshot
from governance import deployments
from governance.chain.client import default_client
from governance.errors import ChainUnavailable, ConflictError
from governance.models import Deployment

SNAPSHOT_SECONDS = 3600  # chain time between two snapshots that are taken on schedule


@shared_task(autoretry_for=(ChainUnavailable,), retry_backoff=True, max_retries=3)
def collect() -> None:
    """Bring every watched deployment up to date and snapshot each protocol's book."""
    client = default_client()
    for deployment in deployments.select():
        verbs.collect(deployment, client=client)
        if deployment.kind == Deployment.Kind.PROTOCOL and _is_due(deployment, client.head().timestamp):
            verbs.snapshot(deployment)


def _is_due(deployment: Deployment, now: int) -> bool:
    """Whether the book's newest snapshot is old enough for another: each one is kept, and takes its place on disk."""
    latest = latest_snapshot(deployment)
    return latest is None or now - latest.timestamp >= SNAPSHOT_SECONDS


@shared_task(bind=True, max_retries=None)
def train(task: Task[..., None], run_id: int) -> None:
    """Carry out a training run; when another worker is at it, come back to see whether it lived."""
    try:
        training.carry_out(run_id)
    except ConflictError as error:
        raise task.retry(exc=error, countdown=2) from error


@shared_task
def retrain() -> None:
    """Ask for fresh models of every protocol that has a book."""
    for deployment in deployments.select(kind=Deployment.Kind.PROTOCOL):
        latest = latest_snapshot(deployment)
        if latest is not None:
            training.request(deployment, latest)
