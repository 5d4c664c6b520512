"""The range that a parameter must stay in."""

from __future__ import annotations

from collections.abc import Iterator

from proposals.core.finding import Finding
from proposals.guardrails.base import Case, Guardrail


class ValueRange(Guardrail):
    """A parameter stays between the policy's minimum and maximum."""

    code = "value-range"
    summary = "Each changed parameter stays between the policy's minimum and maximum."

    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield a block for each value that is out of range."""
        outside = False
        for change in case.changes:
            rule = case.policy.parameters.get(change.parameter)
            if rule and not rule.minimum <= change.after <= rule.maximum:
                outside = True
                yield self.finding(
                    "block",
                    f"{change.heading} would be {change.after_text}, outside of the policy's range.",
                    parameter=change.parameter,
                    value=change.after,
                    minimum=rule.minimum,
                    maximum=rule.maximum,
                )
        if not outside:
            yield self.finding("pass", "Every new value is within the policy's range.")
