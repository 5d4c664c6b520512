"""Rows on their way to the database: lines of COPY, unique by key, hashed by content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection, models

from governance.domain import lattice
from governance.errors import ImplausibleData

NULL = r"\N"
LONGEST = 20  # characters of an integer of 64 bits


class Unfit(ValueError):
    """A value that its database column cannot hold: the row of the file, the column, the value, and what fits."""

    def __init__(self, row: int, column: str, value: str, right: str) -> None:
        super().__init__(f"{column} {value[:80]!r} does not fit: {right}")
        self.row = row
        self.column = column
        self.value = value[:80]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """n rows for one table.

    Attributes
    ----------
    model : type of Model
    key, content, aside : tuple of str
        Database columns: what tells rows apart, what they say, and provenance that is no content. In the order of
        ``lines``.
    keys, lines, asides : list of str
        Their values as COPY text, n each; ``lines`` holds key and content.
    numbers : list of int
        The row of the file that each came from, 1 for the first.
    """

    model: type[models.Model]
    key: tuple[str, ...]
    content: tuple[str, ...]
    aside: tuple[str, ...]
    keys: list[str]
    lines: list[str]
    asides: list[str]
    numbers: list[int]

    @property
    def table(self) -> str:
        """The database table."""
        return self.model._meta.db_table  # noqa: SLF001 - documented


def sheet(
    model: type[models.Model],
    *,
    key: Mapping[str, Sequence[str]],
    content: Mapping[str, Sequence[str]],
    aside: Mapping[str, Sequence[str]] | None = None,
    optional: frozenset[str] = frozenset(),
    numbers: Sequence[int],
) -> Sheet:
    """Return columns as lines; an empty value of an ``optional`` column is NULL.

    Raises
    ------
    Unfit
        For a name that is too long or has characters that COPY reads as its own, or an integer out of range.
    """
    for name, column in {**key, **content, **(aside or {})}.items():
        _fits(model, name, column, numbers)
    told = {
        name: [value or NULL for value in column] if name in optional else column
        for name, column in {**key, **content}.items()
    }
    asides = aside or {}
    return Sheet(
        model=model,
        key=tuple(key),
        content=tuple(content),
        aside=tuple(asides),
        keys=list(map("\t".join, zip(*(told[name] for name in key), strict=True))),
        lines=list(map("\t".join, zip(*told.values(), strict=True))),
        asides=list(map("\t".join, zip(*asides.values(), strict=True))) if asides else [""] * len(numbers),
        numbers=list(numbers),
    )


def _fits(model: type[models.Model], name: str, column: Sequence[str], numbers: Sequence[int]) -> None:
    right = _right(model._meta.get_field(name))  # noqa: SLF001 - documented
    if right is None:
        return
    fits, said = right
    wrong = {value for value in set(column) if value and not fits(value)}
    if wrong:
        index = next(index for index, value in enumerate(column) if value in wrong)
        raise Unfit(numbers[index], name, column[index], said)


def _right(field: object) -> tuple[Callable[[str], bool], str] | None:
    """Return what fits a database column, and in words; None: anything."""
    if isinstance(field, models.CharField):
        longest = field.max_length or 0
        said = f"at most {longest} printable characters, none of them a backslash"
        return lambda value: len(value) <= longest and value.isprintable() and "\\" not in value, said
    if isinstance(field, models.IntegerField):
        low, high = connection.ops.integer_field_range(field.get_internal_type())
        return (lambda value: _is_integer(value) and low <= int(value) <= high), f"an integer from {low} to {high}"
    return None


def _is_integer(value: str) -> bool:
    return value.removeprefix("-").isdecimal() and len(value) <= LONGEST


def unique(made: Sheet, *, file: str) -> tuple[Sheet, int, int]:
    """Return a sheet without rows that say the same twice, how many those were, and the first of them (0: none).

    Raises
    ------
    ImplausibleData
        When two rows have one key and say different things.
    """
    first: dict[str, int] = {}
    again: list[int] = []
    for index, key in enumerate(made.keys):
        known = first.setdefault(key, index)
        if known == index:
            continue
        if made.lines[known] != made.lines[index]:
            raise _contradiction(made, known, index, file=file)
        again.append(index)
    if not again:
        return made, 0, 0
    kept = sorted(first.values())
    return _only(made, kept), len(again), made.numbers[again[0]]


def without(made: Sheet, numbers: set[int]) -> Sheet:
    """Return a sheet without the rows of these numbers."""
    if not numbers:
        return made
    return _only(made, [index for index, number in enumerate(made.numbers) if number not in numbers])


def summand(table: str, line: str) -> int:
    """Return what one row adds to the content hash."""
    return lattice.of_block(f"{table}\t{line}".encode())


def _only(made: Sheet, kept: list[int]) -> Sheet:
    return Sheet(
        model=made.model,
        key=made.key,
        content=made.content,
        aside=made.aside,
        keys=[made.keys[index] for index in kept],
        lines=[made.lines[index] for index in kept],
        asides=[made.asides[index] for index in kept],
        numbers=[made.numbers[index] for index in kept],
    )


def _contradiction(made: Sheet, one: int, two: int, *, file: str) -> ImplausibleData:
    names = (*made.key, *made.content)
    ours, theirs = made.lines[one].split("\t"), made.lines[two].split("\t")
    name, a, b = next((n, a, b) for n, a, b in zip(names, ours, theirs, strict=True) if a != b)
    return ImplausibleData(
        f"{file}, rows {made.numbers[one]} and {made.numbers[two]} are about the same"
        f" {', '.join(made.key)} ({', '.join(made.keys[one].split(chr(9)))}), but {name} is {a} in one and {b} in the"
        " other; keep the right one.",
        file=file,
        row=made.numbers[two],
        column=name,
        value=b,
    )
