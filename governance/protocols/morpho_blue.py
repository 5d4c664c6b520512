"""Morpho Blue: one isolated market of one Morpho contract, known by its id.

References
----------
``@morpho-org/morpho-blue`` 1.0.0: ``IMorpho`` (reads and calls), ``EventsLib`` (events), ``IIrm.borrowRateView`` and
``IOracle.price``. Every event of a market carries its id as first topic after the signature; only those of this market
are decoded, and ``SetFeeRecipient``, which is of all markets. The contract has no view of balances with interest, nor
of health: both are computed here, and the stored shares and totals are what is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, override

from governance.chain import abi
from governance.domain import events
from governance.domain.action import Call
from governance.domain.morpho import (
    LARGEST_FEE,
    NOBODY,
    Borrowed,
    CollateralChanged,
    FeeRecipientSet,
    FeeSet,
    InterestAdded,
    MarketCreated,
    Seized,
    Supplied,
)
from governance.domain.morpho_ledger import Ledger
from governance.errors import ChainError, InputError
from governance.protocols.base import Check, ParameterSpec, Protocol, Read, ReserveFacts
from governance.protocols.layout import Layout, table
from governance.protocols.tokens import describe

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from governance.chain.client import Client
    from governance.chain.store import LogRow
    from governance.domain.statement import Statement

PARAMETERS = (
    ParameterSpec(
        name="fee",
        label="fee",
        unit="wad",
        minimum=0,
        maximum=LARGEST_FEE,
        help="Share of the interest that goes to the fee recipient instead of the suppliers, for the whole market.",
        shared=True,
    ),
)

_MARKET_PARAMS = "(address,address,address,address,uint256)"
_MARKET_STATE = "(uint128,uint128,uint128,uint128,uint128,uint128)"
_POSITION_WORDS = {"supply_shares": 0, "borrow_shares": 1, "collateral": 2}
_MARKET_WORDS = {
    "total_supply_assets": 0,
    "total_supply_shares": 1,
    "total_borrow_assets": 2,
    "total_borrow_shares": 3,
    "last_update": 4,
    "fee": 5,
}


def _created(_id: bytes, params: tuple[Any, ...]) -> tuple[Any, ...]:
    market = MarketCreated(*params)
    return (
        market,
        *(events.ReserveListed(asset, NOBODY, NOBODY, NOBODY) for asset in (market.loan, market.collateral)),
        events.FeedChosen(market.collateral, market.oracle),
    )


def _liquidated(_id: bytes, caller: str, borrower: str, *amounts: int) -> tuple[Any, ...]:
    repaid, repaid_shares, seized, bad, bad_shares = amounts
    return (
        Seized(borrower, repaid, repaid_shares, seized, bad, bad_shares),
        events.Liquidated(borrower, caller, "", "", repaid, seized),
    )


# What each event makes, given its topics and then its data; `MorphoBlue.decode` fills in what the market itself knows.
_LAYOUTS = {
    "config": (
        Layout(f"CreateMarket(bytes32 indexed,{_MARKET_PARAMS})", _created),
        Layout("SetFee(bytes32 indexed,uint256)", lambda _id, fee: (events.ParameterSet("", "fee", fee), FeeSet(fee))),
        Layout("SetFeeRecipient(address indexed)", lambda account: (FeeRecipientSet(account),)),
    ),
    "liquidation": (
        Layout(
            "Liquidate(bytes32 indexed,address indexed,address indexed,uint256,uint256,uint256,uint256,uint256)",
            _liquidated,
        ),
    ),
    "balance": (
        Layout(
            "AccrueInterest(bytes32 indexed,uint256,uint256,uint256)",
            lambda _id, _rate, interest, fee_shares: (InterestAdded(interest, fee_shares),),
        ),
        Layout(
            "Supply(bytes32 indexed,address indexed,address indexed,uint256,uint256)",
            lambda _id, _caller, account, assets, shares: (Supplied(account, assets, shares),),
        ),
        Layout(
            "Withdraw(bytes32 indexed,address,address indexed,address indexed,uint256,uint256)",
            lambda _id, account, _receiver, _caller, assets, shares: (Supplied(account, -assets, -shares),),
        ),
        Layout(
            "Borrow(bytes32 indexed,address,address indexed,address indexed,uint256,uint256)",
            lambda _id, account, _receiver, _caller, assets, shares: (Borrowed(account, assets, shares),),
        ),
        Layout(
            "Repay(bytes32 indexed,address indexed,address indexed,uint256,uint256)",
            lambda _id, _caller, account, assets, shares: (Borrowed(account, -assets, -shares),),
        ),
        Layout(
            "SupplyCollateral(bytes32 indexed,address indexed,address indexed,uint256)",
            lambda _id, _caller, account, amount: (CollateralChanged(account, amount),),
        ),
        Layout(
            "WithdrawCollateral(bytes32 indexed,address,address indexed,address indexed,uint256)",
            lambda _id, account, _receiver, _caller, amount: (CollateralChanged(account, -amount),),
        ),
    ),
}
_CONTRACT_WIDE = abi.topic("SetFeeRecipient(address)")


def _topics(*names: str) -> frozenset[bytes]:
    return frozenset(layout.topic for name in names for layout in _LAYOUTS[name])


class MorphoBlue(Protocol):
    """One market of the contract ``morpho``; the roles ``market`` and ``lltv`` hold numbers in hexadecimal."""

    slug: ClassVar[str] = "morpho_blue"
    label: ClassVar[str] = "Morpho Blue"
    parameters: ClassVar[tuple[ParameterSpec, ...]] = PARAMETERS
    config_topics: ClassVar[frozenset[bytes]] = _topics("config")
    price_topics: ClassVar[frozenset[bytes]] = frozenset()
    fact_topics: ClassVar[frozenset[bytes]] = _topics("config", "liquidation")
    book_topics: ClassVar[frozenset[bytes]] = _topics("config", "liquidation", "balance")
    _layouts: ClassVar[dict[bytes, Layout]] = table(layout for group in _LAYOUTS.values() for layout in group)

    @classmethod
    @override
    def discover(cls, client: Client, address: str, options: Mapping[str, str] | None = None) -> dict[str, str]:
        morpho, text = abi.checksum(address), (options or {}).get("market", "").lower()
        try:
            market = bytes.fromhex(text.removeprefix("0x"))
        except ValueError:
            market = b""
        if len(market) != abi.WORD:
            message = (
                f"A Morpho Blue market is named by its id, 64 hexadecimal digits: --role market=0x…, not {text!r}."
            )
            raise InputError(message, field="market", value=text)
        call = Call(target=morpho, data=abi.encode("idToMarketParams(bytes32)", market))
        try:
            loan, collateral, oracle, irm, lltv = abi.decode(("address",) * 4 + ("uint256",), client.eth_call(call))
        except ChainError as error:
            if error.retryable:
                raise
            message = f"{morpho} is not a Morpho Blue contract: {error.message}"
            raise InputError(message, field="address", value=morpho) from error
        if loan == NOBODY:
            message = f"The Morpho contract {morpho} has no market 0x{market.hex()}."
            raise InputError(message, field="market", value=text)
        roles = {"morpho": morpho, "market": f"0x{market.hex()}", "loan_token": loan, "collateral_token": collateral}
        return roles | {"oracle": oracle, "irm": irm, "lltv": hex(lltv)}

    @override
    def watched(self, client: Client) -> tuple[str, ...]:
        return (self.addresses["morpho"],)

    @override
    def reserve_facts(self, client: Client, assets: Sequence[str]) -> dict[str, ReserveFacts]:
        return describe(client, assets)

    @override
    def decode(self, log: LogRow) -> tuple[Any, ...]:
        layout = self._layouts.get(log.topic0)
        if layout is None or log.address != self.addresses["morpho"]:
            return ()
        if log.topic0 != _CONTRACT_WIDE and log.topic1 != self._id:
            return ()
        return tuple(self._named(event) for event in layout.read(log))

    @override
    def ledger(self) -> Ledger:
        return Ledger()

    @override
    def pinned(self, ledger: Any) -> tuple[Check, ...]:
        checks = [Check(field="price", call=Call(target=self.addresses["oracle"], data=abi.encode("price()")))]
        if self.addresses["irm"] != NOBODY:
            pots = ledger.pots
            state = (pots.supply_assets, pots.supply_shares, pots.borrow_assets, pots.borrow_shares)
            checks.append(self._rate((*state, pots.last_update, pots.fee)))
        return tuple(checks)

    def _rate(self, state: Sequence[int]) -> Check:
        """Return where the interest rate model says its rate for the market's stored totals, in their order."""
        data = abi.encode(f"borrowRateView({_MARKET_PARAMS},{_MARKET_STATE})", self._params(), tuple(state))
        return Check(field="rate", call=Call(target=self.addresses["irm"], data=data))

    def _params(self) -> tuple[object, ...]:
        roles = ("loan_token", "collateral_token", "oracle", "irm")
        return (*(self.addresses[role] for role in roles), int(self.addresses["lltv"], 16))

    @override
    def statement(self, book: Statement) -> Statement:
        return book

    @override
    def read(self, parameter: str, reserve: str) -> Read:
        return Read(call=self._market(), word=_MARKET_WORDS[self.parameter(parameter).name])

    @override
    def encode(self, *, reserve: str, before: Mapping[str, int], after: Mapping[str, int]) -> tuple[Call, ...]:
        for spec in PARAMETERS:
            spec.check(before)
            spec.check(after)
        if before["fee"] == after["fee"]:
            return ()  # the contract refuses to set the fee that it has
        data = abi.encode(f"setFee({_MARKET_PARAMS},uint256)", self._params(), after["fee"])
        return (Call(target=self.addresses["morpho"], data=data),)

    @override
    def account_checks(self, account: str, fields: Collection[str]) -> tuple[Check, ...]:
        call = Call(target=self.addresses["morpho"], data=abi.encode("position(bytes32,address)", self._id, account))
        return tuple(Check(field=field, call=call, word=_POSITION_WORDS[field]) for field in fields)

    @override
    def reserve_checks(self, reserve: str, numbers: Mapping[str, int]) -> tuple[Check, ...]:
        params = Call(target=self.addresses["morpho"], data=abi.encode("idToMarketParams(bytes32)", self._id))
        own = {
            "price": Check(field="price", call=Call(target=self.addresses["oracle"], data=abi.encode("price()"))),
            "lltv": Check(field="lltv", call=params, word=4),
        }
        own |= {name: Check(field=name, call=self._market(), word=word) for name, word in _MARKET_WORDS.items()}
        if "rate" in numbers:
            own["rate"] = self._rate([numbers[name] for name in _MARKET_WORDS])
        return tuple(own[field] for field in numbers)

    @property
    def _id(self) -> bytes:
        return int(self.addresses["market"], 16).to_bytes(abi.WORD, "big")

    def _market(self) -> Call:
        return Call(target=self.addresses["morpho"], data=abi.encode("market(bytes32)", self._id))

    def _named(self, event: Any) -> Any:  # noqa: ANN401 - events of the ledger and of all protocols
        """Return an event of all protocols with the market's own assets, which its log does not repeat."""
        if isinstance(event, events.ParameterSet):
            return event._replace(asset=self.addresses["loan_token"])
        if isinstance(event, events.Liquidated):
            return event._replace(collateral=self.addresses["collateral_token"], debt=self.addresses["loan_token"])
        return event


PROTOCOL = MorphoBlue
