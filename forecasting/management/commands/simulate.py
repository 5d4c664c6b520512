"""`manage.py simulate`: a book on joint price paths, with liquidations that move prices, as a job of the workers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from forecasting import worlds
from forecasting.backtests import bench, keeping, running
from forecasting.models import BacktestRun
from forecasting.simulations import asking, text
from forecasting.simulations.kind import KIND
from governance.management.base import BreakwaterCommand

MOST = 50  # runs in a list


class Command(BreakwaterCommand):
    """Ask for a simulation and follow it; list, show and cancel others."""

    help = "Run a book through futures, or a crash of the past: bad debt, liquidations, cascades round by round, why."
    needs = ("database", "broker", "worker")
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what can be simulated, and what can be done with a simulation."""
        KIND.add_arguments(parser)
        parser.add_argument("--list", action="store_true", help=f"list scenarios, and the newest {MOST} simulations")
        parser.add_argument("--show", type=int, metavar="ID", help="show a simulation and its result")
        parser.add_argument("--cancel", type=int, metavar="ID", help="stop a simulation; what it has computed is kept")
        keeping.add_limits(parser)

    def handle(self, **options: Any) -> None:  # noqa: ANN401
        """Do what was asked."""
        if options["list"]:
            self._list()
        elif options["show"] is not None:
            self._tell(running.find(options["show"], simulation=True), options)
        elif options["cancel"] is not None:
            run = running.cancel(running.find(options["cancel"], simulation=True).pk)
            self.answer(keeping.row(run), _line(run))
        else:
            self._run(options)

    def _run(self, options: dict[str, Any]) -> None:
        self.say(f"Reading {', '.join(asking.wanted(options))}, prices and depth; a large book takes a minute.")
        run = running.ask(KIND.slug, options, limit=options["limit"], shares=options["threads"])
        if run.status in BacktestRun.OPEN:
            self.say(f"Simulation {run.pk}; `manage.py simulate --cancel {run.pk}` stops it.")
        with self.progress(f"simulation {run.pk}") as progress:
            keeper = keeping.Keeper(progress, tell=self.say)
            self._tell(running.wait(run, progress=keeper, timeout=options["timeout"]), options)

    def _list(self) -> None:
        known = worlds.catalogue()
        runs = list(BacktestRun.objects.filter(kind=KIND.slug).defer("result")[:MOST])
        told = [
            f"  {entry.name:20} {entry.what if entry.available else 'Not available: ' + entry.why}" for entry in known
        ]
        lines = ["Scenarios:", *told, "Simulations:", *(map(_line, runs) if runs else ["  There is none yet."])]
        data = {"scenarios": [asdict(entry) for entry in known], "simulations": [keeping.row(run) for run in runs]}
        self.answer(data, "\n".join(lines))

    def _tell(self, run: BacktestRun, options: dict[str, Any]) -> None:
        done = run.status == BacktestRun.Status.DONE
        if done:
            bench.verify(run)  # what was planted or altered is not printed
        shown = KIND.text(run.result) if done else run.error
        if done and options["explain"] is not None:
            shown += f"\n{text.explained(run.result)}"
        self.answer({**keeping.row(run), **run.result}, f"{_line(run)}\n{shown}".rstrip())


def _line(run: BacktestRun) -> str:
    names = ", ".join(asking.named(run.request))
    return keeping.line(run, name=f"Simulation {run.pk} ({names}, {run.request['scenario']['name']})")
