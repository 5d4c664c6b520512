"""What a version forecast out of sample, with the outcomes that it kept beside."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecasting import artifacts
from forecasting.core.book import Floats
from forecasting.core.days import DAY
from forecasting.core.realised import Stamps
from forecasting.models import ModelVersion
from governance.errors import InputError

HORIZON = "1d"  # by which versions are judged first


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a version forecast out of sample: ends (D,), and realised, change and forecast (D, A)."""

    assets: tuple[str, ...]
    ends: Stamps
    realised: Floats
    change: Floats
    forecast: Floats


def pasts(version: ModelVersion) -> dict[str, Past]:
    """Return the forecasts out of sample of a version by horizon.

    Raises
    ------
    InputError
        When none were kept.
    ImplausibleData
        When they, or the artifact that vouches for them, were altered after registration.
    """
    held = artifacts.evidence(version)
    assets = tuple(held["assets"])
    return {
        name: Past(assets=assets, **{key: told[key] for key in ("ends", "realised", "change", "forecast")})
        for name, told in held["horizons"].items()
    }


def past(version: ModelVersion) -> Past:
    """Return the forecasts out of sample of a version, one day ahead.

    Raises
    ------
    InputError
        When it kept none of one day ahead.
    """
    return of_one_day(pasts(version), version)


def of_one_day(found: dict[str, Past], version: ModelVersion) -> Past:
    """Return what is of one day ahead.

    Raises
    ------
    InputError
        When there is nothing.
    """
    if HORIZON not in found:
        message = f"Model version {version.pk} ({version}) kept no forecasts of one day ahead, by which it is judged."
        raise InputError(message, field="horizons", value=version.pk)
    return found[HORIZON]


def together(ours: Past, theirs: Past) -> tuple[Past, Past]:
    """Return both on the days and assets that they share, in the same order."""
    assets = tuple(name for name in ours.assets if name in theirs.assets)
    ends = np.intersect1d(ours.ends, theirs.ends)

    def cut(one: Past) -> Past:
        rows = np.searchsorted(one.ends, ends)
        at = np.ix_(rows, [one.assets.index(name) for name in assets])
        return Past(
            assets=assets, ends=ends, realised=one.realised[at], change=one.change[at], forecast=one.forecast[at]
        )

    return cut(ours), cut(theirs)


def daily(found: Past, *, moment: int, row: int) -> Past:
    """Return the rows whose forecast was made at the time of day of ``moment``: one a day, as it is published.

    Parameters
    ----------
    found : Past
    moment : int
        Unix seconds.
    row : int
        Seconds of a row.
    """
    kept = (found.ends - row - moment) % DAY == 0
    return replace(
        found,
        ends=found.ends[kept],
        realised=found.realised[kept],
        change=found.change[kept],
        forecast=found.forecast[kept],
    )
