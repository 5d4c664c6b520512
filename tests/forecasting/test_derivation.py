"""Facts derived as columns equal facts derived event by event, whatever happened and however it is cut."""

from __future__ import annotations

import random

import pytest

from forecasting import history
from forecasting.history import derive, require_derived
from forecasting.models import Checkpoint, Derivation, Liquidation, ParameterChange, Price
from governance.errors import GapInData
from governance.models import Coverage
from governance.protocols.base import LEARNED
from tests.forecasting import per_event
from tests.forecasting.happenings import ASSETS, DEBT, FEEDS, PEOPLE, STABLE, SUPPLY, WATCHED, NoChain
from tests.forecasting.happenings import history as happened
from tests.forecasting.landing import BLOCK_SECONDS, START, Landing, Said, contract
from tests.forecasting.per_event import derived

pytestmark = pytest.mark.django_db

LAST = 120


@pytest.fixture(autouse=True)
def _everything_is_final(monkeypatch):
    monkeypatch.setattr("governance.chain.finality.final", lambda _: 10**9)


@pytest.fixture
def landing():
    return Landing.start(WATCHED)


@pytest.mark.parametrize("seed", range(12))
def test_columns_equal_events(landing, seed):
    landing.land(happened(seed, blocks=LAST), last=LAST)
    rows = derive(landing.deployment, client=NoChain(), to_block=LAST)
    assert derived() == per_event.derive(landing.deployment, to_block=LAST)
    assert rows == len(derived()) > 40
    assert ParameterChange.objects.exists()
    assert Liquidation.objects.exists()


@pytest.mark.parametrize("seed", range(4))
def test_steps_windows_and_checkpoints_change_nothing(landing, monkeypatch, seed):
    monkeypatch.setattr(history, "WINDOW", 7)
    monkeypatch.setattr("forecasting.books.WORTHWHILE", 10)
    landing.land(happened(seed, blocks=LAST), last=LAST)
    rng = random.Random(seed)
    for stop in sorted(rng.sample(range(1, LAST), 12)):
        derive(landing.deployment, client=NoChain(), to_block=stop)
    derive(landing.deployment, client=NoChain(), to_block=LAST)
    assert derived() == per_event.derive(landing.deployment, to_block=LAST)
    assert Checkpoint.objects.filter(kind=Checkpoint.Kind.FACTS).exists()


@pytest.mark.parametrize("seed", range(4))
def test_a_reorganisation_leaves_what_the_new_chain_says(landing, monkeypatch, seed):
    monkeypatch.setattr("forecasting.books.WORTHWHILE", 10)
    landing.land(happened(seed, blocks=80), last=80)
    for stop in (40, 50, 61, 75, 80):
        derive(landing.deployment, client=NoChain(), to_block=stop)
    landing.rewind(55)
    landing.land(happened(seed + 100, blocks=60, first=56)[8:], last=LAST)
    derive(landing.deployment, client=NoChain(), to_block=LAST)
    assert derived() == per_event.derive(landing.deployment, to_block=LAST)


def test_a_feed_whose_history_came_in_later_counts_from_its_first_price(landing, monkeypatch):
    monkeypatch.setattr("forecasting.books.WORTHWHILE", 1)
    late, logs = contract(0x777), happened(5, blocks=30)
    said = Said(block=20, address=late, signature="AnswerUpdated(int256,uint256,uint256)", topics=(77, 1), data=(1,))
    chosen = Said(
        block=40, address=WATCHED[2], signature="AssetSourceUpdated(address,address)", topics=(contract(0x100), late)
    )
    logs = sorted([*logs, said], key=lambda log: log.block)
    landing.land([*logs, chosen], last=40)
    derive(landing.deployment, client=NoChain(), to_block=35)
    stream = landing.deployment.streams.create(addresses=[late], first_block=1)
    landing.cover(stream, first=1, last=40)
    derive(landing.deployment, client=NoChain(), to_block=40)
    assert Price.objects.get(block_number=40).price == 77
    assert derived() == per_event.derive(landing.deployment, to_block=40)


