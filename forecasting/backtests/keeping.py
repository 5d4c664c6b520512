"""What commands that ask for a run and follow it share: options, a worker that lives, the run as data and as a line."""

from __future__ import annotations

import time
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Callable

from forecasting.backtests import running
from forecasting.models import BacktestRun
from governance.management.base import Advance
from governance.services import supervisor
from governance.services.worker import Worker

ROUND = 5.0  # seconds between two looks at the worker


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


def add_limits(parser: ArgumentParser) -> None:
    """Add how many workers may share a run, and how long it may take."""
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


def add_json(parser: ArgumentParser) -> None:
    """Let ``--json`` stand behind the name of a subcommand, too; it must not overrule one that stands before it."""
    parser.add_argument("--json", action="store_true", default=SUPPRESS, help="print one JSON object instead of text")


def row(run: BacktestRun) -> dict[str, object]:
    """Return a run as JSON-ready data, without its result."""
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


def line(run: BacktestRun, *, name: str) -> str:
    """Return a run in one line; ``name`` is what it is called."""
    how = f"{run.status} at {run.progress} %" if run.status != BacktestRun.Status.DONE else f"done, {run.content_hash}"
    return f"{name}: {how}"
