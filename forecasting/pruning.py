"""Which snapshots are kept: all that something cites, and of the others fewer the older they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import ProtectedError

from forecasting.models import Snapshot
from forecasting.selectors import is_canonical
from governance.locks import hold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from governance.models import Deployment

HOUR = 3600
DAY = 24 * HOUR
PACES = ((2 * DAY, HOUR), (90 * DAY, DAY))  # up to this age, one of each; seconds
OLD_PACE = 7 * DAY


def pin(snapshot: Snapshot) -> None:
    """Keep a snapshot for good: something cites it from now on."""
    Snapshot.objects.filter(pk=snapshot.pk).update(pinned=True)


def prune(deployment: Deployment) -> int:
    """Delete the snapshots of a deployment that nothing cites and no one needs any more; return how many went.

    Of those on the collected chain, the newest of each hour is kept for two days before the newest of all, of each day
    for 90 days, and of each week for ever. Those of orphaned blocks go.
    """
    with transaction.atomic():
        hold(f"prune-snapshots-{deployment.pk}")
        rows = Snapshot.objects.filter(deployment=deployment).select_related("deployment").order_by("-timestamp")
        sound = [row.timestamp for row in rows if is_canonical(row)]
        wanted = kept(sound, now=max(sound, default=0))
        loose = [row for row in rows if not row.pinned and not (row.timestamp in wanted and is_canonical(row))]
        return sum(map(discard, loose))


def kept(timestamps: Iterable[int], *, now: int) -> set[int]:
    """Return which of ``timestamps`` (unix seconds) are kept at ``now``: the newest of each hour, day or week."""
    newest = {}
    for timestamp in sorted(timestamps):
        pace = next((step for age, step in PACES if now - timestamp < age), OLD_PACE)
        newest[pace, timestamp // pace] = timestamp
    return set(newest.values())


def discard(row: Snapshot) -> bool:
    """Delete a snapshot and return True; one that a row of another floor refers to is cited, and pinned instead."""
    try:
        with transaction.atomic():
            row.delete()
    except ProtectedError:
        pin(row)
        return False
    return True
