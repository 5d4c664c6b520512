"""A hole in the price history hides exactly the moves that matter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from proposals.core.finding import Finding
from proposals.guardrails.base import Case, Guardrail


class DataGap(Guardrail):
    """The recent price history has no long gap."""

    code = "data-gap"
    summary = (
        "The price history of the last 30 days has no gap longer than the policy's limit; else the search abstains."
    )
    about: ClassVar[Literal["change", "data"]] = "data"

    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield a block when the longest gap is too long."""
        gap, limit = case.longest_gap, case.policy.safety.max_gap_seconds
        yield self.finding(
            "block" if gap > limit else "pass",
            f"The longest gap between two prices is {gap / 3600:.1f} hours; the limit is {limit / 3600:.1f} hours.",
            gap_seconds=gap,
            limit_seconds=limit,
        )
