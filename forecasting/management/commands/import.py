"""`manage.py import`: files as a source of history."""
# ruff: noqa: N999 - the command is called so, and nothing imports it

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser, DjangoHelpFormatter

from forecasting.imports import catalogue
from forecasting.imports.checking import allowable
from forecasting.imports.exact import NotANumber
from forecasting.imports.importing import ALREADY, KINDS, Report, bring
from forecasting.imports.rows import Intent
from forecasting.imports.times import MICRO, instant, show
from governance.archive.importing import import_folder
from governance.errors import InputError
from governance.management.base import BreakwaterCommand

GOVERNANCE = "governance"
CHAINS = ("ethereum", "arbitrum", "avalanche", "base", "bnb", "gnosis", "optimism", "polygon", "other")
MOST_SECONDS = 604_800  # a week
COLUMNS = """
columns that each kind needs (ours; their usual names are understood, others are named with --column OUR=THEIRS):
  prices        time, close; asset or --asset; open, high, low (bars), volume, quote if there are
  liquidations  time, and debt and collateral with their amounts; or a venue's volumes a side
  positions     account, collateral, debt (threshold, health_factor, time); or account, asset, side, amount
  quotes        time, sold, bought, amount_in, amount_out (price_impact)
  funding       time, and annual (a year), percent_8h or fraction_8h; or open_interest; asset or --asset (venue,
                long_liquidated, short_liquidated)
  governance    a folder with an archive of proposals and votes

one example each:
  manage.py import prices ETH.parquet --source binance --asset ETH
  manage.py import liquidations aave.csv --source indexer --raw-decimals WETH=18 --raw-decimals USDC=6
  manage.py import positions book.csv --source aave-v3 --quote USD --at 2023-06-01
  manage.py import quotes oneinch.parquet --source oneinch
  manage.py import funding eth_funding.csv --source venues
  manage.py import governance archive/ --source aave
"""


class _Help(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the lines of the epilogue."""


class Command(BreakwaterCommand):
    """Import files."""

    help = "Import CSV, Parquet or JSON files into named, versioned datasets; dirty data is refused or flagged."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to import, from where, and what the files do not say themselves."""
        parser.epilog = COLUMNS
        parser.formatter_class = _Help
        parser.add_argument("kind", nargs="?", choices=[*KINDS, GOVERNANCE], help="what the files are about")
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="files (a folder for governance)")
        parser.add_argument(
            "--source",
            default="",
            metavar="NAME",
            help="who says so; files of one source add up (governance: the folder's name)",
        )
        parser.add_argument("--asset", default="", metavar="SYMBOL", help="the asset of a file that names none")
        parser.add_argument("--quote", default="", metavar="UNIT", help="what prices and totals are in: USD, ETH, ...")
        parser.add_argument("--chain", default="ethereum", help="where events happened (default: %(default)s)")
        parser.add_argument(
            "--grid",
            type=int,
            default=0,
            metavar="SECONDS",
            help="seconds between two rows; a row between them is refused as off-grid (0 finds it out)",
        )
        parser.add_argument(
            "--stamp",
            choices=["open", "close"],
            default="open",
            help="the time of a bar is its open (default) or its close; a bar is known at its close",
        )
        parser.add_argument(
            "--book", default="", metavar="NAME", help="name of a book of positions (default: the file's)"
        )
        parser.add_argument("--at", default="", metavar="TIME", help="time of positions that state none")
        parser.add_argument(
            "--raw-decimals", action="append", default=[], metavar="[ASSET=]N", help="amounts or prices are raw"
        )
        parser.add_argument(
            "--token-since",
            default="",
            metavar="DATE",
            help="day on which the token began; an earlier row is refused as before-token",
        )
        parser.add_argument("--column", action="append", default=[], metavar="OUR=THEIRS", help="name of a column")
        parser.add_argument(
            "--allow",
            action="append",
            default=[],
            metavar="CODE",
            help=f"import what this check refuses, and flag it: {', '.join(allowable())}",
        )
        parser.add_argument("--list", action="store_true", help="list what is imported (of KIND)")
        parser.add_argument("--show", default="", metavar="NAME", help="show a dataset's files, and prove its rows")

    def handle(self, *, kind: str | None, files: list[Path], source: str, **options: Any) -> None:  # noqa: ANN401
        """Import each file in a transaction of its own, or show what is there.

        Raises
        ------
        InputError, DataError, ConflictError
            When a file is refused; those before it are in.
        """
        if options["list"]:
            self._list(kind or "")
        elif options["show"]:
            self._show(options["show"], kind=kind or "")
        elif kind is None or not files:
            raise InputError("Say what to import: manage.py import KIND FILE --source NAME.", field="kind", value=kind)
        elif kind == GOVERNANCE:
            self._governance(files, source)
        elif not source:
            raise InputError("Say who the files are from: --source NAME.", field="source")
        else:
            self._files(kind, files, intent(source, options))

    def _files(self, kind: str, files: list[Path], said: Intent) -> None:
        reports = []
        for path in files:
            with self.progress(path.name) as progress:
                report = bring(path, kind=kind, intent=said, progress=progress)
            reports.append(_data(report))
            self.say(_text(report))
        self.answer({"imported": reports, "dataset": f"{kind}/{said.source}"}, "")

    def _governance(self, folders: list[Path], source: str) -> None:
        reports = []
        for folder in folders:
            with self.progress(folder.name) as progress:
                report = import_folder(folder, source=source or folder.resolve().name, progress=progress)
            reports.append(report.as_dict())
            self.say(report.text)
        self.answer(reports[0] if len(reports) == 1 else {"imported": reports}, "Replay it with manage.py governance.")

    def _list(self, kind: str) -> None:
        found = [row for row in catalogue.listing() if str(row["name"]).startswith(f"{kind}/" if kind else "")]
        lines = [
            f"{row['name']:32} version {row['version']}, {row['files']} files, {row['rows']:,} rows{_span(row)},"
            f" {row['hash']}"
            for row in found
        ]
        self.answer({"datasets": found}, "\n".join(lines) or f"Nothing is imported yet{f' as {kind}' if kind else ''}.")

    def _show(self, name: str, *, kind: str) -> None:
        dataset = catalogue.find(name, kind=kind)
        proven = catalogue.verify(dataset)
        files = [catalogue.describe(file) for file in dataset.files.select_related("result")]
        lines = [f"{dataset.name}: {proven}, read again and proven"]
        lines += [f"  {file['name']}: {file['added']:,} rows, {file['first']} to {file['last']}" for file in files]
        self.answer({"name": dataset.name, "hash": proven, "verified": True, "files": files}, "\n".join(lines))


