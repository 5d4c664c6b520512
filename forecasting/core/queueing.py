"""The queue of a step: accounts that can be liquidated, the best gain first, and of equals the lowest row.

A queue is laid out in bins of falling gains, and a bin is sorted, as a heap, when liquidators come to it. So the cost
stays linear in the accounts queued, where one heap would make a large book dearer by account than a small one, and
what a collapse leaves in the queue is never sorted.
"""

from __future__ import annotations

from forecasting.core.book import Floats
from forecasting.core.compiled import inlined
from forecasting.core.tables import Ints, Work

BIN = 8  # accounts of a bin, on average


@inlined
def _bin(work: Work, k: int, high: int, scale: float) -> int:
    """Return the bin of account ``k``; the bits of two positive floats are in the order of the floats."""
    return int((high - work.bits[k]) * scale)


@inlined
def lay_out(work: Work, count: int) -> int:
    """Lay the first ``count`` accounts of ``found`` out in ``queue``, bin after bin; return how many bins there are.

    Bin ``b`` is ``queue[edge[b]:edge[b + 1]]``.
    """
    if count == 0:
        return 0
    found, edge = work.found, work.edge
    low = high = work.bits[found[0]]
    for at in range(1, count):
        low, high = min(low, work.bits[found[at]]), max(high, work.bits[found[at]])
    bins = count // BIN + 1
    scale = (bins - 0.5) / max(high - low, 1)  # the half keeps the lowest out of a bin that is not there
    edge[:bins] = 0
    for at in range(count):
        edge[_bin(work, found[at], high, scale)] += 1
    for b in range(1, bins):
        edge[b] += edge[b - 1]
    edge[bins] = count
    for at in range(count):
        b = _bin(work, found[at], high, scale)
        edge[b] -= 1
        work.queue[edge[b]] = found[at]
    return bins


@inlined
def arrange(queue: Ints, gain: Floats) -> None:
    """Make a heap of ``queue``."""
    for at in range(queue.size // 2 - 1, -1, -1):
        _sift(queue, gain, queue.size, at)


@inlined
def take(queue: Ints, gain: Floats, count: int) -> int:
    """Take the best account out of the heap in the first ``count`` places of ``queue``."""
    best = queue[0]
    queue[0] = queue[count - 1]
    if count > 1:
        _sift(queue, gain, count - 1, 0)
    return int(best)


@inlined
def _sift(queue: Ints, gain: Floats, count: int, at: int) -> None:
    """Let the account at place ``at`` of the heap sink to where it belongs."""
    k = queue[at]
    while 2 * at + 1 < count:
        child = 2 * at + 1
        one, other = queue[child], queue[min(child + 1, count - 1)]
        if gain[other] > gain[one] or (gain[other] == gain[one] and other < one):
            child, one = child + 1, other
        if gain[k] > gain[one] or (gain[k] == gain[one] and k < one):
            break
        queue[at], at = one, child
    queue[at] = k
