"""Proposals on the governance core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from governance.archive.clock import Span
from governance.archive.fields import PROPOSAL_FIELDS, values
from governance.archive.gaps import holes
from governance.archive.history import Contract, History, Life, Said
from governance.archive.moments import Readings
from governance.archive.rules import PROPOSAL_LIFE, PROPOSAL_PROOF, proposal_states
from governance.archive.subjects import Subject, decide, missing_events, note_doubt, note_gaps, note_twice

_OUTCOMES = {"ProposalQueued", "ProposalFailed", "ProposalCanceled"}
_ONCE = {*PROPOSAL_PROOF.values()}


def proposals(found: History, readings: Readings, *, as_of: Mapping[Contract, int]) -> Iterator[Subject]:
    """Yield every proposal that a log or a reading names, by its id."""
    core = found.core or next(iter(readings), None)
    if core is None:
        return
    read = readings.get(core, {})
    voted = {number for lives in found.machines.values() for number in lives}
    named = {*found.proposals, *read, *voted}
    for number in sorted({*named, *holes(named)}):
        yield _proposal(found, core, number, read.get(number), now=as_of.get(core, 0), voted=number in voted)


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
    states = proposal_states(life.keys(), created=created, duration=_duration(found, core, life), now=now)
    doubt = _doubt(life, created, now)
    # A doubt that the contract's own word settles is none.
    unsettled = doubt if reading is None or reading["state"] not in states else ""
    unknown = missing.keys() | (_OUTCOMES if unsettled else set())
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
    if unsettled and not _OUTCOMES & missing.keys():
        note_doubt(made, " or ".join(sorted(_OUTCOMES)), doubt)
    note_twice(made, life, once=_ONCE)
    _take_payloads(made, life, reading)
    if reading is not None:
        _take_reading(made, reading)
    return made


def _duration(found: History, core: Contract, life: Life) -> Span:
    """Return how long the vote of a proposal may last, from what the core said of its access level."""
    level = life["ProposalCreated"][0].args["accessLevel"] if "ProposalCreated" in life else None
    told = found.settings[core].get("VotingConfigUpdated", ()) if core in found.settings else ()
    known = [said.args["votingDuration"] for said in told if said.args["accessLevel"] == level]
    if not known:
        known = [
            other["VotingActivated"][0].args["votingDuration"]
            for other in found.proposals.values()
            if "VotingActivated" in other
        ]
    return (min(known), max(known)) if known else (0, PROPOSAL_LIFE)


def _doubt(life: Life, created: Span, now: int) -> str:
    """Return why a vote without an outcome is rather a missing log than an expired proposal; empty when it is not."""
    if "VotingActivated" not in life or life.keys() & {*_OUTCOMES, "ProposalExecuted", "PayloadSent"}:
        return ""
    if now <= created[1] + PROPOSAL_LIFE:
        return ""
    return "its vote was opened more than 30 days ago, and no log says how it ended"


def _take_payloads(made: Subject, life: Life, reading: Mapping[str, Any] | None) -> None:
    """Take the payloads that were sent, in their order, if all of them are there."""
    sent = sorted(life.get("PayloadSent", ()), key=lambda said: said.args["payloadNumberOnProposal"])
    if not sent:
        if reading is None:
            made.values.known["payloads"] = None
        return
    places = [said.args["payloadNumberOnProposal"] for said in sent]
    lacking = sorted(set(range(sent[0].args["numberOfPayloadsOnProposal"])) - set(places))
    if lacking:
        shown = ", ".join(map(str, lacking))
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
