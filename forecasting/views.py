"""The pages of this floor: what happened on the market, and what may happen."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from forecasting import selectors
from forecasting.models import ModelVersion, Snapshot
from forecasting.panels import accounts as account_panels
from forecasting.panels import forecasts as forecast_panels
from forecasting.panels import liquidations as liquidation_panels
from forecasting.panels import market as panels
from governance.chain.abi import checksum
from governance.domain.units import WAD
from governance.errors import InputError
from governance.pages import page

BELOW = {"1.02": WAD * 102 // 100, "1.1": WAD * 110 // 100, "1.25": WAD * 125 // 100, "2": 2 * WAD}


def page_context(_request: HttpRequest) -> dict[str, object]:
    """Return what the frame of every page says of the models."""
    return {"model_trained": trained_at}  # the template calls it


def trained_at() -> int | None:
    """Return the chain time of the newest model's data, or None before the first."""
    return ModelVersion.objects.order_by("-created_timestamp").values_list("created_timestamp", flat=True).first()


@require_safe
def market_list(request: HttpRequest) -> HttpResponse:
    """List the reserves of the market."""
    snapshot = newest()
    context: dict[str, Any] = {"snapshot": snapshot}
    if snapshot:
        rows = panels.lines(snapshot, days=30)
        table = panels.reserves(rows, days=30, link=lambda row: reverse("market", args=[row.state.reserve_id]))
        context |= {"lines": rows, "reserves": table, "totals": selectors.market_totals(snapshot)}
    return page(request, "forecasting/market_list.html", context)


@require_safe
def accounts(request: HttpRequest) -> HttpResponse:
    """Show who is near liquidation, or go to the account that was searched for."""
    snapshot = newest()
    context: dict[str, Any] = {"snapshot": snapshot, "below": request.GET.get("below", "1.25"), "choices": BELOW}
    context["searched"] = request.GET.get("address", "").strip()
    if snapshot:
        everyone = list(selectors.accounts_by_health(snapshot))
        named = selectors.account_state(snapshot, context["searched"])
        if named:
            return redirect(_account(named))
        limit = BELOW.get(context["below"], BELOW["1.25"])
        risky = [
            row for row in everyone if row.health_factor < limit and context["searched"].lower() in row.account.lower()
        ]
        context |= {
            "accounts": account_panels.at_risk(risky, link=_account),
            "histogram": account_panels.histogram(everyone),
            "scatter": account_panels.scatter(everyone),
            "totals": selectors.market_totals(snapshot),
        }
    return page(request, "forecasting/accounts.html", context)


@require_safe
def account(request: HttpRequest, address: str) -> HttpResponse:
    """Show one account's positions, health and liquidations."""
    snapshot = newest()
    try:
        found = selectors.account_state(snapshot, checksum(address)) if snapshot else None
    except InputError as error:
        raise Http404(error.message) from error
    if snapshot is None or found is None:
        message = "This account never used the market, as far as it is collected."
        raise Http404(message)
    states = {state.reserve_id: state for state in selectors.reserve_states(snapshot)}
    liquidated = list(selectors.liquidations(snapshot.deployment, account=found.account))
    context = {
        "snapshot": snapshot,
        "account": found,
        "drop": account_panels.drop_to_liquidation(found) if found.debt_base else None,
        "positions": account_panels.positions(list(selectors.positions(snapshot, found.account)), states),
        "liquidations": liquidation_panels.table(liquidated, link=_account),
    }
    return page(request, "forecasting/account.html", context)


@require_safe
def liquidations(request: HttpRequest) -> HttpResponse:
    """Show who was liquidated, when, and by whom."""
    deployment = selectors.protocols().first()
    rows = list(selectors.liquidations(deployment)) if deployment else []
    context = {
        "total": liquidation_panels.total(rows),
        "by_day": liquidation_panels.by_day(rows),
        "liquidators": liquidation_panels.liquidators(rows),
        "liquidations": liquidation_panels.table(rows, link=_account),
    }
    return page(request, "forecasting/liquidations.html", context)


@require_safe
def forecasts(request: HttpRequest) -> HttpResponse:
    """Show what the models say, and how well they did."""
    deployment = selectors.protocols().first()
    symbol = request.GET.get("reserve", "")
    context = forecast_panels.overview(deployment, symbol=symbol) if deployment else {"models": []}
    return page(request, "forecasting/forecasts.html", context)


def newest() -> Snapshot | None:
    """Return the newest snapshot of the market, or None before the first."""
    deployment = selectors.protocols().first()
    return selectors.latest_snapshot(deployment) if deployment else None


def _account(row: Any) -> str:  # noqa: ANN401 - any row that has an account
    return reverse("account", args=[row.account])
