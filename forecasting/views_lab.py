"""The pages of what may happen to a book: the cascade lab, single simulations, and early warnings."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from forecasting import selectors
from forecasting.models import BacktestRun
from forecasting.panels import backtests as backtest_panels
from forecasting.panels import lab as lab_panels
from forecasting.panels import simulation as simulation_panels
from forecasting.panels import warnings as warning_panels
from forecasting.panels import whatif as whatif_panels
from forecasting.warners import selectors as warners
from governance.pages import page

WARNINGS = "cascade"  # the kind of backtest that early warnings are judged by
SHOWN = 50


@require_safe
def lab(request: HttpRequest) -> HttpResponse:
    """Let a visitor ask what if, choose a scenario, and find what was simulated."""
    deployment = selectors.protocols().first()
    snapshot = selectors.latest_snapshot(deployment) if deployment else None
    market = deployment.slug if deployment and snapshot else ""
    context: dict[str, Any] = {"snapshot": snapshot, **whatif_panels.overview(snapshot, request.GET.dict())}
    chosen = request.GET.get("scenario", "")
    context |= lab_panels.picker(chosen=chosen, market=market, link=_scenario)
    context["simulations"] = lab_panels.runs(list(selectors.simulations()[:SHOWN]), link=_simulation)
    return page(request, "forecasting/lab.html", context)


@require_safe
def simulation(request: HttpRequest, number: int) -> HttpResponse:
    """Show what one simulation came to, or how far it is."""
    found = selectors.simulations().filter(pk=number).first()
    if found is None:
        message = "There is no simulation of this number."
        raise Http404(message)
    if found.status != BacktestRun.Status.DONE:
        waiting = {"waiting": found, "title": lab_panels.title(found.request)}
        return page(request, "forecasting/simulation.html", waiting)
    context: dict[str, Any] = backtest_panels.overview(found)
    if context["run"]:
        asked = {"asset": request.GET.get("asset", ""), "metric": request.GET.get("metric", "")}
        context |= simulation_panels.overview(context["result"], **asked)
    return page(request, "forecasting/simulation.html", context)


@require_safe
def warning(request: HttpRequest) -> HttpResponse:
    """Show what the models say of liquidations to come, why, and how well they foresaw those of the past."""
    standings = warners.newest()
    context: dict[str, Any] = warning_panels.overview(standings, line=request.GET.get("line", ""))
    if context["chosen"]:
        context["record"] = warning_panels.record(warners.history(context["chosen"].line))
    context |= backtest_panels.overview(selectors.backtest(kind=WARNINGS, number=request.GET.get("run", "")))
    if context["run"]:
        context |= warning_panels.tested(context["result"], target=request.GET.get("target", ""))
    return page(request, "forecasting/warning.html", context)


def _scenario(row: Any) -> str:  # noqa: ANN401 - any row that has a name
    return f"{reverse('lab')}?scenario={row.name}#scenario"


def _simulation(row: BacktestRun) -> str:
    return reverse("simulation", args=[row.pk])
