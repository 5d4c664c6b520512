"""Whose books are simulated: watched markets and imported positions, first as they are stated, then as protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.core.book import Book
from forecasting.core.realised import HOUR
from forecasting.imports.catalogue import find, newest
from forecasting.imports.times import MICRO, show
from forecasting.models import ImportedDataset
from forecasting.simulations import imported, lenders, markets, statement
from forecasting.simulations.imported import Pair
from forecasting.simulations.lenders import Lender
from forecasting.simulations.statement import Statement
from forecasting.simulations.terms import Terms
from governance.env import env
from governance.errors import ImplausibleData, InputError, StaleData
from governance.models import Deployment

UNKNOWN = "a time that its file does not state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A book before it is priced.

    Attributes
    ----------
    chosen : mapping
        What was chosen, as JSON-ready data.
    name : str
    time : int or None
        Unix seconds; None: not stated.
    symbols : tuple of str
        Assets that some account holds or owes, or may.
    unpriced : tuple of str
        Assets of which a price in USD is needed.
    stated : Statement or None
        What a file states; None: a market's snapshot.
    lender : Lender or None
        A market's; None: of a file, which is not priced yet.
    """

    chosen: Mapping[str, Any]
    name: str
    time: int | None
    symbols: tuple[str, ...]
    unpriced: tuple[str, ...]
    stated: Statement | None = None
    lender: Lender | None = None

    @property
    def accounts(self) -> tuple[str, ...]:
        """All of them."""
        return self.stated.accounts if self.stated else self.lender.book.accounts if self.lender else ()

    @property
    def oldest(self) -> tuple[int | None, str]:
        """The time of the oldest state, and the account whose it is; none is named where all are of one time."""
        if self.stated is None or self.time is None or self.stated.times.min() == self.time:
            return self.time, ""
        row = int(self.stated.times.argmin())
        return int(self.stated.times[row]), self.accounts[row]

    def apart(self, *, at: int, limit: int) -> int:
        """Return how many accounts' states are more than ``limit`` seconds from ``at``, or of no stated time."""
        if self.stated is None or self.time is None:
            return 0 if self.time is not None and abs(self.time - at) <= limit else len(self.accounts)
        return int((np.abs(self.stated.times - at) > limit).sum())


def choose(name: str) -> dict[str, Any]:
    """Return which book a name means, as JSON-ready data: a watched market's slug, or a dataset of positions.

    Raises
    ------
    InputError
        When there is neither.
    StaleData
        When the market has no snapshot.
    """
    if Deployment.objects.filter(slug=name, kind=Deployment.Kind.PROTOCOL).exists():
        return markets.choose(name)
    positions = ImportedDataset.Kind.POSITIONS
    if not ImportedDataset.objects.filter(kind=positions, source=name.rpartition("/")[2]).exists():
        known = [f"market {slug}" for slug in _markets()]
        known += [dataset.name for dataset in ImportedDataset.objects.filter(kind=positions).order_by("source")]
        have = ", ".join(known) or "none; see manage.py collect and manage.py import positions"
        raise InputError(f"There is no book {name!r}; there are: {have}.", field="book", value=name)
    dataset = find(name, kind=positions)
    return {"positions": dataset.name, "version": newest(dataset).version}


def only() -> str:
    """Return the name of the only book there is.

    Raises
    ------
    InputError
        When there is none, or there are several.
    """
    imported_ones = ImportedDataset.objects.filter(kind=ImportedDataset.Kind.POSITIONS).order_by("source")
    names = [*_markets(), *(dataset.name for dataset in imported_ones)]
    if len(names) != 1:
        have = ", ".join(names) or "none; see manage.py collect and manage.py import positions"
        raise InputError(f"Say whose book to simulate (a market, or --book SOURCE); there are: {have}.", field="book")
    return names[0]


