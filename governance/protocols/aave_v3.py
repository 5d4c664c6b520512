"""Aave v3 (contracts of the 3.0 line): discovery, events, risk parameters and how to change them.

References
----------
Aave v3 core contracts 1.19: ``IPool``, ``IPoolConfigurator``, ``IAaveOracle``, ``IScaledBalanceToken``, ``IAToken``,
``IStableDebtToken`` (events) and ``AaveProtocolDataProvider`` (reads). Two properties of its events are relied on: a
scaled balance changes by ``amount`` divided by ``index``, rounded half up, where ``amount`` is ``value`` without the
interest that the same event reports; and ``BalanceTransfer`` carries the scaled amount.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, override

from governance.chain import abi
from governance.domain import events
from governance.domain.action import Call
from governance.errors import ChainError, InputError
from governance.protocols.base import AccountData, ParameterSpec, Protocol, Read, ReserveFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from governance.chain.client import Client
    from governance.chain.store import LogRow
    from governance.domain.events import Event

    Decoder = Callable[[LogRow, Sequence[int]], tuple[Event, ...]]

NOBODY = "0x" + "00" * 20
LARGEST_CAP = 2**36 - 1  # 36 bits in the reserve's configuration word
LARGEST_BPS = 2**16 - 1

PARAMETERS = (
    ParameterSpec(
        name="liquidation_threshold",
        label="liquidation threshold",
        unit="bps",
        minimum=0,
        maximum=10_000,
        help="Share of a collateral's value that may be owed before the position can be liquidated.",
    ),
    ParameterSpec(
        name="ltv",
        label="loan to value",
        unit="bps",
        minimum=0,
        maximum=10_000,
        help="Share of a collateral's value that can be borrowed at first; at most the liquidation threshold.",
    ),
    ParameterSpec(
        name="liquidation_bonus",
        label="liquidation bonus",
        unit="bonus_bps",
        minimum=0,
        maximum=LARGEST_BPS,
        help="What a liquidator gets on top of the debt that it repays; on chain as 10,000 + bonus in basis points.",
    ),
    ParameterSpec(
        name="supply_cap",
        label="supply cap",
        unit="tokens",
        minimum=0,
        maximum=LARGEST_CAP,
        help="Most that can be supplied in all, in whole tokens; 0 for no limit.",
    ),
    ParameterSpec(
        name="borrow_cap",
        label="borrow cap",
        unit="tokens",
        minimum=0,
        maximum=LARGEST_CAP,
        help="Most that can be borrowed in all, in whole tokens; 0 for no limit.",
    ),
)

_ROLES = {
    "pool": "getPool()",
    "configurator": "getPoolConfigurator()",
    "oracle": "getPriceOracle()",
    "data_provider": "getPoolDataProvider()",
    "acl_manager": "getACLManager()",
}
_CONFIGURATION = "getReserveConfigurationData(address)"
_CAPS = "getReserveCaps(address)"
_READS = {
    "ltv": (_CONFIGURATION, 1),
    "liquidation_threshold": (_CONFIGURATION, 2),
    "liquidation_bonus": (_CONFIGURATION, 3),
    "borrow_cap": (_CAPS, 0),
    "supply_cap": (_CAPS, 1),
}
_COLLATERAL = ("ltv", "liquidation_threshold", "liquidation_bonus")  # in the order of the call and of its event
_CAP_SETTERS = {"supply_cap": "setSupplyCap(address,uint256)", "borrow_cap": "setBorrowCap(address,uint256)"}


def _address(word: bytes | int) -> str:
    return abi.checksum(word[12:] if isinstance(word, bytes) else word.to_bytes(20, "big"))


def _listed(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    stable, variable = _address(words[0]), _address(words[1])
    return (events.ReserveListed(_address(log.topic1), _address(log.topic2), stable, variable),)


def _delisted(log: LogRow, _: Sequence[int]) -> tuple[Event, ...]:
    return (events.ReserveDelisted(_address(log.topic1)),)


def _feed(log: LogRow, _: Sequence[int]) -> tuple[Event, ...]:
    return (events.FeedChosen(_address(log.topic1), _address(log.topic2)),)


def _answer(log: LogRow, _: Sequence[int]) -> tuple[Event, ...]:
    return (events.PricePublished(log.address, int.from_bytes(log.topic1, "big", signed=True)),)


def _collateral(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    asset = _address(log.topic1)
    return tuple(events.ParameterSet(asset, name, value) for name, value in zip(_COLLATERAL, words, strict=True))


def _cap(name: str) -> Decoder:
    return lambda log, words: (events.ParameterSet(_address(log.topic1), name, words[1]),)


def _interest(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    liquidity_rate, _, variable_rate, liquidity_index, variable_index = words
    asset = _address(log.topic1)
    return (events.InterestAccrued(asset, liquidity_rate, variable_rate, liquidity_index, variable_index),)


def _mint(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    value, interest, index = words
    return (events.BalanceChanged(log.address, _address(log.topic2), value - interest, index),)


def _burn(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    value, interest, index = words
    return (events.BalanceChanged(log.address, _address(log.topic1), -value - interest, index),)


def _transfer(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    return (events.BalanceMoved(log.address, _address(log.topic1), _address(log.topic2), words[0]),)


def _stable_mint(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    amount, _, _, rate, average, total = words
    return (events.StableDebtChanged(log.address, _address(log.topic2), amount, rate, total, average),)


def _stable_burn(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    amount, _, _, average, total = words
    return (events.StableDebtChanged(log.address, _address(log.topic1), -amount, -1, total, average),)


def _switched(*, enabled: bool) -> Decoder:
    return lambda log, _: (events.CollateralSwitched(_address(log.topic1), _address(log.topic2), enabled),)


def _emode_chosen(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    return (events.EModeChosen(_address(log.topic1), words[0]),)


def _emode_defined(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    ltv, threshold, bonus, source = words[:4]
    category = int.from_bytes(log.topic1, "big")
    return (events.EModeDefined(category, ltv, threshold, bonus, _address(source)),)


def _emode_assigned(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    return (events.EModeAssigned(_address(log.topic1), words[1]),)


def _liquidated(log: LogRow, words: Sequence[int]) -> tuple[Event, ...]:
    covered, seized, liquidator, _ = words
    collateral, debt, account = _address(log.topic1), _address(log.topic2), _address(log.topic3)
    return (events.Liquidated(account, _address(liquidator), collateral, debt, covered, seized),)


_CONFIG: dict[str, Decoder] = {
    "ReserveInitialized(address,address,address,address,address)": _listed,
    "ReserveDropped(address)": _delisted,
    "AssetSourceUpdated(address,address)": _feed,
    "CollateralConfigurationChanged(address,uint256,uint256,uint256)": _collateral,
    "SupplyCapChanged(address,uint256,uint256)": _cap("supply_cap"),
    "BorrowCapChanged(address,uint256,uint256)": _cap("borrow_cap"),
    "EModeCategoryAdded(uint8,uint256,uint256,uint256,address,string)": _emode_defined,
    "EModeAssetCategoryChanged(address,uint8,uint8)": _emode_assigned,
}
_PRICE: dict[str, Decoder] = {"AnswerUpdated(int256,uint256,uint256)": _answer}
_LIQUIDATION: dict[str, Decoder] = {
    "LiquidationCall(address,address,address,uint256,uint256,address,bool)": _liquidated,
}
_BALANCE: dict[str, Decoder] = {
    "ReserveDataUpdated(address,uint256,uint256,uint256,uint256,uint256)": _interest,
    "Mint(address,address,uint256,uint256,uint256)": _mint,
    "Burn(address,address,uint256,uint256,uint256)": _burn,
    "BalanceTransfer(address,address,uint256,uint256)": _transfer,
    "Mint(address,address,uint256,uint256,uint256,uint256,uint256,uint256)": _stable_mint,
    "Burn(address,uint256,uint256,uint256,uint256,uint256)": _stable_burn,
    "ReserveUsedAsCollateralEnabled(address,address)": _switched(enabled=True),
    "ReserveUsedAsCollateralDisabled(address,address)": _switched(enabled=False),
    "UserEModeSet(address,uint8)": _emode_chosen,
}


def _topics(*tables: Mapping[str, Decoder]) -> frozenset[bytes]:
    return frozenset(abi.topic(signature) for table in tables for signature in table)


class AaveV3(Protocol):
    """Aave v3 at the addresses that its addresses provider names."""

    slug: ClassVar[str] = "aave_v3"
    label: ClassVar[str] = "Aave v3"
    parameters: ClassVar[tuple[ParameterSpec, ...]] = PARAMETERS
    config_topics: ClassVar[frozenset[bytes]] = _topics(_CONFIG)
    price_topics: ClassVar[frozenset[bytes]] = _topics(_PRICE)
    fact_topics: ClassVar[frozenset[bytes]] = _topics(_CONFIG, _PRICE, _LIQUIDATION)
    book_topics: ClassVar[frozenset[bytes]] = _topics(_CONFIG, _PRICE, _BALANCE)
    _decoders: ClassVar[dict[bytes, Decoder]] = {
        abi.topic(signature): decoder
        for table in (_CONFIG, _PRICE, _LIQUIDATION, _BALANCE)
        for signature, decoder in table.items()
    }

    @classmethod
    @override
    def discover(cls, client: Client, address: str) -> dict[str, str]:
        provider = abi.checksum(address)
        calls = [Call(target=provider, data=abi.encode(signature)) for signature in _ROLES.values()]
        try:
            found = [abi.decode(("address",), answer)[0] for answer in client.eth_calls(calls)]
        except ChainError as error:
            if error.retryable:
                raise
            message = f"{provider} is not the addresses provider of an Aave v3 market: {error.message}"
            raise InputError(message, field="address", value=provider) from error
        roles = dict(zip(_ROLES, found, strict=True))
        if missing := [role for role, where in roles.items() if where == NOBODY]:
            message = f"The addresses provider {provider} names no {' and no '.join(missing)}."
            raise InputError(message, field="address", value=provider)
        return {"addresses_provider": provider, **roles}

    @override
    def watched(self, client: Client) -> tuple[str, ...]:
        answer = client.eth_call(Call(target=self.addresses["pool"], data=abi.encode("getReservesList()")))
        assets = abi.decode(("address[]",), answer)[0]
        found = {self.addresses[role] for role in ("pool", "configurator", "oracle")}
        tokens = [self._data_call("getReserveTokensAddresses(address)", asset) for asset in assets]
        for answer in client.eth_calls(tokens):
            found.update(abi.decode(("address",) * 3, answer))
        oracle, source = self.addresses["oracle"], "getSourceOfAsset(address)"
        for answer in client.eth_calls([Call(target=oracle, data=abi.encode(source, asset)) for asset in assets]):
            found.update(abi.decode(("address",), answer))
        return tuple(sorted(found - {NOBODY}))

    @override
    def reserve_facts(self, client: Client, assets: Sequence[str]) -> dict[str, ReserveFacts]:
        symbols = client.eth_calls([Call(target=asset, data=abi.encode("symbol()")) for asset in assets])
        decimals = client.eth_calls([Call(target=asset, data=abi.encode("decimals()")) for asset in assets])
        return {
            asset: ReserveFacts(symbol=_text(symbol), decimals=abi.decode(("uint8",), places)[0])
            for asset, symbol, places in zip(assets, symbols, decimals, strict=True)
        }

    @override
    def decode(self, log: LogRow) -> tuple[Event, ...]:
        decoder = self._decoders.get(log.topic0)
        if decoder is None:
            return ()
        data = log.data
        return decoder(log, [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)])

    @override
    def read(self, parameter: str, reserve: str) -> Read:
        signature, word = _READS[self.parameter(parameter).name]
        return Read(call=self._data_call(signature, reserve), word=word)

    @override
    def encode(self, *, reserve: str, before: Mapping[str, int], after: Mapping[str, int]) -> tuple[Call, ...]:
        for spec in PARAMETERS:
            _check(spec, before)
            _check(spec, after)
        calls = []
        if any(before[name] != after[name] for name in _COLLATERAL):
            _check_collateral(after)
            signature = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
            calls.append(abi.encode(signature, reserve, *(after[name] for name in _COLLATERAL)))
        for name, signature in _CAP_SETTERS.items():
            if before[name] != after[name]:
                calls.append(abi.encode(signature, reserve, after[name]))
        return tuple(Call(target=self.addresses["configurator"], data=data) for data in calls)

    @override
    def account_calls(self, accounts: Sequence[str]) -> tuple[Call, ...]:
        pool = self.addresses["pool"]
        return tuple(Call(target=pool, data=abi.encode("getUserAccountData(address)", account)) for account in accounts)

    @override
    def account_data(self, answer: bytes) -> AccountData:
        collateral, debt, _, threshold, ltv, factor = abi.decode(("uint256",) * 6, answer)
        return AccountData(
            collateral_base=collateral,
            debt_base=debt,
            liquidation_threshold=threshold,
            ltv=ltv,
            health_factor=factor,
        )

    def _data_call(self, signature: str, asset: str) -> Call:
        return Call(target=self.addresses["data_provider"], data=abi.encode(signature, asset))


def _text(answer: bytes) -> str:
    """Return a token's symbol; some old tokens answer ``bytes32`` instead of a string."""
    if len(answer) == abi.WORD:
        return answer.rstrip(b"\0").decode("utf-8", "replace")
    return str(abi.decode(("string",), answer)[0])


def _check(spec: ParameterSpec, values: Mapping[str, int]) -> None:
    value = values.get(spec.name)
    if value is None or not spec.minimum <= value <= spec.maximum:
        message = f"The {spec.label} must be between {spec.minimum} and {spec.maximum}, not {value}."
        raise InputError(message, field=spec.name, value=value)


def _check_collateral(values: Mapping[str, int]) -> None:
    """Refuse what ``configureReserveAsCollateral`` refuses."""
    ltv, threshold, bonus = (values[name] for name in _COLLATERAL)
    if ltv > threshold:
        message = f"The loan to value ({ltv}) is above the liquidation threshold ({threshold})."
        raise InputError(message, field="ltv", value=ltv)
    if threshold and (bonus <= 10_000 or (threshold * bonus + 5_000) // 10_000 > 10_000):
        message = f"A bonus of {bonus} does not leave a threshold of {threshold} able to pay for it."
        raise InputError(message, field="liquidation_bonus", value=bonus)
    if not threshold and bonus:
        message = "An asset that is no collateral (threshold 0) has bonus 0."
        raise InputError(message, field="liquidation_bonus", value=bonus)


PROTOCOL = AaveV3
