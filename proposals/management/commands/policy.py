"""`manage.py policy`: the limits that recommendations stay within."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from governance.errors import InputError
from governance.management.base import BreakwaterCommand
from proposals import policy
from proposals.core.policy import read_policy
from proposals.models import Policy


class Command(BreakwaterCommand):
    """Show, check or load the policy."""

    help = "Show the active policy, check a policy file, or load one as the next version and make it active."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the verb and the file."""
        parser.add_argument(
            "verb", choices=["show", "check", "load"], help="show the active one, or check or load FILE"
        )
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="policy document (JSON)")

    def handle(self, *, verb: str, file: Path | None, **_: Any) -> None:  # noqa: ANN401
        """Do the verb.

        Raises
        ------
        InputError
            When check or load is given no file.
        PolicyError
            When the document cannot be read or contradicts itself.
        """
        if verb == "show":
            self._report("in force", policy.ensure())
            return
        if file is None:
            raise InputError(f"policy {verb} needs a FILE.", field="file")
        document = policy.read_file(file)
        if verb == "check":
            body = read_policy(document)
            self.answer({"ok": True, "name": body.name}, f"{file} holds: {body.name!r} does not contradict itself.")
        else:
            self._report("now in force", policy.load(document))

    def _report(self, words: str, row: Policy) -> None:
        self.answer(
            {"version": row.version, "name": row.name, "hash": row.hash, "active": row.active, "body": row.body},
            json.dumps(row.body, indent=2),
        )
        if not self.as_json:  # beside the document, so that `policy show > FILE` is a policy file
            self.stderr.write(f"Policy v{row.version} {row.name!r} is {words}; its hash is {row.hash}.")
