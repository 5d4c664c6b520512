"""OpenZeppelin Governor 5 with `GovernorTimelockControl` and simple counting.

References
----------
OpenZeppelin Contracts 5, ``Governor``, ``GovernorCountingSimple``, ``GovernorPreventLateQuorum`` and
``GovernorTimelockControl``: the proposal id is the Keccak-256 of ``abi.encode(targets, values, calldatas,
keccak256(description))``, so an id fixes every byte of what is executed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, override

from governance.chain.abi import checksum, decode, encode, encode_args, keccak, topic
from governance.domain.action import Call
from governance.domain.lifecycle import ProposalState
from governance.errors import DishonestAnswer, ImplausibleData
from governance.governors.base import Cast, Changed, Created, Governor, GovernorEvent, ProposalFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.chain.client import Client
    from governance.domain.action import Bundle

# Text is decoded as bytes, which have the same encoding: a contract takes any bytes for a string, and a hostile
# proposer must not be able to stop the index with some that are no UTF-8.
_CREATED = "ProposalCreated(uint256,address,address[],uint256[],string[],bytes[],uint256,uint256,string)"
_CREATED_TYPES = ("uint256", "address", "address[]", "uint256[]", "bytes[]", "bytes[]", "uint256", "uint256", "bytes")
_CAST = "VoteCast(address,uint256,uint8,uint256,string)"
_CAST_WITH_PARAMS = "VoteCastWithParams(address,uint256,uint8,uint256,string,bytes)"
_CHANGES = {
    "ProposalExtended(uint256,uint64)": "extended",
    "ProposalQueued(uint256,uint256)": "queued",
    "ProposalExecuted(uint256)": "executed",
    "ProposalCanceled(uint256)": "canceled",
}
_STATES = tuple(ProposalState)
_SUPPORTS = 3


class OpenZeppelinGovernor(Governor):
    """Roles: ``governor``, ``timelock`` and ``token``."""

    flavour: ClassVar[str] = "oz"
    events: ClassVar[tuple[str, ...]] = (_CREATED, _CAST, _CAST_WITH_PARAMS, *_CHANGES)

    @override
    def propose(self, bundle: Bundle) -> Call:
        targets, values, calldatas = _columns(bundle)
        data = encode("propose(address[],uint256[],bytes[],string)", targets, values, calldatas, bundle.description)
        return Call(target=self.address, data=data)

    @override
    def vote(self, *, proposal_id: int, support: int, reason: str) -> Call:
        data = encode("castVoteWithReason(uint256,uint8,string)", proposal_id, support, reason)
        return Call(target=self.address, data=data)

    @override
    def queue(self, bundle: Bundle) -> Call:
        return self._act("queue(address[],uint256[],bytes[],bytes32)", bundle)

    @override
    def execute(self, bundle: Bundle) -> Call:
        # No value is sent along, whatever the calls need: the timelock pays it, never the executor's key.
        return self._act("execute(address[],uint256[],bytes[],bytes32)", bundle)

    @override
    def proposal_id(self, bundle: Bundle) -> int:
        types = ("address[]", "uint256[]", "bytes[]", "bytes32")
        return int.from_bytes(keccak(encode_args(types, (*_columns(bundle), keccak(bundle.description.encode())))))

    @override
    def decode(self, topics: Sequence[bytes], data: bytes) -> GovernorEvent:
        first = bytes(topics[0])
        if first == topic(_CREATED):
            return _created(decode(_CREATED_TYPES, data))
        if first == topic(_CAST):
            return _cast(topics, decode(("uint256", "uint8", "uint256", "bytes"), data))
        if first == topic(_CAST_WITH_PARAMS):
            return _cast(topics, decode(("uint256", "uint8", "uint256", "bytes", "bytes"), data)[:4])
        for signature, kind in _CHANGES.items():
            if first == topic(signature):
                word = topics[1] if kind == "extended" else data[:32]
                return Changed(proposal_id=int.from_bytes(word), kind=kind)
        raise DishonestAnswer("This log is no event of an OpenZeppelin governor.", topic=first.hex())

    @override
    def read(self, client: Client, ids: Sequence[int], *, block: int) -> dict[int, ProposalFacts]:
        names = ("state", "proposalDeadline", "proposalEta", "proposalSnapshot", "proposalVotes")
        calls = [self._view(name, proposal_id) for proposal_id in ids for name in names]
        answers = client.eth_calls(calls, block=block)
        rows = [_row(answers[at : at + len(names)]) for at in range(0, len(answers), len(names))]
        # quorum(snapshot) reverts until the snapshot has passed, which is what "pending" means.
        readable = [at for at, row in enumerate(rows) if row["state"] is not ProposalState.PENDING]
        quorums = client.eth_calls([self._view("quorum", rows[at]["snapshot"]) for at in readable], block=block)
        quorum = {at: decode(("uint256",), answer)[0] for at, answer in zip(readable, quorums, strict=True)}
        return {
            proposal_id: ProposalFacts(
                state=row["state"],
                vote_end=row["vote_end"],
                eta=row["eta"],
                quorum=quorum.get(at),
                for_votes=row["tally"][1],
                against_votes=row["tally"][0],
                abstain_votes=row["tally"][2],
            )
            for at, (proposal_id, row) in enumerate(zip(ids, rows, strict=True))
        }

    def _act(self, signature: str, bundle: Bundle) -> Call:
        return Call(target=self.address, data=encode(signature, *_columns(bundle), keccak(bundle.description.encode())))

    def _view(self, name: str, argument: int) -> Call:
        return Call(target=self.address, data=encode(f"{name}(uint256)", argument))


def _columns(bundle: Bundle) -> tuple[list[str], list[int], list[bytes]]:
    calls = bundle.calls
    return [call.target for call in calls], [call.value for call in calls], [call.data for call in calls]


def _row(answers: Sequence[bytes]) -> dict[str, Any]:
    state, vote_end, eta, snapshot = (decode(("uint256",), answer)[0] for answer in answers[:4])
    if state >= len(_STATES):
        raise DishonestAnswer(f"The governor answered a proposal state that does not exist: {state}.", state=state)
    return {
        "state": _STATES[state],
        "vote_end": vote_end,
        "eta": eta or None,
        "snapshot": snapshot,
        "tally": decode(("uint256", "uint256", "uint256"), answers[4]),
    }


def _created(values: tuple[Any, ...]) -> Created:
    proposal_id, proposer, targets, amounts, _, calldatas, start, end, description = values
    return Created(
        proposal_id=proposal_id,
        proposer=proposer,
        targets=tuple(targets),
        values=tuple(amounts),
        calldatas=tuple(calldatas),
        description=_text(description),
        vote_start=start,
        vote_end=end,
    )


def _cast(topics: Sequence[bytes], values: tuple[Any, ...]) -> Cast:
    proposal_id, support, weight, reason = values
    if support >= _SUPPORTS:
        raise ImplausibleData(f"A vote has support {support}; simple counting knows 0, 1 and 2.", support=support)
    voter = checksum(bytes(topics[1])[12:])
    return Cast(proposal_id=proposal_id, voter=voter, support=support, weight=weight, reason=_text(reason))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL has no NUL in text
