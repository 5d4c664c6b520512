"""The evidence report of a recommendation: canonical JSON whose SHA-256 goes on chain with the proposal.

It names nothing by row number and no wall clock, so the same inputs give the same bytes on any machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from governance.errors import ImplausibleData, InputError
from governance.version import code_version
from proposals.core.canonical import SIGNIFICANT_DIGITS, digest, encode
from proposals.core.method import LIMITS, METHOD
from proposals.models import EvidenceReport, Recommendation

FORMAT: Final = "breakwater-evidence/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was checked of a report.

    Attributes
    ----------
    hash : str
        SHA-256 of the bytes.
    canonical : bool
        Whether writing the content again gives the same bytes.
    described : bool or None
        Whether the draft's on-chain text has the hash; None when there is no draft.
    rebuilt : bool or None
        Whether the stored recommendation still gives the same bytes; None when other code wrote the report.
    """

    hash: str
    canonical: bool
    described: bool | None
    rebuilt: bool | None

    @property
    def holds(self) -> bool:
        """Whether everything that could be checked holds."""
        return self.canonical and self.rebuilt is not False and self.described is not False


def build(recommendation: Recommendation) -> EvidenceReport:
    """Return the report of ``recommendation``, written at the first call.

    Raises
    ------
    InputError
        If the search abstained: there is nothing to give evidence for.
    """
    if recommendation.status == Recommendation.Status.ABSTAINED:
        raise InputError(
            "The search abstained, so there is no evidence to report; collect fresh data and recommend again.",
            recommendation=recommendation.pk,
        )
    body = render(recommendation)
    report, _ = EvidenceReport.objects.get_or_create(
        recommendation=recommendation, defaults={"hash": digest(body), "body": body}
    )
    return report


def render(recommendation: Recommendation) -> bytes:
    """Return the report's bytes."""
    inputs: dict[str, Any] = recommendation.inputs
    symbol, block = inputs["reserve"]["symbol"], inputs["chain"]["block_number"]
    chosen: dict[str, Any] = recommendation.chosen
    return encode(
        {
            "format": FORMAT,
            "question": f"Which liquidation threshold, LTV, liquidation bonus and caps should {symbol} have on "
            f"{inputs['market']['name']}, given everything known at block {block}?",
            "answer": {
                "status": recommendation.status,
                "summary": chosen["why"],
                "changes": chosen["changes"],
            },
            "baseline": recommendation.baseline,
            "chosen": {key: chosen[key] for key in ("index", "parameters", "numbers", "responses", "quantiles")},
            "candidates": recommendation.candidates,
            "guardrails": recommendation.findings,
            "inputs": inputs,
            "units": {
                "numbers": "USD, except probability_bad_debt (share of futures); candidates on the search's futures, "
                "baseline and chosen on the confirmation's",
                "parameters": "as on chain: basis points, bonus as 10000 + bonus, caps in whole tokens with 0 for none",
                "floats": f"rounded to {SIGNIFICANT_DIGITS} significant digits",
            },
            "method": METHOD,
            "limits": LIMITS,
        }
    )


def content(report: EvidenceReport) -> dict[str, Any]:
    """Return the report's data, read from exactly the bytes that were hashed.

    Raises
    ------
    ImplausibleData
        If the bytes do not have the hash.
    """
    body = bytes(report.body)
    if digest(body) != report.hash:
        raise ImplausibleData("The stored evidence does not have its hash; it was altered.", hash=report.hash)
    data: dict[str, Any] = json.loads(body)
    return data


def verify(report: EvidenceReport) -> Verification:
    """Check a stored report against its hash, its recommendation and the draft's on-chain text.

    Raises
    ------
    ImplausibleData
        If the bytes do not have the hash.
    """
    body = bytes(report.body)
    data = content(report)
    draft = getattr(report.recommendation, "draft", None)
    same_code = data["inputs"]["code_version"] == code_version()
    return Verification(
        hash=report.hash,
        canonical=encode(data) == body,
        described=None if draft is None else report.hash in draft.description,
        rebuilt=render(report.recommendation) == body if same_code else None,
    )
