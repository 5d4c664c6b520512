"""The exhibits of tail risk in a backtest: the value at risk of each day, when it was passed, and calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Any

from forecasting.panels.league import SURE
from forecasting.panels.words import CHAMPION, FIELD, model
from governance.exhibits import Badge, Chart, Column, Getter, Rule, Series, Table
from governance.formatting import chance

type Scores = Mapping[str, Any]

YEAR = 365  # days with a market
SIDES = {"long": "Holders", "short": "Sellers"}
LEVEL = 0.01  # probability of a loss beyond the value at risk
SPANS = {"90": 90, "365": 365, "all": 0}  # days that the charts show; 0: all
SIGMAS = 1.96  # 95 % of a normal variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of one asset; returns are simple fractions, volatility is a fraction a year.

    ``long`` and ``short`` are the returns beyond which a holder, and a seller, lose more than the value at risk.
    """

    end: int
    change: float | None
    long: float | None
    short: float | None
    realised: float | None
    expected: float | None

    @property
    def passed(self) -> str:
        """The side on which the value at risk was passed, if any."""
        if self.change is None:
            return ""
        if self.long is not None and self.change < self.long:
            return "long"
        return "short" if self.short is not None and self.change > self.short else ""


def overview(result: Scores, *, asset: str, span: str) -> dict[str, object]:
    """Return the page's context for one asset of a backtest's result; ``span`` is a key of `SPANS`."""
    assets = list(result["assets"])
    asset = asset if asset in assets else assets[0]
    span = span if span in SPANS else "365"
    rows = list(days(result.get("series", {}).get(asset, {})))
    shown = rows[-SPANS[span] :] if SPANS[span] else rows
    risk = result.get("var99", {})
    return {
        "assets": assets,
        "asset": asset,
        "spans": [(key, f"{count} days" if count else "all days") for key, count in SPANS.items()],
        "span": span,
        "headline": headline(risk),
        "regime": result.get("regime", {}).get(asset),
        "returns": returns(shown, asset=asset),
        "exceptions": exceptions(rows, asset=asset),
        "volatility": volatility(shown, asset=asset),
        "pit": pit(result.get("pit", {}).get(asset, {}), asset=asset),
        "methods": methods(risk, share="1 %"),
        "shortfall": methods(result.get("var975_es", {}), share="2.5 %", slug="shortfall"),
        "basket": basket(result.get("basket", {}).get("var99", {})),
        "cells": cells(risk.get("by_cell", {}), assets=assets),
    }


def headline(risk: Scores) -> dict[str, object]:
    """Return the figures that decide, each None where it was not computed."""
    widths = risk.get("average_var", {})
    names = ("rate", "hits", "cells", "kupiec_rejections")
    return {name: risk.get(name) for name in names} | {
        "expected": risk["days"] * LEVEL if risk.get("days") else None,
        "width": widths.get(CHAMPION),
        "field": widths.get(FIELD),
    }


def days(series: Scores) -> Iterator[Day]:
    """Yield the days of one asset's series, oldest first."""
    columns = [series.get(name, []) for name in ("ends", "change", "var99_long", "var99_short", "realised")]
    for end, change, long, short, realised, expected in zip(*columns, series.get("champion_1d", []), strict=True):
        yield Day(
            end=int(end),
            change=_simple(change),
            long=_simple(None if long is None else -abs(long)),
            short=_simple(None if short is None else abs(short)),
            realised=_yearly(realised),
            expected=_yearly(expected),
        )


def returns(rows: Sequence[Day], *, asset: str) -> Chart:
    """Return each day's return between the values at risk of both sides, and the days that passed them."""
    return Chart(
        title=f"{asset}: returns and value at risk",
        summary="Each dot is a day's return; holders (below) and sellers (above) should lose more than the lines say "
        "on one day in a hundred. Diamonds are the days that passed them.",
        table=Table(
            slug="returns",
            caption=f"Daily return and value at risk of {asset}, the newest first",
            columns=(
                Column(label="Day to", value=lambda day: day.end, kind="time"),
                Column(label="Return", value=lambda day: day.change, kind="change"),
                Column(label="Lower limit", value=lambda day: day.long, kind="change", help="99 % VaR of holders"),
                Column(label="Upper limit", value=lambda day: day.short, kind="change", help="99 % VaR of sellers"),
                Column(label="Passed", value=_passed, kind="badge"),
            ),
            rows=rows[::-1],
            shown=10,
            empty="This backtest kept no daily series of this asset.",
        ),
        x=("", "time"),
        y=("Return of the day", "percent"),
        series=(
            Series(name="Return", mark="dots", tone="muted", data=_points(rows, "change")),
            Series(name="Holders", data=_points(rows, "long")),
            Series(name="Sellers", tone="third", data=_points(rows, "short")),
            Series(
                name="Passed", mark="points", tone="bad", data=[[day.end, day.change] for day in rows if day.passed]
            ),
        ),
        tall=True,
    )


