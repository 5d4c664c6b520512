"""The vote names its evidence."""

from __future__ import annotations

from collections.abc import Iterator

from proposals.checks.base import Check, DraftCase
from proposals.core.canonical import digest
from proposals.core.finding import Finding


class EvidenceNamed(Check):
    """The on-chain text has the evidence report's hash, and the report's bytes have that hash."""

    code = "evidence-named"
    summary = "The on-chain text has the SHA-256 of the evidence report, and the stored bytes have that hash."

    def examine(self, case: DraftCase) -> Iterator[Finding]:
        """Yield a block when the hash is missing or wrong."""
        if digest(case.evidence) != case.evidence_hash:
            yield self.finding("block", "The evidence report was altered: its bytes no longer have its hash.")
        elif case.description.count(case.evidence_hash) != 1:
            yield self.finding("block", "The on-chain text does not name the evidence report exactly once.")
        else:
            yield self.finding("pass", "The on-chain text names its evidence report.", hash=case.evidence_hash)
