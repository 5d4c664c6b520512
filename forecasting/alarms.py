"""Alarms: what is wrong with the data or a model of a line, said once and shown until it is over."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from forecasting.models import Alarm
from governance.locks import hold

log = logging.getLogger(__name__)


def sound(line: str, *, kind: Alarm.Kind, detail: str) -> None:
    """Say that something is wrong; while it lasts it is counted, and logged only the first time.

    Call it outside of a transaction that may be rolled back.
    """
    with transaction.atomic():
        hold(f"alarms-{line}")
        again = standing(line).filter(kind=kind).update(times=F("times") + 1, detail=detail)
        if not again:
            Alarm.objects.create(line=line, kind=kind, detail=detail)
            log.error("%s: %s", line, detail)


def silence(line: str, *, kinds: Sequence[Alarm.Kind]) -> int:
    """Say that it is over; return how many alarms ended."""
    ended = standing(line).filter(kind__in=kinds).update(resolved_at=timezone.now())
    if ended:
        log.warning("%s: %d alarms (%s) are over.", line, ended, ", ".join(kinds))
    return ended


def standing(line: str = "") -> QuerySet[Alarm]:
    """Return the alarms that are not over, of ``line`` or (empty) of all lines, the oldest first."""
    rows = Alarm.objects.filter(resolved_at=None).order_by("seen_at", "pk")
    return rows.filter(line=line) if line else rows
