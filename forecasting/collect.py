"""From raw logs to history: one verb that brings a deployment up to date.

`collect` is idempotent, resumable and reorg-aware: raw logs land first (`governance.chain.logs`), then the facts that
they tell (`forecasting.history`), and `snapshot` freezes the book at a block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from forecasting import history
from forecasting.models import Snapshot
from forecasting.snapshots import reconcile, snapshot
from governance import deployments
from governance.chain import logs
from governance.chain.logs import CollectReport
from governance.env import env
from governance.models import Deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.chain.client import Client

__all__ = ["CollectReport", "Snapshot", "collect", "reconcile", "snapshot"]


def collect(
    deployment: Deployment,
    *,
    client: Client,
    progress: Callable[[int, int, str], None] = logs.quiet,
    to_block: int | None = None,
) -> CollectReport:
    """Collect a protocol's or a governor's logs up to the head (less CONFIRMATIONS) and derive its history.

    Parameters
    ----------
    deployment : Deployment
        What to collect.
    client : Client
        Of the deployment's chain.
    progress : callable
        Called with blocks done, blocks in all, and a text.
    to_block : int or None
        Stop there; None for the head less CONFIRMATIONS.

    Raises
    ------
    WrongChain, ChainUnavailable, DishonestAnswer, ChainError
        What the node's answers make of it; everything collected before stays.
    """
    target = max(client.head().number - env().confirmations, 0) if to_block is None else to_block
    if deployment.kind != Deployment.Kind.PROTOCOL:
        return logs.collect(client, deployment, to_block=target, progress=progress)
    protocol = deployments.protocol_of(deployment)
    deployments.extend(deployment, protocol.watched(client))
    report = logs.collect(client, deployment, to_block=target, progress=progress)
    feeds = history.feeds_ever_used(deployment, to_block=report.last)
    if deployments.extend(deployment, feeds):  # a feed that was replaced meanwhile: its history counts as well
        report = logs.collect(client, deployment, to_block=target, progress=progress)
    with transaction.atomic():
        history.derive(deployment, client=client, to_block=report.last)
    return report
