"""`manage.py backtest`: models against data, as a job of the workers."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from forecasting.backtests import bench, keeping, running
from forecasting.backtests.base import kind as find_kind
from forecasting.backtests.base import kinds
from forecasting.models import BacktestRun
from forecasting.selectors import backtests
from governance.errors import InputError
from governance.management.base import BreakwaterCommand

MOST = 50  # runs in a list


class Command(BreakwaterCommand):
    """Ask for a backtest and follow it; list, show and cancel others."""

    help = "Judge models against data that they had not seen, in the Celery workers; the same question is one run."
    needs = ("database", "broker", "worker")
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the kinds, each with options of its own, and what can be done with a run."""
        parser.add_argument("--list", action="store_true", help=f"list the newest {MOST} backtests")
        parser.add_argument("--show", type=int, metavar="ID", help="show a backtest and its result")
        parser.add_argument("--cancel", type=int, metavar="ID", help="stop a backtest; what it has computed is kept")
        offered = parser.add_subparsers(dest="kind", metavar="KIND", help="what to judge; KIND --help has its options")
        for slug, kind in kinds().items():
            own = offered.add_parser(slug, help=kind.help, description=kind.help)
            kind.add_arguments(own)
            keeping.add_json(own)
            keeping.add_limits(own)

    def handle(self, *, kind: str | None, **options: Any) -> None:  # noqa: ANN401
        """Do what was asked.

        Raises
        ------
        InputError
            When nothing was.
        """
        if options["list"]:
            runs = list(backtests()[:MOST])
            self.answer(
                {"backtests": [keeping.row(run) for run in runs]}, "\n".join(map(_line, runs)) or "There is none yet."
            )
        elif options["show"] is not None:
            self._tell(running.find(options["show"], simulation=False))
        elif options["cancel"] is not None:
            run = running.cancel(running.find(options["cancel"], simulation=False).pk)
            self.answer(keeping.row(run), _line(run))
        elif kind is None:
            message = f"Say what to judge: manage.py backtest {' | '.join(kinds())} (each has --help)."
            raise InputError(message, field="kind", value=kind)
        else:
            self._run(kind, options)

    def _run(self, kind: str, options: dict[str, Any]) -> None:
        run = running.ask(kind, options, limit=options["limit"], shares=options["threads"])
        if run.status in BacktestRun.OPEN:
            self.say(f"Backtest {run.pk}; `manage.py backtest --cancel {run.pk}` stops it.")
        with self.progress(f"backtest {run.pk}") as progress:
            keeper = keeping.Keeper(progress, tell=self.say)
            self._tell(running.wait(run, progress=keeper, timeout=options["timeout"]))

    def _tell(self, run: BacktestRun) -> None:
        done = run.status == BacktestRun.Status.DONE
        if done:
            bench.verify(run)  # what was planted or altered is not printed
        text = find_kind(run.kind).text(run.result) if done else run.error
        self.answer({**keeping.row(run), **run.result}, f"{_line(run)}\n{text}".rstrip())


def _line(run: BacktestRun) -> str:
    return keeping.line(run, name=f"Backtest {run.pk} ({run.kind})")
