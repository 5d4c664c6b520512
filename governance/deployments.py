"""Which protocols and governors are watched, and from which contracts their history is read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import ProtectedError

from governance import audit
from governance.chain.abi import checksum
from governance.chain.logs import block_hash
from governance.errors import ConflictError, InputError
from governance.governors.base import governor_for
from governance.locks import hold
from governance.models import Chain, Deployment, Log, Stream
from governance.protocols import base

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from governance.chain.client import Client
    from governance.protocols.base import Protocol


def watch_protocol(
    *,
    client: Client,
    flavour: str,
    address: str,
    slug: str,
    name: str,
    first_block: int | None = None,
    update: bool = False,
    options: Mapping[str, str] | None = None,
) -> Deployment:
    """Watch the lending protocol at ``address`` (Aave: its addresses provider); doing so twice changes nothing.

    Parameters
    ----------
    client : Client
        Of the chain that it is on.
    flavour : str
        Name of its plugin.
    address : str
        Where the plugin begins to discover its contracts.
    slug, name : str
        What commands and pages call it.
    first_block : int or None
        Block of its first contract; None for 0, or for what it was when it is watched already.
    update : bool
        Whether other addresses may take the place of those that are watched under ``slug``.
    options : Mapping[str, str] or None
        What one address cannot say (see the plugin's ``discover``); None for nothing.

    Raises
    ------
    InputError
        When there is no such plugin, no such protocol at the address, no such block, or something else is watched
        under the slug.
    """
    plugin = base.plugin(flavour)
    addresses = plugin.discover(client, address, options)
    if unknown := sorted(set(options or ()) - set(addresses)):
        message = f"{plugin.label} has no role {unknown[0]!r}; its roles are: {', '.join(addresses)}."
        raise InputError(message, field="role", value=unknown[0])
    watched = plugin(addresses).watched(client)
    wanted = Deployment(slug=slug, name=name, kind=Deployment.Kind.PROTOCOL, flavour=flavour, addresses=addresses)
    _require_alone(wanted, (address, *(options or {}).values()), chain_id=_chain_id(client))
    return _save(client, wanted, watched=watched, first_block=first_block, update=update)


def watch_governor(
    *,
    client: Client,
    flavour: str,
    addresses: Mapping[str, str],
    slug: str,
    name: str,
    first_block: int | None = None,
    update: bool = False,
) -> Deployment:
    """Watch a governor with its companions (role -> address); the rest is as in `watch_protocol`.

    Raises
    ------
    InputError
        As there, and when a role is unknown or an address is not what its role says.
    """
    known_roles = governor_for(flavour, addresses).roles
    if unknown := sorted(set(addresses) - set(known_roles)):
        known = ", ".join(known_roles[1:]) or "none"
        message = f"A governor of the flavour {flavour!r} has no role {unknown[0]!r}; its companions are: {known}."
        raise InputError(message, field="role", value=unknown[0])
    addresses = {role: checksum(address) for role, address in addresses.items()}
    _require_code(client, addresses)
    governor = governor_for(flavour, addresses)
    governor.check(client)
    wanted = Deployment(
        slug=slug,
        name=name,
        kind=Deployment.Kind.GOVERNOR,
        flavour=flavour,
        addresses=governor.addresses,
        facts=governor.discover(client),
    )
    _require_alone(wanted, (governor.address,), chain_id=_chain_id(client))
    return _save(client, wanted, watched=governor.addresses.values(), first_block=first_block, update=update)


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
    wanted = list(dict.fromkeys(slugs))
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


def remove(deployment: Deployment, *, actor: str) -> dict[str, int]:
    """Forget ``deployment``: its streams, coverage and history, and the logs that nothing else is derived from.

    Returns
    -------
    dict of str to int
        Kind of row -> how many were removed.

    Raises
    ------
    ConflictError
        When something that people decided or the executor did refers to it; then nothing is removed.
    """
    with transaction.atomic():
        hold(f"collect-{deployment.chain_id}")
        addresses = {address for stream in deployment.streams.all() for address in stream.addresses}
        # A proposal that we neither approved nor relayed is a mirror of the chain, as the rest of the history is.
        deployment.proposals.filter(bundle=None, steps=None).delete()
        try:
            _, removed = deployment.delete()
        except ProtectedError as error:
            kinds = Counter(str(row._meta.verbose_name) for row in error.protected_objects)  # noqa: SLF001 - documented
            held = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in sorted(kinds.items()))
            message = f"{deployment.name} cannot be removed, because records refer to it that must not be lost: {held}."
            raise ConflictError(message, slug=deployment.slug, records=held) from error
        rows = {label.partition(".")[2]: count for label, count in removed.items() if count}
        rows["Log"] = _delete_logs(deployment.chain_id, addresses)
        facts: dict[str, audit.Fact] = {"kind": deployment.kind, "flavour": deployment.flavour}
        facts |= {"addresses": dict(deployment.addresses)}
        audit.record(actor=actor, action="deployment.removed", subject=deployment.slug, facts=facts)
    return rows


def _delete_logs(chain_id: int, addresses: set[str]) -> int:
    """Delete the logs of ``addresses`` that no stream collects any more."""
    others = Stream.objects.filter(deployment__chain=chain_id).values_list("addresses", flat=True)
    alone = addresses.difference(*others)
    octets = [bytes.fromhex(address[2:]) for address in alone]
    return Log.objects.filter(chain_id=chain_id, address__in=octets).delete()[0]


def _save(
    client: Client, wanted: Deployment, *, watched: Iterable[str], first_block: int | None, update: bool
) -> Deployment:
    """Store ``wanted`` with the contracts to be ``watched``, all or nothing."""
    _require_block(client, first_block)
    with transaction.atomic():
        wanted.chain = _chain(client)
        found = Deployment.objects.select_for_update().filter(slug=wanted.slug).first()
        if found is None:
            wanted.first_block = first_block or 0
            wanted.save(force_insert=True)
            found = wanted
        else:
            _require_same(found, wanted, first_block=first_block, update=update)
            learned = {role: held for role, held in found.addresses.items() if role.startswith(base.LEARNED)}
            found.name, found.addresses = wanted.name, wanted.addresses | learned
            found.facts = wanted.facts
            found.save(update_fields=["name", "addresses", "facts"])
        extend(found, watched)
    return found


def _require_alone(wanted: Deployment, identity: Iterable[str], *, chain_id: int) -> None:
    """Refuse what is watched under another slug already: its votes and positions would count twice."""
    own = {word.lower() for word in identity}
    for other in Deployment.objects.filter(chain=chain_id, kind=wanted.kind).exclude(slug=wanted.slug):
        if own <= {str(word).lower() for word in other.addresses.values()}:
            message = f"{min(own)} is watched already as {other.slug!r} ({other.name})."
            raise InputError(message, field="address", value=min(own), slug=other.slug)


def _require_same(found: Deployment, wanted: Deployment, *, first_block: int | None, update: bool) -> None:
    """Refuse to make something else of a slug without having been told so."""
    advice = f"choose another slug, or run manage.py watch --remove {found.slug} first"
    for field in ("chain_id", "kind", "flavour"):
        if getattr(found, field) != getattr(wanted, field):
            message = f"{found.slug!r} is watched already, with the {field} {getattr(found, field)}; {advice}."
            raise InputError(message, field=field, value=getattr(wanted, field))
    if first_block not in {None, found.first_block}:
        message = f"{found.slug!r} is watched from block {found.first_block} on, not {first_block}; {advice}."
        raise InputError(message, field="first_block", value=first_block)
    # A role that is new is what a later version discovers, and takes nothing away.
    changed = [
        role
        for role, address in found.addresses.items()
        if wanted.addresses.get(role) != address and not role.startswith(base.LEARNED)
    ]
    if changed and not update:
        role = changed[0]
        message = (
            f"{found.slug!r} is watched with the {role} {found.addresses[role]}, not"
            f" {wanted.addresses.get(role, 'without one')}; say --update if it was replaced."
        )
        raise InputError(message, field=role, value=wanted.addresses.get(role, ""))


def _require_block(client: Client, first_block: int | None) -> None:
    if first_block is None:
        return
    if first_block < 0:
        raise InputError(f"The first block is {first_block}; blocks count from 0.", field="first_block")
    if first_block > (head := client.head().number):
        message = f"The first block is {first_block:,}, but the chain stands at block {head:,}."
        raise InputError(message, field="first_block", value=first_block)


def _require_code(client: Client, addresses: Mapping[str, str]) -> None:
    found = client.batch([("eth_getCode", [address, "latest"]) for address in addresses.values()])
    for (role, address), code in zip(addresses.items(), found, strict=True):
        if code in {"", "0x"}:
            message = f"There is no contract at {address}, which is given as the {role}."
            raise InputError(message, field=role, value=address)


def _chain_id(client: Client) -> int:
    return int(client.call("eth_chainId"), 16)


def _chain(client: Client) -> Chain:
    chain_id = _chain_id(client)
    chain, _ = Chain.objects.get_or_create(
        chain_id=chain_id, defaults={"name": f"Chain {chain_id}", "genesis_hash": block_hash(client, 0)}
    )
    return chain
