"""What is known of each node that we ask: how it serves, what it has, and whether it is left alone for a while.

It holds no more than one process saw; `governance.chain.providers` shares it through the database.
"""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.chain.pacing import Pace
from governance.errors import ChainError, ChainUnavailable, RangeTooLarge, RateLimited, WrongChain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOLERATED = 2  # failures in a row that are not followed by a rest
FIRST_REST = 1.0  # seconds after the next one; each further one doubles it
LONGEST_REST = 300.0
FIRST_QUARANTINE = 10.0  # seconds after a lie; each further one takes four times as long
LONGEST_QUARANTINE = 3_600.0
FORGIVEN = 2 * LONGEST_QUARANTINE  # seconds after which a lie no longer counts
MISPLACED = 600.0  # seconds that a node of another chain is left alone
PRUNED_MEMORY = 600.0  # seconds that a node is not asked again for blocks that it has thrown away
LAG_MEMORY = 12.0  # seconds that a node is not asked again for a block that it did not have
STRAGGLING = 8  # blocks behind the others that are worth a note
MOST_FAULTS = 1_000  # kept until somebody asks for them

_NEWEST = 0.2  # weight of the newest answer in the mean latency
_UNNOTICED = 0.05  # seconds; nodes that are that fast, or four times slower than each other, count as equal
_SPREAD = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault in what a node answered.

    Attributes
    ----------
    kind : str
        One of `governance.models.Incident.Kind`.
    provider : str
        The node's host.
    detail : str
        One sentence.
    blocks : tuple of int, or None
        The first and the last block that were asked for; None when it was not about blocks.
    """

    kind: str
    provider: str
    detail: str
    blocks: tuple[int, int] | None


@dataclass(slots=True, kw_only=True)
class Health:
    """How one node serves us.

    Attributes
    ----------
    requests, failures : int
        Since they were last taken to the database.
    latency, bulk_latency : float
        Seconds of the newest answers to small questions and to batches, exponentially weighted; 0: none yet.
    largest_range : int
        Blocks of one question that it answers; 0: not known yet.
    head : int
        The newest block that it showed.
    failing, lies : int
        Failures in a row; lies that are not forgiven.
    rests_until : float
        It is not asked before that, on the monotonic clock, unless no other is left.
    """

    name: str
    pace: Pace
    requests: int = 0
    failures: int = 0
    latency: float = 0.0
    bulk_latency: float = 0.0
    largest_range: int = 0
    head: int = 0
    last_error: str = ""
    failing: int = 0
    lies: int = 0
    rests_until: float = 0.0
    lied_at: float = -math.inf
    missing: int = 0  # the lowest block that it did not have …
    missed_at: float = -math.inf  # … when it was asked

    pruned: int = -1  # the highest block that it has thrown away …
    pruned_at: float = -math.inf  # … when it was asked

    def lacks(self, blocks: tuple[int, int], now: float) -> bool:
        """Return whether it did not have the last of ``blocks`` a moment ago, or no longer has the first."""
        first, last = blocks
        behind = 0 < self.missing <= last and now < self.missed_at + LAG_MEMORY
        return behind or (first <= self.pruned and now < self.pruned_at + PRUNED_MEMORY)

    def speed(self, now: float, *, bulk: bool, unknown: float) -> int:
        """Return a step of a coarse scale of how long an answer takes, with the wait for one's turn; 0 is best."""
        seconds = (self.bulk_latency if bulk else self.latency) or unknown
        return int(math.log(max((seconds + self.pace.wait(now)) / _UNNOTICED, 1.0), _SPREAD))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of one node; ``requests`` and ``failures`` since it was asked for the last time.

    ``latency`` is in seconds, of the newest answers to small questions, or to large ones if there were no small ones.
    """

    name: str
    requests: int
    failures: int
    latency: float
    largest_range: int
    head: int
    last_error: str
    rests_until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What a question is about.

    Attributes
    ----------
    blocks : tuple of int, or None
        The first and the last block; None when it is not about a range of them.
    parts : int
        Requests in its batch; 0 for a small question.
    """

    blocks: tuple[int, int] | None = None
    parts: int = 0

    @property
    def size(self) -> int:
        """In how many parts it could be asked."""
        return self.blocks[1] - self.blocks[0] + 1 if self.blocks else self.parts


