"""Proposals on the governance core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from governance.archive.clock import Span
from governance.archive.fields import PROPOSAL_FIELDS, values
from governance.archive.gaps import Gap, lacking, long_holes
from governance.archive.history import Contract, History, Life, Readings, Said
from governance.archive.moments import vote_span
from governance.archive.rules import PROPOSAL_LIFE, PROPOSAL_PROOF, proposal_states
from governance.archive.subjects import Subject, decide, missing_events, note_clash, note_doubt, note_gaps, note_twice

_RESULTS = ({"ProposalQueued"}, {"ProposalFailed"})
_ENDS = ({"ProposalExecuted", "PayloadSent"}, {"ProposalFailed"}, {"ProposalCanceled"})
_FINAL = {"ProposalFailed", "ProposalCanceled"}
_ONCE = {*PROPOSAL_PROOF.values()}


def proposals(found: History, readings: Readings, *, as_of: Mapping[Contract, int]) -> Iterator[Subject]:
    """Yield every proposal that a log or a reading names, by its id."""
    core = _core(found, readings)
    if core is None:
        return
    read = readings.get(core, {})
    voted = {number for lives in found.machines.values() for number in lives}
    named = _named(found, readings)
    for number in sorted({*named, *lacking(named)}):
        yield _proposal(found, core, number, read.get(number), now=as_of.get(core, 0), voted=number in voted)


def long_proposal_holes(found: History, readings: Readings) -> Iterator[Gap]:
    """Yield the long runs of proposals of which there is nothing."""
    core = _core(found, readings)
    if core is not None:
        yield from long_holes(_named(found, readings), *core, event="ProposalCreated")


def _core(found: History, readings: Readings) -> Contract | None:
    return found.core or min(readings, default=None)


def _named(found: History, readings: Readings) -> set[int]:
    """Return the ids of all proposals that a log or a reading names."""
    voted = {number for lives in found.machines.values() for number in lives}
    core = _core(found, readings)
    return {*found.proposals, *voted, *(readings.get(core, {}) if core else {})}


def _proposal(
    found: History, core: Contract, number: int, reading: Mapping[str, Any] | None, *, now: int, voted: bool
) -> Subject:
    life = found.proposals.get(number, {})
    missing = missing_events(life.keys(), reading, PROPOSAL_PROOF)
    if "ProposalCreated" not in life:
        missing.setdefault("ProposalCreated", "ids are given out in sequence")
    if voted and "VotingActivated" not in life:
        missing.setdefault("VotingActivated", "there are logs of its vote")

    def when(said: Said) -> Span:
        return found.clock(core[0]).span(said.log.block_number, latest=now)

    created = when(life["ProposalCreated"][0]) if "ProposalCreated" in life else (0, now)
    level = life["ProposalCreated"][0].args["accessLevel"] if "ProposalCreated" in life else None
    was = life.keys() | ({"VotingActivated"} if voted else set())  # a vote tells as much as the log
    states = proposal_states(was, created=created, duration=vote_span(found, core, level), now=now)
    ahead, doubt = _doubt(was, created, now)
    # A doubt that the contract's own word settles is none.
    unsettled = doubt if reading is None or reading["state"] not in states else ""
    unknown = missing.keys() | (ahead if unsettled else set())
    made = Subject(
        kind="proposal",
        chain=core[0],
        contract=core[1],
        number=number,
        values=values(PROPOSAL_FIELDS, life, missing=unknown, when=when),
    )
    if life:
        decide(made, states, doubt=doubt, reading=reading, missing=missing.keys(), proof=PROPOSAL_PROOF)
    else:
        made.reason = "none of its logs is there"
    note_gaps(made, missing)
    if unsettled and not ahead & missing.keys():
        note_doubt(made, " or ".join(sorted(ahead)), doubt)
    note_twice(made, life, once=_ONCE)
    note_clash(made, life.keys(), _RESULTS)
    note_clash(made, life.keys(), _ENDS)
    _take_payloads(made, life, reading)
    if reading is not None:
        _take_reading(made, reading)
    return made


def _doubt(was: AbstractSet[str], created: Span, now: int) -> tuple[set[str], str]:
    """Return the events that may be missing, and why that is as likely as an expired proposal; empty when it is not.

    What nobody ever voted on expires as a rule. What was voted on does not: a vote is closed and a queued proposal is
    executed by whoever comes first, so that a log that is missing explains the silence better. No log can prove that
    there was none.
    """
    if now <= created[1] + PROPOSAL_LIFE or was & {"ProposalExecuted", "PayloadSent", *_FINAL}:
        return set(), ""
    if "ProposalQueued" in was:
        return {"ProposalExecuted", "ProposalCanceled"}, (
            "it was created more than 30 days ago and queued, and no log says that it was executed or canceled"
        )
    if "VotingActivated" in was:
        return {"ProposalQueued", *_FINAL}, "its vote was opened more than 30 days ago, and no log says how it ended"
    return set(), ""


def _take_payloads(made: Subject, life: Life, reading: Mapping[str, Any] | None) -> None:
    """Take the payloads that were sent, in their order, if all of them are there."""
    sent = sorted(life.get("PayloadSent", ()), key=lambda said: said.args["payloadNumberOnProposal"])
    if not sent:
        if reading is None:
            made.values.known["payloads"] = None
        return
    places = [said.args["payloadNumberOnProposal"] for said in sent]
    unseen = sorted(set(range(sent[0].args["numberOfPayloadsOnProposal"])) - set(places))
    if unseen:
        shown = ", ".join(map(str, unseen))
        note_gaps(made, {"PayloadSent": f"the payloads at the places {shown} of the proposal were not seen to be sent"})
        made.values.known["payloads"] = None
        return
    listed = [
        {
            "chain": str(said.args["chainId"]),
            "payloadsController": said.args["payloadsController"],
            "payloadId": said.args["payloadId"],
        }
        for said in sent
    ]
    # No log tells a payload's access level; where the contract's list is the same one, it is the fuller one.
    told = [] if reading is None else [_short(entry, listed[0]) for entry in reading.get("payloads", ())]
    made.values.known["payloads"] = listed if reading is None or told != listed else list(reading["payloads"])


def _short(entry: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(entry.get(name)) if name == "chain" else entry.get(name) for name in like}


def _take_reading(made: Subject, reading: Mapping[str, Any]) -> None:
    for name, (logs, dump) in made.values.compare(reading).items():
        made.differ(name, logs, dump)
