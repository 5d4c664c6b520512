"""The local world at its place: the embedded node, the data folder, the npm packages."""

from __future__ import annotations

from governance.chain.client import default_client
from governance.env import ROOT, env
from governance.errors import InputError
from governance.lab import contracts
from governance.lab.contracts import Contracts
from governance.lab.spec import WorldSpec
from governance.lab.world import Progress, World
from governance.services import node


def load_contracts() -> Contracts:
    """Return the world's contracts, compiled at first use into the data folder."""
    return contracts.load(modules=ROOT / "node_modules", cache=env().breakwater_data / "contracts")


def build_world(spec: WorldSpec, *, progress: Progress) -> World:
    """Build the world of ``spec`` on the embedded node, finish one that was begun, or return the one that is there.

    Raises
    ------
    InputError
        When ``RPC_URLS`` names a node: the local world lives on the embedded one alone.
    ConflictError
        When the node carries another world.
    """
    _local()
    client = default_client()
    if client.head().number == 0 and client.header(0).timestamp != spec.start:
        return renew_world(spec, progress=progress)
    return World.build(client, spec, contracts=load_contracts(), path=node.world_path(), progress=progress)


def renew_world(spec: WorldSpec, *, progress: Progress) -> World:
    """Forget the world that the node carries and build the one of ``spec``.

    Raises
    ------
    InputError
        When ``RPC_URLS`` names a node.
    """
    _local()
    service = node.Node()
    service.stop()
    node.forget(genesis=spec.start)
    service.start()
    return build_world(spec, progress=progress)


def load_world() -> World:
    """Return the world that was built.

    Raises
    ------
    InputError
        When there is none, or ``RPC_URLS`` names a node.
    ConflictError
        When the node carries another chain.
    """
    _local()
    return World.load(default_client(), node.world_path())


def _local() -> None:
    if env().rpc_urls:
        raise InputError("The local world lives on the embedded node; unset RPC_URLS to use it.", field="RPC_URLS")
