"""What every lending protocol's plugin offers: one class in one file of this package, found by its file's name.

A plugin decodes logs into events, which its ledger turns into a book; it knows how to read each risk parameter, how to
encode a change, and which view functions of the contract every rebuilt number is compared with. Forms, optimiser,
guardrails and docs are driven by its `ParameterSpec`s.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from typing import Protocol as Shape

from governance import protocols
from governance.domain import statement
from governance.errors import DishonestAnswer, InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from governance.chain.client import Client
    from governance.chain.store import LogRow
    from governance.domain.action import Call
    from governance.domain.events import ReserveListed
    from governance.domain.statement import Statement
    from governance.protocols.layout import Shape as EventShape


LEARNED = "learned: "  # how roles begin that `Protocol.learn` adds to those of `Protocol.discover`


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSpec:
    """A risk parameter of one reserve.

    Attributes
    ----------
    name : str
        Identifier, the same in calldata builders, policies and the database.
    label : str
        The field's words for it.
    unit : str
        A key of `governance.domain.units.UNITS`.
    minimum, maximum : int
        What the contract itself accepts, inclusive.
    help : str
        What it does, in one sentence.
    step : int
        The contract keeps multiples of this only.
    shared : bool
        Whether the whole market has one value of it, whichever reserve is asked about.
    """

    name: str
    label: str
    unit: str
    minimum: int
    maximum: int
    help: str
    step: int = 1
    shared: bool = False

    def check(self, values: Mapping[str, int]) -> int:
        """Return this parameter's value in ``values`` (parameter name -> value).

        Raises
        ------
        InputError
            When it is missing, or not one that the contract can keep.
        """
        value = values.get(self.name)
        if value is None or not self.minimum <= value <= self.maximum:
            message = f"The {self.label} must be between {self.minimum} and {self.maximum}, not {value}."
            raise InputError(message, field=self.name, value=value)
        if value % self.step:
            message = (
                f"The {self.label} must be a multiple of {self.step}, not {value}; the contract cuts off the rest."
            )
            raise InputError(message, field=self.name, value=value)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How to read one parameter: a call, and which 32-byte word of its answer (from 0)."""

    call: Call
    word: int


