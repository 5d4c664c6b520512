"""Streams that have contracts in common: what one of them lands must be what the others have proven.

The logs of a contract are held once, however many streams collect it. So a landing replaces what the others hold, and
afterwards their ledger rows must still be true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from governance.chain.coverage import content, intact
from governance.locks import hold
from governance.models import Coverage, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Other(NamedTuple):
    """Neighbouring ledger rows of another stream, and the hash of the blocks that are landed now as they were."""

    rows: list[Coverage]
    addresses: list[str]
    first: int
    last: int
    content: tuple[int, bytes]


def others(stream: Stream, *, first: int, last: int) -> list[Other]:
    """Return what other streams hold of the contracts of ``stream`` in blocks ``first`` to ``last``.

    Streams that have contracts in common land one after the other from here to the end of the transaction.
    """
    own = set(stream.addresses)
    candidates = Stream.objects.filter(deployment__chain=stream.deployment.chain_id).exclude(pk=stream.pk)
    common = {other.pk: sorted(own.intersection(other.addresses)) for other in candidates}
    common = {pk: addresses for pk, addresses in common.items() if addresses}
    if not common:
        return []
    hold(f"shared-{stream.deployment.chain_id}")
    rows = Coverage.objects.filter(stream__in=common, first__lte=last, last__gte=first)
    found = []
    for run in _runs(list(rows.select_related("stream__deployment").order_by("stream", "first"))):
        low, high, addresses = max(run[0].first, first), min(run[-1].last, last), common[run[0].stream_id]
        held = content(stream.deployment.chain_id, addresses, first=low, last=high)
        found.append(Other(run, addresses, low, high, held))
    return found


def spoilt(others: Sequence[Other]) -> str | None:
    """Return the slug of a deployment whose ledger rows are no longer true; None says that all of them are.

    The rows are read whole only when something changed: what was spoilt before may just have been mended.
    """
    for other in others:
        deployment = other.rows[0].stream.deployment
        now = content(deployment.chain_id, other.addresses, first=other.first, last=other.last)
        if now != other.content and not all(map(intact, other.rows)):
            return deployment.slug
    return None


def _runs(rows: list[Coverage]) -> Iterator[list[Coverage]]:
    """Yield ledger rows that follow each other, together."""
    run: list[Coverage] = []
    for row in rows:
        if run and (row.stream_id, row.first) != (run[-1].stream_id, run[-1].last + 1):
            yield run
            run = []
        run.append(row)
    if run:
        yield run
