"""Every protocol plugin keeps the contract; a new file in `governance.protocols` is tested by being there."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.chain.store import LogRow
from governance.domain.action import Call
from governance.domain.units import UNITS
from governance.errors import DishonestAnswer, GapInData, ImplausibleData, InputError
from governance.protocols.base import Check, flavours, plugin

ASSET = "0x52908400098527886E0F7030069857D2E4169EE7"
TARGET = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
WORD = 32


@pytest.fixture(params=flavours())
def flavour(request) -> str:
    return request.param


@pytest.fixture
def protocol(flavour):
    return made(flavour)


def made(flavour):
    return plugin(flavour)(defaultdict(lambda: TARGET))


def log_of(topic0, *, topics=(), data=b"", address=TARGET) -> LogRow:
    filled = [*topics, b"", b"", b""][:3]
    return LogRow(1, 0, 0, bytes(32), address, topic0, *filled, data)


def test_there_is_one():
    assert {"aave_v3", "compound_v3", "morpho_blue"} <= set(flavours())


def test_it_is_named_as_its_file(flavour):
    assert plugin(flavour).slug == flavour
    assert plugin(flavour).label


def test_parameters_are_described(flavour):
    specs = plugin(flavour).parameters
    assert len({spec.name for spec in specs}) == len(specs) > 0
    for spec in specs:
        assert spec.unit in UNITS
        assert spec.minimum < spec.maximum
        assert spec.minimum % spec.step == 0
        assert spec.help.endswith(".")
        assert spec.label == spec.label.lower()


def test_every_parameter_can_be_read(protocol):
    for spec in protocol.parameters:
        found = protocol.read(spec.name, ASSET)
        assert found.call.target == TARGET
        assert found.word >= 0
        if spec.shared:
            assert found == protocol.read(spec.name, TARGET)
        else:
            assert bytes.fromhex(ASSET[2:]) in found.call.data


def test_no_two_parameters_are_one(protocol):
    found = [protocol.read(spec.name, ASSET) for spec in protocol.parameters]
    assert len(set(found)) == len(found)


def test_an_unknown_parameter_is_refused(protocol):
    with pytest.raises(InputError, match="has no parameter"):
        protocol.read("tax_rate", ASSET)


def test_no_change_needs_no_call(protocol):
    values = {spec.name: spec.minimum for spec in protocol.parameters}
    assert protocol.encode(reserve=ASSET, before=values, after=values) == ()


def test_a_value_outside_of_its_range_is_refused(protocol):
    values = {spec.name: spec.minimum for spec in protocol.parameters}
    for spec in protocol.parameters:
        for wrong in (spec.minimum - 1, spec.maximum + 1):
            with pytest.raises(InputError, match="between"):
                protocol.encode(reserve=ASSET, before=values, after=values | {spec.name: wrong})


def test_a_value_that_the_contract_cuts_off_is_refused(protocol):
    values = {spec.name: spec.minimum for spec in protocol.parameters}
    for spec in protocol.parameters:
        if spec.step > 1:
            with pytest.raises(InputError, match="multiple"):
                protocol.encode(reserve=ASSET, before=values, after=values | {spec.name: spec.minimum + 1})


def test_a_missing_value_is_refused(protocol):
    with pytest.raises(InputError):
        protocol.encode(reserve=ASSET, before={}, after={})


def test_every_change_of_a_free_parameter_is_a_call(protocol):
    """Parameters that depend on no other can be set one by one; each call is one for the contract's own addresses."""
    values = {spec.name: spec.minimum for spec in protocol.parameters}
    encoded = {}
    for spec in protocol.parameters:
        try:
            calls = protocol.encode(
                reserve=ASSET, before=values, after=values | {spec.name: spec.minimum + 100 * spec.step}
            )
        except InputError:
            continue  # it must be changed along with another
        assert calls
        assert all(isinstance(call, Call) and call.target == TARGET and call.value == 0 for call in calls)
        encoded[spec.name] = calls
    assert len(set(encoded.values())) == len(encoded) > 0


def test_topics_are_nested(protocol):
    assert protocol.config_topics <= protocol.book_topics
    assert protocol.config_topics <= protocol.fact_topics
    assert protocol.price_topics <= protocol.book_topics & protocol.fact_topics
    assert protocol.price_words.keys() <= protocol.price_topics
    assert protocol.settled_topics <= protocol.book_topics
    assert protocol.anchored_topics <= protocol.book_topics
    assert all(len(topic) == WORD for topic in protocol.book_topics | protocol.fact_topics)


