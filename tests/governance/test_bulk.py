"""Commits that do not wait for the disk."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from governance.bulk import analyze, committed_later
from governance.models import Block


@pytest.mark.django_db(transaction=True)
def test_what_commits_later_takes_no_other_transaction_with_it():
    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            return cursor.fetchone()[0] == "on"

    with committed_later():
        assert not waits()
    with transaction.atomic():
        analyze(Block)
        assert waits()
