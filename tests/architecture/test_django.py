"""Django's own checks, and migrations that match the models."""

from __future__ import annotations

import pytest
from django.core.management import call_command


def test_the_system_checks_find_nothing(capsys):
    call_command("check", fail_level="WARNING")
    assert "identified no issues" in capsys.readouterr().out


@pytest.mark.django_db
def test_no_migration_is_missing(capsys):
    call_command("makemigrations", check=True, dry_run=True)
    assert "No changes detected" in capsys.readouterr().out
