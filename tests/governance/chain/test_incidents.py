"""Faults stay open until the blocks that they are about are whole in every stream that is collected."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.chain import incidents
from governance.chain.client import Client
from governance.errors import ChainError, ChainUnavailable, DeepReorg, DishonestAnswer, WrongChain
from governance.models import Chain, Coverage, Deployment, Incident, Provider

pytestmark = pytest.mark.django_db
KIND = Incident.Kind


@pytest.fixture
def chain():
    return Chain.objects.create(chain_id=5, name="five", genesis_hash="0x" + "00" * 32)


@pytest.fixture
def stream(chain):
    deployment = Deployment.objects.create(
        chain=chain, slug="one", name="One", kind=Deployment.Kind.PROTOCOL, flavour="aave_v3", first_block=1
    )
    return deployment.streams.create(addresses=[], first_block=1)


def note(kind: str = KIND.MISSING_LOGS, first: int = 10, last: int = 20) -> None:
    incidents.record(chain_id=5, kind=kind, provider="node", first=first, last=last, detail="a fault")


def cover(stream, first: int, last: int) -> None:
    Coverage.objects.create(
        stream=stream, first=first, last=last, first_parent="", last_hash="", n_logs=0, content=b"", provider="node"
    )


def test_the_same_fault_is_counted_while_it_is_open(chain):
    note()
    note()
    note(last=21)
    assert [found.times for found in incidents.open_incidents(5)] == [2, 1]
    assert incidents.resolve(chain_id=5, kind=KIND.MISSING_LOGS, first=10, last=20) == 1
    note()
    assert [found.times for found in incidents.open_incidents(5)] == [1, 1]
    assert Incident.objects.count() == 3


def test_a_fault_is_over_when_its_blocks_are_whole(stream):
    note()
    assert incidents.resolve_covered(chain_id=5) == 0
    cover(stream, 1, 12)
    cover(stream, 16, 30)
    assert incidents.resolve_covered(chain_id=5) == 0  # 13 to 15 are missing
    cover(stream, 13, 15)
    assert incidents.resolve_covered(chain_id=5) == 1
    assert not incidents.open_incidents(5).exists()


def test_a_fault_stays_open_while_another_stream_that_is_collected_has_a_hole(stream):
    other = stream.deployment.streams.create(addresses=[], first_block=5)
    idle = stream.deployment.streams.create(addresses=[], first_block=1)
    note()
    cover(stream, 1, 30)
    cover(other, 5, 9)
    assert incidents.resolve_covered(chain_id=5) == 0
    cover(other, 10, 30)
    assert incidents.resolve_covered(chain_id=5) == 1
    assert not idle.coverage.exists()


@pytest.mark.parametrize("kind", [KIND.MISMATCH, KIND.DEEP_REORG])
def test_some_faults_are_not_cured_by_reading_again(stream, kind):
    note(kind=kind)
    cover(stream, 1, 30)
    assert incidents.resolve_covered(chain_id=5) == 0
    assert incidents.resolve(chain_id=5, kind=kind, first=0, last=30) == 1


def test_a_fault_in_blocks_that_nobody_holds_is_not_over(stream):
    note()
    assert incidents.resolve_covered(chain_id=5) == 0
    late = stream.deployment.streams.create(addresses=[], first_block=15)
    cover(late, 15, 19)
    assert incidents.resolve_covered(chain_id=5) == 0
    cover(late, 20, 20)  # exactly to the end of the fault
    assert incidents.resolve_covered(chain_id=5) == 1


def test_a_fault_below_all_that_is_collected_is_not_over_before_something_is_held(stream):
    stream.first_block = 50
    stream.save()
    note()
    assert incidents.resolve_covered(chain_id=5) == 0
    cover(stream, 50, 60)
    assert incidents.resolve_covered(chain_id=5) == 1


def test_a_contradiction_is_open_until_the_accused_may_be_compared_again(stream, chain):
    accused = Provider.objects.create(chain=chain, name="node", quarantined_until=timezone.now() + timedelta(hours=1))
    note(kind=KIND.CONTRADICTION)
    note()
    cover(stream, 1, 30)
    assert incidents.resolve_covered(chain_id=5) == 1
    assert incidents.open_incidents(5).get().kind == KIND.CONTRADICTION
    accused.quarantined_until = timezone.now() - timedelta(seconds=1)
    accused.save()
    assert incidents.resolve_covered(chain_id=5) == 1


def test_gaps_that_touch_are_one(chain):
    for first, last in ((1, 10), (11, 20), (30, 40), (50, 60)):
        note(kind=KIND.GAP, first=first, last=last)
    assert list(incidents.open_incidents(5).values_list("first", "last")) == [(1, 20), (30, 40), (50, 60)]
    note(kind=KIND.GAP, first=18, last=29)
    assert list(incidents.open_incidents(5).values_list("first", "last")) == [(1, 40), (50, 60)]
    incidents.resolve(chain_id=5, kind=KIND.GAP, first=0, last=45)
    note(kind=KIND.GAP, first=41, last=49)  # what is over is not opened again
    assert list(incidents.open_incidents(5).values_list("first", "last")) == [(41, 60)]
    note(first=61, last=62)
    assert incidents.open_incidents(5).count() == 2


def test_what_a_client_found_is_noted_once(chain):
    client = Client(["http://one:1", "http://two:2"], chain_id=None)
    client.distrust(DishonestAnswer("twice", kind="duplicate", host="two:2"), first=3, last=4)
    assert incidents.drain(client, chain_id=5, first=1, last=9) == 1
    assert incidents.drain(client, chain_id=5, first=1, last=9) == 0
    found = Incident.objects.get()
    assert (found.kind, found.provider, found.first, found.last) == (KIND.DUPLICATE, "two:2", 3, 4)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DishonestAnswer("x", kind="truncated"), KIND.TRUNCATED),
        (DishonestAnswer("x", kind="no such kind"), KIND.CONTRADICTION),
        (DishonestAnswer("x"), KIND.CONTRADICTION),
        (ChainError("x", kind="lagging"), KIND.LAGGING),
        (WrongChain("x"), KIND.WRONG_CHAIN),
        (DeepReorg("x"), KIND.DEEP_REORG),
        (ChainUnavailable("x"), KIND.GAP),
    ],
)
def test_every_error_is_of_a_kind(error, kind):
    assert incidents.kind_of(error) == kind
