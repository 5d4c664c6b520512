"""Values on a straight line between their neighbours: filled in, not observed; and times that follow blocks.

A market's price hardly ever lies exactly on the line through its neighbours, at steps well above its tick.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.imports.reference import MERGE
from forecasting.imports.rows import Finding, Rows, refusal
from forecasting.imports.times import MICRO, show
from governance.errors import OffGrid

STRAIGHT = 1e-9  # relative distance from the line
TICKS = 10  # a step that a rounded price does not make by chance
SHARE = 0.15  # of a series; rounded prices do it by chance in some per cent of all rows
RUN = 3  # such rows one after the other
IN_RUNS = 0.005  # of a series, in such runs
FEWEST = 50
BLOCKS = 100  # blocks between two rows, from which on the time of the miners' luck shows


def check(rows: Rows) -> Iterator[Finding]:
    """Find interpolated prices and block times."""
    if "close" in rows.numbers and "asset" in rows.words:
        for asset, part in rows.series():
            yield from _prices(rows, asset, part)
    if "block" in rows.numbers:
        yield from _blocks(rows)


def _prices(rows: Rows, asset: str, part: np.ndarray) -> Iterator[Finding]:
    stamps, prices = rows.micros[part], rows.values("close")[part]
    if stamps.size < FEWEST:
        return
    moves = np.abs(np.diff(prices))
    if not moves.any():
        return
    tick = moves[moves > 1e-9 * np.abs(prices[1:])].min(initial=np.inf)
    steps = np.diff(stamps)
    with np.errstate(divide="ignore", invalid="ignore"):
        line = prices[:-2] + (prices[2:] - prices[:-2]) * (steps[:-1] / (steps[:-1] + steps[1:]))
    straight = np.abs(line - prices[1:-1]) <= STRAIGHT * np.abs(prices[1:-1])
    straight &= (moves[:-1] > TICKS * tick) & (moves[1:] > TICKS * tick)
    runs = np.convolve(straight, np.ones(RUN), "valid") >= RUN
    if straight.mean() > SHARE or runs.mean() > IN_RUNS:
        index = int(part[1 + int(straight.argmax())])
        yield refusal(
            OffGrid,
            f"{int(straight.sum())} prices of {asset} lie exactly on the line between their neighbours: interpolated;"
            " keep the observed ones alone",
            count=int(straight.sum()),
            row=index + 1,
            column="close",
            value=rows.value("close", index),
        )


def _blocks(rows: Rows) -> Iterator[Finding]:
    blocks = rows.values("block")
    found = np.unique(np.stack([blocks, rows.micros / MICRO]), axis=1)
    found = found[:, (found[1] < MERGE) & np.isfinite(found[0])]
    if found.shape[1] < FEWEST // 2:
        return
    (number, second), gap = found, np.diff(found[0])
    line = second[:-2] + (second[2:] - second[:-2]) * gap[:-1] / np.maximum(gap[:-1] + gap[1:], 1)
    wide = (gap[:-1] >= BLOCKS) & (gap[1:] >= BLOCKS)
    straight = wide & (np.abs(line - second[1:-1]) <= 1)
    if wide.sum() >= FEWEST // 5 and straight.sum() > wide.sum() / 2:
        at = 1 + int(straight.argmax())
        index = int((blocks == number[at]).argmax())
        yield refusal(
            OffGrid,
            "times follow the block numbers in a straight line: interpolated, not the blocks' own",
            count=int(straight.sum()),
            row=index + 1,
            column="time",
            value=show(int(rows.micros[index])),
        )
