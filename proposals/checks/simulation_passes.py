"""The calls work on the chain as it is."""

from __future__ import annotations

from collections.abc import Iterator

from governance.domain.units import render
from proposals.checks.base import Check, DraftCase
from proposals.core.finding import Finding


class SimulationPasses(Check):
    """Executed by the timelock on a copy of the chain, all calls pass and every expectation holds."""

    code = "simulation-passes"
    summary = "Executed by the timelock on a copy of the chain, all calls pass and every expectation then holds."

    def examine(self, case: DraftCase) -> Iterator[Finding]:
        """Yield a block for a failing call, or for each expectation that would not hold."""
        simulation, block = case.simulation, case.simulation.block_number
        if simulation.failure:
            yield self.finding("block", f"At block {block} a call fails: {simulation.failure}", block=block)
            return
        missed = [
            (expectation, word)
            for expectation, word in zip(case.bundle.expectations, simulation.after, strict=True)
            if word != expectation.after
        ]
        for expectation, word in missed:
            yield self.finding(
                "block",
                f"{expectation.label} would be {render(word, expectation.unit)} instead of "
                f"{render(expectation.after, expectation.unit)}.",
                label=expectation.label,
                block=block,
            )
        if not missed:
            yield self.finding(
                "pass",
                f"At block {block} all {len(case.bundle.calls)} calls pass and all {len(simulation.after)} "
                "expectations hold.",
                block=block,
                expectations=len(simulation.after),
            )
