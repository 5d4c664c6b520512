"""What each event of Aave v3 says, and that a log which cannot be of its event is refused and nothing else happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.chain import abi
from governance.chain.store import LogRow
from governance.domain import events
from governance.errors import DishonestAnswer, ImplausibleData
from governance.protocols.aave import logs
from governance.protocols.aave_v3 import AaveV3
from governance.protocols.layout import shape
from tests.governance.protocols.model import CONFIGURATOR, ORACLE, POOL, PROVIDER

TABLES = (logs.CONFIG, logs.PRICE, logs.LIQUIDATION, logs.BALANCE)
DECLARATIONS = sorted({*(each for table in TABLES for each in table), logs.SOURCE})
ASSET, OTHER, USER, TOKEN = (abi.checksum(bytes(19) + bytes([number])) for number in (1, 2, 3, 4))
WORDS = {"address": int(ASSET, 16), "bool": 1, "string": 0, "bytes": 0}


def plugin() -> AaveV3:
    return AaveV3({"pool": POOL, "configurator": CONFIGURATOR, "oracle": ORACLE, "addresses_provider": PROVIDER})


def plain(declaration: str) -> LogRow:
    """Return a log that fits an event; data that is dynamic is empty."""
    types = abi.parameters(declaration)
    topics = [WORDS.get(kind.removesuffix(" indexed"), 5) for kind in types if kind.endswith("indexed")]
    data = [WORDS.get(kind, 5) for kind in types if not kind.endswith("indexed")]
    return made(declaration, topics, b"".join(word.to_bytes(32, "big") for word in data))


def writer(declaration: str) -> str:
    """Return a contract whose word an event is."""
    role = "oracle" if declaration == logs.SOURCE else logs.emitter(declaration)
    return {"configurator": CONFIGURATOR, "oracle": ORACLE, "pool": POOL}.get(role, TOKEN)


def made(declaration: str, topics: list[int], data: bytes) -> LogRow:
    words = [topic.to_bytes(32, "big") for topic in topics] + [b""] * (3 - len(topics))
    return LogRow(7, 1, 0, bytes(32), writer(declaration), shape(declaration).topic, *words, data)


def said(declaration: str, topics: list[object], *data: object) -> tuple:
    types = [kind.removesuffix(" indexed") for kind in abi.parameters(declaration)]
    indexed = [kind.removesuffix(" indexed") for kind in abi.parameters(declaration) if kind.endswith("indexed")]
    rest = [kind for kind in abi.parameters(declaration) if not kind.endswith("indexed")]
    assert len(types) == len(topics) + len(data)
    words = [
        int.from_bytes(abi.encode_args([kind], [topic]), "big") for kind, topic in zip(indexed, topics, strict=True)
    ]
    return plugin().decode(made(declaration, words, abi.encode_args(rest, data)))


@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_a_log_that_fits_decodes(declaration):
    assert isinstance(plugin().decode(plain(declaration)), tuple)


@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_a_topic_more_or_less_is_refused(declaration):
    log = plain(declaration)
    topics = [topic for topic in (log.topic1, log.topic2, log.topic3) if topic]
    others = [topics[:-1]] + ([[*topics, bytes(32)]] if len(topics) < 3 else [])
    for other in others:
        padded = [*other, *[b""] * (3 - len(other))]
        if len(other) != len(topics):
            with pytest.raises(DishonestAnswer, match="block 7 is no"):
                plugin().decode(log._replace(topic1=padded[0], topic2=padded[1], topic3=padded[2]))


@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_data_that_is_too_short_or_odd_is_refused(declaration):
    log = plain(declaration)
    wrong = [log.data + b"\0"] + ([log.data[:-32], log.data[:-1]] if log.data else [])
    wrong += [] if shape(declaration).dynamic else [log.data + bytes(32)]
    for data in wrong:
        with pytest.raises(DishonestAnswer, match="bytes of data"):
            plugin().decode(log._replace(data=data))


@pytest.mark.parametrize("declaration", [each for each in DECLARATIONS if any(shape(each).words)])
def test_a_word_that_does_not_fit_its_type_is_refused(declaration):
    log = plain(declaration)
    at = next(at for at, limit in enumerate(shape(declaration).words) if limit)
    data = log.data[: 32 * at] + b"\xff" * 32 + log.data[32 * at + 32 :]
    with pytest.raises(DishonestAnswer, match="does not fit"):
        plugin().decode(log._replace(data=data))


@given(
    st.sampled_from(DECLARATIONS), st.lists(st.binary(min_size=32, max_size=32), max_size=3), st.binary(max_size=300)
)
def test_any_bytes_decode_or_are_refused(declaration, topics, data):
    padded = [*topics, *[b""] * (3 - len(topics))]
    log = LogRow(7, 1, 0, bytes(32), writer(declaration), shape(declaration).topic, *padded, data)
    try:
        found = plugin().decode(log)
    except DishonestAnswer:
        return
    assert all(type(event).__module__ == events.__name__ for event in found)


@pytest.mark.parametrize("declaration", [each for each in DECLARATIONS if each not in logs.PRICE])
def test_what_another_contract_writes_says_nothing(declaration):
    """Of tokens there are many, and the ledger knows which; none of them is one of the market's own contracts."""
    token = logs.emitter(declaration) == logs.TOKEN
    others = {POOL, CONFIGURATOR, ORACLE, PROVIDER} | (set() if token else {TOKEN})
    for stranger in others - {writer(declaration)}:
        for data in (plain(declaration).data, b"junk"):
            assert plugin().decode(plain(declaration)._replace(address=stranger, data=data)) == ()


