"""Proposals, payloads and votes of Aave Governance v3 from archived logs, beside what their contracts were read to say.

The replay is a function of the set of logs and readings: neither their order nor repetitions change anything. What
the logs do not tell is unknown and listed as a gap; a field that only the contract's word tells is marked as such.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from governance.archive.entries import ArchivedLog
from governance.archive.gaps import Gap, gap
from governance.archive.history import Contract, History, Readings, history
from governance.archive.moments import moments
from governance.archive.payloads import long_payload_holes, payloads
from governance.archive.proposals import long_proposal_holes, proposals
from governance.archive.signatures import CONTROLLER
from governance.archive.subjects import Subject
from governance.archive.voting import Voting, votings
from governance.domain.lifecycle import AaveState


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What an archive tells.

    Attributes
    ----------
    history : History
        Its logs, sorted.
    proposals, payloads : tuple of Subject
        Every one that a log or a reading names.
    votings : tuple of Voting
        Every vote on a voting machine.
    gaps : tuple of Gap
        What is missing, sorted.
    differences : tuple of dict
        Contradictions between logs, and between logs and readings.
    moments : Mapping
        Contract -> the unix second as of which its states are.
    readings : Mapping of str to int
        How many proposals and payloads were compared with a reading.
    """

    history: History
    proposals: tuple[Subject, ...]
    payloads: tuple[Subject, ...]
    votings: tuple[Voting, ...]
    gaps: tuple[Gap, ...]
    differences: tuple[dict[str, Any], ...]
    moments: Mapping[Contract, int]
    readings: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return the replay as JSON-ready data, everything under the contracts' own names."""
        by_proposal: dict[int, list[dict[str, Any]]] = {}
        for vote in self.votings:
            by_proposal.setdefault(vote.proposal, []).append(vote.as_dict())
        made: dict[str, dict[str, dict[str, Any]]] = {}
        for each in self.payloads:
            controllers = made.setdefault(str(each.chain), {})
            controllers.setdefault(each.contract, {})[str(each.number)] = each.as_dict()
        subjects = (*self.proposals, *self.payloads)
        return {
            "chains": self._chains(),
            "proposals": {
                str(each.number): {**each.as_dict(), "voting": by_proposal.get(each.number, [])}
                for each in self.proposals
            },
            "payloads": made,
            "tallies": [{"proposal": vote.proposal, **vote.as_dict()} for vote in self.votings],
            "votes": sum(vote.votes for vote in self.votings),
            "gaps": [gap.as_dict() for gap in self.gaps],
            "differences": list(self.differences),
            "compared": {
                **self.readings,
                "tallies": sum(vote.compared for vote in self.votings),
                "fields": sum(each.values.exact for each in subjects),
                "times_within_bounds": sum(each.values.bounded for each in subjects),
            },
        }

    def _chains(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for (chain, address), events in sorted(self.history.events.items()):
            contract = {"role": self.history.roles[chain, address], "logs": sum(events.values())}
            contract |= {"events": dict(sorted(events.items()))}
            contract |= {"as_of": self.moments[chain, address]} if (chain, address) in self.moments else {}
            found.setdefault(str(chain), {})[address] = contract
        return found


def replay(logs: Iterable[ArchivedLog], *, proposal_readings: Readings, payload_readings: Readings) -> Replay:
    """Return what ``logs`` tell, compared with what the contracts were read to say of proposals and payloads."""
    found = history(logs)
    as_of = moments(found, proposal_readings=proposal_readings, payload_readings=payload_readings)
    made_proposals = tuple(proposals(found, proposal_readings, as_of=as_of))
    made_payloads = tuple(payloads(found, payload_readings, as_of=as_of))
    votes = tuple(votings(found))
    gaps = [gap for each in (*made_proposals, *made_payloads) for gap in each.gaps]
    gaps += [gap for vote in votes for gap in vote.gaps()]
    gaps += [*_silent_controllers(found), *_silent_machines(found, made_proposals)]
    gaps += [*long_proposal_holes(found, proposal_readings), *long_payload_holes(found, payload_readings)]
    differences = [entry for each in (*made_proposals, *made_payloads) for entry in each.differences]
    differences += [entry for vote in votes for entry in vote.differences()]
    differences += [*found.differences, *_clocks(found)]
    return Replay(
        history=found,
        proposals=made_proposals,
        payloads=made_payloads,
        votings=votes,
        gaps=tuple(sorted(set(gaps))),
        differences=tuple(differences),
        moments=as_of,
        readings={
            "proposals": _read(made_proposals, proposal_readings),
            "payloads": _read(made_payloads, payload_readings),
        },
    )


def _read(made: tuple[Subject, ...], readings: Readings) -> int:
    return sum(each.number in readings.get((each.chain, each.contract), {}) for each in made)


def _silent_controllers(found: History) -> Iterator[Gap]:
    """Yield the payloads controllers that were sent payloads and of which there is no log."""
    silent = Counter((chain, address) for chain, address, _ in found.sent if (chain, address) not in found.controllers)
    for (chain, address), count in sorted(silent.items()):
        evidence = f"the core sent {count} payloads there, and there is no log of it"
        yield gap(chain, address, -1, kind="no-logs", event=CONTROLLER, evidence=evidence)


def _silent_machines(found: History, made: tuple[Subject, ...]) -> Iterator[Gap]:
    """Yield, by voting portal, the proposals that were voted on and of whose votes there is no log."""
    voted = {number for lives in found.machines.values() for number in lives}
    silent: dict[str, list[int]] = {}
    for each in made:
        activated = "VotingActivated" in found.proposals.get(each.number, {})
        if activated and each.number not in voted and each.state is not AaveState.ACTIVE:
            silent.setdefault(str(each.values.known.get("votingPortal") or "an unknown portal"), []).append(each.number)
    for portal, numbers in sorted(silent.items()):
        chain, core = found.core or (0, "")
        evidence = (
            f"{len(numbers)} proposals from {numbers[0]} to {numbers[-1]} were voted on through {portal}, and there is"
            " no log of the voting machine behind it: their votes cannot be added up"
        )
        yield gap(chain, core, -1, kind="no-logs", event="VoteEmitted", evidence=evidence)


def _clocks(found: History) -> Iterator[dict[str, Any]]:
    for chain, known in sorted(found.clocks.items()):
        for block in known.backwards():
            place = {"chain": chain, "contract": "", "kind": "block", "id": block}
            yield {**place, "field": "timestamp", "logs": "earlier than a block before it", "dump": None}
