"""One proposal or payload: replayed from its logs, and compared with what its contract was read to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from governance.archive.fields import Values
from governance.archive.gaps import Gap, gap, implied, read_back


@dataclass(slots=True, kw_only=True)
class Subject:
    """A proposal or a payload.

    Attributes
    ----------
    kind : str
        ``proposal`` or ``payload``.
    chain, contract, number : int, str, int
        Where it is, and its id there.
    values : Values
        Its fields.
    gaps : list of Gap
        Logs of it that must exist and are not there.
    differences : list of dict
        Where logs and the contract's word contradict each other.
    state : IntEnum or None
        None: not known, for `reason`.
    """

    kind: str
    chain: int
    contract: str
    number: int
    values: Values
    gaps: list[Gap] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)
    state: IntEnum | None = None
    reason: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def lack(self, kind: str, event: str, evidence: str) -> None:
        """Note a gap."""
        place = (self.chain, self.contract, self.number)
        self.gaps.append(gap(*place, kind=kind, event=event, evidence=evidence))

    def differ(self, name: str, logs: object, dump: object) -> None:
        """Note a contradiction."""
        place = {"chain": self.chain, "contract": self.contract, "kind": self.kind, "id": self.number}
        self.differences.append({**place, "field": name, "logs": logs, "dump": dump})

    def as_dict(self) -> dict[str, Any]:
        """Return the subject as JSON-ready data, its fields under the contract's own names."""
        data = {**self.values.known, **self.extra, "state": "unknown" if self.state is None else int(self.state)}
        data["stateName"] = "unknown" if self.state is None else self.state.name.lower()
        data |= {"reason": self.reason} if self.reason else {}
        data |= {"fromDump": sorted(self.values.from_dump)} if self.values.from_dump else {}
        bounds = {name: list(span) for name, span in self.values.bounds.items() if self.values.known[name] is None}
        return data | ({"bounds": bounds} if bounds else {})


def missing_events[State: IntEnum](
    events: AbstractSet[str], reading: Mapping[str, Any] | None, proof: Mapping[State, str]
) -> dict[str, str]:
    """Return the events that must have been, but are not among ``events`` -> how we know."""
    found = {} if reading is None else read_back(events, reading, proof)
    return found | implied(events)


def decide[State: IntEnum](
    subject: Subject,
    states: frozenset[State],
    *,
    doubt: str,
    reading: Mapping[str, Any] | None,
    missing: AbstractSet[str],
    proof: Mapping[State, str],
) -> None:
    """Set the state: what the logs allow, and the contract's word where they allow several.

    Parameters
    ----------
    states : frozenset of State
        What it can be if no log is missing.
    doubt : str
        Why a missing log is as likely as that; empty: it is not.
    reading : Mapping or None
        What the contract was read to say; None: nobody read it.
    missing : set of str
        Events that must exist and are not there.
    proof : Mapping
        State -> the event that leads to it.
    """
    if reading is None:
        if len(states) == 1 and not doubt:
            subject.state = next(iter(states))
        else:
            names = " or ".join(sorted(state.name.lower() for state in states))
            subject.reason = doubt or f"the logs' times leave open whether it is {names}"
        return
    said = int(reading["state"])
    if said in states:
        subject.state = next(state for state in states if state == said)
        return
    # What only time leads to, such as an expiry, counts from the events before it: one that is missing explains it.
    timed = said not in proof
    lost = next((event for state, event in proof.items() if (timed or state == said) and event in missing), "")
    if lost:
        subject.reason = f"its log {lost} is missing"
    elif doubt and timed:  # else the log that proves it is there, and the times contradict it
        subject.reason = doubt
    else:
        subject.state = next(iter(states)) if len(states) == 1 else None
        subject.differ("state", sorted(map(int, states)), said)


def note_gaps(subject: Subject, missing: Mapping[str, str]) -> None:
    """Note every missing event as a gap."""
    for event, evidence in missing.items():
        subject.lack("missing-log", event, evidence)


def note_doubt(subject: Subject, event: str, doubt: str) -> None:
    """Note that nobody can tell whether ``event`` is missing or never was."""
    subject.lack("undecided", event, doubt)


def note_twice(subject: Subject, events: Mapping[str, list[Any]], *, once: AbstractSet[str]) -> None:
    """Note events that a contract emits once and that are there several times, in different transactions."""
    for name in sorted(once & events.keys()):
        if len(events[name]) > 1:
            subject.differ(name, f"{len(events[name])} logs", "a contract emits it once")


def note_clash(subject: Subject, events: AbstractSet[str], ends: Iterable[AbstractSet[str]]) -> None:
    """Note that ``events`` are of more than one of ``ends``, which exclude each other: then nobody knows the state."""
    found = [sorted(events & end) for end in ends if events & end]
    if len(found) > 1:
        told = [name for end in found for name in end]
        subject.state, subject.reason = None, f"{' and '.join(told)} exclude each other"
        subject.differ("state", told, "a contract ends in one way only")
