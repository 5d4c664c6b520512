"""The exhibits of early warnings: what is said now and why, and how well the model warned on days unseen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import exp, sqrt
from typing import Any

from forecasting.panels.features import feature
from forecasting.warners.selectors import Standing, Stored
from governance.exhibits import Badge, Chart, Column, Getter, Ink, Rule, Series, Table
from governance.formatting import compact, percent, usd

type Said = Mapping[str, Any]

HOUR, DAY = 3_600, 86_400
SIGMAS = 1.96  # 95 % of a normal variable
MODEL = "model"
FORECASTERS: Mapping[str, tuple[str, Ink]] = {
    MODEL: ("The model", "accent"),
    "boosted": ("Boosted trees, the challenger", "third"),
    "structural": ("What hangs below the price, alone", "fourth"),
    "persistence": ("Whether it just happened", "muted"),
    "recent": ("Liquidated in the last day", "ink"),
    "ewma": ("Volatility", "fifth"),
    "two_feature": ("Both: last day and volatility", "second"),
}
DRAWN = (MODEL, "boosted", "two_feature", "persistence")  # in the chart; the table has all
REASONS = 6


def overview(standings: Sequence[Standing], *, line: str) -> dict[str, object]:
    """Return what every line says now, and the reasons and record of the chosen one (empty: the first)."""
    chosen = next((one for one in standings if one.line == line), standings[0] if standings else None)
    return {
        "standings": [(one, said(one)) for one in standings],
        "chosen": chosen,
        "reasons": reasons(chosen.warning) if chosen and chosen.warning else None,
    }


def said(one: Standing) -> Badge:
    """Return in words whether a line warns: far above the usual is what it calls a warning."""
    if one.abstained or one.warning is None:
        return Badge(text="Abstains", tone="warn")
    times = one.warning.probability / one.warning.base_rate if one.warning.base_rate else 0.0
    if times >= 3:
        return Badge(text=f"{compact(times, digits=2)} times the usual", tone="bad")
    return Badge(text="Above the usual", tone="warn") if times >= 1.5 else Badge(text="As usual or below", tone="good")


def target_words(row: Said) -> str:
    """Return a target in words."""
    return f"at least {usd(row['usd'])} within {row['hours']} hours"


def reasons(warning: Stored) -> Table:
    """Return which features moved a warning, the strongest first."""
    return Table(
        slug="reasons",
        caption="What moved this warning",
        columns=(
            Column(label="Feature", value=lambda row: feature(row[0])),
            Column(label="Odds times", value=lambda row: exp(row[1]), kind="number", help="Above 1 raises the odds"),
            Column(label="Effect", value=_effect, kind="badge"),
            Column(label="Log odds", value=lambda row: row[1], kind="number"),
        ),
        rows=warning.reasons,
        shown=REASONS,
        empty="This model cannot tell its reasons.",
        unit_note="Compared with a usual hour.",
    )


def record(rows: Sequence[Stored]) -> Chart:
    """Return the warnings that were published, and what came of them."""
    came = [row for row in rows if row.happened]
    return Chart(
        title="What was said, and what came",
        summary="Every warning as it was published, hour by hour; marks are hours after which the target came true.",
        table=Table(
            slug="record",
            caption="Published warnings, the newest first",
            columns=(
                Column(label="At", value=lambda row: row.at, kind="time"),
                Column(label="Probability", value=lambda row: row.probability, kind="percent"),
                Column(label="Outcome", value=_outcome, kind="badge"),
                Column(label="Liquidated", value=lambda row: row.liquidated, kind="usd"),
                Column(label="Version", value=lambda row: row.version.pk, kind="integer"),
            ),
            rows=rows[::-1],
            shown=10,
            empty="Nothing was published yet.",
        ),
        x=("", "time"),
        y=("Probability", "percent"),
        series=(
            Series(name="Probability", data=[[row.at, row.probability] for row in rows]),
            Series(name="Came true", mark="points", tone="bad", data=[[row.at, row.probability] for row in came]),
        ),
    )


def tested(result: Said, *, target: str) -> dict[str, object]:
    """Return the exhibits of a backtest of warnings for one target (empty or unknown: the first)."""
    found = result["targets"]
    target = target if target in found else next(iter(found))
    row = found[target]
    return {
        "targets": [(name, target_words(one)) for name, one in found.items()],
        "target": target,
        "target_words": target_words(row),
        "scores": row,
        "model_scores": row.get(MODEL, {}),
        "reliability": reliability(row),
        "bins": bins(row),
        "curves": curves(row),
        "contest": contest(row, meaning=result.get("meaning", {})),
        "timeline": timeline(row, result.get("series", {}).get(target, {})),
        "episodes": episodes(row),
        "tried": tried(row.get("features") or []),
    }


def reliability(row: Said) -> Chart:
    """Return how often what was given a probability came true: ideally as often as it said."""
    rows = [(one, *_interval(one, hours=row["hours"])) for one in row.get("reliability", [])]
    return Chart(
        title="Do the probabilities hold?",
        summary="Hours by the probability that they were given, against the share after which it came true. On the "
        "broken line they hold exactly; the band is where 95 of 100 such samples would lie, counting hours that share "
        "their outcome once.",
        table=Table(
            slug="reliability",
            caption="Reliability of the model's probabilities",
            columns=(
                Column(label="Said, mean", value=lambda found: found[0]["forecast"], kind="percent"),
                Column(label="Came true", value=lambda found: found[0]["observed"], kind="percent"),
                Column(label="From", value=_at(1), kind="percent"),
                Column(label="To", value=_at(2), kind="percent"),
                Column(label="Hours", value=lambda found: found[0]["hours"], kind="integer"),
            ),
            rows=rows,
            empty="This backtest has no reliability.",
        ),
        x=("Probability that was said", "percent"),
        y=("Share that came true", "percent"),
        series=(
            Series(name="Exact", tone="muted", dashed=True, data=[[0.0, 0.0], [1.0, 1.0]]),
            Series(name="95 of 100", mark="band", data=[[one["forecast"], low, high] for one, low, high in rows]),
            Series(
                name="The model",
                mark="points",
                data=[[one["forecast"], one["observed"], f"{one['hours']:,} hours"] for one, *_ in rows],
            ),
        ),
        tall=True,
    )


def bins(row: Said) -> Chart:
    """Return how many hours were given each probability."""
    rows = row.get("reliability", [])
    return Chart(
        title="How often each is said",
        summary="Hours by the probability that they were given, on a scale of powers of ten: high ones are rare.",
        table=Table(
            slug="bins",
            caption="Hours by probability",
            columns=(
                Column(label="Said, mean", value=lambda found: found["forecast"], kind="percent"),
                Column(label="Hours", value=lambda found: found["hours"], kind="integer"),
            ),
            rows=rows,
            empty="This backtest has no reliability.",
        ),
        x=("Probability that was said", "category"),
        y=("Hours", "number"),
        series=(
            Series(name="Hours", mark="bar", data=[[percent(one["forecast"], digits=0), one["hours"]] for one in rows]),
        ),
        log_y=True,
        tall=True,
    )


def curves(row: Said) -> Chart:
    """Return precision at every recall, of the model and of what it has to beat."""
    found = row.get("curves", {})
    names = [name for name in DRAWN if found.get(name)]
    base = row.get("base_rate")
    return Chart(
        title="Warnings that hold, by share that is caught",
        summary="From left to right the alarm is set lower: more of what came is caught (recall), and fewer alarms "
        "hold (precision). Higher is better; chance alone stays on the ruled line.",
        table=Table(
            slug="curves",
            caption="Precision by recall",
            columns=(
                Column(label="Forecaster", value=lambda one: forecaster(one[0])),
                Column(label="Caught", value=_at(1), kind="percent"),
                Column(label="Alarms that hold", value=_at(2), kind="percent"),
            ),
            rows=[(name, *point) for name in FORECASTERS for point in found.get(name, [])],
            shown=10,
            empty="This backtest is from before curves were kept; run it again.",
        ),
        x=("Share of what came that is caught", "percent"),
        y=("Share of alarms that hold", "percent"),
        series=tuple(
            Series(name=FORECASTERS[name][0], tone=FORECASTERS[name][1], dashed=name != MODEL, data=found[name])
            for name in names
        ),
        rules=(Rule(axis="y", at=base, label="chance", tone="muted"),) if names and base is not None else (),
        tall=True,
    )


def contest(row: Said, *, meaning: Mapping[str, str]) -> Table:
    """Return how every forecaster did, the best ranking first."""
    rows = [(name, row[name]) for name in (*FORECASTERS, *sorted(set(meaning) - set(FORECASTERS))) if name in row]
    ranked = sorted(rows, key=lambda one: -(one[1].get("pr_auc") or 0.0))
    return Table(
        slug="contest",
        caption="The model against its challenger and the baselines",
        columns=(
            Column(label="Forecaster", value=lambda one: forecaster(one[0])),
            Column(label="PR-AUC", value=_score("pr_auc"), kind="number", help="Area under precision and recall"),
            Column(label="From", value=_bound("pr_auc", 0), kind="number"),
            Column(label="To", value=_bound("pr_auc", 1), kind="number", help="Of 90 in 100 draws of episodes"),
            Column(label="Brier skill", value=_score("brier_skill"), kind="percent", help="Above the plain share"),
            Column(label="From", value=_bound("brier_skill", 0), kind="percent"),
            Column(label="To", value=_bound("brier_skill", 1), kind="percent"),
            Column(label="Calibration error", value=_score("ece"), kind="percent"),
            Column(label="Episodes caught", value=_score("recall"), kind="percent", help="At 5 % of hours in alarm"),
            Column(label="Median lead", value=_score("median_lead_hours"), kind="number", help="Hours"),
        ),
        rows=ranked,
        empty="No forecaster was scored.",
        marked=lambda one: "chosen" if one[0] == MODEL else "",
    )


def timeline(row: Said, series: Said) -> Chart:
    """Return the highest probability of each day of the test, and the episodes that came."""
    days = list(zip(series.get("days", []), series.get("model", []), series.get("happened", []), strict=True))
    highest = {day: chance for day, chance, _ in days}
    caught = [one for one in row.get("timeline", []) if one["lead_hours"] is not None]
    missed = [one for one in row.get("timeline", []) if one["lead_hours"] is None]

    def places(found: Sequence[Said]) -> list[list[object]]:
        return [[one["from"], highest.get(one["from"] // DAY * DAY) or 0.0] for one in found]

    return Chart(
        title="Day by day",
        summary="The highest probability of each day, as told by the days before it, and the episodes in which the "
        "target came true: those that were warned of in time, and those that were not.",
        table=Table(
            slug="timeline",
            caption="Highest probability by day, the newest first",
            columns=(
                Column(label="Day", value=_at(0), kind="time"),
                Column(label="Highest probability", value=_at(1), kind="percent"),
                Column(label="Came true", value=lambda one: None if one[2] is None else bool(one[2]), kind="flag"),
            ),
            rows=days[::-1],
            shown=10,
            empty="This backtest kept no days.",
        ),
        x=("", "time"),
        y=("Highest probability of the day", "percent"),
        series=(
            Series(name="Probability", data=[[day, chance] for day, chance, _ in days if chance is not None]),
            Series(name="Warned of in time", mark="points", tone="good", data=places(caught)),
            Series(name="Not warned of", mark="points", tone="bad", data=places(missed)),
        ),
        tall=True,
    )


def episodes(row: Said) -> Table:
    """Return every episode of the test, with how long before it was warned of."""
    return Table(
        slug="episodes",
        caption="Episodes in which the target came true, the newest first",
        columns=(
            Column(label="From", value=lambda one: one["from"], kind="time", help="A warning would have been right"),
            Column(label="Reached", value=lambda one: one["reached"], kind="time", help="When the amount was reached"),
            Column(label="Liquidated", value=lambda one: one["liquidated"], kind="usd"),
            Column(label="Warning", value=_warned, kind="badge"),
            Column(label="Hours ahead", value=lambda one: one["lead_hours"], kind="integer"),
        ),
        rows=row.get("timeline", [])[::-1],
        shown=15,
        empty="This backtest is from before episodes were kept; run it again.",
    )


def tried(rows: Sequence[Said]) -> Table:
    """Return the extra features that were on trial, and whether past folds say that they help."""
    return Table(
        slug="tried",
        caption="Extra features on trial",
        columns=(
            Column(label="Feature", value=lambda row: feature(row["name"])),
            Column(
                label="Verdict",
                value=lambda row: Badge(text="Used", tone="good") if row["used"] else Badge(text="Not used"),
                kind="badge",
            ),
            Column(label="Hours known", value=lambda row: row["hours"], kind="integer"),
            Column(label="Folds", value=lambda row: row["folds"], kind="integer"),
            Column(label="t", value=lambda row: row["t"], kind="number", help="Gain over its standard error"),
            Column(label="Why", value=lambda row: row["why"]),
        ),
        rows=rows,
        shown=20,
        empty="No extra feature was on trial.",
    )


def forecaster(name: str) -> str:
    """Return what a forecaster is called on pages."""
    return FORECASTERS[name][0] if name in FORECASTERS else name.replace("_", " ")


def _interval(one: Said, *, hours: int) -> tuple[float, float]:
    """Return Wilson's interval of a bin's share, counting ``hours`` hours, which share their outcome, as one."""
    trials = max(one["hours"] / hours, 1.0)
    share = one["observed"]
    centre = share + SIGMAS**2 / (2 * trials)
    half = SIGMAS * sqrt(share * (1 - share) / trials + SIGMAS**2 / (4 * trials**2))
    scale = 1 + SIGMAS**2 / trials
    return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)


def _effect(row: tuple[str, float]) -> Badge:
    if abs(row[1]) < 0.01:
        return Badge(text="None")
    return Badge(text="Raises", tone="warn") if row[1] > 0 else Badge(text="Lowers", tone="good")


def _outcome(row: Stored) -> Badge:
    if row.happened is None:
        return Badge(text="Not known yet")
    return Badge(text="Came true", tone="bad") if row.happened else Badge(text="Did not come")


def _warned(one: Said) -> Badge:
    if one["lead_hours"] is None:
        return Badge(text="Missed", tone="bad")
    return Badge(text="In time", tone="good")


def _at(index: int) -> Getter:
    return lambda row: row[index]


def _score(name: str) -> Getter:
    return lambda row: row[1].get(name)


def _bound(name: str, at: int) -> Callable[[Any], object]:
    def read(row: Any) -> float | None:  # noqa: ANN401 - a row of `contest`
        found = row[1].get("interval", {}).get(name) or []
        return found[at] if found else None

    return read
