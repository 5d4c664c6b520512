"""Faults that were found in what nodes answered: noted once while open, closed when their blocks are complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from governance.errors import ChainError, ChainUnavailable, DeepReorg, WrongChain
from governance.locks import hold
from governance.models import Incident

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from governance.chain.client import Client

Kind = Incident.Kind
BY_READING = tuple(kind for kind in Kind if kind not in {Kind.MISMATCH, Kind.DEEP_REORG})
"""Kinds that are over once every stream has the blocks whole; a contradiction only after the rest of the node that is
accused, when it is compared again. A mismatch is over when it was compared again, a deep reorganisation when a person
has accepted it or it proved none: `governance.chain.reorgs`."""

_LONGEST = 2_000  # characters of a detail
_COVERED = """
UPDATE governance_incident AS fault SET resolved_at = now()
WHERE fault.chain_id = %(chain)s AND fault.resolved_at IS NULL AND fault.kind = ANY(%(kinds)s)
  AND NOT (fault.kind = 'contradiction' AND EXISTS (
    SELECT FROM governance_provider AS accused
    WHERE accused.chain_id = fault.chain_id AND accused.name = fault.provider AND accused.quarantined_until > now()))
  AND EXISTS (
    SELECT FROM governance_coverage AS held
    JOIN governance_stream AS stream ON stream.id = held.stream_id
    JOIN governance_deployment AS deployment ON deployment.id = stream.deployment_id
    WHERE deployment.chain_id = fault.chain_id AND held.last >= fault.last)
  AND NOT EXISTS (
    SELECT FROM governance_stream AS stream
    JOIN governance_deployment AS deployment ON deployment.id = stream.deployment_id
    WHERE deployment.chain_id = fault.chain_id AND stream.first_block <= fault.last
      AND EXISTS (SELECT FROM governance_coverage AS held WHERE held.stream_id = stream.id)
      AND NOT (
        SELECT COALESCE(range_agg(int8range(held.first, held.last, '[]')), '{}'::int8multirange)
        FROM governance_coverage AS held
        WHERE held.stream_id = stream.id AND held.last >= fault.first AND held.first <= fault.last
      ) @> int8range(GREATEST(fault.first, stream.first_block), fault.last, '[]'))
"""


def record(*, chain_id: int, kind: str, provider: str, first: int, last: int, detail: str) -> None:
    """Note a fault in what ``provider`` gave of blocks ``first`` to ``last``; while it is open, it is counted only.

    Gaps that touch each other become one.

    Call it outside of a transaction that may be rolled back.
    """
    same = {"kind": Kind(kind), "provider": provider[:128], "first": first, "last": last}
    with transaction.atomic():
        hold(f"incidents-{chain_id}")
        if kind == Kind.GAP:
            same |= _joined(chain_id, provider, first, last)
        again = open_incidents(chain_id).filter(**same).update(times=F("times") + 1, detail=detail[:_LONGEST])
        if not again:
            Incident.objects.create(chain_id=chain_id, detail=detail[:_LONGEST], **same)


def _joined(chain_id: int, provider: str, first: int, last: int) -> dict[str, int]:
    """Make one of the open gaps that touch blocks ``first`` to ``last``, and return the blocks that it is of then."""
    near = open_incidents(chain_id).filter(kind=Kind.GAP, provider=provider, first__lte=last + 1, last__gte=first - 1)
    gaps = list(near)
    if not gaps:
        return {"first": first, "last": last}
    oldest, *others = gaps
    whole = {"first": min(first, *(gap.first for gap in gaps)), "last": max(last, *(gap.last for gap in gaps))}
    Incident.objects.filter(pk__in=[gap.pk for gap in others]).delete()
    Incident.objects.filter(pk=oldest.pk).update(**whole)
    return whole


def resolve(*, chain_id: int, kind: str, first: int, last: int) -> int:
    """Close the open faults of a kind that lie in blocks ``first`` to ``last``, and return how many they were."""
    found = open_incidents(chain_id).filter(kind=Kind(kind), first__gte=first, last__lte=last)
    return found.update(resolved_at=timezone.now())


def resolve_covered(*, chain_id: int) -> int:
    """Close the open faults whose blocks every stream that is collected now holds whole; return how many they were."""
    with connection.cursor() as cursor:
        cursor.execute(_COVERED, {"chain": chain_id, "kinds": [str(kind) for kind in BY_READING]})
        return int(cursor.rowcount)


def open_incidents(chain: int) -> QuerySet[Incident]:
    """Return the faults on a chain (its id) that are not resolved, oldest first."""
    return Incident.objects.filter(chain=chain, resolved_at=None).order_by("seen_at", "pk")


def drain(client: Client, *, chain_id: int, first: int, last: int) -> int:
    """Note the faults that ``client`` met since the last time, and return how many they were.

    Parameters
    ----------
    client : Client
        It finds some by itself (another chain, a broken answer), and is told others by `Client.distrust`.
    chain_id : int
        The chain that is collected.
    first, last : int
        The blocks that are collected, for faults that concern none in particular.
    """
    faults = client.faults()
    for fault in faults:
        low, high = fault.blocks or (first, last)
        record(chain_id=chain_id, kind=fault.kind, provider=fault.provider, first=low, last=high, detail=fault.detail)
    return len(faults)


def kind_of(error: ChainError) -> str:
    """Return the kind of fault that ``error`` is: its fact ``kind``, or what its class says."""
    named = str(error.facts.get("kind", ""))
    if named in Kind.values:
        return named
    for family, kind in ((WrongChain, Kind.WRONG_CHAIN), (DeepReorg, Kind.DEEP_REORG), (ChainUnavailable, Kind.GAP)):
        if isinstance(error, family):
            return kind
    return Kind.CONTRADICTION
