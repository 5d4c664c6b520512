"""A cap that does not bind needs no raise."""

from __future__ import annotations

from collections.abc import Iterator

from governance.domain.units import BPS
from proposals.core.finding import Finding
from proposals.guardrails.base import Case, Guardrail


class CapNeed(Guardrail):
    """A cap is raised only where it is used up to the policy's share."""

    code = "cap-need"
    summary = "A cap is raised only when at least the policy's share of it is in use."

    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield a block for each raised cap that does not bind."""
        use = {"supply_cap": case.supplied, "borrow_cap": case.borrowed}
        idle = [
            change
            for change in case.changes
            if change.parameter in use
            and change.after > change.before
            and use[change.parameter] * BPS < case.policy.safety.min_cap_use_bps * change.before
        ]
        for change in idle:
            share = use[change.parameter] / change.before
            yield self.finding(
                "block",
                f"{change.heading} would rise, yet only {share:.0%} of it is in use; the policy wants "
                f"{case.policy.safety.min_cap_use_bps / 100:.0f} %.",
                parameter=change.parameter,
                share=share,
            )
        if not idle:
            yield self.finding("pass", "No cap is raised that does not bind.")
