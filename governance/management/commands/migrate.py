"""`manage.py migrate`: Django's own, with the database started first."""

from __future__ import annotations

from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate

from governance.env import env
from governance.services.postgres import Database


class Command(DjangoMigrate):
    """Bring the database's tables up to date."""

    def execute(self, *args: Any, **options: Any) -> str | None:  # noqa: ANN401
        """Start the embedded database if it is not running, then migrate."""
        if env().database_url is None:
            Database().start()
        return super().execute(*args, **options)
