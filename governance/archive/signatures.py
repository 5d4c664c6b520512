"""The events of Aave Governance v3: which contract emits them, how they are laid out, decoded and encoded.

Three kinds of contract speak: the governance core, the voting machines, and the payloads controllers of every chain.
What a contract is, is told by the events that it emits.

References
----------
aave-governance-v3, ``IGovernanceCore``, ``IVotingMachineWithProofs`` and ``IPayloadsControllerCore``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.chain import abi
from governance.errors import DishonestAnswer

CORE, MACHINE, CONTROLLER = "governance", "votingMachine", "payloadsController"
ACTION = ("target", "withDelegateCall", "accessLevel", "value", "signature", "callData")

# A star marks what is indexed.
_EVENTS = {
    CORE: """
        ProposalCreated(uint256 proposalId*, address creator*, uint8 accessLevel*, bytes32 ipfsHash)
        VotingActivated(uint256 proposalId*, bytes32 snapshotBlockHash*, uint24 votingDuration)
        ProposalQueued(uint256 proposalId*, uint128 votesFor, uint128 votesAgainst)
        ProposalFailed(uint256 proposalId*, uint128 votesFor, uint128 votesAgainst)
        ProposalExecuted(uint256 proposalId*)
        ProposalCanceled(uint256 proposalId*)
        PayloadSent(uint256 proposalId*, uint40 payloadId, address payloadsController*, uint256 chainId*,
            uint256 payloadNumberOnProposal, uint256 numberOfPayloadsOnProposal)
        VotingConfigUpdated(uint8 accessLevel*, uint24 votingDuration, uint24 coolDownBeforeVotingStart,
            uint256 yesThreshold, uint256 yesNoDifferential, uint256 minPropositionPower)
    """,
    MACHINE: """
        ProposalVoteConfigurationBridged(uint256 proposalId*, bytes32 blockHash*, uint24 votingDuration,
            bool voteCreated*)
        ProposalVoteStarted(uint256 proposalId*, bytes32 l1BlockHash*, uint256 startTime, uint256 endTime)
        VoteEmitted(uint256 proposalId*, address voter*, bool support*, uint256 votingPower)
        ProposalResultsSent(uint256 proposalId*, uint256 forVotes, uint256 againstVotes)
    """,
    CONTROLLER: """
        PayloadCreated(uint40 payloadId*, address creator*,
            (address,bool,uint8,uint256,string,bytes)[] actions, uint8 maximumAccessLevelRequired*)
        PayloadQueued(uint40 payloadId)
        PayloadExecuted(uint40 payloadId)
        PayloadCancelled(uint40 payloadId)
        ExecutorSet(uint8 accessLevel*, address executor*, uint40 delay)
    """,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The layout of one event.

    Attributes
    ----------
    role : str
        Kind of contract that emits it.
    name : str
        Its name.
    fields : tuple of (str, str, bool)
        Name, type and whether it is indexed, of every argument.
    """

    role: str
    name: str
    fields: tuple[tuple[str, str, bool], ...]

    @property
    def signature(self) -> str:
        """What its first topic is the hash of."""
        return f"{self.name}({','.join(kind for _, kind, _ in self.fields)})"

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """Return the arguments by name; raises `DishonestAnswer` when they do not decode.

        A contract may emit text that is no text: what is not UTF-8 in it is replaced.
        """
        indexed = [(name, kind) for name, kind, is_indexed in self.fields if is_indexed]
        rest = [(name, kind) for name, kind, is_indexed in self.fields if not is_indexed]
        if len(topics) != len(indexed) + 1:
            message = f"{self.signature} has {len(indexed) + 1} topics, not {len(topics)}."
            raise DishonestAnswer(message, topics=len(topics))
        found = dict(
            zip(
                [name for name, _ in (*indexed, *rest)],
                (
                    *abi.decode([kind for _, kind in indexed], b"".join(topics[1:])),
                    *abi.decode([_raw(kind) for _, kind in rest], data),
                ),
                strict=True,
            )
        )
        return {name: _readable(kind, found[name]) for name, kind, _ in self.fields}

    def encode(self, args: Mapping[str, Any]) -> tuple[tuple[bytes, ...], bytes]:
        """Return the topics and the data of ``args``, which are as `decode` returns them; raises `InputError`."""
        indexed = [abi.encode_args([kind], [args[name]]) for name, kind, is_indexed in self.fields if is_indexed]
        rest = [(kind, args[name]) for name, kind, is_indexed in self.fields if not is_indexed]
        data = abi.encode_args([kind for kind, _ in rest], [value for _, value in rest])
        return (abi.topic(self.signature), *indexed), data

    def size(self, args: Mapping[str, Any]) -> int:
        """Return how many bytes the data of ``args`` are."""
        rest = [kind for _, kind, is_indexed in self.fields if not is_indexed]
        return len(self.encode(args)[1]) if any(kind.endswith("]") for kind in rest) else abi.WORD * len(rest)


def _raw(kind: str) -> str:
    return kind.replace("string", "bytes")  # which lie in the data alike


def _readable(kind: str, value: Any) -> Any:  # noqa: ANN401 - values of many types
    """Return a value that was decoded as `_raw` of ``kind``, its text as text that every database takes."""
    if kind == "string":
        return value.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    if "string" not in kind:
        return value
    parts = kind[1:-3].split(",")
    return tuple(tuple(_readable(part, each) for part, each in zip(parts, row, strict=True)) for row in value)


def _parse(role: str, text: str) -> Event:
    name = text[: text.index("(")].strip()
    fields = []
    for part in abi.parameters(" ".join(text.split())):
        kind, _, label = part.strip().rpartition(" ")
        fields.append((label.removesuffix("*"), kind, label.endswith("*")))
    return Event(role=role, name=name, fields=tuple(fields))


def _events() -> tuple[Event, ...]:
    found = []
    for role, text in _EVENTS.items():
        joined = text.replace(",\n", ",")
        found += [_parse(role, line) for line in joined.splitlines() if line.strip()]
    return tuple(found)


EVENTS = {event.name: event for event in _events()}
BY_TOPIC = {abi.topic(event.signature): event for event in EVENTS.values()}
