"""`manage.py watch`: tell Breakwater which protocols and governors to follow, and which not any more."""

from __future__ import annotations

import getpass
from typing import Any

from django.core.management.base import CommandParser

from governance import deployments
from governance.chain.abi import checksum
from governance.chain.client import default_client
from governance.errors import InputError
from governance.governors import base as governors
from governance.management.base import BreakwaterCommand, prepare
from governance.models import Deployment
from governance.protocols import base as protocols


class Command(BreakwaterCommand):
    """Watch a protocol or a governor."""

    help = "Watch a lending protocol or a governor, so that its history is collected; list or remove what is watched."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add flavour, address and names."""
        known = f"a protocol ({', '.join(protocols.flavours())}) or a governor ({', '.join(governors.flavours())})"
        parser.add_argument("flavour", nargs="?", help=known)
        parser.add_argument("address", nargs="?", help="Aave: the addresses provider; a governor: the governor itself")
        parser.add_argument(
            "--kind",
            choices=Deployment.Kind.values,
            help="which of the two, for a flavour of both (default: protocol where there is one of that name)",
        )
        parser.add_argument("--slug", help="short name for addresses of pages and for commands")
        parser.add_argument("--name", help="name for people (default: the one that it has, else the slug)")
        parser.add_argument("--first-block", type=int, help="block of the first contract (default: 0)")
        parser.add_argument(
            "--role",
            action="append",
            default=[],
            metavar="ROLE=VALUE",
            help="what the address does not say: a governor's timelock=0x… and token=0x…, Morpho's market=0x…",
        )
        parser.add_argument(
            "--update", action="store_true", help="let other addresses replace those that the slug stands for"
        )
        parser.add_argument("--list", action="store_true", help="list what is watched")
        parser.add_argument("--remove", metavar="SLUG", help="forget a deployment and its collected history")
        parser.add_argument("--yes", action="store_true", help="remove: do it, instead of saying what would be done")

    def handle(self, **options: Any) -> None:  # noqa: ANN401
        """Watch, list or remove.

        Raises
        ------
        InputError
            When not exactly one of these was asked for.
        """
        asked = [bool(options["flavour"]), options["list"], bool(options["remove"])]
        if sum(asked) != 1:
            message = "Say either what to watch (FLAVOUR ADDRESS --slug SLUG), or --list, or --remove SLUG."
            raise InputError(message, field="flavour")
        if options["list"]:
            self._list()
        elif options["remove"]:
            self._remove(options["remove"], sure=options["yes"])
        else:
            self._watch(**options)

    def _watch(self, *, flavour: str, address: str | None, slug: str | None, **options: Any) -> None:  # noqa: ANN401
        options["kind"] = _kind(flavour, options["kind"])
        if not address or not slug:
            missing = "slug" if address else "address"
            raise InputError(f"To watch {flavour} the {missing} is needed; see manage.py watch --help.", field=missing)
        prepare(("node",), tell=self.say)
        deployment = _save(flavour, checksum(address), slug, options)
        found = "\n".join(f"  {role}: {where}" for role, where in deployment.addresses.items())
        self.answer(
            _row(deployment),
            f"{deployment.name} is watched from block {deployment.first_block}; run manage.py collect.\n{found}",
        )

    def _list(self) -> None:
        found = deployments.select()
        lines = [
            f"{row.slug}: {row.name} ({row.flavour} on chain {row.chain_id}), from block {row.first_block:,}"
            for row in found
        ]
        self.answer(
            {"watched": [_row(row) for row in found]}, "\n".join(lines) or "Nothing is watched yet; see --help."
        )

    def _remove(self, slug: str, *, sure: bool) -> None:
        (deployment,) = deployments.select([slug])
        if not sure:
            message = (
                f"{deployment.name} would be forgotten with everything that was collected of it since block"
                f" {deployment.first_block:,}; say --yes to do it."
            )
            raise InputError(message, field="yes", slug=slug)
        removed = deployments.remove(deployment, actor=getpass.getuser())
        text = ", ".join(f"{count:,} {kind}" for kind, count in sorted(removed.items()) if count)
        self.answer({"removed": slug, "rows": removed}, f"{deployment.name} is not watched any more; removed {text}.")


def _kind(flavour: str, asked: str | None) -> str:
    """Return whether ``flavour`` is a protocol or a governor."""
    known = {Deployment.Kind.PROTOCOL: protocols.flavours(), Deployment.Kind.GOVERNOR: governors.flavours()}
    for kind, flavours in known.items():
        if flavour in flavours and asked in {None, kind}:
            return kind
    names = ", ".join(f"{name} ({kind})" for kind, flavours in known.items() for name in flavours)
    raise InputError(
        f"There is no {asked or 'flavour'} {flavour!r}; there are: {names}.", field="flavour", value=flavour
    )


def _save(flavour: str, address: str, slug: str, options: dict[str, Any]) -> Deployment:
    client = default_client()
    roles = dict(map(_role, options["role"]))
    known = Deployment.objects.filter(slug=slug).values_list("name", flat=True).first()
    name, first, update = str(options["name"] or known or slug), options["first_block"], bool(options["update"])
    if options["kind"] == Deployment.Kind.GOVERNOR:
        addresses = {"governor": address} | roles
        return deployments.watch_governor(
            client=client,
            flavour=flavour,
            addresses=addresses,
            slug=slug,
            name=name,
            first_block=first,
            update=update,
        )
    return deployments.watch_protocol(
        client=client,
        flavour=flavour,
        address=address,
        slug=slug,
        name=name,
        first_block=first,
        update=update,
        options=roles,
    )


def _row(deployment: Deployment) -> dict[str, object]:
    return {
        "slug": deployment.slug,
        "name": deployment.name,
        "kind": deployment.kind,
        "flavour": deployment.flavour,
        "chain_id": deployment.chain_id,
        "first_block": deployment.first_block,
        "addresses": deployment.addresses,
    }


def _role(text: str) -> tuple[str, str]:
    role, _, value = text.partition("=")
    if not role or not value:
        raise InputError(f"{text!r} is not ROLE=VALUE, e.g. timelock=0x…", field="role", value=text)
    return role, value
