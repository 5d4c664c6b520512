"""The votes of each proposal on each voting machine, added up and compared with what was sent to the core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from governance.archive.gaps import Gap, gap, implied
from governance.archive.history import Contract, History, Life

type Tally = tuple[int, int]
"""Votes for and against, in the smallest unit of voting power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voting:
    """A vote on one machine.

    Attributes
    ----------
    votes : int
        How many were cast.
    cast : Tally
        Their sum.
    sent : Tally or None
        What the machine sent to the core; None: its log is missing, or it has not sent anything yet.
    queued : Tally or None
        What the core received; None: its log is missing, or it has not received anything yet.
    """

    proposal: int
    contract: Contract
    start: int | None
    end: int | None
    votes: int
    voters: int
    cast: Tally
    sent: Tally | None
    queued: Tally | None
    missing: Mapping[str, str]

    @property
    def compared(self) -> bool:
        """Whether the sum could be compared with anything."""
        return self.sent is not None or self.queued is not None

    @property
    def equal(self) -> bool | None:
        """Whether all that is known of the result is the sum of the votes; None where nothing is known of it."""
        if not self.compared:
            return None
        return all(other in {None, self.cast} for other in (self.sent, self.queued))

    def as_dict(self) -> dict[str, Any]:
        """Return the vote as JSON-ready data."""
        sent = None if self.sent is None else {"forVotes": str(self.sent[0]), "againstVotes": str(self.sent[1])}
        return {
            "chain": self.contract[0],
            "votingMachine": self.contract[1],
            "startTime": self.start,
            "endTime": self.end,
            "votes": self.votes,
            "voters": self.voters,
            "forVotes": str(self.cast[0]),
            "againstVotes": str(self.cast[1]),
            "resultsSent": sent,
            "equal": self.equal,
        }

    def gaps(self) -> Iterator[Gap]:
        """Yield the machine's logs that must exist and are not there."""
        place = (*self.contract, self.proposal)
        for event, evidence in self.missing.items():
            yield gap(*place, kind="missing-log", event=event, evidence=evidence)
        result = self.sent or self.queued
        if result is not None and self.cast != result and all(map(int.__le__, self.cast, result)):
            short = f"{result[0] - self.cast[0]} for and {result[1] - self.cast[1]} against"
            evidence = f"the {self.votes} votes that are there fall short of the result by {short}"
            yield gap(*place, kind="missing-votes", event="VoteEmitted", evidence=evidence)

    def differences(self) -> Iterator[dict[str, Any]]:
        """Yield what cannot be explained by missing logs."""
        place = {"chain": self.contract[0], "contract": self.contract[1], "kind": "voting", "id": self.proposal}
        result = self.sent or self.queued
        if result is not None and not all(map(int.__le__, self.cast, result)):
            yield {**place, "field": "votes", "logs": list(map(str, self.cast)), "dump": list(map(str, result))}
        if self.sent is not None and self.queued is not None and self.sent != self.queued:
            yield {**place, "field": "result", "logs": list(map(str, self.sent)), "dump": list(map(str, self.queued))}
        if self.voters != self.votes:
            yield {**place, "field": "voters", "logs": self.votes, "dump": self.voters}


def votings(history: History) -> Iterator[Voting]:
    """Yield every vote of which a machine's logs tell, by machine and proposal."""
    for contract in sorted(history.machines):
        for number, life in sorted(history.machines[contract].items()):
            yield _voting(history, contract, number, life)


def result(life: Life) -> Tally | None:
    """Return the result that the core received; None when its log is not there."""
    said = [*life.get("ProposalQueued", ()), *life.get("ProposalFailed", ())]
    return (said[0].args["votesFor"], said[0].args["votesAgainst"]) if said else None


def _voting(history: History, contract: Contract, number: int, life: Life) -> Voting:
    cast = [0, 0]
    for vote in life.get("VoteEmitted", ()):
        cast[0 if vote.args["support"] else 1] += vote.args["votingPower"]
    started = life["ProposalVoteStarted"][0].args if "ProposalVoteStarted" in life else {}
    sent = [(said.args["forVotes"], said.args["againstVotes"]) for said in life.get("ProposalResultsSent", ())]
    queued = result(history.proposals[number]) if number in history.proposals else None
    missing = implied(life.keys())
    if queued is not None and not sent and "VoteEmitted" in life:
        missing = {**missing, "ProposalResultsSent": "the core received a result"}
    return Voting(
        proposal=number,
        contract=contract,
        start=started.get("startTime"),
        end=started.get("endTime"),
        votes=len(life.get("VoteEmitted", ())),
        voters=len({vote.args["voter"] for vote in life.get("VoteEmitted", ())}),
        cast=(cast[0], cast[1]),
        sent=sent[0] if sent else None,
        queued=queued,
        missing=missing,
    )
