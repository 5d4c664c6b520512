"""What a guardrail is, and what it may look at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from proposals.core.change import Change
from proposals.core.finding import Finding, Level
from proposals.core.policy import PolicyBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One indebted account that uses the reserve as collateral; values in USD with 8 decimals.

    Attributes
    ----------
    account : str
        Its address.
    in_reserve : int
        Value of its collateral in this reserve.
    collateral : int
        Value of all its collateral.
    threshold : int
        Its average liquidation threshold in basis points, truncated as the contract does.
    debt : int
        Its whole debt.
    """

    account: str
    in_reserve: int
    collateral: int
    threshold: int
    debt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A change of one reserve, with all that the guardrails need to judge it.

    Attributes
    ----------
    symbol : str
        The reserve.
    current, proposed : Mapping
        Value of every parameter, as on chain.
    changes : tuple of Change
        Where the two differ.
    policy : PolicyBody
        The limits.
    supplied, borrowed : int
        Use of the reserve in whole tokens, rounded up.
    exposures : tuple of Exposure
        The accounts that a lower threshold could hurt.
    last_changed : Mapping
        Chain time of each parameter's last change, for those that were ever changed.
    now : int
        Chain time of the snapshot.
    priced_at : int
        Chain time of the oldest among the reserves' latest prices.
    longest_gap : int
        Longest gap between two prices of any reserve within the recent history, seconds.
    """

    symbol: str
    current: Mapping[str, int]
    proposed: Mapping[str, int]
    changes: tuple[Change, ...]
    policy: PolicyBody
    supplied: int
    borrowed: int
    exposures: tuple[Exposure, ...]
    last_changed: Mapping[str, int]
    now: int
    priced_at: int
    longest_gap: int

    def touches(self, *parameters: str) -> bool:
        """Return whether any of the parameters changes."""
        return any(change.parameter in parameters for change in self.changes)


class Guardrail(ABC):
    """One rule.

    Attributes
    ----------
    code : str
        Stable name, used in findings and in the documentation.
    summary : str
        What the rule looks at, in one sentence.
    about : {"change", "data"}
        A block by a rule about data means abstaining, whatever the change.
    """

    code: ClassVar[str]
    summary: ClassVar[str]
    about: ClassVar[Literal["change", "data"]] = "change"

    @abstractmethod
    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield what the rule has to say."""

    def finding(self, level: Level, message: str, **facts: object) -> Finding:
        """Return a finding in the name of this rule."""
        return Finding(level=level, code=self.code, message=message, facts=facts)
