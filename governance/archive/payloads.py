"""Payloads of every payloads controller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from governance.archive.clock import Span
from governance.archive.fields import PAYLOAD_FIELDS, set_rules, values
from governance.archive.gaps import holes
from governance.archive.history import Contract, History, Life, Said
from governance.archive.moments import Readings
from governance.archive.rules import DELAYS, PAYLOAD_PROOF, payload_states
from governance.archive.subjects import Subject, decide, missing_events, note_doubt, note_gaps, note_twice

_ONCE = {*PAYLOAD_PROOF.values()}
_OUTCOMES = {"PayloadQueued", "PayloadExecuted", "PayloadCancelled"}


def payloads(found: History, readings: Readings, *, as_of: Mapping[Contract, int]) -> Iterator[Subject]:
    """Yield every payload of every controller of which there are logs or readings, by chain, controller and id."""
    for contract in sorted({*found.controllers, *readings}):
        read = readings.get(contract, {})
        sent = {number for chain, address, number in found.sent if (chain, address) == contract}
        named = {*found.controllers.get(contract, {}), *read, *sent}
        for number in sorted({*named, *holes(named)}):
            yield _payload(found, contract, number, read.get(number), now=as_of[contract])


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
    states = payload_states(
        life.keys(), created=span("PayloadCreated"), queued=span("PayloadQueued"), delay=delay, now=now
    )
    doubt = _doubt(life, sent_by)
    unsettled = doubt if reading is None or reading["state"] not in states else ""
    unknown = missing.keys() | ({"PayloadQueued"} if unsettled else set())
    made = Subject(
        kind="payload",
        chain=contract[0],
        contract=contract[1],
        number=number,
        values=values(PAYLOAD_FIELDS, life, missing=unknown, when=when),
        extra={"proposals": list(sent_by)},
    )
    _take_rules(made, delay)
    if life:
        decide(made, states, doubt=doubt, reading=reading, missing=missing.keys(), proof=PAYLOAD_PROOF)
    else:
        made.reason = "none of its logs is there"
    note_gaps(made, missing)
    if unsettled and not missing.keys() & _OUTCOMES:
        note_doubt(made, "PayloadQueued", doubt)
    note_twice(made, life, once=_ONCE)
    for name, (logs, dump) in made.values.compare(reading or {}).items():
        made.differ(name, logs, dump)
    return made


def _doubt(life: Life, sent_by: list[int]) -> str:
    """Return why a payload that was sent and is not queued may have been; empty when there is no doubt."""
    if not sent_by or life.keys() & _OUTCOMES:
        return ""
    shown = ", ".join(map(str, sent_by))
    return f"proposal {shown} sent it, and no log says that it arrived or was refused"


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


def _take_rules(made: Subject, delay: Span) -> None:
    set_rules(made.values)
    made.values.known |= {"id": made.number, "chainId": made.chain, "payloadsController": made.contract}
    made.values.known["delay"] = delay[0] if delay[0] == delay[1] else None
