"""A market of Compound III: its arithmetic, and what its logs say.

An account has one signed principal in the base token: above zero it earns, below zero it owes. Present values follow by
two indexes, which grow with the utilisation at every interaction ("accrual"). Collateral earns nothing.

References
----------
Compound III documentation and published interface: present values are truncated; a principal is rounded down for a
supplier and up for a borrower; rates are kinked, for a second, and truncated from those for a year when a version of
the market is made; factors keep four digits and supply caps whole tokens.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from governance.domain.units import WAD

INDEX_SCALE = 10**15
YEAR = 31_536_000  # seconds
FACTOR_STEP = 10**14  # four digits of a wad
_STEPS = 100  # by which a bound on the utilisation is widened until it holds

CURVE = ("kink", "slope_low", "slope_high", "base")
SIDES = ("supply", "borrow")
RATES = tuple(f"{side}_{part}" for side in SIDES for part in CURVE)
"""Names of the eight numbers of both rate curves, in the order of the market's terms."""
SHARED = ("store_front_price_factor", "target_reserves", "base_borrow_min")
FACTORS = ("borrow_collateral_factor", "liquidate_collateral_factor", "liquidation_factor")


class AssetTerms(NamedTuple):
    """A collateral as the next version of the market will have it: factors in wad, the cap in the smallest unit."""

    asset: str
    feed: str
    decimals: int
    borrow_collateral_factor: int
    liquidate_collateral_factor: int
    liquidation_factor: int
    supply_cap: int

    def kept(self) -> AssetTerms:
        """Return what a version of the market keeps of these terms."""
        kept = self.with_number("supply_cap", self.supply_cap - self.supply_cap % 10**self.decimals)
        for name in FACTORS:
            kept = kept.with_number(name, getattr(self, name) - getattr(self, name) % FACTOR_STEP)
        return kept

    def with_number(self, name: str, value: int) -> AssetTerms:
        """Return the same terms, but for one number."""
        return AssetTerms(**(self._asdict() | {name: value}))


class TermsSet(NamedTuple):
    """All terms of the next version: numbers by name, and its collaterals in order."""

    base: str
    base_feed: str
    numbers: tuple[tuple[str, int], ...]
    assets: tuple[AssetTerms, ...]


class TermSet(NamedTuple):
    """One number of the next version; ``asset`` is empty for one of the whole market."""

    asset: str
    name: str
    value: int


class FeedSet(NamedTuple):
    """The price feed of one asset in the next version; ``asset`` is empty for the base token."""

    asset: str
    feed: str


class AssetSet(NamedTuple):
    """A collateral of the next version, new or in place of its former terms."""

    terms: AssetTerms


class VersionMade(NamedTuple):
    """A version with the terms of this moment was made; it is not in force yet."""

    implementation: str


class VersionInstalled(NamedTuple):
    """The version at ``implementation`` is in force from now on."""

    implementation: str


class BaseSupplied(NamedTuple):
    """An account's balance grew by ``amount`` of the base token."""

    account: str
    amount: int


class BaseWithdrawn(NamedTuple):
    """An account's balance fell by ``amount`` of the base token, into debt if need be."""

    account: str
    amount: int


class BaseMoved(NamedTuple):
    """A supplier's part of a change, by its present value; ``account`` gained it (below zero: lost it)."""

    account: str
    amount: int


class CollateralMoved(NamedTuple):
    """Collateral changed hands; an empty sender or recipient is outside of the market."""

    asset: str
    sender: str
    recipient: str
    amount: int


class CollateralAbsorbed(NamedTuple):
    """The protocol took a bad position's collateral; ``value`` is in the feeds' currency with 8 decimals."""

    absorber: str
    account: str
    asset: str
    amount: int
    value: int


class DebtAbsorbed(NamedTuple):
    """The protocol paid a bad position's debt, and what its collateral was worth beyond that."""

    absorber: str
    account: str
    amount: int


