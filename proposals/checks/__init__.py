"""Checks: whether a draft says and does the same. One file each; a new file is a new check."""

from __future__ import annotations

import sys
from functools import cache

from proposals.checks.base import Check, DraftCase, Simulation
from proposals.core.finding import Finding
from proposals.discovery import discover

__all__ = ["Check", "DraftCase", "Simulation", "all_checks", "examine"]


@cache
def all_checks() -> tuple[Check, ...]:
    """Return every check, by file name."""
    return discover(sys.modules[__name__], Check)  # type: ignore[type-abstract]  # the base names the plugins


def examine(case: DraftCase) -> tuple[Finding, ...]:
    """Return what every check says of a draft."""
    return tuple(finding for check in all_checks() for finding in check.examine(case))
