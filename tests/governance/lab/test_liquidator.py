from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from governance.chain import abi
from governance.domain.action import Call
from governance.lab import genesis
from governance.lab.actors import create
from governance.lab.liquidator import _bound, _sight
from governance.lab.spec import YEAR

BORROWERS = [actor for actor in create(YEAR) if actor.debt >= 0]
rows = st.lists(st.integers(10**6, 10**13), min_size=5, max_size=5)
amounts = st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3)


def health(actor, held, owed, prices) -> float:
    collateral = sum(amount * prices[index] for amount, index in zip(held, actor.collateral, strict=False))
    return collateral / (owed * prices[actor.debt])


@given(actor=st.sampled_from(BORROWERS), held=amounts, owed=st.floats(1e-6, 1e6), before=rows, after=rows)
def test_no_account_falls_further_than_the_bound_says(actor, held, owed, before, after):
    sight = _sight(actor, health(actor, held, owed, before), 5, before)
    assert _bound(sight, actor.debt, 9, after) <= health(actor, held, owed, after) * (1 + 1e-9)


def test_a_liquidation_pays_when_the_bonus_exceeds_its_costs(world):
    profit = world._liquidator.profit
    assert profit(100_000, bonus=1.05) > 4_000
    assert profit(100, bonus=1.05) < 0
    assert profit(100_000, bonus=1.0) < 0


def test_it_looks_at_everybody_first_and_then_at_few(world):
    liquidator, hour = world._liquidator, world.now().hour
    assert liquidator._doubtful(hour) == [actor for actor in world.actors if actor.debt >= 0]
    assert liquidator.look(hour) == []
    assert len(liquidator._doubtful(hour)) <= 3
    liquidator.forget([liquidator._borrowers[0].address])
    assert liquidator._borrowers[0] in liquidator._doubtful(hour)


def test_it_liquidates_whom_a_fall_made_unhealthy(world, chain_client):
    fallen = list(world._path.at(world.now().hour))
    fallen[:3] = [price * 55 // 100 for price in fallen[:3]]
    world._path._rows[world.now().hour] = tuple(fallen)
    chain_client.call("evm_setAutomine", [False])
    world._outbox.send(genesis.publisher(world.spec), world._publish(world.now().hour))
    world._outbox.mine(world.now().timestamp + 12)
    calls = world._liquidator.look(world.now().hour)
    assert len(calls) > 3
    for call in calls:
        world._outbox.send(genesis.liquidator(world.spec), call)
    world._outbox.mine_strictly(world.now().timestamp + 12)


def test_it_takes_the_receipt_token_where_the_collateral_cannot_be_had_and_else_sends_nothing(world, chain_client):
    hour = world.now().hour
    fallen = list(world._path.at(hour))
    fallen[0] = fallen[0] * 55 // 100
    world._path._rows[hour] = tuple(fallen)
    world.send(genesis.publisher(world.spec), world._publish(hour))
    pool, weth = world.addresses["pool"], world.reserves["WETH"]
    receipt_token = next(
        token for asset, token in zip(world.spec.assets, world._site.a_tokens, strict=True) if asset.symbol == "WETH"
    )
    before = [call for call in world._liquidator.look(hour) if call.data[16:36].hex() == weth[2:].lower()]
    assert before
    assert {call.data[-1] for call in before} == {0}

    held = Call(target=weth, data=abi.encode("balanceOf(address)", receipt_token))
    balance = int.from_bytes(chain_client.eth_call(held), "big")
    world.send(receipt_token, Call(target=weth, data=abi.encode("transfer(address,uint256)", pool, balance)))
    after = [call for call in world._liquidator.look(hour) if call.data[16:36].hex() == weth[2:].lower()]
    assert len(after) == len(before)
    assert {call.data[-1] for call in after} == {1}

    configurator = world.addresses["configurator"]
    pause = Call(target=configurator, data=abi.encode("setPoolPause(bool)", True))
    world.send(genesis.deployer(world.spec), pause)
    assert world._liquidator.look(hour) == []
