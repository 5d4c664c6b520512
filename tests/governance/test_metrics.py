"""The metrics that Prometheus reads: names, numbers, and nothing that is secret."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from governance.models import Incident, Provider, Reorg
from tests.governance.ledger import cover, make_chain, stream_of

pytestmark = pytest.mark.django_db


def scrape(client) -> dict[tuple[str, ...], float]:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name.removeprefix("breakwater_"), *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def test_an_empty_database_is_measured_too(client):
    assert scrape(client) == {}


def test_progress_faults_and_nodes_are_measured(client):
    chain = make_chain()
    stream = stream_of(chain, "a")
    cover(stream, 0, 9, n_logs=30)
    cover(stream, 15, 19, n_logs=300, proof="receipts", sampled=3)
    later = timezone.now() + timedelta(minutes=1)
    Provider.objects.create(
        chain=chain, name="node.example", head=29, latency_ms=50, requests=9, failures=2, quarantined_until=later
    )
    Incident.objects.create(chain=chain, kind="gap", first=10, last=14, detail="x")
    Reorg.objects.create(chain=chain, ancestor=3, orphan_number=4, orphan_hash="0x", depth=6)
    found = scrape(client)
    assert found["head_lag_blocks", "1"] == 29 - 9
    assert (found["gaps", "1"], found["gap_blocks", "1"]) == (1, 5)
    assert (found["open_incidents", "1", "gap"], found["open_incidents", "1", "duplicate"]) == (1, 0)
    assert found["landed_logs_per_second", "1"] == 330 / 300
    where = ("1", "a", "1")
    assert (found["collected_logs", *where], found["collected_blocks", *where]) == (330, 15)
    shares = [found["coverage_share", "1", "a", proof, "1"] for proof in ("linked", "bloom", "second", "receipts")]
    assert shares == pytest.approx([0, 2 / 3, 0, 1 / 3])
    assert found["sampled_share", *where] == pytest.approx(0.2)
    node = ("1", "node.example")
    assert (found["node_requests_total", *node], found["node_failures_total", *node]) == (9, 2)
    assert (found["node_latency_seconds", *node], found["node_quarantined", *node]) == (0.05, 1)
    assert found["reorganisations_total", "1"] == 1


def test_what_is_not_known_has_no_sample_and_what_never_happened_is_zero(client):
    chain = make_chain()
    stream_of(chain, "a")
    first = stream_of(chain, "b")
    first.deployment.streams.create(addresses=["0x" + "12" * 20], first_block=0)
    Provider.objects.create(chain=chain, name="dead.example", requests=6, failures=6)
    found = scrape(client)
    assert found["reorganisations_total", "1"] == 0
    assert found["node_failures_total", "1", "dead.example"] == 6
    assert ("node_head_block", "1", "dead.example") not in found
    assert [key[1:] for key in found if key[0] == "collected_logs"] == [
        ("1", "a", "1"),
        ("1", "b", "1"),
        ("1", "b", "2"),
    ]
