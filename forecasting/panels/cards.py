"""The model card: what a version is, what it learnt from, how it did, what was decided about it, in plain language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import expm1, sqrt
from statistics import fmean
from typing import Any

from forecasting import freshness, selectors
from forecasting.freshness import Freshness
from forecasting.models import Alarm, Decision, Forecast, ModelVersion, Score
from forecasting.monitoring import VAR
from forecasting.panels.words import HORIZONS, PLAIN, explained, horizon, model
from governance.exhibits import Badge, Chart, Column, Rule, Series, Table

YEAR_HOURS = 365 * 24
KINDS: dict[str, str] = {
    ModelVersion.Kind.VOLATILITY: "Volatility and price paths",
    ModelVersion.Kind.CASCADE: "Liquidation cascades",
    ModelVersion.Kind.VARIANCE: "Volatility and tails by horizon",
    ModelVersion.Kind.WARNING: "Warnings of liquidations",
}
IN_USE = Badge(text="In use", tone="good")
FRESH, STALE = Badge(text="Up to date", tone="good"), Badge(text="Too old", tone="bad")
STATES: dict[str, Badge] = {
    "": Badge(text="Challenger", tone="info"),
    Decision.Kind.WAITING: Badge(text="Waits for a steward", tone="info"),
    Decision.Kind.REFUSED: Badge(text="Refused by the gate", tone="warn"),
}
DECISIONS: dict[str, Badge] = {
    Decision.Kind.FIRST: Badge(text="Begins the line", tone="info"),
    Decision.Kind.PROMOTED: Badge(text="Promoted", tone="good"),
    Decision.Kind.REFRESHED: Badge(text="Refreshed", tone="good"),
    Decision.Kind.DEMOTED: Badge(text="Took over", tone="warn"),
    Decision.Kind.WAITING: Badge(text="Waits for a steward", tone="info"),
    Decision.Kind.REFUSED: Badge(text="Refused", tone="bad"),
}
ALARMS: dict[str, str] = {
    Alarm.Kind.STALE: "Data too old",
    Alarm.Kind.GAP: "Gap in the data",
    Alarm.Kind.IMPLAUSIBLE: "Implausible data",
    Alarm.Kind.UNUSABLE: "Unusable data",
    Alarm.Kind.DRIFT: "Losses drift upwards",
    Alarm.Kind.COVERAGE: "Value at risk passed too often",
    Alarm.Kind.CALIBRATION: "Warnings came true too often, or too seldom",
}


def overview(version: ModelVersion) -> dict[str, object]:
    """Return the page's context of one version."""
    known = Score.objects.filter(forecast__model_version=version).select_related("forecast")
    scores = list(known.order_by("-known_at", "-pk"))
    facts = version.dataset.facts
    decided = Decision.objects.filter(version=version).order_by("-pk")
    return {
        "model": version,
        "command": f".venv/bin/python manage.py reproduce {version.pk}",
        "name": model(version.name),
        "says": explained(version.name),
        "forecasts": KINDS[version.kind],
        "fallback": model(PLAIN),
        "state": states([version])[version.pk],
        "against": against(version),
        "rival": model(str(version.metrics.get("baseline", ""))),
        "spoken": spoken(selectors.newest_forecasts([version])),
        "decisions": decisions(list(decided)),
        "record": record(scores),
        "outcomes": outcomes(scores[::-1]),
        "alarms": alarms(list(Alarm.objects.filter(line=version.line).order_by("-pk")[:50])) if version.line else None,
        "learnt_from": ", ".join(map(str, facts.get("assets") or facts.get("symbols", []))),
    }


def states(versions: Sequence[ModelVersion]) -> dict[int, Badge]:
    """Return by version whether it is in use, in words."""
    lines = {version.line for version in versions if version.line}
    appointing = Decision.objects.filter(line__in=lines, kind__in=Decision.APPOINTING)
    used = set(appointing.order_by("line", "-pk").distinct("line").values_list("version_id", flat=True))
    decided = Decision.objects.filter(version__in=versions).order_by("version_id", "-pk").distinct("version_id")
    last = dict(decided.values_list("version_id", "kind"))
    return {version.pk: _state(version, used=version.pk in used, last=last.get(version.pk, "")) for version in versions}


def _state(version: ModelVersion, *, used: bool, last: str) -> Badge:
    if not version.line:
        used = version.verdict == ModelVersion.Verdict.CHAMPION
        return IN_USE if used else Badge(text="Not used")
    if used:
        return IN_USE
    return STATES.get(last, Badge(text="Replaced"))


