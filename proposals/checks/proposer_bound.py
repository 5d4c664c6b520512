"""Nobody else can propose this text."""

from __future__ import annotations

from collections.abc import Iterator

from proposals.checks.base import Check, DraftCase
from proposals.core.finding import Finding
from proposals.core.text import suffix


class ProposerBound(Check):
    """The on-chain text ends with the proposer's suffix, and with no other before it."""

    code = "proposer-bound"
    summary = "The on-chain text ends with `#proposer=` and the proposer's address, so nobody can front-run it."

    def examine(self, case: DraftCase) -> Iterator[Finding]:
        """Yield a block when the suffix is missing, or is somebody else's."""
        bound = case.description.endswith(suffix(case.proposer)) and case.description.count("#proposer=") == 1
        whole = case.description == case.bundle.description
        if bound and whole:
            yield self.finding("pass", "Only the named proposer can propose this text.", proposer=case.proposer)
        else:
            yield self.finding("block", "The on-chain text does not end with its proposer's suffix.")
