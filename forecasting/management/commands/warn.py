"""`manage.py warn`: the chance that much is liquidated within the next hours, and which features say so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser

from forecasting.backtests.cascade import AMOUNT, HORIZONS
from forecasting.backtests.cascade import KIND as BACKTEST
from forecasting.backtests.cascade import targets as targets_of
from forecasting.warning import Report, Warned, warn
from governance.errors import InputError
from governance.management.base import BreakwaterCommand

SHOWN = 4  # reasons


class Command(BreakwaterCommand):
    """Warn, or abstain."""

    help = "Say how probable large liquidations are within the next hours, and why; abstain when the data is stale."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to read and what to foresee."""
        parser.add_argument("--source", default="", metavar="NAME", help="imported prices (default: the longest)")
        parser.add_argument("--liquidations", default="", metavar="A,B", help="imported liquidations (default: all)")
        parser.add_argument("--assets", default="", metavar="A,B", help="symbols; the first counts most")
        parser.add_argument("--horizons", default=HORIZONS, metavar="H,H", help="hours (default: %(default)s)")
        parser.add_argument("--usd", type=float, default=AMOUNT, help="amount to foresee (default: %(default).0f)")
        parser.add_argument("--at", default="", metavar="TIME", help="what was known then (default: now)")

    def handle(self, *, at: str, **options: Any) -> None:  # noqa: ANN401
        """Read, learn and say."""
        request = BACKTEST.request(options)
        chosen = {name: request[name] for name in ("prices", "liquidations", "assets")}
        found = warn(chosen, targets=targets_of(request), at=_moment(at))
        self.answer(_data(found), "\n".join([f"At {_shown(found.at)}:", *map(_line, found.warnings)]))


def _data(found: Report) -> dict[str, object]:
    return {
        "at": found.at,
        "dataset": found.prepared.dataset.hash,
        "sources": found.prepared.sources,
        "warnings": {
            row.target.name: {
                "hours": row.target.hours,
                "usd": row.target.usd,
                "probability": round(row.chance, 6),
                "base_rate": round(row.base, 6),
                "reasons": {name: round(value, 4) for name, value in row.reasons},
            }
            for row in found.warnings
        },
    }


def _line(row: Warned) -> str:
    why = ", ".join(f"{name} {value:+.2f}" for name, value in row.reasons[:SHOWN])
    return (
        f"  at least {row.target.usd:,.0f} USD liquidated within {row.target.hours} hours: {100 * row.chance:.1f} %"
        f" (usually {100 * row.base:.1f} %); log odds moved by {why}"
    )


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
