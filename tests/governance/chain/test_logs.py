"""Collection: complete or an error; the same rows however it was cut, interrupted, lied to or reorganised."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from governance import deployments
from governance.chain import collector, coverage, logs, partitions, ranges, sizing, store
from governance.chain.abi import topic
from governance.chain.client import Client
from governance.errors import ChainError, ChainUnavailable, DishonestAnswer, WrongChain
from governance.models import Block, Coverage, Log, Reorg, Stream
from tests.market import Market, watch

pytestmark = pytest.mark.django_db

UP_TO = 120
SUPPLY = topic("Supply(address,address,address,uint256,uint16)")


@pytest.fixture
def deployment(world, chain_client):
    return watch(world, chain_client)


def collect(client, deployment, to_block=UP_TO, **options):
    return logs.collect(client, deployment, to_block=to_block, **options)


def rows() -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    return (
        [tuple(map(str, row)) for row in Log.objects.order_by("block_number", "log_index").values_list()],
        [tuple(map(str, row)) for row in Block.objects.order_by("number").values_list()],
    )


class Liar(Client):
    """A client whose node's batch answers are changed by ``lie`` before they are read."""

    def __init__(self, url: str, lie) -> None:
        super().__init__([url], chain_id=31337, attempts=1)
        self.lie = lie

    def batch_raw(self, requests, *, read):
        answers = msgspec.json.decode(super().batch_raw(requests))
        changed = msgspec.json.encode(self.lie(requests, {answer["id"]: answer for answer in answers}))
        read(changed)
        return changed


@pytest.fixture
def liar(chain_client):
    made = []

    def make(lie) -> Liar:
        def change(requests, answers):
            lie(requests, answers)
            return list(answers.values())

        made.append(Liar(f"http://{chain_client.host}", change))
        return made[-1]

    yield make
    for client in made:
        client.close()


def some_logs(answers) -> list[dict[str, object]]:
    return answers[0]["result"]


def test_everything_is_landed_once(chain_client, deployment):
    report = collect(chain_client, deployment)
    assert (report.first, report.last) == (deployment.first_block, UP_TO)
    assert report.logs == Log.objects.count() > 100
    assert report.blocks == Block.objects.count() == UP_TO - deployment.first_block + 1
    again = collect(chain_client, deployment)
    assert (again.logs, again.blocks, again.digest) == (0, 0, report.digest)


def test_a_log_is_what_the_node_says(chain_client, deployment):
    collect(chain_client, deployment)
    found = list(store.read_logs(deployment, first=0, last=UP_TO, topics=[SUPPLY]))
    pool = deployment.addresses["pool"]
    asked = {"fromBlock": "0x0", "toBlock": hex(UP_TO), "address": pool, "topics": ["0x" + SUPPLY.hex()]}
    said = chain_client.call("eth_getLogs", [asked])
    assert [(log.block_number, log.log_index, log.address) for log in found] == [
        (int(log["blockNumber"], 16), int(log["logIndex"], 16), pool) for log in said
    ]
    for ours, theirs in zip(found, said, strict=True):
        assert ours.tx_hash.hex() == theirs["transactionHash"][2:]
        assert [ours.topic0.hex(), ours.topic1.hex(), ours.topic2.hex(), ours.topic3.hex()] == [
            text[2:] for text in theirs["topics"]
        ]
        assert ours.data.hex() == theirs["data"][2:]
        assert ours.timestamp == chain_client.header(ours.block_number).timestamp


def test_the_cut_does_not_matter(chain_client, deployment, monkeypatch):
    whole = collect(chain_client, deployment).digest
    expected = rows()
    Coverage.objects.all().delete()
    Log.objects.all().delete()
    Block.objects.all().delete()
    monkeypatch.setattr(sizing, "LARGEST", 17)
    for stop in (40, 41, UP_TO):
        report = collect(chain_client, deployment, to_block=stop)
    assert report.digest == whole
    assert rows() == expected
    assert Coverage.objects.count() > 5
    assert coverage.verify(deployment) == []


