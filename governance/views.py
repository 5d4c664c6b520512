"""The pages of this floor, and what every page shows around its content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from governance import completeness, metrics, overview, selectors
from governance.chain.client import default_client
from governance.env import env
from governance.navigation import navigation
from governance.pages import page
from governance.panels import executor as executor_panels
from governance.panels import status as panels
from governance.relay import is_paused
from governance.services import supervisor

if TYPE_CHECKING:
    from django.http import HttpRequest

    from governance.models import RelayStep

VERSION = "0.1.0"
ROWS = 200  # newest rows of a list that grows without end


def page_context(request: HttpRequest) -> dict[str, object]:
    """Return what the frame of every page needs; the database is asked only by pages that show it."""
    match = request.resolver_match
    return {
        "site_name": "Breakwater",
        "version": VERSION,
        "navigation": navigation(match.url_name or "" if match else ""),
        "collected": SimpleLazyObject(overview.collected),
        "executor_paused": SimpleLazyObject(is_paused),
        "incomplete": SimpleLazyObject(completeness.stopping),
    }


@require_safe
def executor(request: HttpRequest) -> HttpResponse:
    """Show the executor: its queue, its transactions, and what it verified."""
    steps = list(selectors.steps()[:500])
    context = {
        "executor": selectors.executor(),
        "next_step": selectors.open_steps().first(),
        "steps": executor_panels.steps(steps, title=_title, link=_link),
        "attempts": executor_panels.attempts([attempt for step in steps for attempt in step.attempts.all()]),
        "verifications": executor_panels.verifications([entry for step in steps for entry in step.verifications.all()]),
    }
    return page(request, "governance/executor.html", context)


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Show what runs, what is collected and how that is proven, which nodes serve, and who did what."""
    running = [found for found in supervisor.statuses() if found.name != "web"]  # whoever reads this knows that it runs
    context = {
        "paces": completeness.paces(),
        "minutes": completeness.MINUTES,
        "services": panels.services(running),
        "coverage": panels.coverage(completeness.coverage()),
        "gaps": panels.gaps(completeness.gaps()),
        "overlaps": panels.overlaps(completeness.overlaps()),
        "orphans": panels.orphans(completeness.orphans()),
        "faults": panels.faults(list(completeness.open_incidents()[:ROWS])),
        "past_faults": panels.past_faults(list(completeness.resolved_incidents()[:ROWS])),
        "providers": panels.providers(completeness.providers(), configured=_configured()),
        "reorgs": panels.reorgs(list(overview.reorgs()[:ROWS])),
        "audit": panels.audit(list(selectors.audit_entries()[:ROWS])),
        "audit_state": overview.audit_state(),
    }
    return page(request, "governance/status.html", context)


@require_safe
def measures(_request: HttpRequest) -> HttpResponse:
    """Answer Prometheus: head lag, gaps, faults, nodes, rows and ages, read from the database at this moment."""
    return HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE)


@require_safe
def alive(_request: HttpRequest) -> HttpResponse:
    """Answer load balancers: the process serves requests and reaches its database."""
    overview.collected()
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for an address that leads nowhere."""
    context = {"title": "There is no such page", "text": _reason(exception)}
    return render(request, "error.html", context, status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """Answer for a fault of ours; asks the database nothing, because that may be the fault."""
    context: dict[str, object] = {
        "title": "This page could not be made",
        "navigation": [],
        "collected": None,
        "executor_paused": False,
        "incomplete": None,
    }
    context["text"] = "The fault is ours, not yours; the log of the web service says more."
    return render(request, "error.html", context, status=500)


def _configured() -> set[tuple[int, str]]:
    return {(env().chain_id, host) for host in default_client().hosts}


def _reason(exception: Exception) -> str:
    words = str(exception.args[0]) if exception.args and isinstance(exception.args[0], str) else ""
    return words or "Perhaps what it showed was collected into another database."


def _title(step: RelayStep) -> str:
    return overview.proposal_title(step.proposal.description)


def _link(step: RelayStep) -> str:
    return reverse("proposal", args=[step.proposal_id])
