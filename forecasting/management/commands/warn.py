"""`manage.py warn`: the chance that much is liquidated within the next hours, which model says so, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser

from forecasting.backtests.cascade import AMOUNT, BOOKS, HORIZONS
from forecasting.backtests.cascade import KIND as BACKTEST
from forecasting.backtests.cascade import targets as targets_of
from forecasting.core.warning.events import Target
from forecasting.models import ModelVersion
from forecasting.warners import publishing, selectors
from forecasting.warners.plans import line_of
from forecasting.warning import Warned, warn
from governance.errors import DataError, InputError
from governance.management.base import BreakwaterCommand

SHOWN = 4  # reasons


class Command(BreakwaterCommand):
    """Warn, or abstain."""

    help = (
        "Say how probable large liquidations are within the next hours, which model says so and why; what registered "
        "models say now is stored and scored later. Abstains when the data is stale."
    )
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to read and what to foresee."""
        parser.add_argument("--source", default="", metavar="NAME", help="imported prices (default: the longest)")
        parser.add_argument("--liquidations", default="", metavar="A,B", help="imported liquidations (default: all)")
        parser.add_argument("--assets", default="", metavar="A,B", help="symbols; the first counts most")
        parser.add_argument("--funding", default="", metavar="A,B", help="imported funding (default: all; or none)")
        parser.add_argument("--books", default="", metavar="A,B", help=BOOKS)
        parser.add_argument("--horizons", default=HORIZONS, metavar="H,H", help="hours (default: %(default)s)")
        parser.add_argument("--usd", type=float, default=AMOUNT, help="amount to foresee (default: %(default).0f)")
        parser.add_argument(
            "--at", default="", metavar="TIME", help="what was known then (default: now); nothing is stored"
        )

    def handle(self, *, at: str, **options: Any) -> None:  # noqa: ANN401
        """Read and say; what is said of now by models of the registry is stored."""
        request, moment = BACKTEST.request(options), _moment(at)
        wanted = [line_of(request, target) for target in targets_of(request)]
        stored = [line for line in selectors.lines() if line in wanted] if moment is None else []
        failures = []
        for line in stored:
            try:
                publishing.publish(line)
            except DataError as error:  # the others may still be said
                failures.append(error)
        if failures:
            raise failures[0]
        found = warn(request, targets=targets_of(request), at=moment)
        told = {
            "at": found.at,
            "dataset": found.prepared.dataset.hash,
            "sources": found.prepared.sources,
            "warnings": {row.target.name: _data(row, stored=row.line in stored) for row in found.warnings},
        }
        self.answer(told, "\n".join([f"At {_shown(found.at)}:", *map(_line, found.warnings)]))


def _data(row: Warned, *, stored: bool) -> dict[str, object]:
    return {
        "hours": row.target.hours,
        "usd": row.target.usd,
        "probability": round(row.chance, 6),
        "base_rate": round(row.base, 6),
        "reasons": {name: round(value, 4) for name, value in row.reasons},
        "line": row.line,
        "version": None if row.version is None else _version(row.version),
        "stored": stored,
    }


def _version(version: ModelVersion) -> Mapping[str, object]:
    return {"id": version.pk, "name": version.name, "artifact_hash": version.artifact_hash}


def _line(row: Warned) -> str:
    why = ", ".join(f"{name} {value:+.2f}" for name, value in row.reasons[:SHOWN])
    who = "fitted for this answer; no model was registered then"
    if row.version is not None:
        who = f"version {row.version.pk}, {row.version.name}"
    moved = f"; log odds moved by {why}" if why else ""
    return f"  {_target(row.target)}: {100 * row.chance:.1f} % (usually {100 * row.base:.1f} %; {who}){moved}"


def _target(target: Target) -> str:
    return f"at least {target.usd:,.0f} USD liquidated within {target.hours} hours"


def _moment(text: str) -> int | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--at is {text}; write a time as 2021-05-19T06:00.", field="at", value=text) from error
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _shown(stamp: int) -> str:
    return datetime.fromtimestamp(stamp, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
