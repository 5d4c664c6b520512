"""The evidence report as a page: read from the very bytes that were hashed, in the order of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from governance.exhibits import Column, Table
from proposals.evidence import Verification, content, verify
from proposals.models import EvidenceReport
from proposals.panels import recommendation as panels

REBUILT_ELSE = "The stored recommendation gives another report: it, or the code that writes reports, changed since."


def report(found: EvidenceReport) -> dict[str, object]:
    """Return the page's context.

    Raises
    ------
    ImplausibleData
        If the stored bytes do not have the hash.
    """
    data = content(found)
    recommendation = found.recommendation
    return {
        "report": found,
        "data": data,
        "checks": checks(verify(found)),
        "recommendation": recommendation,
        "settings": panels.settings(recommendation),
        "measures": panels.measures(recommendation),
        "frontier": panels.frontier(recommendation),
        "candidates": panels.candidates(recommendation),
        "rejected": panels.rejected(recommendation),
        "responses": panels.responses(recommendation),
        "inputs": inputs(data["inputs"]),
        "size": len(bytes(found.body)),
        "draft": getattr(recommendation, "draft", None),
    }


def checks(verification: Verification) -> list[dict[str, str]]:
    """Return what was checked of the report, as findings."""
    described = verification.described is not False
    rows = (
        ("hash", True, "The stored bytes have this hash.", ""),
        (
            "canonical",
            verification.canonical,
            "Writing the content again gives the same bytes.",
            "It is not canonical.",
        ),
        ("rebuilt", verification.rebuilt, "The stored recommendation gives the same report.", REBUILT_ELSE),
        ("described", described, "The proposal's text names this hash.", "The proposal's text names another hash."),
    )
    failing = {"rebuilt": "warn"}  # newer code may word a report differently; the bytes that were voted on are these
    return [
        {"level": "pass" if holds else failing.get(code, "block"), "code": code, "message": good if holds else bad}
        for code, holds, good, bad in rows
        if code != "described" or verification.described is not None
    ]


def inputs(body: Mapping[str, Any]) -> Table:
    """Return everything that the report was made from, one value a row."""
    return Table(
        slug="inputs",
        caption="Inputs",
        columns=(
            Column(label="Input", value=lambda row: row[0]),
            Column(label="Value", value=lambda row: row[1], kind="shortened"),
        ),
        rows=list(flat(body)),
        shown=60,
    )


def flat(body: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each leaf of nested data with its path in words."""
    for key, value in body.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}: ")
        elif isinstance(value, list):
            yield name, ", ".join(str(item) for item in value)
        else:
            yield name, str(value)
