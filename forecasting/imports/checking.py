"""Runs all checks on a file's rows: what is wrong is refused unless a person allows it, what is odd is written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from forecasting.imports.checks import (
    before_token,
    block_time,
    book,
    dust_sweep,
    funding,
    glitches,
    impact,
    interpolated,
    mixed_units,
    off_grid,
    positive,
    scale,
    seize_ratio,
    series,
    wrong_numeraire,
)
from forecasting.imports.rows import Finding, Rows
from governance import errors
from governance.errors import DataError, InputError

CHECKS = tuple(
    module.check
    for module in (
        positive,
        off_grid,
        mixed_units,
        scale,
        before_token,
        wrong_numeraire,
        glitches,
        interpolated,
        block_time,
        seize_ratio,
        dust_sweep,
        impact,
        book,
        funding,
        series,
    )
)
"""In the order in which they speak: what makes later ones meaningless comes first."""

type Flag = dict[str, str | int]


def allowable() -> dict[str, type[DataError]]:
    """Return the codes that a person may allow, with what they stand for."""
    kinds = (
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ImplausibleData)
    )
    return {kind.code: kind for kind in kinds}


def check(rows: Rows, *, file: str) -> list[Flag]:
    """Return what is to be written down about a file.

    Raises
    ------
    DataError
        The first finding that is refused, with the file, row, column and value.
    InputError
        When a code is allowed that there is not.
    """
    unknown = [code for code in rows.intent.allow if code not in allowable()]
    if unknown:
        raise InputError(
            f"There is no check {unknown[0]!r} to allow; the codes are {', '.join(allowable())}.",
            field="allow",
            value=unknown[0],
        )
    with np.errstate(over="ignore", invalid="ignore"):  # amounts as large as a double are what a check may find
        return [_flag(finding) for finding in _judged(_findings(rows), rows, file=file)]


def _findings(rows: Rows) -> Iterator[Finding]:
    for one in CHECKS:
        yield from one(rows)
    if rows.legs is not None:
        yield from mixed_units.check(rows.legs)
        yield from scale.check(rows.legs)


def _judged(findings: Iterable[Finding], rows: Rows, *, file: str) -> Iterator[Finding]:
    for finding in findings:
        if finding.error is not None and finding.code not in rows.intent.allow:
            raise finding.error(
                f"{file}{_place(finding)}: {finding.sentence}."
                f" {finding.count:,} {'row is' if finding.count == 1 else 'rows are'} like that;"
                f" --allow {finding.code} imports it nevertheless.",
                file=file,
                row=finding.row,
                column=finding.column,
                value=finding.value,
                rows=finding.count,
            )
        yield finding


def _place(finding: Finding) -> str:
    row = f", row {finding.row}" if finding.row else ""
    return f"{row}, {finding.column} = {finding.value}" if finding.column else row


def _flag(finding: Finding) -> Flag:
    told: Flag = {"code": finding.code, "rows": finding.count, "sentence": finding.sentence}
    if finding.row:
        told |= {"row": finding.row}
    if finding.column:
        told |= {"column": finding.column, "value": finding.value}
    if finding.error is not None:
        told |= {"allowed": 1}
    return told
