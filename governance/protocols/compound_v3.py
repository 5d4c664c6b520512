"""Compound III: one market ("Comet") behind its proxy, with the configurator that makes its next version.

A setter of the configurator changes nothing by itself: the terms count once ``CometProxyAdmin.deployAndUpgradeTo`` has
made a version of them and put it in place. So every change is two kinds of calls, and what is read back is the market's
own view. Events of the configurator only prepare; ``Upgraded`` of the market's proxy is when they come true.

What is proven. The contracts are in no package that could be compiled for tests, and their licence forbids a copy. This
plugin and `governance.domain.comet_ledger` follow the published interface, events and accounting rules; they are tested
against a contract of our own that keeps the same rules, written from the same facts. The real bytecode was never run.

References
----------
Compound III documentation and interfaces (``CometInterface``, ``Configurator``, ``CometProxyAdmin``); EIP-1967.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, override

from governance.chain import abi
from governance.domain import events
from governance.domain.action import Call
from governance.domain.comet import FACTOR_STEP, FACTORS, SHARED
from governance.domain.comet_ledger import TOTALS, Ledger
from governance.domain.units import WAD
from governance.errors import ChainError, InputError
from governance.protocols import comet_events
from governance.protocols.base import Check, ParameterSpec, Protocol, Read, ReserveFacts, Word
from governance.protocols.tokens import describe

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from governance.chain.client import Client
    from governance.chain.store import LogRow
    from governance.domain.statement import Statement

NOBODY = "0x" + "00" * 20
ADMIN_SLOT = "0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103"  # EIP-1967


def _factor(name: str, label: str, text: str) -> ParameterSpec:
    return ParameterSpec(name=name, label=label, unit="wad", minimum=0, maximum=WAD, help=text, step=FACTOR_STEP)


PARAMETERS = (
    _factor(
        "borrow_collateral_factor",
        "borrow collateral factor",
        "Share of a collateral's value that can be borrowed; below the liquidate collateral factor.",
    ),
    _factor(
        "liquidate_collateral_factor",
        "liquidate collateral factor",
        "Share of a collateral's value that may be owed before the position can be absorbed.",
    ),
    _factor(
        "liquidation_factor",
        "liquidation factor",
        "Share of a collateral's value that an absorbed account is credited; the rest is its penalty.",
    ),
    ParameterSpec(
        name="supply_cap",
        label="supply cap",
        unit="units",
        minimum=0,
        maximum=2**128 - 1,
        help="Most of a collateral that can be supplied in all, in its smallest unit; kept in whole tokens.",
    ),
    ParameterSpec(
        name="store_front_price_factor",
        label="store front price factor",
        unit="wad",
        minimum=0,
        maximum=WAD,
        help="Share of the liquidation penalty that buyers of absorbed collateral get off, for the whole market.",
        shared=True,
    ),
    ParameterSpec(
        name="target_reserves",
        label="target reserves",
        unit="units",
        minimum=0,
        maximum=2**104 - 1,
        help="Reserves of the base token, in its smallest unit, from which absorbed collateral is no longer for sale.",
        shared=True,
    ),
    ParameterSpec(
        name="base_borrow_min",
        label="smallest borrow",
        unit="units",
        minimum=0,
        maximum=2**104 - 1,
        help="Least that an account may owe, in the base token's smallest unit, for the whole market.",
        shared=True,
    ),
)

_SETTERS = {
    "borrow_collateral_factor": "updateAssetBorrowCollateralFactor(address,address,uint64)",
    "liquidate_collateral_factor": "updateAssetLiquidateCollateralFactor(address,address,uint64)",
    "liquidation_factor": "updateAssetLiquidationFactor(address,address,uint64)",
    "supply_cap": "updateAssetSupplyCap(address,address,uint128)",
    "store_front_price_factor": "setStoreFrontPriceFactor(address,uint64)",
    "target_reserves": "setTargetReserves(address,uint104)",
    "base_borrow_min": "setBaseBorrowMin(address,uint104)",
}
_ASSET_INFO = "getAssetInfoByAddress(address)"
_ASSET_WORDS = dict(zip((*FACTORS, "supply_cap"), (4, 5, 6, 7), strict=True))
_VIEWS = {
    "store_front_price_factor": "storeFrontPriceFactor()",
    "target_reserves": "targetReserves()",
    "base_borrow_min": "baseBorrowMin()",
    "total_supply": "totalSupply()",
    "total_borrow": "totalBorrow()",
    "supply_kink": "supplyKink()",
    "borrow_kink": "borrowKink()",
    **{
        f"{side}_{part}": f"{side}PerSecondInterestRate{name}()"
        for side in ("supply", "borrow")
        for part, name in (("slope_low", "SlopeLow"), ("slope_high", "SlopeHigh"), ("base", "Base"))
    },
}
_TOTALS_WORDS = dict(zip(TOTALS, (0, 1, 4, 5, 6), strict=True))
_STORED = {"stored_supply_index": "supply_index", "stored_borrow_index": "borrow_index"}
_ACCOUNT_VIEWS = {
    "principal": "userBasic(address)",
    "balance": "balanceOf(address)",
    "borrow_balance": "borrowBalanceOf(address)",
    "liquidatable": "isLiquidatable(address)",
}


class CompoundV3(Protocol):
    """A market at the proxy ``comet``."""

    slug: ClassVar[str] = "compound_v3"
    label: ClassVar[str] = "Compound III"
    parameters: ClassVar[tuple[ParameterSpec, ...]] = PARAMETERS
    config_topics: ClassVar[frozenset[bytes]] = frozenset(comet_events.CONFIG)
    price_topics: ClassVar[frozenset[bytes]] = frozenset(comet_events.PRICE)
    fact_topics: ClassVar[frozenset[bytes]] = config_topics | price_topics | frozenset(comet_events.LIQUIDATION)
    book_topics: ClassVar[frozenset[bytes]] = fact_topics | frozenset(comet_events.BALANCE)
    price_words: ClassVar[Mapping[bytes, Word]] = {
        topic: Word(topic=1, signed=True, event=layout.shape) for topic, layout in comet_events.PRICE.items()
    }
    anchored_topics: ClassVar[frozenset[bytes]] = comet_events.ACCRUING

    @classmethod
    @override
    def discover(cls, client: Client, address: str, options: Mapping[str, str] | None = None) -> dict[str, str]:
        comet, given = abi.checksum(address), (options or {}).get("configurator", "")
        if not given:
            message = "A Compound III market does not know its configurator: give --role configurator=0x…."
            raise InputError(message, field="configurator", value="")
        configurator = abi.checksum(given)
        calls = [
            Call(target=comet, data=abi.encode("baseToken()")),
            Call(target=configurator, data=abi.encode("getConfiguration(address)", comet)),
        ]
        try:
            base, configured = client.eth_calls(calls)
            (token,) = abi.decode(("address",), base)
            terms = abi.decode((comet_events.TERMS,), configured)[0]
        except ChainError as error:
            if error.retryable:
                raise
            message = f"{comet} is not a Compound III market of the configurator {configurator}: {error.message}"
            raise InputError(message, field="address", value=comet) from error
        if terms[2] != token:
            message = f"The configurator {configurator} does not configure {comet}."
            raise InputError(message, field="configurator", value=configurator)
        admin = str(client.call("eth_getStorageAt", [comet, ADMIN_SLOT, "latest"]))
        roles = {"comet": comet, "configurator": configurator, "base_token": token}
        return roles | {"proxy_admin": abi.checksum(bytes.fromhex(admin[2:].zfill(64))[12:])}

    @override
    def watched(self, client: Client) -> tuple[str, ...]:
        comet = self.addresses["comet"]
        feed, count = client.eth_calls(
            [Call(target=comet, data=abi.encode(view)) for view in ("baseTokenPriceFeed()", "numAssets()")]
        )
        infos = [abi.encode("getAssetInfo(uint8)", i) for i in range(abi.decode(("uint8",), count)[0])]
        feeds = [abi.decode(("address",), feed)[0]]
        answers = client.eth_calls([Call(target=comet, data=data) for data in infos])
        feeds += [abi.decode(("uint8", "address", "address"), answer)[2] for answer in answers]
        return tuple(sorted({comet, self.addresses["configurator"], *feeds} - {NOBODY}))

    @override
    def reserve_facts(self, client: Client, assets: Sequence[str]) -> dict[str, ReserveFacts]:
        return describe(client, assets)

    @override
    def decode(self, log: LogRow) -> tuple[Any, ...]:
        if (feed := comet_events.PRICE.get(log.topic0)) is not None:
            return tuple(events.PricePublished(log.address, answer) for answer in feed.read(log))
        if log.address == self.addresses["comet"]:
            layout = comet_events.MARKET.get(log.topic0)
        else:  # one configurator may serve many markets
            ours = log.topic1 == bytes(12) + bytes.fromhex(self.addresses["comet"][2:])
            layout = comet_events.STAGING.get(log.topic0) if ours else None
        return () if layout is None else tuple(self._named(event) for event in layout.read(log))

    @override
    def ledger(self) -> Ledger:
        return Ledger()

    @override
    def expand(self, ledger: Any, event: Any) -> tuple[Any, ...]:
        found: tuple[Any, ...] = ledger.expand(event)
        return found

    @override
    def pinned(self, ledger: Any) -> tuple[Check, ...]:
        feeds = sorted({ledger.feed(asset) for asset in ledger.reserves} - {""})
        return (*self.anchors(), *(Check(field=f"price:{feed}", call=self._price(feed)) for feed in feeds))

    @override
    def strayed(self, ledger: Any, words: Mapping[str, int]) -> bool:
        return bool(ledger.strayed(words))

    @override
    def untold(self, ledger: Any, words: Mapping[str, int]) -> tuple[Check, ...]:
        if not ledger.untold(words):
            return ()
        view = _ACCOUNT_VIEWS["principal"]
        return tuple(
            Check(field=f"principal:{account}", call=self._view(view, account), signed=True)
            for account in sorted(ledger.principals)
        )

    @override
    def anchors(self) -> tuple[Check, ...]:
        call = self._view("totalsBasic()")
        return tuple(Check(field=name, call=call, word=word) for name, word in _TOTALS_WORDS.items())

    @override
    def statement(self, book: Statement) -> Statement:
        return book

    @override
    def read(self, parameter: str, reserve: str) -> Read:
        name = self.parameter(parameter).name
        if name in SHARED:
            return Read(call=self._view(_VIEWS[name]), word=0)
        return Read(call=self._view(_ASSET_INFO, reserve), word=_ASSET_WORDS[name])

    @override
    def encode(self, *, reserve: str, before: Mapping[str, int], after: Mapping[str, int]) -> tuple[Call, ...]:
        """Return the setters of what changes, then the one call by which they come true.

        Raises
        ------
        InputError
            When a value is missing or outside of what the contract accepts.
        """
        changed = [spec.name for spec in PARAMETERS if spec.check(before) != spec.check(after)]
        if not changed:
            return ()
        _check_factors(changed, after)
        comet, configurator = self.addresses["comet"], self.addresses["configurator"]
        calls = []
        for name in changed:
            whose = (comet,) if name in SHARED else (comet, reserve)
            calls.append(Call(target=configurator, data=abi.encode(_SETTERS[name], *whose, after[name])))
        upgrade = abi.encode("deployAndUpgradeTo(address,address)", configurator, comet)
        return (*calls, Call(target=self.addresses["proxy_admin"], data=upgrade))

    @override
    def account_checks(self, account: str, fields: Collection[str]) -> tuple[Check, ...]:
        checks = []
        for field in fields:
            view, _, asset = field.partition(":")
            if asset:
                call = self._view("userCollateral(address,address)", account, asset)
            else:
                call = self._view(_ACCOUNT_VIEWS[view], account)
            checks.append(Check(field=field, call=call, signed=field == "principal"))
        return tuple(checks)

    @override
    def reserve_checks(self, reserve: str, numbers: Mapping[str, int]) -> tuple[Check, ...]:
        found = [self._reserve_check(reserve, field) for field in numbers if field != "price"]
        if "price" in numbers:
            found.append(Check(field="price", call=self._price(abi.checksum(numbers["price_feed"].to_bytes(20)))))
        return tuple(check for check in found if check is not None)

    def _reserve_check(self, reserve: str, field: str) -> Check | None:
        """Return where the market says a number of a reserve; None for a base token's factors, which it has not."""
        stored = _STORED.get(field, field)
        if stored in _TOTALS_WORDS:
            return Check(field=field, call=self._view("totalsBasic()"), word=_TOTALS_WORDS[stored])
        if field in _VIEWS:
            return Check(field=field, call=self._view(_VIEWS[field]))
        if field == "price_feed":
            own = reserve != self.addresses["base_token"]
            call = self._view(_ASSET_INFO, reserve) if own else self._view("baseTokenPriceFeed()")
            return Check(field=field, call=call, word=2 if own else 0)
        if field == "total_collateral":
            return Check(field=field, call=self._view("totalsCollateral(address)", reserve))
        if field in _ASSET_WORDS and reserve != self.addresses["base_token"]:
            return Check(field=field, call=self._view(_ASSET_INFO, reserve), word=_ASSET_WORDS[field])
        return None

    def _view(self, signature: str, *args: object) -> Call:
        return Call(target=self.addresses["comet"], data=abi.encode(signature, *args))

    def _named(self, event: Any) -> Any:  # noqa: ANN401 - events of the ledger and of all protocols
        """Return a liquidation with the base token, which no log names."""
        if isinstance(event, events.Liquidated):
            base = self.addresses["base_token"]
            return event._replace(collateral=event.collateral or base, debt=base)
        return event

    def _price(self, feed: str) -> Call:
        return self._view("getPrice(address)", feed)


def _check_factors(changed: Collection[str], after: Mapping[str, int]) -> None:
    """Refuse what the making of a version refuses."""
    if not {"borrow_collateral_factor", "liquidate_collateral_factor"} & set(changed):
        return
    borrow, liquidate = after["borrow_collateral_factor"], after["liquidate_collateral_factor"]
    if borrow >= liquidate:
        message = (
            f"The borrow collateral factor ({borrow}) must be below the liquidate collateral factor ({liquidate})."
        )
        raise InputError(message, field="borrow_collateral_factor", value=borrow)


PROTOCOL = CompoundV3
