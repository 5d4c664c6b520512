from __future__ import annotations

import pytest

from governance.chain import abi, fork
from governance.domain.action import Call
from governance.errors import CallReverted

SET_CAP = "setSupplyCap(address,uint256)"
CAPS = "getReserveCaps(address)"


def parts(world) -> tuple[str, Call, Call]:
    token = world.reserves["WETH"]
    change = Call(target=world.addresses["configurator"], data=abi.encode(SET_CAP, token, 4_321))
    read = Call(target=world.addresses["data_provider"], data=abi.encode(CAPS, token))
    return world.addresses["timelock"], change, read


def supply_cap(answer: bytes) -> int:
    return abi.decode(("uint256", "uint256"), answer)[1]


def test_a_simulated_change_is_read_back_and_leaves_no_trace(world, chain_client):
    timelock, change, read = parts(world)
    before, head = chain_client.eth_call(read), chain_client.head()
    result = fork.simulate(chain_client, [(timelock, change)], [read])
    assert result.ok
    assert supply_cap(result.reads[0]) == 4_321
    assert result.base == head
    assert result.calls[0].log_count == 1
    assert chain_client.eth_call(read) == before
    assert chain_client.head() == head


def test_a_refused_call_is_reported_with_its_reason(world, chain_client):
    _, change, read = parts(world)
    result = fork.simulate(chain_client, [(world.steward, change)], [read])
    assert not result.ok
    assert result.calls[0].reason == "4 (CALLER_NOT_RISK_OR_POOL_ADMIN)"
    assert supply_cap(result.reads[0]) == supply_cap(chain_client.eth_call(read))


def test_a_refused_read_is_an_error(world, chain_client):
    nobody = Call(target=world.addresses["configurator"], data=abi.encode(CAPS, world.steward))
    with pytest.raises(CallReverted, match="Read 0"):
        fork.simulate(chain_client, [], [nobody])
