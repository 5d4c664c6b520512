"""What changed in Aave v3 from one version to the next, as far as a book's numbers depend on it.

A market is upgraded in place, so one history runs through several versions. Whatever differs between them is a field
of `Rules`; everything else computes by those fields and never asks for a version.

References
----------
Release notes and sources of Aave v3 origin: 3.2 ("Liquid eModes", stable debt removed), 3.4 (``MathUtils``), 3.5
("Rounding improvements": ``TokenMath``, ``GenericLogic``), 3.6 ("eMode improvements"), 3.7 ("Isolated eMode").
"""

from __future__ import annotations

from dataclasses import dataclass

from governance.domain.units import RAY, ray_div, ray_mul
from governance.errors import ImplausibleData, InputError

OLDEST = "3.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How one version counts.

    Attributes
    ----------
    version : str
        E.g. ``"3.5"``.
    liquid_emodes : bool
        Since 3.2: an efficiency mode lists its assets (before: an asset names its mode), and has no price of its own.
    nested_interest : bool
        Since 3.4: compound interest is a nested polynomial of ``rate * seconds / year`` (before: a binomial series).
    directed : bool
        Since 3.5: every rounding favours the protocol, supply down and debt up (before: half up).
    decoupled_emodes : bool
        Since 3.6: inside of its mode, an asset's own LTV, threshold and flags no longer matter.
    """

    version: str
    liquid_emodes: bool = False
    nested_interest: bool = False
    directed: bool = False
    decoupled_emodes: bool = False

    def balance(self, scaled: int, index: int, *, debt: bool) -> int:
        """Return the balance with interest of a ``scaled`` one, in the token's smallest unit, at ``index`` (ray)."""
        if not self.directed:
            return ray_mul(scaled, index)
        return -(-scaled * index // RAY) if debt else scaled * index // RAY

    def scaled_after(self, scaled: int, change: int, index: int, *, debt: bool) -> int:
        """Return the scaled balance after the one with interest changed by ``change`` at ``index``.

        Half up, the token divided the requested amount by the index and rounded. Directed, it was given a scaled
        amount, and its events report by how much the balance *with* interest changed; since an index is never below
        one, at most one scaled balance has that balance with interest.

        Raises
        ------
        ImplausibleData
            When no scaled balance can have changed so: an earlier log is missing, or this one is false.
        """
        if index < RAY:
            raise ImplausibleData(f"An index of {index} is below one; indexes only grow.", index=index)
        if not self.directed:
            moved = ray_div(abs(change), index)
            return scaled + moved if change > 0 else scaled - moved
        target = self.balance(scaled, index, debt=debt) + change
        found = target * RAY // index if debt else -(-target * RAY // index)
        if self.balance(found, index, debt=debt) != target:
            message = f"No scaled balance is worth {target} at the index {index}: logs are missing or false."
            raise ImplausibleData(message, balance=target, index=index)
        return found


_ALL = (
    Rules(version="3.0"),
    Rules(version="3.1"),
    Rules(version="3.2", liquid_emodes=True),
    Rules(version="3.3", liquid_emodes=True),
    Rules(version="3.4", liquid_emodes=True, nested_interest=True),
    Rules(version="3.5", liquid_emodes=True, nested_interest=True, directed=True),
    Rules(version="3.6", liquid_emodes=True, nested_interest=True, directed=True, decoupled_emodes=True),
    Rules(version="3.7", liquid_emodes=True, nested_interest=True, directed=True, decoupled_emodes=True),
)
RULES = {rules.version: rules for rules in _ALL}
VERSIONS = tuple(RULES)


def rules_of(version: str) -> Rules:
    """Return the rules of ``version``.

    Raises
    ------
    InputError
        When we do not know that version.
    """
    if version not in RULES:
        message = f"There is no Aave v3 version {version!r} that we know; there are {', '.join(VERSIONS)}."
        raise InputError(message, field="version", value=version)
    return RULES[version]