class Word(NamedTuple):
    """Which 32-byte word of a log holds a number: ``topic`` 1 to 3, or 0 for word ``at`` (from 0) of its data.

    ``event`` is the shape that the log must have; None for any.
    """

    topic: int = 0
    at: int = 0
    signed: bool = False
    event: EventShape | None = None

    def of(self, log: LogRow) -> int:
        """Return the number; 0 where the log has no such word."""
        data = log.data[32 * self.at : 32 * self.at + 32]
        word = (data, log.topic1, log.topic2, log.topic3)[self.topic]
        return int.from_bytes(word.rjust(32, b"\0"), "big", signed=self.signed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveFacts:
    """What never changes about a listed asset and is not in the logs."""

    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Where the contract itself says one of the numbers that a book was rebuilt to.

    Attributes
    ----------
    field : str
        Name of the number, as in the book.
    call : Call
        A view function; several checks may share one call.
    word : int
        Which 32-byte word of its answer, from 0.
    signed : bool
        Whether the word is a two's complement.
    """

    field: str
    call: Call
    word: int = 0
    signed: bool = False

    def read(self, answer: bytes) -> int:
        """Return the number in ``answer``.

        Raises
        ------
        DishonestAnswer
            When the answer is too short.
        """
        word = answer[32 * self.word : 32 * self.word + 32]
        if len(word) != 32:
            message = f"{self.call.target} answers {len(answer)} bytes, too few for {self.field}."
            raise DishonestAnswer(message, field=self.field, data=answer.hex())
        return int.from_bytes(word, "big", signed=self.signed)


class Ledger(Shape):
    """A mutable book: events in, state out. What `Protocol.ledger` returns; each protocol has its own.

    Attributes
    ----------
    reserves : list of str
        Assets in the order of their listing, delisted ones too.
    """

    reserves: list[str]

    def apply(self, event: Any, timestamp: int) -> None:  # noqa: ANN401 - each ledger has events of its own
        """Take in one event of a block at ``timestamp`` (unix seconds); GapInData when logs before it are missing."""

    def freeze(self) -> Any:  # noqa: ANN401 - JSON is what it is
        """Return the whole state as JSON-ready data, integers as they are."""

    def restore(self, frozen: Any) -> None:  # noqa: ANN401 - likewise
        """Become what `freeze` said, also after it went through JSON."""

    def parameter(self, asset: str, name: str) -> int:
        """Return a parameter's value as of now."""

    def assets_of(self, feed: str) -> list[str]:
        """Return the listed assets that take their price from ``feed``."""

    def turns(self) -> list[int]:
        """Return at which times (unix seconds, sorted) `assets_of` changes without an event."""

    def feed(self, asset: str) -> str:
        """Return the address of the asset's feed; empty when there is none."""

    def price(self, asset: str) -> int:
        """Return the asset's price as of now, with 8 decimals; 0 when none is known."""

    def listing(self, asset: str) -> ReserveListed:
        """Return how ``asset`` was listed."""

    def observe(self, words: Mapping[str, int]) -> None:
        """Take in what `Protocol.pinned` asked for, by field."""

    def book(self, *, timestamp: int, decimals: Mapping[str, int]) -> Any:  # noqa: ANN401 - `Protocol.statement` reads it
        """Return the book at ``timestamp``; ``decimals`` is each asset's."""


class Protocol(ABC):
    """A lending protocol at its addresses.

    Parameters
    ----------
    addresses : Mapping[str, str]
        Role -> checksummed address, as `discover` and `learn` returned them.
    """

    slug: ClassVar[str]
    label: ClassVar[str]
    parameters: ClassVar[tuple[ParameterSpec, ...]]
    config_topics: ClassVar[frozenset[bytes]]
    """First topics of the rare events: listings, feeds, parameters. Enough to know the market without its accounts."""
    price_topics: ClassVar[frozenset[bytes]]
    """First topics of the events by which a price feed publishes."""
    book_topics: ClassVar[frozenset[bytes]]
    """First topics of every event that a book is rebuilt from (the ones above among them)."""
    fact_topics: ClassVar[frozenset[bytes]]
    """First topics of the events that become rows of history."""
    price_words: ClassVar[Mapping[bytes, Word]] = MappingProxyType({})
    """First topic -> price, for events that say ``PricePublished(log.address, price)``: those are read as arrays."""
    settled_topics: ClassVar[frozenset[bytes]] = frozenset()
    """First topics of events whose effect on a book the contract's next one about the same ``topic1`` replaces."""
    lore_topics: ClassVar[frozenset[bytes]] = frozenset()
    """First topics of events that name contracts which have to be asked once before logs can be decoded (`learn`)."""
    anchored_topics: ClassVar[frozenset[bytes]] = frozenset()
    """First topics of events at whose blocks `anchors` are read, once a ledger strayed."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.addresses = addresses

    @classmethod
    @abstractmethod
    def discover(cls, client: Client, address: str, options: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return role -> address, starting from the one address that a person gives.

        Parameters
        ----------
        client : Client
            Of the protocol's chain.
        address : str
            Of the contract by which the protocol is known.
        options : Mapping[str, str] or None
            What one address cannot say (Morpho Blue: ``market``, the market's id); None for nothing.

        Raises
        ------
        InputError
            When there is no such protocol at ``address``, or an option is missing or wrong.
        """

    @abstractmethod
    def watched(self, client: Client) -> tuple[str, ...]:
        """Return every address whose logs tell the protocol's history, as of now: sorted, checksummed."""

    def learn(self, client: Client, logs: Iterable[LogRow]) -> dict[str, str]:  # noqa: ARG002 - most logs say it all
        """Return what contracts say that ``logs`` (of `lore_topics`, from the first block on) name, as roles.

        Their names begin with `LEARNED`; they stand beside those of `discover`, and are given to the plugin with them.
        """
        return {}

    @abstractmethod
    def reserve_facts(self, client: Client, assets: Sequence[str]) -> dict[str, ReserveFacts]:
        """Return symbol and decimals of each asset."""

    @abstractmethod
    def decode(self, log: LogRow) -> tuple[Any, ...]:
        """Return what a log says; empty for logs that say nothing about books, prices or parameters.

        Raises
        ------
        DishonestAnswer
            When its data is not of the length that its event has.
        """

    @abstractmethod
    def ledger(self) -> Ledger:
        """Return an empty ledger, which takes what `decode` returns."""

    def expand(self, ledger: Ledger, event: Any) -> tuple[Any, ...]:  # noqa: ANN401, ARG002 - some ledgers know more
        """Return ``event`` with what else it makes true: a contract may tell its terms long before they count."""
        return (event,)

    def pinned(self, ledger: Ledger) -> tuple[Check, ...]:  # noqa: ARG002 - Aave's events say it all
        """Return what a book needs beside the logs: read at the book's own block, then given to ``ledger.observe``."""
        return ()

    def strayed(self, ledger: Ledger, words: Mapping[str, int]) -> bool:  # noqa: ARG002 - Aave's events say it all
        """Return whether what was read (`pinned`) shows that something happened that no event told to ``ledger``."""
        return False

    def untold(self, ledger: Ledger, words: Mapping[str, int]) -> tuple[Check, ...]:  # noqa: ARG002 - as above
        """Return what else to read at a book's block, when what was read shows that no event told of all balances."""
        return ()

    def anchors(self) -> tuple[Check, ...]:
        """Return what to read at the blocks of `anchored_topics`; ``ledger.anchor`` takes it before their events."""
        return ()

    def statement(self, book: Any) -> Statement:  # noqa: ANN401 - what this protocol's ledger returns
        """Return a ledger's book as rows that are alike for all protocols."""
        return statement.of_book(book)

    @abstractmethod
    def read(self, parameter: str, reserve: str) -> Read:
        """Return how to read ``parameter`` of ``reserve`` (the asset's address)."""

    @abstractmethod
    def encode(self, *, reserve: str, before: Mapping[str, int], after: Mapping[str, int]) -> tuple[Call, ...]:
        """Return the calls that lead from ``before`` to ``after`` (parameter name -> value; all parameters in both).

        Raises
        ------
        InputError
            When a value is missing or outside of what the contract accepts.
        """

    @abstractmethod
    def account_checks(self, account: str, fields: Collection[str]) -> tuple[Check, ...]:
        """Return where the contract says each of ``fields`` of ``account``, as its statement names them."""

    @abstractmethod
    def reserve_checks(self, reserve: str, numbers: Mapping[str, int]) -> tuple[Check, ...]:
        """Return where the contract says each of a reserve's ``numbers``, by its statement's own names for them."""

    def parameter(self, name: str) -> ParameterSpec:
        """Return the spec of parameter ``name``."""
        for spec in self.parameters:
            if spec.name == name:
                return spec
        known = ", ".join(spec.name for spec in self.parameters)
        message = f"{self.label} has no parameter {name!r}; it has {known}."
        raise InputError(message, field="parameter", value=name)


@cache
def flavours() -> tuple[str, ...]:
    """Return the names of all protocol plugins: the modules beside this one that name a ``PROTOCOL``."""
    names = sorted(module.name for module in pkgutil.iter_modules(protocols.__path__))
    return tuple(name for name in names if hasattr(importlib.import_module(f"{protocols.__name__}.{name}"), "PROTOCOL"))


def plugin(flavour: str) -> type[Protocol]:
    """Return the plugin class of ``flavour``.

    Raises
    ------
    InputError
        When there is none.
    """
    if flavour not in flavours():
        message = f"There is no protocol plugin {flavour!r}; there are: {', '.join(flavours())}."
        raise InputError(message, field="flavour", value=flavour)
    found: type[Protocol] = importlib.import_module(f"governance.protocols.{flavour}").PROTOCOL
    return found
