"""Prices and liquidations from before the token existed: filled back, or spliced from another token."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.core.book import Floats
from forecasting.imports.reference import FIRST_DAY, STABLE
from forecasting.imports.rows import Finding, Indices, Rows, refusal
from forecasting.imports.times import MICRO, show
from governance.errors import BeforeToken

ASSETS = ("asset", "collateral", "debt", "sold", "bought")
AGAIN = 0.5  # of that length, later on: this market is so thin
LEAD = 48  # equal prices at the start of a series that moves afterwards


def check(rows: Rows) -> Iterator[Finding]:
    """Find rows dated before their token."""
    if rows.reading.get("positions"):
        return
    for name in ASSETS:
        if name in rows.words and rows.micros.size:
            for asset, part in rows.groups(name):
                yield from _early(rows, name, asset, part)
    if "close" in rows.numbers:
        for asset, part in rows.series():
            yield from _lead(rows, asset, part)


def _early(rows: Rows, name: str, asset: str, part: Indices) -> Iterator[Finding]:
    told = rows.intent.token_since is not None and name == "asset"
    since = rows.intent.token_since if told else FIRST_DAY.get(asset.upper(), 0) * MICRO
    early = rows.micros[part] < (since or 0)
    if early.any():
        index = int(part[int(early.argmax())])
        source = "as --token-since says" if told else "by our table; --token-since DATE corrects it"
        yield refusal(
            BeforeToken,
            f"{asset} exists since {show(int(since or 0))} ({source}), so it had no price then",
            count=int(early.sum()),
            row=index + 1,
            column="time",
            value=show(int(rows.micros[index])),
        )


def _lead(rows: Rows, asset: str, part: Indices) -> Iterator[Finding]:
    prices = rows.values("close")[part]
    moved = np.flatnonzero(prices != prices[0])
    if not moved.size or moved[0] < LEAD or asset.upper() in STABLE or _usual(prices, int(moved[0])):
        return
    yield refusal(
        BeforeToken,
        f"the first {int(moved[0])} prices of {asset} are the same, the first other one is of"
        f" {show(int(rows.micros[part[int(moved[0])]]))}: filled back from its first price",
        count=int(moved[0]),
        row=int(part[0]) + 1,
        column="close",
        value=rows.value("close", int(part[0])),
    )


def _usual(prices: Floats, lead: int) -> bool:
    """Return whether the series stands still for about as long later on."""
    edges = np.flatnonzero(np.concatenate([np.diff(prices[lead:]) != 0, [True]]))
    return bool(np.diff(edges, prepend=-1).max() >= AGAIN * lead)
