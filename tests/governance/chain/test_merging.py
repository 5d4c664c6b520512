"""A ledger of many small rows: merged, it says the same in fewer."""

from __future__ import annotations

from itertools import pairwise
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from governance.chain import coverage, merging, store
from governance.domain import lattice
from governance.models import Coverage
from tests.ledger import FakeChain, watched

LENGTH = 12


def landed(counts, providers, *, lacking=()):
    """Land a block at a time."""
    chain, stream = FakeChain(counts), watched()
    for number, provider in enumerate(providers):
        if number not in lacking:
            assert store.land(stream, chain.range(number, number), provider=provider)
    return stream


def said(stream):
    """Return what the ledger says of each block and altogether."""
    ledger = Coverage.objects.filter(stream=stream)
    blocks = {block: (row.provider, row.proof) for row in ledger for block in range(row.first, row.last + 1)}
    content = lattice.total(0, *(bytes(row.content) for row in ledger))
    return blocks, sum(row.n_logs for row in ledger), content


class Merging(TestCase):
    """Hypothesis runs each example in a transaction of its own."""

    @settings(max_examples=10)
    @given(
        counts=st.lists(st.integers(0, 2), min_size=LENGTH, max_size=LENGTH),
        providers=st.lists(st.sampled_from("aaab"), min_size=LENGTH, max_size=LENGTH),
        lacking=st.sets(st.integers(0, LENGTH - 1), max_size=2),
        settled=st.integers(-1, LENGTH),
        longest=st.integers(2, LENGTH),
        most=st.integers(1, 2 * LENGTH),
    )
    def test_a_merged_ledger_says_the_same(self, counts, providers, lacking, settled, longest, most):
        stream = landed(counts, providers, lacking=lacking)
        before, whole = said(stream), coverage.covered_to(stream.deployment)
        digests = [store.digest(stream.deployment, block) for block in range(whole + 1)]
        rows = Coverage.objects.count()
        with (
            patch.object(merging, "WORTHWHILE", 2),
            patch.object(merging, "LONGEST", longest),
            patch.object(merging, "MOST_LOGS", most),
        ):
            fewer = merging.merge(stream, settled=settled)
        after = list(Coverage.objects.order_by("first"))
        assert len(after) == rows - fewer
        assert said(stream) == before
        assert [store.digest(stream.deployment, block) for block in range(whole + 1)] == digests
        assert coverage.verify(stream.deployment) == coverage.overlaps(stream) == []
        assert coverage.orphans(stream.deployment.chain) == []
        assert all(row.first == row.last for row in after if row.last > settled)
        assert all(row.last - row.first < longest for row in after)
        assert all(row.n_logs <= most for row in after if row.first < row.last)
        for one, other in pairwise(after):  # nothing is left that could be merged
            assert (
                (one.last + 1, one.provider) != (other.first, other.provider)
                or other.last > settled
                or other.last - one.first >= longest
                or one.n_logs + other.n_logs > most
            )


@pytest.mark.django_db
def test_a_few_rows_are_left_alone_and_merged_ones_can_be_taken_back():
    stream = landed([1] * 50, "a" * 50)
    assert merging.merge(stream, settled=30) == 0
    assert merging.merge(stream, settled=31) == 31
    kept = Coverage.objects.get(first=0)
    assert (kept.last, kept.n_logs, Coverage.objects.count()) == (31, 32, 19)
    store.rewind(stream.deployment.chain, ancestor=12)
    assert coverage.covered_to(stream.deployment) == 12
    assert coverage.verify(stream.deployment) == []


@pytest.mark.django_db
def test_rows_that_somebody_else_has_merged_meanwhile_are_left_alone():
    stream = landed([1] * 40, "a" * 40)
    stale = merging._newest(stream, 39)
    assert merging.merge(stream, settled=20) == 0
    assert merging.merge(stream, settled=35) == 35
    with patch.object(merging, "_newest", return_value=stale[:33]):
        assert merging.merge(stream, settled=39) == 0
    assert coverage.overlaps(stream) == coverage.verify(stream.deployment) == []
