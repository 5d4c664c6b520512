"""Prices that leave the market for one bar and are back in the next: a misprint, or a trade that no market confirms.

A close is judged by the closes before and after it, a high or low by those and the close of its own bar. A crash stays
where it falls to, or comes back by steps of a market that moves as much before and after.

References
----------
Measured on 33 series of 2020 to 2025 (five majors by the half hour, tokens by the hour, two that collapsed among them):
the largest move that the next bar took back was a factor of 3.4, amid a collapse, and the longest wick one of 5, of the
first hours of a listing. Both limits stand a good way beyond.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.core.book import Floats
from forecasting.imports.rows import Finding, Indices, Rows, refusal
from forecasting.imports.times import show
from governance.errors import ImplausibleData

SPIKE = float(np.log(5))  # of a bar, there and back
BACK = 0.25  # of the way there that may be left after the way back
WICK = float(np.log(10))  # from the closes around to a high or low
LONG = float(np.log(2))  # likewise, to be written down


def check(rows: Rows) -> Iterator[Finding]:
    """Find bars that the bars around them contradict."""
    if "close" not in rows.numbers or "asset" not in rows.words:
        return
    for asset, part in rows.series():
        closes = rows.values("close")[part]
        if closes.size > 2 and (closes > 0).all():
            yield from _spikes(rows, asset, part, np.log(closes))
            if {"high", "low"} <= rows.numbers.keys():
                yield from _wicks(rows, asset, part, np.log(closes))


def _spikes(rows: Rows, asset: str, part: Indices, logs: Floats) -> Iterator[Finding]:
    there, back = np.diff(logs)[:-1], np.diff(logs)[1:]
    wrong = np.flatnonzero((np.abs(there) > SPIKE) & (np.abs(there + back) < BACK * np.abs(there)))
    if wrong.size:
        at = int(wrong[0])
        sentence = (
            f"{asset} moves by a factor of {float(np.exp(there[at])):.3g} to {show(int(rows.micros[part[at + 1]]))},"
            " and the next price takes that back: a misprint; correct the row, or leave it out"
        )
        yield _found(rows, "close", int(part[at + 1]), sentence, count=wrong.size, refused=True)


def _wicks(rows: Rows, asset: str, part: Indices, logs: Floats) -> Iterator[Finding]:
    around = np.stack([np.append(logs[0], logs[:-1]), logs, np.append(logs[1:], logs[-1])])
    for name, sign in (("high", 1.0), ("low", -1.0)):
        values = rows.values(name)[part]
        with np.errstate(divide="ignore"):
            length = sign * np.log(values) - (sign * around).max(axis=0)
        longest = int(np.nan_to_num(length, nan=0.0).argmax())
        if not length[longest] > LONG:
            continue
        refused = bool(length[longest] > WICK)
        sentence = (
            f"a {name} of {asset} is {float(np.exp(min(length[longest], 700.0))):.3g} times away from the closes around"
            f" it, at {show(int(rows.micros[part[longest]]))}"
        )
        sentence += ": a misprint; correct the row, or leave it out" if refused else ""
        count = int((length > (WICK if refused else LONG)).sum())
        yield _found(rows, name, int(part[longest]), sentence, count=count, refused=refused)


def _found(rows: Rows, column: str, index: int, sentence: str, *, count: int, refused: bool) -> Finding:
    row, value = index + 1, rows.value(column, index)
    if refused:
        return refusal(ImplausibleData, sentence, count=count, row=row, column=column, value=value)
    return Finding(code="wick", sentence=sentence, count=count, row=row, column=column, value=value)