def versions(rows: Sequence[ModelVersion], *, link: Callable[[Any], str]) -> Table:
    """Return model versions, the newest first."""
    found = states(rows)
    return Table(
        slug="versions",
        caption="Model versions, the newest first",
        columns=(
            Column(label="Version", value=lambda row: row.pk, kind="integer", link=link),
            Column(label="Model", value=lambda row: model(row.name), link=link),
            Column(label="Forecasts", value=lambda row: KINDS[row.kind]),
            Column(label="Of", value=lambda row: row.deployment.name if row.deployment else row.line or None),
            Column(label="State", value=lambda row: found[row.pk], kind="badge"),
            Column(label="Data to", value=lambda row: row.created_timestamp, kind="time"),
            Column(label="Content", value=lambda row: row.artifact_hash, kind="hash"),
        ),
        rows=rows,
        shown=20,
        empty="No model was trained yet.",
    )


def against(version: ModelVersion) -> Table:
    """Return how a version did against its baseline out of sample, by horizon and asset."""
    scored = version.metrics.get("horizons") or {"": version.metrics.get("assets", [])}
    periods = [name for name in ("", *HORIZONS) if name in scored]
    return Table(
        slug="against",
        caption="Out of sample against the baseline, by horizon and asset",
        columns=(
            Column(label="Asset", value=lambda row: row[1]["symbol"]),
            Column(label="Ahead", value=lambda row: horizon(row[0]) or None),
            Column(label="Model", value=lambda row: row[1].get("model"), kind="number", help="Mean loss"),
            Column(label="Baseline", value=lambda row: row[1].get("baseline"), kind="number", help="Mean loss"),
            Column(label="Ratio", value=lambda row: row[1].get("ratio"), kind="number", help="Below 1 it is better"),
            Column(label="From", value=lambda row: row[1].get("low"), kind="number"),
            Column(label="To", value=lambda row: row[1].get("high"), kind="number", help="90 % block bootstrap"),
            Column(label="Worst", value=lambda row: row[1].get("worst"), kind="number", help="Largest single loss"),
            Column(label="Scored", value=lambda row: row[1].get("n"), kind="integer"),
            Column(label="Verdict", value=lambda row: _verdict(row[1]), kind="badge"),
        ),
        rows=[(period, row) for period in periods for row in scored[period]],
        shown=40,
        empty="This version was not scored.",
    )


def _verdict(row: Mapping[str, Any]) -> Badge:
    if row.get("ratio") is None:
        return Badge(text="Not compared")
    return Badge(text="Better", tone="good") if row.get("beats") else Badge(text="No better shown")


def states_of_data(rows: Sequence[Forecast]) -> dict[str, Freshness]:
    """Return by line whether the data that its newest forecasts were made from may still be published on."""
    newest = {row.model_version.line: row for row in sorted(rows, key=lambda row: row.made_at)}
    found = {}
    for line, row in newest.items():
        market = row.model_version.deployment
        found[line] = freshness.state(market) if market else freshness.imported(line, newest=row.made_at)
    return found


def spoken(rows: Sequence[Forecast]) -> Table:
    """Return the newest forecasts of versions that forecast fixed horizons, by asset."""
    told = [(row, asset, said) for row in rows for asset, said in row.body.get("assets", {}).items()]
    data = states_of_data([row for row, _, _ in told])
    return Table(
        slug="spoken",
        caption="Newest forecasts, by horizon and asset",
        columns=(
            Column(label="Asset", value=lambda row: row[1]),
            Column(label="Hours ahead", value=lambda row: row[0].horizon_hours, kind="integer"),
            Column(label="Volatility, a year", value=lambda row: row[2].get("volatility"), kind="percent"),
            Column(label="VaR 99 %, holders", value=lambda row: _fall(row[2].get("var99_long")), kind="percent"),
            Column(label="VaR 99 %, sellers", value=lambda row: _rise(row[2].get("var99_short")), kind="percent"),
            Column(
                label="Shortfall 97.5 %, holders", value=lambda row: _fall(row[2].get("es975_long")), kind="percent"
            ),
            Column(label="Model", value=lambda row: model(row[0].model_version.name)),
            Column(label="Of", value=lambda row: row[0].model_version.line),
            Column(label="Made", value=lambda row: row[0].made_at, kind="time"),
            Column(
                label="Data", value=lambda row: FRESH if data[row[0].model_version.line].fresh else STALE, kind="badge"
            ),
        ),
        rows=told,
        shown=40,
        empty="Nothing was forecast yet.",
        unit_note="Value at risk and shortfall are shares of the price, one day ahead; holders lose when it falls.",
    )


def _fall(loss: float | None) -> float | None:
    """Return the share of the price that a fall by ``loss``, a log return, takes."""
    return None if loss is None else -expm1(-loss)


