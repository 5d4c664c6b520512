"""What all commands share: services at hand, one clear line for an error, JSON for machines, progress for people."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser
from django.db.utils import OperationalError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from governance.errors import BreakwaterError, InputError, UnsupportedDatabase
from governance.formatting import duration
from governance.services import supervisor
from governance.services.postgres import reason

type Advance = Callable[[int, int, str], None]

PLAIN_INTERVAL = 5.0  # seconds between two lines of progress where no terminal can redraw one


class BreakwaterCommand(BaseCommand):
    """A command of the product.

    A subclass states `needs` and `reports`, adds its arguments in ``add_arguments`` and does its work in ``handle``,
    where it prints with `say` (narration), `progress` and `answer` (the result).

    Attributes
    ----------
    needs : tuple of str
        Services that are started before ``handle`` runs; with a database, migrations are applied as well.
    reports : bool
        Whether ``--json`` is offered, which silences everything but the answer.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    reports: ClassVar[bool] = False
    requires_system_checks: ClassVar[list[str]] = []  # type: ignore[misc]  # `make test` runs them; here they cost time

    as_json = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:  # noqa: ANN401
        """Return the parser of the command, with ``--json`` where it reports."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if self.reports:
            parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:  # noqa: ANN401
        """Start what the command needs, then run it.

        Raises
        ------
        UnsupportedDatabase
            When the database stops answering.
        """
        self.as_json = bool(options.get("json"))
        try:
            prepare(self.needs, tell=self.say)
            return super().execute(*args, **options)
        except OperationalError as error:
            raise UnsupportedDatabase(f"The database gave up: {reason(error)}") from error

    def say(self, text: str) -> None:
        """Print one sentence of narration, unless JSON was asked for."""
        if not self.as_json:
            self.stdout.write(text)

    def answer(self, data: Mapping[str, object], text: str) -> None:
        """Print the result: ``data`` as one JSON object when that was asked for, else ``text``."""
        self.stdout.write(json.dumps(data, default=str, sort_keys=True) if self.as_json else text)

    @contextmanager
    def progress(self, title: str) -> Iterator[Advance]:
        """Show progress while the block runs; the block calls ``advance(done, total, text)``."""
        if self.as_json:
            yield _silent
        elif Console(file=sys.stdout).is_terminal:
            with _bar(title) as advance:
                yield advance
        else:
            yield _Lines(title=title, say=self.say)


def prepare(needs: tuple[str, ...], *, tell: Callable[[str], None]) -> None:
    """Start the services that a command needs."""
    if needs:
        supervisor.ensure(*needs, tell=tell)


def complain(error: BreakwaterError, *, as_json: bool) -> int:
    """Print an error as one line on stderr, or as one JSON object on stdout; return the exit status.

    Returns
    -------
    int
        2 when a person's input cannot be used, else 1.
    """
    if as_json:
        sys.stdout.write(json.dumps({"error": error.as_dict()}, sort_keys=True) + "\n")
    else:
        sys.stderr.write(f"{' '.join(error.message.split())}\n")
    return 2 if isinstance(error, InputError) else 1


class Meter:
    """Adds to progress how much is left and how long that will take, at the pace since it began.

    Parameters
    ----------
    advance : Advance
        Shows it.
    """

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._total = 0
        self._began = time.monotonic()

    def __call__(self, done: int, total: int, text: str) -> None:
        """Take progress: ``done`` of ``total`` blocks; another total begins another piece of work."""
        if total != self._total:
            self._total, self._began = total, time.monotonic()
        elapsed = time.monotonic() - self._began
        left = f", {duration(round(elapsed * (total - done) / done))} left" if done and elapsed > 1 else ""
        self._advance(done, total, f"{text}, {total - done:,} blocks behind{left}")


def _silent(done: int, total: int, text: str) -> None:
    """Take progress and show none."""


@contextmanager
def _bar(title: str) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(file=sys.stdout), transient=True) as display:
        task = display.add_task(title, total=None, note="")
        yield lambda done, total, text: display.update(task, completed=done, total=total, note=text)


class _Lines:
    """Progress as plain lines, not more often than every few seconds."""

    def __init__(self, *, title: str, say: Callable[[str], None]) -> None:
        self.title = title
        self.say = say
        self.last = time.monotonic()

    def __call__(self, done: int, total: int, text: str) -> None:
        if time.monotonic() - self.last >= PLAIN_INTERVAL:
            self.last = time.monotonic()
            share = f"{100 * done // total} %" if total else str(done)
            self.say(f"  {self.title}: {share} {text}".rstrip())
