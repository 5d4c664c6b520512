"""What checkpoints and the bulk reader rely on in every protocol plugin."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from governance.chain.store import LogRow
from governance.domain import events
from governance.domain.canonical import canonical
from governance.protocols.base import flavours, plugin

TARGET = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"


@pytest.fixture(params=flavours())
def protocol(request):
    return plugin(request.param)(defaultdict(lambda: TARGET))


def test_an_empty_ledger_comes_back_from_rest(protocol):
    made, back = protocol.ledger(), protocol.ledger()
    back.restore(json.loads(json.dumps(made.freeze())))
    assert canonical(back.freeze()) == canonical(made.freeze())
    assert list(back.turns()) == []


def test_topics_of_the_bulk_reader_are_topics_of_the_book(protocol):
    assert protocol.settled_topics <= protocol.book_topics
    assert protocol.price_words.keys() <= protocol.price_topics


@pytest.mark.parametrize("value", [0, 1, -1, 2**63, -(2**63), 2**255 - 1, -(2**255)])
def test_a_price_that_is_read_as_a_word_is_the_one_that_decoding_says(protocol, value):
    number = (value % 2**256).to_bytes(32)
    for topic, word in protocol.price_words.items():
        log = LogRow(1, 0, 0, bytes(32), TARGET, topic, number, bytes(32), b"", number)
        assert protocol.decode(log) == (events.PricePublished(TARGET, word.of(log)),)
        assert word.of(log) in {value, value % 2**256}
