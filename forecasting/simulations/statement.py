"""What a file of positions says of a book at one time, as arrays: the newest state of every account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
from django.db.models import QuerySet

from forecasting.core.book import BPS, Floats
from forecasting.core.tables import Ints
from forecasting.imports.catalogue import find, newest
from forecasting.imports.times import MICRO
from forecasting.models import ImportedAccount, ImportedLeg
from forecasting.simulations.symbols import key
from governance.errors import ImplausibleData, InputError

SPREAD = 1e-9  # relative difference within which prices of one asset are one price

type Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A book of N accounts and A assets, as its file states it.

    Attributes
    ----------
    name : str
    version : int
    base : str
        What totals and prices are counted in: ``USD`` or ``ETH``.
    times : (N,) ints
        Unix seconds of each account's state; 0: its file states no time.
    accounts : tuple of str
        Sorted.
    assets : tuple of str
        By `key`.
    held, owed : (N, A) floats
        Tokens.
    price : (A,) floats
        In base; NaN: not stated.
    threshold : (A,) floats
        Fractions, as rows of collateral state them, else rows of debt; NaN: not stated.
    total_held, total_owed : (N,) floats
        In base; NaN: only the assets are known.
    own_threshold, health : (N,) floats
        As published; NaN: not stated.
    emode : (N,) bools
    """

    name: str
    version: int
    base: str
    times: Ints
    accounts: tuple[str, ...]
    assets: tuple[str, ...]
    held: Floats
    owed: Floats
    price: Floats
    threshold: Floats
    total_held: Floats
    total_owed: Floats
    own_threshold: Floats
    health: Floats
    emode: npt.NDArray[np.bool_]

    @property
    def time(self) -> int | None:
        """Unix seconds of the newest state; None: the file does not state the time of every account."""
        return int(self.times.max()) if self.times.min() > 0 else None


def read(name: str, *, version: int = 0, at: int | None = None) -> Statement:
    """Return the book of an imported dataset of positions.

    Parameters
    ----------
    name : str
        With or without ``positions/``.
    version : int
        0: the newest.
    at : int or None
        Unix seconds; of several states of an account, the newest one that is not later is taken. None: the newest.

    Raises
    ------
    InputError
        When there is no such dataset, it holds no account by then, or it mixes base currencies.
    ImplausibleData
        When one asset has several prices or thresholds.
    """
    file = newest(find(name, kind="positions"), version=version)
    states = ImportedAccount.objects.filter(dataset=file.dataset, version__lte=file.version)
    if at is not None:
        states = states.filter(timestamp__lte=at * MICRO)
    latest = states.order_by("book", "account", "-timestamp").distinct("book", "account")
    rows = sorted(latest, key=lambda row: (row.account, row.book))
    if not rows:
        raise InputError(f"{file.dataset.name} holds no account by then; choose a later --at.", field="book")
    bases = sorted({row.base.upper() for row in rows})
    if len(bases) > 1:
        raise InputError(
            f"{file.dataset.name} counts in {' and '.join(bases)}; import each file under a --source of its own, and"
            " simulate them one by one or with --beside.",
            field="book",
        )
    legs = ImportedLeg.objects.filter(dataset=file.dataset, version__lte=file.version)
    table = _table(rows, legs, name=file.dataset.name)
    return Statement(
        name=file.dataset.name,
        version=file.version,
        base=bases[0] or "USD",
        times=np.array([row.timestamp // MICRO for row in rows], dtype=np.int64),
        accounts=_names(rows),
        total_held=_column(row.collateral for row in rows),
        total_owed=_column(row.debt for row in rows),
        own_threshold=_column(row.threshold_bps for row in rows) / BPS,
        health=_column(row.health_factor for row in rows),
        emode=np.array([row.emode != 0 for row in rows]),
        assets=table.assets,
        held=table.held,
        owed=table.owed,
        price=table.price,
        threshold=table.threshold,
    )


def _names(rows: list[ImportedAccount]) -> tuple[str, ...]:
    """Return accounts; one that is in several books of the dataset is one in each."""
    several = len({row.book for row in rows}) > 1
    return tuple(f"{row.account} ({row.book})" if several else row.account for row in rows)


def _column(values: Iterable[Decimal | None]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    assets: tuple[str, ...]
    held: Floats
    owed: Floats
    price: Floats
    threshold: Floats


def _table(rows: list[ImportedAccount], legs: QuerySet[ImportedLeg], *, name: str) -> _Table:
    place: dict[Place, int] = {(row.book, row.account, row.timestamp): i for i, row in enumerate(rows)}
    columns = ("book", "account", "timestamp", "asset", "side", "amount", "price", "threshold_bps")
    found = [
        (place[book, account, stamp], *rest)
        for book, account, stamp, *rest in legs.values_list(*columns).iterator(10_000)
        if (book, account, stamp) in place
    ]
    assets = tuple(sorted({key(asset) for _, asset, *_ in found}))
    at = {asset: i for i, asset in enumerate(assets)}
    held, owed = np.zeros((len(rows), len(assets))), np.zeros((len(rows), len(assets)))
    prices: dict[str, set[float]] = {}
    thresholds: dict[str, dict[str, set[float]]] = {side: {} for side in ImportedLeg.Side.values}
    for row, asset, side, amount, price, threshold in found:
        (held if side == ImportedLeg.Side.COLLATERAL else owed)[row, at[key(asset)]] += float(amount)
        if price is not None:
            prices.setdefault(key(asset), set()).add(float(price))
        if threshold is not None:
            thresholds[side].setdefault(key(asset), set()).add(float(threshold) / BPS)
    stated = thresholds[ImportedLeg.Side.DEBT] | thresholds[ImportedLeg.Side.COLLATERAL]  # of what is owed it is idle
    return _Table(
        assets=assets,
        held=held,
        owed=owed,
        price=np.array([_one(prices, asset, what="price", name=name) for asset in assets], dtype=np.float64),
        threshold=np.array([_one(stated, asset, what="threshold", name=name) for asset in assets], dtype=np.float64),
    )


def _one(told: dict[str, set[float]], asset: str, *, what: str, name: str) -> float:
    values = told.get(asset)
    if not values:
        return float("nan")
    if max(values) - min(values) > SPREAD * abs(max(values)):
        raise ImplausibleData(
            f"{name} has several {what}s of {asset}, from {min(values):g} to {max(values):g}; a book has one.",
            asset=asset,
        )
    return max(values)
