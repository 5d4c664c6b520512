"""What every governor flavour can do. A flavour is one module of this package, named as its class's ``flavour``."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import governance.governors
from governance.chain.abi import topic
from governance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from governance.chain.client import Client
    from governance.domain.action import Bundle, Call
    from governance.domain.lifecycle import ProposalState


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A proposal was made; times are in the governor's clock."""

    proposal_id: int
    proposer: str
    targets: tuple[str, ...]
    values: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    description: str
    vote_start: int
    vote_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A proposal was ``extended``, ``queued``, ``executed`` or ``canceled``."""

    proposal_id: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """A vote was cast: ``support`` is 0 against, 1 for, 2 abstain; ``weight`` in the smallest unit of the token."""

    proposal_id: int
    voter: str
    support: int
    weight: int
    reason: str


type GovernorEvent = Created | Changed | Cast


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFacts:
    """What the contracts say about a proposal at one block.

    Attributes
    ----------
    state : ProposalState
        Its state.
    vote_end : int
        Last moment of voting, in the governor's clock.
    eta : int or None
        Earliest execution, unix seconds; None when it is not queued.
    quorum : int or None
        Votes needed; None as long as the contract cannot tell (the snapshot has not passed).
    for_votes, against_votes, abstain_votes : int
        The contract's tally.
    """

    state: ProposalState
    vote_end: int
    eta: int | None
    quorum: int | None
    for_votes: int
    against_votes: int
    abstain_votes: int


class Governor(ABC):
    """One governor contract with its companions.

    Parameters
    ----------
    addresses : Mapping[str, str]
        Role -> checksummed address; each flavour names its roles.
    """

    flavour: ClassVar[str]
    events: ClassVar[tuple[str, ...]]

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.addresses = dict(addresses)

    @property
    def topics(self) -> tuple[bytes, ...]:
        """First topics of the events that `decode` understands."""
        return tuple(topic(signature) for signature in self.events)

    @property
    def address(self) -> str:
        """The governor's own address, which emits its events."""
        return self.addresses["governor"]

    @abstractmethod
    def propose(self, bundle: Bundle) -> Call:
        """Return the call that makes ``bundle`` a proposal."""

    @abstractmethod
    def vote(self, *, proposal_id: int, support: int, reason: str) -> Call:
        """Return the call that casts a vote."""

    @abstractmethod
    def queue(self, bundle: Bundle) -> Call:
        """Return the call that queues ``bundle``'s proposal after it was voted for."""

    @abstractmethod
    def execute(self, bundle: Bundle) -> Call:
        """Return the call that executes ``bundle``'s proposal once its delay is over."""

    @abstractmethod
    def proposal_id(self, bundle: Bundle) -> int:
        """Return the id that ``bundle`` has, or would have, as a proposal; computed without a chain."""

    @abstractmethod
    def decode(self, topics: Sequence[bytes], data: bytes) -> GovernorEvent:
        """Return the event that a log of the governor holds.

        Raises
        ------
        DishonestAnswer
            When the log does not decode, or its first topic is none of `topics`.
        """

    @abstractmethod
    def read(self, client: Client, ids: Sequence[int], *, block: int) -> dict[int, ProposalFacts]:
        """Return what the contracts say about each proposal at ``block``.

        Raises
        ------
        CallReverted
            When one of the proposals does not exist there.
        """


def flavours() -> tuple[str, ...]:
    """Return the names of all flavours that are installed."""
    names = [module.name for module in pkgutil.iter_modules(governance.governors.__path__)]
    return tuple(name for name in names if name != "base")


def governor_for(flavour: str, addresses: Mapping[str, str]) -> Governor:
    """Return the governor of ``flavour`` at ``addresses``.

    Raises
    ------
    InputError
        When no such flavour is installed.
    """
    if flavour not in flavours():
        raise InputError(f"There is no governor flavour {flavour!r}; known: {', '.join(flavours())}.", flavour=flavour)
    module = importlib.import_module(f"governance.governors.{flavour}")
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Governor)]
    return next(kind for kind in kinds if getattr(kind, "flavour", "") == flavour)(addresses)
