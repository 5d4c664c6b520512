"""`manage.py watch`: tell Breakwater which protocol or governor to follow."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance import deployments
from governance.chain.abi import checksum
from governance.chain.client import default_client
from governance.errors import InputError
from governance.management.base import BreakwaterCommand
from governance.protocols import base as protocols


class Command(BreakwaterCommand):
    """Watch a protocol or a governor."""

    help = "Watch a lending protocol or a governor: its history is collected from now on."
    needs = ("database", "node")
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add flavour, address and names."""
        parser.add_argument("flavour", help=f"a protocol ({', '.join(protocols.flavours())}) or a governor (oz)")
        parser.add_argument("address", help="Aave: the addresses provider; a governor: the governor itself")
        parser.add_argument("--slug", required=True, help="short name for addresses of pages and for commands")
        parser.add_argument("--name", help="name for people (default: the slug)")
        parser.add_argument("--first-block", type=int, default=0, help="block of the first contract (default: 0)")
        parser.add_argument(
            "--role",
            action="append",
            default=[],
            metavar="ROLE=ADDRESS",
            help="a governor's companion, e.g. timelock=0x… and token=0x…; repeat it for each",
        )

    def handle(self, *, flavour: str, address: str, slug: str, first_block: int, **options: Any) -> None:  # noqa: ANN401
        """Discover the contracts and store the deployment."""
        name = str(options["name"] or slug)
        client = default_client()
        if flavour in protocols.flavours():
            deployment = deployments.watch_protocol(
                client=client, flavour=flavour, address=address, slug=slug, name=name, first_block=first_block
            )
        else:
            deployment = deployments.watch_governor(
                client=client,
                flavour=flavour,
                addresses={"governor": checksum(address)} | dict(map(_role, options["role"])),
                slug=slug,
                name=name,
                first_block=first_block,
            )
        found = "\n".join(f"  {role}: {where}" for role, where in deployment.addresses.items())
        self.answer(
            {"slug": deployment.slug, "kind": deployment.kind, "addresses": deployment.addresses},
            f"{deployment.name} is watched from block {deployment.first_block}; run manage.py collect.\n{found}",
        )


def _role(text: str) -> tuple[str, str]:
    role, _, address = text.partition("=")
    if not role or not address:
        raise InputError(f"{text!r} is not ROLE=ADDRESS, e.g. timelock=0x…", field="role", value=text)
    return role, checksum(address)