def exceptions(rows: Sequence[Day], *, asset: str) -> Table:
    """Return the days that passed the value at risk, the newest first."""
    return Table(
        slug="exceptions",
        caption=f"Days on which {asset} passed its value at risk, the newest first",
        columns=(
            Column(label="Day to", value=lambda day: day.end, kind="time"),
            Column(label="Passed", value=_passed, kind="badge"),
            Column(label="Return", value=lambda day: day.change, kind="change"),
            Column(label="Limit", value=_limit, kind="change"),
            Column(
                label="Times the limit",
                value=lambda day: day.change / _limit(day) if _limit(day) else None,
                kind="number",
                help="How far beyond: 1 is just at the limit",
            ),
        ),
        rows=[day for day in reversed(rows) if day.passed],
        shown=20,
        empty="The value at risk was never passed.",
    )


def volatility(rows: Sequence[Day], *, asset: str) -> Chart:
    """Return what was expected of each day's volatility, and what came."""
    return Chart(
        title=f"{asset}: expected and realised volatility",
        summary="Volatility of each day as it was forecast from the days before it, and as it came; annualised.",
        table=Table(
            slug="daily-volatility",
            caption=f"Expected and realised volatility of {asset} by day, annualised, the newest first",
            columns=(
                Column(label="Day to", value=lambda day: day.end, kind="time"),
                Column(label="Expected", value=lambda day: day.expected, kind="percent"),
                Column(label="Realised", value=lambda day: day.realised, kind="percent"),
            ),
            rows=rows[::-1],
            shown=10,
            empty="This backtest kept no daily series of this asset.",
        ),
        x=("", "time"),
        y=("a year", "percent"),
        series=(
            Series(name="Realised", mark="dots", tone="ink", data=_points(rows, "realised")),
            Series(name="Expected", data=_points(rows, "expected")),
        ),
    )


def pit(found: Scores, *, asset: str) -> Chart:
    """Return how often what came fell into each part of the forecast distribution: ideally equally often."""
    counts = [int(count) for count in found.get("counts", [])]
    total = sum(counts)
    share = 1 / len(counts) if counts else 0.0
    spread = SIGMAS * sqrt(share * (1 - share) / total) if total else 0.0
    rows = [
        (f"{i * share:.0%} to {(i + 1) * share:.0%}", count / total, count) for i, count in enumerate(counts) if total
    ]
    verdict = "" if found.get("p") is None else f" Test of equal bars: {_chance(found['p'])}."
    return Chart(
        title=f"{asset}: calibration",
        summary="Where the returns fell in the distribution forecast for their day. Bars that all end at the middle "
        "line are perfect; a hump says that forecasts were too wide, a bowl that they were too narrow. Of a perfect "
        f"forecast, 95 of 100 bars would end between the outer lines.{verdict}",
        table=Table(
            slug="pit",
            caption=f"Returns of {asset} by part of the forecast distribution",
            columns=(
                Column(label="Part of the distribution", value=_at(0)),
                Column(label="Share of days", value=_at(1), kind="percent"),
                Column(label="Days", value=_at(2), kind="integer"),
            ),
            rows=rows,
            empty="This backtest did not score the distribution.",
        ),
        x=("Part of the forecast distribution", "category"),
        y=("Share of days", "percent"),
        series=(
            Series(name="Share of days", mark="bar", data=[[label.partition(" ")[0], at] for label, at, _ in rows]),
        ),
        rules=(
            Rule(axis="y", at=share, label="", tone="ink"),
            Rule(axis="y", at=share - spread, label="", tone="muted"),
            Rule(axis="y", at=share + spread, label="", tone="muted"),
        )
        if rows
        else (),
    )


def methods(risk: Scores, *, share: str, slug: str = "methods") -> Table:
    """Return how each method of the value at risk did, the best joint score first."""
    found = risk.get("methods", {})
    return Table(
        slug=slug,
        caption=f"Value at risk that should be passed on {share} of days, by method",
        columns=(
            Column(label="Method", value=lambda row: model(row[0])),
            Column(label="Passed", value=_of("hits"), kind="integer", help="Days and sides on which it was passed"),
            Column(label="Share", value=_of("rate"), kind="percent", help=f"Ideally {share}"),
            Column(
                label="Rejected",
                value=lambda row: _rejected(row[1].get("kupiec_rejections"), risk.get("cells")),
                help="On how many assets and sides Kupiec's test rejects the share (at 5 %)",
            ),
            Column(
                label="FZ0", value=_of("fz0"), kind="number", help="Joint loss of VaR and shortfall; lower is better"
            ),
            Column(label="Pinball", value=_of("pinball"), kind="number", help="Loss of the quantile; lower is better"),
            Column(
                label="Average VaR",
                value=_of("average_var"),
                kind="percent",
                help="Lower lets users borrow more, if the share is right",
            ),
        ),
        rows=sorted(found.items(), key=lambda row: (row[1].get("fz0") is None, row[1].get("fz0") or 0.0, row[0])),
        empty="No value at risk was scored.",
        marked=lambda row: "chosen" if row[0] == CHAMPION else "",
    )


