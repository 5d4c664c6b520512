"""Nobody who is healthy today may be made liquidatable by a vote."""

from __future__ import annotations

from collections.abc import Iterator

from governance.domain.units import BPS, render
from proposals.core.finding import Finding
from proposals.guardrails.base import Case, Exposure, Guardrail


class HealthyAccounts(Guardrail):
    """A lower threshold pushes no more healthy accounts below health factor 1 than the policy allows."""

    code = "healthy-accounts"
    summary = "A lower threshold pushes no healthy account below health factor 1 (count and debt are reported)."

    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield how many accounts the change would push, and a block when they are too many."""
        pushed = [exposure for exposure in case.exposures if self._pushed(exposure, case)]
        debt = sum(exposure.debt for exposure in pushed)
        yield self.finding(
            "block" if len(pushed) > case.policy.safety.max_accounts_pushed else "pass",
            f"{len(pushed)} of {len(case.exposures)} borrowers would fall below health factor 1 "
            f"by this change alone, with {render(debt // 10**6 * 10**6, 'usd8')} of debt.",
            accounts=len(pushed),
            of=len(case.exposures),
            debt_usd8=str(debt),
            examples=[exposure.account for exposure in pushed[:5]],
        )

    @staticmethod
    def _pushed(exposure: Exposure, case: Case) -> bool:
        moved = case.proposed["liquidation_threshold"] - case.current["liquidation_threshold"]
        before = exposure.collateral * exposure.threshold
        # The contract truncates the average threshold to a whole basis point.
        average = (before + exposure.in_reserve * moved) // exposure.collateral
        return before >= exposure.debt * BPS > exposure.collateral * average
