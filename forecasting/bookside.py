"""Reads what books say, hour by hour: debt near liquidation, depth, and the simulator's own probability.

A book is known from its time on and holds until the next one of its source, for `HOLD` at most. Books come from
imported positions that state their time (``positions/NAME``) and from snapshots of collected markets (``market/SLUG``);
depth comes from imported quotes (``quotes/NAME``). Of each hour the books of all sources are added up. Positions whose
accounts have times of their own are put together: see `_states`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from functools import lru_cache
from itertools import groupby, takewhile

import numpy as np
from django.db.models import Sum

from forecasting import forecasts
from forecasting.core import tables
from forecasting.core.book import USD, WAD, Floats
from forecasting.core.liquidity import isotonic
from forecasting.core.realised import HOUR, Stamps
from forecasting.core.warning.events import Target
from forecasting.imports.catalogue import find, newest
from forecasting.imports.times import MICRO
from forecasting.models import AccountState, ImportedAccount, ImportedDataset, ImportedQuote, Snapshot
from forecasting.selectors import final_snapshot
from governance import deployments
from governance.errors import BreakwaterError
from governance.models import Deployment

HOLD = 24  # hours for which a book stands in for the next one
MARKET = "market"
NONE = "none"
WHOLE = 0.9  # share of the accounts known so far with which positions of one time are a whole book, not some accounts
DIGITS = 100  # of sums of debt, so that taking away what was added leaves nothing
FALLS = (5, 10)  # per cent of the price, all collateral alike
IMPACT = 0.02  # at which depth is read
FEWEST_QUOTES = 8  # of one hour, that a curve is fitted to
PATHS, SEED = 500, 1
THOUSAND = 1e3
KINDS = (ImportedDataset.Kind.POSITIONS, ImportedDataset.Kind.QUOTES)
STATE = ("timestamp", "book", "account", "health_factor", "debt")

type State = tuple[int, str, str, Decimal | None, Decimal | None]
type Columns = dict[str, Floats]
type Points = dict[int, float]  # by unix seconds


def chosen(names: Sequence[str]) -> list[list[object]]:
    """Return sources of books with their versions, a market's being the block of its newest final snapshot.

    Parameters
    ----------
    names : sequence of str
        ``positions/NAME``, ``quotes/NAME`` and ``market/SLUG``; of none, all that is imported; of `NONE`, none.

    Raises
    ------
    InputError
        When there is no such dataset or market.
    """
    if list(names) == [NONE]:
        return []
    if not names:
        rows = ImportedDataset.objects.filter(kind__in=KINDS).order_by("kind", "source")
        return [[row.name, newest(row).version] for row in rows]
    return [[name, _block(name)] if name.startswith(f"{MARKET}/") else _imported(name) for name in names]


def read(
    sources: Sequence[Sequence[object]],
    *,
    assets: Sequence[str],
    ends: Stamps,
    close: Floats,
    targets: Sequence[Target],
) -> Columns:
    """Return (T,) features of each hour, NaN where no book is known; none that no source speaks of.

    Parameters
    ----------
    sources : sequence of (str, int)
        See `chosen`.
    assets : sequence of str
        The first of which has its depth told.
    ends : (T,) int64
        Unix seconds at which each hour ends.
    close : (T,) floats
        USD, of the first asset.
    targets : sequence of Target
        Of which the simulator tells the probability.
    """
    found: dict[str, list[Floats]] = defaultdict(list)
    first, last = int(ends[0]) - HOLD * HOUR, int(ends[-1])
    for name, version in sources:
        for column, points in _points(str(name), int(str(version)), assets=assets, targets=targets).items():
            inside = {at: value for at, value in points.items() if first <= at <= last}
            if inside:
                found[column].append(_held(inside, ends=ends))
    return {column: _told(column, np.stack(parts), close=close) for column, parts in sorted(found.items())}


@lru_cache(maxsize=4096)
def structural(snapshot_id: int, hours: int, usd: float) -> float:
    """Return the simulator's log odds that at least ``usd`` is liquidated within ``hours`` of a snapshot.

    The models are those that were in use then, so that nothing knows what came later; NaN where there were none, or the
    snapshot's data must not be computed on.
    """
    snapshot = Snapshot.objects.select_related("deployment").get(pk=snapshot_id)
    try:
        models = forecasts.champions(snapshot.deployment, until=snapshot.timestamp)
        posed = forecasts.problem(snapshot, models=models, horizon_hours=hours, paths=PATHS, seed=SEED)
    except BreakwaterError:
        return float("nan")
    over = int((posed.run().totals[:, tables.LIQUIDATED] >= usd).sum())
    return float(np.log((over + 0.5) / (PATHS - over + 0.5)))


def _points(name: str, version: int, *, assets: Sequence[str], targets: Sequence[Target]) -> Mapping[str, Points]:
    kind, _, slug = name.partition("/")
    if kind == MARKET:
        return _of_market(slug, version, targets=targets)
    if kind == ImportedDataset.Kind.QUOTES:
        return {"depth": dict(_depths(name, version, asset=assets[0]))}
    return _of_positions(name, version)


def _of_market(slug: str, block: int, *, targets: Sequence[Target]) -> dict[str, Points]:
    """Return what the snapshots of a market say up to a block."""
    (deployment,) = deployments.select([slug], kind=Deployment.Kind.PROTOCOL)
    taken = Snapshot.objects.filter(deployment=deployment, block_number__lte=block).order_by("timestamp")
    out: dict[str, Points] = defaultdict(dict)
    for pk, at in taken.values_list("pk", "timestamp"):
        for fall in FALLS:
            edge = WAD * 100 // (100 - fall)
            near = AccountState.objects.filter(snapshot=pk, health_factor__gte=WAD, health_factor__lt=edge)
            out[f"near_debt_{fall}"][at] = float(near.aggregate(owed=Sum("debt_base"))["owed"] or 0) / USD
        for target in targets:
            out[f"structural_{target.name}"][at] = structural(pk, target.hours, target.usd)
    return out


def _of_positions(name: str, version: int) -> dict[str, Points]:
    """Return what imported books say whose time is stated; totals in ETH are told apart, to be priced by the hour."""
    file = newest(find(name), version=version)
    rows = ImportedAccount.objects.filter(dataset=file.dataset_id, version__lte=file.version, timestamp__gt=0)
    out: dict[str, Points] = defaultdict(dict)
    for base in sorted({"USD", "ETH"} & set(rows.values_list("base", flat=True).distinct())):
        told = rows.filter(base=base).order_by("timestamp").values_list(*STATE)
        for at, owed in _states(told.iterator(10_000)):
            for fall, debt in zip(FALLS, owed, strict=True):
                out[f"near_debt_{fall}" + ("_eth" if base == "ETH" else "")][at] = debt
    return out


def _states(rows: Iterable[State]) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Yield for each time the debt near liquidation, by `FALLS`, of the accounts known then.

    Positions of one time are a whole book when they have nearly all accounts of before (`WHOLE`): those that they leave
    out are gone. Otherwise they are some accounts' news, and the others are as they were, for `HOLD` at most.

    Parameters
    ----------
    rows : iterable of (int, str, str, Decimal or None, Decimal or None)
        Time (microseconds), book, account, health factor and debt, by time.
    """
    known: dict[tuple[str, str], tuple[int, tuple[Decimal, ...]]] = {}  # the oldest first
    total = [Decimal(0)] * len(FALLS)

    def leave(place: tuple[str, str]) -> None:
        _, gone = known.pop(place)
        total[:] = [one - part for one, part in zip(total, gone, strict=True)]

    def over(stamp: int) -> list[tuple[str, str]]:
        return list(takewhile(lambda place: known[place][0] < stamp - HOLD * HOUR * MICRO, known))

    for stamp, group in groupby(rows, key=lambda row: row[0]):
        with localcontext(prec=DIGITS):
            news = {(book, account): _near(health, debt) for _, book, account, health, debt in group}
            for place in over(stamp):
                leave(place)
            books = {book for book, _ in news}
            before = [place for place in known if place[0] in books]
            again = [place for place in before if place in news]
            for place in before if len(again) >= WHOLE * len(before) else again:
                leave(place)
            for place, near in news.items():
                known[place] = (stamp, near)
                total[:] = [one + part for one, part in zip(total, near, strict=True)]
        yield stamp // MICRO, tuple(map(float, total))


