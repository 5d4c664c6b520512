"""The exhibits of an outcome: what was forecast beside what happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from governance.exhibits import Badge, Column, Interval, Table, Value
from governance.formatting import capital
from proposals.models import Outcome

KINDS = {"usd": "usd", "share": "percent", "fraction": "percent", "percent": "percent", "bps": "bps", "": "number"}


def metrics(outcome: Outcome) -> Table:
    """Return each measure's forecast with its interval, and what happened."""

    def cell(key: str) -> Callable[[Any], object]:
        return lambda row: None if row.get(key) is None else (KINDS.get(row.get("unit", ""), "number"), row[key])

    return Table(
        slug="metrics",
        caption="Forecast and outcome",
        columns=(
            Column(label="Measure", value=lambda row: row["label"]),
            Column(label="Forecast", value=cell("forecast"), kind="mixed"),
            Column(label="From", value=cell("low"), kind="mixed"),
            Column(label="To", value=cell("high"), kind="mixed"),
            Column(label="Happened", value=cell("realised"), kind="mixed"),
            Column(label="Range", value=_interval, kind="interval"),
            Column(label="Verdict", value=_verdict, kind="badge"),
            Column(label="Note", value=lambda row: row.get("note") or None),
        ),
        rows=outcome.body.get("metrics", []),
    )


def parameters(outcome: Outcome) -> Table:
    """Return whether the parameters still are what was approved."""
    return Table(
        slug="parameters",
        caption="Parameters since execution",
        columns=(
            Column(label="Parameter", value=lambda row: capital(row["label"])),
            Column(
                label="Approved", value=lambda row: Value(word=int(row["expected"]), unit=row["unit"]), kind="value"
            ),
            Column(label="On chain", value=_actual, kind="value"),
            Column(label="Holds", value=lambda row: _yes(holds=row["holds"]), kind="badge"),
        ),
        rows=outcome.body.get("parameters", []),
    )


def listing(rows: Sequence[Outcome], *, link: Callable[[Any], str]) -> Table:
    """Return outcomes as a list."""
    return Table(
        slug="outcomes",
        caption="Outcomes, the newest first",
        columns=(
            Column(label="Proposal", value=lambda row: row.draft.title, link=link),
            Column(label="Forecasts that held", value=lambda row: score(row)[0], kind="badge"),
            Column(label="Scored at block", value=lambda row: row.block_number, kind="block"),
            Column(label="Chain time", value=lambda row: row.scored_at, kind="time"),
        ),
        rows=rows,
    )


def score(outcome: Outcome) -> tuple[Badge, int, int]:
    """Return how many of the forecasts held, in words and as numbers."""
    judged = [entry for entry in outcome.body.get("metrics", []) if entry.get("inside") is not None]
    held = sum(bool(entry["inside"]) for entry in judged)
    return Badge(text=f"{held} of {len(judged)}", tone="good" if held == len(judged) else "warn"), held, len(judged)


def _interval(row: Any) -> Interval:  # noqa: ANN401 - a JSON object
    return Interval(low=row["low"], middle=row["forecast"], high=row["high"], happened=row["realised"])


def _verdict(row: Any) -> Badge | None:  # noqa: ANN401 - a JSON object
    if row.get("inside") is None:
        return Badge(text="Not judged")
    return Badge(text="Inside", tone="good") if row["inside"] else Badge(text="Outside", tone="warn")


def _actual(row: Any) -> Value | None:  # noqa: ANN401 - a JSON object
    return None if row["actual"] is None else Value(word=int(row["actual"]), unit=row["unit"])


def _yes(*, holds: bool) -> Badge:
    return Badge(text="Holds", tone="good") if holds else Badge(text="Changed since", tone="warn")
