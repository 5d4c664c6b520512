"""How nodes served, shared by all processes: what a client saw goes to the table, and what others saw comes from it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils import timezone

from governance.models import Provider

if TYPE_CHECKING:
    from datetime import datetime

    from governance.chain.client import Client
    from governance.chain.health import Seen

_SAVE = """
INSERT INTO governance_provider (chain_id, name, requests, failures, latency_ms, largest_range, head, last_error,
                                 seen_at, quarantined_until)
VALUES (%(chain)s, %(name)s, %(requests)s, %(failures)s, %(latency)s, %(range)s, %(head)s, %(error)s, now(), %(until)s)
ON CONFLICT (chain_id, name) DO UPDATE SET
  requests = governance_provider.requests + EXCLUDED.requests,
  failures = governance_provider.failures + EXCLUDED.failures,
  latency_ms = COALESCE(NULLIF(EXCLUDED.latency_ms, 0), governance_provider.latency_ms),
  largest_range = COALESCE(NULLIF(EXCLUDED.largest_range, 0), governance_provider.largest_range),
  head = COALESCE(NULLIF(EXCLUDED.head, 0), governance_provider.head),
  last_error = CASE WHEN EXCLUDED.failures > 0 THEN EXCLUDED.last_error ELSE governance_provider.last_error END,
  seen_at = EXCLUDED.seen_at,
  quarantined_until = CASE WHEN EXCLUDED.requests > 0 THEN EXCLUDED.quarantined_until
                      ELSE GREATEST(EXCLUDED.quarantined_until, governance_provider.quarantined_until) END
"""


def save(client: Client, *, chain_id: int) -> None:
    """Add what ``client`` saw of its nodes since the last time to the table; the chain must be known there."""
    rows = [_row(seen, chain_id) for seen in client.seen() if seen.requests or seen.failures]
    with connection.cursor() as cursor:
        for row in sorted(rows, key=_name):  # in one order, so that two collectors cannot wait for each other
            cursor.execute(_SAVE, row)


def recall(client: Client, *, chain_id: int) -> None:
    """Tell ``client`` which of its nodes other processes have found to lie or to fail, so that it leaves them alone."""
    now = timezone.now()
    resting = Provider.objects.filter(chain_id=chain_id, quarantined_until__gt=now)
    found = resting.values_list("name", "quarantined_until")
    client.rest({name: (until - now).total_seconds() for name, until in found if until is not None})


def _row(seen: Seen, chain_id: int) -> dict[str, Any]:
    return {
        "chain": chain_id,
        "name": seen.name[:128],
        "requests": seen.requests,
        "failures": seen.failures,
        "latency": seen.latency * 1_000,
        "range": seen.largest_range,
        "head": seen.head,
        "error": seen.last_error[:500],
        "until": _when(seen.rests_until),
    }


def _name(row: dict[str, Any]) -> str:
    return str(row["name"])


def _when(monotonic: float) -> datetime | None:
    """Return a time of this process's monotonic clock as one that all processes understand; None if it is past."""
    left = monotonic - time.monotonic()
    return timezone.now() + timedelta(seconds=left) if left > 0 else None
