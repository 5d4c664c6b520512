"""The exhibits of imported data: what there is, where it came from, what is odd about it, and who learnt from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from forecasting import selectors
from forecasting.models import ImportedDataset, ImportedFile
from forecasting.selectors import Holding
from governance.exhibits import Badge, Chart, Column, Getter, Series, Table
from governance.formatting import iso

MICROS = 10**6
KINDS = {"prices": "Prices", "liquidations": "Liquidations", "positions": "Positions", "quotes": "Quotes"}
MOST_DAYS = 2_000  # points of a chart


def overview(dataset: ImportedDataset, *, asset: str) -> dict[str, object]:
    """Return the page's context of one dataset; ``asset`` chooses whose prices are drawn."""
    files = list(dataset.files.select_related("result").order_by("-number"))
    context: dict[str, object] = {
        "dataset": dataset,
        "newest": files[0] if files else None,
        "kind_name": KINDS[dataset.kind],
        "files": table(files),
        "flags": flags(files),
    }
    if dataset.kind == ImportedDataset.Kind.PRICES:
        found = selectors.holdings(dataset)
        chosen = next((row for row in found if row.name == asset), found[0] if found else None)
        context |= {"holdings": holdings(found), "assets": [row.name for row in found], "chosen": chosen}
        if chosen:
            context["chart"] = closes(dataset, chosen)
    return context


def listing(rows: Sequence[ImportedFile], *, link: Callable[[Any], str]) -> Table:
    """Return every dataset by its newest file."""
    return Table(
        slug="datasets",
        caption="Imported datasets",
        columns=(
            Column(label="Dataset", value=lambda file: file.dataset.source, link=link),
            Column(label="Kind", value=lambda file: KINDS[file.dataset.kind]),
            Column(label="Rows", value=lambda file: file.result.rows, kind="integer"),
            Column(label="From", value=lambda file: file.result.first_timestamp or None, kind="time"),
            Column(label="To", value=lambda file: file.result.last_timestamp or None, kind="time"),
            Column(label="Files", value=lambda file: file.number, kind="integer"),
            Column(label="Version", value=lambda file: file.version, kind="integer"),
            Column(label="Content", value=lambda file: file.result.hash, kind="hash"),
        ),
        rows=rows,
        empty="No file was imported yet.",
        unit_note="The content hash depends on the rows alone, not on the order of files or of rows.",
    )


def table(rows: Sequence[ImportedFile]) -> Table:
    """Return the files of a dataset, the newest first."""
    return Table(
        slug="files",
        caption="Files, the newest first",
        columns=(
            Column(label="File", value=lambda file: file.name),
            Column(label="Said", value=_said),
            Column(label="Rows", value=lambda file: file.rows, kind="integer"),
            Column(
                label="New", value=lambda file: file.added, kind="integer", help="Rows that the dataset did not have"
            ),
            Column(label="From", value=lambda file: _date(file.first_time)),
            Column(label="To", value=lambda file: _date(file.last_time)),
            Column(label="Oddities", value=_odd, kind="badge"),
            Column(label="SHA-256", value=lambda file: file.sha256, kind="hash", help="Of the file as it was read"),
            Column(label="Imported", value=lambda file: int(file.imported_at.timestamp()), kind="time"),
        ),
        rows=rows,
    )


def flags(rows: Sequence[ImportedFile]) -> Table:
    """Return what was odd about the rows of each file and was let in nevertheless, in words."""
    return Table(
        slug="oddities",
        caption="What is odd about the rows",
        columns=(
            Column(label="Oddity", value=lambda row: row[1].get("sentence") or row[1].get("code")),
            Column(label="Rows", value=lambda row: row[1].get("rows"), kind="integer"),
            Column(label="First in row", value=lambda row: row[1].get("row"), kind="integer"),
            Column(label="File", value=lambda row: row[0].name),
            Column(label="Code", value=lambda row: row[1].get("code")),
        ),
        rows=[(file, flag) for file in rows for flag in file.flags],
        empty="Nothing odd was found.",
    )


def holdings(rows: Sequence[Holding]) -> Table:
    """Return how completely each asset is priced."""
    return Table(
        slug="holdings",
        caption="Assets and how completely they are priced",
        columns=(
            Column(label="Asset", value=lambda row: row.name),
            Column(label="Every", value=lambda row: _every(row.span)),
            Column(label="Rows", value=lambda row: row.rows, kind="integer"),
            Column(label="From", value=lambda row: row.first // MICROS, kind="time"),
            Column(label="To", value=lambda row: row.last // MICROS, kind="time"),
            Column(
                label="Complete",
                value=lambda row: row.complete,
                kind="percent",
                help="Share of the bars between the first and the last that are there",
            ),
            Column(label="Missing", value=lambda row: row.missing, kind="integer", help="Bars; none was filled in"),
        ),
        rows=rows,
        empty="No price was imported.",
    )


def closes(dataset: ImportedDataset, held: Holding) -> Chart:
    """Return the last price of each day of one asset; a day without any leaves a hole in the line."""
    rows = selectors.daily_closes(dataset, held)[-MOST_DAYS:]
    return Chart(
        title=f"{held.name}, price by day",
        summary="The last price of each day in UTC. Days without a price are left open: no price is invented.",
        table=Table(
            slug="closes",
            caption=f"Last price of each day, {held.name}, the newest first",
            columns=(
                Column(label="Chain time" if not held.span else "Bar closed", value=_at(0), kind="time"),
                Column(label=f"Price, {held.quote}", value=_at(1), kind="number"),
            ),
            rows=rows[::-1],
            shown=10,
        ),
        x=("", "time"),
        y=(held.quote, "number"),
        series=(Series(name=held.name, data=list(_holed(rows))),),
        zoom_y=True,
    )


def _holed(rows: Sequence[tuple[int, float]]) -> Iterator[list[object]]:
    """Yield the points with a hole wherever a whole day has no price."""
    before = None
    for at, price in rows:
        if before is not None and at - before > 2 * selectors.DAY:
            yield [before + selectors.DAY, None]
        yield [at, price]
        before = at


def _said(file: ImportedFile) -> str | None:
    words = [str(file.intent[name]) for name in ("asset", "quote", "grid") if file.intent.get(name)]
    return ", ".join(words) or None


def _odd(file: ImportedFile) -> Badge:
    count = len(file.flags)
    return Badge(text=f"{count} found", tone="warn") if count else Badge(text="None", tone="good")


def _every(span: int) -> str:
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if span and span % size == 0:
            return f"{span // size} {word}"
    return "single prices" if not span else f"{span} s"


def _date(micros: int) -> str | None:
    return iso(micros // MICROS)[:10] if micros else None


def _at(index: int) -> Getter:
    return lambda row: row[index]
