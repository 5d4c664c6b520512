"""How often a parameter may be moved."""

from __future__ import annotations

from collections.abc import Iterator

from proposals.core.finding import Finding
from proposals.guardrails.base import Case, Guardrail


class CoolDown(Guardrail):
    """A parameter rests for the policy's time before it moves again; exactly that time is enough."""

    code = "cool-down"
    summary = "Each parameter rests for the policy's time (chain time) before it is changed again."

    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield a block for each parameter that was changed too recently."""
        early = False
        for change in case.changes:
            rule = case.policy.parameters.get(change.parameter)
            last = case.last_changed.get(change.parameter)
            if rule and last is not None and case.now - last < rule.cooldown_seconds:
                early = True
                yield self.finding(
                    "block",
                    f"{change.heading} was changed {(case.now - last) / 3600:.0f} hours ago; "
                    f"it rests for {rule.cooldown_seconds / 3600:.0f} hours.",
                    parameter=change.parameter,
                    last_changed=last,
                    next_change=last + rule.cooldown_seconds,
                )
        if not early:
            yield self.finding("pass", "No changed parameter is within its cool-down.")
