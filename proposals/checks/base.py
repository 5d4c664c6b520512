"""What a check is, and what it may look at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from governance.domain.action import Bundle
from governance.protocols.base import Protocol
from proposals.core.change import Change
from proposals.core.finding import Finding, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What the calls did on a copy of the chain.

    Attributes
    ----------
    block_number : int
        The block on which it ran.
    before, after : tuple of int
        The word of each expectation, without and with the calls.
    failure : str
        Why a call failed, in words; empty when all passed.
    """

    block_number: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftCase:
    """A draft with all that the checks need.

    Attributes
    ----------
    body, description : str
        The text, and what goes on chain.
    proposer : str
        Who alone may propose it.
    bundle : Bundle
        The calls and what must hold afterwards.
    protocol : Protocol
        The plugin that encoded the calls.
    reserve : str
        Address of the asset.
    before, after : Mapping
        Every parameter, today and afterwards.
    changes : tuple of Change
        Where the two differ.
    evidence_hash : str
        Name of the evidence report.
    evidence : bytes
        Its bytes.
    simulation : Simulation
        What the calls did on a copy of the chain.
    """

    body: str
    description: str
    proposer: str
    bundle: Bundle
    protocol: Protocol
    reserve: str
    before: Mapping[str, int]
    after: Mapping[str, int]
    changes: tuple[Change, ...]
    evidence_hash: str
    evidence: bytes
    simulation: Simulation


class Check(ABC):
    """One check.

    Attributes
    ----------
    code : str
        Stable name, used in findings and in the documentation.
    summary : str
        What it looks at, in one sentence.
    """

    code: ClassVar[str]
    summary: ClassVar[str]

    @abstractmethod
    def examine(self, case: DraftCase) -> Iterator[Finding]:
        """Yield what the check has to say."""

    def finding(self, level: Level, message: str, **facts: object) -> Finding:
        """Return a finding in the name of this check."""
        return Finding(level=level, code=self.code, message=message, facts=facts)
