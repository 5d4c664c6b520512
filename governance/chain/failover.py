"""Which node is asked, when another one, and when again.

A question goes to the best node (`governance.chain.health`); when that fails, lies or lacks the blocks, to the next
one; and when all did, to all of them again after a growing pause.
"""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Self

import stamina
from stamina.instrumentation import set_on_retry_hooks

from governance.chain import answers
from governance.chain.health import Pool, Span
from governance.chain.transport import Body, Endpoint, Reply
from governance.env import env
from governance.errors import ChainError, ChainUnavailable, DishonestAnswer, RangeTooLarge, RateLimited, WrongChain

Check = Callable[[Reply, str], None]
"""Raises what is wrong with an answer of the node that is named."""

BULK_TIMEOUT = 45.0  # seconds for a range of blocks, which can be asked for in smaller parts
PATIENCE = 60.0  # seconds that we wait for our turn at a node that limits us

_CHAIN_ID = b'{"jsonrpc":"2.0","id":0,"method":"eth_chainId","params":[]}'

set_on_retry_hooks(())  # what finally failed is raised in plain words; a log line for each try would mix into reports


class Nodes:
    """The nodes of one client.

    Parameters
    ----------
    urls : sequence of str
        Addresses, best first.
    chain_id : int or None
        The chain that every node must serve; None accepts any.
    timeout : float
        Seconds to wait for one answer.
    attempts : int
        How often all nodes are tried.
    rps : int
        Most requests a second to each node; 0 for as many as it takes.

    Attributes
    ----------
    pool : Pool
        What is known of each.
    """

    def __init__(self, urls: Sequence[str], *, chain_id: int | None, timeout: float, attempts: int, rps: int) -> None:
        self.endpoints = tuple(Endpoint(url, timeout=timeout) for url in urls)
        self.pool = Pool([endpoint.host for endpoint in self.endpoints], ceiling=rps or math.inf)
        self._chain_id = chain_id
        self._attempts = attempts
        self._trusted: set[int] = set()
        self._barred: frozenset[int] = frozenset()
        self._local = threading.local()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The nodes' names, in the order in which they were given."""
        return tuple(node.name for node in self.pool.nodes)

    @property
    def answered(self) -> int:
        """The position of the node that answered this thread last; of the first one before that."""
        found: int = getattr(self._local, "answered", min(self._allowed()))
        return found

    def distrust(self, at: int, error: ChainError, span: Span) -> None:
        """Leave a node that gave a wrong answer alone for a while, and ask it for its chain again afterwards."""
        self._trusted.discard(at)
        self.pool.blame(at, error, span)

    def subset(self, allowed: Sequence[int], *, attempts: int = 0) -> Self:
        """Return some of these nodes, of which the same is known, perhaps with another number of attempts."""
        some = copy.copy(self)
        some._barred = frozenset(range(len(self.endpoints))) - frozenset(allowed)  # noqa: SLF001 - a copy of its own kind
        some._local, some._attempts = threading.local(), attempts or self._attempts  # noqa: SLF001 - likewise
        return some

    def others(self, host: str) -> Self | None:
        """Return the nodes other than ``host``; None when there is none."""
        left = [at for at in self._allowed() if self.hosts[at] != host]
        return self.subset(left) if left else None

    def each(self) -> list[tuple[int, Self]]:
        """Return each node that is fit to be asked by itself, best first, to be asked once."""
        return [(at, self.subset([at], attempts=1)) for at in self.pool.ranked(Span(), barred=self._barred)]

    def _allowed(self) -> list[int]:
        return [at for at in range(len(self.endpoints)) if at not in self._barred]

    def patiently(self) -> Iterable[AbstractContextManager[object]]:
        """Return the attempts at something that nodes may fail at for a moment, with growing pauses between."""
        return stamina.retry_context(
            on=(ChainUnavailable, DishonestAnswer),
            attempts=self._attempts,
            timeout=None,
            wait_initial=0.1,
            wait_max=5.0,
            wait_jitter=0.1,
        )

    def transfer(self, body: bytes, check: Check, span: Span, *, once: bool) -> Body:
        """Return the first usable answer's body; ``check`` raises what is wrong with one."""
        if once:
            return self._failover(body, check, span)
        for attempt in self.patiently():
            with attempt:
                return self._failover(body, check, span)
        raise AssertionError("unreachable: the last attempt raises")

    def _failover(self, body: bytes, check: Check, span: Span) -> Body:
        """Ask one node after the other. Who lacks a block is at fault only when another one has it."""
        failures: list[ChainError] = []
        lagging: list[tuple[int, ChainError]] = []
        for at in self.pool.ranked(span, barred=self._barred):
            try:
                answer = self._ask(at, body, check, span)
            except ChainError as error:
                if _is_lag(error):
                    lagging.append((at, error))
                elif not self._note(at, error, span):
                    raise
                failures.append(error)
            else:
                for behind, lag in lagging:
                    self.pool.blame(behind, lag, span)
                return answer
        raise _too_slow(min(failures, key=weight), span)

    def _ask(self, at: int, body: bytes, check: Check, span: Span) -> Body:
        name = self.pool.nodes[at].name
        self._trust(at)
        reply, seconds = self._send(at, body, span)
        try:
            check(reply, name)
        except ChainError as error:
            error.facts["host"] = name
            if isinstance(error, RateLimited):
                error.facts["retry_after"] = reply.retry_after
            raise
        self.pool.served(at, seconds, span)
        self._local.answered = at
        return reply.body

    def _send(self, at: int, body: bytes, span: Span) -> tuple[Reply, float]:
        """Send ``body`` in the node's turn; return the answer and how long it took, in seconds."""
        wait = self.pool.reserve(at, patience=PATIENCE)
        if wait > PATIENCE:
            host = self.hosts[at]
            raise RateLimited(f"The node at {host} limits us for another {wait:.0f} s.", host=host, unasked=True)
        time.sleep(wait)
        began = time.monotonic()
        return self.endpoints[at].post(body, patience=BULK_TIMEOUT if span.parts else None), time.monotonic() - began

    def _note(self, at: int, error: ChainError, span: Span) -> bool:
        """Note a node's failure; return whether another one may do better."""
        if type(error) is ChainError and (span.parts or error.facts.get("kind") == "pruned"):
            self.pool.refused(at, error, span)  # in words that say nothing of the question: another one may have it
            return True
        if not isinstance(error, (ChainUnavailable, RangeTooLarge, DishonestAnswer, WrongChain)):
            return False
        if "unasked" not in error.facts:
            self.pool.blame(at, error, span)
        return not (isinstance(error, RangeTooLarge) and span.size > 1)

    def _trust(self, at: int) -> None:
        """Ask a node once which chain it serves."""
        if self._chain_id is None or at in self._trusted:
            return
        host, method = self.hosts[at], "eth_chainId"
        reply, _ = self._send(at, _CHAIN_ID, Span())
        answer = answers.parse(reply.body, status=reply.status, host=host)
        served = answers.quantity(answers.result(answer, number=0, method=method), method)
        if served != self._chain_id:
            wrong = "RPC_URLS or CHAIN_ID" if env().rpc_urls else "CHAIN_ID"  # the embedded node is no choice of theirs
            raise WrongChain(
                f"The node at {host} serves chain {served}, not {self._chain_id}; correct {wrong}.",
                host=host,
                served=served,
                expected=self._chain_id,
            )
        self._trusted.add(at)


def _is_lag(error: ChainError) -> bool:
    return type(error) is ChainError and error.facts.get("kind") == "lagging"


def weight(error: ChainError) -> int:
    """Return how little an error tells of why nothing came back, when several nodes failed in several ways."""
    families: tuple[type[ChainError], ...] = (ChainUnavailable, RangeTooLarge, DishonestAnswer)
    found = [rank for rank, family in enumerate(families) if isinstance(error, family)]
    return found[0] if found else len(families) + isinstance(error, WrongChain)


def _too_slow(error: ChainError, span: Span) -> ChainError:
    """Return the error, or that less must be asked for when a range of blocks took too long."""
    if span.size > 1 and error.facts.get("timed_out"):
        return RangeTooLarge(f"{error.message.partition(';')[0]}; ask for less at once.", hint=0, **error.facts)
    return error
