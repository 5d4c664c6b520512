"""A ledger that does not grow with every poll: rows of a few blocks each become one once they are settled.

A row is 512 bytes and more, and a collector that follows the head writes one for every few seconds. Old neighbours of
the same proof and provider say as much in one row, because their hashes add up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.bulk import committed_later
from governance.domain import lattice
from governance.locks import hold, share
from governance.models import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.models import Stream

LOOKED_AT = 512  # newest settled rows of a stream that are looked at
WORTHWHILE = 32  # rows that are merged at once
LONGEST = 10_000  # blocks of a merged row: a digest within a row reads that row's blocks
MOST_LOGS = 100_000  # of a merged row, likewise


def merge(stream: Stream, *, settled: int) -> int:
    """Merge neighbouring ledger rows of ``stream`` up to block ``settled``; return how many there are fewer.

    What the rows say of the stream, its digest with it, does not change.
    """
    merged = 0
    for run in _runs(_newest(stream, settled)):
        if len(run) >= WORTHWHILE:
            merged += _merge(stream, first=run[0].first, last=run[-1].last)
    return merged


def _newest(stream: Stream, settled: int) -> list[Coverage]:
    rows = stream.coverage.filter(last__lte=settled).defer("content").order_by("-last")
    return list(reversed(rows[:LOOKED_AT]))


def _merge(stream: Stream, *, first: int, last: int) -> int:
    with committed_later():
        share(f"collect-{stream.deployment.chain_id}")
        hold(f"ledger-{stream.pk}")
        rows = list(stream.coverage.filter(first__gte=first, last__lte=last).order_by("first"))
        if [*_runs(rows)] != [rows] or (rows[0].first, rows[-1].last) != (first, last):
            return 0  # somebody else has merged or taken back some of them meanwhile
        low, high = rows[0], rows[-1]
        stream.coverage.filter(pk__in=[row.pk for row in rows[1:]]).delete()
        stream.coverage.filter(pk=low.pk).update(
            last=high.last,
            last_hash=high.last_hash,
            n_logs=sum(row.n_logs for row in rows),
            content=lattice.total(0, *(bytes(row.content) for row in rows)),
            sampled=sum(row.sampled for row in rows),
            landed_at=max(row.landed_at for row in rows),
        )
        return len(rows) - 1


def _runs(rows: list[Coverage]) -> Iterator[list[Coverage]]:
    """Yield rows that may become one, together."""
    run: list[Coverage] = []
    for row in rows:
        if run and not _fits(run, row):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _fits(run: list[Coverage], row: Coverage) -> bool:
    before = run[-1]
    return (
        (before.last + 1, before.last_hash, before.proof, before.provider)
        == (row.first, row.first_parent, row.proof, row.provider)
        and row.last - run[0].first < LONGEST
        and sum(part.n_logs for part in run) + row.n_logs <= MOST_LOGS
    )
