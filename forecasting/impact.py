"""The verb: fit depth curves to imported quotes, and judge them on quotes that were left out or come from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.core import liquidity
from forecasting.core.book import Floats
from forecasting.core.liquidity import DepthCurve
from forecasting.imports import checking, quotes, tables
from forecasting.imports.catalogue import find, newest
from forecasting.imports.rows import Intent
from forecasting.models import ImportedDataset, ImportedQuote
from governance.errors import GapInData, InputError

FOLDS = 5
REPEATS = 8  # ways of cutting: where the largest quotes fall together moves the error by a tenth
SEED = 1
AGAINST = "USDC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Quotes of one token for another, from the smallest amount to the largest.

    Attributes
    ----------
    amount : (n,) floats
        Tokens sold.
    share : (n,) floats
        Price impact, a fraction.
    """

    amount: Floats
    share: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What was fitted to one pair.

    Attributes
    ----------
    curve : DepthCurve
        Fitted to all quotes.
    quotes : int
    errors : dict of str to float
        Mean absolute error of each fit on quotes that were left out, basis points.
    unseen : dict of str to float
        The same on quotes of another file; empty without one.
    tested : int
        How many these are.
    """

    curve: DepthCurve
    quotes: int
    errors: dict[str, float]
    unseen: dict[str, float]
    tested: int


def dataset(name: str) -> ImportedDataset:
    """Return the quotes of that name; with none, the only ones there are.

    Raises
    ------
    InputError
        When there are none, or several.
    """
    if name:
        return find(name, kind=ImportedDataset.Kind.QUOTES)
    found = list(ImportedDataset.objects.filter(kind=ImportedDataset.Kind.QUOTES).order_by("source"))
    if len(found) != 1:
        names = ", ".join(row.name for row in found) or "none; see manage.py import quotes"
        raise InputError(f"Say which quotes to fit; there are: {names}.", field="dataset", value=name)
    return found[0]


def fit(
    source: ImportedDataset, *, against: str, folds: int = FOLDS, seed: int = SEED, test: Path | None = None
) -> dict[str, Fitted]:
    """Return the depth curve of every token that is quoted against one, by token.

    Parameters
    ----------
    source : ImportedDataset
    against : str
        What the tokens are sold for.
    folds : int
        Parts of the quotes, each of which is left out once.
    seed : int
        Of the parts.
    test : Path or None
        A file of quotes that are none of those fitted to.

    Raises
    ------
    InputError
        When nothing is quoted against it.
    GapInData
        When the file has a pair that the dataset has not.
    DataError
        When the file must not be computed on.
    """
    pairs = _imported(source, against)
    if not pairs:
        raise InputError(
            f"{source.name} has no {liquidity.FEWEST} quotes of any token for {against}; choose another --against.",
            field="against",
            value=against,
        )
    unseen = {} if test is None else _file(test, against)
    unknown = sorted(unseen.keys() - pairs.keys())
    if unknown:
        raise GapInData(
            f"{test and test.name} has quotes of {unknown[0]} for {against}, of which {source.name} has too few.",
            asset=unknown[0],
        )
    if test is not None and not unseen:
        raise InputError(f"{test.name} has no quotes for {against}.", field="test", value=test)
    return {token: _fit(pair, unseen.get(token), folds=folds, seed=seed) for token, pair in pairs.items()}


def _fit(pair: Pair, unseen: Pair | None, *, folds: int, seed: int) -> Fitted:
    curves = {name: fitted(pair.amount, pair.share) for name, fitted in liquidity.FITS.items()}
    errors = {
        name: liquidity.cross_validated(fitted, pair.amount, pair.share, folds=folds, repeats=REPEATS, seed=seed)
        for name, fitted in liquidity.FITS.items()
    }
    missed = {}
    if unseen is not None:
        missed = {name: liquidity.error(curve, unseen.amount, unseen.share) for name, curve in curves.items()}
    return Fitted(
        curve=liquidity.isotonic(pair.amount, pair.share),
        quotes=pair.amount.size,
        errors=errors,
        unseen=missed,
        tested=0 if unseen is None else unseen.amount.size,
    )


def _imported(source: ImportedDataset, against: str) -> dict[str, Pair]:
    rows = ImportedQuote.objects.filter(
        dataset=source, version__lte=newest(source).version, bought=against, price_impact__isnull=False
    ).order_by("sold", "amount_in", "timestamp")
    found: dict[str, list[tuple[float, float]]] = {}
    for sold, amount, share in rows.values_list("sold", "amount_in", "price_impact").iterator(10_000):
        found.setdefault(sold, []).append((float(amount), float(share or 0)))
    return {token: _pair(values) for token, values in found.items() if len(values) >= liquidity.FEWEST}


def _file(path: Path, against: str) -> dict[str, Pair]:
    tables.sha256(path)  # says so when there is none
    rows = quotes.read(tables.read(path), Intent(source="test"))
    checking.check(rows, file=path.name)
    amounts, shares = rows.values("amount_in"), rows.values("price_impact")
    found: dict[str, list[tuple[float, float]]] = {}
    for sold, bought, amount, share in zip(rows.words["sold"], rows.words["bought"], amounts, shares, strict=True):
        if bought == against and np.isfinite(share):
            found.setdefault(sold, []).append((float(amount), float(share)))
    return {token: _pair(values) for token, values in found.items()}


def _pair(values: list[tuple[float, float]]) -> Pair:
    table = np.array(values, dtype=np.float64)
    return Pair(amount=table[:, 0], share=table[:, 1])
