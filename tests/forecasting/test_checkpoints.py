"""From any checkpoint the same book follows as from the first block; one that does not fit is not used."""

from __future__ import annotations

import random
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting import books, checkpoints
from forecasting.checkpoints import nearest, prune, save, spaced
from forecasting.history import list_reserves
from forecasting.models import Checkpoint
from governance.chain import store
from governance.deployments import protocol_of
from governance.domain.canonical import canonical
from governance.errors import GapInData
from tests.forecasting.happenings import WATCHED, NoChain, history
from tests.forecasting.landing import START, Landing, Said, contract

pytestmark = pytest.mark.django_db

LAST = 90
BOOK = Checkpoint.Kind.BOOK


@pytest.fixture
def landing():
    return Landing.start(WATCHED)


def listed(landing, *, last: int = LAST):
    list_reserves(landing.deployment, protocol_of(landing.deployment), NoChain(), to_block=last)
    return landing.deployment


def reference(deployment, *, block: int):
    """Return the book from the first block on, one event after the other."""
    protocol = protocol_of(deployment)
    ledger = protocol.ledger()
    for log in store.read_logs(deployment, first=1, last=block, topics=protocol.book_topics):
        for event in protocol.decode(log):
            ledger.apply(event, log.timestamp)
    decimals = dict.fromkeys(ledger.reserves, 18)
    return ledger.book(timestamp=START + 12 * block, decimals=decimals)


def used(deployment, *, block: int) -> int:
    return nearest(deployment, protocol_of(deployment), kind=BOOK, block=block)[1]


@pytest.mark.parametrize("seed", range(6))
def test_a_rebuild_equals_one_event_after_the_other(landing, seed):
    landing.land(history(seed, blocks=LAST), last=LAST)
    deployment = listed(landing)
    for block in (1, 20, LAST):
        assert books.rebuild(deployment, block=block) == reference(deployment, block=block)
    assert len(books.rebuild(deployment, block=LAST).accounts) == 6
    assert not Checkpoint.objects.exists()  # so few logs are read again in no time


@pytest.mark.parametrize("seed", range(6))
def test_from_any_checkpoint_the_same_book_follows(landing, monkeypatch, seed):
    monkeypatch.setattr(books, "WORTHWHILE", 1)
    landing.land(history(seed, blocks=LAST), last=LAST)
    deployment = listed(landing)
    for block in random.Random(seed).sample(range(1, LAST), 8):  # to and fro
        assert books.rebuild(deployment, block=block) == reference(deployment, block=block)
    before = used(deployment, block=LAST)
    assert 0 < before < LAST
    assert books.rebuild(deployment, block=LAST) == reference(deployment, block=LAST)


def test_a_reorganisation_across_a_checkpoint_equals_undisturbed(landing, monkeypatch):
    monkeypatch.setattr(books, "WORTHWHILE", 1)
    logs = history(7, blocks=60)
    landing.land(logs, last=60)
    deployment = listed(landing)
    for block in (20, 45, 60):
        books.rebuild(deployment, block=block)
    landing.rewind(40)
    landing.land(history(8, blocks=50, first=41)[8:], last=LAST)
    assert used(deployment, block=LAST) == 20
    assert books.rebuild(deployment, block=LAST) == reference(deployment, block=LAST)
    assert set(Checkpoint.objects.values_list("block_number", flat=True)) <= {20, LAST}


def kept(landing, *, block: int = 30) -> Checkpoint:
    landing.land(history(3, blocks=LAST), last=LAST)
    deployment = listed(landing)
    row = save(deployment, books.ledger_at(deployment, block=block), kind=BOOK, block=block)
    assert used(deployment, block=LAST) == block
    return row


def alter(row: Checkpoint, **changes: object) -> None:
    Checkpoint.objects.filter(pk=row.pk).update(**changes)


def test_a_checkpoint_of_another_block_hash_is_not_used(landing):
    alter(kept(landing), block_hash="0x" + "1" * 64)
    assert used(landing.deployment, block=LAST) == 0


def test_a_checkpoint_of_other_code_is_not_used_and_goes(landing):
    row = kept(landing)
    alter(row, decoder="0x" + "1" * 64)
    assert used(landing.deployment, block=LAST) == 0
    assert prune(landing.deployment, kind=BOOK) == 1