@pytest.mark.parametrize("seed", range(4))
def test_a_feed_that_passes_on_others_prices_by_the_time(landing, seed):
    """Its publisher changes without an event: from block 30 on, and back again from block 60 on."""
    routes = {0: FEEDS[0], START + 30 * BLOCK_SECONDS: FEEDS[1], START + 60 * BLOCK_SECONDS: FEEDS[0]}
    deployment = landing.deployment
    deployment.addresses |= {f"{LEARNED}feed {FEEDS[4]} since {since}": feed for since, feed in routes.items()}
    deployment.save()
    signature = "AssetSourceUpdated(address,address)"
    chosen = [Said(block=1, address=WATCHED[2], signature=signature, topics=(asset, FEEDS[4])) for asset in ASSETS]
    logs = [log for log in happened(seed, blocks=LAST) if log.block == 1 or log.signature != signature]
    landing.land([*logs[:8], *chosen, *logs[8:]], last=LAST)
    for stop in (25, 45, LAST):
        derive(deployment, client=NoChain(), to_block=stop)
    assert derived() == per_event.derive(deployment, to_block=LAST)
    assert Price.objects.filter(block_number__range=(30, 59)).exists()


def test_the_last_price_of_a_block_above_zero_counts(landing):
    answer = "AnswerUpdated(int256,uint256,uint256)"
    said = [Said(block=9, address=FEEDS[0], signature=answer, topics=(value, 1), data=(1,)) for value in (5, 6, 0, -7)]
    landing.land([*happened(1, blocks=1)[:8], *said], last=9)
    derive(landing.deployment, client=NoChain(), to_block=9)
    assert Price.objects.get(block_number=9).price == 6


def test_a_gap_blocks_derivation_and_is_named(landing):
    landing.land(happened(3, blocks=20), last=20)
    landing.put([], first=21, last=60)
    stream = landing.deployment.streams.get()
    landing.cover(stream, first=31, last=60)
    with pytest.raises(GapInData, match=r"complete up to block 20\. Blocks 21 to 30 are missing") as caught:
        derive(landing.deployment, client=NoChain(), to_block=60)
    assert (caught.value.facts["first"], caught.value.facts["last"]) == (21, 30)
    assert not Price.objects.exists()
    derive(landing.deployment, client=NoChain(), to_block=20)
    landing.cover(stream, first=21, last=30)
    derive(landing.deployment, client=NoChain(), to_block=60)
    assert Derivation.objects.get().block_number == 60


def test_history_must_have_been_derived_where_it_is_read(landing):
    deployment = landing.deployment
    landing.land(happened(3, blocks=20), last=20)
    with pytest.raises(GapInData, match="derived up to block 0, not to block 20"):
        require_derived(deployment, block=20)
    derive(deployment, client=NoChain(), to_block=15)
    assert require_derived(deployment, block=15).block_number == 15
    with pytest.raises(GapInData, match="derived up to block 15, not to block 16"):
        require_derived(deployment, block=16)
    landing.rewind(10)
    landing.land([], last=30)
    assert require_derived(deployment, block=10).block_number == 15
    with pytest.raises(GapInData, match="derived up to block 10, not to block 11"):
        require_derived(deployment, block=11)
    Coverage.objects.all().delete()
    with pytest.raises(GapInData, match="not collected"):
        require_derived(deployment, block=10)


def test_what_is_final_is_noted_with_the_cursor(landing, monkeypatch):
    landing.land(happened(3, blocks=20), last=20)
    derive(landing.deployment, client=NoChain(), to_block=20)
    assert Derivation.objects.get().final_block == 20
    monkeypatch.setattr("governance.chain.finality.final", lambda _: 12)
    derive(landing.deployment, client=NoChain(), to_block=20)
    assert Derivation.objects.get().final_block == 12


def test_the_watched_contracts_are_all_there():
    assert {*SUPPLY, *STABLE, *DEBT, *FEEDS} < set(WATCHED)


@pytest.mark.parametrize(
    ("address", "signature", "topics", "data"),
    [
        (WATCHED[1], "SupplyCapChanged(address,uint256,uint256)", (PEOPLE[0],), (0, 1)),
        (
            WATCHED[0],
            "LiquidationCall(address,address,address,uint256,uint256,address,bool)",
            (PEOPLE[0], ASSETS[0], PEOPLE[1]),
            (1, 1, PEOPLE[2], 0),
        ),
    ],
)
def test_what_was_never_listed_is_a_gap(landing, address, signature, topics, data):
    strange = Said(block=2, address=address, signature=signature, topics=topics, data=data)
    landing.land([*happened(0, blocks=1)[:8], strange], last=3)
    with pytest.raises(GapInData, match=f"{PEOPLE[0]}.*logs are missing"):
        derive(landing.deployment, client=NoChain(), to_block=3)