def _rise(loss: float | None) -> float | None:
    return None if loss is None else expm1(loss)


def decisions(rows: Sequence[Decision]) -> Table:
    """Return what was decided about a version, the newest first."""
    return Table(
        slug="decisions",
        caption="Decisions, the newest first",
        columns=(
            Column(label="Decision", value=lambda row: DECISIONS[row.kind], kind="badge"),
            Column(label="Why", value=lambda row: row.reason),
            Column(label="By", value=lambda row: row.actor),
            Column(label="Data to", value=lambda row: row.moment, kind="time"),
            Column(label="Decided", value=lambda row: int(row.decided_at.timestamp()), kind="time"),
        ),
        rows=rows,
        empty="Nothing was decided about this version yet.",
    )


def record(rows: Sequence[Score]) -> Table:
    """Return how the version's published forecasts did, by asset."""
    assets: dict[str, list[Score]] = {}
    for row in rows:
        assets.setdefault(row.asset, []).append(row)
    return Table(
        slug="record",
        caption="Published forecasts whose outcome is known, by asset",
        columns=(
            Column(label="Asset", value=lambda row: row[0]),
            Column(label="Forecasts", value=lambda row: len(row[1]), kind="integer"),
            Column(label="Mean QLIKE", value=lambda row: fmean(score.qlike for score in row[1]), kind="number"),
            Column(label="Worst", value=lambda row: max(score.qlike for score in row[1]), kind="number"),
            Column(
                label="VaR 99 % passed",
                value=lambda row: sum(_passed(score) for score in row[1]),
                kind="integer",
                help="Forecasts whose outcome passed the value at risk of 99 %, on either side",
            ),
        ),
        rows=sorted(assets.items()),
        empty="No published forecast of this version has an outcome yet.",
    )


def outcomes(rows: Sequence[Score]) -> Chart:
    """Return realised over expected volatility of each published forecast: 1 is as expected."""
    points = [(score.known_at, sqrt(score.realised / score.expected), score) for score in rows if score.expected > 0]
    return Chart(
        title="What came, against what was said",
        summary="Realised volatility of each published forecast as a multiple of what was expected: 1 is as expected, "
        "2 is twice as turbulent.",
        table=Table(
            slug="outcomes",
            caption="Published forecasts and their outcomes, the newest first",
            columns=(
                Column(label="Known", value=lambda row: row[0], kind="time"),
                Column(label="Asset", value=lambda row: row[2].asset),
                Column(label="Horizon, hours", value=lambda row: row[2].forecast.horizon_hours, kind="integer"),
                Column(label="Expected", value=lambda row: _yearly(row[2].expected, row[2]), kind="percent"),
                Column(label="Realised", value=lambda row: _yearly(row[2].realised, row[2]), kind="percent"),
                Column(label="QLIKE", value=lambda row: row[2].qlike, kind="number"),
                Column(label="Return", value=lambda row: row[2].change, kind="change"),
            ),
            rows=points[::-1],
            shown=10,
            empty="No published forecast of this version has an outcome yet.",
            unit_note="Volatilities are annualised.",
        ),
        x=("", "time"),
        y=("Realised over expected", "number"),
        series=(Series(name="Outcomes", mark="points", tone="muted", data=[[at, ratio] for at, ratio, _ in points]),),
        rules=(Rule(axis="y", at=1.0, label="", tone="good"),) if points else (),
    )


def alarms(rows: Sequence[Alarm]) -> Table:
    """Return what is and was wrong with the line of a version, the newest first."""
    return Table(
        slug="alarms",
        caption="Alarms, the newest first",
        columns=(
            Column(label="Alarm", value=lambda row: ALARMS[row.kind]),
            Column(label="State", value=_open, kind="badge"),
            Column(label="Detail", value=lambda row: row.detail),
            Column(label="Seen", value=lambda row: row.times, kind="integer", help="How often"),
            Column(label="Since", value=lambda row: int(row.seen_at.timestamp()), kind="time"),
            Column(
                label="Over",
                value=lambda row: int(row.resolved_at.timestamp()) if row.resolved_at else None,
                kind="time",
            ),
        ),
        rows=rows,
        empty="Nothing was ever wrong with it.",
    )


def _passed(score: Score) -> bool:
    return any(hit for name, hit in score.hits.items() if name.startswith(VAR))


def _open(alarm: Alarm) -> Badge:
    return Badge(text="Over", tone="good") if alarm.resolved_at else Badge(text="Open", tone="bad")


def _yearly(variance: float, score: Score) -> float:
    return sqrt(variance * YEAR_HOURS / score.forecast.horizon_hours)
