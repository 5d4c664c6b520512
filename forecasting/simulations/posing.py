"""A request as the problem that the engine runs: books, a world, depth, and how liquidations work."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from forecasting import worlds
from forecasting.core.book import Book, Floats
from forecasting.core.cascade import CascadeProblem, CascadeRules, Protocol
from forecasting.core.exchange import Withdrawal
from forecasting.core.liquidators import Liquidators
from forecasting.core.oracle import Oracle
from forecasting.core.worlds.base import World
from forecasting.models import Dataset
from forecasting.simulations import books, depths, families, imported, lenders, markets, terms
from forecasting.simulations.depths import Depths
from forecasting.simulations.lenders import Lender
from governance.domain.canonical import canonical

FROZEN = "simulated-book"
THREADS = 1  # of a unit: workers share the units


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Books and the market that they sell into, without any future.

    Attributes
    ----------
    lenders : tuple of Lender
        The book that it is about, then those beside it.
    books : tuple of Book
        The same over common columns.
    depths : Depths
    rules : CascadeRules
    crew : Liquidators
    oracle : Oracle or None
    withdrawal : Withdrawal or None
    notes : tuple of str
        What is taken for granted.
    """

    lenders: tuple[Lender, ...]
    books: tuple[Book, ...]
    depths: Depths
    rules: CascadeRules
    crew: Liquidators
    oracle: Oracle | None
    withdrawal: Withdrawal | None
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the protocols, the book first."""
        return tuple(lender.name for lender in self.lenders)

    @property
    def book(self) -> Book:
        """The book that it is about."""
        return self.books[0]

    @property
    def step_hours(self) -> float:
        """Hours of a step."""
        return 1.0

    def on(self, paths: Floats, *, weights: Floats | None = None) -> CascadeProblem:
        """Return the problem on paths (P, T, R) of prices in USD."""
        close, full = self.rules.close_factor, self.rules.full_close_below
        return CascadeProblem(
            book=self.book,
            paths=paths,
            step_hours=self.step_hours,
            depth=self.depths.usd,
            rules=self.rules,
            threads=THREADS,
            curves=self.depths.curves,
            withdrawal=self.withdrawal,
            oracle=self.oracle,
            liquidators=self.crew,
            beside=tuple(
                Protocol(name=name, book=book, close_factor=close, full_close_below=full)
                for name, book in zip(self.names[1:], self.books[1:], strict=True)
            ),
            weights=weights,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Posed(Standing):
    """A simulation, ready for any cut of its paths; ``depths`` with what the scenario does to them.

    Attributes
    ----------
    dataset : Dataset
        What is simulated, by content: books, depth, and the scenario with the prices that it stands on.
    world : World
    """

    dataset: Dataset
    world: World

    @property
    def step_hours(self) -> float:
        """Hours of a step of the world."""
        return self.world.step_hours

    def problem(self, first: int, count: int) -> CascadeProblem:
        """Return the problem of ``count`` paths from path ``first`` on."""
        drawn = self.world.draw(first, count)
        return self.on(drawn.growth * self.book.price, weights=drawn.weights)


def stand(request: Mapping[str, Any]) -> Standing:
    """Read the books that a request is about, and the market that they sell into; the same whenever it is called.

    Raises
    ------
    InputError
        Naming the account, asset or option that cannot be used.
    DataError
        When what it reads must not be computed on, or is no longer what it was.
    """
    pair, told, first = imported.pair(request["as"]), terms.restore(request["parameters"]), request["protocols"][0]
    drafts = [books.draft(chosen, pair=pair, at=request["at"]) for chosen in request["protocols"]]
    aged = books.require_current(drafts, scenario=request["scenario"], at=request["at"])
    made = tuple(books.price(found, dollars=request["dollars"][found.name], pair=pair, terms=told) for found in drafts)
    laid = lenders.lay(made)
    book, market = laid.books[0], request["market"]
    modelled = markets.depths(first) if "market" in first else None
    found = depths.find_depths(
        book.symbols,
        price=book.price,
        stated=request["depth"],
        quotes=request["quotes"],
        modelled=modelled.usd if modelled else {},
        at=drafts[0].time if request["at"] is None else request["at"],
    )
    found = families.within(found, laid.books)
    return Standing(
        lenders=made,
        books=laid.books,
        depths=found,
        rules=CascadeRules(**market["rules"]),
        crew=Liquidators(**{name: np.inf if value is None else value for name, value in market["crew"].items()}),
        oracle=_oracle(market["oracle"], len(book.symbols)),
        withdrawal=_withdrawal(market["withdrawal"], len(book.symbols)),
        notes=(*aged, *(note for lender in made for note in lender.notes), *laid.notes, *_depth_notes(book, found)),
    )


def pose(request: Mapping[str, Any]) -> Posed:
    """Return a request with its futures; reads and raises as `stand`."""
    there = stand(request)
    world = worlds.open_world(request["scenario"], symbols=there.book.symbols, prices=there.book.price)
    known = {item.name: getattr(there, item.name) for item in fields(Standing)}
    known["depths"] = there.depths.scaled(np.asarray(world.depth_scale, dtype=np.float64))
    known["notes"] = tuple(dict.fromkeys((*world.assumptions, *there.notes)))
    return Posed(**known, dataset=_register(request, there), world=world)


def _depth_notes(book: Book, found: Depths) -> list[str]:
    still = [symbol for r, symbol in enumerate(book.symbols) if np.isinf(found.usd[r]) and r not in found.curves]
    return [*found.notes, *([f"Sales and purchases do not move {', '.join(still)}."] if still else [])]


def _oracle(told: list[float] | None, count: int) -> Oracle | None:
    if told is None:
        return None
    heartbeat, deviation, latency = (np.full(count, value) for value in told)
    return Oracle(heartbeat_hours=heartbeat, deviation=deviation, latency_hours=latency)


def _withdrawal(told: list[float] | None, count: int) -> Withdrawal | None:
    return None if told is None else Withdrawal(share=np.full(count, told[0]), half_life_hours=told[1])


def _facts(request: Mapping[str, Any], there: Standing) -> dict[str, Any]:
    return {
        "protocols": request["protocols"],
        "scenario": request["scenario"],
        "depth": list(there.depths.sources),
    }


def content_hash(request: Mapping[str, Any], there: Standing) -> str:
    """Return what names all that is simulated, by content: 0x and a SHA-256."""
    facts, found = _facts(request, there), there.depths
    digest = hashlib.sha256(canonical({"kind": FROZEN, **facts}))
    for book in there.books:
        digest.update("\n".join((*book.symbols, *book.accounts)).encode())
        terms_of = [getattr(book.parameters, item.name) for item in fields(book.parameters)]
        for values in (book.collateral, book.debt, book.price, book.own_threshold, *terms_of):
            digest.update(np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes())
    for r, usd in enumerate(found.usd):
        curve = found.curves.get(r)
        knots = [] if curve is None else [curve.sold, curve.proceeds]
        digest.update(np.concatenate([[usd], *knots]).astype("<f8").tobytes())
    return f"0x{digest.hexdigest()}"


def _register(request: Mapping[str, Any], there: Standing) -> Dataset:
    """Return the row that names all that is simulated."""
    scenario = request["scenario"]
    times = [time for time in (scenario["as_of"], scenario["from"], scenario["to"]) if time is not None]
    dataset, _ = Dataset.objects.get_or_create(
        hash=content_hash(request, there),
        defaults={
            "kind": FROZEN,
            "first_timestamp": min(times, default=0),
            "last_timestamp": max(times, default=0),
            "rows": sum(len(book.accounts) for book in there.books),
            "block_number": max((chosen.get("block") or 0 for chosen in request["protocols"]), default=0),
            "facts": _facts(request, there),
        },
    )
    return dataset
