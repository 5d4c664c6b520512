"""Every fault of the chaos proxy: beside an honest node, nothing of it is left; alone, nothing wrong is landed.

What cannot be seen with one node and without samples is named, with the sample that finds it.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from governance.chain import incidents
from governance.chain.coverage import missing
from governance.env import env
from governance.errors import ChainError
from governance.models import Incident, Provider
from tests.chaos.history import collect, forget, history, watch

pytestmark = pytest.mark.django_db

HEAD = 400
KIND = Incident.Kind
# What is wrong with it, how it is planted, and the kind of incident that it becomes.
FOUND = {
    "drop-block": ({"rate": 0.05}, KIND.MISSING_LOGS),
    "empty": ({}, KIND.MISSING_LOGS),
    "duplicate": ({"rate": 0.05}, KIND.DUPLICATE),
    "out-of-range": ({"rate": 0.05}, KIND.OUT_OF_RANGE),
    "orphaned-log": ({"rate": 0.05}, KIND.CONTRADICTION),
    "broken-link": ({"rate": 0.05}, KIND.UNLINKED),
    "truncate": ({}, KIND.TRUNCATED),
    "garbage": ({}, KIND.CONTRADICTION),
    "lag": ({"amount": 250}, KIND.LAGGING),
    "other-chain": ({}, KIND.WRONG_CHAIN),
}
# What one node can do unseen, until somebody looks at the block's receipts.
UNSEEN = {
    "drop-log": {"rate": 0.05},
    "alter-data": {"rate": 0.05},
    "alter-topic": {"rate": 0.05},
    "hide-block": {"rate": 0.05},
    "hide-log": {"rate": 0.05},
}
# Nothing is wrong with the answers that come in the end: these nodes are only slow, limited, or untidy.
HARMLESS = {
    "reorder": {},
    "range-cap": {"amount": 30},
    "result-cap": {"amount": 60},
    "rate-limit": {"times": 3, "amount": 0.05},
    "rate-limit-words": {"times": 2},
    "http-413": {"times": 2},
    "http-503": {"times": 1},
    "reset": {"times": 1},
    "slow": {"amount": 0.02},
}


@pytest.fixture
def deployment(still_chain):
    return watch(still_chain)


@pytest.fixture
def undisturbed(still_chain, deployment):
    found = collect(still_chain.client, deployment, to_block=HEAD)
    assert len(found.logs) > 1_000
    assert (found.last, found.gaps) == (HEAD, [])
    forget()
    return found


@pytest.mark.parametrize("kind", FOUND)
def test_beside_an_honest_node_a_fault_is_found_and_nothing_of_it_is_left(
    still_chain, deployment, undisturbed, chaos, ask, kind
):
    options, incident = FOUND[kind]
    liar = chaos(kind, **options)
    client = ask(liar.url, still_chain.url)
    assert collect(client, deployment, to_block=HEAD) == undisturbed
    assert liar.planted[kind] > 0
    noted = Incident.objects.filter(kind=incident, provider=liar.host)
    assert noted.exists()
    assert not incidents.open_incidents(31337).exists()
    assert Provider.objects.get(name=liar.host).last_error


@pytest.mark.parametrize("kind", FOUND)
def test_alone_a_dishonest_node_lands_nothing_wrong(deployment, undisturbed, chaos, ask, kind):
    options, incident = FOUND[kind]
    liar = chaos(kind, **options)
    try:
        found = collect(ask(liar.url), deployment, to_block=HEAD)
    except ChainError:
        found = history(deployment)
    assert liar.planted[kind] > 0
    assert found.last < HEAD
    assert set(found.blocks) < set(undisturbed.blocks)
    assert set(found.logs) < set(undisturbed.logs)
    assert missing(deployment.streams.get(), HEAD)
    if kind != "other-chain":  # it is refused before anything is collected
        assert incidents.open_incidents(31337).filter(kind__in=(incident, KIND.GAP)).exists() or kind == "lag"


@pytest.mark.parametrize("kind", HARMLESS)
def test_a_node_that_is_slow_limited_or_untidy_gives_everything_in_the_end(deployment, undisturbed, chaos, ask, kind):
    node = chaos(kind, **HARMLESS[kind])
    assert collect(ask(node.url, attempts=5), deployment, to_block=HEAD) == undisturbed
    assert node.planted[kind] > 0
    assert not incidents.open_incidents(31337).exists()


def test_a_node_that_names_blocks_ahead_of_the_chain_is_not_followed(still_chain, deployment, undisturbed, chaos, ask):
    liar = chaos("ahead", amount=50)
    client = ask(liar.url, still_chain.url)
    assert client.newest() == HEAD
    assert collect(client, deployment, to_block=client.newest()) == undisturbed
    assert Incident.objects.get(kind=KIND.CONTRADICTION, provider=liar.host).resolved_at


def test_a_branch_that_was_left_is_not_taken_for_the_chain(still_chain, deployment, undisturbed, chaos, ask):
    stale = chaos("branch", amount=300)
    stale.plant("lag", amount=350)
    client = ask(stale.url, still_chain.url)
    assert collect(client, deployment, to_block=HEAD) == undisturbed
    assert not incidents.open_incidents(31337).exists()


@pytest.fixture
def sampling(monkeypatch):
    def change(share: str) -> None:
        monkeypatch.setenv("PROOF_SAMPLE", share)
        env.cache_clear()

    yield change
    monkeypatch.undo()
    env.cache_clear()


@pytest.mark.parametrize("kind", UNSEEN)
def test_what_only_receipts_show_is_not_seen_without_a_sample(deployment, undisturbed, chaos, ask, sampling, kind):
    sampling("0")
    liar = chaos(kind, **UNSEEN[kind])
    found = collect(ask(liar.url), deployment, to_block=HEAD)
    assert liar.planted[kind] > 0
    assert (found.last, found.blocks) == (HEAD, undisturbed.blocks)
    assert found.logs != undisturbed.logs
    assert found.digest != undisturbed.digest  # two installations that compare their evidence see it


@pytest.mark.parametrize("kind", UNSEEN)
def test_what_only_receipts_show_is_found_where_the_sample_looks(
    still_chain, deployment, undisturbed, chaos, ask, sampling, kind
):
    sampling("1")
    liar = chaos(kind, **UNSEEN[kind])
    assert collect(ask(liar.url, still_chain.url), deployment, to_block=HEAD) == undisturbed
    assert Incident.objects.filter(provider=liar.host, kind__in=(KIND.MISSING_LOGS, KIND.CONTRADICTION)).exists()
    assert not incidents.open_incidents(31337).exists()
    forget()
    try:
        found = collect(ask(liar.url), deployment, to_block=HEAD)
    except ChainError:
        found = history(deployment)
    assert found.last < HEAD
    assert set(found.logs) < set(undisturbed.logs)
    assert incidents.open_incidents(31337).filter(kind=KIND.GAP).exists()


def test_a_block_whose_bloom_and_logs_do_not_fit_is_looked_at_however_small_the_sample(
    deployment, undisturbed, chaos, ask, sampling
):
    sampling("0.000001")
    liar = chaos("hide-block", rate=0.05)
    with suppress(ChainError):
        collect(ask(liar.url), deployment, to_block=HEAD)
    found = history(deployment)
    assert found.last < HEAD
    assert set(found.logs) < set(undisturbed.logs)
    assert incidents.open_incidents(31337).filter(kind=KIND.MISSING_LOGS, provider=liar.host).exists()
