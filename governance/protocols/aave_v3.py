"""Aave v3 (contracts from 3.0 to 3.7): discovery, prices, risk parameters and how to change them.

Its events are in `governance.protocols.aave.logs`, which version a market has in `versions`, and where its prices come
from in `feeds`.

References
----------
Aave v3 core contracts 1.19 and Aave v3 origin: ``PoolAddressesProvider``, ``IPool``, ``IPoolConfigurator``,
``IAaveOracle`` and ``AaveProtocolDataProvider`` (reads).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, override

from governance.chain import abi
from governance.domain import events
from governance.domain.action import Call
from governance.domain.ledger import Ledger
from governance.errors import ChainError, GapInData, InputError
from governance.protocols.aave import feeds, logs, versions
from governance.protocols.aave.logs import COLLATERAL, LARGEST_BPS, LARGEST_CAP, address
from governance.protocols.aave.lore import Lore, Route
from governance.protocols.base import Check, ParameterSpec, Protocol, Read, ReserveFacts, Word
from governance.protocols.layout import shape
from governance.protocols.tokens import describe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from governance.chain.client import Client
    from governance.chain.store import LogRow
    from governance.domain.events import Event
    from governance.protocols import base

NOBODY = "0x" + "00" * 20

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
_TOTALS = "getReserveData(address)"
_STORED = _READS | {
    "frozen": (_CONFIGURATION, 9),
    "total_supply": (_TOTALS, 2),
    "total_stable_debt": (_TOTALS, 3),
    "total_variable_debt": (_TOTALS, 4),
    "liquidity_rate": (_TOTALS, 5),
    "variable_borrow_rate": (_TOTALS, 6),
    "stored_liquidity_index": (_TOTALS, 9),
    "stored_variable_borrow_index": (_TOTALS, 10),
}
_ACCOUNT_WORDS = {"collateral_base": 0, "debt_base": 1, "liquidation_threshold": 3, "ltv": 4, "health_factor": 5}
_HOLDING_WORDS = {"supplied": 0, "stable_debt": 3, "scaled_debt": 4, "used_as_collateral": 8}
_CAP_SETTERS = {"supply_cap": "setSupplyCap(address,uint256)", "borrow_cap": "setBorrowCap(address,uint256)"}


_LORE = (logs.SOURCE, logs.POOL_UPDATED, logs.UPGRADED)
_PRICE = shape(next(iter(logs.PRICE)))
_SHAPES = {each.topic: each for each in map(shape, _LORE)}
_SOURCE, _POOL_UPDATED, _UPGRADED = _SHAPES
_LORE_ROLES = {_SOURCE: "oracle", _POOL_UPDATED: "addresses_provider", _UPGRADED: "pool"}


class AaveV3(Protocol):
    """Aave v3 at the addresses that its addresses provider names."""

    slug: ClassVar[str] = "aave_v3"
    label: ClassVar[str] = "Aave v3"
    parameters: ClassVar[tuple[ParameterSpec, ...]] = PARAMETERS
    config_topics: ClassVar[frozenset[bytes]] = logs.topics(*logs.CONFIG, *_LORE)
    price_topics: ClassVar[frozenset[bytes]] = logs.topics(*logs.PRICE)
    price_words: ClassVar[Mapping[bytes, Word]] = dict.fromkeys(price_topics, Word(topic=1, signed=True, event=_PRICE))
    settled_topics: ClassVar[frozenset[bytes]] = logs.topics(logs.INTEREST)
    fact_topics: ClassVar[frozenset[bytes]] = config_topics | price_topics | logs.topics(*logs.LIQUIDATION)
    book_topics: ClassVar[frozenset[bytes]] = config_topics | price_topics | logs.topics(*logs.BALANCE)
    lore_topics: ClassVar[frozenset[bytes]] = logs.topics(*_LORE)

    def __init__(self, addresses: Mapping[str, str]) -> None:
        super().__init__(addresses)
        self._lore = Lore.of(addresses)
        self._heads = {addresses.get(role, "") for role in ("addresses_provider", *_ROLES)}

    @classmethod
    @override
    def discover(cls, client: Client, address: str, options: Mapping[str, str] | None = None) -> dict[str, str]:
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
        behind = versions.implementation(client, roles["pool"])
        version = versions.version_of(client, behind or roles["pool"])
        known = Lore(versions={behind: version} if behind else {})
        return {"addresses_provider": provider, **roles, **known.roles()}

    @override
    def watched(self, client: Client) -> tuple[str, ...]:
        answer = client.eth_call(Call(target=self.addresses["pool"], data=abi.encode("getReservesList()")))
        assets = abi.decode(("address[]",), answer)[0]
        found = {self.addresses[role] for role in ("addresses_provider", "pool", "configurator", "oracle")}
        tokens = [self._data_call("getReserveTokensAddresses(address)", asset) for asset in assets]
        for answer in client.eth_calls(tokens):
            found.update(abi.decode(("address",) * 3, answer))
        oracle, source = self.addresses["oracle"], "getSourceOfAsset(address)"
        for answer in client.eth_calls([Call(target=oracle, data=abi.encode(source, asset)) for asset in assets]):
            found.update(abi.decode(("address",), answer))
        return tuple(sorted((found | self._lore.aggregators) - {NOBODY}))

    @override
    def learn(self, client: Client, logs: Iterable[LogRow]) -> dict[str, str]:
        known, routes, asked = dict(self._lore.versions), dict(self._lore.routes), set(self._lore.asked)
        sources: dict[str, int] = {}
        for log in logs:
            if log.topic0 == _SOURCE and log.address == self.addresses["oracle"]:
                sources.setdefault(address(log.topic2), log.block_number)
            elif log.topic0 != _SOURCE and (behind := self._implementation(log)) and behind not in known:
                known[behind] = versions.version_of(client, behind)
        for source in sources.keys() - asked - {NOBODY}:
            if source in routes and feeds.current(client, source) == routes[source][-1].aggregator:
                continue
            found = feeds.routes(client, source, since=sources[source])
            if found == feeds.ASKED:
                asked.add(source)
            elif found != (Route(0, source),):  # one that publishes by itself needs no knowledge
                routes[source] = found
        return Lore(versions=known, routes=routes, asked=frozenset(asked)).roles()

    @override
    def reserve_facts(self, client: Client, assets: Sequence[str]) -> dict[str, ReserveFacts]:
        return describe(client, assets)

    @override
    def decode(self, log: LogRow) -> tuple[Event, ...]:
        known = logs.DECODERS.get(log.topic0)
        if known is not None:
            role, fits, decoder = known
            return decoder(log, fits.read(log)) if self._speaks(log.address, role) else ()
        if log.topic0 in _SHAPES and log.address == self.addresses[_LORE_ROLES[log.topic0]]:
            _SHAPES[log.topic0].read(log)
            return self._source(log) if log.topic0 == _SOURCE else self._version(log)
        return ()

    def _speaks(self, contract: str, role: str) -> bool:
        """Return whether an event of ``role`` is ``contract``'s to write; which tokens there are, the ledger knows."""
        if role == logs.ANYONE:
            return True
        if role == logs.TOKEN:
            return contract not in self._heads
        return contract == self.addresses[role]

    def _source(self, log: LogRow) -> tuple[Event, ...]:
        asset, source = address(log.topic1), address(log.topic2)
        routed = [
            events.FeedRouted(source, aggregator, since) for since, aggregator in self._lore.routes.get(source, ())
        ]
        return (*routed, events.FeedChosen(asset, source))  # in this order, so that the asset has a price at once

    def _version(self, log: LogRow) -> tuple[Event, ...]:
        behind = self._implementation(log)
        if behind not in self._lore.versions:
            message = (
                f"The pool got the implementation {behind} in block {log.block_number}, which was not asked yet for its"
                " version; run manage.py collect."
            )
            raise GapInData(message, implementation=behind, block=log.block_number)
        return (events.VersionReached(self._lore.versions[behind]),)

    def _implementation(self, log: LogRow) -> str:
        """Return the pool's implementation that a log names; empty when it speaks of another contract's."""
        if log.address != self.addresses[_LORE_ROLES[log.topic0]]:
            return ""
        return address(log.topic2 if log.topic0 == _POOL_UPDATED else log.topic1)

    @override
    def read(self, parameter: str, reserve: str) -> Read:
        signature, word = _READS[self.parameter(parameter).name]
        return Read(call=self._data_call(signature, reserve), word=word)

    @override
    def encode(self, *, reserve: str, before: Mapping[str, int], after: Mapping[str, int]) -> tuple[Call, ...]:
        for spec in PARAMETERS:
            spec.check(before)
            spec.check(after)
        calls = []
        if any(before[name] != after[name] for name in COLLATERAL):
            _check_collateral(after)
            signature = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
            calls.append(abi.encode(signature, reserve, *(after[name] for name in COLLATERAL)))
        for name, signature in _CAP_SETTERS.items():
            if before[name] != after[name]:
                calls.append(abi.encode(signature, reserve, after[name]))
        return tuple(Call(target=self.addresses["configurator"], data=data) for data in calls)

    @override
    def ledger(self) -> Ledger:
        return Ledger()

    @override
    def pinned(self, ledger: Any) -> tuple[Check, ...]:
        signature, oracle = "getAssetPrice(address)", self.addresses["oracle"]
        return tuple(
            Check(field=asset, call=Call(target=oracle, data=abi.encode(signature, asset)))
            for asset in ledger.priced
            if self._is_asked(ledger, asset)
        )

    @override
    def account_checks(self, account: str, fields: Collection[str]) -> tuple[Check, ...]:
        return tuple(self._account_check(account, field) for field in fields)

    def _account_check(self, account: str, field: str) -> Check:
        name, _, asset = field.partition(":")
        if asset:
            data = abi.encode("getUserReserveData(address,address)", asset, account)
            call = Call(target=self.addresses["data_provider"], data=data)
            return Check(field=field, call=call, word=_HOLDING_WORDS[name])
        view = "getUserEMode(address)" if name == "emode" else "getUserAccountData(address)"
        call = Call(target=self.addresses["pool"], data=abi.encode(view, account))
        return Check(field=field, call=call, word=_ACCOUNT_WORDS.get(name, 0))

    @override
    def reserve_checks(self, reserve: str, numbers: Mapping[str, int]) -> tuple[Check, ...]:
        found = ((field, *_STORED[field]) for field in numbers)
        return tuple(Check(field=field, call=self._data_call(view, reserve), word=word) for field, view, word in found)

    def _is_asked(self, ledger: base.Ledger, asset: str) -> bool:
        """Return whether no event tells the asset's price: its source computes it, or passed on others' unseen."""
        feed = ledger.feed(asset)
        return feed in self._lore.asked or (feed in self._lore.routes and not ledger.price(asset))

    def _data_call(self, signature: str, asset: str) -> Call:
        return Call(target=self.addresses["data_provider"], data=abi.encode(signature, asset))


def _check_collateral(values: Mapping[str, int]) -> None:
    """Refuse what ``configureReserveAsCollateral`` refuses."""
    ltv, threshold, bonus = (values[name] for name in COLLATERAL)
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
