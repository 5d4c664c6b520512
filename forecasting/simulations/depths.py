"""How much each asset can be sold for: as a person says, as quotes say, or as the market's model does.

What nobody says of an asset that some account holds or owes is refused, but for two: what the quotes are counted in,
and pegged assets, which sales are taken not to move. Both are told. Quotes that are older than the book are preferred;
later ones are used where there are none, and that is told too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecasting.core import liquidity
from forecasting.core.book import Floats
from forecasting.core.exchange import Curve, tabulate
from forecasting.core.liquidity import DepthCurve
from forecasting.core.worlds.likeness import STABLE
from forecasting.imports.catalogue import find, newest
from forecasting.imports.times import MICRO, show
from forecasting.models import ImportedDataset, ImportedQuote
from forecasting.simulations.symbols import key, positive
from governance.errors import InputError

AGAINST = "USDC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Depths:
    """Depth of R columns.

    Attributes
    ----------
    usd : (R,) floats
        Constant-product depth; ``inf``: not moved.
    curves : mapping of int to Curve
        In its place where the asset is sold.
    sources : tuple of str
        Where each is from, for people.
    notes : tuple of str
        What is taken for granted of them.
    """

    usd: Floats
    curves: Mapping[int, Curve]
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def scaled(self, by: Floats) -> Depths:
        """Return the depth times ``by`` (R,)."""
        curves = {
            r: Curve(sold=curve.sold * by[r], proceeds=curve.proceeds * by[r]) for r, curve in self.curves.items()
        }
        return replace(self, usd=self.usd * by, curves=curves)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """What quotes tell of one asset.

    Attributes
    ----------
    curve : DepthCurve
    first, last : int
        When the first and the last of the quotes were made, unix seconds.
    """

    curve: DepthCurve
    first: int
    last: int

    @property
    def days(self) -> str:
        """When, for people."""
        return " to ".join(dict.fromkeys(_day(time) for time in (self.first, self.last)))


def choose_quotes(source: str) -> list[Any] | None:
    """Return name and version of the quotes to read; without a name the only ones there are, None where there are none.

    Raises
    ------
    InputError
        When the name is unknown, or there are several.
    """
    if source:
        dataset = find(source, kind=ImportedDataset.Kind.QUOTES)
        return [dataset.name, newest(dataset).version]
    found = list(ImportedDataset.objects.filter(kind=ImportedDataset.Kind.QUOTES).order_by("source"))
    if len(found) > 1:
        names = ", ".join(dataset.source for dataset in found)
        raise InputError(f"Say with --quotes which quotes tell the depth; there are: {names}.", field="quotes")
    return [found[0].name, newest(found[0]).version] if found else None


def find_depths(
    symbols: Sequence[str],
    *,
    price: Floats,
    stated: Mapping[str, str],
    quotes: Sequence[Any] | None,
    modelled: Mapping[str, float],
    at: int | None = None,
) -> Depths:
    """Return the depth of each column.

    Parameters
    ----------
    symbols : sequence of str
    price : (R,) floats
        USD.
    stated : mapping of str to str
        By `key`: USD, ``inf``, or another asset whose quotes count.
    quotes : sequence or None
        Name and version.
    modelled : mapping of str to float
        By `key`: what the market's model says, USD.
    at : int or None
        When the book stands, unix seconds; None: not known.

    Raises
    ------
    InputError
        Naming the asset of which nobody tells the depth, or that a person named in vain.
    """
    known = {key(symbol) for symbol in symbols}
    for name in stated:
        if name not in known:
            raise InputError(
                f"--depth names {name}, which is not in the book; it has {', '.join(symbols)}.",
                field="depth",
                value=name,
            )
    quoted = _quoted(quotes, at=at)
    usd, curves, sources, told = np.full(len(symbols), np.inf), {}, [], {}
    for r, symbol in enumerate(symbols):
        depth, curve, source = _depth(symbol, price=float(price[r]), stated=stated, quoted=quoted, modelled=modelled)
        usd[r] = depth
        if curve is not None:
            curves[r] = curve
        if curve is not None and quotes is not None:
            told[symbol] = source
            source = f"{quotes[0]} of {source}, {quoted[source].days}"
        sources.append(source)
    notes = tuple(_notes(told, quoted, at=at))
    return Depths(usd=usd, curves=curves, sources=tuple(sources), notes=notes)


def _notes(told: Mapping[str, str], quoted: Mapping[str, Quoted], *, at: int | None) -> Iterator[str]:
    """Say which assets are sold into a pool like another's, and whose quotes were made after the book."""
    for symbol, other in told.items():
        if key(symbol) != other:
            yield (
                f"{symbol} is as deep as {other}: it is sold into a pool of its own of as many tokens, which sales of"
                f" {other} do not drain."
            )
    later = [symbol for symbol, other in told.items() if at is not None and quoted[other].last > at]
    if at is not None and later:
        days = ", ".join(dict.fromkeys(quoted[told[symbol]].days for symbol in later))
        yield (
            f"DEPTH IS OF LATER: the quotes of {', '.join(later)} were made on {days}, after {_day(at)}, when the book"
            " stands; there are none of before."
        )
    if at is None and told:
        days = ", ".join(dict.fromkeys(quoted[other].days for other in told.values()))
        yield f"Depth is that of {days}, when the quotes were made, though no file states the time of the book."


