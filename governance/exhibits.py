"""What a page exhibits: tables and charts, each with the same rows as CSV, so that the two cannot drift apart."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from governance import formatting
from governance.domain.units import to_decimal

type Kind = Literal[
    "text",
    "address",
    "hash",
    "integer",
    "number",
    "percent",
    "change",
    "usd",
    "usd8",
    "price8",
    "health",
    "bps",
    "bonus_bps",
    "tokens",
    "time",
    "block",
    "badge",
    "value",
    "flag",
    "mixed",
    "votes",
    "shortened",
    "interval",
    "chance",
]

type Tone = Literal["good", "warn", "bad", "info", "quiet"]
type Ink = Literal["accent", "ink", "muted", "good", "warn", "bad", "second", "third", "fourth", "fifth"]
type Getter = Callable[[Any], object]

NUMERIC = frozenset(
    {
        "integer",
        "number",
        "percent",
        "change",
        "usd",
        "usd8",
        "price8",
        "health",
        "bps",
        "bonus_bps",
        "tokens",
        "block",
        "value",
        "mixed",
        "votes",
        "chance",
    }
)


FORMULA = frozenset("=+-@\t\r\n")  # with which a spreadsheet takes a cell for one


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """An amount of one token, in its smallest unit."""

    amount: int
    decimals: int
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A chain word with the key of its unit in `governance.domain.units.UNITS`."""

    word: int
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A state in words, with a tone that adds to the words and never replaces them."""

    text: str
    tone: Tone = "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A forecast with its range, and what happened, all in one unit."""

    low: float
    middle: float
    high: float
    happened: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: how a cell gets its value from a row, and how it is written."""

    label: str
    value: Getter  # for the kind "mixed": (kind, value), where each row has its own
    kind: Kind = "text"
    link: Callable[[Any], str] | None = None
    help: str = ""

    @property
    def numeric(self) -> bool:
        """Say whether the cells are numbers, which are aligned to the right."""
        return self.kind in NUMERIC


def _unmarked(_row: object) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under columns; a page shows the first ``shown`` of them, the CSV has all.

    Attributes
    ----------
    slug : str
        Name of the CSV in the page's address, ``?csv=<slug>``.
    unit_note : str
        What a reader must know about the units, shown under the table.
    marked : callable
        The emphasis of a row: ``"chosen"``, ``"baseline"`` or none.
    """

    slug: str
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Any]
    shown: int = 25
    empty: str = "Nothing yet."
    unit_note: str = ""
    marked: Callable[[Any], str] = _unmarked

    @property
    def visible(self) -> Sequence[Any]:
        """The rows that the page shows."""
        return self.rows[: self.shown]

    @property
    def cut(self) -> bool:
        """Say whether the page shows fewer rows than there are."""
        return len(self.rows) > self.shown

    def as_csv(self) -> str:
        """Return all rows as CSV with exact values."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([_plain(column.label) for column in self.columns])
        writer.writerows([exact(column.value(row)) for column in self.columns] for row in self.rows)
        return buffer.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One set of marks in a chart.

    ``data`` holds ``[x, y]``; ``[x, low, high]`` for a band; ``[low, middle, high, name]`` for an interval, which lies
    along the x axis beside its name on the y axis. A base is what stacked bars stand on, and is not drawn.
    """

    name: str
    data: Sequence[Sequence[object]]
    mark: Literal["line", "area", "bar", "points", "dots", "band", "interval", "base"] = "line"
    tone: Ink = "accent"
    dashed: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return what `charts.js` reads."""
        return {"name": self.name, "mark": self.mark, "tone": self.tone, "dashed": self.dashed, "data": self.data}


type Scale = Literal["time", "usd", "percent", "number", "health", "category", "day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A line across a chart with its label: a limit, a quantile, a moment."""

    axis: Literal["x", "y"]
    at: float | str
    label: str
    tone: Ink = "ink"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart, what it shows in one sentence, and the table that holds its numbers.

    A zoomed axis need not begin at zero: for positions of points and lines, never for the length of bars.
    """

    title: str
    summary: str
    table: Table
    x: tuple[str, Scale]
    y: tuple[str, Scale]
    series: tuple[Series, ...]
    rules: tuple[Rule, ...] = field(default=())
    log_x: bool = False
    log_y: bool = False
    zoom_x: bool = False
    zoom_y: bool = False
    stacked: bool = False
    tall: bool = False

    @property
    def slug(self) -> str:
        """Name of the chart on its page."""
        return self.table.slug

    @property
    def data_id(self) -> str:
        """Id of the page's element that holds the data."""
        return f"data-{self.slug}"

    def as_dict(self) -> dict[str, object]:
        """Return what `charts.js` reads."""
        return {
            "title": self.title,
            "x": {"label": self.x[0], "scale": self.x[1], "log": self.log_x, "zoom": self.zoom_x},
            "y": {"label": self.y[0], "scale": self.y[1], "log": self.log_y, "zoom": self.zoom_y},
            "series": [series.as_dict() for series in self.series],
            "rules": [{"axis": r.axis, "at": r.at, "label": r.label, "tone": r.tone} for r in self.rules],
            "stacked": self.stacked,
        }


def exact(value: object) -> str:
    """Return a cell for CSV: the exact number, or text that no spreadsheet takes for a formula."""
    match value:
        case Tokens(amount=amount, decimals=decimals):
            return f"{to_decimal(amount, decimals):f}"
        case Value(word=word, unit=unit):
            return formatting.word(word, unit)
        case Badge(text=text):
            return _plain(text)
        case Interval(low=low, high=high, happened=happened):
            return "inside" if low <= happened <= high else "outside"
        case (str(), number):  # of the kind "mixed"
            return exact(number)
        case _:
            return _plain(value)


def _plain(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:f}"
        case int() | float():
            return repr(value)
        case _:
            text = str(value)
            return f"'{text}" if text.lstrip(" ")[:1] in FORMULA else text


def tables(values: Iterable[object]) -> Iterator[Table]:
    """Yield every table of a page's context: bare, under a chart, or in a list of either."""
    for value in values:
        match value:
            case Table():
                yield value
            case Chart():
                yield value.table
            case list() | tuple():
                yield from tables(value)
            case _:
                pass
