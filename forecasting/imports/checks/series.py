"""Oddities of price series that are written down and not mended: gaps, order, jumps, splices, and repetition."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.core.quality import ROUND, few_digits
from forecasting.imports.reference import STABLE
from forecasting.imports.rows import Finding, Indices, Rows, refusal
from forecasting.imports.times import MICRO, show
from governance.errors import SyntheticSeries

GAP = 1.9  # times the usual step
LEAP = 0.7  # of a logarithm: doubled or halved in one step
STILL = 12  # equal prices in a row
FEWEST = 48  # rows from which on a series must move
WINDOW = 12  # moves that a market does not repeat
COPIED = 0.05  # of a series


def check(rows: Rows) -> Iterator[Finding]:
    """Find what a reader of the series should know."""
    if "close" not in rows.numbers or "asset" not in rows.words:
        return
    unsorted = 0
    for asset, part in rows.series():
        unsorted += int((np.diff(rows.micros[np.sort(part)]) < 0).sum())
        yield from _gaps(rows, asset, part)
        yield from _moves(rows, asset, part)
        yield from _splices(rows, asset, part)
    if unsorted:
        yield Finding(code="unsorted", sentence="rows are not in order of time; they were sorted", count=unsorted)


def _gaps(rows: Rows, asset: str, part: Indices) -> Iterator[Finding]:
    steps = np.diff(rows.micros[part])
    steps = np.append(steps, 0)
    if steps.size < 3:
        return
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    wide = np.flatnonzero(steps > GAP * usual) if usual else np.empty(0, dtype=np.int64)
    if wide.size:
        longest = int(steps.argmax())
        sentence = (
            f"{asset} has {wide.size} gaps, the longest of {steps[longest] / MICRO / 3600:.1f} h after"
            f" {show(int(rows.micros[part[longest]]))}; they were not filled"
        )
        yield Finding(code="gaps", sentence=sentence, count=int(wide.size), row=int(part[wide[0]]) + 1, column="time")


def _moves(rows: Rows, asset: str, part: Indices) -> Iterator[Finding]:
    prices = rows.values("close")[part]
    if prices.size < 2 or (prices <= 0).any():
        return
    moves = np.diff(np.log(prices))
    if prices.size >= FEWEST and not moves.any():
        sentence = f"{asset} never moves in {prices.size} rows: this is no market's price"
        if asset.upper() in STABLE:
            yield Finding(code="constant", sentence=sentence, count=int(prices.size))
        else:
            yield _synthetic(rows, part, sentence, count=int(prices.size))
        return
    yield from _rounded(rows, asset, part)
    yield from _still(asset, part, moves)
    yield from _copied(asset, part, moves)
    leaps = np.flatnonzero(np.abs(moves) > LEAP)
    if leaps.size:
        at = int(part[leaps[0] + 1])
        sentence = f"{asset} doubled or halved in one step, {leaps.size} times, first at {show(int(rows.micros[at]))}"
        yield Finding(code="leap", sentence=sentence, count=int(leaps.size), row=at + 1, column="close")


def _rounded(rows: Rows, asset: str, part: Indices) -> Iterator[Finding]:
    prices = rows.values("close")[part]
    if prices.size < FEWEST:
        return
    digits, count = few_digits(prices)
    sentence = f"{count} of {prices.size} prices of {asset} have {digits} digits or fewer: rounded, or made up"
    if digits == ROUND:
        yield _synthetic(rows, part, sentence, count=count)
    elif digits:
        yield Finding(code="rounded", sentence=sentence, count=count, row=int(part[0]) + 1, column="close")


def _synthetic(rows: Rows, part: Indices, sentence: str, *, count: int) -> Finding:
    row, value = int(part[0]) + 1, rows.value("close", int(part[0]))
    return refusal(SyntheticSeries, sentence, count=count, row=row, column="close", value=value)


def _still(asset: str, part: Indices, moves: np.ndarray) -> Iterator[Finding]:
    edges = np.flatnonzero(np.concatenate([[True], moves != 0, [True]]))
    runs = np.diff(edges)
    longest = int(runs.argmax())
    if runs[longest] >= STILL:
        sentence = f"{asset} repeats one price {int(runs[longest])} times in a row"
        row = int(part[edges[longest]]) + 1
        yield Finding(code="repeated", sentence=sentence, count=int(runs[longest]), row=row, column="close")


def _copied(asset: str, part: Indices, moves: np.ndarray) -> Iterator[Finding]:
    """Find stretches whose moves come again: each window's fingerprint is its product with fixed weights."""
    if moves.size < 4 * WINDOW:
        return
    moving = np.convolve(moves != 0, np.ones(WINDOW), "valid") >= WINDOW - 2
    prints = np.convolve(np.round(moves, 9), np.sqrt(np.arange(2, WINDOW + 2)), "valid")[moving].round(12)
    if prints.size and (again := prints.size - np.unique(prints).size) > COPIED * prints.size:
        sentence = f"{again} stretches of {WINDOW} moves of {asset} occur again: copied or made up"
        yield Finding(code="copied", sentence=sentence, count=int(again), row=int(part[0]) + 1, column="close")


def _splices(rows: Rows, asset: str, part: Indices) -> Iterator[Finding]:
    origins = [rows.words["origin"][index] for index in part]
    changes = [index for index in range(1, len(origins)) if origins[index] != origins[index - 1]]
    if changes:
        names = ", ".join(dict.fromkeys(origins))
        sentence = f"{asset} is spliced from {names}; the source changes {len(changes)} times"
        row = int(part[changes[0]]) + 1
        yield Finding(code="spliced", sentence=sentence, count=len(changes), row=row, column="origin")
