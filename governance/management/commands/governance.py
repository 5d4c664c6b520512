"""`manage.py governance`: every governance we know of, archived or watched: states, tallies, gaps."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser
from rich.console import Console
from rich.table import Table

from governance.archive import shown
from governance.management.base import BreakwaterCommand
from governance.tallies import told

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 40  # gaps and differences that the text shows


class Command(BreakwaterCommand):
    """Tell of governance."""

    help = (
        "Replay an imported archive of Aave Governance v3 against what its contracts were read to say, list what is"
        " missing, and tell of every governor that is watched."
    )
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the archive's name."""
        parser.add_argument("--source", default="", help="archive to replay (default: the one imported last)")

    def handle(self, *, source: str, **_: Any) -> None:  # noqa: ANN401
        """Replay, and tell."""
        archive = shown.find(source)
        archived = {} if archive is None else shown.replayed(archive).as_dict() | shown.provenance(archive)
        data = archived | {"sources": shown.archives(), "governors": told()}
        self.answer(data, _text(data) or "No governance is watched or imported yet.")
        if archived.get("differences") or any(entry["tally_equal"] is False for entry in data["governors"].values()):
            raise SystemExit(1)  # what differs was just said


def _text(data: dict[str, Any]) -> str:
    console = Console(width=118)
    with console.capture() as capture:
        if "proposals" in data:
            _archive(console, data)
        if data["governors"]:
            console.print(_governors(data["governors"]))
    return capture.get().rstrip()


def _archive(console: Console, data: dict[str, Any]) -> None:
    payloads = [each for by in data["payloads"].values() for made in by.values() for each in made.values()]
    table = Table("", "in the logs", "read back", "states", title=f"Archive {data['source']}", title_justify="left")
    compared = data["compared"]
    for label, made in (("proposals", list(data["proposals"].values())), ("payloads", payloads)):
        states = Counter(each["stateName"] for each in made)
        spread = ", ".join(f"{count} {state}" for state, count in states.most_common())
        table.add_row(label, str(len(made)), str(compared[label]), spread)
    table.add_row("votes", str(data["votes"]), f"{compared['tallies']} tallies", "")
    console.print(table)
    console.print(
        f"{data['logs']} logs, {data['duplicates_removed']} duplicates removed; {compared['fields']} fields compared,"
        f" {compared['times_within_bounds']} times within their bounds; {len(data['differences'])} differences,"
        f" {len(data['gaps'])} gaps.",
        highlight=False,
    )
    _rows(console, "Gaps", ("chain", "contract", "event", "id", "evidence"), data["gaps"])
    _rows(console, "Differences", ("chain", "contract", "field", "id", "logs", "dump"), data["differences"])
    for finding in data["findings"][:MOST]:
        console.print(finding, highlight=False)


def _rows(console: Console, title: str, columns: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> None:
    found = list(rows)
    if not found:
        return
    table = Table(*columns, title=title, title_justify="left")
    for row in found[:MOST]:
        table.add_row(*["" if row[column] is None else _brief(row[column]) for column in columns])
    console.print(table)
    if len(found) > MOST:
        console.print(f"… and {len(found) - MOST} more; --json has all of them.")


def _brief(value: object) -> str:
    text = str(value)
    return f"{text[:6]}…{text[-4:]}" if len(text) == 42 and text.startswith("0x") else text


def _governors(governors: dict[str, dict[str, Any]]) -> Table:
    columns = ("governor", "flavour", "chain", "proposals", "votes", "tallies")
    table = Table(*columns, title="Watched", title_justify="left")
    for slug, entry in governors.items():
        states = Counter(each["state"] for each in entry["proposals"].values())
        spread = ", ".join(f"{count} {state}" for state, count in states.most_common()) or "none"
        verdict = {None: "cast elsewhere", True: "equal"}.get(
            entry["tally_equal"], f"differ: {', '.join(entry['mismatches'])}"
        )
        table.add_row(slug, entry["flavour"], str(entry["chain_id"]), spread, str(entry["votes"]), verdict)
    return table
