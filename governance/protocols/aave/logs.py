"""The events of Aave v3, from 3.0 to 3.7: what each of their logs says.

One table covers all versions, because a version takes events away and adds others, and never changes one: what differs
is how amounts are rounded, which `governance.domain.rules` knows. Two events say nothing without knowledge from
elsewhere (a new price source, a new implementation); those are read by the plugin itself.

References
----------
Aave v3 core 1.19 and Aave v3 origin 3.1 to 3.7: ``IPool``, ``IPoolConfigurator``, ``IScaledBalanceToken``, ``IAToken``,
``IStableDebtToken`` (to 3.1), and Chainlink's ``AggregatorInterface``. Three properties are relied on: ``value`` less
the interest that the same ``Mint`` or ``Burn`` reports is what the account did; ``BalanceTransfer`` carries the scaled
amount; and a change of a reserve's indexes is always followed by ``ReserveDataUpdated``. A rate curve is taken from
the configurator, which repeats what the strategy's own ``RateDataUpdate`` says.

The second does not hold of the very first receipt tokens (3.0.0, in the markets of March 2022 until their upgrade to
3.0.1): those wrote whole amounts, and state the same revision as the later ones. A book of such a market is off by what
was transferred then, and its comparison with the contract says so. GHO's debt before 3.4 had a discount of its own,
which is not rebuilt either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from governance.chain import abi
from governance.domain import events
from governance.errors import ImplausibleData
from governance.protocols.layout import Shape, shape

if TYPE_CHECKING:
    from governance.chain.store import LogRow
    from governance.domain.events import Event

Decoder = Callable[["LogRow", Sequence[int]], tuple["Event", ...]]

LARGEST_CAP = 2**36 - 1  # 36 bits in the reserve's configuration word
LARGEST_BPS = 2**16 - 1  # 16 bits
COLLATERAL = ("ltv", "liquidation_threshold", "liquidation_bonus")  # in the order of the event and of its call
_CURVE = ("optimal_usage", "base_rate", "slope1", "slope2")
_CURVE_SIZE = 128  # bytes; another strategy than the default one has data of its own


def address(word: bytes | int) -> str:
    """Return a word that was checked to be an address."""
    return abi.checksum(word[12:] if isinstance(word, bytes) else word.to_bytes(20, "big"))


def _number(topic: bytes) -> int:
    return int.from_bytes(topic, "big")


def _listed(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    stable, variable = address(words[0]), address(words[1])
    return (events.ReserveListed(address(log.topic1), address(log.topic2), stable, variable),)


def _delisted(log: LogRow, _: Sequence[int]) -> tuple[Event, ...]:
    return (events.ReserveDelisted(address(log.topic1)),)


def _answer(log: LogRow, _: Sequence[int]) -> tuple[Event, ...]:
    return (events.PricePublished(log.address, int.from_bytes(log.topic1, "big", signed=True)),)


def _collateral(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    asset = address(log.topic1)
    return tuple(
        events.ParameterSet(asset, name, _fits(log, name, value, LARGEST_BPS))
        for name, value in zip(COLLATERAL, words, strict=True)
    )


def _cap(name: str) -> Decoder:
    """Read an event of an asset, its old cap and its new one."""
    return lambda log, words: (events.ParameterSet(address(log.topic1), name, _fits(log, name, words[1], LARGEST_CAP)),)


def _fits(log: LogRow, name: str, value: int, largest: int) -> int:
    """Return a parameter that the contract can hold, though its event has more room for it."""
    if value > largest:
        message = f"Log {log.log_index} of block {log.block_number} says {name} {value}; the most is {largest}."
        raise ImplausibleData(message, block=log.block_number, log_index=log.log_index, field=name, value=value)
    return value


def _term(name: str, *, word: int = 0) -> Decoder:
    """Read an event of an asset whose condition is in a word of the data."""
    return lambda log, words: (events.TermSet(address(log.topic1), name, words[word]),)


def _no_grace(log: LogRow, _: Sequence[int]) -> tuple[Event, ...]:
    return (events.TermSet(address(log.topic1), "grace_until", 0),)


def _borrowable_in_isolation(_: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    return (events.TermSet(address(words[0]), "borrowable_in_isolation", words[1]),)  # its asset is not indexed


def _curve(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    if words[1:2] != [_CURVE_SIZE] or len(words) != 2 + len(_CURVE):
        return ()
    asset = address(log.topic1)
    return tuple(events.TermSet(asset, name, value) for name, value in zip(_CURVE, words[2:], strict=True))


def _deficit(topic: str, *, sign: int, word: int) -> Decoder:
    """Read an event of bad debt; its asset is in ``topic``, its amount in a word of the data."""
    return lambda log, words: (events.DeficitChanged(address(getattr(log, topic)), sign * words[word]),)


def _interest(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    liquidity_rate, _, variable_rate, liquidity_index, variable_index = words
    asset = address(log.topic1)
    return (events.InterestAccrued(asset, liquidity_rate, variable_rate, liquidity_index, variable_index),)


def _mint(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    value, interest, index = words
    return (events.BalanceChanged(log.address, address(log.topic2), value - interest, index),)


def _burn(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    value, interest, index = words
    return (events.BalanceChanged(log.address, address(log.topic1), -value - interest, index),)


def _transfer(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    return (events.BalanceMoved(log.address, address(log.topic1), address(log.topic2), words[0]),)


def _stable_mint(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    amount, _, _, rate, average, total = words
    return (events.StableDebtChanged(log.address, address(log.topic2), amount, rate, total, average),)


def _stable_burn(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    amount, _, _, average, total = words
    return (events.StableDebtChanged(log.address, address(log.topic1), -amount, -1, total, average),)


def _switched(*, enabled: bool) -> Decoder:
    return lambda log, _: (events.CollateralSwitched(address(log.topic1), address(log.topic2), enabled),)


def _emode_chosen(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    return (events.EModeChosen(address(log.topic1), words[0]),)


def _emode_defined(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    *numbers, source = words[:4]
    ltv, threshold, bonus = (
        _fits(log, name, value, LARGEST_BPS) for name, value in zip(COLLATERAL, numbers, strict=True)
    )
    return (events.EModeDefined(_number(log.topic1), ltv, threshold, bonus, address(source)),)


def _emode_assigned(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    return (events.EModeAssigned(address(log.topic1), words[1]),)


def _emode_role(role: str) -> Decoder:
    return lambda log, words: (events.EModeListed(address(log.topic1), words[0], role, bool(words[1])),)


def _emode_isolated(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    return (events.EModeIsolated(_number(log.topic1), bool(words[0])),)


def _liquidated(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    covered, seized, liquidator, _ = words
    collateral, debt, account = address(log.topic1), address(log.topic2), address(log.topic3)
    return (events.Liquidated(account, address(liquidator), collateral, debt, covered, seized),)


CONFIG: Mapping[str, Decoder] = {
    "ReserveInitialized(address indexed,address indexed,address,address,address)": _listed,
    "ReserveDropped(address indexed)": _delisted,
    "CollateralConfigurationChanged(address indexed,uint256,uint256,uint256)": _collateral,
    "SupplyCapChanged(address indexed,uint256,uint256)": _cap("supply_cap"),
    "BorrowCapChanged(address indexed,uint256,uint256)": _cap("borrow_cap"),
    "ReserveActive(address indexed,bool)": _term("active"),
    "ReserveFrozen(address indexed,bool)": _term("frozen"),
    "ReservePaused(address indexed,bool)": _term("paused"),
    "ReserveBorrowing(address indexed,bool)": _term("borrowing"),
    "ReserveStableRateBorrowing(address indexed,bool)": _term("stable_borrowing"),
    "ReserveFlashLoaning(address indexed,bool)": _term("flash_loans"),
    "BorrowableInIsolationChanged(address,bool)": _borrowable_in_isolation,
    "SiloedBorrowingChanged(address indexed,bool,bool)": _term("siloed", word=1),
    "PendingLtvChanged(address indexed,uint256)": _term("pending_ltv"),
    "ReserveFactorChanged(address indexed,uint256,uint256)": _term("reserve_factor", word=1),
    "LiquidationProtocolFeeChanged(address indexed,uint256,uint256)": _term("liquidation_protocol_fee", word=1),
    "UnbackedMintCapChanged(address indexed,uint256,uint256)": _term("unbacked_mint_cap", word=1),
    "DebtCeilingChanged(address indexed,uint256,uint256)": _term("debt_ceiling", word=1),
    "LiquidationGracePeriodChanged(address indexed,uint40)": _term("grace_until"),
    "LiquidationGracePeriodDisabled(address indexed)": _no_grace,
    "ReserveInterestRateDataChanged(address indexed,address indexed,bytes)": _curve,
    "EModeCategoryAdded(uint8 indexed,uint256,uint256,uint256,address,string)": _emode_defined,
    "EModeAssetCategoryChanged(address indexed,uint8,uint8)": _emode_assigned,
    "AssetCollateralInEModeChanged(address indexed,uint8,bool)": _emode_role("collateral"),
    "AssetBorrowableInEModeChanged(address indexed,uint8,bool)": _emode_role("borrowable"),
    "AssetLtvzeroInEModeChanged(address indexed,uint8,bool)": _emode_role("ltv_zero"),
    "EModeCategoryIsolationChanged(uint8 indexed,bool)": _emode_isolated,
}
PRICE: Mapping[str, Decoder] = {"AnswerUpdated(int256 indexed,uint256 indexed,uint256)": _answer}
LIQUIDATION: Mapping[str, Decoder] = {
    "LiquidationCall(address indexed,address indexed,address indexed,uint256,uint256,address,bool)": _liquidated,
}
INTEREST = "ReserveDataUpdated(address indexed,uint256,uint256,uint256,uint256,uint256)"
BALANCE: Mapping[str, Decoder] = {
    INTEREST: _interest,
    "Mint(address indexed,address indexed,uint256,uint256,uint256)": _mint,
    "Burn(address indexed,address indexed,uint256,uint256,uint256)": _burn,
    "BalanceTransfer(address indexed,address indexed,uint256,uint256)": _transfer,
    "Mint(address indexed,address indexed,uint256,uint256,uint256,uint256,uint256,uint256)": _stable_mint,
    "Burn(address indexed,uint256,uint256,uint256,uint256,uint256)": _stable_burn,
    "ReserveUsedAsCollateralEnabled(address indexed,address indexed)": _switched(enabled=True),
    "ReserveUsedAsCollateralDisabled(address indexed,address indexed)": _switched(enabled=False),
    "UserEModeSet(address indexed,uint8)": _emode_chosen,
    "IsolationModeTotalDebtUpdated(address indexed,uint256)": _term("isolated_debt"),
    "DeficitCreated(address indexed,address indexed,uint256)": _deficit("topic2", sign=1, word=0),
    "DeficitCovered(address indexed,address,uint256)": _deficit("topic1", sign=-1, word=1),
}
SOURCE = "AssetSourceUpdated(address indexed,address indexed)"
POOL_UPDATED = "PoolUpdated(address indexed,address indexed)"  # by the addresses provider, the first one included
UPGRADED = "Upgraded(address indexed)"  # by the pool's proxy itself, except for the first one

_TOKEN_EVENTS = ("Mint(", "Burn(", "BalanceTransfer(")
ANYONE, TOKEN = "", "token"


def emitter(declaration: str) -> str:
    """Return the role of the contract whose word an event is; `TOKEN`: one of many; `ANYONE`: a price counts by whose.

    Who else writes an event of that name says nothing about the market.
    """
    if declaration in CONFIG:
        return "configurator"
    if declaration in PRICE:
        return ANYONE
    return TOKEN if declaration.startswith(_TOKEN_EVENTS) else "pool"


DECODERS: Mapping[bytes, tuple[str, Shape, Decoder]] = {
    shape(declaration).topic: (emitter(declaration), shape(declaration), decoder)
    for table in (CONFIG, PRICE, LIQUIDATION, BALANCE)
    for declaration, decoder in table.items()
}


def topics(*declarations: str) -> frozenset[bytes]:
    """Return the first topics of events."""
    return frozenset(shape(declaration).topic for declaration in declarations)
