"""What all kinds of imports share: what a person said about a file, rows under our names, and what is found in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from forecasting.core.book import Floats
from forecasting.core.realised import Stamps
from forecasting.imports.exact import SHOWN, Column, NotANumber, Numbers, floats, numbers, shifted, strings
from forecasting.imports.tables import Table
from forecasting.imports.times import times
from governance.errors import DataError, ImplausibleData, InputError

type Indices = npt.NDArray[np.int64]

WORD = re.compile(r"[\w .,:;+/$@#()\-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a person says about a file; each is recorded with it.

    Attributes
    ----------
    source : str
        Name of the source.
    asset : str
        The asset of a file that does not name one.
    quote : str
        What prices are counted in; empty leaves it to the file, or else USD.
    chain : str
        Where the events happened; ``ethereum`` has a slot every 12 seconds.
    stamp : str
        Whether a bar is stamped at its ``open`` or its ``close``.
    book : str
        Name of a book of positions; empty takes the file's.
    at : int or None
        Time of positions that state none, unix microseconds; None: unknown.
    grid : int
        Seconds between two rows; 0 finds it out.
    raw_decimals : mapping
        Decimals of amounts that are raw integers, by asset; the empty name stands for all others.
    token_since : int or None
        When the token was created, unix microseconds; None: as our table says.
    columns : mapping
        Our names of columns to the file's.
    allow : tuple of str
        Codes of findings that are recorded and not refused.
    """

    source: str
    asset: str = ""
    quote: str = ""
    chain: str = "ethereum"
    stamp: str = "open"
    book: str = ""
    at: int | None = None
    grid: int = 0
    raw_decimals: Mapping[str, int] = field(default_factory=dict)
    token_since: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong or odd about rows of a file.

    Attributes
    ----------
    code : str
        Stable name; that of ``error`` where it is refused.
    sentence : str
        What is wrong and what would be right.
    count : int
        How many rows it is about.
    row : int
        The first of them, 1 for the first below the header; 0: the file as a whole.
    column, value : str
        Where, and what it says.
    error : type or None
        What to raise; None: it is only recorded.
    """

    code: str
    sentence: str
    count: int
    row: int = 0
    column: str = ""
    value: str = ""
    error: type[DataError] | None = None


def refusal(error: type[DataError], sentence: str, **facts: int | str) -> Finding:
    """Return a finding that is refused unless its code is allowed."""
    known = {"count": 1} | facts
    return Finding(code=error.code, sentence=sentence, error=error, **known)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Prices in dollars that were imported earlier: the dataset's name, unix microseconds, and floats."""

    name: str
    micros: Stamps
    prices: Floats


type Lookup = Callable[[str, int, int, str], Known | None]
"""(asset, first, last, source to leave out) -> what is known of the asset in that time, microseconds."""


def nothing(asset: str, first: int, last: int, source: str) -> Known | None:  # noqa: ARG001 - a Lookup
    """Know no price."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A file's rows under our names.

    Attributes
    ----------
    intent : Intent
    micros : (n,) int64
        Unix microseconds, as the file has them.
    words : dict of list of str
        Names and addresses.
    numbers : dict of Numbers
    reading : dict
        How the file was understood, for the provenance.
    known : Lookup
        Prices to compare with.
    legs : Rows or None
        What the accounts of these rows hold and owe, one asset a row; None: the file does not say, or rows are legs.
    """

    intent: Intent
    micros: Stamps
    words: dict[str, list[str]]
    numbers: dict[str, Numbers]
    reading: dict[str, object]
    known: Lookup = nothing
    legs: Rows | None = None

    def value(self, name: str, index: int) -> str:
        """Return what a row says of ``name``, for messages: of a number of many digits the first six and its size."""
        if name not in self.numbers:
            return self.words[name][index]
        text = self.numbers[name].text[index]
        return text if len(text) <= SHOWN else f"{float(text):.6g}"

    def values(self, name: str) -> Floats:
        """Return a column as floats, for checks; NaN where the file has none."""
        return self.numbers[name].values if name in self.numbers else np.full(self.micros.size, np.nan)

    def groups(self, name: str) -> Iterator[tuple[str, Indices]]:
        """Yield each word of a column with its rows, in order of time."""
        words = np.array(self.words[name])
        order = np.lexsort((self.micros, words))
        edges = np.flatnonzero(words[order][1:] != words[order][:-1]) + 1
        for part in np.split(order, edges):
            yield str(words[part[0]]), part

    def series(self) -> Iterator[tuple[str, Indices]]:
        """Yield the asset of each series of prices with its rows, in order of time."""
        if len(set(self.words["quote"])) == 1:
            yield from self.groups("asset")
            return
        quotes = np.array(self.words["quote"])
        for asset, part in self.groups("asset"):
            for quote in np.unique(quotes[part]):
                yield asset, part[quotes[part] == quote]


type Check = Callable[[Rows], Iterator[Finding]]


