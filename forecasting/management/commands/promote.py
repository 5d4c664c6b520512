"""`manage.py promote`: put a challenger to the gate, and sign for it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from forecasting import gate, reproducing
from forecasting.models import Decision
from governance.chain.abi import checksum
from governance.management.base import BreakwaterCommand

SIGNS = (
    "who signs, where the policy asks for it; recorded as told by whoever runs this command, for no key proves it: "
    "give the right to run it to stewards alone"
)


class Command(BreakwaterCommand):
    """Promote a model version, if the gate lets it pass."""

    help = "Put a model of the league to the gate; it takes the champion's place when every rule lets it pass."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to promote and who signs."""
        parser.add_argument("version", metavar="MODEL_VERSION", help="its number, or how its hash begins")
        parser.add_argument("--steward", default="", metavar="ADDRESS", help=SIGNS)

    def handle(self, *, version: str, steward: str, **_: Any) -> None:  # noqa: ANN401
        """Ask the gate and report what every rule said."""
        found = reproducing.find_version(version)
        made = gate.consider(found, steward=checksum(steward) if steward else "")
        self.answer(
            {"version": found.pk, "line": made.line, "decision": made.kind, "reason": made.reason, **made.facts},
            _text(made),
        )


def _text(made: Decision) -> str:
    rules = (f"  {'yes' if rule['passed'] else 'NO':<4} {rule['sentence']}" for rule in made.facts["rules"])
    head = f"{made.version.name} of {made.line}, against version {made.facts['against']}:"
    signed = [f"Signed by {made.actor} on {made.facts['signature']}."] if "signature" in made.facts else []
    return "\n".join([head, *rules, f"{made.get_kind_display()}: {made.reason}", *signed])
