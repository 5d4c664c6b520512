"""Chains that change while they are collected: what was taken back is gone, and what took its place is there."""

from __future__ import annotations

import pytest

from governance.chain import incidents, logs
from governance.env import env
from governance.errors import DeepReorg
from governance.models import Incident, Reorg
from tests.chaos.history import collect, forget, history, watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployment(moving_chain):
    return watch(moving_chain)


@pytest.fixture
def setting(monkeypatch):
    def change(name: str, value: str) -> None:
        monkeypatch.setenv(name, value)
        env.cache_clear()

    yield change
    monkeypatch.undo()
    env.cache_clear()


@pytest.mark.parametrize("depth", [1, 6, 60])
def test_a_reorganisation_in_the_middle_of_a_collection_is_followed(moving_chain, deployment, ask, depth):
    client, changed = ask(moving_chain.url), []

    def change(*_: object) -> None:
        if not changed:
            changed.append(client.header(moving_chain.head).hash)
            moving_chain.client.call("anvil_reorg", [depth, []])

    logs.collect(client, deployment, to_block=moving_chain.head, progress=change)
    found = history(deployment)
    assert client.header(moving_chain.head).hash != changed[0]
    assert (found.last, found.gaps) == (moving_chain.head, [])
    forget()
    assert collect(client, deployment, to_block=moving_chain.head) == found


@pytest.mark.parametrize("depth", [1, 6, 60])
def test_a_reorganisation_of_what_was_collected_is_taken_back(moving_chain, deployment, ask, depth):
    client = ask(moving_chain.url)
    before = collect(client, deployment, to_block=moving_chain.head)
    moving_chain.client.call("anvil_reorg", [depth, []])
    found = collect(client, deployment, to_block=moving_chain.head)
    assert found.digest != before.digest or depth == 1
    assert Reorg.objects.get().ancestor == moving_chain.head - depth
    assert Reorg.objects.get().depth == depth
    forget()
    assert collect(client, deployment, to_block=moving_chain.head) == found


def test_a_reorganisation_deeper_than_the_limit_stops_the_collector_and_touches_nothing(
    moving_chain, deployment, ask, setting
):
    client = ask(moving_chain.url)
    before = collect(client, deployment, to_block=moving_chain.head)
    setting("REORG_LIMIT", "5")
    moving_chain.client.call("anvil_reorg", [6, []])
    with pytest.raises(DeepReorg):
        collect(client, deployment, to_block=moving_chain.head)
    assert history(deployment) == before
    assert incidents.open_incidents(31337).get().kind == Incident.Kind.DEEP_REORG