@pytest.mark.parametrize("declaration", [logs.POOL_UPDATED, logs.UPGRADED])
def test_a_version_is_only_told_by_the_market_itself(declaration):
    assert plugin().decode(plain(declaration)._replace(address=TOKEN, data=b"junk")) == ()


@pytest.mark.parametrize("value", [2**16, 2**256 - 1])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_threshold_that_the_contract_cannot_hold_is_refused(place, value):
    words = [1, 1, 1]
    words[place] = value
    with pytest.raises(ImplausibleData, match=f"{logs.COLLATERAL[place]} {value}; the most is 65535"):
        said("CollateralConfigurationChanged(address indexed,uint256,uint256,uint256)", [ASSET], *words)
    with pytest.raises(ImplausibleData, match="the most is 65535"):
        said("EModeCategoryAdded(uint8 indexed,uint256,uint256,uint256,address,string)", [1], *words, ASSET, "")


@pytest.mark.parametrize("cap", ["Supply", "Borrow"])
def test_a_cap_that_the_contract_cannot_hold_is_refused(cap):
    declaration = f"{cap}CapChanged(address indexed,uint256,uint256)"
    (event,) = said(declaration, [ASSET], 0, 2**36 - 1)
    assert event.value == 2**36 - 1
    with pytest.raises(ImplausibleData, match="68719476736; the most is 68719476735"):
        said(declaration, [ASSET], 0, 2**36)


def test_an_events_declaration_has_its_signature():
    found = shape("Supply(address indexed,address,address indexed,uint256,uint16 indexed)")
    assert found.signature == "Supply(address,address,address,uint256,uint16)"
    assert (found.topics, found.words) == ((2**160, 2**160, 2**16), (2**160, 0))


@pytest.mark.parametrize(
    ("declaration", "topics", "data", "expected"),
    [
        ("ReserveFrozen(address indexed,bool)", [ASSET], [True], [events.TermSet(ASSET, "frozen", 1)]),
        ("PendingLtvChanged(address indexed,uint256)", [ASSET], [7_500], [events.TermSet(ASSET, "pending_ltv", 7_500)]),
        (
            "BorrowableInIsolationChanged(address,bool)",
            [],
            [ASSET, True],
            [events.TermSet(ASSET, "borrowable_in_isolation", 1)],
        ),
        ("SiloedBorrowingChanged(address indexed,bool,bool)", [ASSET], [0, 1], [events.TermSet(ASSET, "siloed", 1)]),
        (
            "DebtCeilingChanged(address indexed,uint256,uint256)",
            [ASSET],
            [1, 2],
            [events.TermSet(ASSET, "debt_ceiling", 2)],
        ),
        ("LiquidationGracePeriodDisabled(address indexed)", [ASSET], [], [events.TermSet(ASSET, "grace_until", 0)]),
        (
            "IsolationModeTotalDebtUpdated(address indexed,uint256)",
            [ASSET],
            [9],
            [events.TermSet(ASSET, "isolated_debt", 9)],
        ),
        (
            "DeficitCreated(address indexed,address indexed,uint256)",
            [USER, ASSET],
            [4],
            [events.DeficitChanged(ASSET, 4)],
        ),
        ("DeficitCovered(address indexed,address,uint256)", [ASSET], [USER, 3], [events.DeficitChanged(ASSET, -3)]),
        (
            "AssetLtvzeroInEModeChanged(address indexed,uint8,bool)",
            [ASSET],
            [2, True],
            [events.EModeListed(ASSET, 2, "ltv_zero", enabled=True)],
        ),
        ("EModeCategoryIsolationChanged(uint8 indexed,bool)", [2], [True], [events.EModeIsolated(2, isolated=True)]),
        (
            "ReserveInterestRateDataChanged(address indexed,address indexed,bytes)",
            [ASSET, OTHER],
            [abi.encode_args(("uint16", "uint32", "uint32", "uint32"), (9_000, 0, 550, 4_000))],
            [
                events.TermSet(ASSET, "optimal_usage", 9_000),
                events.TermSet(ASSET, "base_rate", 0),
                events.TermSet(ASSET, "slope1", 550),
                events.TermSet(ASSET, "slope2", 4_000),
            ],
        ),
        ("ReserveInterestRateDataChanged(address indexed,address indexed,bytes)", [ASSET, OTHER], [b"own"], []),
        ("AnswerUpdated(int256 indexed,uint256 indexed,uint256)", [-5, 1], [0], [events.PricePublished(TOKEN, -5)]),
    ],
)
def test_what_an_event_says(declaration, topics, data, expected):
    assert list(said(declaration, topics, *data)) == expected


@pytest.mark.parametrize(("version", "asked"), [("3.1", [ASSET, OTHER]), ("3.2", [ASSET])])
def test_a_mode_s_price_that_no_event_tells_is_asked_for_as_long_as_modes_have_one(version, asked):
    protocol = AaveV3({"pool": POOL, "oracle": ORACLE, f"learned: asked {USER}": USER})
    ledger = protocol.ledger()
    for event in (
        events.VersionReached(version),
        events.ReserveListed(ASSET, TOKEN, TOKEN, TOKEN),
        events.FeedChosen(ASSET, USER),
        events.FeedChosen(OTHER, USER),
        events.EModeDefined(1, 9_000, 9_500, 10_100, OTHER),
    ):
        ledger.apply(event, 1)
    assert [check.field for check in protocol.pinned(ledger)] == asked
    ledger.observe({OTHER: 7})
    assert ledger.book(timestamp=1, decimals={ASSET: 18}).market.emodes[1].price == 7
