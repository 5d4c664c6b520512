"""The exhibits of a backtest's league: which model forecast volatility best, where, and by more than luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forecasting.panels.backtests import day
from forecasting.panels.words import CHAMPION, FIELD, HORIZONS, PLAIN, explained, horizon, model
from governance.exhibits import Badge, Chart, Column, Getter, Rule, Series, Table, Tone

type Scores = Mapping[str, Any]

SURE = 0.05  # two-sided, as the field tests
SET = 0.10  # a model leaves the 90 % confidence set below this p-value


def overview(result: Scores, *, period: str, asset: str) -> dict[str, object]:
    """Return the page's context for one horizon and one asset of a backtest's result.

    Parameters
    ----------
    result : mapping
        What `manage.py backtest volatility --json` prints.
    period : str
        A horizon, such as ``1d``; an unknown one becomes the first that was scored.
    asset : str
        An unknown one becomes the first.
    """
    periods = [name for name in HORIZONS if name in result["horizons"]]  # shortest first; JSON columns keep no order
    assets = list(result["assets"])
    period = period if period in periods else next((name for name in ("1d", *periods) if name in periods), "")
    asset = asset if asset in assets else assets[0]
    scores = result["horizons"].get(period, {})
    return {
        "periods": [(name, horizon(name)) for name in periods],
        "period": period,
        "period_name": horizon(period),
        "assets": assets,
        "asset": asset,
        "headline": headline(result, period=period),
        "means": means(result, period=period),
        "scores": whiskers(scores.get(asset, {}), asset=asset, period=period),
        "league": league(result, period=period, asset=asset),
        "matrix": matrix(scores, assets=assets),
        "left_out": left_out(result, period=period),
        "tests": tests(result.get("dm", {}).get(period, {}), assets=assets),
        "bias": bias(result.get("mincer_zarnowitz", {}).get(period, {}).get(asset, {}), asset=asset),
        "words": [(model(name), explained(name)) for name, _ in _ranked(result.get("mean", {}).get(period, {}))],
    }


def headline(result: Scores, *, period: str) -> dict[str, object]:
    """Return the figures that decide, each None where it was not computed."""
    rows = result.get("mean", {}).get(period, {})
    champion, field, plain = (rows.get(name, {}) for name in (CHAMPION, FIELD, PLAIN))
    wins = {rival: sure(result, period=period, rival=rival) for rival in (FIELD, PLAIN)}
    return {
        "field": _against(champion, field),
        "field_mean": _less(champion.get("mean_ratio")),
        "field_calm": _less(champion.get("without_worst_day")),
        "plain": _against(champion, plain),
        "worse": worse(result, period=period),
        "wins": wins,
    }


def sure(result: Scores, *, period: str, rival: str) -> list[str]:
    """Return the assets on which the champion beats ``rival`` by more than luck."""
    rows = result.get("dm", {}).get(period, {})
    name = f"{CHAMPION}_vs_{rival}"
    return [asset for asset in result["assets"] if _wins(rows.get(asset, {}).get(name, {}))]


def worse(result: Scores, *, period: str) -> list[str]:
    """Return the assets on which the champion's mean loss is above that of log-HAR."""
    found = []
    scores = result["horizons"].get(period, {})
    for asset in result["assets"]:
        ours, plain = (scores.get(asset, {}).get(name, {}).get("qlike") for name in (CHAMPION, PLAIN))
        if ours is not None and plain is not None and ours > plain:
            found.append(asset)
    return found


def means(result: Scores, *, period: str) -> Table:
    """Return every model's loss on the mean of the assets, the best first."""
    rows = result.get("mean", {}).get(period, {})
    inside, failed = result.get("mcs", {}).get(period, {}), result.get("not_converged", {}).get(period, {})
    return Table(
        slug="means",
        caption=f"Models by their mean loss over all assets, {horizon(period)} ahead",
        columns=(
            Column(label="Model", value=lambda row: model(row[0])),
            Column(
                label="Mean QLIKE", value=_of("qlike"), kind="number", help="Loss, mean over assets; lower is better"
            ),
            Column(
                label="Against GARCH-t",
                value=lambda row: _less(row[1].get("ratio")),
                kind="change",
                help="Ratio of the mean losses, less 1",
            ),
            Column(
                label="Mean of assets",
                value=lambda row: _less(row[1].get("mean_ratio")),
                kind="change",
                help="Each asset's ratio to GARCH-t, averaged: no asset counts for more",
            ),
            Column(
                label="Without worst days",
                value=lambda row: _less(row[1].get("without_worst_day")),
                kind="change",
                help="The same when each asset's worst day of each model is left out",
            ),
            Column(
                label="In confidence set",
                value=lambda row: _held(inside, row[0]),
                help="On how many assets the 90 % model confidence set keeps it: it may be the best there",
            ),
            Column(
                label="Fits not ended",
                value=lambda row: failed.get(row[0], 0),
                kind="integer",
                help="Fits whose search did not end by itself; GARCH then has no forecast",
            ),
        ),
        rows=_ranked(rows),
        empty="No model was scored at this horizon.",
        marked=lambda row: _mark(row[0]),
    )


