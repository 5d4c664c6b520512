"""The exhibits of one finished simulation: its prices, its liquidation curve, its book, and every figure of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from forecasting.panels import burden, figures, heat, network, verdicts, waterfall
from governance.exhibits import Chart, Column, Getter, Kind, Series, Table

type Said = Mapping[str, Any]

LOSSES: Mapping[str, tuple[str, str]] = {
    "bad_debt": ("Bad debt", "Debt that the collateral no longer pays for at the horizon"),
    "liquidated": ("Liquidated", "Debt repaid by liquidators"),
}


def overview(result: Said, *, asset: str, metric: str) -> dict[str, object]:
    """Return the page's context for a result; ``asset`` is whose price is shown, ``metric`` what colours the maps."""
    symbols = [row["symbol"] for row in result["book"]["assets"]]
    moved = [symbol for symbol in symbols if symbol in result.get("prices", {}).get("assets", {})]
    asset = asset if asset in moved else _most_held(result, moved)
    book = result["book"]
    return {
        "scenario": result["scenario"],
        "kind_name": verdicts.KINDS.get(result["scenario"].get("kind", ""), "Scenario"),
        "book": book,
        "single": verdicts.single(result),
        "verdict": verdicts.verdict(result),
        "state": verdicts.state(result),
        "figures": list(figures.figures(result)),
        "assets": moved,
        "asset": asset,
        "prices": prices(result, asset=asset) if asset else None,
        "curve": curve(result.get("curve") or {}),
        "parties": burden.parties(result),
        "carriers": burden.carriers(result.get("contributions") or {}),
        "by_asset": burden.by_asset(result.get("contributions") or {}, symbols=symbols),
        "holdings": holdings(result),
        "protocols": burden.protocols(result),
        "contagion": burden.contagion(result.get("contagion") or {}),
        "measures": measures(result),
        **waterfall.overview(result.get("narrative") or {}),
        **network.overview(result.get("exposures") or {}),
        **heat.overview(result.get("heat") or {}, metric=metric),
    }


def prices(result: Said, *, asset: str) -> Chart:
    """Return what the price of one asset did, or how far its futures spread, before any liquidation."""
    found, hours = result["prices"]["assets"][asset], result["prices"]["hours"]
    rows = list(zip(hours, found["p05"], found["p50"], found["p95"], strict=True))
    spread = not verdicts.single(result)
    lines = [Series(name="Median" if spread else asset, data=[[hour, middle] for hour, _, middle, _ in rows])]
    if spread:
        lines.insert(0, Series(name="9 of 10 futures", mark="band", data=[[hour, a, c] for hour, a, _, c in rows]))
    return Chart(
        title=f"{asset}: price",
        summary="What the market does by itself, hour by hour; liquidations move it further."
        if spread
        else "The price that the scenario sets, hour by hour; liquidations move it further.",
        table=Table(
            slug="paths",
            caption=f"Price of {asset} by hour",
            columns=(
                Column(label="Hour", value=lambda row: f"{row[0]:g} h"),
                *((Column(label="5 %", value=_at(1), kind="usd"),) if spread else ()),
                Column(label="Median" if spread else "Price", value=_at(2), kind="usd"),
                *((Column(label="95 %", value=_at(3), kind="usd"),) if spread else ()),
            ),
            rows=rows,
            shown=12,
            empty="No prices were kept.",
        ),
        x=("Hours from the start", "number"),
        y=("USD", "usd"),
        series=tuple(lines),
        zoom_y=True,
    )


def curve(found: Said) -> Chart:
    """Return what a drop of all prices that move would liquidate, at once and for good."""
    rows = found.get("rows", [])
    assets = ", ".join(found.get("assets", []))
    lines: tuple[tuple[str, str, str], ...] = (
        ("Liquidatable at once", "liquidatable", "muted"),
        ("Without price impact", "without_impact", "second"),
        ("Liquidated", "liquidated", "accent"),
        ("Bad debt", "bad_debt", "bad"),
    )
    return Chart(
        title="If prices fell at once",
        summary=f"What a drop of {assets} that lasts comes to by the horizon, USD of debt. The gap between the two "
        "lines of what is liquidated is the spiral.",
        table=Table(
            slug="curve",
            caption="Liquidated and bad debt by price drop",
            columns=(
                Column(label="Drop", value=lambda row: row["drop"], kind="percent"),
                *(Column(label=name, value=_of(key), kind="usd") for name, key, _ in lines),
            ),
            rows=rows,
            empty="This simulation has no liquidation curve.",
        ),
        x=("Drop", "percent"),
        y=("USD", "usd"),
        series=tuple(
            Series(
                name=name,
                tone=tone,  # type: ignore[arg-type]
                dashed=key in {"liquidatable", "without_impact"},
                data=[[row["drop"], row[key]] for row in rows],
            )
            for name, key, tone in lines
        ),
    )


