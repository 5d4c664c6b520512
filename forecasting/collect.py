"""From raw logs to history: one verb that brings a deployment up to date.

`collect` is idempotent, resumable and reorg-aware: raw logs land first (`governance.chain.logs`), then the facts that
they tell (`forecasting.history`), and `snapshot` freezes the book at a block.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction

from forecasting import history
from forecasting.models import Snapshot
from forecasting.snapshots import reconcile, snapshot
from governance import deployments, lore
from governance.chain import finality, logs
from governance.chain.logs import CollectReport
from governance.locks import turn
from governance.models import Block, Deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.chain.client import Client

__all__ = ["CollectReport", "Snapshot", "collect", "is_due", "reconcile", "settled", "snapshot"]

SNAPSHOT_SECONDS = 3600  # chain time between two snapshots that are taken on schedule


def collect(
    deployment: Deployment,
    *,
    client: Client,
    progress: Callable[[int, int, str], None] = logs.quiet,
    to_block: int | None = None,
) -> CollectReport:
    """Collect a protocol's or a governor's logs up to the head that FOLLOW names, and derive its history.

    Several may collect at once; they derive one after the other.

    Parameters
    ----------
    deployment : Deployment
        What to collect.
    client : Client
        Of the deployment's chain.
    progress : callable
        Called with blocks done, blocks in all, and a text.
    to_block : int or None
        Stop there; None for the head that is followed (`governance.chain.finality`).

    Raises
    ------
    WrongChain, DeepReorg, ChainUnavailable, DishonestAnswer, ChainError
        What the node's answers make of it; everything collected before stays.
    ConflictError
        When another process derives the same history for a very long time.
    """
    target = finality.head(client) if to_block is None else to_block
    if deployment.kind != Deployment.Kind.PROTOCOL:
        return logs.collect(client, deployment, to_block=target, progress=progress)
    protocol = deployments.protocol_of(deployment)
    deployments.extend(deployment, protocol.watched(client))
    report = logs.collect(client, deployment, to_block=target, progress=progress)
    learned = lore.learn(deployment, client=client, to_block=report.last)
    more = set(history.feeds_ever_used(deployment, to_block=report.last))
    more |= set(deployments.protocol_of(deployment).watched(client)) if learned else set()
    if deployments.extend(deployment, more):  # a feed that was replaced meanwhile: its history counts as well
        report = _sum(report, logs.collect(client, deployment, to_block=target, progress=progress))
    with turn(f"derive {deployment.pk}"), transaction.atomic():
        history.derive(deployment, client=client, to_block=report.last)
    return report


def settled(deployment: Deployment, *, client: Client, collected_to: int) -> int:
    """Return the newest collected block of ``deployment`` that a snapshot may be taken of: a settled one.

    Models train on snapshots and evidence cites them, so a block that may still be taken back does not become one.
    """
    return max(min(collected_to, finality.final(client)), deployment.first_block - 1)


def is_due(deployment: Deployment, *, block: int) -> bool:
    """Return whether the newest snapshot is old enough for another: each one is kept, and takes its place on disk."""
    latest = Snapshot.objects.filter(deployment=deployment).order_by("-block_number").first()
    header = Block.objects.filter(chain=deployment.chain_id, number=block).first()
    return header is not None and (latest is None or header.timestamp - latest.timestamp >= SNAPSHOT_SECONDS)


def _sum(one: CollectReport, two: CollectReport) -> CollectReport:
    return replace(
        two,
        blocks=one.blocks + two.blocks,
        logs=one.logs + two.logs,
        ranges=one.ranges + two.ranges,
        reorgs=one.reorgs + two.reorgs,
        seconds=one.seconds + two.seconds,
    )
