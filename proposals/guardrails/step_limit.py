"""How far one proposal may move a parameter."""

from __future__ import annotations

from collections.abc import Iterator

from governance.domain.units import render
from proposals.core.change import Change
from proposals.core.finding import Finding
from proposals.guardrails.base import Case, Guardrail


class StepLimit(Guardrail):
    """A parameter moves by no more than the policy's step, and only if the policy names it."""

    code = "step-limit"
    summary = "Each parameter moves by no more than the policy's step; one that the policy does not name may not move."

    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield a block for each step that is too long."""
        long = [finding for change in case.changes for finding in self._judge(change, case)]
        yield from long
        if not long:
            yield self.finding("pass", f"All {len(case.changes)} steps are within the policy.", steps=len(case.changes))

    def _judge(self, change: Change, case: Case) -> Iterator[Finding]:
        rule = case.policy.parameters.get(change.parameter)
        if rule is None:
            yield self.finding(
                "block", f"The policy has no rule for {change.label}, so it may not move.", parameter=change.parameter
            )
            return
        limit, step = rule.largest_step(change.before), abs(change.after - change.before)
        if step > limit:
            unit = "bps" if change.unit == "bonus_bps" else change.unit  # a step of a bonus is a plain percentage
            yield self.finding(
                "block",
                f"{change.heading} would move by {render(step, unit)}; the policy allows {render(limit, unit)}.",
                parameter=change.parameter,
                step=step,
                limit=limit,
            )