def test_a_checkpoint_whose_bytes_changed_is_not_used(landing):
    row = kept(landing)
    text = zlib.decompress(Checkpoint.objects.get(pk=row.pk).state)
    for wrong in (zlib.compress(text.replace(b"1", b"2", 1)), b"not compressed", text):
        alter(row, state=wrong)
        assert used(landing.deployment, block=LAST) == 0
    alter(row, state=zlib.compress(text, 1))
    assert used(landing.deployment, block=LAST) == 30


def test_a_contract_whose_history_comes_in_later_makes_older_checkpoints_void(landing):
    late, deployment = contract(0x888), landing.deployment
    said = Said(block=5, address=late, signature="AnswerUpdated(int256,uint256,uint256)", topics=(77, 1), data=(1,))
    landing.land(sorted([*history(3, blocks=LAST), said], key=lambda log: log.block), last=LAST)
    save(deployment, books.ledger_at(deployment, block=30), kind=BOOK, block=30)
    stream = deployment.streams.create(addresses=[late], first_block=1)
    with pytest.raises(GapInData, match="complete up to block 0"):
        books.ledger_at(deployment, block=LAST)
    landing.cover(stream, first=1, last=LAST)
    assert used(deployment, block=LAST) == 0


def test_a_gap_that_is_not_closed_blocks_the_book_and_is_named(landing):
    landing.land(history(3, blocks=20), last=20)
    landing.put([], first=21, last=LAST)
    landing.cover(landing.deployment.streams.get(), first=41, last=LAST)
    deployment = listed(landing, last=20)
    with pytest.raises(GapInData, match=r"complete up to block 20\. Blocks 21 to 40 are missing"):
        books.rebuild(deployment, block=50)
    with pytest.raises(GapInData, match="before the first one"):
        books.rebuild(deployment, block=0)
    assert books.rebuild(deployment, block=20) == reference(deployment, block=20)


def test_only_what_is_worth_it_is_kept(landing, monkeypatch):
    landing.land(history(3, blocks=LAST), last=LAST)
    deployment = listed(landing)
    ledger, protocol = protocol_of(deployment).ledger(), protocol_of(deployment)
    count = books.replay(deployment, protocol, ledger, first=1, last=LAST, topics=protocol.book_topics)
    said = store.read_logs(deployment, first=1, last=LAST, topics=protocol.book_topics)
    assert count == len(list(said)) > 100
    monkeypatch.setattr(books, "WORTHWHILE", count + 1)
    books.ledger_at(deployment, block=LAST)
    assert not Checkpoint.objects.exists()
    monkeypatch.setattr(books, "WORTHWHILE", count)
    books.ledger_at(deployment, block=LAST)
    assert Checkpoint.objects.get().block_number == LAST


def test_a_checkpoint_above_the_block_is_not_used(landing):
    kept(landing)
    assert used(landing.deployment, block=29) == 0


def test_a_frozen_ledger_is_the_same_bytes_again(landing):
    row = kept(landing)
    deployment = landing.deployment
    ledger, _ = nearest(deployment, protocol_of(deployment), kind=BOOK, block=30)
    assert canonical(ledger.freeze()) == zlib.decompress(Checkpoint.objects.get(pk=row.pk).state)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=200))
def test_checkpoints_thin_out_with_age(steps):
    held, head = set(), 0
    for step in steps:
        head += step
        held = spaced(held | {head})
    assert head in held
    assert len(held) <= 3 * (head.bit_length() + 1)
    ages = sorted(head - block for block in held)
    assert all(later <= 2 * (earlier + 50) for earlier, later in pairwise(ages))


def test_nothing_is_spaced_of_nothing():
    assert spaced([]) == set()


def test_a_checkpoint_of_other_lore_is_not_used(landing):
    deployment = landing.deployment
    made = kept(landing).decoder
    assert made == checkpoints.decoder(deployment)
    deployment.addresses |= {"learned:version": "3.1"}  # decoding knows more than when it was made
    assert made != checkpoints.decoder(deployment)
    assert used(deployment, block=LAST) == 0
