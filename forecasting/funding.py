"""Reads what perpetuals say, hour by hour: funding and open interest of imported datasets, where they cover the time.

A row is known when its interval is over, and holds until the next one, for `HOLD` at most. Of several venues the middle
one counts, so that a single one that is off moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.realised import HOUR, Stamps
from forecasting.imports.catalogue import find, newest
from forecasting.imports.times import MICRO
from forecasting.models import ImportedDataset, ImportedFunding

NONE = "none"  # as a source: read nothing
HOLD = 3 * 24  # hours for which a row stands in for the next one
WEEK = 7 * 24

COLUMNS = ("rate", "open_interest", "long_liquidated")

type Columns = dict[str, Floats]


def chosen(names: Sequence[str]) -> list[ImportedDataset]:
    """Return the datasets of these names; of none, all; of `NONE`, none.

    Raises
    ------
    InputError
        When there is no such dataset.
    """
    if list(names) == [NONE]:
        return []
    if names:
        return [find(name, kind=ImportedDataset.Kind.FUNDING) for name in names]
    return list(ImportedDataset.objects.filter(kind=ImportedDataset.Kind.FUNDING).order_by("source"))


def read(sources: Sequence[Sequence[object]], *, assets: Sequence[str], ends: Stamps) -> Columns:
    """Return (T,) features of each hour, NaN where nothing is known; no feature at all without a source.

    Parameters
    ----------
    sources : sequence of (str, int)
        Datasets with their versions.
    assets : sequence of str
        The first of which has features of its own; the others count together with it.
    ends : (T,) int64
        Unix seconds at which each hour ends.
    """
    if not sources:
        return {}
    rates, interest, struck = ([_levels(sources, asset, name, ends=ends) for asset in assets] for name in COLUMNS)
    first = np.log(np.where(interest[0] > 0, interest[0], np.nan))
    together = np.where(np.isfinite(rates).any(axis=0), np.nan_to_num(rates).sum(axis=0), np.nan)
    count = np.maximum(np.isfinite(rates).sum(axis=0), 1)
    return {
        "funding": rates[0],
        "funding_all": together / count,
        "funding_change_7d": rates[0] - _before(rates[0], WEEK),
        "interest_change_1d": first - _before(first, 24),
        "interest_change_7d": first - _before(first, WEEK),
        "perpetuals_liquidated": np.log(struck[0] / np.exp(first) + 1e-6),
    }


def _levels(sources: Sequence[Sequence[object]], asset: str, name: str, *, ends: Stamps) -> Floats:
    """Return the (T,) middle of what all venues of all sources say."""
    series: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for source, version in sources:
        file = newest(find(str(source)), version=int(str(version)))
        rows = ImportedFunding.objects.filter(dataset=file.dataset_id, version__lte=file.version, asset=asset)
        rows = rows.exclude(**{name: None}).order_by("timestamp")
        for venue, stamp, value in rows.values_list("venue", "timestamp", name):
            series.setdefault((str(source), venue), []).append((stamp, float(value)))
    if not series:
        return np.full(ends.size, np.nan)
    known = np.stack([_held(np.array(rows), ends=ends) for rows in series.values()])
    there = np.isfinite(known).any(axis=0)
    out = np.full(ends.size, np.nan)
    out[there] = np.nanmedian(known[:, there], axis=0)
    return out


def _held(rows: Floats, *, ends: Stamps) -> Floats:
    """Return the newest of (n, 2) rows, microseconds and value, at each hour's end; NaN where it is too old."""
    stamps = rows[:, 0]
    at = np.searchsorted(stamps, ends * float(MICRO), side="right") - 1
    held = np.where(at >= 0, rows[np.maximum(at, 0), 1], np.nan)
    age = ends - stamps[np.maximum(at, 0)] / MICRO
    return np.where(age <= HOLD * HOUR, held, np.nan)


def _before(values: Floats, hours: int) -> Floats:
    out = np.full_like(values, np.nan)
    out[hours:] = values[: max(0, values.size - hours)]
    return out
