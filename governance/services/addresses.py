"""Where each service is to be found: an external address of the environment, or the embedded default's.

Nothing here starts or contacts a service, and nothing imports Django, because Django's settings read it.

Notes
-----
The embedded database and broker listen on Unix sockets alone, so that no port can clash and no other machine can
connect. A socket's path is limited to about 100 bytes, and PostgreSQL, which refuses to run as root, needs a
folder that its own system user can reach; where the data folder offers neither, the sockets live in a folder of
their own below ``/tmp``.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from governance.env import env
from governance.errors import InputError, PortTaken

DATABASE_NAME = "breakwater"
SOCKET_LENGTH = 90  # the kernel allows 107 bytes; PostgreSQL adds a name and a lock file's suffix of its own
NODE_PORTS = range(20_000, 30_000)  # below the kernel's own range for outgoing connections

# Milliseconds. No statement of the product takes minutes, and nothing may hold locks for longer than that.
TIMEOUTS = "-c statement_timeout=300000 -c lock_timeout=60000 -c idle_in_transaction_session_timeout=600000"


def reachable_by_others(path: Path) -> bool:
    """Return whether a user who owns none of the folders can reach ``path``."""
    existing = [folder for folder in path.parents if folder.exists()]
    return all(folder.stat().st_mode & 0o001 for folder in existing)


def run_folder() -> Path:
    """Return the folder of the embedded services' sockets; it may not exist yet."""
    data = env().breakwater_data.resolve()
    inside = data / "run"
    if len(os.fsencode(inside)) + 30 <= SOCKET_LENGTH and (os.geteuid() != 0 or reachable_by_others(inside)):
        return inside
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    # Not the TMPDIR of one shell: every process has to find the same folder. Its owner is checked at start.
    return Path("/tmp") / f"breakwater-{os.geteuid()}-{digest}"  # noqa: S108


def database_socket_folder() -> Path:
    """Return the folder in which the embedded PostgreSQL has its socket."""
    return run_folder() / "database"


def broker_socket() -> Path:
    """Return the embedded Valkey's socket."""
    return run_folder() / "broker.sock"


def database_settings() -> dict[str, Any]:
    """Return Django's settings of the database.

    Raises
    ------
    InputError
        When ``DATABASE_URL`` is no PostgreSQL address.
    """
    external = env().database_url
    found = _parse(external.get_secret_value()) if external else _embedded_database()
    options = " ".join(filter(None, (TIMEOUTS, found.pop("options", ""))))
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{django: found.pop(ours, "") for ours, django in names.items()},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, "application_name": "breakwater", **found, "options": options},
    }


def broker_url() -> str:
    """Return the address of Celery's broker."""
    external = env().broker_url
    if external:
        return external.get_secret_value()
    return f"redis+socket://:{quote(env().secret('broker'))}@{quote(str(broker_socket()))}"


def rpc_urls() -> tuple[str, ...]:
    """Return the EVM nodes' addresses, best first."""
    external = tuple(url.get_secret_value() for url in env().rpc_urls)
    return external or (f"http://127.0.0.1:{node_port()}",)


def node_port() -> int:
    """Return the embedded node's port: ``NODE_PORT``, else the one that was picked for this data folder."""
    if env().node_port:
        return env().node_port
    path = env().breakwater_data / "node.port"
    if not path.exists():
        return pick_node_port()
    return int(path.read_text(encoding="ascii"))


def pick_node_port() -> int:
    """Pick a free port for the embedded node and remember it in the data folder.

    Raises
    ------
    PortTaken
        When no port of the range is free.
    """
    folder = env().breakwater_data
    folder.mkdir(parents=True, exist_ok=True)
    start = int.from_bytes(hashlib.sha256(os.fsencode(folder.resolve())).digest()[:4]) % len(NODE_PORTS)
    for step in range(len(NODE_PORTS)):
        port = NODE_PORTS[(start + step) % len(NODE_PORTS)]
        if port_is_free(port):
            draft = folder / f".node.port.{secrets.token_hex(4)}"
            draft.write_text(str(port), encoding="ascii")
            draft.replace(folder / "node.port")
            return port
    raise PortTaken("No port between 20000 and 30000 is free for the local node; set NODE_PORT.")


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether ``port`` can be listened on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _embedded_database() -> dict[str, Any]:
    return {
        "dbname": DATABASE_NAME,
        "user": "postgres",
        "password": env().secret("database"),
        "host": str(database_socket_folder()),
        "port": "5432",
    }


def _parse(url: str) -> dict[str, Any]:
    found: dict[str, Any] | None = None
    if url.startswith(("postgresql://", "postgres://")):
        try:
            found = dict(conninfo_to_dict(url))
        except Exception:  # noqa: BLE001 - whatever the driver says of it may hold the password
            found = None
    if not found or not found.get("dbname"):
        raise InputError(
            "DATABASE_URL is not usable; write it as postgresql://user:password@host:5432/name.", field="DATABASE_URL"
        )
    return found
