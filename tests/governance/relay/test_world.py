"""The executor on the local world: a real market's parameters change by a real vote."""

from __future__ import annotations

import pytest
from eth_account import Account

from governance.bundles import governor_of, register
from governance.chain.abi import decode, encode
from governance.chain.logs import collect
from governance.chain.signer import KeystoreSigner
from governance.deployments import watch_governor
from governance.domain.action import Bundle, Call, Expectation
from governance.lab import dao
from governance.models import OnchainProposal
from governance.relay import run_once
from governance.votes import index

HOUR = 3600


@pytest.mark.django_db
def test_a_supply_cap_of_a_real_market_is_changed_by_vote_and_verified(world, chain_client):
    roles = {role: world.addresses[role] for role in ("governor", "timelock", "token")}
    first = world.now().block
    watched = watch_governor(
        client=chain_client, flavour="oz", addresses=roles, slug="dao", name="DAO", first_block=first
    )
    provider = world.addresses["data_provider"]
    listed = decode(
        ("(string,address)[]",),
        chain_client.eth_call(Call(target=provider, data=encode("getAllReservesTokens()"))),
    )[0]
    asset = listed[0][1]
    read = Call(target=provider, data=encode("getReserveCaps(address)", asset))
    before = int.from_bytes(chain_client.eth_call(read)[32:64])
    after = before * 11 // 10 + 1
    bundle = Bundle(
        calls=(
            Call(target=world.addresses["configurator"], data=encode("setSupplyCap(address,uint256)", asset, after)),
        ),
        description=f"Raise the supply cap\n\n#proposer={world.steward}",
        expectations=(Expectation(call=read, word=1, before=before, after=after, label="supply cap", unit="tokens"),),
    )
    register(bundle, deployment=watched, actor=world.steward)
    governor, signer = governor_of(watched), KeystoreSigner(Account.create())
    world.fund(signer.address)

    def mirrored() -> OnchainProposal:
        collect(chain_client, watched, to_block=chain_client.head().number)
        assert index(watched, client=chain_client).tally_equal
        return OnchainProposal.objects.get()

    def advance_beyond(timestamp: int) -> None:
        while world.now().timestamp <= timestamp:
            world.advance((timestamp - world.now().timestamp) // HOUR + 1, progress=lambda *_: None)

    world.send(world.steward, governor.propose(bundle))
    advance_beyond(mirrored().vote_start)
    for holder in world.holders:
        world.send(
            holder,
            dao.vote(
                roles["governor"], proposal_id=governor.proposal_id(bundle), support=dao.Support.FOR, reason="sound"
            ),
        )
    proposal = mirrored()
    assert (proposal.state, proposal.votes.count()) == ("active", len(world.holders))
    assert proposal.bundle is not None
    advance_beyond(proposal.vote_end)
    mirrored()
    queued = run_once(client=chain_client, signer=signer)
    assert [(outcome.step, outcome.status) for outcome in queued.outcomes] == [
        ("queue", "done"),
        ("execute", "waiting"),
    ]
    assert queued.outcomes[1].not_before is not None
    advance_beyond(queued.outcomes[1].not_before)
    executed = run_once(client=chain_client, signer=signer)
    assert (executed.executions, executed.expectations_total, executed.expectations_verified) == (1, 1, 1)
    assert int.from_bytes(chain_client.eth_call(read)[32:64]) == after
    assert run_once(client=chain_client, signer=signer).outcomes == ()
    assert mirrored().state == "executed"
