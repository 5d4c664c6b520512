"""`manage.py services`: start, show and stop the embedded services."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.errors import InputError
from governance.management.base import BreakwaterCommand
from governance.services import supervisor
from governance.services.base import ServiceStatus


class Command(BreakwaterCommand):
    """Start, show or stop the services."""

    help = "Start, show or stop the embedded services: database, broker, node, worker, beat and web."
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the verb and the services that it is for."""
        parser.add_argument("verb", choices=["start", "status", "stop"], help="what to do")
        parser.add_argument(
            "names",
            nargs="*",
            metavar="NAME",
            help=f"services that it is for: {', '.join(supervisor.NAMES)} (default: all, but `start` leaves out web)",
        )

    def handle(self, *, verb: str, names: list[str], **_: Any) -> None:  # noqa: ANN401
        """Do the verb, then print every service's state.

        Raises
        ------
        InputError
            When there is no such service.
        """
        if unknown := set(names).difference(supervisor.NAMES):
            known = ", ".join(supervisor.NAMES)
            raise InputError(f"There is no service {', '.join(sorted(unknown))}; there are {known}.", field="NAME")
        if verb == "start":
            supervisor.ensure(*(names or [name for name in supervisor.NAMES if name != "web"]), tell=self.say)
        elif verb == "stop":
            supervisor.stop(*(names or supervisor.NAMES))
        states = supervisor.statuses()
        self.answer({"services": [state.as_dict() for state in states]}, "\n".join(map(_line, states)))


def _line(state: ServiceStatus) -> str:
    sign = "●" if state.running else "○"
    owner = "external" if state.external else f"pid {state.pid}" if state.pid else ""
    return f"{sign} {state.name:9} {state.detail:32} {owner:12} {state.where}".rstrip()
