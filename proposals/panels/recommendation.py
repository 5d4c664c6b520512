"""The exhibits of a recommendation: what would change, what it is worth, and everything else that was tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.domain.units import render
from governance.exhibits import Badge, Chart, Column, Getter, Ink, Series, Table, Tone, Value
from governance.formatting import capital
from governance.models import OnchainProposal
from governance.protocols.base import ParameterSpec, plugin
from proposals.models import Draft, Recommendation

type Json = Mapping[str, Any]

MEASURES: tuple[tuple[str, str, str, str], ...] = (
    ("capacity", "Borrowing power", "usd", "What all accounts together may borrow before anything moves."),
    (
        "probability_bad_debt",
        "Probability of bad debt",
        "percent",
        "Share of the simulated futures that end with bad debt.",
    ),
    ("expected_bad_debt", "Expected bad debt", "usd", "Mean bad debt over all simulated futures."),
    ("var95", "Value at risk, 95 %", "usd", "95th percentile of net insolvent debt over the simulated futures."),
    ("es99", "Expected shortfall, 99 %", "usd", "Mean bad debt of the worst 1 % of the simulated futures."),
    (
        "stressed_es99",
        "Expected shortfall under stress",
        "usd",
        "With every price move multiplied by the policy's stress.",
    ),
    (
        "lar95",
        "Liquidations at risk, 95 %",
        "usd",
        "95th percentile of the liquidated value over the simulated futures.",
    ),
    (
        "borrower_loss",
        "Expected loss to borrowers",
        "usd",
        "Mean of what liquidated borrowers lose to bonus and slippage.",
    ),
    ("objective", "Objective", "usd", "Borrowing power less the weighted losses; what the search maximises."),
)
STATUS_TONES: dict[str, Tone] = {"recommended": "good", "change_nothing": "quiet", "abstained": "warn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One parameter now and as recommended."""

    label: str
    unit: str
    before: int
    after: int
    help: str

    @property
    def changes(self) -> bool:
        """Say whether the recommendation moves it."""
        return self.before != self.after

    @property
    def before_text(self) -> str:
        """The value now, as a person reads it."""
        return render(self.before, self.unit)

    @property
    def after_text(self) -> str:
        """The recommended value, as a person reads it."""
        return render(self.after, self.unit)


def status(recommendation: Recommendation) -> Badge:
    """Return how the search ended."""
    return Badge(text=recommendation.get_status_display(), tone=STATUS_TONES[recommendation.status])


def carried_out_by(recommendation: Recommendation | None) -> OnchainProposal | None:
    """Return the proposal that was executed with the recommended values; None while there is none."""
    draft: Draft | None = getattr(recommendation, "draft", None)
    done = draft is not None and draft.status in {Draft.Status.EXECUTED, Draft.Status.SCORED}
    return draft.onchain if draft is not None and done else None


def specs(recommendation: Recommendation) -> tuple[ParameterSpec, ...]:
    """Return the parameters of the recommendation's protocol."""
    return plugin(recommendation.reserve.deployment.flavour).parameters


def settings(recommendation: Recommendation) -> list[Setting]:
    """Return every parameter now and as recommended; empty when the search abstained."""
    now, then = (side.get("parameters", {}) for side in (recommendation.baseline, recommendation.chosen))
    return [
        Setting(
            label=capital(spec.label),
            unit=spec.unit,
            before=int(now[spec.name]),
            after=int(then.get(spec.name, now[spec.name])),
            help=spec.help,
        )
        for spec in specs(recommendation)
        if spec.name in now
    ]


def recommended(recommendation: Recommendation | None) -> dict[str, int]:
    """Return the values that a recommendation names; empty when there is none."""
    return dict(recommendation.chosen.get("parameters", {})) if recommendation else {}


def measures(recommendation: Recommendation) -> Table:
    """Return what "change nothing" and the recommendation are worth, side by side."""
    now, then = (side.get("numbers") or {} for side in (recommendation.baseline, recommendation.chosen))
    rows = [(label, kind, now.get(key), then.get(key), text) for key, label, kind, text in MEASURES if key in now]
    return Table(
        slug="measures",
        caption="Change nothing and the recommendation, over the same simulated futures",
        columns=(
            Column(label="Measure", value=lambda row: row[0]),
            Column(label="Change nothing", value=lambda row: amount(row[1], row[2]), kind="mixed"),
            Column(label="Recommended", value=lambda row: amount(row[1], row[3]), kind="mixed"),
            Column(label="Meaning", value=lambda row: row[4]),
        ),
        rows=rows,
        empty="The search abstained before it simulated anything.",
    )


def amount(kind: str, value: float | None) -> object:
    """Return ``value`` wrapped so that its cell knows how to write it."""
    return None if value is None else (kind, value)


def candidates(recommendation: Recommendation) -> Table:
    """Return every candidate that was simulated, the baseline first."""
    rows = sorted(
        (entry for entry in recommendation.candidates if entry["numbers"]),
        key=lambda entry: (entry["index"] != 0, -float(entry["numbers"].get("gain_low", 0.0))),
    )
    chosen = recommendation.chosen.get("index", 0)
    return Table(
        slug="candidates",
        caption="Simulated candidates",
        columns=(
            Column(label="Candidate", value=lambda row: _name(row, chosen)),
            *_parameter_columns(recommendation),
            Column(label="Borrowing power", value=_number("capacity"), kind="usd"),
            Column(
                label="Stressed shortfall 99 %",
                value=tail,
                kind="usd",
                help="Mean bad debt of the worst 1 % of stressed futures",
            ),
            Column(label="Borrowers lose", value=_number("borrower_loss"), kind="usd"),
            Column(label="Gain", value=_number("gain"), kind="usd", help="Objective above change nothing"),
            Column(
                label="Gain at least",
                value=_number("gain_low"),
                kind="usd",
                help="Lower end of the interval on the search's futures",
            ),
        ),
        rows=rows,
        shown=12,
        marked=lambda row: "chosen" if row["index"] == chosen else "baseline" if row["index"] == 0 else "",
        empty="The search abstained before it simulated anything.",
        unit_note="On the futures of the search, which flatter the best; ordered by the lower end of the gain's "
        "interval. The recommended one was confirmed on other futures.",
    )


