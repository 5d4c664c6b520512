"""`manage.py serve`: the web interface in the foreground."""

from __future__ import annotations

from typing import Any

from governance.management.base import BreakwaterCommand
from governance.services.web import Web, address


class Command(BreakwaterCommand):
    """Serve the web interface."""

    help = "Serve the web interface in the foreground, on WEB_HOST and WEB_PORT, until Ctrl-C."
    needs = ("database",)

    def handle(self, **_: Any) -> None:  # noqa: ANN401
        """Become the web server."""
        self.say(f"Serving {address()} (Ctrl-C ends it).")
        self.stdout.flush()
        Web().serve()
