"""What changes is verified afterwards, and what must not change as well."""

from __future__ import annotations

from collections.abc import Iterator

from proposals.checks.base import Check, DraftCase
from proposals.core.finding import Finding


class ExpectationsComplete(Check):
    """Every parameter of the reserve has an expectation, the unchanged ones too."""

    code = "expectations-complete"
    summary = (
        "Every parameter of the reserve is read back after execution: the changed ones, and the unchanged ones too."
    )

    def examine(self, case: DraftCase) -> Iterator[Finding]:
        """Yield a block for each parameter that nobody would verify."""
        read = {
            (item.call.target, item.call.data, item.word, item.before, item.after) for item in case.bundle.expectations
        }
        missing = []
        for spec in case.protocol.parameters:
            how = case.protocol.read(spec.name, case.reserve)
            wanted = (how.call.target, how.call.data, how.word, case.before[spec.name], case.after[spec.name])
            if wanted not in read:
                missing.append(spec.label)
        for label in missing:
            yield self.finding("block", f"Nothing would verify the {label} after execution.", label=label)
        if not missing:
            yield self.finding("pass", f"All {len(read)} parameters are read back after execution.", reads=len(read))
