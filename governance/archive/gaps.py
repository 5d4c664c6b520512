"""Logs that must exist and are not in an archive: which, and how we know. Nothing is made up in their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

_CREATED = ("ProposalCreated",)
_VOTED = (*_CREATED, "VotingActivated")
_BRIDGED = ("ProposalVoteConfigurationBridged",)
_BEFORE = {
    "VotingActivated": _CREATED,
    "ProposalQueued": _VOTED,
    "ProposalFailed": _VOTED,
    "ProposalCanceled": _CREATED,
    "ProposalExecuted": (*_VOTED, "ProposalQueued", "PayloadSent"),
    "PayloadSent": (*_VOTED, "ProposalQueued", "ProposalExecuted"),
    "PayloadQueued": ("PayloadCreated",),
    "PayloadExecuted": ("PayloadCreated", "PayloadQueued"),
    "PayloadCancelled": ("PayloadCreated",),
    "ProposalVoteStarted": _BRIDGED,
    "VoteEmitted": (*_BRIDGED, "ProposalVoteStarted"),
    "ProposalResultsSent": (*_BRIDGED, "ProposalVoteStarted"),
}
_LONGEST_RUN = 100  # ids; whatever a log says, the work stays in proportion to the number of logs
# What a contract was read to say, and the event without which it could not say so.
_TIMES = {
    "votingActivationTime": "VotingActivated",
    "queuingTime": "ProposalQueued",
    "cancelTimestamp": "ProposalCanceled",
    "createdAt": "PayloadCreated",
    "queuedAt": "PayloadQueued",
    "executedAt": "PayloadExecuted",
    "cancelledAt": "PayloadCancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Gap:
    """Something that the archive does not hold.

    Attributes
    ----------
    chain : int
        Chain on which it happened.
    contract : str
        The contract that it is about.
    kind : str
        ``missing-log``; ``missing-votes``: the votes do not add up to the results; ``no-logs``: nothing at all of a
        contract that others name; ``undecided``: a log is missing, or something never happened.
    event : str
        Name of the missing event.
    id : int
        The proposal or payload; -1 where it is about the contract as a whole.
    evidence : str
        How we know.
    """

    chain: int
    contract: str
    kind: str
    event: str
    id: int
    evidence: str

    def as_dict(self) -> dict[str, Any]:
        """Return the gap as JSON-ready data."""
        return {**asdict(self), "id": None if self.id < 0 else self.id}


def gap(chain: int, contract: str, number: int, /, *, kind: str, event: str, evidence: str) -> Gap:
    """Return a gap with its evidence as a sentence; ``number`` is -1 for the contract as a whole."""
    return Gap(chain=chain, contract=contract, kind=kind, event=event, id=number, evidence=f"{evidence}.")


def implied(events: AbstractSet[str]) -> dict[str, str]:
    """Return the events that are not among ``events`` though a later one is -> how we know."""
    found: dict[str, str] = {}
    for later, before in _BEFORE.items():
        for earlier in before if later in events else ():
            if earlier not in events:
                found.setdefault(earlier, f"there is {later}, which cannot be without it")
    return found


def read_back[State: IntEnum](
    events: AbstractSet[str], reading: Mapping[str, Any], proof: Mapping[State, str]
) -> dict[str, str]:
    """Return the events that the contract's own word implies, and that are not among ``events`` -> how we know."""
    found = {
        event: f"the contract says {name} {reading[name]}"
        for name, event in _TIMES.items()
        if reading.get(name) and event not in events
    }
    for state, event in proof.items():
        if reading["state"] == state and event not in events:
            found.setdefault(event, f"the contract says that its state is {state.name.lower()}")
    return found


def holes(numbers: Iterable[int]) -> Iterator[range]:
    """Yield the runs of ids below the highest of ``numbers`` that are not among them: ids are given out in sequence."""
    after = 0
    for number in sorted(set(numbers)):
        if number > after:
            yield range(after, number)
        after = number + 1


def lacking(numbers: Iterable[int]) -> Iterator[int]:
    """Yield the ids of the holes that are short enough to be told one by one."""
    yield from (number for run in holes(numbers) if run[-1] - run[0] < _LONGEST_RUN for number in run)


def long_holes(numbers: Iterable[int], chain: int, contract: str, /, *, event: str) -> Iterator[Gap]:
    """Yield one gap for each hole that is too long for that."""
    for run in holes(numbers):
        if run[-1] - run[0] >= _LONGEST_RUN:
            evidence = f"ids are given out in sequence, and there is nothing of those from {run[0]} to {run[-1]}"
            yield gap(chain, contract, run[0], kind="missing-log", event=event, evidence=evidence)
