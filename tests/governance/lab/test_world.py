from __future__ import annotations

import threading
from collections import Counter

import pytest

from governance.chain import abi
from governance.chain.multicall import aggregate
from governance.domain.action import Call
from governance.domain.units import WAD
from governance.errors import CallReverted, ConflictError, InputError
from governance.lab import dao, genesis, liquidator
from governance.lab.spec import TEST
from governance.lab.world import World
from tests.fixtures.world import _node

LIQUIDATED = "LiquidationCall(address,address,address,uint256,uint256,address,bool)"


def silent(done: int, total: int, text: str) -> None:
    """Show nothing."""


def build(client, spec, compiled, folder, progress=silent) -> World:
    return World.build(client, spec, contracts=compiled, path=folder / "world.json", progress=progress)


def head_of(spec, compiled, folder, worker_id) -> str:
    with _node(f"test-node-tiny-{worker_id}", f"--timestamp={spec.start}") as client:
        build(client, spec, compiled, folder)
        return str(client.head().hash)


def stop_at(hour: int):
    def progress(done: int, total: int, text: str) -> None:
        if done >= hour:
            raise KeyboardInterrupt

    return progress


def test_the_same_specification_gives_the_same_blocks_even_after_interruptions(tiny, compiled, tmp_path, worker_id):
    (tmp_path / "first").mkdir()
    expected = head_of(tiny, compiled, tmp_path / "first", worker_id)
    with _node(f"test-node-tiny-{worker_id}", f"--timestamp={tiny.start}") as client:
        with pytest.raises(KeyboardInterrupt):
            build(client, tiny, compiled, tmp_path, stop_at(24))
        client.call("evm_setAutomine", [False])
        world = World.load(client, tmp_path / "world.json")
        world._outbox.send(genesis.publisher(tiny), world._publish(25))  # sent, but never mined: the process was killed
        client.batch([("eth_sendTransaction", [transaction]) for transaction in world._outbox._queue])
        build(client, tiny, compiled, tmp_path)
        assert client.head().hash == expected


def test_looking_at_everybody_every_hour_would_change_nothing(tiny, compiled, tmp_path, worker_id, monkeypatch):
    (tmp_path / "first").mkdir()
    expected = head_of(tiny, compiled, tmp_path / "first", worker_id)
    monkeypatch.setattr(liquidator, "LOOK_AGAIN", 1)
    monkeypatch.setattr(liquidator, "SURVEY", 1)
    assert head_of(tiny, compiled, tmp_path, worker_id) == expected


def test_a_deployment_that_was_interrupted_starts_anew(tiny, compiled, tmp_path, worker_id, monkeypatch):
    with _node(f"test-node-tiny-{worker_id}", f"--timestamp={tiny.start}") as client:
        with monkeypatch.context() as patch:
            patch.setattr(dao, "take_over", lambda *_, **__: stop_at(0)(0, 0, ""))
            with pytest.raises(KeyboardInterrupt):
                build(client, tiny, compiled, tmp_path)
        assert client.head().number > 0
        assert build(client, tiny, compiled, tmp_path).now().hour == tiny.hours


def test_a_world_that_is_there_is_found_again_and_not_built_twice(world, saved_world, chain_client, compiled):
    before = chain_client.head()
    again = World.build(chain_client, TEST, contracts=compiled, path=saved_world.description, progress=silent)
    assert (again.addresses, again.holders) == (world.addresses, world.holders)
    assert chain_client.head().number == before.number


def test_another_specification_is_refused(tiny, saved_world, chain_client, compiled):
    with pytest.raises(ConflictError, match="--fresh"):
        World.build(chain_client, tiny, contracts=compiled, path=saved_world.description, progress=silent)


def test_a_node_that_carries_something_else_is_refused(saved_world, tiny, tmp_path, worker_id, compiled):
    with _node(f"test-node-tiny-{worker_id}", f"--timestamp={tiny.start}") as client:
        client.call("evm_mine")
        with pytest.raises(ConflictError, match="does not carry the world"):
            World.load(client, saved_world.description)
        with pytest.raises(ConflictError, match="already carries another chain"):
            build(client, tiny, compiled, tmp_path)
    with pytest.raises(InputError, match="no local world"):
        World.load(client, tmp_path / "nothing.json")


def test_two_commands_cannot_move_the_time_at_once(world, saved_world, chain_client):
    moving, done = threading.Event(), threading.Event()

    def pause(*_: object) -> None:
        moving.set()
        done.wait(20)

    first = threading.Thread(target=world.advance, args=(1,), kwargs={"progress": pause})
    first.start()
    try:
        assert moving.wait(20)
        with pytest.raises(ConflictError, match="moves the local world's time"):
            World.load(chain_client, saved_world.description).advance(1, progress=silent)
    finally:
        done.set()
        first.join()


