"""Which block is followed and which is final, at real and at stubborn nodes, by the settings."""

from __future__ import annotations

import pytest

from governance.chain import finality
from governance.chain.client import Client
from governance.env import env
from governance.errors import ChainUnavailable, InputError
from tests.chaos.chain import small_chain
from tests.governance.chain.test_client import refused, serving


@pytest.fixture(scope="module")
def client():
    with small_chain(blocks=100) as chain:
        yield chain.client


@pytest.fixture
def setting(monkeypatch):
    def change(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        env.cache_clear()

    yield change
    monkeypatch.undo()
    env.cache_clear()


@pytest.mark.parametrize(
    ("values", "block"),
    [
        ({}, 100),
        ({"CONFIRMATIONS": "7"}, 93),
        ({"CONFIRMATIONS": "200"}, 0),
        ({"FOLLOW": "latest", "CONFIRMATIONS": "7"}, 100),
        ({"FOLLOW": "latest-30"}, 70),
        ({"FOLLOW": "safe"}, 68),
        ({"FOLLOW": "finalized"}, 36),
    ],
)
def test_collection_follows_the_block_of_the_setting(client, setting, values, block):
    setting(**values)
    assert finality.head(client) == block


@pytest.mark.parametrize(
    ("values", "block"),
    [
        ({}, 100),  # the embedded node
        ({"RPC_URLS": "http://node.example"}, 36),
        ({"FINALITY": "latest-12", "RPC_URLS": "http://node.example"}, 88),
        ({"FINALITY": "safe"}, 68),
    ],
)
def test_history_is_final_up_to_the_block_of_the_setting(client, setting, values, block):
    setting(**values)
    assert finality.final(client) == block


def test_a_chain_that_finalises_nothing_is_said_so_with_the_setting(setting):
    setting(FINALITY="finalized")
    unknown = refused(-39001, "Unknown block")
    said = pytest.raises(InputError, match="does not know a 'finalized' block, which FINALITY asks for")
    with serving(lambda asked: [unknown(question) for question in asked]) as node, said:
        finality.final(Client([node.url], chain_id=None, attempts=1))
    with pytest.raises(ChainUnavailable):
        finality.final(Client([node.url], chain_id=None, attempts=1))


@pytest.mark.parametrize("value", ["newest", "latest-", "latest--3", "latest-x", "pending"])
@pytest.mark.parametrize("name", ["FOLLOW", "FINALITY"])
def test_a_block_that_cannot_be_meant_is_refused_with_what_can(setting, name, value):
    setting(**{name: value})
    with pytest.raises(InputError, match=f"{name} cannot be used.*latest-N"):
        env()
