"""OpenZeppelin's Governor, 4.x and 5.x, in all variants that the library's own extensions make.

What a governor is made of is asked of it when it is watched: its clock (blocks or seconds), its counting (simple or
fractional), its timelock (OpenZeppelin's, Compound's or none), its ids (hashes or numbers), and its ballots.

References
----------
OpenZeppelin Contracts 4.9 and 5.7, ``Governor``, ``GovernorCountingSimple``, ``GovernorCountingFractional``,
``GovernorPreventLateQuorum``, ``GovernorTimelockControl``, ``GovernorTimelockCompound``, ``GovernorStorage`` and
``GovernorSequentialProposalId``: the proposal id is the Keccak-256 of ``abi.encode(targets, values, calldatas,
keccak256(description))``, so an id fixes every byte of what is executed; except where ids are given out in sequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, override

from governance.chain.abi import checksum, decode, encode, keccak, topic
from governance.domain.action import Call
from governance.domain.lifecycle import ProposalState
from governance.errors import CallReverted, DishonestAnswer, ImplausibleData
from governance.governors.base import Cast, Changed, Created, Governor, GovernorEvent, ProposalFacts, ask, content

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from governance.chain.client import Client
    from governance.domain.action import Bundle

# Text is decoded as bytes, which have the same encoding: a contract takes any bytes for a string, and a hostile
# proposer must not be able to stop the index with some that are no UTF-8.
CREATED = "ProposalCreated(uint256,address,address[],uint256[],string[],bytes[],uint256,uint256,string)"
_CREATED_TYPES = ("uint256", "address", "address[]", "uint256[]", "bytes[]", "bytes[]", "uint256", "uint256", "bytes")
CAST = "VoteCast(address,uint256,uint8,uint256,string)"
_CAST_WITH_PARAMS = "VoteCastWithParams(address,uint256,uint8,uint256,string,bytes)"
_EXTENDED = "ProposalExtended(uint256,uint64)"
CHANGES = {
    "ProposalQueued(uint256,uint256)": "queued",
    "ProposalExecuted(uint256)": "executed",
    "ProposalCanceled(uint256)": "canceled",
}
STATES = tuple(ProposalState)
_SUPPORTS = 3
_FRACTIONAL, _PARTS = 255, 48  # a vote that is split: its support, and the size of three packed 128-bit weights
_BALLOTS = {
    keccak(b"Ballot(uint256 proposalId,uint8 support)"): "proposal, support",
    keccak(b"Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)"): "proposal, support, voter, nonce",
}


class OpenZeppelinGovernor(Governor):
    """Roles: ``governor``, ``timelock`` and ``token``."""

    flavour: ClassVar[str] = "oz"
    events: ClassVar[tuple[str, ...]] = (CREATED, CAST, _CAST_WITH_PARAMS, _EXTENDED, *CHANGES)
    roles: ClassVar[tuple[str, ...]] = ("governor", "timelock", "token")
    probes: ClassVar[tuple[str, ...]] = ("COUNTING_MODE()", "votingDelay()", "votingPeriod()")
    companions: ClassVar[Mapping[str, str]] = {"timelock()": "timelock", "token()": "token"}

    @override
    def discover(self, client: Client) -> dict[str, object]:
        def said(signature: str, target: str = self.address) -> bytes:
            return ask(client, target, signature)

        late = said("lateQuorumVoteExtension()")
        return {
            "clock": "timestamp" if b"mode=timestamp" in said("CLOCK_MODE()") else "blocknumber",
            "counting": decode(("string",), said("COUNTING_MODE()"))[0],
            "ids": "sequential" if said("latestProposalId()") else "hashed",
            "stored": bool(said("proposalCount()")),
            "ballot": _BALLOTS.get(said("BALLOT_TYPEHASH()"), "another"),
            "timelock": self._timelock_kind(client),
            "late_quorum": int.from_bytes(late) if late else None,
        }

    @override
    def propose(self, bundle: Bundle) -> Call:
        targets, values, calldatas = _columns(bundle)
        data = encode("propose(address[],uint256[],bytes[],string)", targets, values, calldatas, bundle.description)
        return Call(target=self.address, data=data)

    @override
    def vote(self, *, proposal_id: int, support: int, reason: str) -> Call:
        data = encode("castVoteWithReason(uint256,uint8,string)", proposal_id, support, reason)
        return Call(target=self.address, data=data)

    def split_vote(self, *, proposal_id: int, against: int, in_favour: int, abstain: int, reason: str) -> Call:
        """Return the call that casts parts of a vote, in the token's smallest unit, where counting is fractional."""
        params = b"".join(part.to_bytes(16) for part in (against, in_favour, abstain))
        signature = "castVoteWithReasonAndParams(uint256,uint8,string,bytes)"
        return Call(target=self.address, data=encode(signature, proposal_id, _FRACTIONAL, reason, params))

    @override
    def queue(self, bundle: Bundle, *, proposal_id: int | None = None) -> Call:
        return self._act("queue(address[],uint256[],bytes[],bytes32)", bundle)

    @override
    def execute(self, bundle: Bundle, *, proposal_id: int | None = None) -> Call:
        # No value is sent along, whatever the calls need: the timelock pays it, never the executor's key.
        return self._act("execute(address[],uint256[],bytes[],bytes32)", bundle)

    @override
    def decode(self, topics: Sequence[bytes], data: bytes) -> tuple[GovernorEvent, ...]:
        first = bytes(topics[0])
        if first == topic(_CAST_WITH_PARAMS):
            values = decode(("uint256", "uint8", "uint256", "bytes", "bytes"), data)
            return _split(topics, values) if values[1] == _FRACTIONAL else (cast(topics, values[:4]),)
        if first == topic(_EXTENDED):
            return (Changed(proposal_id=_first_topic(topics), kind="extended"),)
        return (decode_common(topics, data),)

    @override
    def read(self, client: Client, ids: Sequence[int], *, block: int) -> dict[int, ProposalFacts]:
        # Before 5.0, a governor without a timelock has no such function.
        eta = ("proposalEta",) if "timelock" in self.addresses else ()
        names = ("state", "proposalDeadline", "proposalSnapshot", "proposalVotes", *eta)
        calls = [self._view(name, proposal_id) for proposal_id in ids for name in names]
        answers = client.eth_calls(calls, block=block)
        rows = [_row(answers[at : at + len(names)]) for at in range(0, len(answers), len(names))]
        quorum = self._quorums(client, rows, block=block)
        return {
            proposal_id: ProposalFacts(
                state=row["state"],
                vote_end=row["vote_end"],
                eta=row["eta"],
                quorum=quorum.get(at),
                against_votes=row["tally"][0],
                for_votes=row["tally"][1],
                abstain_votes=row["tally"][2],
            )
            for at, (proposal_id, row) in enumerate(zip(ids, rows, strict=True))
        }

    def _quorums(self, client: Client, rows: list[dict[str, Any]], *, block: int) -> dict[int, int]:
        """Return the quorum of each row that has one: it reverts until the snapshot has passed.

        That is what "pending" means; but a proposal that is canceled while it is pending has no quorum either.
        """
        sure = [
            at for at, row in enumerate(rows) if row["state"] not in {ProposalState.PENDING, ProposalState.CANCELED}
        ]
        answers = client.eth_calls([self._view("quorum", rows[at]["snapshot"]) for at in sure], block=block)
        found = {at: decode(("uint256",), answer)[0] for at, answer in zip(sure, answers, strict=True)}
        for at, row in enumerate(rows):
            if row["state"] is ProposalState.CANCELED:
                try:
                    answer = client.eth_call(self._view("quorum", row["snapshot"]), block=block)
                except CallReverted:
                    continue
                found[at] = decode(("uint256",), answer)[0]
        return found

    def _timelock_kind(self, client: Client) -> str:
        timelock = self.addresses.get("timelock")
        if timelock is None:
            return "none"
        return "control" if ask(client, timelock, "getMinDelay()") else "compound"

    def _act(self, signature: str, bundle: Bundle) -> Call:
        return Call(target=self.address, data=encode(signature, *_columns(bundle), keccak(bundle.description.encode())))

    def _view(self, name: str, argument: int) -> Call:
        return Call(target=self.address, data=encode(f"{name}(uint256)", argument))