def rejected(recommendation: Recommendation) -> Table:
    """Return the candidates that a guardrail blocked, with the reason."""
    rows = [entry for entry in recommendation.candidates if not entry["admissible"]]
    return Table(
        slug="rejected",
        caption="Candidates that a guardrail blocked",
        columns=(
            Column(label="Candidate", value=lambda row: f"№ {row['index']}"),
            *_parameter_columns(recommendation),
            Column(label="Why not", value=lambda row: " ".join(finding["message"] for finding in row["rejected_by"])),
        ),
        rows=rows,
        shown=8,
        empty="No candidate was blocked.",
    )


def frontier(recommendation: Recommendation) -> Chart:
    """Return risk against borrowing power for every candidate."""
    rows = [entry for entry in recommendation.candidates if entry["numbers"]]
    chosen = recommendation.chosen.get("index", 0)
    groups: tuple[tuple[str, Ink, list[Json]], ...] = (
        ("Other candidates", "muted", [row for row in rows if row["index"] not in {0, chosen}]),
        ("Change nothing", "ink", [row for row in rows if row["index"] == 0]),
        ("Recommended", "accent", [row for row in rows if row["index"] == chosen and chosen != 0]),
    )
    return Chart(
        title="Risk against borrowing power",
        summary="Each point is one candidate over the same futures of the search: to the left is safer, "
        "higher lets people borrow more.",
        table=Table(
            slug="frontier",
            caption="Risk and borrowing power of each candidate",
            columns=(
                Column(label="Candidate", value=lambda row: _name(row, chosen)),
                Column(label="Stressed shortfall 99 %", value=tail, kind="usd"),
                Column(label="Borrowing power", value=_number("capacity"), kind="usd"),
            ),
            rows=rows,
            empty="The search abstained before it simulated anything.",
        ),
        x=("Bad debt in the worst 1 % of stressed futures", "usd"),
        y=("Borrowing power", "usd"),
        series=tuple(
            Series(name=name, tone=tone, mark="points", data=[_point(row, chosen) for row in group])
            for name, tone, group in groups
            if group
        ),
        tall=True,
        zoom_x=True,
        zoom_y=True,
    )


def responses(recommendation: Recommendation) -> Table:
    """Return the chosen candidate under the two borrower responses that bound the truth."""
    found: Mapping[str, Json] = recommendation.chosen.get("responses") or {}
    first, second = found.get("constant_amounts", {}), found.get("constant_health", {})
    return Table(
        slug="responses",
        caption="How borrowers react",
        columns=(
            Column(label="Measure", value=lambda row: row[0]),
            Column(label="They keep their amounts", value=lambda row: amount(row[1], row[2]), kind="mixed"),
            Column(label="They keep their health", value=lambda row: amount(row[1], row[3]), kind="mixed"),
        ),
        rows=[(label, kind, first.get(key), second.get(key)) for key, label, kind, _ in MEASURES if key in first],
        empty="Not simulated.",
    )


def listing(rows: Sequence[Recommendation], *, link: Callable[[Any], str]) -> Table:
    """Return recommendations as a list."""
    return Table(
        slug="recommendations",
        caption="Recommendations, the newest first",
        columns=(
            Column(label="Reserve", value=lambda row: row.reserve.symbol, link=link),
            Column(label="Result", value=status, kind="badge"),
            Column(label="Changes", value=headline),
            Column(label="Sure gain", value=lambda row: (row.chosen.get("numbers") or {}).get("gain_low"), kind="usd"),
            Column(label="Block", value=lambda row: row.snapshot.block_number, kind="block"),
            Column(label="Chain time", value=lambda row: row.created_timestamp, kind="time"),
        ),
        rows=rows,
    )


def headline(recommendation: Recommendation) -> str:
    """Return the changes in one line."""
    moves = [
        f"{entry.label} {entry.before_text} → {entry.after_text}" for entry in settings(recommendation) if entry.changes
    ]
    return "; ".join(moves) or "none"


def _parameter_columns(recommendation: Recommendation) -> tuple[Column, ...]:
    def reader(spec: ParameterSpec) -> Getter:
        return lambda row: Value(word=int(row["parameters"][spec.name]), unit=spec.unit)

    return tuple(Column(label=capital(spec.label), value=reader(spec), kind="value") for spec in specs(recommendation))


def _number(key: str) -> Getter:
    return lambda row: row["numbers"].get(key)


def _name(row: Json, chosen: int) -> str:
    if row["index"] == 0:
        return "Change nothing"
    return f"№ {row['index']}, recommended" if row["index"] == chosen else f"№ {row['index']}"


def _point(row: Json, chosen: int) -> list[object]:
    return [tail(row), row["numbers"]["capacity"], _name(row, chosen)]


def tail(row: Json) -> float:
    """Return the loss that the search weighed; recommendations of before stress was added have the plain one."""
    numbers: Mapping[str, float] = row["numbers"]
    return numbers.get("stressed_es99", numbers["es99"])
