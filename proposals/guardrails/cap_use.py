"""A cap below what is already in use would say nothing but "no more"."""

from __future__ import annotations

from collections.abc import Iterator

from proposals.core.finding import Finding
from proposals.guardrails.base import Case, Guardrail


class CapUse(Guardrail):
    """A cap is not set below the reserve's present use; 0 means no cap."""

    code = "cap-use"
    summary = "A changed cap is not below the reserve's present use, and is not removed altogether."

    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield a block for each cap that is below its use or removed."""
        use = {"supply_cap": case.supplied, "borrow_cap": case.borrowed}
        low = [change for change in case.changes if change.after < use.get(change.parameter, 0) or not change.after]
        for change in low:
            if change.parameter in use:
                yield self.finding(
                    "block",
                    f"{change.heading} would be {change.after_text}; {use[change.parameter]:,} tokens are in use.",
                    parameter=change.parameter,
                    cap=change.after,
                    use=use[change.parameter],
                )
        if not any(change.parameter in use for change in low):
            yield self.finding(
                "pass", "No cap falls below its present use.", supplied=case.supplied, borrowed=case.borrowed
            )
