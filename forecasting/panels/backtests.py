"""The exhibits of backtests as jobs: what was asked for, how far it is, and what a finished one stands on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from forecasting.backtests import bench
from forecasting.models import BacktestRun
from governance.errors import ImplausibleData
from governance.exhibits import Badge, Column, Table, Tone
from governance.formatting import iso

TONES: dict[str, Tone] = {"queued": "info", "running": "info", "done": "good", "failed": "bad", "cancelled": "quiet"}


def overview(run: BacktestRun | None) -> dict[str, Any]:
    """Return what every page of a finished backtest says of it; None: none yet. An altered one is not shown."""
    if run is None:
        return {"run": None}
    try:
        bench.verify(run)
    except ImplausibleData as error:
        return {"run": None, "altered": error.message}
    result = run.result
    return {
        "run": run,
        "result": result,
        "since": day(result.get("from")),
        "until": day(result.get("to")),
        "command": f".venv/bin/python manage.py reproduce --backtest {run.pk}",
    }


def day(value: object) -> str:
    """Return a day as a date, whether it is given as text or as unix seconds."""
    return iso(int(value))[:10] if isinstance(value, int | float) else str(value or "")[:10]


def table(rows: Sequence[BacktestRun], *, link: Callable[[Any], str]) -> Table:
    """Return backtests, the newest first."""
    return Table(
        slug="backtests",
        caption="Backtests, the newest first",
        columns=(
            Column(label="№", value=lambda row: row.pk, kind="integer", link=link),
            Column(label="Kind", value=lambda row: row.kind, link=link),
            Column(
                label="State",
                value=lambda row: Badge(text=row.get_status_display(), tone=TONES[row.status]),
                kind="badge",
            ),
            Column(label="Progress", value=lambda row: row.progress / 100, kind="percent"),
            Column(label="Says", value=lambda row: row.error.partition("\n")[0] or row.message or None),
            Column(label="Data to", value=lambda row: row.dataset.last_timestamp, kind="time"),
            Column(label="Asked for", value=lambda row: int(row.queued_at.timestamp()), kind="time"),
            Column(label="Result", value=lambda row: row.content_hash or None, kind="hash"),
        ),
        rows=rows,
        shown=20,
        empty="No backtest was asked for yet.",
    )
