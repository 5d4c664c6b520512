"""Health factors of imported books, with all the digits of the file, against the published ones.

References
----------
Health factor = collateral * average liquidation threshold / debt, in the book's base currency. A book without totals
gives them by its legs: the sum of amount * price * threshold over collateral, over the sum of amount * price of debt.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

from forecasting.imports.catalogue import newest
from forecasting.models import ImportedAccount, ImportedDataset, ImportedLeg

DIGITS = 60
BPS = 10_000

type Place = tuple[str, str, int]
type Leg = tuple[str, Decimal, Decimal | None, Decimal | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One account's health.

    Attributes
    ----------
    book, account : str
    timestamp : int
        Unix microseconds; 0: not stated.
    health_factor : Decimal or None
        None: it owes nothing, or a price or threshold is missing.
    published : Decimal or None
        None: the file does not say.
    """

    book: str
    account: str
    timestamp: int
    health_factor: Decimal | None
    published: Decimal | None

    @property
    def error(self) -> Decimal | None:
        """The difference to the published factor, relative where that is above 1; None: nothing to compare."""
        if self.health_factor is None or self.published is None:
            return None
        return abs(self.health_factor - self.published) / max(Decimal(1), abs(self.published))


def health(dataset: ImportedDataset, *, version: int = 0) -> list[Health]:
    """Return the health of every account of a dataset of positions, by book, account and time."""
    upto = newest(dataset, version=version).version
    accounts = ImportedAccount.objects.filter(dataset=dataset, version__lte=upto)
    columns = ("book", "account", "timestamp", "collateral", "debt", "threshold_bps", "health_factor")
    with localcontext(prec=DIGITS):
        legs = _legs(dataset, upto) if accounts.filter(collateral=None).exists() else {}
        return [
            Health(
                book=book,
                account=account,
                timestamp=timestamp,
                health_factor=_totals(collateral, debt, threshold)
                if collateral is not None
                else legs.get((book, account, timestamp)),
                published=published,
            )
            for book, account, timestamp, collateral, debt, threshold, published in accounts.order_by(
                "book", "account", "timestamp"
            ).values_list(*columns)
        ]


def worst(rows: list[Health]) -> Health | None:
    """Return the account that differs most from what was published; None: nothing can be compared."""
    compared = [row for row in rows if row.error is not None]
    return max(compared, key=lambda row: row.error or Decimal(0), default=None)


def _totals(collateral: Decimal, debt: Decimal | None, threshold: Decimal | None) -> Decimal | None:
    return collateral * threshold / BPS / debt if debt and threshold is not None else None


def _legs(dataset: ImportedDataset, version: int) -> dict[Place, Decimal | None]:
    rows = ImportedLeg.objects.filter(dataset=dataset, version__lte=version).order_by("book", "account", "timestamp")
    places: dict[Place, list[Leg]] = {}
    columns = ("book", "account", "timestamp", "side", "amount", "price", "threshold_bps")
    for book, account, timestamp, side, amount, price, threshold in rows.values_list(*columns).iterator(10_000):
        places.setdefault((book, account, timestamp), []).append((side, amount, price, threshold))
    return {place: _from_legs(found) for place, found in places.items()}


def _from_legs(legs: list[Leg]) -> Decimal | None:
    weighted = owed = Decimal(0)
    for side, amount, price, threshold in legs:
        if not amount:
            continue
        if price is None or (threshold is None and side == ImportedLeg.Side.COLLATERAL):
            return None
        if side == ImportedLeg.Side.COLLATERAL:
            weighted += amount * price * (threshold or 0) / BPS
        else:
            owed += amount * price
    return weighted / owed if owed else None
