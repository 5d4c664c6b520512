"""The pages of this floor: what happened on the market, and what may happen."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from forecasting import freshness, selectors
from forecasting.freshness import Freshness
from forecasting.models import BacktestRun, ImportedDataset, ImportedFile, ModelVersion, Snapshot
from forecasting.panels import accounts as account_panels
from forecasting.panels import backtests as backtest_panels
from forecasting.panels import cards as card_panels
from forecasting.panels import datasets as dataset_panels
from forecasting.panels import forecasts as forecast_panels
from forecasting.panels import league as league_panels
from forecasting.panels import liquidations as liquidation_panels
from forecasting.panels import market as panels
from forecasting.panels import tails as tail_panels
from governance.chain.abi import checksum
from governance.domain.units import WAD
from governance.errors import InputError
from governance.pages import page

VOLATILITY = "volatility"  # the kind of backtest that the league and the tails are from
BELOW = {"1.02": WAD * 102 // 100, "1.1": WAD * 110 // 100, "1.25": WAD * 125 // 100, "2": 2 * WAD}


def page_context(_request: HttpRequest) -> dict[str, object]:
    """Return what the frame of every page says of the models."""
    return {"model_trained": trained_at, "data_state": data_state}  # the template calls them


def trained_at() -> int | None:
    """Return the chain time of the newest model's data, or None before the first."""
    return ModelVersion.objects.order_by("-created_timestamp").values_list("created_timestamp", flat=True).first()


def data_state() -> Freshness | None:
    """Return whether the market's data may be published on, or None when no market is watched."""
    deployment = selectors.protocols().first()
    return freshness.state(deployment) if deployment else None


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
    """Show what the models say, what they said before, and how well they did."""
    deployment = selectors.protocols().first()
    asked = {"symbol": request.GET.get("reserve", ""), "made": request.GET.get("made", "")}
    context = forecast_panels.overview(deployment, **asked) if deployment else {"models": []}
    said = selectors.newest_forecasts(selectors.versions_in_use())
    context["spoken"] = card_panels.spoken(said)
    states = card_panels.states_of_data(said)
    context["stale"] = [state for line, state in states.items() if ":" in line and not state.fresh]  # of files
    return page(request, "forecasting/forecasts.html", context)


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """List the model versions, the jobs that make them, and the backtests."""
    context = {
        "versions": card_panels.versions(list(selectors.versions()), link=_model),
        "runs": forecast_panels.runs(list(selectors.training_runs()[:50])),
        "backtests": backtest_panels.table(list(selectors.backtests()[:50]), link=_backtest),
    }
    return page(request, "forecasting/models.html", context)


@require_safe
def model(request: HttpRequest, number: int) -> HttpResponse:
    """Show the card of one model version."""
    found = get_object_or_404(selectors.versions(), pk=number)
    return page(request, "forecasting/model.html", card_panels.overview(found))


@require_safe
def league(request: HttpRequest) -> HttpResponse:
    """Show how the models did against each other in a backtest."""
    asked = {"period": request.GET.get("horizon", "1d"), "asset": request.GET.get("asset", "")}
    context = backtest_panels.overview(_finished(request))
    if context["run"]:
        context |= league_panels.overview(context["result"], **asked)
    return page(request, "forecasting/league.html", context)


@require_safe
def tails(request: HttpRequest) -> HttpResponse:
    """Show how often losses passed the value at risk in a backtest, and on which days."""
    asked = {"asset": request.GET.get("asset", ""), "span": request.GET.get("span", "")}
    context = backtest_panels.overview(_finished(request))
    if context["run"]:
        context |= tail_panels.overview(context["result"], **asked)
    return page(request, "forecasting/tails.html", context)


@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    """List what was imported from files."""
    return page(
        request,
        "forecasting/datasets.html",
        {"datasets": dataset_panels.listing(selectors.imports(), link=_dataset)},
    )


@require_safe
def dataset(request: HttpRequest, kind: str, source: str) -> HttpResponse:
    """Show one imported dataset: its files, what is odd in them, and how complete they are."""
    found = get_object_or_404(ImportedDataset, kind=kind, source=source)
    context = dataset_panels.overview(found, asset=request.GET.get("asset", ""))
    return page(request, "forecasting/dataset.html", context)


def newest() -> Snapshot | None:
    """Return the newest snapshot of the market, or None before the first."""
    deployment = selectors.protocols().first()
    return selectors.latest_snapshot(deployment) if deployment else None


def _account(row: Any) -> str:  # noqa: ANN401 - any row that has an account
    return reverse("account", args=[row.account])


def _finished(request: HttpRequest) -> BacktestRun | None:
    """Return the backtest that the address names, or the newest; None before the first."""
    number = request.GET.get("run", "")
    found = selectors.backtest(kind=VOLATILITY, number=number)
    if number and found is None:
        message = "There is no finished backtest of this number."
        raise Http404(message)
    return found


def _model(row: ModelVersion) -> str:
    return reverse("model", args=[row.pk])


def _backtest(row: BacktestRun) -> str:
    shown = {VOLATILITY: "league", "cascade": "warning"}.get(row.kind)
    return f"{reverse(shown)}?run={row.pk}" if shown and row.status == BacktestRun.Status.DONE else ""


def _dataset(row: ImportedFile) -> str:
    return reverse("dataset", args=[row.dataset.kind, row.dataset.source])
