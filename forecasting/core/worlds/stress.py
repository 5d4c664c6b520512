"""Named stresses and the numbers behind them.

The numbers are those of the stress table that crvUSDrisk published: volatility at the 99th
percentile of intraday volatility since 2020 and half as much again, drift at its 5th and 1st percentile, flash crashes
of 4 and 10 standard deviations, depegs, and debt over liquidity of 3.5, 5 and 10 where 2.36 was usual. The table has
ether and bitcoin. Others take ether's number times the root of the ratio of their variances, as prices tell it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forecasting.core.worlds.likeness import BITCOIN, ETHER, USD
from governance.errors import InputError

YEAR_HOURS = 8760
VOLATILITY = {"adverse": {"ETH": 2.446, "BTC": 1.878}, "severe": {"ETH": 3.669, "BTC": 2.817}}  # annual
DRIFT = {5: -24.7, 1: -47.0}  # of ether, log units a year
CRASH = {4: {"ETH": -0.0556, "BTC": -0.0435}, 10: {"ETH": -0.135, "BTC": -0.111}}
DEPEG = (20, 99)  # percent
LIQUIDITY = (3.5, 5.0, 10.0)  # debt over liquidity
NEUTRAL = 2.36
ALIKE = 0.85  # correlation of two assets where no prices tell it


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress:
    """A named stress.

    Attributes
    ----------
    name, title, what : str
    hours : int
        Unless told.
    base : {"filtered", "diffusion", "none"}
        What it is laid over.
    kind : {"filtered", "parametric"}
    target : bool
        Whether an asset must be named, as in ``depeg-20:stETH``.
    """

    name: str
    title: str
    what: str
    hours: int
    base: str
    kind: str
    target: bool = False


def _all() -> list[Stress]:
    found = []
    for name, word in (("adverse", "99th percentile since 2020"), ("severe", "half as much again")):
        numbers = VOLATILITY[name]
        found.append(
            Stress(
                name=f"volatility-{name}",
                title=f"Volatility, {name}",
                what=f"Prices diffuse with a volatility of {numbers['ETH']:.0%} a year for ether and"
                f" {numbers['BTC']:.0%} for bitcoin ({word}).",
                hours=24,
                base="diffusion",
                kind="parametric",
            )
        )
    for share, drift in DRIFT.items():
        found.append(
            Stress(
                name=f"drift-{share}",
                title=f"Drift, {share} % worst",
                what=f"Likely paths, and beneath them ether falls by {-drift / 365:.1%} a day (log), others in"
                " proportion to their volatility.",
                hours=24,
                base="filtered",
                kind="parametric",
            )
        )
    for sigmas, sizes in CRASH.items():
        size = f"ether loses {-sizes['ETH']:.1%}, bitcoin {-sizes['BTC']:.1%}, others in proportion"
        found += [
            Stress(
                name=f"flash-crash-{sigmas}",
                title=f"Flash crash, {sigmas} sigma",
                what=f"Within the first hour {size}; then prices stand still.",
                hours=24,
                base="none",
                kind="parametric",
            ),
            Stress(
                name=f"jump-{sigmas}",
                title=f"Jump of {sigmas} sigma",
                what=f"Likely paths, and in one random hour of each a joint jump in which {size} on average.",
                hours=168,
                base="filtered",
                kind="filtered",
            ),
        ]
    for percent in DEPEG:
        found.append(
            Stress(
                name=f"depeg-{percent}",
                title=f"Depeg, {percent} %",
                what=f"One pegged asset loses {percent} % within the first hour; nothing else moves.",
                hours=24,
                base="none",
                kind="parametric",
                target=True,
            )
        )
    for ratio in LIQUIDITY:
        found.append(
            Stress(
                name=f"liquidity-{ratio:g}",
                title=f"Debt over liquidity of {ratio:g}",
                what=f"Likely paths on markets that are {NEUTRAL / ratio:.0%} as deep as they are.",
                hours=168,
                base="filtered",
                kind="parametric",
            )
        )
    return found


STRESSES: Mapping[str, Stress] = {stress.name: stress for stress in _all()}


def anchor(asset: str) -> str:
    """Return the asset of the table that one is: ``ETH``, ``BTC``, or nothing."""
    names = {**dict.fromkeys(ETHER, "ETH"), **dict.fromkeys(BITCOIN, "BTC")}
    return names.get(asset.upper(), "")


def plain(asset: str) -> str:
    """Return an asset's name in capitals, that of ether or bitcoin for their wrapped forms."""
    return anchor(asset) or asset.upper()


def sized(assets: Sequence[str], numbers: Mapping[str, float], *, reach: Mapping[str, float]) -> dict[str, float]:
    """Return the table's number for each asset.

    Parameters
    ----------
    assets : sequence of str
    numbers : mapping
        For ``ETH``, and perhaps ``BTC``.
    reach : mapping of str to float
        Volatility over ether's of the assets that are not in the table, and of bitcoin where ``numbers`` has none.

    Raises
    ------
    InputError
        Naming the asset that is neither in the table nor measured.
    """
    found = {}
    for asset in assets:
        own = anchor(asset)
        if asset == USD:
            found[asset] = 0.0
        elif own in numbers:
            found[asset] = numbers[own]
        elif asset in reach:
            found[asset] = numbers["ETH"] * reach[asset]
        else:
            raise InputError(
                f"The stress table has ether and bitcoin, and no prices tell how {asset} compares with ether; import"
                f" both, or say --like {asset}=ETH.",
                field="like",
                value=asset,
            )
    return found


BITCOIN_REACH = VOLATILITY["adverse"]["BTC"] / VOLATILITY["adverse"]["ETH"]
