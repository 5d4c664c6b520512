"""What is executed is what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from proposals.checks.base import Check, DraftCase
from proposals.core.finding import Finding


class CalldataMatchesChanges(Check):
    """Encoding the changes anew gives the bundle's calls, byte by byte and in the same order."""

    code = "calldata-matches-changes"
    summary = "Encoding the changes anew gives the bundle's calls, byte by byte, to the same contracts, without value."

    def examine(self, case: DraftCase) -> Iterator[Finding]:
        """Yield a block when any call differs."""
        meant = case.protocol.encode(reserve=case.reserve, before=case.before, after=case.after)
        if meant == case.bundle.calls and not any(call.value for call in case.bundle.calls):
            yield self.finding("pass", f"All {len(meant)} calls encode the changes exactly.", calls=len(meant))
            return
        yield self.finding(
            "block",
            "The calls of the bundle are not the encoding of its changes.",
            expected=[f"{call.target} 0x{call.data.hex()}" for call in meant],
            found=[f"{call.target} 0x{call.data.hex()} value {call.value}" for call in case.bundle.calls],
        )