def _day(time: int) -> str:
    return show(time * MICRO)[:10]


def _depth(
    symbol: str,
    *,
    price: float,
    stated: Mapping[str, str],
    quoted: Mapping[str, Quoted],
    modelled: Mapping[str, float],
) -> tuple[float, Curve | None, str]:
    """Return the depth of one asset, its curve where it has one, and where they are from: of a curve, whose quotes."""
    name = key(symbol)
    said = stated.get(name, "")
    if said and key(said) not in quoted:
        return _stated(symbol, said), None, "stated"
    if said or name in quoted:
        other = key(said) if said else name
        return _curve(quoted[other].curve, price, of=other)
    if name in modelled:
        return modelled[name], None, "the market's model"
    if name == AGAINST and quoted:
        return np.inf, None, "quotes are counted in it: sales do not move it"
    if name in STABLE:
        return np.inf, None, "pegged: sales do not move it"
    have = ", ".join(sorted(quoted)) or "no asset"
    raise InputError(
        f"Nothing says how deep the market of {symbol} is: there are quotes of {have}. Add --depth {symbol}=USD, or"
        f" --depth {symbol}=ASSET to sell it as deep as another (inf: sales do not move it).",
        field="depth",
        value=symbol,
    )


def _stated(symbol: str, said: str) -> float:
    try:
        return positive(said, field=f"depth {symbol}")
    except InputError as error:
        raise InputError(
            f"--depth {symbol}={said} is neither USD (a positive number, or inf) nor an asset that is quoted.",
            field="depth",
            value=said,
        ) from error


def _curve(fitted: DepthCurve, price: float, *, of: str) -> tuple[float, Curve, str]:
    """Return the curve in USD; for purchases, its constant-product tail."""
    curve = tabulate(fitted.impact, amounts=fitted.amount, price=price)
    return fitted.depth * price, curve, of


def _quoted(quotes: Sequence[Any] | None, *, at: int | None) -> dict[str, Quoted]:
    """Return the curve of each asset that is quoted often enough, by quotes up to ``at`` where these are enough."""
    if quotes is None:
        return {}
    name, version = quotes
    rows = ImportedQuote.objects.filter(
        dataset=find(name, kind=ImportedDataset.Kind.QUOTES),
        version__lte=version,
        bought=AGAINST,
        price_impact__isnull=False,
    ).order_by("sold", "amount_in", "timestamp")
    found: dict[str, list[tuple[float, float, int]]] = {}
    for sold, amount, share, time in rows.values_list("sold", "amount_in", "price_impact", "timestamp").iterator(
        10_000
    ):
        found.setdefault(key(sold), []).append((float(amount), float(share or 0), time // MICRO))
    tables = {sold: np.array(values, dtype=np.float64) for sold, values in found.items()}
    return {sold: _told(table, at=at) for sold, table in tables.items() if len(table) >= liquidity.FEWEST}


def _told(table: Floats, *, at: int | None) -> Quoted:
    """Return what (n, 3) amounts, shares lost and times tell: those up to ``at`` where they are enough, else all."""
    known = table if at is None else table[table[:, 2] <= at]
    chosen = known if len(known) >= liquidity.FEWEST else table
    times = chosen[:, 2]
    curve = liquidity.isotonic(chosen[:, 0], chosen[:, 1])
    return Quoted(curve=curve, first=int(times.min()), last=int(times.max()))