def draft(chosen: Mapping[str, Any], *, pair: Pair | None, at: int | None) -> Draft:
    """Return a book before it is priced.

    Raises
    ------
    InputError, DataError
        When it must not be computed on.
    """
    if "market" in chosen:
        made = markets.lender(chosen)
        held = lenders.used(made.book)
        return Draft(
            chosen=chosen,
            name=made.name,
            time=made.time,
            symbols=tuple(made.book.symbols[r] for r in held),
            unpriced=(),
            lender=made,
        )
    stated = statement.read(chosen["positions"], version=chosen["version"], at=at)
    stated = imported.completed(stated, pair)
    return Draft(
        chosen=chosen,
        name=stated.name,
        time=stated.time,
        symbols=stated.assets,
        unpriced=imported.unpriced(stated),
        stated=stated,
    )


def price(found: Draft, *, dollars: Mapping[str, float], pair: Pair | None, terms: Mapping[str, Terms]) -> Lender:
    """Return the protocol of a draft, checked.

    Parameters
    ----------
    found : Draft
    dollars : mapping of str to float
        USD a token of what it does not price itself.
    pair : Pair or None
    terms : mapping of str to Terms

    Raises
    ------
    InputError, ImplausibleData
        Naming the account or asset.
    """
    made = found.lender
    if found.stated is not None:
        made = imported.lender(found.stated, dollars=dollars, chosen=pair, terms=terms)
    if made is None or made.book.accounts != found.accounts:
        raise ImplausibleData(f"{found.name} has lost accounts on its way into the simulation.", book=found.name)
    lenders.require_sound(made)
    return made


def require_current(drafts: Sequence[Draft], *, scenario: Mapping[str, Any], at: int | None) -> tuple[str, ...]:
    """Check that books and the prices that a forecast starts from are of one time; return what is assumed instead.

    Raises
    ------
    StaleData
        Naming the book and both times.
    """
    if scenario["from"] is not None:
        return tuple(
            f"{found.name} is of {_dated(found)}, at its own prices; it lives through what prices did from"
            f" {_shown(scenario['from'])} to {_shown(scenario['to'])}."
            for found in drafts
        )
    if scenario["as_of"] is None:
        return ()
    return tuple(note for found in drafts for note in _current(found, as_of=scenario["as_of"], at=at))


def _current(found: Draft, *, as_of: int, at: int | None) -> list[str]:
    limit = env().price_max_age_hours * HOUR
    ends = [found.oldest, (found.time, "")] if at is None else [(at, "")]
    for time, account in ends:
        if time is None or abs(time - as_of) > limit:
            raise StaleData(
                f"{f'{account} of ' if account else ''}{found.name} is of {_shown(time)}, and the prices end at"
                f" {_shown(as_of)}; at most {env().price_max_age_hours} hours may lie between. Say with --at which time"
                " to simulate, or choose a replay.",
                book=found.name,
                account=account,
                time=time,
                as_of=as_of,
            )
    count = 0 if at is None else found.apart(at=at, limit=limit)
    if at is None or not count:
        return []
    some = f", {count:,} of its {len(found.accounts):,} accounts of another time" if found.oldest[1] else ""
    return [f"{found.name} is of {_dated(found)}{some}; it is simulated as if it stood at {_shown(at)}."]


def held(book: Book) -> float:
    """Return what the collateral of a book is worth, USD."""
    return float((book.collateral @ book.price).sum())


def owed(book: Book) -> float:
    """Return what is owed in a book, USD."""
    return float((book.debt @ book.price).sum())


def _markets() -> list[str]:
    found = Deployment.objects.filter(kind=Deployment.Kind.PROTOCOL).order_by("slug")
    return list(found.values_list("slug", flat=True))


def _dated(found: Draft) -> str:
    oldest, account = found.oldest
    return f"{_shown(oldest)} ({account}) to {_shown(found.time)}" if account else _shown(found.time)


def _shown(time: int | None) -> str:
    return UNKNOWN if time is None else show(time * MICRO)
