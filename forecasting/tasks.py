"""Celery's door to this floor: each task takes ids, does one verb and returns nothing."""

from __future__ import annotations

from celery import Task, shared_task

from forecasting import collect as verbs
from forecasting import training
from forecasting.models import Snapshot
from governance import deployments
from governance.chain.client import default_client
from governance.errors import ChainUnavailable, ConflictError
from governance.models import Deployment


@shared_task(autoretry_for=(ChainUnavailable,), retry_backoff=True, max_retries=3)
def collect() -> None:
    """Bring every watched deployment up to date and snapshot each protocol's book."""
    client = default_client()
    for deployment in deployments.select():
        verbs.collect(deployment, client=client)
        if deployment.kind == Deployment.Kind.PROTOCOL:
            verbs.snapshot(deployment)


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
        latest = Snapshot.objects.filter(deployment=deployment).order_by("block_number").last()
        if latest is not None:
            training.request(deployment, latest)
