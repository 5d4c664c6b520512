"""What every lending protocol's plugin offers: one class in one file of this package, found by its file's name.

A plugin decodes logs into `governance.domain.events`, which `governance.domain.ledger` turns into a book; it knows
how to read each risk parameter and how to encode a change. Forms, optimiser, guardrails and docs are driven by its
`ParameterSpec`s.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from governance import protocols
from governance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from governance.chain.client import Client
    from governance.chain.store import LogRow
    from governance.domain.action import Call
    from governance.domain.events import Event


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
    """

    name: str
    label: str
    unit: str
    minimum: int
    maximum: int
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How to read one parameter: a call, and which 32-byte word of its answer (from 0)."""

    call: Call
    word: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveFacts:
    """What never changes about a listed asset and is not in the logs."""

    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountData:
    """What the protocol itself says of an account: USD with 8 decimals, basis points, and wad."""

    collateral_base: int
    debt_base: int
    liquidation_threshold: int
    ltv: int
    health_factor: int


class Protocol(ABC):
    """A lending protocol at its addresses.

    Parameters
    ----------
    addresses : Mapping[str, str]
        Role -> checksummed address, as `discover` returned them.
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

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.addresses = addresses

    @classmethod
    @abstractmethod
    def discover(cls, client: Client, address: str) -> dict[str, str]:
        """Return role -> address, starting from the one address that a person gives.

        Raises
        ------
        InputError
            When there is no such protocol at ``address``.
        """

    @abstractmethod
    def watched(self, client: Client) -> tuple[str, ...]:
        """Return every address whose logs tell the protocol's history, as of now: sorted, checksummed."""

    @abstractmethod
    def reserve_facts(self, client: Client, assets: Sequence[str]) -> dict[str, ReserveFacts]:
        """Return symbol and decimals of each asset."""

    @abstractmethod
    def decode(self, log: LogRow) -> tuple[Event, ...]:
        """Return what a log says; empty for logs that say nothing about books, prices or parameters."""

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
    def account_calls(self, accounts: Sequence[str]) -> tuple[Call, ...]:
        """Return the calls by which the protocol reports each account's health."""

    @abstractmethod
    def account_data(self, answer: bytes) -> AccountData:
        """Decode one answer to `account_calls`."""

    def parameter(self, name: str) -> ParameterSpec:
        """Return the spec of parameter ``name``."""
        for spec in self.parameters:
            if spec.name == name:
                return spec
        known = ", ".join(spec.name for spec in self.parameters)
        message = f"{self.label} has no parameter {name!r}; it has {known}."
        raise InputError(message, field="parameter", value=name)


def flavours() -> tuple[str, ...]:
    """Return the names of all protocol plugins."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(protocols.__path__) if m.name != "base"))


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
