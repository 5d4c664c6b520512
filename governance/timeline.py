"""A proposal's life as a list of moments: what happened, what is happening, and what is expected next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from governance.domain.lifecycle import CLOSED, ProposalState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from governance.models import OnchainProposal, ProposalEvent

type Phase = Literal["done", "now", "ahead", "failed"]

_ENDINGS = {
    ProposalState.CANCELED: "Canceled",
    ProposalState.DEFEATED: "Defeated: the vote did not pass",
    ProposalState.EXPIRED: "Expired before it was executed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One step of a proposal's life; 0 and empty text where nothing is known."""

    label: str
    phase: Phase
    timestamp: int = 0
    block: int = 0
    tx: str = ""
    note: str = ""


def moments(proposal: OnchainProposal, events: Iterable[ProposalEvent]) -> tuple[Moment, ...]:
    """Return the life of ``proposal`` in order, ``events`` being what its governor said about it."""
    by_kind: dict[str, list[ProposalEvent]] = {}
    for event in events:
        by_kind.setdefault(event.kind, []).append(event)
    return tuple(_life(proposal, by_kind))


def _life(proposal: OnchainProposal, events: dict[str, list[ProposalEvent]]) -> Iterator[Moment]:
    state = proposal.state
    yield _from_event("Proposed", events.get("created"), otherwise="done")
    yield _voting("Voting opens", proposal, proposal.vote_start)
    for event in events.get("extended", ()):
        yield _moment("Voting extended: the quorum came late", event)
    closes = _voting("Voting closes", proposal, proposal.vote_end)
    yield replace(closes, phase="now") if state == ProposalState.ACTIVE else closes
    if state in CLOSED:
        yield _ending(proposal, events)
        return
    yield from _relay(proposal, events)


def _relay(proposal: OnchainProposal, events: dict[str, list[ProposalEvent]]) -> Iterator[Moment]:
    state = proposal.state
    waiting: Phase = "now" if state == ProposalState.SUCCEEDED else "ahead"
    yield _from_event("Queued in the timelock", events.get("queued"), otherwise=waiting)
    if proposal.eta and state == ProposalState.QUEUED:
        yield Moment(label="Executable", phase=_clock(proposal.eta, proposal.read_timestamp), timestamp=proposal.eta)
    pending: Phase = "now" if state == ProposalState.QUEUED else "ahead"
    yield _from_event("Executed", events.get("executed"), otherwise=pending)


def _ending(proposal: OnchainProposal, events: dict[str, list[ProposalEvent]]) -> Moment:
    label = _ENDINGS[ProposalState(proposal.state)]
    found = events.get("canceled")
    return _moment(label, found[-1], phase="failed") if found else Moment(label=label, phase="failed")


def _voting(label: str, proposal: OnchainProposal, at: int) -> Moment:
    """Return a moment in the governor's clock, which counts seconds or blocks."""
    if proposal.deployment.facts.get("clock") == "blocknumber":
        return Moment(label=label, phase=_clock(at, proposal.read_block), block=at)
    return Moment(label=label, phase=_clock(at, proposal.read_timestamp), timestamp=at)


def _from_event(label: str, found: list[ProposalEvent] | None, *, otherwise: Phase) -> Moment:
    return _moment(label, found[-1]) if found else Moment(label=label, phase=otherwise)


def _moment(label: str, event: ProposalEvent, *, phase: Phase = "done") -> Moment:
    return Moment(label=label, phase=phase, timestamp=event.timestamp, block=event.block_number, tx=event.tx_hash)


def _clock(at: int, now: int) -> Phase:
    return "done" if at <= now else "ahead"
