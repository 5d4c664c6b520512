"""The score of an executed proposal: the evidence's forecast beside what happened over its horizon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from governance import audit
from governance.chain.client import Client
from governance.deployments import protocol_of
from governance.domain.bundle import from_json
from governance.errors import ConflictError
from governance.verification import read_word
from proposals import evidence
from proposals.core.canonical import plain
from proposals.core.scoring import Metric, judge
from proposals.models import Draft, Outcome
from proposals.realised import Realised, Window, measure
from proposals.review import track

Status = Draft.Status

START = "Over the forecast's own horizon, which begins at the snapshot; the vote fell into it."


def score(draft: Draft, *, client: Client) -> Outcome:
    """Compare the forecast in ``draft``'s evidence with what happened; again for the same draft returns the first.

    Parameters
    ----------
    draft : Draft
        One whose proposal was executed.
    client : Client
        The chain, to read the parameters as they are now.

    Raises
    ------
    ConflictError
        If the proposal was not executed.
    InputError
        If the forecast's horizon is not over in the collected history.
    ImplausibleData
        If the evidence was altered.
    """
    draft = track(draft)
    if draft.status == Status.SCORED:
        return draft.outcome
    if draft.status != Status.EXECUTED:
        raise ConflictError(f"The proposal is {draft.get_status_display().lower()}, not executed.", draft=draft.pk)
    report = draft.recommendation.evidence
    facts = evidence.content(report)
    start, hours = facts["inputs"]["chain"]["timestamp"], facts["inputs"]["horizon_hours"]
    window = Window(start=start, end=start + hours * 3600)
    happened = measure(draft.recommendation.reserve, window=window)
    head = client.head()
    body = {
        "window": {"start": window.start, "end": window.end, "hours": hours, "forecast_hours": hours},
        "book_block": happened.block_number,
        "metrics": [metric.as_dict() for metric in metrics(facts["chosen"], happened)],
        "parameters": _parameters(draft, client=client, block=head.number),
    }
    with transaction.atomic():
        outcome = Outcome.objects.create(
            draft=draft, evidence=report, scored_at=head.timestamp, block_number=head.number, body=plain(body)
        )
        Draft.objects.filter(pk=draft.pk).update(status=Status.SCORED)
        audit.record(
            actor="breakwater", action="draft.scored", subject=draft.bundle_hash, facts={"evidence": report.hash}
        )
    return outcome


def metrics(chosen: Mapping[str, Any], happened: Realised) -> tuple[Metric, ...]:
    """Return each forecast of the evidence's ``chosen`` setting beside what happened."""
    forecast = chosen["quantiles"]
    bounds = [numbers["capacity"] for numbers in chosen["responses"].values()]
    middle = sum(bounds) / len(bounds)
    return (
        judge(
            "bad_debt",
            label="Bad debt at the horizon",
            unit="usd",
            realised=happened.bad_debt,
            values=forecast["bad_debt"],
            note="What accounts owed beyond their collateral, in the whole market.",
        ),
        judge(
            "liquidated",
            label="Debt liquidated",
            unit="usd",
            realised=happened.liquidated,
            values=forecast["liquidated"],
            note=START,
        ),
        judge(
            "borrower_loss",
            label="Lost by liquidated borrowers",
            unit="usd",
            realised=happened.borrower_loss,
            values=forecast["borrower_loss"],
            note="Collateral taken beyond the debt that was repaid.",
        ),
        judge(
            "volatility",
            label="Volatility of the asset, a year",
            unit="fraction",
            realised=happened.volatility,
            values=forecast["volatility"],
            note="From hourly prices, over the forecast's horizon.",
        ),
        Metric(
            key="capacity",
            label="Borrowing power",
            unit="usd",
            forecast=middle,
            low=min(bounds),
            high=max(bounds),
            realised=happened.capacity,
            note="At the horizon. The forecast is at the snapshot's prices; its ends are the borrowers' two responses.",
        ),
    )


def _parameters(draft: Draft, *, client: Client, block: int) -> list[dict[str, object]]:
    specs = protocol_of(draft.recommendation.reserve.deployment).parameters
    rows = []
    for spec, expectation in zip(specs, from_json(draft.bundle).expectations, strict=True):
        actual = read_word(expectation, client=client, block=block)
        rows.append(
            {
                "parameter": spec.name,
                "label": spec.label,
                "unit": spec.unit,
                "expected": expectation.after,
                "actual": actual,
                "holds": actual == expectation.after,
            }
        )
    return rows
