"""What the status page says of a node."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.models import Provider
from governance.panels import status

HERE = {(1, "node.example")}


def node(*, rests: float | None = None, name: str = "node.example", **facts: int) -> Provider:
    until = None if rests is None else timezone.now() + timedelta(seconds=rests)
    return Provider(chain_id=1, name=name, quarantined_until=until, **facts)


@pytest.mark.parametrize(
    ("row", "text", "tone"),
    [
        (node(requests=9, failures=1), "Answers", "good"),
        (node(requests=6, failures=6), "Never answered", "bad"),
        (node(requests=90, failures=4, rests=-60), "Failing", "bad"),
        (node(requests=90, failures=50), "Failing", "bad"),
        (node(requests=9, name="old.example"), "Not configured any more", "quiet"),
    ],
)
def test_a_node_is_told_by_how_it_served(row, text, tone):
    badge = status.serving(row, configured=HERE)
    assert (badge.text, badge.tone) == (text, tone)


def test_a_node_in_quarantine_is_told_until_when():
    row = node(requests=9, failures=9, rests=3_600)
    assert status.serving(row, configured=HERE).text == f"Quarantined until {row.quarantined_until:%H:%M}"