class Pool:
    """The nodes of one client, in the order in which the person wrote them: of equals, the first is asked.

    Safe for threads, and for processes that are forked while another thread is in here.

    Parameters
    ----------
    hosts : sequence of str
        A host that stands there twice is numbered: ``host``, ``host #2``.
    ceiling : float
        Most requests a second to each.
    """

    def __init__(self, hosts: Sequence[str], *, ceiling: float = math.inf) -> None:
        names = [
            f"{host} #{hosts[:at].count(host) + 1}" if host in hosts[:at] else host for at, host in enumerate(hosts)
        ]
        self.nodes = tuple(Health(name=name, pace=Pace(ceiling)) for name in names)
        self._faults: deque[Fault] = deque(maxlen=MOST_FAULTS)
        self._lock = threading.Lock()
        _POOLS.add(self)

    def unlock(self) -> None:
        """Replace the lock in a forked child, where nobody would ever open it."""
        self._lock = threading.Lock()

    def ranked(self, span: Span, *, barred: frozenset[int] = frozenset()) -> list[int]:
        """Return whom to ask, best first: those that rest, or lack the blocks, only when there is no other."""
        now = time.monotonic()
        with self._lock:
            everyone = [at for at in range(len(self.nodes)) if at not in barred]
            awake = [at for at in everyone if self.nodes[at].rests_until <= now]
            if not awake:
                return sorted(everyone, key=lambda at: self.nodes[at].rests_until)
            if span.blocks:
                awake = [at for at in awake if not self.nodes[at].lacks(span.blocks, now)] or awake
            bulk = span.parts > 0
            unknown = max(node.bulk_latency if bulk else node.latency for node in self.nodes)
            return sorted(awake, key=lambda at: (self.nodes[at].speed(now, bulk=bulk, unknown=unknown), at))

    def reserve(self, at: int, *, patience: float) -> float:
        """Take a place in a node's queue and return the seconds until our turn; none is taken beyond ``patience``."""
        now = time.monotonic()
        with self._lock:
            node = self.nodes[at]
            wait = node.pace.wait(now)
            if wait <= patience:
                node.requests += 1
                node.pace.reserve(now)
            return wait

    def served(self, at: int, seconds: float, span: Span) -> None:
        """Note a good answer."""
        with self._lock:
            node = self.nodes[at]
            node.failing = 0
            node.pace.accepted(time.monotonic())
            if span.parts:
                node.bulk_latency = _mean(node.bulk_latency, seconds)
                node.largest_range = max(node.largest_range, span.size if span.blocks else 0)
            else:
                node.latency = _mean(node.latency, seconds)

    def shown(self, heads: Mapping[int, int]) -> None:
        """Note the newest block that each of some nodes showed, and who stands far behind the others."""
        now, newest = time.monotonic(), max(heads.values())
        with self._lock:
            for at, head in heads.items():
                node = self.nodes[at]
                node.head, node.missing, node.missed_at = head, head + 1, now
                if newest - head > STRAGGLING:
                    detail = f"The node at {node.name} stands at block {head:,} while another one is at {newest:,}."
                    blocks = (head + 1, newest)
                    self._faults.append(Fault(kind="lagging", provider=node.name, detail=detail, blocks=blocks))

    def blame(self, at: int, error: ChainError, span: Span) -> None:
        """Note what was wrong with an answer, and leave the node alone for as long as that calls for."""
        now = time.monotonic()
        with self._lock:
            node = self.nodes[at]
            node.last_error = error.message
            node.failures += 1
            if isinstance(error, RateLimited):
                node.pace.refused(now, float(str(error.facts.get("retry_after") or 0)))
            elif isinstance(error, RangeTooLarge):
                _shrink(node, error, span)
            elif isinstance(error, ChainUnavailable):
                node.failing += 1
            else:
                self._accuse(node, error, span, now)
            if node.failing > TOLERATED:
                rest = min(FIRST_REST * 2.0 ** (node.failing - TOLERATED - 1), LONGEST_REST)
                node.rests_until = max(node.rests_until, now + rest)

    def refused(self, at: int, error: ChainError, span: Span) -> None:
        """Note that a node refused in words that are no fault; one that has pruned blocks is not asked for them."""
        with self._lock:
            node = self.nodes[at]
            node.last_error = error.message
            node.failures += 1
            if span.blocks and error.facts.get("kind") == "pruned":
                node.pruned, node.pruned_at = max(node.pruned, span.blocks[0]), time.monotonic()

    def faults(self) -> list[Fault]:
        """Return the faults since the last call."""
        with self._lock:
            found = list(self._faults)
            self._faults.clear()
            return found

    def seen(self) -> list[Seen]:
        """Return what was seen of each node, and count its requests and failures from 0 again."""
        with self._lock:
            found = []
            for node in self.nodes:
                found.append(
                    Seen(
                        name=node.name,
                        requests=node.requests,
                        failures=node.failures,
                        latency=node.latency or node.bulk_latency,
                        largest_range=node.largest_range,
                        head=node.head,
                        last_error=node.last_error,
                        rests_until=node.rests_until,
                    )
                )
                node.requests = node.failures = 0
            return found

    def rest(self, seconds: Mapping[str, float]) -> None:
        """Leave the nodes of these names alone for so many seconds."""
        now = time.monotonic()
        with self._lock:
            for node in self.nodes:
                node.rests_until = max(node.rests_until, now + seconds.get(node.name, -math.inf))

    def _accuse(self, node: Health, error: ChainError, span: Span, now: float) -> None:
        kind = "wrong-chain" if isinstance(error, WrongChain) else str(error.facts.get("kind", "contradiction"))
        self._faults.append(Fault(kind=kind, provider=node.name, detail=error.message, blocks=span.blocks))
        if kind == "lagging":
            node.missing, node.missed_at = int(str(error.facts.get("block") or 0)), now
            return
        node.lies = 1 if now > node.lied_at + FORGIVEN else node.lies + 1
        node.lied_at = now
        rest = MISPLACED if kind == "wrong-chain" else FIRST_QUARANTINE * 4.0 ** min(node.lies - 1, 9)
        node.rests_until = max(node.rests_until, now + min(rest, LONGEST_QUARANTINE))


_POOLS: weakref.WeakSet[Pool] = weakref.WeakSet()


def _shrink(node: Health, error: RangeTooLarge, span: Span) -> None:
    if span.size <= 1:
        node.failing += 1
    elif span.blocks:
        node.largest_range = int(str(error.facts.get("hint") or 0)) or min(
            node.largest_range or span.size, span.size - 1
        )


def _mean(old: float, new: float) -> float:
    return new if not old else old + _NEWEST * (new - old)


def _unlock_all() -> None:
    for pool in _POOLS:
        pool.unlock()


os.register_at_fork(after_in_child=_unlock_all)