def _near(health: Decimal | None, debt: Decimal | None) -> tuple[Decimal, ...]:
    """Return an account's debt where a fall of prices would make it due, else 0."""
    return tuple(
        debt if debt and health is not None and health >= 1 and health * (100 - fall) < 100 else Decimal(0)
        for fall in FALLS
    )


def _depths(name: str, version: int, *, asset: str) -> Iterator[tuple[int, float]]:
    """Yield by hour how much of an asset could be sold at `IMPACT`, in the asset."""
    file = newest(find(name), version=version)
    rows = ImportedQuote.objects.filter(
        dataset=file.dataset_id, version__lte=file.version, sold__in=(asset, f"W{asset}"), price_impact__isnull=False
    )
    hours: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for at, amount, impact in rows.values_list("timestamp", "amount_in", "price_impact"):
        hours[-(-at // (HOUR * MICRO))].append((float(amount), float(impact or 0)))
    for hour, quotes in sorted(hours.items()):
        amount, impact = np.array(sorted(quotes)).T
        if amount.size >= FEWEST_QUOTES and impact.min() <= IMPACT <= impact.max():
            grid = np.geomspace(amount[0], amount[-1], 400)
            share = isotonic(amount, impact).impact(grid)
            yield hour * HOUR, float(grid[int(np.searchsorted(share, IMPACT).clip(0, grid.size - 1))])


def _held(points: Points, *, ends: Stamps) -> Floats:
    stamps = np.array(sorted(points), dtype=np.int64)
    values = np.array([points[int(at)] for at in stamps])
    at = np.searchsorted(stamps, ends, side="right") - 1
    age = ends - stamps[np.maximum(at, 0)]
    return np.where((at >= 0) & (age <= HOLD * HOUR), values[np.maximum(at, 0)], np.nan)


def _told(column: str, parts: Floats, *, close: Floats) -> Floats:
    """Return the sum over sources, in logarithms of thousand USD; log odds of the simulator as their mean."""
    known = np.isfinite(parts)
    total = np.where(known.any(axis=0), np.where(known, parts, 0.0).sum(axis=0), np.nan)
    if column.startswith("structural"):
        return np.asarray(total / np.maximum(known.sum(axis=0), 1), dtype=np.float64)
    in_eth = column == "depth" or column.endswith("_eth")
    return np.asarray(np.log1p(total * (close if in_eth else 1.0) / THOUSAND), dtype=np.float64)


def _imported(name: str) -> list[object]:
    dataset = find(name)
    return [dataset.name, newest(dataset).version]


def _block(name: str) -> int:
    (deployment,) = deployments.select([name.partition("/")[2]], kind=Deployment.Kind.PROTOCOL)
    snapshot = final_snapshot(deployment)
    return 0 if snapshot is None else snapshot.block_number
