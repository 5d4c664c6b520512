"""Blocks and times rise together, and one block has one time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.imports.rows import Finding, Rows, refusal
from forecasting.imports.times import show
from governance.errors import ImplausibleData


def check(rows: Rows) -> Iterator[Finding]:
    """Find rows whose time contradicts their block."""
    if "block" not in rows.numbers:
        return
    usable = np.flatnonzero(np.isfinite(rows.values("block")))
    blocks, micros = rows.values("block")[usable], rows.micros[usable]
    order = np.lexsort((micros, blocks))
    step, later = np.diff(blocks[order]), np.diff(micros[order])
    wrong = ((step == 0) & (later != 0)) | ((step > 0) & (later <= 0))
    if wrong.any():
        at = int(wrong.argmax())
        one, two = int(usable[order[at]]), int(usable[order[at + 1]])
        yield refusal(
            ImplausibleData,
            f"block {rows.value('block', two)} is dated {show(int(rows.micros[two]))}, but block"
            f" {rows.value('block', one)} (row {one + 1}) {show(int(rows.micros[one]))}: later blocks are later",
            count=int(wrong.sum()),
            row=two + 1,
            column="block",
            value=rows.value("block", two),
        )
