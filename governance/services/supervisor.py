"""All services together: start what is needed in order, find what runs, stop in reverse."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from governance.env import env
from governance.errors import ConflictError
from governance.services import schema
from governance.services.base import Service, ServiceStatus
from governance.services.node import Node
from governance.services.postgres import Database
from governance.services.valkey import Broker
from governance.services.web import Web
from governance.services.worker import Beat, Worker

ORDER: tuple[type[Service], ...] = (Database, Broker, Node, Worker, Beat, Web)
NAMES = tuple(kind.name for kind in ORDER)
REQUIRES = {"worker": {"database", "broker"}, "beat": {"broker"}, "web": {"database"}}
PATIENCE = 180.0  # seconds to wait for another command that starts services

type Tell = Callable[[str], None]


def ensure(*names: str, tell: Tell = lambda _: None) -> tuple[ServiceStatus, ...]:
    """Start the named services and those they require, unless they run; migrate the database first of all.

    Parameters
    ----------
    names : str
        Any of `NAMES`.
    tell : Tell
        Is told one sentence for each service that had to be started.

    Raises
    ------
    ServiceError
        When a service cannot be started, or an external one does not answer.
    ConflictError
        When another command holds the services' lock for too long.
    """
    wanted = set(names).union(*(REQUIRES.get(name, set()) for name in names))
    unknown = wanted.difference(NAMES)
    if unknown:
        raise ValueError(f"no such service: {', '.join(sorted(unknown))}")
    with lock():
        return tuple(_start(kind(), tell=tell) for kind in ORDER if kind.name in wanted)


def statuses() -> tuple[ServiceStatus, ...]:
    """Return the state of every service."""
    return tuple(kind().status() for kind in ORDER)


def stop(*names: str) -> tuple[ServiceStatus, ...]:
    """Stop the named services, those that depend on others first."""
    with lock():
        return tuple(kind().stop() for kind in reversed(ORDER) if kind.name in names)


@contextmanager
def lock() -> Iterator[None]:
    """Hold the lock that keeps two commands from starting or stopping services at the same time.

    Raises
    ------
    ConflictError
        When another command holds it for longer than `PATIENCE`.
    """
    folder = env().breakwater_data
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + PATIENCE
    with (folder / "services.lock").open("w", encoding="ascii") as file:
        while not _taken(file.fileno()):
            if time.monotonic() > deadline:
                raise ConflictError(
                    "Another command has been starting or stopping services for minutes; stop it first."
                )
            time.sleep(0.1)
        yield  # closing the file releases the lock, and so does the death of this process


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(service: Service, *, tell: Tell) -> ServiceStatus:
    before = service.status()
    status = service.start()
    if before.pid != status.pid:
        tell(f"Started the {service.name}: {status.detail} at {status.where}.")
    if service.name == Database.name and (applied := schema.migrate()):
        tell(f"Prepared the database: {applied} migrations applied.")
    return status
