"""Room between what may be borrowed and where liquidation starts."""

from __future__ import annotations

from collections.abc import Iterator

from proposals.core.finding import Finding
from proposals.guardrails.base import Case, Guardrail


class LtvBuffer(Guardrail):
    """The LTV stays the policy's buffer below the liquidation threshold."""

    code = "ltv-buffer"
    summary = "The LTV stays at least the policy's buffer below the liquidation threshold."

    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield a block where a change makes the buffer too thin, a warning where it was too thin before."""
        buffer = case.proposed["liquidation_threshold"] - case.proposed["ltv"]
        least = case.policy.safety.min_buffer_bps
        text = f"The LTV is {buffer / 100:.2f} points below the threshold; the policy wants {least / 100:.2f}."
        facts = {"buffer_bps": buffer, "minimum_bps": least}
        if buffer >= least:
            yield self.finding("pass", text, **facts)
        else:
            touched = case.touches("liquidation_threshold", "ltv")
            yield self.finding("block" if touched else "warn", text, **facts)
