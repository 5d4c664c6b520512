"""`manage.py forecast`: what may happen to a market from its latest snapshot on, or to imported prices."""

from __future__ import annotations

from math import expm1
from typing import Any

from django.core.management.base import CommandParser

from forecasting import fields, forecasts, freshness, gate, shadows, training
from forecasting.fields import split
from forecasting.models import Forecast
from forecasting.selectors import final_snapshot
from governance import deployments
from governance.errors import InputError, StaleData
from governance.management.base import BreakwaterCommand
from governance.models import Deployment


class Command(BreakwaterCommand):
    """Forecast volatility and losses."""

    help = (
        "Forecast each reserve's volatility and the market's bad debt from the newest final snapshot, or volatility "
        "and tails of imported assets (--source) with every model of their line; register what was said. Value at risk "
        "is told as a share of the price; --json has log returns (var99_long and so on), as they are registered."
    )
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to forecast."""
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="protocols to forecast (default: all)")
        parser.add_argument("--hours", type=int, default=forecasts.HORIZON_HOURS, help="horizon (default: %(default)s)")
        parser.add_argument("--paths", type=int, default=forecasts.PATHS, help="joint paths (default: %(default)s)")
        parser.add_argument("--seed", type=int, default=training.SEED, help="seed of all draws (default: %(default)s)")

        parser.add_argument("--source", default="", help="imported prices to forecast, in place of markets")
        parser.add_argument("--assets", default="", metavar="A,B", help="with --source: the assets of the line")
        parser.add_argument("--past", action="store_true", help="with --source: even if the data ended long ago")

    def handle(
        self,
        *,
        slugs: list[str],
        source: str,
        hours: int,
        paths: int,
        seed: int,
        assets: str,
        past: bool,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Forecast, register and report."""
        if source:
            self._source(source, split(assets), past=past)
            return
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

    def _source(self, source: str, assets: list[str], *, past: bool) -> None:
        field = fields.of_source(source=source, assets=assets)
        used = gate.in_use(field.line)
        if used is None:
            message = f"No model of {field.line} was trained yet; run `manage.py train --source {source}`."
            raise InputError(message, field="model", value=field.line)
        state = freshness.watch_imported(field.line, newest=field.moment)
        if not state.fresh and not past:
            raise StaleData(f"{state.sentence} To forecast from where it ends all the same, say --past.")
        rows = shadows.make(field)
        ours = [row for row in rows if row.model_version_id == used.pk]
        self.answer(
            {
                "line": field.line,
                "made_at": field.moment,
                "in_use": used.name,
                "forecasts": [{**_report(row), "name": row.model_version.name} for row in rows],
            },
            "\n".join([f"{field.line}, by {used.name}. {state.sentence}", *map(_variance_text, ours)]),
        )


def _variance_text(row: Forecast) -> str:
    lines = [f"  {row.horizon_hours} hours ahead:"]
    for asset, told in row.body["assets"].items():
        fall, rise = told.get("var99_long"), told.get("var99_short")
        tail = f", 99 % value at risk: falls {-100 * expm1(-fall):.1f} %" if fall is not None else ""
        short = f", rises {100 * expm1(rise):.1f} % of the price" if rise is not None else ""
        lines.append(f"    {asset:<6} volatility {100 * told['volatility']:.1f} % a year{tail}{short}")
    return "\n".join(lines)


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
