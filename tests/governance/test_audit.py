"""The audit log shows every alteration."""

from __future__ import annotations

from itertools import pairwise

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import transaction
from django.db.utils import DatabaseError

from governance import audit
from governance.errors import DataError, InputError
from governance.models import AuditEntry


@pytest.fixture
def entries(db):
    return [
        audit.record(
            actor="steward", action="test.act", subject=f"thing {number}", facts={"n": number, "big": str(2**256)}
        )
        for number in range(5)
    ]


def test_each_entry_holds_the_hash_of_the_one_before(entries):
    assert [entry.sequence for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].previous_hash == audit.GENESIS
    assert all(after.previous_hash == before.hash for before, after in pairwise(entries))
    report = audit.verify()
    assert (report.entries, report.head, report.intact) == (5, entries[-1].hash, True)


def test_an_empty_log_is_intact(db):
    assert audit.verify() == audit.AuditReport(entries=0, head=audit.GENESIS, broken_at=0, reason="")


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "mallory"},
        {"action": "test.other"},
        {"subject": "another thing"},
        {"facts": {"n": 7}},
        {"at": "2020-01-01T00:00:00Z"},
        {"hash": "0x" + "22" * 32},
    ],
)
def test_a_changed_entry_is_found(entries, change):
    with pgtrigger.ignore("governance.AuditEntry:append_only"):
        AuditEntry.objects.filter(sequence=3).update(**change)
    report = audit.verify()
    assert (report.intact, report.broken_at, report.entries) == (False, 3, 2)
    assert "changed after it was written" in report.reason


def test_a_changed_entry_with_a_recomputed_hash_is_found_at_the_next_one(entries):
    forged = AuditEntry.objects.get(sequence=3)
    forged.actor = "mallory"
    forged.hash = audit._seal(forged)
    with pgtrigger.ignore("governance.AuditEntry:append_only"):
        forged.save()
    report = audit.verify()
    assert report.broken_at == 4
    assert "does not follow" in report.reason


def test_a_deleted_entry_is_found(entries):
    with pgtrigger.ignore("governance.AuditEntry:append_only"):
        AuditEntry.objects.filter(sequence=2).delete()
    assert audit.verify().reason == "entry 2 is missing"


def test_a_cut_off_end_is_found_by_a_noted_hash_alone(entries):
    noted = entries[-1].hash
    assert audit.verify(anchor=noted).intact
    with pgtrigger.ignore("governance.AuditEntry:append_only"):
        AuditEntry.objects.filter(sequence=5).delete()
    assert audit.verify().intact
    report = audit.verify(anchor=noted)
    assert report.broken_at == 5
    assert "cut off" in report.reason


def test_the_database_refuses_to_change_or_delete_entries(entries):
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        AuditEntry.objects.filter(sequence=1).update(actor="mallory")
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        AuditEntry.objects.filter(sequence=1).delete()


def test_an_entry_falls_with_its_transaction(db):
    with transaction.atomic():
        audit.record(actor="steward", action="test.act", subject="thing")
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("value", [0.1, {"deep": [1.5]}, b"bytes"])
def test_facts_that_json_would_round_are_refused(db, value):
    with pytest.raises(InputError, match="whole number"):
        audit.record(actor="steward", action="test.act", subject="thing", facts={"value": value})


def test_the_command_reports_the_chain_and_fails_when_it_is_broken(entries, capsys):
    call_command("executor", "audit", "--json")
    assert f'"head": "{entries[-1].hash}"' in capsys.readouterr().out
    with pgtrigger.ignore("governance.AuditEntry:append_only"):
        AuditEntry.objects.filter(sequence=3).update(actor="mallory")
    with pytest.raises(DataError, match="entry 3 was changed"):
        call_command("executor", "audit")
