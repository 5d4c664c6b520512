"""What imported datasets have of each asset, and whether that suffices."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet

from forecasting.core.days import DAY
from forecasting.core.realised import HOUR, MAX_SILENCE_HOURS
from forecasting.core.worlds.history import FEWEST
from forecasting.imports.prices import USD_LIKE
from forecasting.imports.times import MICRO
from forecasting.models import ImportedFile, ImportedPrice
from forecasting.worlds.sentences import day

COMPLETE = 0.95  # of an asset's hours, below which its own prices are not drawn from


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What a dataset has of an asset.

    Attributes
    ----------
    asset : str
    span : int
        Seconds of a bar; 0: single prices.
    rows : int
    first, last : int
        Unix seconds at which the first and the last price were known.
    """

    asset: str
    span: int
    rows: int
    first: int
    last: int

    def whole(self, first: int, last: int) -> bool:
        """Return whether bars cover ``first`` to ``last``; of single prices, whether they may."""
        if not 0 <= self.span <= HOUR:
            return False
        return self.rows >= (last - first) // self.span + 1 if self.span else self.rows * HOUR >= 0.9 * (last - first)

    def lacks(self, newest: int) -> str:
        """Return why likely paths cannot be drawn from these prices; empty where they can."""
        if self.span > HOUR:
            return f"its prices are {self.span // HOUR} hours apart"
        if newest - self.last > MAX_SILENCE_HOURS * HOUR:
            return f"its prices end on {day(self.last)}"
        length = self.last - self.first
        if length < FEWEST * DAY:
            return f"its prices cover {length // DAY} days"
        if self.span and self.rows * self.span < COMPLETE * length:
            return f"its prices have gaps of {1 - self.rows * self.span / length:.0%}"
        return ""


def covers_of(file: ImportedFile, *, until: int | None, since: int = 0) -> list[Cover]:
    """Return what a dataset has of each asset, at the step of which it has most."""
    rows = _usd().filter(dataset=file.dataset, version__lte=file.version, timestamp__gte=since * MICRO)
    if until is not None:
        rows = rows.filter(timestamp__lte=until * MICRO)
    counted = rows.values("asset", "span").annotate(n=Count("timestamp"), low=Min("timestamp"), high=Max("timestamp"))
    best: dict[str, Cover] = {}
    for row in counted.order_by("asset", "n", "-span"):
        best[row["asset"]] = Cover(
            asset=row["asset"],
            span=row["span"],
            rows=row["n"],
            first=row["low"] // MICRO - row["span"],
            last=row["high"] // MICRO,
        )
    return list(best.values())


def covering(windows: Mapping[str, tuple[int, int]], *, assets: Collection[str]) -> dict[str, bool]:
    """Return which of the named times (unix seconds) some imported source covers for one of the assets."""
    counts: dict[str, Any] = {
        f"w{place}": Count("timestamp", filter=Q(timestamp__gte=first * MICRO, timestamp__lte=last * MICRO))
        for place, (first, last) in enumerate(windows.values())
    }
    some = _usd().filter(asset__in=assets, span__lte=HOUR).values("dataset", "asset", "span")
    rows: list[dict[str, Any]] = [dict(row) for row in some.annotate(**counts)]
    return {
        name: any(
            Cover(asset=row["asset"], span=row["span"], rows=row[f"w{place}"], first=first, last=last).whole(
                first, last
            )
            for row in rows
        )
        for place, (name, (first, last)) in enumerate(windows.items())
    }


def drawable() -> bool:
    """Return whether some source has prices enough to draw likely paths from."""
    rows = _usd().filter(span__lte=HOUR).values("dataset", "asset", "span")
    found = rows.annotate(first=Min("timestamp"), last=Max("timestamp"))
    return any(row["last"] - row["first"] >= FEWEST * DAY * MICRO for row in found)


def _usd() -> QuerySet[ImportedPrice]:
    """Return all prices in dollars."""
    return ImportedPrice.objects.filter(quote__in=USD_LIKE)
