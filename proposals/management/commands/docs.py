"""`manage.py docs`: write the reference pages, or see whether they are up to date."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.env import ROOT
from governance.errors import InputError
from governance.management.base import BreakwaterCommand
from proposals import reference


class Command(BreakwaterCommand):
    """Write `docs/reference`."""

    help = "Write docs/reference from the code, or fail when it is out of date."
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the check."""
        parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")

    def handle(self, *, check: bool, **_: Any) -> None:  # noqa: ANN401
        """Write or check."""
        pages = [str(path.relative_to(ROOT)) for path in (reference.outdated() if check else reference.write())]
        if check and pages:
            raise InputError(f"Out of date: {', '.join(pages)}; run `make docs`.", field="docs", pages=pages)
        self.answer({"written": pages}, f"Wrote {', '.join(pages)}." if pages else "The reference is up to date.")