def cells(found: Mapping[str, Scores], *, assets: Sequence[str]) -> Table:
    """Return by asset and side how often the value at risk was passed, and what the tests say."""
    return Table(
        slug="cells",
        caption="Coverage of the champion's 99 % value at risk, by asset and side",
        columns=(
            Column(label="Asset", value=_at(0)),
            Column(label="Side", value=lambda row: SIDES.get(row[1], row[1])),
            Column(label="Passed", value=lambda row: row[2].get("hits"), kind="integer"),
            Column(label="Share", value=lambda row: row[2].get("rate"), kind="percent", help="Ideally 1 %"),
            Column(
                label="Often enough", value=_test("kupiec"), kind="badge", help="Kupiec: as many as there should be"
            ),
            Column(
                label="Unclustered",
                value=_test("christoffersen"),
                kind="badge",
                help="Christoffersen: and not one after the other",
            ),
            Column(
                label="Unpredictable",
                value=_test("dynamic_quantile"),
                kind="badge",
                help="Dynamic quantile: and not to be foreseen from the days before",
            ),
            Column(
                label="Days of alarm",
                value=lambda row: row[2].get("aci", {}).get("alarms"),
                kind="integer",
                help="Adaptive conformal monitor: days on which losses had kept passing it; 0 when all is well",
            ),
        ),
        rows=[(asset, side, row) for asset in assets for side, row in sorted(found.get(asset, {}).items())],
        empty="No coverage was tested.",
        unit_note="A test rejects below p = 5 %; of twenty tests of a perfect forecast one does.",
    )


def basket(found: Mapping[str, Scores]) -> Table:
    """Return how the value at risk of a basket of equal parts did, by the way that the assets are joined."""
    return Table(
        slug="basket",
        caption="Value at risk, 99 %, of a basket of equal parts of all assets",
        columns=(
            Column(label="Method", value=lambda row: model(row[0])),
            Column(label="Side", value=lambda row: SIDES.get(row[1], row[1])),
            Column(label="Passed", value=lambda row: row[2].get("hits"), kind="integer"),
            Column(label="Share", value=lambda row: row[2].get("rate"), kind="percent", help="Ideally 1 %"),
            Column(label="Often enough", value=_test("kupiec"), kind="badge", help="Kupiec's test"),
            Column(label="FZ0", value=lambda row: row[2].get("fz0"), kind="number", help="Lower is better"),
            Column(label="Average VaR", value=lambda row: row[2].get("average_var"), kind="percent"),
        ),
        rows=[(name, side, row) for name, sides in sorted(found.items()) for side, row in sorted(sides.items())],
        empty="No basket was scored: it takes two assets.",
    )


def _test(name: str) -> Getter:
    def read(row: Any) -> Badge | None:  # noqa: ANN401 - a row of `cells`
        found = row[2].get(name)
        p = found.get("p") if isinstance(found, Mapping) else found
        if p is None:
            return None
        return Badge(text=_chance(p), tone="good" if p >= SURE else "warn")

    return read


def _chance(p: float) -> str:
    found = chance(p)
    return f"p {found}" if found.startswith("<") else f"p = {found}"


def _rejected(count: int | None, of: int | None) -> str | None:
    if count is None:
        return None
    return f"{count} of {of}" if of else str(count)


def _passed(day: Day) -> Badge | None:
    if not day.passed:
        return None
    return Badge(text=SIDES[day.passed], tone="bad")


def _limit(day: Day) -> float:
    return (day.long if day.passed == "long" else day.short) or 0.0


def _simple(change: float | None) -> float | None:
    return None if change is None else exp(change) - 1


def _yearly(variance: float | None) -> float | None:
    return None if variance is None else sqrt(variance * YEAR)


def _points(rows: Sequence[Day], name: str) -> list[list[object]]:
    return [[day.end, value] for day in rows if (value := getattr(day, name)) is not None]


def _of(name: str) -> Getter:
    return lambda row: row[1].get(name)


def _at(index: int) -> Getter:
    return lambda row: row[index]
