"""Amounts in raw units that do not look raw, because they are floats: told by what they are out of proportion to.

Quotes of one pair imply a price, and those the other way round its inverse; an account's balance hardly ever changes by
a power of ten that is a token's decimals; and no account holds more of a token than there could be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from forecasting.core.book import Floats
from forecasting.imports.reference import FLOOR, STABLE, STAKED_ETHER
from forecasting.imports.rows import Finding, Indices, Rows, refusal
from governance.errors import MixedUnits

DECIMALS = np.array([6, 8, 10, 12, 18])  # of tokens, and between two tokens of 18 and 8 or 6
GAP = 3.0  # decades without any rate of a pair; the impact of absurd sizes alone spreads over some two
PRICE = (1e-3, 1e7)  # times the lowest price ever, and USD: outside, no price of a token that we know
SAME = 5e-4  # decades that interest makes between two balances; a day's is a tenth of it
ALIKE = 0.15  # decades that totals move between two observations
SMALL = 10.0  # in base currency; less may well become a million times as much
BITCOINS = frozenset({"WBTC", "RENBTC", "TBTC", "CBBTC", "LBTC"})
MOST = dict.fromkeys(STABLE, 1e10) | dict.fromkeys(BITCOINS, 5e5) | dict.fromkeys({"ETH", "WETH", *STAKED_ETHER}, 5e7)
"""Tokens that no account of a lending market holds or owes."""
RIGHT = "state all amounts in one unit: whole tokens, or raw integers with --raw-decimals"


def check(rows: Rows) -> Iterator[Finding]:
    """Find amounts that are a token's decimals away from what they would be."""
    if "pair" in rows.words:
        yield from _quotes(rows)
    elif "account" in rows.words and "amount" in rows.numbers:
        for asset, part in rows.groups("asset"):
            yield from _too_many(rows, asset, part)
        yield from _jumps(rows, "amount", ("asset", "account", "side"), near=SAME, least=0.0)
    elif "account" in rows.words:
        for name in ("collateral", "debt"):
            if name in rows.numbers:
                yield from _jumps(rows, name, ("book", "account"), near=ALIKE, least=SMALL)


def _quotes(rows: Rows) -> Iterator[Finding]:
    sold, bought = rows.words["sold"], rows.words["bought"]
    rates: dict[tuple[str, str], float] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(rows.values("amount_out") / rows.values("amount_in"))
    for pair, part in rows.groups("pair"):
        usable = part[np.isfinite(logs[part])]
        if not usable.size:
            continue
        yield from _apart(rows, pair, usable, logs[usable])
        rates[sold[usable[0]], bought[usable[0]]] = float(logs[usable].max())
    yield from _there_and_back(rows, rates)
    for (one, two), rate in rates.items():
        yield from _worth(rows, one, two, rate)


def _apart(rows: Rows, pair: str, part: Indices, logs: Floats) -> Iterator[Finding]:
    """Find a pair whose rates are in two clusters; the smaller one is the odd one."""
    order = np.argsort(logs, kind="stable")
    gaps = np.diff(logs[order])
    if gaps.max(initial=0) < GAP:
        return
    widest = int(gaps.argmax())
    below, above = order[: widest + 1], order[widest + 1 :]
    odd = part[below if below.size <= above.size else above]
    sentence = f"the rate of {pair} jumps by a factor of 10^{gaps[widest]:.1f} and more within the file: {RIGHT}"
    yield _refused(rows, "amount_in" if below.size <= above.size else "amount_out", sentence, odd)


def _there_and_back(rows: Rows, rates: dict[tuple[str, str], float]) -> Iterator[Finding]:
    """Find tokens that are many times dearer or cheaper one way than the other: raw on one side alone."""
    round_trips = {(one, two): rate + rates[two, one] for (one, two), rate in rates.items() if (two, one) in rates}
    wrong = {pair: gain for pair, gain in round_trips.items() if abs(gain) >= GAP}
    if not wrong:
        return
    token = Counter(name for pair in sorted(wrong) for name in pair).most_common(1)[0][0]
    gain = next(gain for pair, gain in sorted(wrong.items()) if token in pair)
    # What is sold looks like too much, or what is bought: raw integers are always the larger ones.
    column, side = ("amount_in", "sold") if gain < 0 else ("amount_out", "bought")
    odd = np.flatnonzero(np.array(rows.words[side]) == token)
    sentence = (
        f"{token} for another token and back makes 10^{gain:.1f} of what it was, so {column} of {token} is in another"
        f" unit than the rest: {RIGHT}"
    )
    yield _refused(rows, column, sentence, odd)


def _worth(rows: Rows, sold: str, bought: str, rate: float) -> Iterator[Finding]:
    """Compare a token's price in pegged tokens with what it can be."""
    forth = bought.upper() in STABLE
    token = sold if forth else bought
    if token.upper() not in FLOOR or (sold if not forth else bought).upper() not in STABLE:
        return
    usd = 10 ** (rate if forth else -rate)
    if FLOOR[token.upper()][1] * PRICE[0] <= usd <= PRICE[1]:
        return
    column = "amount_in" if forth == (usd < 1) else "amount_out"  # the larger one is raw
    odd = np.flatnonzero(np.array(rows.words["pair"]) == f"{sold} for {bought}")
    yield _refused(rows, column, f"{sold} for {bought} makes {usd:.3g} USD a {token}: {RIGHT}", odd)


def _too_many(rows: Rows, asset: str, part: Indices) -> Iterator[Finding]:
    most = MOST.get(asset.upper(), np.inf)
    odd = part[rows.values("amount")[part] > most]
    if odd.size:
        yield _refused(rows, "amount", f"no account has more than {most:,.0f} {asset}: {RIGHT}", odd)


def _jumps(rows: Rows, column: str, keys: tuple[str, ...], *, near: float, least: float) -> Iterator[Finding]:
    """Find accounts whose amount becomes what it was, times a token's decimals."""
    words = [np.array(rows.words[name]) for name in keys if name in rows.words]
    order = np.lexsort((rows.micros, *words))
    values, stamps = rows.values(column)[order], rows.micros[order]
    same = stamps[1:] > stamps[:-1]
    for word in words:
        same &= word[order][1:] == word[order][:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        decades = np.abs(np.diff(np.log10(np.abs(values))))
    away = np.abs(decades[:, None] - DECIMALS).min(axis=1)
    jump = same & (np.minimum(values[1:], values[:-1]) > least) & (away <= near)
    if jump.any():
        first = int(jump.argmax())
        sentence = (
            f"{' '.join(rows.words[name][order[first]] for name in keys if name in rows.words)} changes by a factor of"
            f" 10^{decades[first]:.3f} from one time to the next, which is a token's decimals: {RIGHT}"
        )
        yield _refused(rows, column, sentence, order[np.flatnonzero(jump) + 1])


def _refused(rows: Rows, column: str, sentence: str, odd: Indices) -> Finding:
    index = int(odd.min())
    row = int(rows.words["row"][index]) if "row" in rows.words else index + 1
    return refusal(MixedUnits, sentence, count=int(odd.size), row=row, column=column, value=rows.value(column, index))
