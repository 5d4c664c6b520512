"""`manage.py reproduce`: compute again what is registered, and compare to the byte."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from forecasting import reproducing
from forecasting.backtests import running
from forecasting.reproducing import Reproduction
from governance.errors import InputError
from governance.management.base import BreakwaterCommand


class Command(BreakwaterCommand):
    """Reproduce a model version or a backtest."""

    help = "Fit a model version, or compute a backtest, again from its registered data, and compare content hashes."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to compute, and with how many threads."""
        parser.add_argument("version", nargs="?", metavar="MODEL_VERSION", help="its number, or how its hash begins")
        parser.add_argument("--backtest", type=int, metavar="ID", help="a backtest instead of a model version")
        parser.add_argument("--threads", type=int, default=1, help="to compute with (default: %(default)s); same hash")

    def handle(self, *, version: str | None, backtest: int | None, threads: int, **_: Any) -> None:  # noqa: ANN401
        """Compute and compare; the exit status is 1 when something else came out.

        Raises
        ------
        InputError
            When it is not said what, or there is no such thing.
        ImplausibleData
            When what is stored was altered: then there is nothing to compare with.
        """
        if (version is None) == (backtest is None):
            message = "Say what to reproduce: manage.py reproduce MODEL_VERSION, or manage.py reproduce --backtest ID."
            raise InputError(message, field="version", value=version)
        with self.progress("computing again") as progress:
            if backtest is not None:
                found = reproducing.backtest(running.find(backtest), threads=threads, progress=progress)
            else:
                named = reproducing.find_version(str(version))
                found = reproducing.model(named, threads=threads, progress=progress)
        self.answer(found.as_dict(), _text(found))
        if not found.same:
            raise SystemExit(1)  # what differs was just said


def _text(found: Reproduction) -> str:
    how = f"{found.seconds:.1f} seconds, {found.threads} threads"
    if found.same:
        return f"The same, to the byte: {found.content_hash} ({how})."
    parts = f"; other arrays in {', '.join(found.differs)}" if found.differs else ""
    return f"Something else came out: {found.recomputed}, not {found.content_hash}{parts} ({how})."
