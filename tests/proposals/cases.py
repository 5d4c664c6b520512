"""What the tests of this floor start from: one policy, one reserve, one case."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from proposals.core.diff import difference
from proposals.core.policy import PolicyBody, read_policy
from proposals.guardrails import Case, Exposure
from proposals.policy import DAY, DEFAULT

USD8 = 10**8
CURRENT = {
    "liquidation_threshold": 8_000,
    "ltv": 7_700,
    "liquidation_bonus": 10_500,
    "supply_cap": 1_000,
    "borrow_cap": 500,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    name: str
    label: str
    unit: str


SPECS = (
    Spec(name="liquidation_threshold", label="liquidation threshold", unit="bps"),
    Spec(name="ltv", label="LTV", unit="bps"),
    Spec(name="liquidation_bonus", label="liquidation bonus", unit="bonus_bps"),
    Spec(name="supply_cap", label="supply cap", unit="tokens"),
    Spec(name="borrow_cap", label="borrow cap", unit="tokens"),
)


def document(**changes: Any) -> dict[str, Any]:
    """Return the default policy with fields replaced, named by their path: ``safety__min_buffer_bps=300``."""
    found = deepcopy(DEFAULT)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = found
        for parent in parents:
            place = place[parent]
        place[last] = value
    return found


def policy(**changes: Any) -> PolicyBody:
    return read_policy(document(**changes))


def case(proposed: dict[str, int] | None = None, **changes: Any) -> Case:
    """Return the case of a change, with nothing else to complain about."""
    after = {**CURRENT, **(proposed or {})}
    facts: dict[str, Any] = {
        "symbol": "WETH",
        "current": CURRENT,
        "proposed": after,
        "changes": difference(CURRENT, after, specs=SPECS),
        "policy": policy(),
        "supplied": 900,
        "borrowed": 450,
        "exposures": (),
        "last_changed": {},
        "now": 100 * DAY,
        "priced_at": 100 * DAY,
        "longest_gap": 3600,
    }
    return Case(**{**facts, **changes})


def exposure(*, debt: int, in_reserve: int = 100, collateral: int = 100, threshold: int = 8_000) -> Exposure:
    """Return an account; values in whole dollars."""
    return Exposure(
        account="0x" + "ab" * 20,
        in_reserve=in_reserve * USD8,
        collateral=collateral * USD8,
        threshold=threshold,
        debt=debt * USD8,
    )