def logs(client, signature: str, address: str) -> list[dict[str, str]]:
    query = {"fromBlock": "0x0", "toBlock": "latest", "address": address, "topics": [f"0x{abi.topic(signature).hex()}"]}
    return client.call("eth_getLogs", [query])


def test_the_crash_really_liquidates(world, chain_client):
    found = logs(chain_client, LIQUIDATED, world.addresses["pool"])
    days = {(int(log["blockTimestamp"], 16) - TEST.start) // 86_400 for log in found}
    assert len(found) >= 5
    assert days & {30, 31, 32, 33}


def test_nobody_stays_unhealthy_whose_liquidation_pays(world, chain_client):
    signature = "getUserAccountData(address)"
    calls = [Call(target=world.addresses["pool"], data=abi.encode(signature, actor.address)) for actor in world.actors]
    answers = aggregate(chain_client, calls, address=world.addresses["multicall"])
    for answer in answers:
        collateral, debt, _, _, _, health = abi.decode(("uint256",) * 6, answer)
        bonus = min(asset.bonus for asset in TEST.assets) / 10_000
        pays = world._liquidator.profit(min(debt / 2, collateral / bonus) / 1e8, bonus=bonus) > 0
        assert health >= WAD or not pays


def test_almost_every_transaction_succeeds(world, chain_client):
    outcomes: Counter[bool] = Counter()
    for start in range(0, chain_client.head().number + 1, 250):
        numbers = range(start, min(start + 250, chain_client.head().number + 1))
        for receipts in chain_client.batch([("eth_getBlockReceipts", [hex(number)]) for number in numbers]):
            outcomes.update(receipt["status"] == "0x1" for receipt in receipts)
    assert outcomes[True] > 2_000
    assert outcomes[False] < 0.02 * outcomes[True]


def test_every_hour_has_a_block_with_its_prices(world, chain_client):
    oracle = world.addresses["oracle"]
    hour = world.now().hour
    calls = [Call(target=oracle, data=abi.encode("getAssetPrice(address)", token)) for token in world.reserves.values()]
    read = [abi.decode(("uint256",), answer)[0] for answer in chain_client.eth_calls(calls)]
    assert read == list(world.prices(hour).values())
    assert hour == TEST.hours


def is_risk_admin(client, world, account: str) -> bool:
    data = abi.encode("isRiskAdmin(address)", account)
    return bool(abi.decode(("bool",), client.eth_call(Call(target=world.addresses["acl_manager"], data=data)))[0])


def test_the_timelock_alone_administers_risk(world, chain_client):
    assert is_risk_admin(chain_client, world, world.addresses["timelock"])
    assert not is_risk_admin(chain_client, world, genesis.deployer(TEST))
    cap = Call(
        target=world.addresses["configurator"],
        data=abi.encode("setSupplyCap(address,uint256)", world.reserves["WETH"], 1),
    )
    with pytest.raises(CallReverted, match="CALLER_NOT_RISK_OR_POOL_ADMIN"):
        world.send(world.steward, cap)


def test_a_transaction_of_anybody_is_mined_twelve_seconds_later(world, chain_client):
    before = chain_client.head()
    transfer = Call(
        target=world.addresses["token"], data=abi.encode("transfer(address,uint256)", world.holders[1], 10**18)
    )
    receipt = world.send(world.steward, transfer)
    assert receipt.ok
    assert chain_client.header(receipt.block_number).timestamp == before.timestamp + 12


def test_time_goes_on_and_governance_decides(world, chain_client):
    token, configurator, governor = world.reserves["WETH"], world.addresses["configurator"], world.addresses["governor"]
    cap = Call(target=configurator, data=abi.encode("setSupplyCap(address,uint256)", token, 7_777))
    receipt = world.send(world.steward, dao.propose(governor, calls=[cap], description="Lower the cap"))
    created = "ProposalCreated(uint256,address,address[],uint256[],string[],bytes[],uint256,uint256,string)"
    log = next(log for log in receipt.logs if log["topics"][0] == f"0x{abi.topic(created).hex()}")
    proposal = int(log["data"][2:66], 16)
    world.advance(25, progress=silent)
    for holder in world.holders[:3]:
        vote = dao.vote(governor, proposal_id=proposal, support=dao.Support.FOR, reason="It fits")
        assert world.send(holder, vote).ok
    world.advance(24 * 4, progress=silent)
    body = [[configurator], [0], [cap.data], abi.keccak(b"Lower the cap")]
    for step, wait in (("queue", 26), ("execute", 0)):
        signature = f"{step}(address[],uint256[],bytes[],bytes32)"
        assert world.send(world.holders[5], Call(target=governor, data=abi.encode(signature, *body))).ok
        world.advance(wait, progress=silent)
    caps = Call(target=world.addresses["data_provider"], data=abi.encode("getReserveCaps(address)", token))
    assert abi.decode(("uint256", "uint256"), chain_client.eth_call(caps))[1] == 7_777
