"""Times off the grid: a row between the grid's points was interpolated, not observed.

A series of prices has a grid of its own: whole seconds that divide a day, from midnight UTC. Events on Ethereum happen
in slots of 12 seconds since the merge, and at whole seconds before; times that were interpolated between blocks do not.
Single observations that a sampler took a moment late lie off any grid altogether; that is recorded, not refused.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from forecasting.core.book import Floats
from forecasting.core.realised import Stamps
from forecasting.imports.reference import GENESIS, MERGE, SLOT
from forecasting.imports.rows import Finding, Rows, refusal
from forecasting.imports.times import MICRO, show
from governance.errors import OffGrid

DAY = 86_400
STEPS = (86_400, 43_200, 28_800, 21_600, 14_400, 7_200, 3_600, 1_800, 900, 600, 300, 180, 120, 60, 30, 15, 12, 10, 5, 1)
MOSTLY = 0.5  # of a series on a grid: then it has that grid
PARTLY = 0.2  # still far more than chance puts there
FEWEST = 8  # rows from which on a grid can be told
STRETCH = 48  # even steps from which on a finer grid is one, and not a row put between two
FILLED = 0.3  # of a stretch's new prices on the line between their neighbours: filled in
NEAR = 0.02  # of the move from neighbour to neighbour; a random walk is as near in about one of eighty rows
SESSION = 14_400  # a bar that long may begin when its venue opens,
HALF_HOUR = 1_800  # which is at a full or half hour, UTC
EVEN = 1e-3  # relative spread of steps: made by a formula

type Mask = npt.NDArray[np.bool_]


def check(rows: Rows) -> Iterator[Finding]:
    """Find times that lie off the grid of their series, or of their chain."""
    if rows.reading.get("events") == "chain":
        yield from _slots(rows)
    elif "asset" in rows.words and "close" in rows.numbers:
        for asset, part in rows.series():
            yield from _series(rows, asset, part)


def _slots(rows: Rows) -> Iterator[Finding]:
    micros = rows.micros
    if not micros.size or not (micros % (60 * MICRO)).any():
        return  # counted by the minute, hour or day: not the times of blocks
    late = (micros >= MERGE * MICRO) & (rows.intent.chain == "ethereum")
    fraction = micros % MICRO != 0
    grid = rows.intent.grid or (SLOT if late.any() else 1)
    off = fraction | ((late | bool(rows.intent.grid)) & ((micros - GENESIS * MICRO) % (grid * MICRO) != 0))
    if off.any():
        index = int(off.argmax())
        behind = int((micros[index] - GENESIS * MICRO) % (grid * MICRO))
        yield refusal(
            OffGrid,
            f"a block's time lies on the chain's slots ({grid} s from {show(GENESIS * MICRO)}); the slot before is"
            f" {show(int(micros[index]) - behind)}, so this was interpolated (--chain NAME for a chain without slots)",
            count=int(off.sum()),
            row=index + 1,
            column="time",
            value=show(int(micros[index])),
        )


def _series(rows: Rows, asset: str, part: npt.NDArray[np.int64]) -> Iterator[Finding]:
    stamps, firsts = np.unique(rows.micros[part], return_index=True)
    prices = rows.values("close")[part][firsts]
    bars = "open" in rows.numbers
    if rows.intent.grid:
        yield from _off(rows, asset, part, rows.intent.grid, stamps % (rows.intent.grid * MICRO) != 0)
        return
    if stamps.size < FEWEST:
        return
    steps = np.diff(stamps)
    usual = float(np.median(steps)) / MICRO
    coarse = (step for step in STEPS if step <= max(1.5 * usual, 1))  # every other row of a grid makes no grid
    grid, share = next(((step, share) for step in coarse if (share := _share(stamps, step)) >= MOSTLY), (0, 0.0))
    if _made_up(steps, usual):
        sentence = f"{asset} has a row every {usual:.6g} s, which divides no day: made by a formula, not observed"
        yield _finding(rows, part, int(stamps[1]), sentence, count=int(stamps.size))
    elif grid and (usual <= grid * 1.5 or share < 1):
        yield from _off(rows, asset, part, grid, _unexplained(stamps, prices, grid))
        yield from _phase(rows, asset, part, stamps, usual, grid=grid)
    elif grid:
        yield from _phase(rows, asset, part, stamps, usual, grid=grid)
    else:
        yield from _scattered(rows, asset, part, stamps, usual, bars=bars)


def _share(stamps: Stamps, step: int) -> float:
    return float((stamps % (step * MICRO) == 0).mean())


def _made_up(steps: Stamps, usual: float) -> bool:
    """Return whether the steps are all alike and yet no clock's."""
    low, high = np.percentile(steps, (5, 95)) / MICRO
    near = min(STEPS, key=lambda step: abs(step - usual))
    natural = abs(usual - near) < EVEN * near or usual % DAY == 0
    return usual > 1 and high - low <= max(EVEN * usual, 1.0) and not natural


