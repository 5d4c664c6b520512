"""The exhibits of forecasts: where prices, volatility and losses may go, and how good the models were so far."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import log, sqrt
from typing import Any

from forecasting import freshness, selectors
from forecasting.models import Forecast, ModelVersion, Reserve, TrainingRun
from forecasting.panels.words import model
from forecasting.selectors import PricePoint
from governance.exhibits import Badge, Chart, Column, Getter, Rule, Series, Table, Tone
from governance.models import Deployment

HOUR = 3_600
DAY = 24 * HOUR
PAST_DAYS = 14  # before the fan, so that its width can be judged
VOLATILITY_DAYS = 90
MOMENTS = 6  # earlier forecasts that the page offers
USD = 10**8
RUN_TONES: dict[str, Tone] = {"queued": "info", "running": "info", "done": "good", "failed": "bad"}


def overview(deployment: Deployment, *, symbol: str = "", made: str = "") -> dict[str, object]:
    """Return the page's context.

    Parameters
    ----------
    deployment : Deployment
    symbol : str
        Whose fan is drawn; the first reserve's with a forecast by default.
    made : str
        Unix seconds at which the forecasts were made; the newest by default.
    """
    moments = list(selectors.forecast_moments(deployment, kind="volatility")[:MOMENTS])
    moment = next((at for at in moments if str(at) == made), None)
    latest = {
        found.reserve.symbol: found for found in newest(deployment, kind="volatility", at=moment) if found.reserve
    }
    cascade = next(iter(newest(deployment, kind="cascade", at=moment)), None)
    chosen = latest.get(symbol) or next(iter(latest.values()), None)
    models = list(versions(deployment))
    context: dict[str, object] = {
        "symbols": list(latest),
        "moments": moments,
        "chosen": chosen,
        "cascade": cascade,
        "models": [(version, model(version.name)) for version in models],
        "freshness": freshness.state(deployment),
        "league": league(models[0]) if models else None,
        "runs": runs(list(selectors.training_runs()[:50])),
    }
    if chosen and chosen.reserve:
        context |= {"fan": fan(chosen, chosen.reserve), "volatility": volatility(chosen, chosen.reserve)}
    if cascade:
        context |= {"losses": losses(cascade), "histogram": histogram(cascade)}
    return context


def newest(deployment: Deployment, *, kind: str, at: int | None = None) -> list[Forecast]:
    """Return the forecasts of ``kind`` made at a moment, one for each reserve or one for the market; None: the last."""
    rows = Forecast.objects.filter(kind=kind, model_version__deployment=deployment)
    rows = rows if at is None else rows.filter(made_at=at)
    last = rows.order_by("-made_at", "-pk").first()
    if last is None:
        return []
    found = rows.filter(made_at=last.made_at, model_version=last.model_version_id)
    return list(found.select_related("reserve", "model_version").order_by("reserve__index"))


def versions(deployment: Deployment) -> Iterator[ModelVersion]:
    """Yield the newest model of each kind."""
    for kind in ModelVersion.Kind.values:
        rows = ModelVersion.objects.filter(kind=kind, deployment=deployment)
        found = rows.select_related("dataset").order_by("-created_timestamp", "-pk").first()
        if found:
            yield found


def fan(forecast: Forecast, reserve: Reserve) -> Chart:
    """Return past prices, the quantiles of the future ones, and what came of them so far."""
    end = forecast.made_at + forecast.horizon_hours * HOUR
    past = selectors.price_series(
        reserve, step=6 * HOUR, first=forecast.made_at - PAST_DAYS * DAY, last=forecast.made_at
    )
    since = selectors.price_series(reserve, step=HOUR, first=forecast.made_at + 1, last=end)
    body = forecast.body
    level = {value: index for index, value in enumerate(body["levels"])}
    stamps = [forecast.made_at, *(forecast.made_at + hours * HOUR for hours in body["fan"]["hours"])]
    lines = {value: [body["price"], *body["fan"]["quantiles"][index]] for value, index in level.items()}
    came = [body["price"], *(known(since, at=stamp) for stamp in stamps[1:])]
    return Chart(
        title=f"{reserve.symbol} price, {forecast.horizon_hours // 24} days ahead",
        summary="Prices so far, then the range that holds 90 % (and, darker, 50 %) of the simulated futures."
        + _inside(came[1:], lines[0.05][1:], lines[0.95][1:]),
        table=Table(
            slug="fan",
            caption=f"Quantiles of the {reserve.symbol} price, and what came",
            columns=(
                Column(label="Chain time", value=lambda row: row[0], kind="time"),
                Column(label="Came", value=_at(1), kind="usd", help="Empty: still to come"),
                *(Column(label=f"{value:.0%}", value=_at(index + 2), kind="usd") for value, index in level.items()),
            ),
            rows=list(zip(stamps, came, *lines.values(), strict=True)),
            shown=10,
        ),
        x=("", "time"),
        y=("USD", "usd"),
        series=(
            Series(name="90 % of futures", mark="band", data=list(zip(stamps, lines[0.05], lines[0.95], strict=True))),
            Series(name="50 % of futures", mark="band", data=list(zip(stamps, lines[0.25], lines[0.75], strict=True))),
            Series(name="Median", dashed=True, data=list(zip(stamps, lines[0.5], strict=True))),
            Series(name="Price before", tone="ink", data=[[point.timestamp, point.price / USD] for point in past]),
            *_came(forecast, body["price"], since),
        ),
        rules=_made(forecast) if since else (),
        tall=True,
        zoom_y=True,
    )


def known(points: Sequence[PricePoint], *, at: int) -> float | None:
    """Return the last price at or before ``at`` in USD; None where ``points`` end before it."""
    if not points or points[-1].timestamp < at:
        return None
    index = bisect_right(points, at, key=lambda point: point.timestamp)
    return points[index - 1].price / USD if index else None


def volatility(forecast: Forecast, reserve: Reserve) -> Chart:
    """Return the realised volatility of each day so far, and the forecast of the days to come."""
    end = forecast.made_at + forecast.horizon_hours * HOUR
    hourly = selectors.price_series(reserve, step=HOUR, first=forecast.made_at - VOLATILITY_DAYS * DAY - HOUR, last=end)
    came = dict(realised(hourly, until=forecast.made_at))
    body = forecast.body
    low, high = body["levels"].index(0.05), body["levels"].index(0.95)
    ahead = [(forecast.made_at + day["day"] * DAY, day) for day in body["days"]]
    rows: list[tuple[Any, ...]] = [
        (at, value, None, None, None) for at, value in came.items() if at <= forecast.made_at
    ]
    rows += [(at, came.get(at), d["expected"], d["quantiles"][low], d["quantiles"][high]) for at, d in ahead]
    return Chart(
        title=f"{reserve.symbol} volatility by day",
        summary="Realised volatility of each day, and what the model expected of those after the forecast, with its "
        "90 % range; annualised.",
        table=Table(
            slug="volatility",
            caption=f"Daily volatility of {reserve.symbol}, annualised",
            columns=(
                Column(label="Day to", value=_at(0), kind="time"),
                Column(label="Realised", value=_at(1), kind="percent"),
                Column(label="Expected", value=_at(2), kind="percent"),
                Column(label="5 %", value=_at(3), kind="percent"),
                Column(label="95 %", value=_at(4), kind="percent"),
            ),
            rows=rows[::-1],
            shown=10,
        ),
        x=("", "time"),
        y=("a year", "percent"),
        series=(
            Series(
                name="90 % range",
                mark="band",
                data=[[at, d["quantiles"][low], d["quantiles"][high]] for at, d in ahead],
            ),
            Series(name="Expected", dashed=True, data=[[at, day["expected"]] for at, day in ahead]),
            Series(name="Realised", tone="ink", data=[list(point) for point in came.items()]),
        ),
        rules=_made(forecast) if max(came, default=0) > forecast.made_at else (),
    )


def _made(forecast: Forecast) -> tuple[Rule, ...]:
    return (Rule(axis="x", at=forecast.made_at, label="forecast made", tone="muted"),)


def _came(forecast: Forecast, price: float, since: Sequence[PricePoint]) -> Iterator[Series]:
    """Yield what came since the forecast, if anything did."""
    if since:
        points = [[point.timestamp, point.price / USD] for point in since]
        yield Series(name="What came", tone="second", data=[[forecast.made_at, price], *points])


def _inside(came: Sequence[float | None], low: Sequence[float], high: Sequence[float]) -> str:
    """Return in words how much of what came lay in the range."""
    known = [(price, a, b) for price, a, b in zip(came, low, high, strict=True) if price is not None]
    if not known:
        return ""
    held = sum(a <= price <= b for price, a, b in known)
    return f" Of {len(known)} prices since, {held} lay in the 90 % range."


def realised(hourly: Sequence[PricePoint], *, until: int) -> Iterator[tuple[int, float]]:
    """Yield (end of day, volatility a year) of each full day that ends a multiple of a day before ``until``.

    Realised variance is the sum of squared hourly log returns (Andersen & Bollerslev 1998).
    """
    sums: dict[int, list[float]] = {}
    for before, after in pairwise(hourly):
        if before.price > 0 and after.price > 0:
            sums.setdefault((until - after.timestamp) // DAY, []).append(log(after.price / before.price) ** 2)
    for ago in sorted(sums, reverse=True):
        if len(sums[ago]) >= 20:  # of 24: a day with holes would look calm
            yield until - ago * DAY, sqrt(sum(sums[ago]) * 365)


def losses(forecast: Forecast) -> Table:
    """Return what may be lost over the horizon, each number with its Monte-Carlo interval."""
    body = forecast.body
    bad, sold, borrowers = body["bad_debt"], body["liquidated"], body["borrower_loss"]
    rows = [
        ("Probability of bad debt", "percent", bad["positive"], "Share of the futures that end with bad debt."),
        ("Expected bad debt", "usd", bad["mean"], "Mean over all futures."),
        ("Value at risk, 95 %", "usd", bad["var95"], "95th percentile of net insolvent debt over the futures."),
        ("Expected shortfall, 99 %", "usd", bad["es99"], "Mean bad debt of the worst 1 % of the futures."),
        ("Expected liquidations", "usd", sold["mean"], "Mean debt repaid by liquidators."),
        ("Liquidations at risk, 95 %", "usd", sold["var95"], "95th percentile of the liquidated amount."),
        (
            "Expected loss to borrowers",
            "usd",
            borrowers["mean"],
            "Mean of what liquidated borrowers paid above their debt.",
        ),
    ]
    return Table(
        slug="losses",
        caption="Losses over the horizon",
        columns=(
            Column(label="Measure", value=_at(0)),
            Column(label="Estimate", value=lambda row: (row[1], row[2]["value"]), kind="mixed"),
            Column(label="From", value=lambda row: (row[1], row[2]["low"]), kind="mixed"),
            Column(label="To", value=lambda row: (row[1], row[2]["high"]), kind="mixed"),
            Column(label="Meaning", value=_at(3)),
        ),
        rows=rows,
        unit_note="From and to are the 95 % interval of the simulation itself, not of the model's assumptions.",
    )


def histogram(forecast: Forecast) -> Chart:
    """Return how the liquidated debt is distributed over the futures."""
    found: Mapping[str, Any] = forecast.body["liquidated"]
    counts, edges = found["histogram"]["counts"], found["histogram"]["edges"]
    total = max(sum(counts), 1)
    rows = [(low, high, count / total) for low, high, count in zip(edges, edges[1:], counts, strict=False)]
    return Chart(
        title="Liquidated debt over the horizon",
        summary=f"Share of the {forecast.body['paths']:,} simulated futures by the debt that is liquidated in them.",
        table=Table(
            slug="histogram",
            caption="Distribution of the liquidated debt",
            columns=(
                Column(label="From", value=_at(0), kind="usd"),
                Column(label="To", value=_at(1), kind="usd"),
                Column(label="Share of futures", value=_at(2), kind="percent"),
            ),
            rows=rows,
            shown=30,
        ),
        x=("Debt liquidated", "usd"),
        y=("Share of futures", "percent"),
        series=(
            Series(name="Share of futures", mark="bar", data=[[(low + high) / 2, share] for low, high, share in rows]),
        ),
        rules=(Rule(axis="x", at=found["var95"]["value"], label="95 %", tone="warn"),),
    )


def league(version: ModelVersion) -> Table:
    """Return how the model did against its baseline on days that it had not seen, by asset."""
    assets: Sequence[Mapping[str, Any]] = version.metrics.get("assets", [])
    return Table(
        slug="league",
        caption="Walk-forward score by asset",
        columns=(
            Column(label="Asset", value=lambda row: row["symbol"]),
            Column(
                label="Model",
                value=lambda row: row.get("model"),
                kind="number",
                help="Mean QLIKE loss, lower is better",
            ),
            Column(
                label="Baseline",
                value=lambda row: row.get("baseline"),
                kind="number",
                help="Mean QLIKE loss, lower is better",
            ),
            Column(
                label="Ratio", value=lambda row: row.get("ratio"), kind="number", help="Below 1 the model is better"
            ),
            Column(label="From", value=lambda row: row.get("low"), kind="number"),
            Column(
                label="To",
                value=lambda row: row.get("high"),
                kind="number",
                help="90 % block-bootstrap interval of the ratio",
            ),
            Column(label="Days", value=lambda row: row.get("n"), kind="integer"),
            Column(label="In use", value=_used, kind="badge"),
        ),
        rows=assets,
        empty="This version was not scored.",
    )


def runs(rows: Sequence[TrainingRun]) -> Table:
    """Return the training jobs, the newest first."""
    return Table(
        slug="runs",
        caption="Training runs, the newest first",
        columns=(
            Column(label="№", value=lambda row: row.pk, kind="integer"),
            Column(label="Kind", value=lambda row: row.get_kind_display()),
            Column(
                label="State",
                value=lambda row: Badge(text=row.get_status_display(), tone=RUN_TONES[row.status]),
                kind="badge",
            ),
            Column(label="Progress", value=lambda row: row.progress / 100, kind="percent"),
            Column(label="Says", value=lambda row: row.error.partition("\n")[0] or row.message or None),
            Column(label="Asked for", value=lambda row: int(row.queued_at.timestamp()), kind="time"),
        ),
        rows=rows,
        shown=8,
        empty="No model was asked for yet.",
    )


def _used(row: Mapping[str, Any]) -> Badge:
    return Badge(text=model(str(row.get("used", "baseline"))), tone="good" if row.get("beats") else "quiet")


def _at(index: int) -> Getter:
    return lambda row: row[index]
