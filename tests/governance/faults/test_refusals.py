"""Nodes that refuse blocks: another one is asked, and what none has is one gap, found out in few questions."""

from __future__ import annotations

import pytest

from governance.chain import collector, incidents, logs, store
from governance.chain.coverage import missing
from governance.errors import DishonestAnswer
from governance.models import Incident
from tests.chaos.history import collect, forget, history, watch

pytestmark = pytest.mark.django_db

HEAD = 400
REFUSALS = ["pruned", "refuse"]


@pytest.fixture
def deployment(still_chain):
    return watch(still_chain)


@pytest.mark.parametrize("kind", REFUSALS)
def test_another_node_has_what_one_refuses(still_chain, deployment, chaos, ask, kind):
    undisturbed = collect(still_chain.client, deployment, to_block=HEAD)
    forget()
    node = chaos(kind, amount=300)
    assert collect(ask(node.url, still_chain.url), deployment, to_block=HEAD) == undisturbed
    assert 0 < node.planted[kind] < 10
    assert not Incident.objects.exists()


def test_a_node_that_has_pruned_blocks_is_not_asked_for_them_again(still_chain, chaos, ask):
    node = chaos("pruned", amount=300)
    client = ask(node.url, still_chain.url)

    def question(first: int, last: int) -> str:
        client.batch_raw([("eth_getLogs", [{"fromBlock": hex(first), "toBlock": hex(last)}])])
        return str(client.host)

    assert [question(50, 60), question(1, 20), question(301, 320)] == [still_chain.client.host] * 2 + [node.host]
    assert node.planted["pruned"] == 1


@pytest.mark.parametrize("kind", REFUSALS)
def test_what_no_node_has_is_one_gap_that_took_few_questions(deployment, chaos, ask, kind):
    node = chaos(kind, amount=300)
    logs.collect(ask(node.url), deployment, to_block=HEAD)
    assert missing(deployment.streams.get(), HEAD) == [(1, 300)]
    found = Incident.objects.get()
    assert (found.kind, found.first, found.last, found.resolved_at) == (Incident.Kind.GAP, 1, 300, None)
    assert node.requests < 150  # each block alone would be 300


def test_a_limit_in_words_that_nobody_knows_is_still_found_by_halving(still_chain, deployment, chaos, ask, monkeypatch):
    undisturbed = collect(still_chain.client, deployment, to_block=HEAD)
    forget()
    words = type("Words", (), {"code": -32000, "said": "the gremlins are tired"})
    monkeypatch.setattr("tests.chaos.faults.RANGE", (words,))
    node = chaos("range-cap", amount=30)
    assert collect(ask(node.url), deployment, to_block=HEAD) == undisturbed
    assert not Incident.objects.exists()


def test_what_cannot_stand_beside_what_is_held_is_asked_of_another_node(
    still_chain, deployment, chaos, ask, monkeypatch
):
    undisturbed = collect(still_chain.client, deployment, to_block=HEAD)
    forget()
    first = chaos("slow", amount=0)
    land = store.land

    def refused(stream, *parts, provider):
        if provider == first.host:
            raise DishonestAnswer("These logs contradict others.", kind="contradiction", host=provider)
        return land(stream, *parts, provider=provider)

    monkeypatch.setattr(collector.store, "land", refused)
    assert collect(ask(first.url, still_chain.url), deployment, to_block=HEAD) == undisturbed
    assert incidents.open_incidents(31337).filter(provider=first.host, kind=Incident.Kind.CONTRADICTION).exists()
    forget()
    with pytest.raises(DishonestAnswer, match="contradict others"):
        collect(ask(first.url), deployment, to_block=HEAD)
    assert history(deployment).logs == []
