"""Where the league's models compete: the assets of an imported source, or those of a market.

Pegged assets take no part, for their variance is that of rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from forecasting import daily
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
    """Return the field of bars that were frozen."""
    source = found.dataset.facts["name"].rpartition("/")[2]
    data = Data(days=found.table, hours=found.hourly)
    return Field(line=line_of(source, found.table.assets), deployment=None, dataset=found.dataset, data=data)


def line_of(source: str, assets: Sequence[str]) -> str:
    """Return the line of an imported source's assets, whatever their order."""
    return f"{source}:{','.join(sorted(assets))}"


def of_frozen(frozen: Frozen, *, deployment: Deployment) -> Field | None:
    """Return the field of a market's assets that are not pegged; None: they all are."""
    volatility = np.sqrt(np.median(frozen.panel.measures.variance, axis=0) * YEAR)
    moving = [r for r in range(len(frozen.symbols)) if volatility[r] >= PEGGED]
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
