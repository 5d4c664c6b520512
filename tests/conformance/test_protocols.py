"""Every protocol plugin keeps the contract; a new file in `governance.protocols` is tested by being there."""

from __future__ import annotations

from collections import defaultdict

import pytest

from governance.chain.store import LogRow
from governance.domain.units import UNITS
from governance.errors import InputError
from governance.protocols.base import flavours, plugin

ASSET = "0x52908400098527886E0F7030069857D2E4169EE7"
TARGET = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"


@pytest.fixture(params=flavours())
def flavour(request) -> str:
    return request.param


@pytest.fixture
def protocol(flavour):
    return plugin(flavour)(defaultdict(lambda: TARGET))


def mid(spec) -> int:
    return min(spec.maximum, spec.minimum + 100)


def test_there_is_one():
    assert "aave_v3" in flavours()


def test_it_is_named_as_its_file(flavour):
    assert plugin(flavour).slug == flavour
    assert plugin(flavour).label


def test_parameters_are_described(flavour):
    specs = plugin(flavour).parameters
    assert len({spec.name for spec in specs}) == len(specs) > 0
    for spec in specs:
        assert spec.unit in UNITS
        assert spec.minimum < spec.maximum
        assert spec.help.endswith(".")
        assert spec.label == spec.label.lower()


def test_every_parameter_can_be_read(protocol):
    for spec in protocol.parameters:
        found = protocol.read(spec.name, ASSET)
        assert found.call.target == TARGET
        assert found.word >= 0
        assert bytes.fromhex(ASSET[2:]) in found.call.data


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


def test_a_missing_value_is_refused(protocol):
    with pytest.raises(InputError):
        protocol.encode(reserve=ASSET, before={}, after={})


def test_topics_are_nested(protocol):
    assert protocol.config_topics <= protocol.book_topics
    assert protocol.config_topics <= protocol.fact_topics
    assert protocol.price_topics <= protocol.book_topics & protocol.fact_topics


def test_a_foreign_log_says_nothing(protocol):
    log = LogRow(1, 0, 0, bytes(32), TARGET, bytes(32), b"", b"", b"", b"")
    assert protocol.decode(log) == ()


def test_accounts_are_asked_one_by_one(protocol):
    calls = protocol.account_calls([ASSET, TARGET])
    assert len(calls) == 2
    assert calls[0].data != calls[1].data


def test_an_unknown_plugin_is_refused():
    with pytest.raises(InputError, match="there are"):
        plugin("ponzi")