def holdings(result: Said) -> Table:
    """Return the assets of the book: how they were priced, how deep their market is, and what became of them."""
    seized, lost = result.get("seized") or {}, result.get("lost") or {}
    return Table(
        slug="holdings",
        caption="Assets of the book",
        columns=(
            Column(label="Asset", value=_of("symbol")),
            Column(label="Priced as", value=_of("priced_as")),
            Column(label="Price", value=_of("price"), kind="usd"),
            Column(label="Collateral", value=_of("collateral_usd"), kind="usd"),
            Column(label="Debt", value=_of("debt_usd"), kind="usd"),
            Column(label="Depth", value=_of("depth_usd"), kind="usd", help="USD of constant product; — from elsewhere"),
            Column(label="Depth from", value=lambda row: row.get("depth_from") or None),
            Column(label="LTV", value=_of("ltv"), kind="percent"),
            Column(label="Threshold", value=_of("lt"), kind="percent"),
            Column(label="Bonus", value=_of("lb"), kind="percent"),
            Column(label="Seized", value=lambda row: seized.get(row["symbol"]), kind="usd", help="Mean over futures"),
            Column(label="Bad debt", value=lambda row: lost.get(row["symbol"]), kind="usd", help="Mean over futures"),
        ),
        rows=result["book"]["assets"],
        shown=40,
    )


def measures(result: Said) -> Table:
    """Return every figure of the result with its interval."""
    return Table(
        slug="measures",
        caption="All figures with their intervals",
        columns=(
            Column(label="Figure", value=_at(0)),
            Column(label="Value", value=lambda row: (row[1], row[2]["value"]), kind="mixed"),
            Column(label="From", value=lambda row: (row[1], row[2]["low"]), kind="mixed"),
            Column(label="To", value=lambda row: (row[1], row[2]["high"]), kind="mixed"),
        ),
        rows=list(_measures(result)),
        shown=40,
        unit_note="Intervals hold the true value in about 95 of 100 simulations, that of ES99 only with 20 paths or"
        " more in the worst 1 %; they tell the error of drawing paths alone.",
    )


def _measures(result: Said) -> Iterator[tuple[str, Kind, Said]]:
    without = result.get("without_impact") or {}
    for key, (name, _) in LOSSES.items():
        yield from _summary(name, "usd", result[key])
        if key in without:
            yield from _summary(f"{name} without price impact", "usd", without[key])
    yield from _summary("Hours to clear", "number", result["clearing_hours"])
    singles: tuple[tuple[str, str, Kind], ...] = (
        ("cascade", "Chance of a cascade", "percent"),
        ("ruin", "Chance that the reserve is not enough", "percent"),
        ("backlog", "Debt that waits at the end", "usd"),
        ("toxic", "Toxic debt", "usd"),
        ("peak", "Largest debt that waited", "usd"),
    )
    for key, name, kind in singles:
        if result.get(key):
            yield name, kind, result[key]


def _summary(name: str, kind: Kind, found: Said) -> Iterator[tuple[str, Kind, Said]]:
    yield f"{name}: chance of any", "percent", found["positive"]
    for key, words in (("mean", "mean"), ("var95", "95th percentile"), ("es99", "mean of the worst 1 %")):
        yield f"{name}: {words}", kind, found[key]


def _most_held(result: Said, symbols: Sequence[str]) -> str:
    held = {row["symbol"]: row["collateral_usd"] for row in result["book"]["assets"]}
    return max(symbols, key=lambda symbol: held.get(symbol, 0.0), default="")


def _at(index: int) -> Getter:
    return lambda row: row[index]


def _of(name: str) -> Getter:
    return lambda row: row.get(name)
