"""Every fault of the chaos proxy: beside an honest node, nothing of it is left; alone, nothing wrong is landed.

What cannot be seen with one node and without samples is named, with the sample that finds it.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from governance.chain import incidents, proofs
from governance.chain.coverage import missing
from governance.env import env
from governance.errors import ChainError, DishonestAnswer
from governance.models import Coverage, Incident, Provider
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


# Headers that are not what was hashed.
FORGED = {
    "forge": {"rate": 0.2},
    "times": {"amount": 3_600},
}


def open_after_a_rest() -> int:
    """Return how many faults are open once those that are accused may be asked again, and everything is held."""
    Provider.objects.update(quarantined_until=None)
    incidents.resolve_covered(chain_id=31337)
    return incidents.open_incidents(31337).count()


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
    assert set(incidents.open_incidents(31337).values_list("kind", flat=True)) <= {KIND.CONTRADICTION}
    assert open_after_a_rest() == 0
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
    assert incidents.open_incidents(31337).get(kind=KIND.CONTRADICTION, provider=liar.host)
    assert open_after_a_rest() == 0


def test_a_branch_that_was_left_is_not_taken_for_the_chain(still_chain, deployment, undisturbed, chaos, ask):
    stale = chaos("branch", amount=300)
    stale.plant("lag", amount=350)
    client = ask(stale.url, still_chain.url)
    assert collect(client, deployment, to_block=HEAD) == undisturbed
    found = incidents.open_incidents(31337)  # two nodes differ: not over by reading on, in one or in several ranges
    assert {incident.provider for incident in found} == {stale.host}
    assert open_after_a_rest() == 0


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
    assert open_after_a_rest() == 0
    forget()
    try:
        found = collect(ask(liar.url), deployment, to_block=HEAD)
    except ChainError:
        found = history(deployment)
    assert found.last < HEAD
    assert set(found.logs) < set(undisturbed.logs)
    assert incidents.open_incidents(31337).filter(kind=KIND.GAP).exists()


@pytest.fixture
def newcomer(undisturbed, monkeypatch):
    """Nothing is known yet of the chain's headers."""
    monkeypatch.setattr(proofs, "_hashing", set())
    monkeypatch.setattr(proofs, "_strange", set())


@pytest.mark.usefixtures("newcomer")
@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_header_is_found_and_its_giver_accused(
    still_chain, deployment, undisturbed, chaos, ask, sampling, kind
):
    sampling("1")
    liar = chaos(kind, **FORGED[kind])
    assert collect(ask(liar.url, still_chain.url), deployment, to_block=HEAD) == undisturbed
    assert liar.planted[kind] > 0
    assert set(Incident.objects.values_list("kind", "provider")) == {(KIND.CONTRADICTION, liar.host)}
    forget()
    with pytest.raises(DishonestAnswer, match="does not hash to the block's hash"):
        collect(ask(liar.url), deployment, to_block=HEAD)
    assert set(history(deployment).logs) < set(undisturbed.logs)


@pytest.mark.usefixtures("newcomer")
def test_headers_of_a_form_that_nobody_knows_are_never_called_proven(deployment, undisturbed, chaos, ask, sampling):
    sampling("1")
    odd = chaos("times", amount=5)
    collect(ask(odd.url), deployment, to_block=HEAD)
    assert set(Coverage.objects.values_list("proof", flat=True)).isdisjoint({"receipts", "second"})
    forget()
    assert collect(ask(odd.url, odd.url), deployment, to_block=HEAD).logs == undisturbed.logs
    assert set(Coverage.objects.values_list("proof", flat=True)) == {"second"}


@pytest.mark.usefixtures("newcomer")
def test_some_headers_are_hashed_where_no_receipts_are_looked_at(
    still_chain, deployment, undisturbed, chaos, ask, sampling
):
    sampling("0")
    liar = chaos("times", amount=3_600)
    assert collect(ask(liar.url, still_chain.url), deployment, to_block=HEAD) == undisturbed
    assert Incident.objects.filter(kind=KIND.CONTRADICTION, provider=liar.host).exists()


def test_a_node_that_repeats_itself_proves_nothing(deployment, undisturbed, chaos, ask, sampling):
    sampling("0")
    collect(ask(chaos("hide-block", rate=0.5).url), deployment, to_block=HEAD)
    assert set(Coverage.objects.values_list("proof", flat=True)) == {"linked"}


@pytest.mark.parametrize("rate", [0.05, 0.6])  # few blocks of a range, and more than are looked at
def test_a_block_whose_bloom_and_logs_do_not_fit_is_looked_at_however_small_the_sample(
    deployment, undisturbed, chaos, ask, sampling, rate
):
    sampling("0.000001")
    liar = chaos("hide-block", rate=rate)
    with suppress(ChainError):
        collect(ask(liar.url), deployment, to_block=HEAD)
    found = history(deployment)
    assert found.last < HEAD
    assert set(found.logs) < set(undisturbed.logs)
    assert incidents.open_incidents(31337).filter(kind=KIND.MISSING_LOGS, provider=liar.host).exists()
