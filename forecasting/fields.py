"""Where the league's models compete: the assets of an imported source, or those of a market.

Pegged assets take no part, for their variance is that of rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from forecasting import daily
from forecasting.core.book import Floats
from forecasting.core.days import DayTable
from forecasting.core.league import HORIZONS, Data
from forecasting.datasets import Frozen
from forecasting.models import Dataset
from governance.errors import InputError, TooShort
from governance.models import Deployment

YEAR = 365.0
PEGGED = 0.05  # of annual volatility, below which an asset takes no part
DAYS = 1000
SPANS = ("1d", "7d")
WARM = 150  # days before the first forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a competition is held.

    Attributes
    ----------
    days : int
        Newest days that are forecast out of sample; fewer where the data is shorter.
    horizons : tuple of str
        Names of `forecasting.core.league.HORIZONS`.
    """

    days: int = DAYS
    horizons: tuple[str, ...] = SPANS

    @classmethod
    def read(cls, data: Mapping[str, object]) -> Settings:
        """Return the settings with ``data`` in place of the defaults.

        Raises
        ------
        InputError
            For an unknown name or a value that cannot be used.
        """
        unknown = sorted(set(data) - {item.name for item in fields(cls)})
        if unknown:
            raise InputError(f"{unknown[0]!r} is no setting of a competition.", field=unknown[0])
        days, horizons = data.get("days", DAYS), data.get("horizons", SPANS)
        if not isinstance(days, int) or isinstance(days, bool) or days < 1:
            raise InputError(f"days is {days!r}; it is a whole number of at least 1.", field="days", value=days)
        wrong = [name for name in horizons if name not in HORIZONS] if isinstance(horizons, Sequence) else [horizons]
        if wrong or not horizons:
            known = ", ".join(HORIZONS)
            raise InputError(f"{wrong[:1]} is no horizon; there are: {known}.", field="horizons", value=horizons)
        return cls(days=days, horizons=tuple(name for name in HORIZONS if name in horizons))  # type: ignore[operator]

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-ready data."""
        return {**asdict(self), "horizons": list(self.horizons)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Where models compete.

    Attributes
    ----------
    line : str
        The name under which versions follow each other.
    deployment : Deployment or None
        The market; None: imported files.
    dataset : Dataset
    data : Data
    block : int
        Of a market's data, 0 for files.
    """

    line: str
    deployment: Deployment | None
    dataset: Dataset
    data: Data
    block: int = 0

    @property
    def finest(self) -> DayTable:
        """The closest look at what came: the hours, or the days where bars are longer than an hour."""
        hours = self.data.hours
        return self.data.days if hours is None or not hours.ends.size else hours

    @property
    def moment(self) -> int:
        """End of the last day, unix seconds."""
        return int(self.data.days.ends[-1])


def split(text: str) -> list[str]:
    """Return the parts of ``text`` between its commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def of_source(*, source: str, assets: Sequence[str], version: int = 0) -> Field:
    """Return the field of an imported source's assets."""
    return of_daily(daily.read(source=source, assets=assets, version=version))


def of_daily(found: daily.Daily) -> Field:
    """Return the field of those assets of frozen bars that are not pegged.

    Raises
    ------
    InputError
        When they all are.
    """
    source = found.dataset.facts["name"].rpartition("/")[2]
    moving = _moving(found.table.variance)
    if not moving:
        names = ", ".join(found.table.assets)
        raise InputError(
            f"{names} of {source}: pegged, with less than {PEGGED:.0%} volatility a year; name an asset that moves.",
            field="assets",
            value=names,
        )
    data = Data(days=_only(found.table, moving), hours=_only(found.hourly, moving))
    return Field(line=line_of(source, data.days.assets), deployment=None, dataset=found.dataset, data=data)


def _moving(variance: Floats) -> list[int]:
    """Return the columns of daily ``variance`` (D, A) whose usual day is not that of a pegged asset."""
    known = [column[np.isfinite(column)] for column in variance.T]
    return [a for a, days in enumerate(known) if not days.size or np.sqrt(np.median(days) * YEAR) >= PEGGED]


def _only[Table: DayTable](table: Table, columns: Sequence[int]) -> Table:
    return replace(
        table,
        assets=tuple(table.assets[a] for a in columns),
        variance=table.variance[:, columns],
        change=table.change[:, columns],
        complete=table.complete[:, columns],
        measures={name: values[:, columns] for name, values in table.measures.items()},
    )


def line_of(source: str, assets: Sequence[str]) -> str:
    """Return the line of an imported source's assets, whatever their order."""
    return f"{source}:{','.join(sorted(assets))}"


def of_frozen(frozen: Frozen, *, deployment: Deployment) -> Field | None:
    """Return the field of a market's assets that are not pegged; None: they all are."""
    moving = _moving(frozen.panel.measures.variance)
    if not moving:
        return None
    names = tuple(frozen.symbols[r] for r in moving)
    grid = type(frozen.grid)(
        timestamps=frozen.grid.timestamps, prices=frozen.grid.prices[:, moving], observed=frozen.grid.observed
    )
    data = Data(days=daily.from_grid(grid, assets=names), hours=daily.hours_from_grid(grid, assets=names))
    return Field(
        line=deployment.slug,
        deployment=deployment,
        dataset=frozen.dataset,
        data=data,
        block=frozen.dataset.block_number,
    )


def long_enough(field: Field) -> bool:
    """Return whether there are enough days to forecast some of them out of sample."""
    return field.data.days.ends.size > WARM


def require_long_enough(field: Field) -> None:
    """Check that some days can be forecast out of sample.

    Raises
    ------
    TooShort
        When none can.
    """
    days = field.data.days.ends.size
    if not long_enough(field):
        raise TooShort(f"{field.line} has {days} days; models compete from {WARM + 1} on.", days=days)
