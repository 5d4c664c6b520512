"""Old prices are no ground for a decision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from proposals.core.finding import Finding
from proposals.guardrails.base import Case, Guardrail


class Freshness(Guardrail):
    """Every reserve has a recent price, by chain time."""

    code = "freshness"
    summary = "Every reserve's latest price is younger than the policy's limit (chain time); else the search abstains."
    about: ClassVar[Literal["change", "data"]] = "data"

    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield a block when the oldest of the latest prices is too old."""
        age, limit = case.now - case.priced_at, case.policy.safety.max_data_age_seconds
        yield self.finding(
            "block" if age > limit else "pass",
            f"The oldest of the latest prices is {age / 3600:.1f} hours old; the limit is {limit / 3600:.1f} hours.",
            age_seconds=age,
            limit_seconds=limit,
        )