def left_out(result: Scores, *, period: str) -> Table:
    """Return what was asked for and could not be compared at a horizon, and why."""
    return Table(
        slug="left-out",
        caption=f"Not compared, {horizon(period)} ahead",
        columns=(
            Column(label="Asset", value=lambda row: row["asset"]),
            Column(label="Model", value=lambda row: model(row["model"]) if row["model"] else "all"),
            Column(label="Why", value=lambda row: row["why"]),
        ),
        rows=[row for row in result.get("left_out", []) if row["horizon"] == period],
        empty="Every model was compared on every asset.",
    )


def league(result: Scores, *, period: str, asset: str) -> Table:
    """Return every model's losses on one asset, each with its interval, the best first."""
    inside = result.get("mcs", {}).get(period, {}).get(asset, {})
    return Table(
        slug="league",
        caption=f"League of {asset}, {horizon(period)} ahead",
        columns=(
            Column(label="Model", value=lambda row: model(row[0])),
            Column(label="QLIKE", value=_of("qlike"), kind="number", help="Mean loss; lower is better"),
            Column(label="From", value=_of("low"), kind="number"),
            Column(label="To", value=_of("high"), kind="number", help="Block-bootstrap interval of the mean"),
            Column(label="Median", value=_of("median"), kind="number", help="No single day decides it"),
            Column(label="Without worst day", value=_of("trimmed"), kind="number"),
            Column(label="Worst day", value=_of("worst"), kind="number", help="Largest loss of a single day"),
            Column(label="On", value=lambda row: day(row[1].get("worst_day")) or None),
            Column(
                label="In confidence set",
                value=lambda row: _badge(inside.get(row[0])),
                kind="badge",
                help="Whether it may be the best: the 90 % model confidence set",
            ),
            Column(label="Days", value=_of("n"), kind="integer"),
        ),
        rows=_ranked(result["horizons"].get(period, {}).get(asset, {})),
        empty="No model was scored here.",
        marked=lambda row: _mark(row[0]),
    )


def whiskers(scores: Scores, *, asset: str, period: str) -> Chart:
    """Return every model's mean loss on one asset with its interval."""
    rows = [row for row in _ranked(scores) if None not in (row[1].get("low"), row[1].get("high"))]
    groups = (
        ("Champion", "accent", [row for row in rows if row[0] == CHAMPION]),
        ("Baselines", "second", [row for row in rows if row[0] in {FIELD, PLAIN}]),
        ("Other models", "muted", [row for row in rows if row[0] not in {CHAMPION, FIELD, PLAIN}]),
    )
    field = scores.get(FIELD, {}).get("qlike")
    return Chart(
        title=f"{asset}: loss by model, {horizon(period)} ahead",
        summary="Mean loss of each model with its interval; further left is better. Intervals overlap more than the "
        "models differ, because all models miss the same days: the tests below compare them day by day.",
        table=Table(
            slug="scores",
            caption=f"Mean loss by model with its interval, {asset}",
            columns=(
                Column(label="Model", value=lambda row: model(row[0])),
                Column(label="QLIKE", value=_of("qlike"), kind="number"),
                Column(label="From", value=_of("low"), kind="number"),
                Column(label="To", value=_of("high"), kind="number"),
            ),
            rows=rows,
            empty="No model was scored here.",
        ),
        x=("QLIKE loss", "number"),
        y=("", "category"),
        series=tuple(
            Series(
                name=name,
                mark="interval",
                tone=tone,  # type: ignore[arg-type]
                data=[[row["low"], row["qlike"], row["high"], model(key)] for key, row in group],
            )
            for name, tone, group in groups
            if group
        ),
        rules=(Rule(axis="x", at=field, label="GARCH-t", tone="second"),) if field is not None and rows else (),
        zoom_x=True,
        tall=True,
    )


