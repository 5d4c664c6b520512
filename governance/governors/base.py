"""What every governor flavour can do. A flavour is one module of this package, named as its class's ``flavour``."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import governance.governors
from governance.chain.abi import checksum, encode_args, keccak, selector, topic
from governance.domain.action import Call
from governance.errors import ChainError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from governance.chain.client import Client
    from governance.domain.action import Bundle
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
    content: int | None = None
    """Hash of the calls and the text, as `Governor.content` has it; None: the log does not tell them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A proposal was ``activated``, ``extended``, ``queued``, ``failed``, ``executed`` or ``canceled``."""

    proposal_id: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """A vote was cast, or a part of one.

    ``support`` is 0 against, 1 for, 2 abstain; ``weight`` is in the smallest unit of the token.
    """

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
    vote_start : int or None
        Moment after which voting is open, in the governor's clock; None: as it was when the proposal was made.
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
    vote_start: int | None = None
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
    facts : Mapping[str, object]
        What `discover` found it to be; an older deployment has none.
    """

    flavour: ClassVar[str]
    events: ClassVar[tuple[str, ...]]
    roles: ClassVar[tuple[str, ...]]
    """Every role that ``addresses`` may name, ``governor`` first."""
    probes: ClassVar[tuple[str, ...]]
    """Read calls without arguments that every governor of this flavour answers."""
    companions: ClassVar[Mapping[str, str]] = {}
    """Read calls that some of them answer -> the role of the address that they return."""
    votes_here: ClassVar[bool] = True
    """Whether votes are cast on the governor's own chain, so that they can be added up."""

    def __init__(self, addresses: Mapping[str, str], facts: Mapping[str, object] | None = None) -> None:
        self.addresses = dict(addresses)
        self.facts = dict(facts or {})

    @property
    def numbered(self) -> bool:
        """Whether the governor numbers its proposals, so that an id tells nothing of what is executed."""
        return self.facts.get("ids") == "sequential"

    def check(self, client: Client) -> None:
        """Ask the contract whether it is a governor of this flavour; learn its companions, or compare them.

        Raises
        ------
        InputError
            When it is not, or names other companions than ``addresses`` does.
        """
        for probe in self.probes:
            if not ask(client, self.address, probe):
                raise self._other(f"it does not answer {probe}")
        found = {role: ask(client, self.address, probe) for probe, role in self.companions.items()}
        named = {role: checksum(answer[12:32]) for role, answer in found.items() if any(answer[12:32])}
        for role, address in self.addresses.items():
            if role in self.companions.values() and named.get(role) != address:
                says = f"says that its {role} is {named[role]}" if role in named else f"names no {role}"
                message = f"{self.address} {says}, not {address}."
                raise InputError(message, field=role, value=address)
        self.addresses |= named

    @abstractmethod
    def discover(self, client: Client) -> dict[str, object]:
        """Return what kind of its flavour the governor is, as JSON-ready facts for people and for `facts`."""

    def _other(self, reason: str) -> InputError:
        message = f"{self.address} is no governor of the flavour {self.flavour!r}: {reason.rstrip('.')}."
        return InputError(message, field="address", value=self.address)

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
    def queue(self, bundle: Bundle, *, proposal_id: int | None = None) -> Call:
        """Return the call that queues ``bundle``'s proposal after it was voted for.

        A governor that numbers its proposals needs the ``proposal_id``; raises `InputError` without it.
        """

    @abstractmethod
    def execute(self, bundle: Bundle, *, proposal_id: int | None = None) -> Call:
        """Return the call that executes ``bundle``'s proposal once its delay is over; otherwise as `queue`."""

    def content(self, bundle: Bundle) -> int:
        """Return the hash of everything that ``bundle`` puts on chain: its calls in order, and its text.

        It is the id that OpenZeppelin's governor computes, and serves for all: two proposals with the same content are
        equal to the byte.
        """
        columns = ([call.target for call in bundle.calls], [call.value for call in bundle.calls])
        return content(*columns, [call.data for call in bundle.calls], keccak(bundle.description.encode()))

    def proposal_id(self, bundle: Bundle) -> int:
        """Return the id that ``bundle`` has, or would have, as a proposal; computed without a chain.

        Raises
        ------
        InputError
            When the governor numbers its proposals.
        """
        if self.numbered:
            message = f"The governor at {self.address} numbers its proposals; an id is known only once it is proposed."
            raise InputError(message, field="proposal_id", value=self.flavour)
        return self.content(bundle)

    @abstractmethod
    def decode(self, topics: Sequence[bytes], data: bytes) -> tuple[GovernorEvent, ...]:
        """Return the events that a log of the governor holds: one, or the parts of a vote that was split.

        Raises
        ------
        DishonestAnswer
            When the log does not decode, or its first topic is none of `topics`.
        ImplausibleData
            When it says what no governor of this flavour can say.
        """

    @abstractmethod
    def read(self, client: Client, ids: Sequence[int], *, block: int) -> dict[int, ProposalFacts]:
        """Return what the contracts say about each proposal at ``block``.

        Raises
        ------
        CallReverted
            When one of the proposals does not exist there.
        """


def content(targets: Sequence[str], values: Sequence[int], calldatas: Sequence[bytes], description_hash: bytes) -> int:
    """Return the hash of a proposal's calls and text (OpenZeppelin ``Governor.hashProposal``)."""
    types = ("address[]", "uint256[]", "bytes[]", "bytes32")
    return int.from_bytes(keccak(encode_args(types, (targets, values, calldatas, description_hash))))


def ask(client: Client, target: str, signature: str) -> bytes:
    """Return what a read call without arguments answers; empty when the contract has no such function.

    Raises
    ------
    ChainUnavailable
        When no node answers.
    """
    try:
        return client.eth_call(Call(target=target, data=selector(signature)))
    except ChainError as error:
        if error.retryable:
            raise
        return b""


def flavours() -> tuple[str, ...]:
    """Return the names of all flavours that are installed."""
    names = [module.name for module in pkgutil.iter_modules(governance.governors.__path__)]
    return tuple(name for name in names if name != "base")


def governor_for(flavour: str, addresses: Mapping[str, str], facts: Mapping[str, object] | None = None) -> Governor:
    """Return the governor of ``flavour`` at ``addresses``, which was found to be as ``facts`` say.

    Raises
    ------
    InputError
        When no such flavour is installed.
    """
    if flavour not in flavours():
        raise InputError(f"There is no governor flavour {flavour!r}; known: {', '.join(flavours())}.", flavour=flavour)
    module = importlib.import_module(f"governance.governors.{flavour}")
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Governor)]
    return next(kind for kind in kinds if vars(kind).get("flavour", "") == flavour)(addresses, facts)
