"""`manage.py collect`: bring history up to date, once or from now on."""

from __future__ import annotations

import getpass
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandParser
from django.db import InterfaceError, OperationalError, connection

from forecasting import rounds
from forecasting.rounds import Outcome, Plan
from governance import audit, deployments
from governance.chain.client import Client, default_client
from governance.chain.reorgs import accept_reorg
from governance.errors import BreakwaterError, InputError
from governance.management.base import Advance, BreakwaterCommand, Meter, prepare
from governance.models import Chain, Deployment
from governance.services.postgres import reason


class Command(BreakwaterCommand):
    """Collect history."""

    help = "Collect blocks, logs, prices, parameter changes and liquidations, and take a snapshot of every book."
    needs = ("database", "node")
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to collect, up to where, and how."""
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="deployments to collect (default: all)")
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--once", action="store_true", help="end when history is up to date (the default)")
        mode.add_argument("--follow", action="store_true", help="go on until it is told to stop")
        parser.add_argument(
            "--to", type=int, metavar="BLOCK", help="stop at this block (default: the head that FOLLOW names)"
        )
        parser.add_argument(
            "--every", type=float, default=12.0, metavar="SECONDS", help="seconds between two rounds with --follow"
        )
        parser.add_argument(
            "--workers", type=int, metavar="N", help="spread a long backlog over N tasks of Celery's workers"
        )
        parser.add_argument("--no-snapshot", action="store_true", help="do not rebuild the books")
        parser.add_argument(
            "--accept-reorg",
            action="store_true",
            help="take back what a reorganisation deeper than REORG_LIMIT has orphaned, then collect",
        )

    def handle(self, *, slugs: list[str], follow: bool, **options: Any) -> None:  # noqa: ANN401
        """Collect, snapshot and report; once, or round after round."""
        _check(follow=follow, **options)
        frozen = "never" if options["no_snapshot"] else "due" if follow else "always"
        plan = Plan(to_block=options["to"], workers=options["workers"] or 0, snapshots=frozen)
        if plan.workers:
            prepare(("worker",), tell=self.say)
        client = default_client()
        if options["accept_reorg"]:
            self._accept(deployments.select(slugs))
        if follow:
            self._follow(slugs, client=client, plan=plan, every=options["every"])
        elif not self._once(slugs, client=client, plan=plan):
            raise SystemExit(1)  # what failed was just said

    def _once(self, slugs: list[str], *, client: Client, plan: Plan) -> bool:
        outcomes = []
        for outcome in rounds.run(deployments.select(slugs), client=client, plan=plan, show=self._show):
            outcomes.append(outcome)
            self.say(_line(outcome))
        if self.as_json or not outcomes:
            self.answer(_summary(outcomes), "Nothing is watched yet; see manage.py watch --help.")
        if silent := _silent(client):
            self.say(silent)
        return all(outcome.complete for outcome in outcomes)

    def _follow(self, slugs: list[str], *, client: Client, plan: Plan, every: float) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        said = ""
        try:
            while True:
                said = self._round(slugs, client=client, plan=plan, said=said)
                threading.Event().wait(every)
        except KeyboardInterrupt:
            self.say("Stopped; everything that has landed stays.")

    def _round(self, slugs: list[str], *, client: Client, plan: Plan, said: str) -> str:
        """Do one round, whatever happens; return the trouble that was told, which is not told twice in a row."""
        trouble = ""
        try:
            selected = deployments.select(slugs)
            outcomes = list(rounds.run(selected, client=client, plan=plan, show=self._show))
            self.answer(_summary(outcomes), _round_line(outcomes))
            failed = (_line(outcome) for outcome in outcomes if not outcome.complete)
            trouble = "\n".join(filter(None, (*failed, _silent(client))))
        except BreakwaterError as error:
            trouble = error.message
        except (OperationalError, InterfaceError) as error:
            trouble = f"The database does not answer: {reason(error)}"
            connection.close()  # the next round opens a new one
        if trouble and trouble != said:
            self.stderr.write(trouble)
        elif said and not trouble:
            self.say("All is well again.")
        self.stdout.flush()
        return trouble

    @contextmanager
    def _show(self, deployment: Deployment, target: int) -> Iterator[Advance]:
        """Show how far one deployment is, how fast it goes and how long it will take."""
        with self.progress(f"{deployment.name} to block {target:,}") as advance:
            yield Meter(advance)

    def _accept(self, selected: Sequence[Deployment]) -> None:
        for chain in Chain.objects.filter(deployments__in=selected).distinct():
            if blocks := accept_reorg(chain):
                audit.record(
                    actor=getpass.getuser(),
                    action="reorganisation.accepted",
                    subject=str(chain.chain_id),
                    facts={"blocks": blocks},
                )
                self.say(f"{chain}: {blocks:,} {'block' if blocks == 1 else 'blocks'} taken back.")
            else:
                self.say(f"{chain}: there is no reorganisation to accept; nothing was taken back.")


def _check(*, follow: bool, to: int | None, every: float, workers: int | None, **_: Any) -> None:  # noqa: ANN401
    """Refuse options that cannot be meant.

    Raises
    ------
    InputError
        With the option and what would be right.
    """
    if follow and to is not None:
        raise InputError("--follow has no end, so --to cannot be said with it.", field="to", value=to)
    if every <= 0:
        raise InputError(f"--every is {every:g} seconds; it must be more than 0.", field="every", value=every)
    if workers is not None and workers < 1:
        raise InputError(
            f"--workers is {workers}; it must be 1 or more. Without it this process collects.",
            field="workers",
            value=workers,
        )


def _summary(outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        "collected": [outcome.as_dict() for outcome in outcomes],
        "failed": [outcome.deployment.slug for outcome in outcomes if not outcome.complete],
        "complete": all(outcome.complete for outcome in outcomes),
    }


def _round_line(outcomes: Sequence[Outcome]) -> str:
    parts = [
        f"{outcome.deployment.slug} to {outcome.report.last:,} (+{outcome.report.blocks:,} blocks,"
        f" +{outcome.report.logs:,} logs, {outcome.lag:,} behind)"
        for outcome in outcomes
        if outcome.report
    ]
    head = max((outcome.target for outcome in outcomes), default=0)
    return f"Head {head:,}: {'; '.join(parts) or 'nothing was collected'}"


def _silent(client: Client) -> str:
    """Return which of several nodes do not answer; empty when all do."""
    silent, asked = client.silent, len(client.hosts)
    verb = "does" if len(silent) == 1 else "do"
    return f"{len(silent)} of {asked} nodes {verb} not answer: {', '.join(silent)}." if silent and asked > 1 else ""


def _line(outcome: Outcome) -> str:
    name, report = outcome.deployment.name, outcome.report
    if outcome.error is not None:
        return f"{name}: {' '.join(outcome.error.message.split())}"
    if report is None:
        raise AssertionError("unreachable: without a report there is an error")
    if outcome.holes:
        missing = ", ".join(
            f"{first:,}" if first == last else f"{first:,} to {last:,}" for first, last in outcome.holes
        )
        return (
            f"{name}: blocks {missing} are MISSING, because no node gave an acceptable answer for them; complete from"
            f" block {report.first:,} to {report.last:,} only. The status page says who answered what."
        )
    noun = "reorganisation" if report.reorgs == 1 else "reorganisations"
    again = f", {report.reorgs} {noun} repaired" if report.reorgs else ""
    return (
        f"{name}: complete from block {report.first:,} to {report.last:,}, {outcome.lag:,} behind the head;"
        f" {report.blocks:,} blocks and {report.logs:,} logs are new{again} ({report.seconds:.1f} s)."
    )
