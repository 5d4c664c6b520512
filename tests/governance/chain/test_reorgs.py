"""Reorganisations: found wherever they are, taken back as far as they go, and not beyond the limit without a person."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from governance.chain import coverage, incidents, reorgs, store
from governance.chain.answers import Header
from governance.env import env
from governance.errors import ChainUnavailable, DeepReorg
from governance.models import Block, Incident, Reorg
from tests.ledger import FakeChain, watched

pytestmark = pytest.mark.django_db
COUNTS = [1] * 30


@dataclass
class FakeNode:
    """A node that serves a fake chain up to its last block."""

    chain: FakeChain

    def call(self, method, params):
        assert method == "eth_getBlockByNumber"
        number = int(params[0], 16)
        return {"hash": self.chain.headers[number].hash} if number < len(self.chain.headers) else None

    def leader(self, *, at):
        assert at >= 0
        return self

    def head(self):
        last = self.chain.headers[-1]
        return Header(
            number=int(last.number, 16), hash=last.hash, parent_hash=last.parent_hash, timestamp=0, base_fee=0
        )


@pytest.fixture
def limit(monkeypatch):
    def set_to(blocks: int) -> None:
        changed = env().model_copy(update={"reorg_limit": blocks})
        monkeypatch.setattr(reorgs, "env", lambda: changed)

    return set_to


def landed(*pieces):
    stream = watched()
    for first, last in pieces:
        store.land(stream, FakeChain(COUNTS).range(first, last), provider="one")
    return stream.deployment.chain


def highest():
    return max(Block.objects.values_list("number", flat=True), default=None)


@pytest.mark.parametrize("fork", [1, 2, 7, 20, 28, 29])
def test_the_newest_common_block_is_found(fork):
    chain = landed((0, 9), (10, 29))
    assert reorgs.settle(FakeNode(FakeChain(COUNTS, forks=[fork])), chain)
    assert Reorg.objects.get().ancestor == fork - 1
    assert highest() == fork - 1
    assert coverage.orphans(chain) == []


def test_nothing_is_taken_back_where_both_agree():
    chain = landed((0, 29))
    assert not reorgs.settle(FakeNode(FakeChain(COUNTS)), chain)
    assert not reorgs.settle(FakeNode(FakeChain(COUNTS)), chain, at=12)
    assert highest() == 29


def test_only_the_run_that_is_in_doubt_is_searched():
    chain = landed((0, 5), (12, 29))
    assert reorgs.settle(FakeNode(FakeChain(COUNTS, forks=[8])), chain, at=20)
    assert Reorg.objects.get().ancestor == 11
    assert highest() == 5


def test_a_node_that_is_behind_takes_nothing_back():
    chain = landed((0, 29))
    with pytest.raises(ChainUnavailable, match="is behind"):
        reorgs.settle(FakeNode(FakeChain(COUNTS[:20])), chain)
    assert highest() == 29


def test_a_deep_one_stops_the_collector_until_a_person_accepts_it(limit):
    limit(10)
    chain = landed((0, 29))
    node = FakeNode(FakeChain(COUNTS, forks=[19]))
    for _ in range(2):
        with pytest.raises(DeepReorg, match="REORG_LIMIT is 10"):
            reorgs.settle(node, chain)
    assert highest() == 29
    noted = incidents.open_incidents(chain.chain_id).get()
    assert (noted.kind, noted.first, noted.last, noted.times) == (Incident.Kind.DEEP_REORG, 19, 29, 2)
    with pytest.raises(DeepReorg, match="from block 19 on"):
        reorgs.require_settled(chain)
    assert reorgs.accept_reorg(chain) == 11
    reorgs.require_settled(chain)
    assert highest() == 18
    assert not reorgs.settle(node, chain)
    assert not incidents.open_incidents(chain.chain_id).exists()


def test_one_just_at_the_limit_is_repaired(limit):
    limit(10)
    chain = landed((0, 29))
    assert reorgs.settle(FakeNode(FakeChain(COUNTS, forks=[20])), chain)
    assert Reorg.objects.get().depth == 10


def test_there_is_nothing_to_accept_when_all_is_well():
    chain = landed((0, 29))
    assert reorgs.accept_reorg(chain) == 0
    assert highest() == 29