def matrix(scores: Scores, *, assets: Sequence[str]) -> Table:
    """Return each model's loss on each asset, relative to GARCH-t there."""
    ranked = (name for asset in assets for name, _ in _ranked(scores.get(asset, {})))
    names = list(dict.fromkeys(ranked))
    return Table(
        slug="matrix",
        caption="Loss by model and asset, against GARCH-t on the same asset",
        columns=(
            Column(label="Model", value=model),
            *(Column(label=asset, value=_cell(scores.get(asset, {})), kind="change") for asset in assets),
        ),
        rows=[name for name in names if name != FIELD],
        empty="No model was scored here.",
        unit_note="Below zero is better than GARCH-t.",
        marked=_mark,
    )


def tests(rows: Mapping[str, Scores], *, assets: Sequence[str]) -> Table:
    """Return by asset whether the champion beats a baseline by more than luck."""
    return Table(
        slug="tests",
        caption="Diebold-Mariano tests of the champion",
        columns=(
            Column(label="Asset", value=lambda row: row[0]),
            Column(label="Champion against", value=lambda row: model(row[1].partition("_vs_")[2])),
            Column(
                label="t", value=lambda row: row[2].get("t"), kind="number", help="Negative: the champion is better"
            ),
            Column(label="p", value=lambda row: row[2].get("p"), kind="chance", help="Two-sided"),
            Column(label="Verdict", value=lambda row: _verdict(row[2]), kind="badge"),
        ),
        rows=[(asset, name, test) for asset in assets for name, test in sorted(rows.get(asset, {}).items())],
        empty="No pair was tested at this horizon.",
        unit_note="Losses are compared day by day, with errors that allow for days that resemble their neighbours.",
    )


def bias(rows: Mapping[str, Scores], *, asset: str) -> Table:
    """Return by model how what came to one asset follows what was forecast: ideal are intercept 0 and slope 1."""
    return Table(
        slug="bias",
        caption=f"Mincer-Zarnowitz regressions of what came on what was forecast, {asset}",
        columns=(
            Column(label="Model", value=lambda row: model(row[0])),
            Column(label="Slope", value=lambda row: row[1].get("beta"), kind="number", help="Ideally 1"),
            Column(
                label="Explained",
                value=lambda row: row[1].get("r2"),
                kind="percent",
                help="Share of the variation of what came (R²)",
            ),
            Column(
                label="Came over said",
                value=lambda row: row[1].get("bias"),
                kind="number",
                help="Mean of what came over mean of what was forecast; ideally 1",
            ),
            Column(label="p", value=lambda row: row[1].get("p"), kind="chance", help="Of a forecast without bias"),
        ),
        rows=sorted(rows.items()),
        empty="Nothing was regressed at this horizon.",
        marked=lambda row: _mark(row[0]),
    )


def _ranked(rows: Scores) -> list[tuple[str, Scores]]:
    scored = [(name, row) for name, row in rows.items() if row.get("qlike") is not None]
    return sorted(scored, key=lambda row: (row[1]["qlike"], row[0]))


def _against(champion: Scores, rival: Scores) -> float | None:
    ours, theirs = champion.get("qlike"), rival.get("qlike")
    return None if ours is None or not theirs else ours / theirs - 1


def _less(ratio: float | None) -> float | None:
    return None if ratio is None else ratio - 1


def _wins(test: Scores) -> bool:
    return test.get("t") is not None and test["t"] < 0 and test.get("p", 1.0) < SURE


def _verdict(test: Scores) -> Badge:
    statistic, p = test.get("t"), test.get("p")
    if statistic is None or p is None:
        return Badge(text="Not testable")
    if p >= SURE:
        return Badge(text="No difference shown")
    return Badge(text="Better", tone="good") if statistic < 0 else Badge(text="Worse", tone="bad")


def _held(rows: Mapping[str, Scores], name: str) -> str | None:
    known = [found[name] for found in rows.values() if found.get(name) is not None]
    return f"{sum(p >= SET for p in known)} of {len(known)}" if known else None


def _badge(p: float | None) -> Badge | None:
    if p is None:
        return None
    tone: Tone = "good" if p >= SET else "quiet"
    return Badge(text="Inside" if p >= SET else "Outside", tone=tone)


def _cell(scores: Scores) -> Getter:
    field = scores.get(FIELD, {})
    return lambda name: _against(scores.get(name, {}), field)


def _of(name: str) -> Getter:
    return lambda row: row[1].get(name)


def _mark(name: str) -> str:
    return {CHAMPION: "chosen", FIELD: "baseline"}.get(name, "")
