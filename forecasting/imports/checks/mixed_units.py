"""Amounts that switch from raw integers to decimals within a file, or are raw altogether.

Where the file says what the amounts are worth, or what they were exchanged for, the implied price of an asset tells:
real prices of one asset spread over a factor of some hundreds, a wrong unit is off by 10**6 and more. Where it does
not, raw integers stand out as whole numbers thousands of times above everything that has a fraction, or as a cluster of
their own as many decades above the rest as the token has decimals.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.core.book import Floats
from forecasting.imports.reference import STABLE
from forecasting.imports.rows import Finding, Indices, Rows, refusal
from governance.errors import MixedUnits

# Amount, the asset it is of, and what it can be measured by.
AMOUNTS = (
    ("collateral_amount", "collateral", "collateral_usd"),
    ("debt_amount", "debt", "debt_usd"),
    ("amount_in", "pair", "amount_out"),
    ("close", "asset", ""),
    ("volume", "asset", ""),
    ("amount", "asset", ""),
    ("collateral", "book", ""),
    ("debt", "book", ""),
)
GAP = 4.7  # decades without any implied price, between two clusters of them; less may be another numeraire
MEDIANS = 4.5  # decades between typical raw and typical decimal amounts
WHOLE = 1e6  # an integer from which on it may be raw
RAW = 1e8  # an integer from which on a single one stands out
SPLIT = 2.0  # decades without any amount, between raw integers and whole tokens
WHOLE_RAW = 1e7  # the least raw amount of such a cluster
ABOVE = 1e3  # times the largest amount that has a fraction
TOO_RAW = 1e15  # a typical amount that no token has: 18 decimals
PEGGED_RAW = 1e8  # likewise, of a token that is worth a dollar
FEW = 3
RIGHT = "state all amounts in one unit: whole tokens, or raw integers with --raw-decimals"


def check(rows: Rows) -> Iterator[Finding]:
    """Find amounts in another unit than their neighbours'."""
    for amount, asset, measure in AMOUNTS:
        if amount in rows.numbers and asset in rows.words:
            for name, part in rows.groups(asset):
                yield from _group(rows, amount, name, part, measure=measure)
            yield from _column(rows, amount)


def _group(rows: Rows, amount: str, name: str, part: Indices, *, measure: str) -> Iterator[Finding]:
    values = rows.values(amount)[part]
    found: Finding | None = None
    if measure in rows.numbers:
        found = _implied(rows, amount, name, part, values, rows.values(measure)[part], measure)
    else:
        found = _clusters(rows, amount, name, part, values)
    found = found or _whole(rows, amount, name, part, values)
    if found is not None:
        yield found


def _implied(
    rows: Rows, amount: str, name: str, part: Indices, values: Floats, worth: Floats, measure: str
) -> Finding | None:
    usable = np.flatnonzero((values > 0) & (worth > 0))
    if usable.size < 2:
        return None
    logs = np.log10(worth[usable] / values[usable])
    order = np.argsort(logs, kind="stable")
    gaps = np.diff(logs[order])
    widest = int(gaps.argmax())
    if gaps[widest] < GAP:
        return None
    below, above = order[: widest + 1], order[widest + 1 :]
    odd = below if below.size <= above.size else above
    index = int(part[usable[odd]].min())
    decades = float(np.median(logs[above]) - np.median(logs[below]))
    sentence = (
        f"{amount} of {name} against {measure} jumps by a factor of 10^{decades:.1f} between rows of the same file:"
        f" {RIGHT}"
    )
    return _refused(rows, amount, sentence, index, count=int(odd.size))


def _clusters(rows: Rows, amount: str, name: str, part: Indices, values: Floats) -> Finding | None:
    """Find large whole amounts in a cluster of their own, as many decades above the others as a token has decimals."""
    usable = np.flatnonzero(values > 0)
    if usable.size < 2:
        return None
    logs = np.log10(values[usable])
    order = np.argsort(logs, kind="stable")
    gaps = np.diff(logs[order])
    widest = int(gaps.argmax())
    below, above = order[: widest + 1], order[widest + 1 :]
    raw = values[usable[above]]
    least = SPLIT if min(below.size, above.size) >= FEW else np.log10(ABOVE)
    apart = float(np.median(logs[above]) - np.median(logs[below]))
    if gaps[widest] < least or apart < MEDIANS or raw.min() < WHOLE_RAW or (raw != np.floor(raw)).any():
        return None
    odd = below if below.size <= above.size else above
    index = int(part[usable[odd]].min())
    sentence = (
        f"{amount} of {name} come in two sizes, 10^{apart:.1f} apart, the larger ones whole: raw integers in some rows"
        f" and tokens in others: {RIGHT}"
    )
    return _refused(rows, amount, sentence, index, count=int(odd.size))


def _whole(rows: Rows, amount: str, name: str, part: Indices, values: Floats) -> Finding | None:
    whole = (values >= WHOLE) & (values == np.floor(values))
    fraction = (values > 0) & (values != np.floor(values))
    if not fraction.any():
        most = PEGGED_RAW if name.upper() in STABLE else TOO_RAW
        if whole.any() and float(np.median(values[whole])) >= most and whole.sum() > (values > 0).sum() / 2:
            index = int(part[int(whole.argmax())])
            sentence = f"{amount} of {name} are raw integers: {RIGHT}"
            return _refused(rows, amount, sentence, index, count=int(whole.sum()))
        return None
    outliers = whole & (values >= RAW) & (values > ABOVE * values[fraction].max())
    apart = whole.sum() >= FEW and _decades(values[whole]) - _decades(values[fraction]) >= MEDIANS
    odd = outliers if outliers.any() else whole & apart
    if not odd.any():
        return None
    if odd.sum() > fraction.sum():
        odd = fraction
    index = int(part[np.flatnonzero(odd)].min())
    sentence = f"{amount} of {name} are raw integers in some rows and decimals in others: {RIGHT}"
    return _refused(rows, amount, sentence, index, count=int(odd.sum()))


def _column(rows: Rows, amount: str) -> Iterator[Finding]:
    """Find raw integers of one asset beside decimals of another."""
    values = rows.values(amount)
    raw = (values >= TOO_RAW) & (values == np.floor(values))
    fraction = (values > 0) & (values != np.floor(values))
    if raw.any() and fraction.any():
        odd = raw if raw.sum() <= fraction.sum() else fraction
        sentence = f"{amount} holds raw integers in some rows and decimals in others: {RIGHT}"
        yield _refused(rows, amount, sentence, int(odd.argmax()), count=int(odd.sum()))


def _decades(values: Floats) -> float:
    return float(np.median(np.log10(values)))


def _refused(rows: Rows, amount: str, sentence: str, index: int, *, count: int) -> Finding:
    return refusal(MixedUnits, sentence, count=count, row=index + 1, column=amount, value=rows.value(amount, index))
