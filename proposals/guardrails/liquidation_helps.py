"""A liquidation must leave the account better than it found it."""

from __future__ import annotations

from collections.abc import Iterator

from governance.domain.units import BPS
from proposals.core.finding import Finding
from proposals.guardrails.base import Case, Guardrail


class LiquidationHelps(Guardrail):
    """Threshold x (1 + bonus) stays below the policy's bound.

    A liquidation of x of debt seizes x (1 + LB), so it raises the health factor only while LT (1 + LB) < 1 (Warmuz,
    Chaudhary & Pinna, "Toxic Liquidation Spirals", arXiv 2212.07306).
    """

    code = "liquidation-helps"
    summary = (
        "Liquidation threshold x (1 + bonus) stays below the policy's bound, so that a liquidation helps the account."
    )

    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield a block where a change breaks the bound, a warning where it was broken before."""
        product = case.proposed["liquidation_threshold"] * case.proposed["liquidation_bonus"]
        bound = case.policy.safety.max_lt_with_bonus_bps
        facts = {"product_bps": product / BPS, "bound_bps": bound}
        text = f"Threshold x (1 + bonus) is {product / BPS / 100:.2f} %; the bound is {bound / 100:.2f} %."
        if product <= bound * BPS:
            yield self.finding("pass", text, **facts)
        else:
            touched = case.touches("liquidation_threshold", "liquidation_bonus")
            yield self.finding("block" if touched else "warn", text, **facts)
