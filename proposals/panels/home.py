"""The overview: where the market stands, what may happen to it, and what waits for a decision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.urls import reverse

from forecasting import selectors as history
from forecasting.models import Forecast, Snapshot, TrainingRun
from forecasting.panels import accounts, forecasts, liquidations, market
from governance import formatting
from governance import selectors as onchain
from governance.completeness import stopping
from governance.domain.lifecycle import SETTLED
from governance.domain.units import WAD
from governance.models import OnchainProposal
from governance.overview import Collected, collected, proposal_title
from proposals import selectors
from proposals.models import Recommendation
from proposals.panels import outcome as outcomes
from proposals.panels import recommendation as recommendations
from proposals.panels.proposal import bar, state

DAY = 86_400
WINDOWS = (1, 7, 30, 90)
OLD_SNAPSHOT = 6 * 3_600
OLD_MODEL = 14 * DAY
NEARLY_FULL = 0.95
RECOMMENDATIONS = 4  # lines that the page gives them, unless more changes wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that a person should look at, and where."""

    level: Literal["bad", "warn", "info"]
    message: str
    href: str


def days(text: str) -> int:
    """Return the window that a visitor chose; anything else is 30 days."""
    return int(text) if text.isascii() and text.isdigit() and int(text) in WINDOWS else 30


def overview(*, days: int) -> dict[str, object]:
    """Return the page's context; a window of ``days`` for everything that is a change."""
    deployment = history.protocols().first()
    snapshot = history.latest_snapshot(deployment) if deployment else None
    context: dict[str, object] = {"days": days, "windows": WINDOWS, "snapshot": snapshot, "decisions": decisions()}
    if deployment is None or snapshot is None:
        return context
    rows = market.lines(snapshot, days=days)
    borrowers = list(history.accounts_by_health(snapshot))
    happened = [row for row in history.liquidations(deployment) if row.timestamp > snapshot.timestamp - days * DAY]
    cascade = next(iter(forecasts.newest(deployment, kind="cascade")), None)
    return context | {
        "totals": history.market_totals(snapshot),
        "happened": liquidations.total(happened),
        "cascade": cascade,
        "reserves": market.brief(rows, days=days, link=lambda row: reverse("market", args=[row.state.reserve_id])),
        "histogram": accounts.histogram(borrowers),
        "liquidations": liquidations.by_day(happened),
        "alerts": list(alerts(snapshot, lines=rows, cascade=cascade)),
        "recommendations": latest_recommendations(),
        "outcome": latest_outcome(),
    }


def decisions() -> list[dict[str, object]]:
    """Return the proposals that are not over, each with its bar."""
    rows = [row for row in onchain.proposals()[:50] if row.state not in SETTLED]
    return [_decision(row) for row in rows]


def _decision(row: OnchainProposal) -> dict[str, object]:
    tally = onchain.tally(row)
    return {
        "proposal": row,
        "title": proposal_title(row.description),
        "state": state(row),
        "tally": tally,
        "bar": bar(tally),
    }


def latest_recommendations() -> list[dict[str, Any]]:
    """Return each reserve's newest recommendation in a line: all changes that wait, then the newest of the others."""
    lines = [_line(row) for row in selectors.newest_recommendations()]
    waiting = [line for line in lines if line["waits"]]
    others = [line for line in lines if not line["waits"]]
    return waiting + others[: max(RECOMMENDATIONS - len(waiting), 0)]


def _line(row: Recommendation) -> dict[str, Any]:
    done = recommendations.carried_out_by(row)
    return {
        "row": row,
        "status": recommendations.status(row),
        "headline": recommendations.headline(row),
        "carried_out_by": done,
        "waits": row.status == Recommendation.Status.RECOMMENDED and done is None,
    }


def latest_outcome() -> dict[str, Any] | None:
    """Return the newest outcome in a line, or None when there is none."""
    row = selectors.outcomes().first()
    return {"row": row, "badge": outcomes.score(row)[0]} if row else None


def alerts(snapshot: Snapshot, *, lines: Sequence[market.Line], cascade: Forecast | None) -> Iterator[Alert]:
    """Yield what a person should look at, the worst first."""
    if stopping():
        message = "Blocks are missing from what was collected, so nothing new can be concluded."
        yield Alert(level="bad", message=message, href=f"{reverse('status')}#faults-title")
    yield from _executor()
    yield from _liquidatable(snapshot)
    yield from _age(snapshot, collected(), cascade)
    yield from _caps(lines)
    failed = TrainingRun.objects.order_by("-pk").first()
    if failed and failed.status == TrainingRun.Status.FAILED:
        yield Alert(level="warn", message="The last training of a model failed.", href=reverse("forecasts"))


def _executor() -> Iterator[Alert]:
    found = onchain.executor()
    if found.expectations_verified < found.expectations_total:
        wrong = found.expectations_total - found.expectations_verified
        yield Alert(
            level="bad",
            message=f"Expectations that do not hold on chain after execution: {wrong}.",
            href=reverse("executor"),
        )
    if found.failed:
        yield Alert(
            level="bad",
            message=f"The executor was refused {found.failed} times and needs a person.",
            href=reverse("executor"),
        )


def _liquidatable(snapshot: Snapshot) -> Iterator[Alert]:
    rows = list(history.accounts_at_risk(snapshot, below=WAD))
    if rows:
        debt = formatting.usd8(sum(int(row.debt_base) for row in rows))
        noun = "account" if len(rows) == 1 else "accounts"
        yield Alert(
            level="bad", message=f"{len(rows)} {noun} owing {debt} can be liquidated now.", href=reverse("accounts")
        )


def _age(snapshot: Snapshot, head: Collected | None, cascade: Forecast | None) -> Iterator[Alert]:
    now = head.timestamp if head else snapshot.timestamp
    if now - snapshot.timestamp > OLD_SNAPSHOT:
        age = formatting.duration(now - snapshot.timestamp)
        yield Alert(
            level="warn", message=f"The book shown here is {age} behind the collected head.", href=reverse("status")
        )
    if cascade is None:
        yield Alert(
            level="warn", message="No model was trained yet, so no loss is forecast.", href=reverse("forecasts")
        )
    elif now - cascade.made_at > OLD_MODEL:
        age = formatting.duration(now - cascade.made_at)
        yield Alert(level="warn", message=f"The newest forecast is {age} old.", href=reverse("forecasts"))


def _caps(lines: Sequence[market.Line]) -> Iterator[Alert]:
    for line in lines:
        for side in ("supply", "borrow"):
            used = market.cap_use(line.state, side)
            if used is not None and used >= NEARLY_FULL:
                text = f"{line.state.reserve.symbol}: {formatting.percent(used)} of the {side} cap is used."
                yield Alert(level="info", message=text, href=reverse("market", args=[line.state.reserve_id]))
