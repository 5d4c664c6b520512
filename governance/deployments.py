"""Which protocols and governors are watched, and from which contracts their history is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from governance.chain.logs import block_hash
from governance.errors import InputError
from governance.models import Chain, Deployment, Stream
from governance.protocols import base

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from governance.chain.client import Client
    from governance.protocols.base import Protocol


def watch_protocol(
    *, client: Client, flavour: str, address: str, slug: str, name: str, first_block: int = 0
) -> Deployment:
    """Watch the lending protocol at ``address`` (Aave: its addresses provider); again with the same slug updates it.

    Raises
    ------
    InputError
        When there is no such plugin, or no such protocol at the address.
    """
    addresses = base.plugin(flavour).discover(client, address)
    deployment = _save(client, Deployment.Kind.PROTOCOL, slug, name, flavour, addresses, first_block)
    extend(deployment, protocol_of(deployment).watched(client))
    return deployment


def watch_governor(
    *, client: Client, flavour: str, addresses: Mapping[str, str], slug: str, name: str, first_block: int = 0
) -> Deployment:
    """Watch a governor with its timelock and token (role -> address)."""
    deployment = _save(client, Deployment.Kind.GOVERNOR, slug, name, flavour, dict(addresses), first_block)
    extend(deployment, addresses.values())
    return deployment


def protocol_of(deployment: Deployment) -> Protocol:
    """Return the plugin that speaks with ``deployment``.

    Raises
    ------
    InputError
        When it is not a protocol.
    """
    if deployment.kind != Deployment.Kind.PROTOCOL:
        message = f"{deployment.name} is a {deployment.kind}, not a protocol."
        raise InputError(message, field="deployment", value=deployment.slug)
    return base.plugin(deployment.flavour)(deployment.addresses)


def select(slugs: Iterable[str] = (), *, kind: str = "") -> list[Deployment]:
    """Return the deployments with these slugs (none given: all), only those of ``kind`` when one is given, by slug.

    Raises
    ------
    InputError
        When one of the slugs is not watched.
    """
    found = Deployment.objects.select_related("chain").order_by("slug")
    if kind:
        found = found.filter(kind=kind)
    wanted = list(slugs)
    if not wanted:
        return list(found)
    by_slug = {deployment.slug: deployment for deployment in found}
    for slug in wanted:
        if slug not in by_slug:
            known = ", ".join(by_slug) or "none yet; see manage.py watch --help"
            message = f"{slug!r} is not watched; watched are: {known}."
            raise InputError(message, field="slug", value=slug)
    return [by_slug[slug] for slug in wanted]


def extend(deployment: Deployment, addresses: Iterable[str]) -> int:
    """Collect ``addresses`` too from now on and return how many are new; those become a stream of their own."""
    with transaction.atomic():
        Deployment.objects.select_for_update().get(pk=deployment.pk)
        known = {address for stream in deployment.streams.all() for address in stream.addresses}
        new = sorted(set(addresses) - known)
        if new:
            Stream.objects.create(deployment=deployment, addresses=new, first_block=deployment.first_block)
    return len(new)


def _save(
    client: Client, kind: str, slug: str, name: str, flavour: str, addresses: dict[str, str], first_block: int
) -> Deployment:
    with transaction.atomic():
        chain = _chain(client)
        deployment, _ = Deployment.objects.update_or_create(
            slug=slug,
            defaults={"name": name, "addresses": addresses},
            create_defaults={
                "chain": chain,
                "name": name,
                "kind": kind,
                "flavour": flavour,
                "addresses": addresses,
                "first_block": first_block,
            },
        )
    return deployment


def _chain(client: Client) -> Chain:
    chain_id = int(client.call("eth_chainId"), 16)
    chain, _ = Chain.objects.get_or_create(
        chain_id=chain_id, defaults={"name": f"Chain {chain_id}", "genesis_hash": block_hash(client, 0)}
    )
    return chain
