"""A small chain on a node of its own, an honest history of it, and dishonest nodes before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from governance.chain.client import Client
from tests.chaos.chain import SmallChain, small_chain
from tests.chaos.proxy import ChaosProxy

BLOCKS = 400


@pytest.fixture(scope="session")
def still_chain() -> Iterator[SmallChain]:
    """Return a chain that no test changes."""
    with small_chain(blocks=BLOCKS) as chain:
        yield chain


@pytest.fixture
def moving_chain() -> Iterator[SmallChain]:
    """Return a chain that the test may grow and reorganise."""
    with small_chain(blocks=150, seed=1) as chain:
        yield chain


@pytest.fixture
def chaos(still_chain: SmallChain) -> Iterator[Callable[..., ChaosProxy]]:
    """Return a function that starts a node with a planted fault before the still chain."""
    with ExitStack() as running:

        def start(kind: str, **options: Any) -> ChaosProxy:
            return running.enter_context(ChaosProxy(still_chain.url, seed=7)).plant(kind, **options)

        yield start


@pytest.fixture
def ask() -> Iterator[Callable[..., Client]]:
    """Return a function that makes a client, which is closed at the end of the test."""
    made: list[Client] = []

    def client(*urls: str, **options: Any) -> Client:
        made.append(Client(urls, **({"chain_id": 31337, "timeout": 10, "attempts": 2} | options)))
        return made[-1]

    yield client
    for each in made:
        each.close()
