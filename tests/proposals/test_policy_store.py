"""Versions of the policy in the database."""

from __future__ import annotations

import json

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from governance.errors import InputError, PolicyError
from proposals import policy
from proposals.models import Policy
from tests.proposals.cases import document

pytestmark = pytest.mark.django_db


def test_the_default_is_loaded_once():
    first, second = policy.ensure(), policy.ensure()
    assert first == second
    assert Policy.objects.count() == 1
    assert policy.body_of(first).name == "Careful default"


def test_a_new_version_supersedes_and_an_old_one_can_return():
    old = policy.ensure()
    new = policy.load(document(name="Bolder", objective__es99_weight=10))
    assert (new.version, new.active) == (2, True)
    assert [row.version for row in Policy.objects.filter(active=True)] == [2]
    again = policy.load(old.body)
    assert (again.pk, again.version, again.active) == (old.pk, 1, True)
    assert Policy.objects.filter(active=True).count() == 1


def test_a_contradiction_leaves_nothing_behind():
    with pytest.raises(PolicyError, match="grid"):
        policy.load(document(parameters__ltv__grid=[1_000]))
    assert not Policy.objects.exists()


def test_the_database_refuses_to_change_a_policy_or_to_have_two():
    row = policy.ensure()
    with transaction.atomic(), pytest.raises(DatabaseError, match="Cannot update"):
        Policy.objects.filter(pk=row.pk).update(name="Other")
    with transaction.atomic(), pytest.raises(IntegrityError):
        Policy.objects.create(version=9, name="Second", body={}, hash="0x", active=True)


def test_a_document_that_no_longer_has_its_hash_is_not_used():
    row = policy.ensure()
    row.body = document(objective__es99_weight=0)  # as if somebody had switched the trigger off
    with pytest.raises(PolicyError, match="altered"):
        policy.body_of(row)


def test_files_that_cannot_be_used_say_why(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        policy.read_file(tmp_path / "missing.json")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="not JSON"):
        policy.read_file(tmp_path / "broken.json")
    (tmp_path / "good.json").write_text(json.dumps(document()), encoding="utf-8")
    assert policy.load(policy.read_file(tmp_path / "good.json")).version == 1
