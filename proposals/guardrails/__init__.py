"""Guardrails: what a change must not do. One file each; a new file is a new guardrail."""

from __future__ import annotations

import sys
from functools import cache

from proposals.core.finding import Finding
from proposals.discovery import discover
from proposals.guardrails.base import Case, Exposure, Guardrail

__all__ = ["Case", "Exposure", "Guardrail", "all_guardrails", "judge", "judge_data"]


@cache
def all_guardrails() -> tuple[Guardrail, ...]:
    """Return every guardrail, by file name."""
    return discover(sys.modules[__name__], Guardrail)  # type: ignore[type-abstract]  # the base names the plugins


def judge(case: Case) -> tuple[Finding, ...]:
    """Return what every guardrail says of a case."""
    return tuple(finding for rule in all_guardrails() for finding in rule.judge(case))


def judge_data(case: Case) -> tuple[Finding, ...]:
    """Return what the guardrails say of the data alone; a block means that nothing may be recommended from it."""
    return tuple(finding for rule in all_guardrails() if rule.about == "data" for finding in rule.judge(case))
