"""What pages and metrics read about completeness, over rows that are made by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from governance import completeness, overview
from governance.models import Chain, Coverage, Incident, Provider
from tests.governance.ledger import cover, log, make_chain, stream_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain() -> Chain:
    return make_chain()


def spans(found) -> list[tuple[str, int, int]]:
    return [(hole.deployment, hole.first, hole.last) for hole in found]


def test_nothing_watched_is_nothing_wrong(chain):
    assert (completeness.coverage(), completeness.gaps(), completeness.overlaps()) == ([], [], [])
    assert completeness.orphans() == []
    (pace,) = completeness.paces()
    assert (pace.head, pace.complete_to, pace.lag) == (None, None, None)
    assert overview.collected() is None


def test_coverage_is_summed_up_by_proof(chain):
    stream = stream_of(chain, "a", first=5)
    cover(stream, 5, 9, n_logs=3, proof="linked")
    cover(stream, 10, 24, n_logs=4, proof="receipts", sampled=15, provider="other")
    (row,) = completeness.coverage()
    assert (row.slug, row.first, row.last, row.complete_to, row.ranges) == ("a", 5, 24, 24, 2)
    assert (row.blocks, row.logs, row.contracts) == (20, 7, 1)
    assert row.proofs == {"linked": 5, "bloom": 0, "second": 0, "receipts": 15}
    assert row.sampled_share == 0.75
    assert row.providers == ("node", "other")


def test_a_stream_that_was_not_begun_is_not_complete_to_anything(chain):
    stream_of(chain, "a", first=5)
    (row,) = completeness.coverage()
    assert (row.last, row.complete_to, row.blocks, row.sampled_share, row.providers) == (4, 4, 0, 0.0, ())
    assert completeness.gaps() == []


def test_gaps_lie_below_the_highest_block_and_also_at_the_beginning(chain):
    one, two = stream_of(chain, "a"), stream_of(chain, "b")
    cover(one, 3, 5)
    cover(one, 9, 9)
    cover(one, 10, 20)
    cover(two, 0, 30)
    found = completeness.gaps()
    assert spans(found) == [("A", 0, 2), ("A", 6, 8)]
    assert sum(hole.blocks for hole in found) == 6
    assert completeness.complete_to() == {1: (-1, 30)}
    assert overview.collected().block == 30


def test_a_block_that_two_ranges_claim_is_an_overlap(chain):
    stream = stream_of(chain, "a")
    cover(stream, 0, 10)
    cover(stream, 8, 12)
    cover(stream, 2, 4)
    assert spans(completeness.overlaps()) == [("A", 2, 4), ("A", 8, 10)]


def test_orphans_are_rows_that_the_ledger_does_not_account_for(chain):
    stream = stream_of(chain, "a")
    cover(stream, 0, 10)
    log(chain, 10)
    assert completeness.orphans() == []
    log(chain, 11)
    Coverage.objects.update(last_hash="0x" + "ff" * 32)
    found = [(row.what, row.first, row.last, row.rows) for row in completeness.orphans()]
    assert found == [
        ("ledger rows that the held headers do not continue", 0, 10, 1),
        ("logs that no ledger row covers", 11, 11, 1),
    ]


def test_the_lag_is_measured_against_the_best_node(chain):
    stream = stream_of(chain, "a")
    cover(stream, 0, 20, n_logs=600)
    for name, head in (("slow", 25), ("fast", 30)):
        Provider.objects.create(chain=chain, name=name, head=head)
    (pace,) = completeness.paces()
    assert (pace.head, pace.complete_to, pace.lag) == (30, 20, 10)
    assert pace.logs_per_second == 600 / 300
    Coverage.objects.update(landed_at=timezone.now() - timedelta(minutes=6))
    (pace,) = completeness.paces()
    assert (pace.logs_per_second, pace.blocks_per_second) == (0, 0)


def test_only_a_fault_that_leaves_blocks_out_stops_what_depends_on_them(chain):
    facts = {"chain": chain, "provider": "node", "first": 3, "last": 4, "detail": "x"}
    Incident.objects.create(kind="lagging", **facts)
    assert completeness.stopping() is None
    gap = Incident.objects.create(kind="gap", **facts)
    assert completeness.stopping() == gap
    assert [row.kind for row in completeness.open_incidents()] == ["gap", "lagging"]
    counts = completeness.incidents_by_kind()
    assert (counts[1, "gap"], counts[1, "lagging"], counts[1, "duplicate"]) == (1, 1, 0)
    Incident.objects.filter(pk=gap.pk).update(resolved_at=timezone.now())
    assert completeness.stopping() is None
    assert [row.kind for row in completeness.resolved_incidents()] == ["gap"]


def test_the_audit_log_is_checked_once_in_a_while(db, django_assert_num_queries):
    first = overview.audit_state()
    assert first.report.intact
    with django_assert_num_queries(0):
        assert overview.audit_state() == first