def decode_common(topics: Sequence[bytes], data: bytes) -> GovernorEvent:
    """Return an event that OpenZeppelin's governors and Governor Bravo lay out alike.

    Raises
    ------
    DishonestAnswer
        When it is none, or does not decode.
    ImplausibleData
        When a vote has a support that does not exist.
    """
    first = bytes(topics[0])
    if first == topic(CREATED):
        return _created(decode(_CREATED_TYPES, data))
    if first == topic(CAST):
        return cast(topics, decode(("uint256", "uint8", "uint256", "bytes"), data))
    for signature, kind in CHANGES.items():
        if first == topic(signature):
            return Changed(proposal_id=decode(("uint256",), data)[0], kind=kind)
    raise DishonestAnswer("This log is no event of such a governor.", topic=first.hex())


def state_of(number: int) -> ProposalState:
    """Return the state with a contract's number; raises `DishonestAnswer` when there is none."""
    if number >= len(STATES):
        raise DishonestAnswer(f"The governor answered a proposal state that does not exist: {number}.", state=number)
    return STATES[number]


def cast(topics: Sequence[bytes], values: tuple[Any, ...]) -> Cast:
    """Return a vote from its topics and its values: proposal, support, weight and reason."""
    proposal_id, support, weight, reason = values
    if support >= _SUPPORTS:
        raise ImplausibleData(f"A vote has support {support}; simple counting knows 0, 1 and 2.", support=support)
    return Cast(proposal_id=proposal_id, voter=_voter(topics), support=support, weight=weight, reason=_text(reason))


