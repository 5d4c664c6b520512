"""The audit log: every act of people and machines, each entry sealed with the hash of the one before it.

The database refuses to change or delete entries. Whoever can switch that off still cannot do it unseen: `verify`
recomputes the chain and names the first entry that does not fit. A chain whose *end* was cut off fits by itself, so
`verify` also takes a hash that was noted elsewhere earlier and must still be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from governance.domain.canonical import digest
from governance.errors import InputError
from governance.locks import hold
from governance.models import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

GENESIS = "0x" + "0" * 64

type Fact = str | int | bool | list[Fact] | dict[str, Fact] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What a check of the whole chain found.

    Attributes
    ----------
    entries : int
        Entries that are there.
    head : str
        Hash of the last one; note it elsewhere.
    broken_at : int
        Sequence of the first entry that does not fit, 0 for none.
    reason : str
        Why it does not fit, in words; empty for none.
    """

    entries: int
    head: str
    broken_at: int
    reason: str

    @property
    def intact(self) -> bool:
        """Whether the chain holds."""
        return not self.reason


def record(*, actor: str, action: str, subject: str, facts: Mapping[str, Fact] | None = None) -> AuditEntry:
    """Append one entry; within a transaction it stands or falls with it.

    Raises
    ------
    InputError
        For facts that JSON does not carry exactly, such as floats.
    """
    body = dict(facts or {})
    _refuse_inexact(body)
    with transaction.atomic():
        hold("audit")
        last = AuditEntry.objects.order_by("-sequence").first()
        entry = AuditEntry(
            sequence=last.sequence + 1 if last else 1,
            at=timezone.now(),
            actor=actor,
            action=action,
            subject=subject,
            facts=body,
            previous_hash=last.hash if last else GENESIS,
        )
        entry.hash = _seal(entry)
        entry.save(force_insert=True)
    return entry


def verify(*, anchor: str = "") -> AuditReport:
    """Recompute the whole chain.

    Parameters
    ----------
    anchor : str
        Hash of an entry that was noted earlier and must still be part of the chain; empty for none.
    """
    count, previous, seen = 0, GENESIS, anchor in {"", GENESIS}
    for entry in AuditEntry.objects.order_by("sequence").iterator():
        reason = _misfit(entry, sequence=count + 1, previous=previous)
        if reason:
            return AuditReport(entries=count, head=previous, broken_at=entry.sequence, reason=reason)
        count, previous = count + 1, entry.hash
        seen = seen or previous == anchor
    if not seen:
        reason = f"the noted entry {anchor} is gone: the end of the log was cut off or rewritten"
        return AuditReport(entries=count, head=previous, broken_at=count + 1, reason=reason)
    return AuditReport(entries=count, head=previous, broken_at=0, reason="")


def _misfit(entry: AuditEntry, *, sequence: int, previous: str) -> str:
    if entry.sequence != sequence:
        return f"entry {sequence} is missing"
    if entry.previous_hash != previous:
        return f"entry {sequence} does not follow the one before it"
    if entry.hash != _seal(entry):
        return f"entry {sequence} was changed after it was written"
    return ""


def _seal(entry: AuditEntry) -> str:
    return digest(
        {
            "sequence": entry.sequence,
            "at": entry.at.isoformat(timespec="microseconds"),
            "actor": entry.actor,
            "action": entry.action,
            "subject": entry.subject,
            "facts": entry.facts,
            "previous_hash": entry.previous_hash,
        }
    )


def _refuse_inexact(value: object) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _refuse_inexact(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_inexact(item)
    elif not (value is None or isinstance(value, str | int)):
        raise InputError(f"An audit fact must be text, a whole number or a flag, not {value!r}.", value=value)
