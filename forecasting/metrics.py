"""What Prometheus reads of this floor: how old the newest price, snapshot and model are, and what is wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.db.models import Count, OuterRef, Subquery

from forecasting.models import Alarm, ModelVersion, Price, Reserve, Snapshot
from governance.metrics import gauge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import Metric


def families() -> Iterator[Metric]:
    """Yield what this floor measures: times (in seconds) from the newest row's chain time to now, by deployment."""
    yield _age("price_age_seconds", "Age of the newest price.", _prices())
    snapshots = Snapshot.objects.values_list("deployment__slug", "timestamp")
    yield _age("snapshot_age_seconds", "Age of the newest snapshot's block.", snapshots)
    models = ModelVersion.objects.exclude(deployment=None).values_list("deployment__slug", "created_timestamp")
    yield _age("model_age_seconds", "Age of the newest model's data.", models)
    alarms = Alarm.objects.filter(resolved_at=None).values_list("line", "kind").annotate(count=Count("pk")).order_by()
    yield gauge(
        "open_alarms",
        "Data or models with which something is wrong, by line of models.",
        ["line", "kind"],
        (([line, kind], count) for line, kind, count in alarms),
    )


def _prices() -> Iterable[tuple[str, int]]:
    """Return each reserve's deployment and newest price time, one look into the index for each."""
    newest = Price.objects.filter(reserve=OuterRef("pk")).order_by("-timestamp").values("timestamp")[:1]
    return Reserve.objects.annotate(at=Subquery(newest)).exclude(at=None).values_list("deployment__slug", "at")


def _age(name: str, text: str, moments: Iterable[tuple[str, int]]) -> Metric:
    now, newest = time.time(), dict[str, int]()
    for slug, moment in moments:
        newest[slug] = max(moment, newest.get(slug, moment))
    return gauge(name, text, ["deployment"], (([slug], now - moment) for slug, moment in newest.items()))
