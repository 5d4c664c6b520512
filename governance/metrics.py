"""What Prometheus reads: how far collection is, what is wrong, how the nodes serve, and how fast rows land.

Web, worker and beat are processes of their own, so nothing is counted in memory: every figure is read from the
database when it is asked for. Each floor adds its own (`families` of the modules in ``METRIC_SOURCES``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Count
from django.utils import timezone
from django.utils.module_loading import import_string
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from governance import completeness
from governance.models import Chain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from prometheus_client import Metric

CONTENT_TYPE = CONTENT_TYPE_LATEST
type Samples = Iterable[tuple[Sequence[str], float]]


class _Sources(Collector):
    """Everything that every floor measures."""

    def collect(self) -> Iterator[Metric]:
        for name in settings.METRIC_SOURCES:
            source: Callable[[], Iterable[Metric]] = import_string(name)
            yield from source()


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format, as of now."""
    registry = CollectorRegistry()
    registry.register(_Sources())
    return generate_latest(registry)


def gauge(name: str, text: str, labels: Sequence[str], samples: Samples) -> GaugeMetricFamily:
    """Return a measure that goes up and down; ``samples`` are pairs of label values and a number."""
    family = GaugeMetricFamily(f"breakwater_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(list(values), number)
    return family


def counter(name: str, text: str, labels: Sequence[str], samples: Samples) -> CounterMetricFamily:
    """Return a count that only grows; its name gets the suffix ``_total``."""
    family = CounterMetricFamily(f"breakwater_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(list(values), number)
    return family


def families() -> Iterator[Metric]:
    """Yield what this floor measures."""
    yield from _progress()
    yield from _coverage()
    yield from _faults()
    yield from _nodes()


def _progress() -> Iterator[Metric]:
    paces = completeness.paces()
    yield gauge(
        "head_block",
        "Newest block that a node of the chain has shown.",
        ["chain"],
        ((_chain(pace), pace.head) for pace in paces if pace.head is not None),
    )
    yield gauge(
        "complete_block",
        "Block up to which everything that is watched on the chain is complete.",
        ["chain"],
        ((_chain(pace), pace.complete_to) for pace in paces if pace.complete_to is not None),
    )
    yield gauge(
        "head_lag_blocks",
        "Blocks that are on chain and not collected yet.",
        ["chain"],
        ((_chain(pace), pace.lag) for pace in paces if pace.lag is not None),
    )
    over = f"landed a second, over the last {completeness.MINUTES} minutes."
    yield gauge(
        "landed_logs_per_second", f"Logs {over}", ["chain"], ((_chain(pace), pace.logs_per_second) for pace in paces)
    )
    yield gauge(
        "landed_blocks_per_second",
        f"Blocks of each stream {over}",
        ["chain"],
        ((_chain(pace), pace.blocks_per_second) for pace in paces),
    )


def _coverage() -> Iterator[Metric]:
    streams = completeness.coverage()
    names = _stream_names(streams)
    labels = ["chain", "deployment", "stream"]
    yield gauge(
        "collected_logs",
        "Logs that are held; fewer after a reorganisation.",
        labels,
        zip(names, (row.logs for row in streams), strict=True),
    )
    yield gauge(
        "collected_blocks",
        "Blocks that are covered; fewer after a reorganisation.",
        labels,
        zip(names, (row.blocks for row in streams), strict=True),
    )
    shares = (
        ((*name, kind), blocks / row.blocks)
        for name, row in zip(names, streams, strict=True)
        for kind, blocks in row.proofs.items()
        if row.blocks
    )
    yield gauge("coverage_share", "Share of covered blocks with each kind of proof.", [*labels, "proof"], shares)
    yield gauge(
        "sampled_share",
        "Share of covered blocks that were compared with a stronger source besides.",
        labels,
        zip(names, (row.sampled_share for row in streams), strict=True),
    )


def _faults() -> Iterator[Metric]:
    gaps = completeness.gaps()
    by_chain = {
        pace.chain_id: [hole for hole in gaps if hole.chain_id == pace.chain_id] for pace in completeness.paces()
    }
    yield gauge(
        "gaps",
        "Holes in the coverage below its highest block; moments long while workers land out of order.",
        ["chain"],
        (([str(chain)], len(holes)) for chain, holes in by_chain.items()),
    )
    yield gauge(
        "gap_blocks",
        "Blocks in those holes.",
        ["chain"],
        (([str(chain)], sum(hole.blocks for hole in holes)) for chain, holes in by_chain.items()),
    )
    yield gauge(
        "open_incidents",
        "Faults in what nodes answered that are not overcome.",
        ["chain", "kind"],
        (([str(chain), kind], count) for (chain, kind), count in completeness.incidents_by_kind().items()),
    )
    reorgs = Chain.objects.values_list("chain_id").annotate(count=Count("reorgs")).order_by()
    yield counter(
        "reorganisations",
        "Reorganisations that were met and repaired.",
        ["chain"],
        (([str(chain)], count) for chain, count in reorgs),
    )


def _nodes() -> Iterator[Metric]:
    rows = completeness.providers()
    names = [(str(row.chain_id), row.name) for row in rows]
    labels, now = ["chain", "node"], timezone.now()
    yield counter(
        "node_requests", "Requests to the node.", labels, zip(names, (row.requests for row in rows), strict=True)
    )
    yield counter(
        "node_failures", "Requests that failed.", labels, zip(names, (row.failures for row in rows), strict=True)
    )
    yield gauge(
        "node_latency_seconds",
        "Time of an answer, exponentially weighted.",
        labels,
        ((name, row.latency_ms / 1000) for name, row in zip(names, rows, strict=True) if row.latency_ms),
    )
    yield gauge(
        "node_head_block",
        "Newest block it has shown; nothing before it has shown one.",
        labels,
        ((name, row.head) for name, row in zip(names, rows, strict=True) if row.head),
    )
    yield gauge(
        "node_quarantined",
        "1 while the node is not asked because of its faults, else 0.",
        labels,
        (
            (name, float(row.quarantined_until is not None and row.quarantined_until > now))
            for name, row in zip(names, rows, strict=True)
        ),
    )


def _stream_names(streams: Sequence[completeness.StreamCoverage]) -> list[tuple[str, str, str]]:
    """Return chain, slug and number of each stream: the oldest of a deployment is its number 1."""
    known: dict[str, list[int]] = {}
    for row in streams:
        known.setdefault(row.slug, []).append(row.stream)
    return [(str(row.chain_id), row.slug, str(1 + sorted(known[row.slug]).index(row.stream))) for row in streams]


def _chain(pace: completeness.Pace) -> list[str]:
    return [str(pace.chain_id)]
