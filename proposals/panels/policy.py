"""The exhibits of the policy: each limit in the parameter's own unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance import formatting
from governance.domain.units import render
from governance.exhibits import Badge, Column, Table
from governance.protocols.base import ParameterSpec, flavours, plugin
from proposals.models import Policy

SECTIONS: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "safety",
        (
            (
                "max_lt_with_bonus_bps",
                "Threshold with bonus, at most",
                "bps",
                "At 100 % a liquidation would make the account worse.",
            ),
            ("min_buffer_bps", "LTV below the threshold by at least", "bps", "Room between borrowing and liquidation."),
            (
                "max_accounts_pushed",
                "Healthy accounts pushed into liquidation, at most",
                "count",
                "Accounts that a change alone would make liquidatable.",
            ),
            ("min_cap_use_bps", "Use of a cap before it is raised, at least", "bps", "A cap that does not bind stays."),
            ("max_data_age_seconds", "Oldest price", "seconds", "With older data the search abstains."),
            ("max_gap_seconds", "Longest gap in prices", "seconds", "With longer gaps the search abstains."),
        ),
    ),
    (
        "objective",
        (
            (
                "es99_weight",
                "Weight of tail losses",
                "count",
                "Dollars of borrowing power that a dollar less of stressed bad debt in the worst 1 % is worth.",
            ),
            (
                "borrower_loss_weight",
                "Weight of borrowers' losses",
                "count",
                "Dollars of borrowing power that a dollar less of expected loss to borrowers is worth.",
            ),
        ),
    ),
    (
        "search",
        (
            ("horizon_hours", "Horizon", "hours", "Length of each simulated future."),
            (
                "paths",
                "Simulated futures",
                "count",
                "The same ones for every candidate; the best is confirmed on others.",
            ),
            ("step_hours", "Step", "hours", "Between two looks of the liquidators at the market; fewer are harsher."),
            ("stress_bps", "Stress", "bps", "What every price move of the stressed futures is multiplied by."),
            ("confidence_bps", "Confidence", "bps", "Of the interval that a gain must clear."),
            ("resamples", "Bootstrap resamples", "count", "Behind that interval."),
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One sentence of the policy."""

    label: str
    value: str
    help: str


def policy(versions: Sequence[Policy]) -> dict[str, object]:
    """Return the page's context; ``versions`` are the newest first."""
    active = next((version for version in versions if version.active), None)
    body: Mapping[str, Any] = active.body if active else {}
    return {
        "active": active,
        "limits": parameters(body.get("parameters", {})),
        "sections": [(name, _limits(body.get(name, {}), fields)) for name, fields in SECTIONS] if active else [],
        "versions": _versions(versions),
    }


def parameters(rules: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return how far and how often each parameter may move."""
    specs = {spec.name: spec for flavour in flavours() for spec in plugin(flavour).parameters}
    return Table(
        slug="limits",
        caption="How far and how often each parameter may move",
        columns=(
            Column(
                label="Parameter",
                value=lambda row: formatting.capital(specs[row[0]].label) if row[0] in specs else row[0],
            ),
            Column(label="One proposal moves it by at most", value=lambda row: _step(row[1], specs.get(row[0]))),
            Column(label="Never outside", value=lambda row: _range(row[1], specs.get(row[0]))),
            Column(label="Rests for", value=lambda row: formatting.duration(row[1]["cooldown_seconds"])),
        ),
        rows=list(rules.items()),
    )


def _step(rule: Mapping[str, Any], spec: ParameterSpec | None) -> str:
    if rule["kind"] == "relative":
        return f"{render(rule['limit'], 'bps')} of its value"
    unit = spec.unit if spec else ""
    return f"{rule['limit'] / 100:g} percentage points" if unit in {"bps", "bonus_bps"} else f"{rule['limit']:,}"


def _range(rule: Mapping[str, Any], spec: ParameterSpec | None) -> str:
    if spec is None:
        return f"{rule['minimum']:,} to {rule['maximum']:,}"
    low = f"{rule['minimum']:,}" if spec.unit == "tokens" else render(rule["minimum"], spec.unit)
    return f"{low} to {render(rule['maximum'], spec.unit)}"


def _limits(values: Mapping[str, int], fields: Sequence[tuple[str, str, str, str]]) -> list[Limit]:
    return [
        Limit(label=label, value=_write(values[key], unit), help=text)
        for key, label, unit, text in fields
        if key in values
    ]


def _write(value: int, unit: str) -> str:
    if unit == "seconds":
        return formatting.duration(value)
    return {"bps": lambda: render(value, "bps"), "hours": lambda: f"{value:,} h"}.get(unit, lambda: f"{value:,}")()


def _versions(versions: Sequence[Policy]) -> Table:
    return Table(
        slug="versions",
        caption="Versions, the newest first",
        columns=(
            Column(label="Version", value=lambda row: str(row.version)),
            Column(label="Name", value=lambda row: row.name),
            Column(
                label="State",
                value=lambda row: Badge(text="In force", tone="good") if row.active else Badge(text="Superseded"),
                kind="badge",
            ),
            Column(label="Hash", value=lambda row: row.hash, kind="hash"),
            Column(label="Loaded", value=lambda row: int(row.created.timestamp()), kind="time"),
        ),
        rows=versions,
    )
