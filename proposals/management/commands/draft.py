"""`manage.py draft`: write a proposal, sign it off, show it, and score what became of it."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from governance.chain.abi import checksum
from governance.chain.client import default_client
from governance.domain.bundle import from_json
from governance.errors import InputError
from governance.governors.base import governor_for
from governance.management.base import BreakwaterCommand
from proposals import draft as drafting
from proposals import outcome, review
from proposals.models import Draft, Recommendation


class Command(BreakwaterCommand):
    """Look after a draft."""

    help = "Write the proposal of a recommendation, sign it off, show the transaction that proposes it, or score it."
    needs = ("database", "node")
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the verb, its subject, and who acts."""
        parser.add_argument(
            "verb",
            choices=["write", "sign", "show", "score"],
            help="write a draft of a recommendation; sign, show or score a draft",
        )
        parser.add_argument("id", type=int, metavar="ID", help="write: the recommendation; else: the draft")
        parser.add_argument(
            "--proposer", default="", metavar="ADDRESS", help="write: who will propose it, and alone can"
        )
        parser.add_argument(
            "--steward",
            default="",
            metavar="ADDRESS",
            help="sign: who has reviewed it; recorded as told, no key proves it",
        )
        parser.add_argument("--comment", default="", help="sign: what the steward wants to say")

    def handle(self, *, verb: str, id: int, proposer: str, steward: str, comment: str, **_: Any) -> None:  # noqa: A002, ANN401
        """Do the verb, then show the draft."""
        if verb == "write":
            made = drafting.draft(
                found(Recommendation, id), proposer=address("proposer", proposer), client=default_client()
            )
        else:
            made = review.track(found(Draft, id))
        if verb == "sign":
            review.sign_off(made, steward=address("steward", steward), comment=comment)
            made.refresh_from_db()
        if verb == "score":
            outcome.score(made, client=default_client())
            made.refresh_from_db()
        self.answer(summary(made), describe(made))


def found[Row: (Draft, Recommendation)](kind: type[Row], pk: int) -> Row:
    """Return a row by its number.

    Raises
    ------
    InputError
        When there is none.
    """
    row = kind.objects.filter(pk=pk).first()
    if row is None:
        raise InputError(f"There is no {kind.__name__.lower()} {pk}.", field="id", value=pk)
    return row


def address(name: str, value: str) -> str:
    """Return the checksummed address that an option holds.

    Raises
    ------
    InputError
        When it is missing or not an address.
    """
    if not value:
        raise InputError(f"--{name} is missing; give the address, 0x and 40 digits.", field=name)
    return checksum(value)


def summary(made: Draft) -> dict[str, object]:
    """Return the draft as JSON-ready data, with the call that proposes it."""
    governor = drafting.governor_of(made.recommendation)
    call = governor_for(governor.flavour, governor.addresses).propose(from_json(made.bundle))
    return {
        "draft": made.pk,
        "status": made.status,
        "title": made.title,
        "bundle_hash": made.bundle_hash,
        "evidence_hash": made.recommendation.evidence.hash,
        "proposer": made.proposer,
        "sign_offs": list(made.sign_offs.values_list("steward", flat=True)),
        "propose": {"from": made.proposer, "to": call.target, "data": f"0x{call.data.hex()}"},
    }


def describe(made: Draft) -> str:
    """Return the draft in words."""
    facts = summary(made)
    signed = ", ".join(made.sign_offs.values_list("steward", flat=True)) or "nobody yet"
    lines = [
        f"Draft {made.pk} ({made.get_status_display().lower()}): {made.title}",
        f"  bundle {made.bundle_hash}, evidence {facts['evidence_hash']}",
        f"  signed off by {signed}",
    ]
    if made.status == Draft.Status.SIGNED:
        lines.append(f"  the transaction that proposes it: {json.dumps(facts['propose'])}")
    return "\n".join(lines)