class Reader:
    """Takes columns of a table by our names, and says clearly what is missing or cannot be read.

    Parameters
    ----------
    table : Table
    intent : Intent
    aliases : mapping of str to sequence of str
        Our names, each with the names that files use for it.
    """

    def __init__(self, table: Table, intent: Intent, aliases: Mapping[str, Sequence[str]]) -> None:
        self.table = table
        self.intent = intent
        self.aliases = aliases
        self.found = self._resolve()
        self.taken = set(self.found.values())

    def has(self, *names: str) -> bool:
        """Return whether the file has all these columns."""
        return all(name in self.found for name in names)

    def need(self, *names: str) -> None:
        """Refuse a file that lacks a column.

        Raises
        ------
        InputError
            Naming the columns that it has.
        """
        for name in names:
            if name not in self.found:
                usual = ", ".join(self.aliases.get(name, (name,)))
                raise InputError(
                    f"{self.table.name} has no column for {name} (usual names: {usual}); it has"
                    f" {', '.join(self.table.columns)}. Name it with --column {name}=THEIRS.",
                    field=name,
                    value=", ".join(self.table.columns),
                )

    def column(self, theirs: str) -> Column:
        """Return a column by the file's own name, and note that it is used."""
        self.taken.add(theirs)
        return self.table.columns[theirs]

    def words(self, name: str, *, required: bool = True) -> list[str]:
        """Return a column of names; empty strings where the file lacks it and it is not ``required``."""
        if not required and name not in self.found:
            return [""] * self.table.rows
        self.need(name)
        found = ["" if word.lower() == "nan" else word for word in strings(self.table.columns[self.found[name]])]
        for index, word in enumerate(found):
            if not WORD.fullmatch(word) or len(word) > 128 or (required and not word):
                raise self._unreadable(name, NotANumber(index, word), "a name of at most 128 plain characters")
        return found

    def numbers(self, name: str, *, required: bool = True) -> Numbers:
        """Return a column of numbers; a missing number is refused where it is ``required``."""
        self.need(name)
        try:
            found = numbers(self.table.columns[self.found[name]])
            if required and "" in found.text:
                raise NotANumber(found.text.index(""), "")  # noqa: TRY301 - one message for both
        except NotANumber as error:
            raise self._unreadable(name, error, "a number") from error
        return found

    def tokens(self, name: str, assets: Sequence[str]) -> Numbers:
        """Return a column in whole tokens, whatever decimals a person said that its raw integers have."""
        found, decimals = self.numbers(name), self.intent.raw_decimals
        if not decimals:
            return found
        unknown = sorted({asset for asset in assets if asset not in decimals and "" not in decimals})
        if unknown:
            raise InputError(
                f"--raw-decimals does not say how many decimals {unknown[0]} has; add {unknown[0]}=N.",
                field="raw_decimals",
                value=unknown[0],
            )
        text = shifted(found.text, [decimals.get(asset, decimals.get("", 0)) for asset in assets])
        return Numbers(text=text, values=floats(text))

    def single(self, name: str) -> None:
        """Refuse a file in which several columns may be the one that is meant, unless a person says which."""
        usual = {name, *self.aliases[name]}
        hits = [theirs for theirs in self.table.columns if theirs.lower() in usual]
        if len(hits) > 1 and name not in self.intent.columns:
            raise InputError(
                f"{self.table.name} has {' and '.join(hits)}, and each may be the {name}; say which with --column"
                f" {name}={hits[0]}.",
                field=name,
                value=", ".join(hits),
            )

    def times(self, name: str = "time") -> tuple[Stamps, dict[str, object]]:
        """Return a column of times in unix microseconds, and how it was understood."""
        self.need(name)
        try:
            found = times(self.table.columns[self.found[name]])
        except NotANumber as error:
            raise self._unreadable(name, error, "a time: ISO 8601, or unix seconds to nanoseconds") from error
        return found.micros, {"time": {"column": self.found[name], "unit": found.unit, "zone": found.zone}}

    def reading(self) -> dict[str, object]:
        """Return which columns were understood and which were left aside."""
        return {"columns": self.found, "left_aside": [name for name in self.table.columns if name not in self.taken]}

    def _resolve(self) -> dict[str, str]:
        for ours, theirs in self.intent.columns.items():
            if ours not in self.aliases:
                raise InputError(
                    f"--column {ours}={theirs}: there is no column {ours}; ours are {', '.join(self.aliases)}.",
                    field="column",
                    value=ours,
                )
            if theirs not in self.table.columns:
                raise InputError(
                    f"--column {ours}={theirs}: {self.table.name} has no column {theirs}; it has"
                    f" {', '.join(self.table.columns)}.",
                    field="column",
                    value=theirs,
                )
        by_lower = {name.lower(): name for name in reversed(self.table.columns)}
        found = {}
        for ours, names in self.aliases.items():
            hit = next((by_lower[name] for name in (ours, *names) if name in by_lower), None)
            if ours in self.intent.columns:
                found[ours] = self.intent.columns[ours]
            elif hit is not None and hit not in self.intent.columns.values():
                found[ours] = hit
        return found

    def _unreadable(self, name: str, error: NotANumber, right: str) -> ImplausibleData:
        column = self.found.get(name, name)
        return ImplausibleData(
            f"{self.table.name}, row {error.index + 1}, column {column}: {error.text or 'an empty cell'!r} is not"
            f" {right}.",
            file=self.table.name,
            row=error.index + 1,
            column=column,
            value=error.text,
        )
