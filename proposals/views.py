"""The pages of this floor: decisions, their evidence, and what became of them."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from forecasting import selectors as history
from forecasting.models import Reserve
from forecasting.panels import market as market_panels
from governance import selectors as onchain
from governance.errors import InputError
from governance.overview import proposal_title
from governance.pages import download, page
from governance.timeline import moments
from proposals import selectors
from proposals.models import Draft, EvidenceReport, Outcome, Recommendation
from proposals.panels import evidence as evidence_panels
from proposals.panels import home as home_panels
from proposals.panels import outcome as outcome_panels
from proposals.panels import policy as policy_panels
from proposals.panels import proposal as proposal_panels
from proposals.panels import recommendation as panels


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show where the market stands, what may happen to it, and what waits for a decision."""
    days = home_panels.days(request.GET.get("days", ""))
    return page(request, "proposals/home.html", home_panels.overview(days=days))


@require_safe
def market(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one reserve: its state, its parameters now and as recommended, and what a falling price would do."""
    reserve = get_object_or_404(Reserve.objects.select_related("deployment"), pk=pk)
    snapshot = history.latest_snapshot(reserve.deployment)
    if snapshot is None:
        message = "There is no snapshot of this market yet; run `manage.py collect`."
        raise Http404(message)
    latest = selectors.recommendations(reserve=reserve).first()
    context = market_panels.overview(reserve, snapshot, recommended=panels.recommended(latest))
    context |= {"recommendation": latest, "carried_out_by": panels.carried_out_by(latest)}
    return page(request, "forecasting/market.html", context)


@require_safe
def recommendation_list(request: HttpRequest) -> HttpResponse:
    """List the recommendations."""
    rows = list(selectors.recommendations()[:500])
    table = panels.listing(rows, link=lambda row: reverse("recommendation", args=[row.pk]))
    return page(request, "proposals/recommendation_list.html", {"recommendations": table})


@require_safe
def recommendation(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one recommendation beside "change nothing", and why all else was not chosen."""
    found: Recommendation = get_object_or_404(selectors.recommendations(), pk=pk)
    context = {
        "recommendation": found,
        "status": panels.status(found),
        "settings": panels.settings(found),
        "measures": panels.measures(found),
        "frontier": panels.frontier(found),
        "candidates": panels.candidates(found),
        "rejected": panels.rejected(found),
        "responses": panels.responses(found),
        "draft": getattr(found, "draft", None),
        "evidence": getattr(found, "evidence", None),
    }
    return page(request, "proposals/recommendation.html", context)


@require_safe
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a draft: its text, calls, checks and sign-offs, before it is on chain."""
    found: Draft = get_object_or_404(selectors.drafts(), pk=pk)
    return page(request, "proposals/proposal.html", proposal_panels.of_draft(found))


@require_safe
def proposal_list(request: HttpRequest) -> HttpResponse:
    """List the proposals on chain, and the drafts that are not there yet."""
    rows = [(row, proposal_title(row.description)) for row in onchain.proposals()[:500]]
    table = proposal_panels.listing(rows, link=lambda row: reverse("proposal", args=[row[0].pk]))
    drafts = proposal_panels.draft_listing(
        list(selectors.drafts().filter(onchain=None)), link=lambda row: reverse("draft", args=[row.pk])
    )
    return page(request, "proposals/proposal_list.html", {"proposals": table, "drafts": drafts})


@require_safe
def proposal(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a proposal: text, decoded actions, checks, votes, timeline and evidence."""
    found = get_object_or_404(onchain.proposals(), pk=pk)
    context = proposal_panels.of_proposal(found, draft=selectors.drafts().filter(onchain=found).first())
    context["moments"] = moments(found, onchain.events(found))
    return page(request, "proposals/proposal.html", context)


@require_safe
def evidence(request: HttpRequest, report_hash: str) -> HttpResponse:
    """Show an evidence report as a page."""
    return page(request, "proposals/evidence.html", evidence_panels.report(_report(report_hash)))


@require_safe
def evidence_bytes(_request: HttpRequest, report_hash: str) -> HttpResponse:
    """Return the very bytes whose hash is in the proposal's text."""
    report = _report(report_hash)
    return download(f"evidence-{report.hash[2:14]}.json", bytes(report.body), "application/json")


@require_safe
def outcome_list(request: HttpRequest) -> HttpResponse:
    """List the outcomes."""
    table = outcome_panels.listing(list(selectors.outcomes()[:500]), link=lambda row: reverse("outcome", args=[row.pk]))
    return page(request, "proposals/outcome_list.html", {"outcomes": table})


@require_safe
def outcome(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what was forecast beside what happened."""
    found: Outcome = get_object_or_404(selectors.outcomes(), pk=pk)
    badge, held, judged = outcome_panels.score(found)
    context = {
        "outcome": found,
        "badge": badge,
        "held": held,
        "judged": judged,
        "metrics": outcome_panels.metrics(found),
        "parameters": outcome_panels.parameters(found),
    }
    return page(request, "proposals/outcome.html", context)


@require_safe
def policy(request: HttpRequest) -> HttpResponse:
    """Show the policy in force: its limits, and its versions."""
    versions = list(selectors.policies())
    return page(request, "proposals/policy.html", policy_panels.policy(versions))


def _report(report_hash: str) -> EvidenceReport:
    try:
        return selectors.evidence(report_hash)
    except InputError as error:
        raise Http404(error.message) from error
