"""What a guardrail or a check has to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

type Level = Literal["pass", "warn", "block"]

ORDER: Final[dict[Level, int]] = {"block": 0, "warn": 1, "pass": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence of one rule.

    Attributes
    ----------
    level : {"pass", "warn", "block"}
        ``block`` forbids, ``warn`` asks for attention, ``pass`` says what was found in order.
    code : str
        The rule's stable name.
    message : str
        One sentence for people.
    facts : Mapping
        JSON-ready numbers behind the sentence.
    """

    level: Level
    code: str
    message: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Return the finding as JSON-ready data."""
        return {"level": self.level, "code": self.code, "message": self.message, "facts": dict(self.facts)}


def blocks(findings: tuple[Finding, ...]) -> bool:
    """Return whether any finding forbids."""
    return any(finding.level == "block" for finding in findings)