def test_a_settled_ledger_is_merged(chain_client, deployment, monkeypatch):
    whole = collect(chain_client, deployment).digest
    Coverage.objects.all().delete()
    monkeypatch.setattr(sizing, "LARGEST", 1)
    monkeypatch.setattr(logs, "env", lambda: SimpleNamespace(reorg_limit=20))
    assert collect(chain_client, deployment).digest == whole
    blocks = UP_TO - deployment.first_block + 1
    assert 20 <= Coverage.objects.count() < blocks / 2
    assert coverage.verify(deployment) == []


def test_the_digest_of_a_block_within_a_range_is_that_of_stopping_there(chain_client, deployment):
    early = collect(chain_client, deployment, to_block=77).digest
    Coverage.objects.all().delete()
    collect(chain_client, deployment)
    assert store.digest(deployment, 77) == early != store.digest(deployment, UP_TO)


def test_blooms_prove_that_nothing_is_missing(chain_client, deployment):
    collect(chain_client, deployment)
    assert set(Coverage.objects.values_list("proof", flat=True)) == {Coverage.Proof.BLOOM}


def test_two_streams_share_blocks(chain_client, deployment, world):
    collect(chain_client, deployment)
    other = deployments.watch_governor(
        client=chain_client,
        flavour="oz",
        addresses={"governor": world.addresses["governor"], "token": world.addresses["token"]},
        slug="dao",
        name="DAO",
        first_block=world.first_block,
    )
    before = Block.objects.count()
    report = collect(chain_client, other)
    assert report.logs > 0
    assert Block.objects.count() == before


def test_an_address_that_is_added_later_is_collected_from_the_start(chain_client, deployment, world):
    collect(chain_client, deployment)
    assert deployments.extend(deployment, [world.addresses["token"], deployment.addresses["pool"]]) == 1
    assert store.covered_to(deployment) == deployment.first_block - 1
    assert collect(chain_client, deployment).logs > 0
    assert Stream.objects.filter(deployment=deployment).count() == 2
    assert store.covered_to(deployment) == UP_TO


@pytest.mark.parametrize(
    "lie",
    [
        lambda _, answers: some_logs(answers).clear(),
        lambda _, answers: some_logs(answers).append(dict(some_logs(answers)[-1])),
        lambda _, answers: some_logs(answers)[0].update(blockHash="0x" + "ab" * 32),
        lambda _, answers: some_logs(answers)[0].update(blockNumber="0xfffff"),
        lambda _, answers: some_logs(answers)[0].update(address="0x" + "ab" * 20),
        lambda _, answers: some_logs(answers)[0].update(removed=True),
        lambda _, answers: some_logs(answers)[0].update(data="0xzz"),
        lambda _, answers: some_logs(answers)[0].update(data="0x\\t1"),
        lambda _, answers: some_logs(answers)[0].pop("topics"),
        lambda _, answers: answers[3]["result"].update(parentHash="0x" + "ab" * 32),
        lambda _, answers: answers[3]["result"].update(number="0x1"),
        lambda _, answers: answers[3].update(result="nonsense"),
        lambda _, answers: answers.pop(3),
    ],
    ids=[
        "all logs lost",
        "a log doubled",
        "a log of an orphaned block",
        "a log outside of the range",
        "a log of another address",
        "a removed log",
        "data that is no hexadecimal",
        "data with a tab",
        "a field missing",
        "a broken chain of headers",
        "another block's header",
        "no header at all",
        "an answer missing",
    ],
)
def test_a_lie_is_refused_and_leaves_nothing(deployment, liar, lie):
    def whenever_ranges_are_asked(requests, answers):
        if requests[0][0] == "eth_getLogs" and "fromBlock" in requests[0][1][0]:
            lie(requests, answers)

    with pytest.raises(DishonestAnswer):
        collect(liar(whenever_ranges_are_asked), deployment)
    assert not Log.objects.exists()
    assert not Coverage.objects.exists()


def test_a_lost_block_of_logs_is_found(deployment, liar):
    def lose_one_block(requests, answers):
        if requests[0][0] == "eth_getLogs" and "fromBlock" in requests[0][1][0]:
            lost = some_logs(answers)[-1]["blockNumber"]
            answers[0]["result"] = [log for log in some_logs(answers) if log["blockNumber"] != lost]

    with pytest.raises(DishonestAnswer, match="another number for its hash"):
        collect(liar(lose_one_block), deployment)


