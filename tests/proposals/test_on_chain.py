"""From real contracts to a scored proposal: nothing is replaced."""

from __future__ import annotations

import pytest

from forecasting import training
from forecasting.collect import collect, snapshot
from forecasting.models import Reserve
from governance import deployments, votes
from governance.bundles import governor_of
from governance.domain.action import Call
from governance.domain.bundle import from_json
from governance.models import OnchainProposal
from proposals import draft as drafting
from proposals import evidence, outcome, policy, review
from proposals.models import Draft, Recommendation
from proposals.recommend import recommend
from tests.proposals.cases import document
from tests.proposals.test_draft import CARELESS

HOUR = 3600


@pytest.fixture
def watched(world, chain_client, db):
    market = deployments.watch_protocol(
        client=chain_client,
        flavour="aave_v3",
        address=world.addresses["addresses_provider"],
        slug="market",
        name="Market",
        first_block=world.first_block,
    )
    governor = deployments.watch_governor(
        client=chain_client,
        flavour="oz",
        addresses={role: world.addresses[role] for role in ("governor", "timelock", "token")},
        slug="dao",
        name="DAO",
        first_block=world.first_block,
    )
    collect(market, client=chain_client)
    return market, governor


def wait(world, hours):
    world.advance(hours, progress=lambda *_: None)


def pass_through_the_dao(world, client, governor, bundle):
    """Propose, vote, queue and execute, as people and a keeper would."""
    plugin = governor_of(governor)
    number = plugin.proposal_id(bundle)
    world.send(world.steward, plugin.propose(bundle))
    wait(world, 25)
    for holder in world.holders[:3]:
        world.send(holder, plugin.vote(proposal_id=number, support=1, reason=""))
    wait(world, 73)
    world.send(world.steward, plugin.queue(bundle))
    wait(world, 25)
    world.send(world.steward, plugin.execute(bundle))
    collect(governor, client=client)
    votes.index(governor, client=client)
    return OnchainProposal.objects.get(deployment=governor, proposal_id=number)


@pytest.mark.timeout(300)
def test_a_recommendation_becomes_a_change_on_chain_and_is_scored(watched, world, chain_client):
    market, governor = watched
    book = snapshot(market)
    training.carry_out(training.request(market, book, config={"paths": 200}).pk)
    rules = policy.load(document(search__paths=200, **CARELESS))
    reserve = Reserve.objects.get(deployment=market, symbol="WETH")

    found = recommend(reserve, snapshot=book, policy=rules)
    assert found.status == Recommendation.Status.RECOMMENDED, found.chosen
    draft = drafting.draft(found, proposer=world.steward, client=chain_client)
    assert {finding["level"] for finding in draft.checks} == {"pass"}
    assert chain_client.head().number == draft.checked_block  # the simulation left no trace
    review.sign_off(draft, steward=world.steward)

    proposal = pass_through_the_dao(world, chain_client, governor, from_json(draft.bundle))
    tracked = review.track(draft)
    assert (tracked.status, tracked.onchain) == (Draft.Status.EXECUTED, proposal)
    protocol = deployments.protocol_of(market)
    for name, value in found.chosen["parameters"].items():
        how = protocol.read(name, reserve.address)
        answer = chain_client.eth_call(Call(target=how.call.target, data=how.call.data))
        assert int.from_bytes(answer[32 * how.word : 32 * how.word + 32]) == value

    ends = found.created_timestamp + found.inputs["horizon_hours"] * HOUR
    wait(world, (ends - world.now().timestamp) // HOUR + 2)
    collect(market, client=chain_client)
    scored = outcome.score(tracked, client=chain_client)
    assert all(row["holds"] for row in scored.body["parameters"])
    assert {row["key"] for row in scored.body["metrics"]} >= {"bad_debt", "liquidated", "volatility"}
    assert evidence.verify(scored.evidence).holds
