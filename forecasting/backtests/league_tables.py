"""The result of a volatility backtest as tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from forecasting.backtests.base import Result

WIDTH = 110
SHOWN = ("kupiec_rejections", "christoffersen_rejections", "dq_rejections")


def text(result: Result) -> str:
    """Return one table a horizon, best model first, and those of the tails."""
    console = Console(width=WIDTH, force_terminal=False, highlight=False)
    with console.capture() as capture:
        days = f"{result['days']} days, {result['from']} to {result['to']}"
        console.print(f"{', '.join(result['assets'])} of {result.get('source', '?')}: {days}, UTC", markup=False)
        for horizon in result["horizons"]:
            console.print(_league(result, horizon))
        for sentence in remarks(result):
            console.print(sentence, markup=False)
        for name, title in (("var99", "Value at risk, 99 %"), ("var975_es", "Value at risk and shortfall, 97.5 %")):
            if result.get(name):
                console.print(_tails(result[name], title))
    return capture.get().rstrip()


def remarks(result: Result) -> list[str]:
    """Return what was left out, which fits did not end by themselves, and what the monitors say, in sentences."""
    found = [
        f"Left out at {row['horizon']}: {row['model'] or 'all models'} of {row['asset']}; {row['why']}."
        for row in result.get("left_out", [])
    ]
    for horizon, models in result.get("not_converged", {}).items():
        counts = ", ".join(f"{model} {count}" for model, count in models.items())
        found.append(f"Fits at {horizon} whose search did not end by itself: {counts}.")
    for asset, told in result.get("regime", {}).items():
        found.append(f"{asset} is {told['state']} (probability of turbulence {told['turbulence']:.0%}).")
    for asset, sides in result.get("var99", {}).get("by_cell", {}).items():
        for side, row in sides.items():
            if row.get("aci", {}).get("alarms"):
                level = max(row["aci"]["lowest"], 0.0)
                found.append(
                    f"Losses of {asset} {side} came too often: 1 % were covered where {level:.2%} was asked for."
                )
    return found


def _league(result: Result, horizon: str) -> Table:
    """Return the mean QLIKE of each model, and of each asset; smaller is better."""
    table = Table(box=box.SIMPLE, title=f"{horizon} ahead: mean QLIKE, smaller is better", title_justify="left")
    table.add_column("model")
    by_asset, means = result["horizons"][horizon], result["mean"].get(horizon, {})
    for name in ("all", "to garch_t", "no worst day", *by_asset):
        table.add_column(name, justify="right")
    for model, mean in sorted(means.items(), key=lambda item: item[1]["qlike"]):
        shares = [_percent(mean.get(name)) for name in ("ratio", "without_worst_day")]
        losses = [_loss(scores.get(model)) for scores in by_asset.values()]
        table.add_row(model, f"{mean['qlike']:.4f}", *shares, *losses)
    return table


def _tails(body: Mapping[str, Any], title: str) -> Table:
    expected = body.get("days", 0) * (0.01 if "99 %" in title else 0.025)
    about = f"{title}: {body.get('cells')} cells, {expected:.0f} hits expected; rejections at 5 %"
    table = Table(box=box.SIMPLE, title=about, title_justify="left")
    table.add_column("method")
    for name in ("hits", "rate", "Kupiec", "Christoffersen", "DQ", "FZ0", "average"):
        table.add_column(name, justify="right")
    for method, found in body.get("methods", {}).items():
        table.add_row(
            method,
            str(found["hits"]),
            f"{found['rate']:.2%}",
            *(str(found.get(name, "")) for name in SHOWN),
            f"{found['fz0']:.4f}",
            f"{found['average_var']:.2%}",
        )
    return table


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio - 1:+.1%}"


def _loss(score: Mapping[str, Any] | None) -> str:
    return "" if score is None else f"{score['qlike']:.4f}"