def test_a_node_that_lags_behind_is_not_believed(deployment, liar):
    def lag(requests, answers):
        for number, (method, params) in enumerate(requests):
            if method == "eth_getBlockByNumber" and int(params[0], 16) > 100:
                answers[number]["result"] = None

    with pytest.raises(ChainError, match="does not hold block 101"):
        collect(liar(lag), deployment)
    assert store.covered_to(deployment) == 100  # what it does hold is kept


def test_a_node_that_refuses_long_ranges_is_asked_for_short_ones(deployment, liar):
    def refuse(requests, answers):
        if len(requests) > 20:
            answers[0].pop("result")
            answers[0]["error"] = {"code": -32602, "message": "query exceeds max block range 20"}

    assert collect(liar(refuse), deployment).last == UP_TO
    assert all(row.last - row.first < 20 for row in Coverage.objects.all())


def test_block_range_indexes_learn_of_rows_while_a_long_backlog_lands(chain_client, deployment, monkeypatch):
    known, large = [], []
    monkeypatch.setattr(sizing, "LARGEST", 17)
    monkeypatch.setattr(collector, "TOGETHER", 1)
    monkeypatch.setattr(collector, "SUMMARIZED", 1)
    monkeypatch.setattr(partitions, "summarize", lambda chain_id, *, first, last: known.append((chain_id, first, last)))
    monkeypatch.setattr(partitions, "index", lambda chain_id, *, above=0: large.append((chain_id, above)))
    monkeypatch.setattr(logs, "MANY_LOGS", 10**9)
    collect(chain_client, deployment)
    assert set(large) == {(31337, partitions.LOADING), (31337, 0)}  # while it lands, and in the end
    assert {chain_id for chain_id, _, _ in known} == {31337}
    assert {block for _, first, last in known for block in range(first, last + 1)} >= set(
        Log.objects.values_list("block_number", flat=True)
    )


def test_a_node_that_is_down_is_an_error_and_what_landed_before_is_indexed(deployment, monkeypatch):
    indexed = []
    monkeypatch.setattr(partitions, "index", indexed.append)
    with pytest.raises(ChainUnavailable):
        collect(Client(["http://127.0.0.1:9"], chain_id=31337, attempts=1), deployment)
    assert indexed == [31337]


def test_another_chain_of_the_same_number_is_refused(chain_client, deployment):
    deployment.chain.genesis_hash = "0x" + "ab" * 32
    with pytest.raises(WrongChain, match="another chain"):
        collect(chain_client, deployment)


@pytest.mark.parametrize("depth", [1, 3])
def test_a_reorganisation_is_taken_back_and_collected_anew(chain_client, deployment, world, depth):
    market = Market(world=world, client=chain_client)
    for amount in range(1, 7):
        market.supply(world.holders[0], "WETH", amount)
    head = chain_client.head().number
    collect(chain_client, deployment, to_block=head)
    before = rows()
    chain_client.call("anvil_reorg", [depth, []])
    report = collect(chain_client, deployment, to_block=head)
    assert report.reorgs == Reorg.objects.count() == 1
    assert Reorg.objects.get().ancestor == head - depth
    after = rows()
    assert len(after[0]) < len(before[0])  # the orphaned supplies are gone
    assert Block.objects.get(number=head).hash.hex() == chain_client.header(head).hash[2:]
    orphan = chain_client.header(head - depth + 1)
    assert Reorg.objects.get().orphan_hash != orphan.hash
    settled = after
    Coverage.objects.all().delete()
    collect(chain_client, deployment, to_block=head)
    assert rows() == settled


def test_a_second_collector_does_not_double(chain_client, deployment):
    stream = deployment.streams.get()
    found = ranges.fetch(chain_client, stream.addresses, chain_id=31337, first=stream.first_block, last=50)
    assert store.land(stream, found, provider="one")
    assert not store.land(stream, found, provider="two")
    assert Log.objects.count() == found.n_logs > 0