def _split(topics: Sequence[bytes], values: tuple[Any, ...]) -> tuple[Cast, ...]:
    """Return the parts of a fractional vote that weigh anything; they must add up to its weight."""
    proposal_id, _, weight, reason, params = values
    parts = [int.from_bytes(params[at : at + 16]) for at in range(0, _PARTS, 16)]
    if len(params) != _PARTS or sum(parts) != weight:
        message = f"A fractional vote of weight {weight} has the parts {parts} in {len(params)} bytes."
        raise ImplausibleData(message, weight=weight)
    voter, why = _voter(topics), _text(reason)
    return tuple(
        Cast(proposal_id=proposal_id, voter=voter, support=support, weight=part, reason=why)
        for support, part in enumerate(parts)
        if part
    )


def _columns(bundle: Bundle) -> tuple[list[str], list[int], list[bytes]]:
    calls = bundle.calls
    return [call.target for call in calls], [call.value for call in calls], [call.data for call in calls]


def _row(answers: Sequence[bytes]) -> dict[str, Any]:
    state, vote_end, snapshot = (decode(("uint256",), answer)[0] for answer in answers[:3])
    eta = decode(("uint256",), answers[4])[0] if len(answers) > 4 else 0
    tally = decode(("uint256", "uint256", "uint256"), answers[3])
    return {"state": state_of(state), "vote_end": vote_end, "eta": eta or None, "snapshot": snapshot, "tally": tally}


def _created(values: tuple[Any, ...]) -> Created:
    proposal_id, proposer, targets, amounts, signatures, raw, start, end, description = values
    if not len(targets) == len(amounts) == len(signatures) == len(raw):
        raise DishonestAnswer(
            "A proposal's targets, values, signatures and calldatas differ in number.", id=proposal_id
        )
    # Governor Bravo's way: the name of a function apart from its arguments; elsewhere the name is empty.
    calldatas = [
        (keccak(signature)[:4] if signature else b"") + data for signature, data in zip(signatures, raw, strict=True)
    ]
    return Created(
        proposal_id=proposal_id,
        proposer=proposer,
        targets=tuple(targets),
        values=tuple(amounts),
        calldatas=tuple(calldatas),
        description=_text(description),
        vote_start=start,
        vote_end=end,
        content=content(targets, amounts, calldatas, keccak(description)),
    )


def _first_topic(topics: Sequence[bytes]) -> int:
    if len(topics) < 2:
        raise DishonestAnswer("A log has no topic with its proposal's id.")
    return int.from_bytes(topics[1])


def _voter(topics: Sequence[bytes]) -> str:
    return checksum(_first_topic(topics).to_bytes(32)[12:])


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL has no NUL in text
