"""What the pages and commands of this floor read."""

from __future__ import annotations

from django.db.models import QuerySet

from forecasting.models.history import Reserve, Snapshot
from forecasting.selectors import final_snapshot
from governance.errors import InputError
from governance.models import Deployment
from proposals.models import Draft, EvidenceReport, Outcome, Policy, Recommendation


def policies() -> QuerySet[Policy]:
    """Return every version of the policy, the newest first."""
    return Policy.objects.order_by("-version")


def active_policy() -> Policy:
    """Return the policy in force.

    Raises
    ------
    InputError
        If none was loaded yet.
    """
    policy = Policy.objects.filter(active=True).first()
    if policy is None:
        raise InputError("No policy is active; run `manage.py policy load FILE`, or `manage.py recommend` once.")
    return policy


def recommendations(*, reserve: Reserve | None = None) -> QuerySet[Recommendation]:
    """Return recommendations, the newest first, with all that their pages name."""
    found = Recommendation.objects.select_related(
        "reserve__deployment", "snapshot", "policy", "cascade_model", "volatility_model", "evidence", "draft__onchain"
    )
    return found.filter(reserve=reserve) if reserve else found


def newest_recommendations() -> list[Recommendation]:
    """Return the newest recommendation for each reserve, the newest first."""
    of_each = recommendations().order_by("reserve_id", "-created_timestamp", "-pk").distinct("reserve_id")
    return sorted(of_each, key=lambda row: (row.created_timestamp, row.pk), reverse=True)


def drafts() -> QuerySet[Draft]:
    """Return drafts, the newest first, with all that their pages name."""
    return Draft.objects.select_related(
        "recommendation__reserve__deployment",
        "recommendation__snapshot",
        "recommendation__policy",
        "recommendation__evidence",
        "onchain",
        "outcome",
    ).prefetch_related("sign_offs")


def evidence(report_hash: str) -> EvidenceReport:
    """Return one evidence report.

    Raises
    ------
    InputError
        If there is none with this hash.
    """
    found = (
        EvidenceReport.objects.select_related("recommendation__reserve__deployment").filter(hash=report_hash).first()
    )
    if found is None:
        raise InputError(f"There is no evidence report {report_hash}.", field="hash", value=report_hash)
    return found


def outcomes() -> QuerySet[Outcome]:
    """Return outcomes, the newest first, with all that their pages name."""
    return Outcome.objects.select_related("draft__recommendation__reserve__deployment", "draft__onchain", "evidence")


def find_reserve(symbol: str, *, market: str = "") -> Reserve:
    """Return the reserve that a person means by its symbol, in the market ``market`` (slug) if one is named.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    known = Reserve.objects.select_related("deployment__chain")
    if market:
        known = known.filter(deployment__slug=market)
    found = list(known.filter(symbol__iexact=symbol))
    if len(found) == 1:
        return found[0]
    if found:
        slugs = ", ".join(sorted({reserve.deployment.slug for reserve in found}))
        raise InputError(f"{symbol} is a reserve of several markets; name one with --market: {slugs}.", field="market")
    symbols = ", ".join(sorted({reserve.symbol for reserve in known})) or "none yet; run collect"
    raise InputError(f"There is no reserve {symbol!r}; there are: {symbols}.", field="symbol", value=symbol)


def newest_snapshot(deployment: Deployment) -> Snapshot:
    """Return the newest final snapshot of a market's book.

    Raises
    ------
    InputError
        If there is none yet.
    """
    snapshot = final_snapshot(deployment)
    if snapshot is None:
        message = f"{deployment.name} has no snapshot yet of a final block; run `manage.py collect`."
        raise InputError(message, field="market", value=deployment.slug)
    return snapshot
