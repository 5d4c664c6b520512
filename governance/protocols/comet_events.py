"""What the logs of a Compound III market, of its configurator and of its price feeds say.

Tables of first topic -> `Layout`: ``MARKET`` (balances, absorption, upgrades), ``STAGING`` (terms of the next version),
``PRICE``. Pauses, purchases of collateral, withdrawals of reserves and rewards change no account's balance.
"""

from __future__ import annotations

from typing import Any

from governance.domain import comet, events
from governance.domain.comet import AssetTerms, TermsSet
from governance.protocols.layout import Layout, table

ASSET = "(address,address,uint8,uint64,uint64,uint64,uint128)"
TERMS = (
    "(address,address,address,address,address,uint64,uint64,uint64,uint64,uint64,uint64,uint64,uint64,uint64,uint64,"
    f"uint64,uint64,uint104,uint104,uint104,{ASSET}[])"
)
NOWHERE = "0x" + "00" * 20

# Names of the words of TERMS after its five addresses; those that no book depends on are left empty.
_NUMBERS = (*comet.RATES, "store_front_price_factor", "", "", "", "", "base_borrow_min", "target_reserves")
_RATE_EVENTS = {
    "Kink": "kink",
    "PerYearInterestRateSlopeLow": "slope_low",
    "PerYearInterestRateSlopeHigh": "slope_high",
    "PerYearInterestRateBase": "base",
}
_NUMBER_EVENTS = {
    **{
        f"Set{side.capitalize()}{said}(address indexed,uint64,uint64)": f"{side}_{part}"
        for side in comet.SIDES
        for said, part in _RATE_EVENTS.items()
    },
    "SetStoreFrontPriceFactor(address indexed,uint64,uint64)": "store_front_price_factor",
    "SetBaseBorrowMin(address indexed,uint104,uint104)": "base_borrow_min",
    "SetTargetReserves(address indexed,uint104,uint104)": "target_reserves",
}
_ASSET_EVENTS = {
    "UpdateAssetBorrowCollateralFactor(address indexed,address indexed,uint64,uint64)": "borrow_collateral_factor",
    "UpdateAssetLiquidateCollateralFactor(address indexed,address indexed,uint64,uint64)": (
        "liquidate_collateral_factor"
    ),
    "UpdateAssetLiquidationFactor(address indexed,address indexed,uint64,uint64)": "liquidation_factor",
    "UpdateAssetSupplyCap(address indexed,address indexed,uint128,uint128)": "supply_cap",
}


def _terms(_comet: str, _old: Any, new: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ANN401 - decoded terms
    numbers = tuple((name, value) for name, value in zip(_NUMBERS, new[5:20], strict=True) if name)
    return (TermsSet(new[2], new[3], numbers, tuple(AssetTerms(*terms) for terms in new[20])),)


def _number(signature: str, name: str) -> Layout:
    return Layout(signature, lambda _comet, _old, new: (comet.TermSet("", name, new),))


def _asset_number(signature: str, name: str) -> Layout:
    return Layout(signature, lambda _comet, asset, _old, new: (comet.TermSet(asset, name, new),))


def _moved(sender: str, recipient: str, amount: int) -> tuple[Any, ...]:
    """Return a supplier's part: the market says it as a transfer to or from nobody."""
    if sender == NOWHERE:
        return (comet.BaseMoved(recipient, amount),)
    return (comet.BaseMoved(sender, -amount),)


def _absorbed(absorber: str, account: str, asset: str, amount: int, value: int) -> tuple[Any, ...]:
    """Return a collateral that was taken; the debt that it paid for is another log's (`_paid`), so it counts 0 here."""
    return (
        comet.CollateralAbsorbed(absorber, account, asset, amount, value),
        events.Liquidated(account, absorber, asset, BASE, 0, amount),
    )


def _paid(absorber: str, account: str, amount: int, _value: int) -> tuple[Any, ...]:
    return comet.DebtAbsorbed(absorber, account, amount), events.Liquidated(account, absorber, BASE, BASE, amount, 0)


BASE = ""  # stands for the base token, which no log names; the plugin fills it in

_INSTALLED = Layout("Upgraded(address indexed)", lambda made: (comet.VersionInstalled(made),))
_BALANCES = (
    Layout(
        "Supply(address indexed,address indexed,uint256)", lambda _from, dst, amount: (comet.BaseSupplied(dst, amount),)
    ),
    Layout(
        "Withdraw(address indexed,address indexed,uint256)",
        lambda src, _to, amount: (comet.BaseWithdrawn(src, amount),),
    ),
    Layout("Transfer(address indexed,address indexed,uint256)", _moved),
    Layout(
        "SupplyCollateral(address indexed,address indexed,address indexed,uint256)",
        lambda _from, dst, asset, amount: (comet.CollateralMoved(asset, "", dst, amount),),
    ),
    Layout(
        "WithdrawCollateral(address indexed,address indexed,address indexed,uint256)",
        lambda src, _to, asset, amount: (comet.CollateralMoved(asset, src, "", amount),),
    ),
    Layout(
        "TransferCollateral(address indexed,address indexed,address indexed,uint256)",
        lambda src, dst, asset, amount: (comet.CollateralMoved(asset, src, dst, amount),),
    ),
)
_ABSORPTIONS = (
    Layout("AbsorbDebt(address indexed,address indexed,uint256,uint256)", _paid),
    Layout("AbsorbCollateral(address indexed,address indexed,address indexed,uint256,uint256)", _absorbed),
)

STAGING = table(
    (
        Layout(f"SetConfiguration(address indexed,{TERMS},{TERMS})", _terms),
        Layout(f"AddAsset(address indexed,{ASSET})", lambda _comet, new: (comet.AssetSet(AssetTerms(*new)),)),
        Layout(
            f"UpdateAsset(address indexed,{ASSET},{ASSET})",
            lambda _comet, _old, new: (comet.AssetSet(AssetTerms(*new)),),
        ),
        Layout(
            "UpdateAssetPriceFeed(address indexed,address indexed,address,address)",
            lambda _comet, asset, _old, new: (comet.FeedSet(asset, new),),
        ),
        Layout(
            "SetBaseTokenPriceFeed(address indexed,address indexed,address indexed)",
            lambda _comet, _old, new: (comet.FeedSet("", new),),
        ),
        Layout("CometDeployed(address indexed,address indexed)", lambda _comet, made: (comet.VersionMade(made),)),
        *(_number(signature, name) for signature, name in _NUMBER_EVENTS.items()),
        *(_asset_number(signature, name) for signature, name in _ASSET_EVENTS.items()),
    )
)
CONFIG = {**STAGING, _INSTALLED.topic: _INSTALLED}
BALANCE = table(_BALANCES)
LIQUIDATION = table(_ABSORPTIONS)
MARKET = {**BALANCE, **LIQUIDATION, _INSTALLED.topic: _INSTALLED}
ACCRUING = frozenset(layout.topic for layout in (*_BALANCES[:3], _ABSORPTIONS[0]))
PRICE = table((Layout("AnswerUpdated(int256 indexed,uint256 indexed,uint256)", lambda answer, _round, _at: (answer,)),))