def _unexplained(stamps: Stamps, prices: Floats, grid: int) -> Mask:
    """Return which times are off ``grid``, but for long stretches of a finer one: a source that changed its step.

    A stretch whose new prices lie on the line between their neighbours is no such source.
    """
    off: Mask = stamps % (grid * MICRO) != 0
    line = _on_line(prices)
    for finer in (step for step in STEPS if step < grid and grid % step == 0 and step >= 60):
        width = finer * MICRO
        even = np.concatenate([[False], (np.diff(stamps) == width) & (stamps[1:] % width == 0), [False]])
        for first, last in np.flatnonzero(np.diff(even)).reshape(-1, 2):
            stretch = slice(first, last + 1)
            between = off[stretch]
            if last - first >= STRETCH and line[stretch][between].sum() <= FILLED * between.sum():
                off[stretch] = False
    return off


def _on_line(prices: Floats) -> Mask:
    """Return which prices lie, but for rounding, half-way between their neighbours."""
    found = np.zeros(prices.size, dtype=np.bool_)
    move = np.abs(prices[2:] - prices[:-2])
    found[1:-1] = (move > 0) & (np.abs(prices[1:-1] - (prices[2:] + prices[:-2]) / 2) <= NEAR * move)
    return found


def _off(rows: Rows, asset: str, part: npt.NDArray[np.int64], grid: int, off: Mask) -> Iterator[Finding]:
    if off.any():
        stamps = np.unique(rows.micros[part])
        moment = int(stamps[off][0])
        before = moment - moment % (grid * MICRO)
        sentence = (
            f"{asset} has a row every {grid} s, so its neighbours are {show(before)} and"
            f" {show(before + grid * MICRO)}; what lies between was interpolated"
        )
        yield _finding(rows, part, moment, sentence, count=int(off.sum()))


def _phase(
    rows: Rows, asset: str, part: npt.NDArray[np.int64], stamps: Stamps, usual: float, *, grid: int
) -> Iterator[Finding]:
    """Find a series that keeps a step, but not from midnight on."""
    if usual <= grid or usual not in STEPS:
        return
    offsets = stamps % (int(usual) * MICRO)
    values, counts = np.unique(offsets, return_counts=True)
    offset = int(values[counts.argmax()])
    if not offset or counts.max() < MOSTLY * stamps.size:
        return
    sentence = f"{asset} has a row every {usual:.0f} s, but {offset / MICRO:g} s past the full step"
    opens = usual >= SESSION and not offset % (HALF_HOUR * MICRO)
    if "open" in rows.numbers and not opens:
        yield _finding(rows, part, int(stamps[0]), f"{sentence}; bars begin at the full step", count=int(stamps.size))
    else:
        yield Finding(code="late-grid", sentence=sentence, count=int(stamps.size), column="time")


def _scattered(
    rows: Rows, asset: str, part: npt.NDArray[np.int64], stamps: Stamps, usual: float, *, bars: bool
) -> Iterator[Finding]:
    near = min(STEPS, key=lambda step: abs(step - usual))
    on = _share(stamps, near)
    moment = int(stamps[stamps % (near * MICRO) != 0][0])
    if bars:
        yield _finding(rows, part, moment, f"the bars of {asset} begin at no common grid", count=int(stamps.size))
    elif on >= PARTLY:
        sentence = f"{on:.0%} of {asset} lie on a grid of {near} s and the others do not: these were interpolated"
        yield _finding(rows, part, moment, sentence, count=int(stamps.size * (1 - on)))
    else:
        sentence = f"{asset} is observed about every {usual:.0f} s, at no fixed moment"
        yield Finding(code="jitter", sentence=sentence, count=int(stamps.size), column="time", value=show(moment))


def _finding(rows: Rows, part: npt.NDArray[np.int64], moment: int, sentence: str, *, count: int) -> Finding:
    row = int(part[rows.micros[part] == moment][0]) + 1
    return refusal(OffGrid, sentence, count=count, row=row, column="time", value=show(moment))
