"""Aave Governance v3 while it lives: the core on its chain, and the payloads controllers on every other.

A proposal lists payloads that wait on many chains. It is proposed with their numbers and the hash of a text, voted on
by storage proofs on another chain, and "executed" as soon as its payloads are *sent*; each of them is queued and
executed where it lies. So a bundle of calls cannot be proposed, voted on or queued through the core, and saying so is
all that this plugin does about it; it reads states and tallies, and makes the calls that remain.

References
----------
aave-governance-v3, ``IGovernanceCore`` and ``IPayloadsControllerCore``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NoReturn, override

from governance.archive.rules import PROPOSAL_LIFE
from governance.archive.signatures import BY_TOPIC, EVENTS
from governance.chain.abi import decode, encode
from governance.domain.action import Call
from governance.domain.lifecycle import AaveState, PayloadState, ProposalState
from governance.errors import CallReverted, DishonestAnswer, InputError
from governance.governors.base import Changed, Created, Governor, GovernorEvent, ProposalFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.chain.client import Client
    from governance.domain.action import Bundle

_CHANGES = {
    "VotingActivated": "activated",
    "ProposalQueued": "queued",
    "ProposalFailed": "failed",
    "ProposalExecuted": "executed",
    "ProposalCanceled": "canceled",
}
_STATES = {
    AaveState.CREATED: ProposalState.PENDING,
    AaveState.ACTIVE: ProposalState.ACTIVE,
    AaveState.QUEUED: ProposalState.QUEUED,
    AaveState.EXECUTED: ProposalState.EXECUTED,
    AaveState.FAILED: ProposalState.DEFEATED,
    AaveState.CANCELLED: ProposalState.CANCELED,
    AaveState.EXPIRED: ProposalState.EXPIRED,
}
_PROPOSAL = (
    "(uint8,uint8,uint40,uint24,uint40,uint40,uint40,address,address,bytes32,bytes32,uint128,uint128,uint256,"
    "(uint256,uint8,address,uint40)[])"
)


class AaveGovernor(Governor):
    """Role: ``governor``, the governance core. Votes and payloads are on other chains."""

    flavour: ClassVar[str] = "aave_v3"
    events: ClassVar[tuple[str, ...]] = tuple(EVENTS[name].signature for name in ("ProposalCreated", *_CHANGES))
    roles: ClassVar[tuple[str, ...]] = ("governor",)
    probes: ClassVar[tuple[str, ...]] = ("getProposalsCount()", "getVotingPortalsCount()", "COOLDOWN_PERIOD()")
    votes_here: ClassVar[bool] = False

    @property
    @override
    def numbered(self) -> bool:
        return True

    @override
    def discover(self, client: Client) -> dict[str, object]:
        return {"clock": "timestamp", "ids": "sequential", "votes": "on the voting machines of other chains"}

    @override
    def propose(self, bundle: Bundle) -> Call:
        self._refuse("propose calls: a proposal lists payloads that wait on their chains, and its proposer pays a fee")

    @override
    def vote(self, *, proposal_id: int, support: int, reason: str) -> Call:
        self._refuse("take votes: they are cast on a voting machine, with proofs of the voter's balances")

    @override
    def queue(self, bundle: Bundle, *, proposal_id: int | None = None) -> Call:
        self._refuse("be told to queue: the voting machine's result does that when it arrives")

    @override
    def execute(self, bundle: Bundle, *, proposal_id: int | None = None) -> Call:
        if proposal_id is None:
            self._refuse("execute without the number of the proposal")
        return Call(target=self.address, data=encode("executeProposal(uint256)", proposal_id))

    @override
    def decode(self, topics: Sequence[bytes], data: bytes) -> tuple[GovernorEvent, ...]:
        event = BY_TOPIC.get(bytes(topics[0]))
        if event is None or event.name not in {"ProposalCreated", *_CHANGES}:
            raise DishonestAnswer("This log is no event of Aave's governance.", topic=bytes(topics[0]).hex())
        args = event.decode(topics, data)
        number = args["proposalId"]
        if event.name != "ProposalCreated":
            return (Changed(proposal_id=number, kind=_CHANGES[event.name]),)
        created = Created(
            proposal_id=number,
            proposer=args["creator"],
            targets=(),
            values=(),
            calldatas=(),
            description=f"ipfs 0x{args['ipfsHash'].hex()}",
            vote_start=0,
            vote_end=0,
        )
        return (created,)

    @override
    def read(self, client: Client, ids: Sequence[int], *, block: int) -> dict[int, ProposalFacts]:
        calls = [
            Call(target=self.address, data=encode(f"{name}(uint256)", number))
            for number in ids
            for name in ("getProposalState", "getProposal")
        ]
        answers = client.eth_calls(calls, block=block)
        return {number: _facts(number, answers[2 * at], answers[2 * at + 1]) for at, number in enumerate(ids)}

    def _refuse(self, what: str) -> NoReturn:
        message = f"Aave's governance cannot {what}."
        raise InputError(message, field="flavour", value=self.flavour)


class PayloadsController:
    """A payloads controller on one chain, at ``address``."""

    def __init__(self, address: str) -> None:
        self.address = address

    def states(self, client: Client, numbers: Sequence[int], *, block: int) -> dict[int, PayloadState]:
        """Return the state of each payload at ``block``; a number that was never given out is ``NONE``."""
        calls = [Call(target=self.address, data=encode("getPayloadState(uint40)", number)) for number in numbers]
        found = [decode(("uint8",), answer)[0] for answer in client.eth_calls(calls, block=block)]
        if any(state >= len(PayloadState) for state in found):
            raise DishonestAnswer("The controller answered a payload state that does not exist.", states=found)
        return {number: PayloadState(state) for number, state in zip(numbers, found, strict=True)}

    def execute(self, number: int) -> Call:
        """Return the call that executes a payload that is queued and whose delay is over (strictly)."""
        return Call(target=self.address, data=encode("executePayload(uint40)", number))


def _facts(number: int, state: bytes, proposal: bytes) -> ProposalFacts:
    found = decode(("uint8",), state)[0]
    if found >= len(AaveState):
        raise DishonestAnswer(f"The governor answered a proposal state that does not exist: {found}.", state=found)
    if found == AaveState.NULL:
        raise CallReverted(f"There is no proposal {number}.", proposal=number)
    said = decode((_PROPOSAL,), proposal)[0]
    created, duration, activated, in_favour, against = said[2], said[3], said[4], said[11], said[12]
    return ProposalFacts(
        state=_STATES[AaveState(found)],
        vote_start=activated or created,
        # Until its vote is opened, a proposal only has an end at which it expires.
        vote_end=activated + duration if activated else created + PROPOSAL_LIFE,
        eta=None,
        quorum=None,
        for_votes=in_favour,
        against_votes=against,
        abstain_votes=0,
    )