def present(principal: int, *, supply_index: int, borrow_index: int) -> int:
    """Return what a signed principal is worth, truncated towards zero."""
    if principal >= 0:
        return principal * supply_index // INDEX_SCALE
    return -(-principal * borrow_index // INDEX_SCALE)


def principal_of(value: int, *, supply_index: int, borrow_index: int) -> int:
    """Return the principal of a signed present value: a supplier's is rounded down, a debt up."""
    if value >= 0:
        return value * INDEX_SCALE // supply_index
    return value * INDEX_SCALE // borrow_index  # of a negative number, the floor is the larger debt


def supplier_principal(value: int, supply_index: int) -> int:
    """Return the only principal whose truncated present value is ``value``.

    There is only one, because the index never falls below `INDEX_SCALE`: each unit of principal is worth at least one.
    """
    return -(-value * INDEX_SCALE // supply_index)


def exponential(exponent: int) -> int:
    """Return a bound (wad) on e to the power of ``exponent`` (wad, at most 10 counts): no less, and hardly more."""
    exponent, total, term = min(exponent, 10 * WAD), WAD, WAD
    for number in range(1, 60):
        term = -(-term * exponent // (number * WAD))
        total += term
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A version of the market: what it keeps of the terms that it was made with.

    Attributes
    ----------
    base, base_feed : str
    numbers : dict of str to int
        Rates for a second and kinks (wad), and the shared parameters.
    assets : dict of str to AssetTerms
        In order.
    """

    base: str
    base_feed: str
    numbers: dict[str, int]
    assets: dict[str, AssetTerms]

    @classmethod
    def made(cls, draft: TermsSet) -> Terms:
        """Return the version that is made with ``draft``."""
        numbers = dict(draft.numbers)
        for name in RATES:
            if not name.endswith("_kink"):
                numbers[name] //= YEAR
        return cls(
            base=draft.base,
            base_feed=draft.base_feed,
            numbers=numbers,
            assets={terms.asset: terms.kept() for terms in draft.assets},
        )

    def parameters(self, asset: str) -> dict[str, int]:
        """Return the parameters of an asset: its own, 0 where it is no collateral, and the shared ones."""
        own = self.assets.get(asset)
        values = {name: getattr(own, name) if own else 0 for name in (*FACTORS, "supply_cap")}
        return values | {name: self.numbers[name] for name in SHARED}

    def rate(self, side: str, utilisation: int) -> int:
        """Return the rate (wad a second) of ``side`` at ``utilisation`` (wad)."""
        kink, low, high, base = (self.numbers[f"{side}_{part}"] for part in CURVE)
        if utilisation <= kink:
            return base + low * utilisation // WAD
        return base + low * kink // WAD + high * (utilisation - kink) // WAD


@dataclass(slots=True)
class Totals:
    """The market's totals as stored, as of ``accrued_at`` (unix seconds; 0: nothing happened yet)."""

    supply_index: int = INDEX_SCALE
    borrow_index: int = INDEX_SCALE
    supply_principal: int = 0
    borrow_principal: int = 0
    accrued_at: int = 0

    def utilisation(self) -> int:
        """Return what is borrowed as a share (wad) of what is supplied, as of the last accrual."""
        supplied = self.supply_principal * self.supply_index // INDEX_SCALE
        borrowed = self.borrow_principal * self.borrow_index // INDEX_SCALE
        return borrowed * WAD // supplied if supplied else 0

    def indexes_at(self, timestamp: int, terms: Terms) -> tuple[int, int]:
        """Return both indexes with interest up to ``timestamp``."""
        seconds, use = timestamp - self.accrued_at, self.utilisation()
        supply = self.supply_index + self.supply_index * (terms.rate("supply", use) * seconds) // WAD
        borrow = self.borrow_index + self.borrow_index * (terms.rate("borrow", use) * seconds) // WAD
        return supply, borrow

    def most(self, timestamp: int, versions: Collection[Terms]) -> tuple[int, int]:
        """Return what both indexes can be at most at ``timestamp``, however often interest was accrued until then.

        ``versions`` are the terms in force meanwhile; principals did not change.
        """
        seconds, least = timestamp - self.accrued_at, self.utilisation() + 1

        def growth(side: str, use: int) -> int:
            return exponential(max(terms.rate(side, use) for terms in versions) * seconds)

        use = least
        for _ in range(_STEPS):
            reached = least * growth("borrow", use) // WAD + 1
            if reached <= use:
                break
            use = reached + reached // 100
        return self.supply_index * growth("supply", use) // WAD + 1, self.borrow_index * growth(
            "borrow", use
        ) // WAD + 1

    def worth(self, principal: int) -> int:
        """Return what a signed principal is worth as of the last accrual."""
        return present(principal, supply_index=self.supply_index, borrow_index=self.borrow_index)

    def principal(self, value: int) -> int:
        """Return the signed principal of a present value as of the last accrual."""
        return principal_of(value, supply_index=self.supply_index, borrow_index=self.borrow_index)