def intent(source: str, options: dict[str, Any]) -> Intent:
    """Return what the options say about the files.

    Raises
    ------
    InputError
        When an option cannot be read.
    """
    return Intent(
        source=source,
        asset=options["asset"],
        quote=options["quote"].upper(),
        chain=_chain(options["chain"].lower()),
        stamp=options["stamp"],
        book=options["book"],
        grid=_grid(options["grid"]),
        at=_moment("at", options["at"]),
        token_since=_moment("token_since", options["token_since"]),
        raw_decimals={
            asset: _decimals(text) for asset, _, text in (w.rpartition("=") for w in options["raw_decimals"])
        },
        columns=dict(_pair(word) for word in options["column"]),
        allow=tuple(options["allow"]),
    )


def _span(row: dict[str, object]) -> str:
    first, last = (int(str(row[name] or 0)) for name in ("first_timestamp", "last_timestamp"))
    return f", {show(first * MICRO)[:10]} to {show(last * MICRO)[:10]}" if first else ""


def _chain(name: str) -> str:
    if name not in CHAINS:
        raise InputError(
            f"--chain {name!r} is no chain that we know; use one of {', '.join(CHAINS)}.", field="chain", value=name
        )
    return name


def _grid(seconds: int) -> int:
    if not 0 <= seconds <= MOST_SECONDS:
        raise InputError(
            f"--grid {seconds}: use seconds from 1 to {MOST_SECONDS}, or 0 to find it out.", field="grid", value=seconds
        )
    return seconds


def _moment(field: str, text: str) -> int | None:
    try:
        return instant(text) if text else None
    except NotANumber as error:
        option = f"--{field.replace('_', '-')}"
        raise InputError(f"{option} {text!r} is no time; write 2021-05-19.", field=field, value=text) from error


def _decimals(text: str) -> int:
    if not text.isdecimal() or int(text) > 36:
        raise InputError(f"--raw-decimals {text!r} is no number from 0 to 36.", field="raw_decimals", value=text)
    return int(text)


def _pair(word: str) -> tuple[str, str]:
    ours, equals, theirs = word.partition("=")
    if not equals:
        raise InputError(f"--column {word!r}: write OUR=THEIRS, as in close=last_price.", field="column", value=word)
    return ours, theirs


def _data(report: Report) -> dict[str, object]:
    file = report.file
    told = catalogue.describe(file) | {"status": report.status, "seconds": round(report.seconds, 3)}
    return told | {"dataset": file.dataset.name, "total_rows": file.result.rows}


def _text(report: Report) -> str:
    file = report.file
    if report.status == ALREADY:
        return f"{file.name} is already imported into {file.dataset.name}, version {file.version}; nothing changed."
    span = f", {show(file.first_time)} to {show(file.last_time)}" if file.first_time else ""
    first = (
        f"{file.name}: {file.added:,} rows into {file.dataset.name}, version {file.version}{span}"
        f" ({file.merged:,} were there already; {report.seconds:.1f} s). Hash {file.result.hash}."
    )
    lines = [first, *(f"  {flag['code']}: {flag['sentence']} ({flag['rows']:,} rows)" for flag in file.flags)]
    return "\n".join(lines)
