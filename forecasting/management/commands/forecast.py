"""`manage.py forecast`: what may happen to a market from its latest snapshot on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from forecasting import forecasts, training
from forecasting.models import Forecast
from forecasting.selectors import final_snapshot
from governance import deployments
from governance.errors import InputError
from governance.management.base import BreakwaterCommand
from governance.models import Deployment


class Command(BreakwaterCommand):
    """Forecast volatility and losses."""

    help = "Forecast each reserve's volatility and the market's bad debt from the newest final snapshot; register both."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to forecast."""
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="protocols to forecast (default: all)")
        parser.add_argument("--hours", type=int, default=forecasts.HORIZON_HOURS, help="horizon (default: %(default)s)")
        parser.add_argument("--paths", type=int, default=forecasts.PATHS, help="joint paths (default: %(default)s)")
        parser.add_argument("--seed", type=int, default=training.SEED, help="seed of all draws (default: %(default)s)")

    def handle(self, *, slugs: list[str], hours: int, paths: int, seed: int, **_: Any) -> None:  # noqa: ANN401
        """Forecast, register and report."""
        if hours < 1 or paths < forecasts.FEWEST_PATHS:
            raise InputError(f"Use at least 1 hour and {forecasts.FEWEST_PATHS} paths.", field="paths", value=paths)
        made: list[dict[str, object]] = []
        for deployment in deployments.select(slugs, kind=Deployment.Kind.PROTOCOL):
            snapshot = final_snapshot(deployment)
            if snapshot is None:
                message = f"{deployment.name} has no snapshot yet of a final block; run `manage.py collect`."
                raise InputError(message, field="snapshot", value=deployment.slug)
            rows = forecasts.publish(snapshot, horizon_hours=hours, paths=paths, seed=seed)
            made.extend({"deployment": deployment.slug, **_report(row)} for row in rows)
            self.say(f"{deployment.name}, {hours} hours from block {snapshot.block_number:,}:")
            for row in rows:
                self.say(_text(row))
        self.answer({"forecasts": made}, "" if made else "Nothing is watched yet; see manage.py watch --help.")


def _report(row: Forecast) -> dict[str, object]:
    return {
        "kind": row.kind,
        "reserve": row.reserve.symbol if row.reserve else None,
        "made_at": row.made_at,
        "block_number": row.block_number,
        "horizon_hours": row.horizon_hours,
        "model": row.model_version.artifact_hash,
        "body": row.body,
    }


def _text(row: Forecast) -> str:
    body = row.body
    if row.reserve is not None:
        low, middle, high = (100 * body["volatility"][body["levels"].index(level)] for level in (0.05, 0.5, 0.95))
        return f"  {row.reserve.symbol:<6} volatility {middle:.1f} % a year ({low:.1f} to {high:.1f} %)"
    debt = body["bad_debt"]
    return (
        f"  bad debt with probability {100 * debt['positive']['value']:.1f} %; 95th percentile"
        f" {debt['var95']['value']:,.0f} USD, mean of the worst 1 % {debt['es99']['value']:,.0f} USD;"
        f" liquidated (95th percentile) {body['liquidated']['var95']['value']:,.0f} USD"
    )
