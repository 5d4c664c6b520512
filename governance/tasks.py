"""Celery's door to the ground floor: each task takes numbers, does one verb and returns nothing."""

from __future__ import annotations

from celery import shared_task

from governance import deployments
from governance.chain import spreading
from governance.chain.client import default_client
from governance.errors import ChainUnavailable
from governance.models import Stream


@shared_task(autoretry_for=(ChainUnavailable,), retry_backoff=True, max_retries=3)
def collect_range(stream_id: int, first: int, last: int) -> None:
    """Land what a stream lacks of a range of blocks; nothing when its deployment was removed meanwhile."""
    if Stream.objects.filter(pk=stream_id).exists():
        spreading.work(spreading.Job(stream_id, first, last), client=default_client())


@shared_task(autoretry_for=(ChainUnavailable,), retry_backoff=True, max_retries=3)
def spread() -> None:
    """Hand out the backlog of every deployment that has a long one."""
    for deployment in deployments.select():
        spreading.spread(deployment, client=default_client())
