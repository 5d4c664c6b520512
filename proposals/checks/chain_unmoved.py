"""The chain still says what the draft says it says."""

from __future__ import annotations

from collections.abc import Iterator

from governance.domain.units import render
from proposals.checks.base import Check, DraftCase
from proposals.core.finding import Finding


class ChainUnmoved(Check):
    """Every value "before" is what the chain says now."""

    code = "chain-unmoved"
    summary = 'Every value that the draft calls "before" is what the chain says at the checked block.'

    def examine(self, case: DraftCase) -> Iterator[Finding]:
        """Yield a block for each value that moved since the snapshot."""
        moved = [
            (expectation, word)
            for expectation, word in zip(case.bundle.expectations, case.simulation.before, strict=True)
            if word != expectation.before
        ]
        for expectation, word in moved:
            yield self.finding(
                "block",
                f"{expectation.label} is {render(word, expectation.unit)} by now, not "
                f"{render(expectation.before, expectation.unit)}; collect and recommend again.",
                label=expectation.label,
                block=case.simulation.block_number,
            )
        if not moved:
            yield self.finding("pass", "Every value before the change is as the draft says.")
