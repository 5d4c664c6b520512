"""`manage.py relay`: the executor's process. It loads the ground floor alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import CommandParser
from django.db import InterfaceError, OperationalError, connection

from governance import executor
from governance.chain.client import default_client
from governance.errors import BreakwaterError
from governance.management.base import BreakwaterCommand
from governance.relay import RelayReport, StepOutcome
from governance.services.postgres import reason


class Command(BreakwaterCommand):
    """Run the executor."""

    help = "Queue and execute approved proposals when that becomes legal, and verify what they changed."
    needs = ("database", "node")
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add how long to run and what to leave out."""
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--once", action="store_true", help="do what is legal now, then end (the default)")
        mode.add_argument("--follow", action="store_true", help="go on until it is told to stop")
        parser.add_argument("--every", type=float, default=12.0, help="seconds between two looks with --follow")
        parser.add_argument("--patience", type=float, default=30.0, help="seconds to wait for each transaction")
        parser.add_argument("--dry-run", action="store_true", help="say what would be sent, and send nothing")

    def handle(self, *, follow: bool, every: float, patience: float, dry_run: bool, **_: Any) -> None:  # noqa: ANN401
        """Run one cycle, or many."""
        run = partial(
            executor.cycle, client=default_client(), signer=executor.signer(), patience=patience, dry_run=dry_run
        )
        if follow:
            self._follow(run, every=every)
        elif not (report := self._report(run())).ok:
            self.stderr.write("\n".join(report.failures))
            raise SystemExit(1)

    def _follow(self, run: Callable[[], RelayReport], *, every: float) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            try:
                self._report(run())
            except BreakwaterError as error:
                self.stderr.write(error.message)
            except (OperationalError, InterfaceError) as error:
                self.stderr.write(f"The database does not answer: {reason(error)}")
                connection.close()  # the next cycle opens a new one
            stop.wait(every)

    def _report(self, report: RelayReport) -> RelayReport:
        head = f"block {report.block_number}: " + ("paused" if report.paused else f"{len(report.outcomes)} open steps")
        self.answer(report.as_dict(), "\n".join([head, *map(_line, report.outcomes), *_verdict(report)]))
        self.stdout.flush()
        return report


def _line(outcome: StepOutcome) -> str:
    when = f", not before {outcome.not_before}" if outcome.status == "waiting" and outcome.not_before else ""
    who = f" by {outcome.done_by}" if outcome.done_by else ""
    detail = f" ({outcome.detail})" if outcome.detail else ""
    return (
        f"  {outcome.step} {outcome.proposal_id[:12]}…: {outcome.status}{who}{when}{detail} {outcome.tx_hash}".rstrip()
    )


def _verdict(report: RelayReport) -> list[str]:
    if not report.expectations_total:
        return []
    return [f"  {report.expectations_verified} of {report.expectations_total} expectations hold on chain"]
