"""The book of a Compound III market, rebuilt from its events.

How exact it is. Every event that changes a balance accrues interest first, so the indexes follow from the times of the
events and the terms in force: exactly, as long as nothing accrues without an event. Three things can, in contracts of
the published kind: ``initializeStorage`` (the start of the clock), ``accrueAccount``, and transfers of the base token
between two borrowers. For the first two, the stored totals are read at the book's block; when they differ from the
replay, they are read at the block of every accruing event and the replay is made with them (`anchor`), which is exact
again, since all that happens in one block happens at one index. Of the third, a supplier's part is told by its own
event; a borrower's part is told by none. Where the principals in all show it, every account's is read at the book's
block (an account that owes is one that events have named). A transfer between two borrowers leaves those as they are:
reconciling finds it, and names both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from governance.domain import comet, comet_book, events, frozen
from governance.domain.comet import AssetTerms, Terms, TermsSet, Totals
from governance.domain.statement import Statement
from governance.errors import GapInData, ImplausibleData

NOBODY = "0x" + "00" * 20
CLOCK = ("supply_index", "borrow_index", "accrued_at")
TOTALS = ("supply_index", "borrow_index", "supply_principal", "borrow_principal", "accrued_at")


class Ledger:
    """The market's state after the events so far; `observe` adds what only a read can say.

    Attributes
    ----------
    reserves : list of str
        Base token, then every collateral that was ever listed.
    terms : Terms or None
        Of the version in force; None before there is one.
    totals : Totals
    principals : Mapping[str, int]
        Account -> signed principal.
    collateral : Mapping[str, Mapping[str, int]]
        Asset -> account -> amount in its smallest unit.
    prices : Mapping[str, int]
        Feed -> price with 8 decimals: published, or read at the book's block.
    """

    def __init__(self) -> None:
        self.reserves: list[str] = []
        self.terms: Terms | None = None
        self.totals = Totals()
        self.principals: defaultdict[str, int] = defaultdict(int)
        self.collateral: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.prices: dict[str, int] = {}
        self._draft: TermsSet | None = None
        self._versions: dict[str, TermsSet] = {}  # implementation -> terms that it was made with
        self._past: list[Terms] = []  # in force since the last accrual, and no longer
        self._proven: Totals | None = None  # before the last anchor, which is not compared with it yet
        self._said: list[tuple[int, int]] = []  # principals in all of the last anchors, which transfers change untold
        self._echo = ""  # account whose supplier's part, of a change that is counted already, comes next
        self._handlers: Mapping[type, Callable[[Any, int], None]] = {
            comet.TermsSet: self._set_terms,
            comet.TermSet: self._set_term,
            comet.FeedSet: self._set_feed,
            comet.AssetSet: self._set_asset,
            comet.VersionMade: self._make,
            comet.VersionInstalled: self._install,
            comet.BaseSupplied: self._supply,
            comet.BaseWithdrawn: self._withdraw,
            comet.BaseMoved: self._move,
            comet.CollateralMoved: self._move_collateral,
            comet.CollateralAbsorbed: self._absorb_collateral,
            comet.DebtAbsorbed: self._supply,
            events.PricePublished: self._publish,
        }

    def apply(self, event: Any, timestamp: int) -> None:  # noqa: ANN401 - one of `comet`, or of all protocols
        """Take in one event of a block at ``timestamp`` (unix seconds); those of all protocols say nothing new.

        Raises
        ------
        GapInData
            When it speaks of terms that no event before it set.
        ImplausibleData
            When it comes before the last accrual, or the last anchor cannot be true.
        """
        handler = self._handlers.get(type(event))
        if handler is None:
            return
        try:
            handler(event, timestamp)
        except KeyError as error:
            message = f"{type(event).__name__} speaks of {error}, which no earlier event introduced: logs are missing."
            raise GapInData(message, event=event) from error

    def anchor(self, words: Mapping[str, int]) -> None:
        """Take the clock and the indexes from the totals that are stored at the end of the next events' block.

        Raises
        ------
        ImplausibleData
            When an index is below one or fell, or time went back. Whether they grew by more than interest can be, only
            the terms say, which the block's own events may change: `apply` and `book` find out.
        """
        before = replace(self.totals)
        for name in CLOCK:
            if words[name] < max(getattr(before, name), 0 if name == "accrued_at" else comet.INDEX_SCALE):
                message = f"The market's {name} cannot be {words[name]} after {getattr(before, name)}; it never falls."
                raise ImplausibleData(message, field=name, value=words[name])
            setattr(self.totals, name, words[name])
        self._proven = self._proven or before
        self._said = [*self._said[-1:], (words["supply_principal"], words["borrow_principal"])]

    def observe(self, words: Mapping[str, int]) -> None:
        """Take in what was read at the book's block: stored totals, ``price:FEED`` and, if any, ``principal:ACCOUNT``.

        The principals in all stay those of the events, so that a difference is found, unless each one was read.
        """
        self.anchor(words)
        read = {field.partition(":")[2]: value for field, value in words.items() if field.startswith("principal:")}
        if read:
            self.principals.update(read)
            self.totals.supply_principal, self.totals.borrow_principal = self._said[-1]
        self.prices.update(
            {field.partition(":")[2]: price for field, price in words.items() if field.startswith("price:")}
        )

    def strayed(self, words: Mapping[str, int]) -> bool:
        """Return whether interest was accrued at other times than the events say."""
        return any(getattr(self.totals, name) != words[name] for name in CLOCK)

    def untold(self, words: Mapping[str, int]) -> bool:
        """Return whether debt was moved by a transfer: the borrowers' principals in all are others than events say.

        When the suppliers' are as well, logs are missing or false: then nothing is read that would hide it.
        """
        debt, supply = self.totals.borrow_principal, self.totals.supply_principal
        return debt != words["borrow_principal"] and supply == words["supply_principal"]

    def freeze(self) -> dict[str, Any]:
        """Return the whole state as JSON-ready data."""
        return frozen.freeze(self)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `freeze` said, also after it went through JSON; of a fresh ledger only."""
        frozen.thaw(state, into=self)

    def expand(self, event: Any) -> tuple[Any, ...]:  # noqa: ANN401 - one of `comet`
        """Return ``event`` with what it makes true in the words of all protocols, new values before it."""
        if isinstance(event, comet.VersionInstalled) and event.implementation in self._versions:
            terms = Terms.made(self._versions[event.implementation])
            return (*self._new_values(terms), event, *self._new_listings(terms))
        return (event,)

    def prove(self, timestamp: int) -> None:
        """Compare the last anchor with what interest can have made of the indexes before it.

        Raises
        ------
        ImplausibleData
            When they grew by more, or are of a time after ``timestamp``.
        """
        totals, before = self.totals, self._proven
        if totals.accrued_at > timestamp:
            message = f"Interest was accrued at {totals.accrued_at}, after the block's own time {timestamp}."
            raise ImplausibleData(message, accrued_at=totals.accrued_at, timestamp=timestamp)
        if before is None:
            return
        lent = [before, *(replace(before, supply_principal=one, borrow_principal=two) for one, two in self._said)]
        bounds = [each.most(totals.accrued_at, [self.require_terms(), *self._past]) for each in lent]
        supply, borrow = map(max, zip(*bounds, strict=True))
        if totals.supply_index > supply or totals.borrow_index > borrow:
            message = f"The indexes cannot have grown from {before} to {totals}: that is more than any interest."
            raise ImplausibleData(message, before=before, after=totals)
        self._proven, self._past = None, []

    def require_terms(self) -> Terms:
        """Return the terms in force.

        Raises
        ------
        GapInData
            When no version whose terms are known was installed.
        """
        if self.terms is None:
            raise GapInData("No version of the market whose terms the configurator told is in force: logs are missing.")
        return self.terms

    def parameter(self, asset: str, name: str) -> int:
        """Return a parameter's value as of now; 0 before it has one."""
        return 0 if self.terms is None else self.terms.parameters(asset).get(name, 0)

    def assets_of(self, feed: str) -> list[str]:
        """Return the listed assets that take their price from ``feed``."""
        return [asset for asset in self.reserves if self.feed(asset) == feed]

    def feed(self, asset: str) -> str:
        """Return the address of the asset's feed; empty when there is none."""
        if self.terms is None:
            return ""
        if asset == self.terms.base:
            return self.terms.base_feed
        return self.terms.assets[asset].feed if asset in self.terms.assets else ""

    def turns(self) -> list[int]:
        """Return nothing: a feed here is what the market asks, whoever stands behind it."""
        return []

    def price(self, asset: str) -> int:
        """Return the asset's price as of now, with 8 decimals; 0 when none is known."""
        return self.prices.get(self.feed(asset), 0)

    def listing(self, asset: str) -> events.ReserveListed:
        """Return how the asset was listed; the market itself is the base token's receipt."""
        return events.ReserveListed(asset, NOBODY, NOBODY, NOBODY)

    def book(self, *, timestamp: int, decimals: Mapping[str, int]) -> Statement:
        """Return the market at ``timestamp``, with interest up to then; raises what `comet_book.statement` does."""
        return comet_book.statement(self, timestamp=timestamp, decimals=decimals)

    def _new_values(self, terms: Terms) -> list[events.ParameterSet]:
        return [
            events.ParameterSet(asset, name, value)
            for asset in (terms.base, *terms.assets)
            for name, value in terms.parameters(asset).items()
            if value != self.parameter(asset, name)
        ]

    def _new_listings(self, terms: Terms) -> list[Any]:
        news: list[Any] = []
        for asset in (terms.base, *terms.assets):
            if asset not in self.reserves:
                news.append(self.listing(asset))
            feed = terms.base_feed if asset == terms.base else terms.assets[asset].feed
            if feed != self.feed(asset):
                news.append(events.FeedChosen(asset, feed))
        return news

    def _set_terms(self, event: TermsSet, _: int) -> None:
        self._draft = event

    def _set_term(self, event: comet.TermSet, _: int) -> None:
        draft = self._need_draft()
        if event.asset:
            self._set_asset(comet.AssetSet(_terms_of(draft, event.asset).with_number(event.name, event.value)), 0)
        else:
            self._draft = draft._replace(numbers=tuple((dict(draft.numbers) | {event.name: event.value}).items()))

    def _set_feed(self, event: comet.FeedSet, _: int) -> None:
        draft = self._need_draft()
        if event.asset:
            self._set_asset(comet.AssetSet(_terms_of(draft, event.asset)._replace(feed=event.feed)), 0)
        else:
            self._draft = draft._replace(base_feed=event.feed)

    def _set_asset(self, event: comet.AssetSet, _: int) -> None:
        draft = self._need_draft()
        assets = {terms.asset: terms for terms in draft.assets} | {event.terms.asset: event.terms}
        self._draft = draft._replace(assets=tuple(assets.values()))

    def _need_draft(self) -> TermsSet:
        if self._draft is None:
            raise GapInData("The configurator changed terms that it had not set: logs are missing.")
        return self._draft

    def _make(self, event: comet.VersionMade, _: int) -> None:
        self._versions[event.implementation] = self._need_draft()

    def _install(self, event: comet.VersionInstalled, timestamp: int) -> None:
        if event.implementation not in self._versions:
            return  # a placeholder from before the market's first terms: nothing can happen on it
        self._past += [] if self.terms is None else [self.terms]
        self.terms = Terms.made(self._versions[event.implementation])
        self.reserves += [a for a in (self.terms.base, *self.terms.assets) if a not in self.reserves]
        self.totals.accrued_at = self.totals.accrued_at or timestamp

    def _accrue(self, timestamp: int) -> None:
        self.prove(timestamp)
        if timestamp > self.totals.accrued_at:
            self.totals.supply_index, self.totals.borrow_index = self.totals.indexes_at(timestamp, self.require_terms())
            self.totals.accrued_at = timestamp
            self._past = []

    def _supply(self, event: comet.BaseSupplied | comet.DebtAbsorbed, timestamp: int) -> None:
        self._accrue(timestamp)
        before = self.principals[event.account]
        after = self.totals.principal(self.totals.worth(before) + event.amount)
        # Rounding may take one from who adds nothing; the totals keep it then.
        self._echo = event.account if self._change(event.account, after, counted=after >= before) else ""

    def _withdraw(self, event: comet.BaseWithdrawn, timestamp: int) -> None:
        self._accrue(timestamp)
        before = self.principals[event.account]
        after = self.totals.principal(self.totals.worth(before) - event.amount)
        self._echo = event.account if self._change(event.account, after, counted=after <= before) else ""

    def _move(self, event: comet.BaseMoved, timestamp: int) -> None:
        """Take in a supplier's part: of the event before, or of a transfer, of which it is all that is told."""
        echo, self._echo = self._echo, ""
        if echo == event.account:
            return
        self._accrue(timestamp)
        part = comet.supplier_principal(abs(event.amount), self.totals.supply_index)
        before = self.principals[event.account]
        self._change(event.account, max(before, 0) + part if event.amount > 0 else before - part, counted=True)

    def _change(self, account: str, after: int, *, counted: bool) -> bool:
        """Set an account's principal; return whether its supplier's part changed in a way that is told."""
        before, self.principals[account] = self.principals[account], after
        supplied, repaid = max(after, 0) - max(before, 0), max(-before, 0) - max(-after, 0)
        if counted:
            self.totals.supply_principal += supplied
            self.totals.borrow_principal -= repaid
        return counted and supplied != 0

    def _move_collateral(self, event: comet.CollateralMoved, _: int) -> None:
        held = self.collateral[event.asset]
        if event.sender:
            held[event.sender] -= event.amount
        if event.recipient:
            held[event.recipient] += event.amount

    def _absorb_collateral(self, event: comet.CollateralAbsorbed, _: int) -> None:
        self.collateral[event.asset][event.account] -= event.amount

    def _publish(self, event: events.PricePublished, _: int) -> None:
        self.prices[event.feed] = event.price


def _terms_of(draft: TermsSet, asset: str) -> AssetTerms:
    """Return a collateral's terms; KeyError when it is none."""
    return {terms.asset: terms for terms in draft.assets}[asset]
