"""What a local world is made of: its assets, its market, its DAO and the weather. Every parameter is stated here.

A world is a pure function of its `WorldSpec`: the same specification gives the same blocks, to the last hash.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

HOUR = 3_600
DAY = 86_400
FIRST_OF_2025 = 1_735_689_600  # Wednesday, 1 January 2025, 00:00 UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One asset and the reserve that holds it.

    Attributes
    ----------
    symbol, name, decimals
        Of the token.
    price : float
        US dollars at the start.
    volatility : float
        Annual standard deviation of log-returns in calm weather; 0 marks a stablecoin.
    beta : float
        Share of the asset's shocks that is the market's, -1 to 1.
    ltv, threshold, bonus : int
        Loan to value, liquidation threshold and 10_000 + liquidation bonus, in basis points.
    supply_cap, borrow_cap : int
        In whole tokens.
    reserve_factor : int
        Share of the interest that the protocol keeps, in basis points.
    optimal, slope1, slope2 : int
        Variable interest rate: utilisation at the kink and annual slopes before and after it, in basis points.
    """

    symbol: str
    name: str
    decimals: int
    price: float
    volatility: float
    beta: float
    ltv: int
    threshold: int
    bonus: int
    supply_cap: int
    borrow_cap: int
    reserve_factor: int
    optimal: int
    slope1: int
    slope2: int

    @property
    def stable(self) -> bool:
        """Whether the asset is meant to be worth one dollar."""
        return self.volatility == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """A stretch of weather: ``drift`` is the market's log-return over its ``days``, ``stress`` scales volatility."""

    name: str
    days: float
    drift: float
    stress: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DaoSpec:
    """The DAO: seconds of the vote's phases, and who holds the votes.

    Attributes
    ----------
    voting_delay, voting_period, late_extension, timelock_delay : int
        Seconds.
    supply : int
        Votes in whole tokens.
    threshold : int
        Whole tokens that a proposer needs.
    quorum_percent : int
        Share of all votes that must take part.
    holders : int
        Accounts that hold votes; the n-th holds a share proportional to 1/n.
    """

    voting_delay: int = DAY
    voting_period: int = 3 * DAY
    late_extension: int = DAY
    timelock_delay: int = DAY
    supply: int = 10_000_000
    threshold: int = 100_000
    quorum_percent: int = 4
    holders: int = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSpec:
    """A whole world.

    Attributes
    ----------
    name : str
        Shown to people.
    seed : int
        Every random draw comes from it.
    start : int
        Unix seconds of the genesis block.
    days : int
        Length of the history.
    accounts : int
        Accounts that lend or borrow.
    activity : float
        Mean number of accounts that act in an hour of calm weather.
    regimes : tuple of Regime
        The weather in order; after the last one the last goes on without drift.
    liquidator_gas_usd, liquidator_slippage : float
        What one liquidation costs: dollars, and the share of the repaid amount that is lost in selling the collateral.
    replay : tuple of rows
        Real prices, one row for each hour and one 8-decimal integer for each asset, instead of drawn ones. When they
        are used up, drawn returns continue from the last row.
    """

    name: str
    seed: int
    days: int
    accounts: int
    regimes: tuple[Regime, ...]
    start: int = FIRST_OF_2025
    activity: float = 0.8
    liquidator_gas_usd: float = 12.0
    liquidator_slippage: float = 0.004
    assets: tuple[Asset, ...] = field(default=())
    dao: DaoSpec = field(default_factory=DaoSpec)
    replay: tuple[tuple[int, ...], ...] = field(default=())

    @property
    def hours(self) -> int:
        """Length of the history in hours."""
        return self.days * 24

    def as_dict(self) -> dict[str, Any]:
        """Return the specification as JSON-ready data; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> WorldSpec:
        """Return the specification that `as_dict` wrote."""
        parts = dict(data)
        parts["assets"] = tuple(Asset(**asset) for asset in parts["assets"])
        parts["regimes"] = tuple(Regime(**regime) for regime in parts["regimes"])
        parts["dao"] = DaoSpec(**parts["dao"])
        parts["replay"] = tuple(tuple(row) for row in parts["replay"])
        return cls(**parts)

    @property
    def spec_hash(self) -> str:
        """SHA-256 of the canonical JSON of the specification, in hexadecimal."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


WETH = Asset(
    symbol="WETH", name="Wrapped Ether", decimals=18, price=3_340.0, volatility=0.62, beta=0.9,
    ltv=7_750, threshold=8_000, bonus=10_500, supply_cap=12_000, borrow_cap=2_500,
    reserve_factor=1_500, optimal=8_000, slope1=330, slope2=8_000,
)  # fmt: skip
WBTC = Asset(
    symbol="WBTC", name="Wrapped Bitcoin", decimals=8, price=94_600.0, volatility=0.48, beta=0.85,
    ltv=7_000, threshold=7_500, bonus=10_650, supply_cap=200, borrow_cap=40,
    reserve_factor=2_000, optimal=4_500, slope1=400, slope2=30_000,
)  # fmt: skip
TIDE = Asset(
    symbol="TIDE", name="Tide Protocol", decimals=18, price=14.2, volatility=0.95, beta=0.7,
    ltv=5_500, threshold=6_500, bonus=11_000, supply_cap=400_000, borrow_cap=90_000,
    reserve_factor=2_000, optimal=4_500, slope1=700, slope2=30_000,
)  # fmt: skip
USDC = Asset(
    symbol="USDC", name="USD Coin", decimals=6, price=1.0, volatility=0.0, beta=0.0,
    ltv=7_700, threshold=8_000, bonus=10_450, supply_cap=24_000_000, borrow_cap=21_000_000,
    reserve_factor=1_000, optimal=9_000, slope1=550, slope2=6_000,
)  # fmt: skip
DAI = Asset(
    symbol="DAI", name="Dai Stablecoin", decimals=18, price=1.0, volatility=0.0, beta=0.0,
    ltv=7_500, threshold=7_800, bonus=10_500, supply_cap=20_000_000, borrow_cap=15_000_000,
    reserve_factor=1_000, optimal=9_000, slope1=550, slope2=7_500,
)  # fmt: skip
ASSETS = (WETH, WBTC, TIDE, USDC, DAI)

YEAR = WorldSpec(
    name="year",
    seed=20_25,
    days=365,
    accounts=300,
    assets=ASSETS,
    regimes=(
        Regime(name="calm", days=185, drift=0.15, stress=0.9),
        Regime(name="unrest", days=20, drift=-0.08, stress=1.4),
        Regime(name="crash", days=4, drift=-0.45, stress=2.8),
        Regime(name="aftermath", days=24, drift=-0.06, stress=1.7),
        Regime(name="recovery", days=80, drift=0.38, stress=1.1),
        Regime(name="calm again", days=52, drift=0.04, stress=0.95),
    ),
)
TEST = WorldSpec(
    name="test",
    seed=7,
    days=60,
    accounts=48,
    activity=0.5,
    assets=ASSETS,
    regimes=(
        Regime(name="calm", days=30, drift=0.05, stress=0.9),
        Regime(name="crash", days=3, drift=-0.45, stress=2.5),
        Regime(name="recovery", days=27, drift=0.2, stress=1.1),
    ),
)
PRESETS = {spec.name: spec for spec in (YEAR, TEST)}
