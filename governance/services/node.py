"""The EVM node: anvil from its npm package, or the nodes of ``RPC_URLS``.

Anvil keeps its chain in memory. It loads it from a file when it starts and writes it when it is asked to end, so the
file is written beside the last good one and takes its place only when it is whole.

Notes
-----
``--hardfork cancun --prune-history``: on later hardforks this anvil rebuilds its state for every block, and slows down
quadratically as the chain grows; unpruned it fills the disk. The program of the platform's package is started
directly, because the npm launcher would leave it behind when it is ended.
"""

from __future__ import annotations

import platform
from pathlib import Path

from governance.chain.client import Client
from governance.env import ROOT, child_environment, env
from governance.errors import BreakwaterError, ChainError, MissingTool, PortTaken, ServiceError
from governance.services.addresses import node_port, pick_node_port, port_is_free, rpc_urls
from governance.services.base import NOT_RUNNING, ServiceStatus
from governance.services.process import Detached

GENESIS = 1_735_689_600  # unix seconds of the genesis block unless a world wants another: 1 January 2025
BLOCK_SECONDS = 12  # between two blocks that transactions cause
GAS_LIMIT = 1_000_000_000  # of a block: hundreds of accounts act in one
SAVE_SECONDS = 180.0  # that writing a year of history may take
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


class Node:
    """The node service."""

    name = "node"
    process = Detached(name="node")

    def status(self) -> ServiceStatus:
        """Return the state of the node."""
        external = bool(env().rpc_urls)
        pid = 0 if external else self.process.pid()
        client = Client(rpc_urls(), chain_id=env().chain_id, timeout=5, attempts=1)
        detail, version = NOT_RUNNING, ""
        if external or pid:
            try:
                version = str(client.call("web3_clientVersion"))
                detail = f"serves chain {env().chain_id} at block {client.head().number}"
            except ChainError as error:
                detail = error.message
        return ServiceStatus(
            name=self.name,
            running=bool(version) and detail.startswith("serves"),
            external=external,
            pid=pid,
            where=client.host,
            version=version,
            detail=detail,
        )

    def start(self) -> ServiceStatus:
        """Start the embedded node with the chain that it had, or check that the external ones answer.

        Raises
        ------
        ServiceError
            When it ends at once, or an external node does not answer.
        PortTaken
            When another program listens on ``NODE_PORT``.
        MissingTool
            When the npm package is not installed.
        """
        if not env().rpc_urls and not self.process.pid():
            binary, port = program(), _free_port()
            self.process.spawn([str(binary), *_arguments(port)], environment=child_environment())
            client = Client((f"http://127.0.0.1:{port}",), chain_id=None, timeout=10, attempts=1)
            self.process.wait_until(lambda: _answers(client), seconds=SAVE_SECONDS)
            client.call("anvil_setBlockTimestampInterval", [BLOCK_SECONDS])
        status = self.status()
        if not status.running:
            raise ServiceError(f"The node is not usable: {status.detail}", where=status.where)
        return status

    def stop(self) -> ServiceStatus:
        """Stop our node; it writes its chain first."""
        if not env().rpc_urls:
            self.process.end(patience=SAVE_SECONDS)
            _keep_saved()
        return self.status()


def folder() -> Path:
    """Return the folder of the node's chain and of the description of the world on it."""
    return env().breakwater_data / "node"


def world_path() -> Path:
    """Return the file that describes the local world."""
    return folder() / "world.json"


def forget(*, genesis: int) -> None:
    """Make the stopped node start with an empty chain whose first block is at ``genesis`` (unix seconds)."""
    for name in ("state.json", "state.next.json", "world.json"):
        (folder() / name).unlink(missing_ok=True)
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder() / "genesis").write_text(str(genesis), encoding="ascii")


def _arguments(port: int) -> list[str]:
    _keep_saved()
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    start = folder() / "genesis"
    genesis = start.read_text(encoding="ascii") if start.exists() else str(GENESIS)
    state = folder() / "state.json"
    options = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--chain-id": str(env().chain_id),
        "--hardfork": "cancun",
        "--prune-history": "64",
        "--order": "fees",
        "--gas-limit": str(GAS_LIMIT),
        "--timestamp": genesis,
        "--accounts": "1",
        "--dump-state": str(folder() / "state.next.json"),
    }
    if state.exists():
        options["--load-state"] = str(state)
    flags = ("--auto-impersonate", "--no-request-size-limit", "--silent")
    return [part for pair in options.items() for part in pair] + list(flags)


def _keep_saved() -> None:
    """Let a chain that was written to its end take the last one's place; half a file is dropped."""
    draft = folder() / "state.next.json"
    if not draft.exists():
        return
    if _is_whole(draft):
        draft.replace(folder() / "state.json")
    else:
        draft.unlink()


def _is_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 16, 0))
        return file.read().rstrip().endswith(b"}")


def program() -> Path:
    """Return the node's program; raises `MissingTool` when the npm package for this system is not installed."""
    """Return the node's program; raises `MissingTool` when its npm package is not installed."""
    system = platform.system().lower()
    machine = MACHINES.get(platform.machine().lower(), platform.machine().lower())
    package = f"@foundry-rs/anvil-{system}-{machine}"
    executable = ROOT / "node_modules" / package / "bin" / "anvil"
    if not executable.exists():
        raise MissingTool(
            f"The local node is not installed ({package}); run `make setup`, or set RPC_URLS.", package=package
        )
    return executable


def _free_port() -> int:
    port = node_port()
    if port_is_free(port):
        return port
    if env().node_port:
        raise PortTaken(f"Another program listens on port {port}; set NODE_PORT to a free one, or to 0.", port=port)
    return pick_node_port()


def _answers(client: Client) -> bool:
    try:
        client.head()
    except BreakwaterError:
        return False
    return True
