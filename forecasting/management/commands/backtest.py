"""`manage.py backtest`: models against data, as a job of the workers."""

from __future__ import annotations

import time
from argparse import SUPPRESS
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandParser

from forecasting.backtests import bench, running
from forecasting.backtests.base import kind as find_kind
from forecasting.backtests.base import kinds
from forecasting.models import BacktestRun
from governance.errors import InputError
from governance.management.base import Advance, BreakwaterCommand
from governance.services import supervisor
from governance.services.worker import Worker

MOST = 50  # runs in a list
ROUND = 5.0  # seconds between two looks at the worker


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
            _add_common(own)

    def handle(self, *, kind: str | None, **options: Any) -> None:  # noqa: ANN401
        """Do what was asked.

        Raises
        ------
        InputError
            When nothing was.
        """
        if options["list"]:
            runs = list(BacktestRun.objects.defer("result")[:MOST])
            self.answer({"backtests": [_row(run) for run in runs]}, "\n".join(map(_line, runs)) or "There is none yet.")
        elif options["show"] is not None:
            self._tell(running.find(options["show"]))
        elif options["cancel"] is not None:
            run = running.cancel(options["cancel"])
            self.answer(_row(run), _line(run))
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
            keeper = Keeper(progress, tell=self.say)
            self._tell(running.wait(run, progress=keeper, timeout=options["timeout"]))

    def _tell(self, run: BacktestRun) -> None:
        done = run.status == BacktestRun.Status.DONE
        if done:
            bench.verify(run)  # what was planted or altered is not printed
        text = find_kind(run.kind).text(run.result) if done else run.error
        self.answer({**_row(run), **run.result}, f"{_line(run)}\n{text}".rstrip())


class Keeper:
    """Shows progress, and starts the worker again when it has died while somebody waits for it."""

    def __init__(self, advance: Advance, *, tell: Callable[[str], None]) -> None:
        self._advance = advance
        self._tell = tell
        self._due = time.monotonic() + ROUND

    def __call__(self, done: int, total: int, text: str) -> None:
        """Take progress."""
        self._advance(done, total, text)
        if time.monotonic() >= self._due:
            if not Worker().status().running:
                supervisor.ensure("worker", tell=self._tell)
            self._due = time.monotonic() + ROUND


def _add_common(parser: CommandParser) -> None:
    # The main parser has it too, and says no when it stands before the kind; this one must not overrule that.
    parser.add_argument("--json", action="store_true", default=SUPPRESS, help="print one JSON object instead of text")
    parser.add_argument(
        "--threads", type=int, default=2, help="workers that may share the work (default: %(default)s); same result"
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=running.LIMIT,
        help="seconds from its start after which it is stopped (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout", type=float, default=float(running.LIMIT), help="seconds to wait (default: %(default).0f)"
    )


def _row(run: BacktestRun) -> dict[str, object]:
    return {
        "id": run.pk,
        "kind": run.kind,
        "status": run.status,
        "progress": run.progress,
        "message": run.message,
        "error": run.error,
        "request": run.request,
        "dataset": run.dataset.hash,
        "code_version": run.code_version,
        "seconds": (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None,
        "content_hash": run.content_hash,
    }


def _line(run: BacktestRun) -> str:
    how = f"{run.status} at {run.progress} %" if run.status != BacktestRun.Status.DONE else f"done, {run.content_hash}"
    return f"Backtest {run.pk} ({run.kind}): {how}"