def test_a_protocol_with_anchors_says_what_to_read(protocol):
    assert bool(protocol.anchored_topics) == bool(protocol.anchors())


def test_a_foreign_log_says_nothing(protocol):
    assert protocol.decode(log_of(bytes(32))) == ()


def test_a_log_of_the_wrong_width_is_dishonest(protocol):
    """No known event is of 7 bytes; who answers so is not believed, and nothing else goes wrong."""
    refused = 0
    for topic in sorted(protocol.book_topics | protocol.fact_topics):
        for count, address in product(range(4), (TARGET, ASSET)):
            try:
                said = protocol.decode(log_of(topic, topics=(TOPIC,) * count, data=b"\x01" * 7, address=address))
            except (DishonestAnswer, ImplausibleData):
                refused += 1
            else:
                assert said == ()
    assert refused


TOPIC = bytes(12) + bytes.fromhex(TARGET[2:])


# Numbers that a decoder may take for an address, an offset, a length or a flag.
HOSTILE_WORD = st.one_of(
    st.sampled_from([0, 1, 32, 64, 640, 2**64, 2**160 - 1, 2**255, 2**256 - 1]), st.integers(0, 2**256 - 1)
).map(lambda number: number.to_bytes(WORD))


@settings(max_examples=300)
@given(
    choice=st.tuples(st.sampled_from(flavours()), st.integers(min_value=0)),
    topics=st.lists(st.one_of(st.just(TOPIC), st.binary(min_size=32, max_size=32)), max_size=3),
    data=st.one_of(st.binary(max_size=40), st.lists(HOSTILE_WORD, max_size=60).map(b"".join)),
    address=st.sampled_from([TARGET, ASSET]),
)
def test_hostile_logs_are_refused_in_words(choice, topics, data, address):
    flavour, number = choice
    protocol, ledger = made(flavour), made(flavour).ledger()
    known = sorted(protocol.book_topics | protocol.fact_topics)
    log = log_of(known[number % len(known)], topics=topics, data=data, address=address)
    with suppress(DishonestAnswer, ImplausibleData, GapInData):
        for said in protocol.decode(log):
            for event in protocol.expand(ledger, said):
                ledger.apply(event, 1_000)
    assert protocol.ledger().reserves == []


def test_an_empty_ledger_knows_nothing(protocol):
    ledger = protocol.ledger()
    assert ledger.reserves == []
    assert ledger.turns() == []
    assert ledger.assets_of(TARGET) == []
    assert ledger.feed(ASSET) == ""
    assert ledger.price(ASSET) == 0


def test_a_ledger_survives_being_frozen(protocol):
    ledger, again = protocol.ledger(), protocol.ledger()
    again.restore(json.loads(json.dumps(ledger.freeze())))
    assert again.freeze() == ledger.freeze()
    assert again.reserves == ledger.reserves


def test_each_number_of_an_account_is_asked_for_that_account(protocol):
    fields = ACCOUNT_FIELDS[protocol.slug]
    ours, theirs = protocol.account_checks(ASSET, fields), protocol.account_checks(TARGET, fields)
    assert [check.field for check in ours] == [check.field for check in theirs] == list(fields)
    for check, other in zip(ours, theirs, strict=True):
        assert check.call.target == TARGET
        assert bytes.fromhex(ASSET[2:]) in check.call.data
        assert (check.call, check.word) != (other.call, other.word)
    assert len({(check.call, check.word) for check in ours}) == len(fields)


ACCOUNT_FIELDS = {
    "aave_v3": ("collateral_base", "debt_base", "liquidation_threshold", "ltv", "health_factor"),
    "compound_v3": ("principal", "balance", "borrow_balance", "liquidatable", f"collateral:{TARGET}"),
    "morpho_blue": ("supply_shares", "borrow_shares", "collateral"),
}


def test_every_plugin_s_account_fields_are_named_here():
    assert set(ACCOUNT_FIELDS) == set(flavours())


def test_an_answer_that_is_too_short_is_dishonest():
    check = Check(field="debt", call=Call(target=TARGET, data=b""), word=2)
    assert check.read(bytes(95) + b"\x05") == 5
    with pytest.raises(DishonestAnswer, match="too few for debt"):
        check.read(bytes(95))
    signed = Check(field="principal", call=check.call, signed=True)
    assert signed.read(b"\xff" * 32) == -1


def test_an_unknown_plugin_is_refused():
    with pytest.raises(InputError, match="there are"):
        plugin("ponzi")
