"""Payloads of every payloads controller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from governance.archive.clock import Span
from governance.archive.fields import PAYLOAD_FIELDS, set_rules, values
from governance.archive.gaps import Gap, lacking, long_holes
from governance.archive.history import Contract, History, Life, Readings, Said
from governance.archive.rules import DELAYS, GRACE, PAYLOAD_PROOF, payload_states
from governance.archive.subjects import Subject, decide, missing_events, note_clash, note_doubt, note_gaps, note_twice
from governance.domain.lifecycle import PayloadState

_ONCE = {*PAYLOAD_PROOF.values()}
_FINAL = {"PayloadExecuted", "PayloadCancelled"}
_ENDS = ({"PayloadExecuted"}, {"PayloadCancelled"})


def payloads(found: History, readings: Readings, *, as_of: Mapping[Contract, int]) -> Iterator[Subject]:
    """Yield every payload of every controller of which there are logs or readings, by chain, controller and id."""
    for contract in sorted({*found.controllers, *readings}):
        read = readings.get(contract, {})
        named = _named(found, contract, readings)
        for number in sorted({*named, *lacking(named)}):
            yield _payload(found, contract, number, read.get(number), now=as_of[contract])


def long_payload_holes(found: History, readings: Readings) -> Iterator[Gap]:
    """Yield the long runs of payloads of which there is nothing."""
    for contract in sorted({*found.controllers, *readings}):
        yield from long_holes(_named(found, contract, readings), *contract, event="PayloadCreated")


def _named(found: History, contract: Contract, readings: Readings) -> set[int]:
    """Return the ids of all payloads of a controller that a log or a reading names."""
    sent = {number for chain, address, number in found.sent if (chain, address) == contract}
    return {*found.controllers.get(contract, {}), *readings.get(contract, {}), *sent}


def _payload(
    found: History, contract: Contract, number: int, reading: Mapping[str, Any] | None, *, now: int
) -> Subject:
    life = found.controllers.get(contract, {}).get(number, {})
    missing = missing_events(life.keys(), reading, PAYLOAD_PROOF)
    if "PayloadCreated" not in life:
        missing.setdefault("PayloadCreated", "ids are given out in sequence")

    def when(said: Said) -> Span:
        return found.clock(contract[0]).span(said.log.block_number, latest=now)

    def span(event: str) -> Span:
        return when(life[event][0]) if event in life else (0, now)

    delay = _delay(found, contract, life, reading)
    sent_by = found.sent.get((*contract, number), [])
    grace = int((reading or {}).get("gracePeriod", GRACE))
    states = payload_states(
        life.keys(), created=span("PayloadCreated"), queued=span("PayloadQueued"), delay=delay, grace=grace, now=now
    )
    ahead, doubt = _doubt(life, sent_by, states)
    unsettled = doubt if reading is None or reading["state"] not in states else ""
    unknown = missing.keys() | (ahead if unsettled else set())
    made = Subject(
        kind="payload",
        chain=contract[0],
        contract=contract[1],
        number=number,
        values=values(PAYLOAD_FIELDS, life, missing=unknown, when=when),
        extra={"proposals": list(sent_by)},
    )
    _take_rules(made, delay, grace)
    if life:
        decide(made, states, doubt=doubt, reading=reading, missing=missing.keys(), proof=PAYLOAD_PROOF)
    else:
        made.reason = "none of its logs is there"
    note_gaps(made, missing)
    if unsettled and not missing.keys() & {"PayloadQueued", *_FINAL}:
        note_doubt(made, " or ".join(sorted(ahead)), doubt)
    note_twice(made, life, once=_ONCE)
    note_clash(made, life.keys(), _ENDS)
    for name, (logs, dump) in made.values.compare(reading or {}).items():
        made.differ(name, logs, dump)
    return made


def _doubt(life: Life, sent_by: list[int], states: AbstractSet[PayloadState]) -> tuple[set[str], str]:
    """Return the events that may be missing, and why that is as likely as that they never were; empty when it is not.

    A payload that nobody proposed expires as a rule. One that was sent arrives, and one that is queued is executed by
    whoever comes first: there a log that is missing explains the silence better, and no log can prove that there was
    none.
    """
    if life.keys() & _FINAL:
        return set(), ""
    if "PayloadQueued" in life:
        past = states == {PayloadState.EXPIRED}
        why = "its time to be executed is over, and no log says that it was executed or cancelled"
        return ({*_FINAL}, why) if past else (set(), "")
    shown = ", ".join(map(str, sent_by))
    why = f"proposal {shown} sent it, and no log says that it arrived or was refused"
    return ({"PayloadQueued"}, why) if sent_by else (set(), "")


def _delay(found: History, contract: Contract, life: Life, reading: Mapping[str, Any] | None) -> Span:
    """Return the delay that a payload was created with: from the controller's settings, else as read, else any."""
    if "PayloadCreated" in life and contract in found.settings:
        created = life["PayloadCreated"][0]
        level, place = created.args["maximumAccessLevelRequired"], _place(created)
        told = [said for said in found.settings[contract].get("ExecutorSet", ()) if _place(said) < place]
        known = [said.args["delay"] for said in told if said.args["accessLevel"] == level]
        if known:
            return known[-1], known[-1]
    if reading is not None and "delay" in reading:
        return int(reading["delay"]), int(reading["delay"])
    return DELAYS


def _place(said: Said) -> tuple[int, int]:
    return said.log.block_number, said.log.log_index


def _take_rules(made: Subject, delay: Span, grace: int) -> None:
    set_rules(made.values, grace=grace)
    made.values.known |= {"id": made.number, "chainId": made.chain, "payloadsController": made.contract}
    made.values.known["delay"] = delay[0] if delay[0] == delay[1] else None
