"""What every service can do, and what it says of itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Protocol

NOT_RUNNING = "not running"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """State of one service.

    Attributes
    ----------
    name : str
        The service's name, e.g. ``"database"``.
    running : bool
        Whether it answers.
    external : bool
        Whether an environment variable names a server of somebody else, which is never started or stopped.
    pid : int
        Process id of the embedded service, 0 when there is none.
    where : str
        Address without any secret.
    version : str
        Version of the program, empty when it is not known.
    detail : str
        One sentence for people.
    """

    name: str
    running: bool
    external: bool = False
    pid: int = 0
    where: str = ""
    version: str = ""
    detail: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the status as JSON-ready data."""
        return asdict(self)


class Service(Protocol):
    """A program that Breakwater runs, or an external one in its place."""

    name: str

    def status(self) -> ServiceStatus:
        """Return the present state; starts nothing and raises nothing when the service is down."""
        ...

    def start(self) -> ServiceStatus:
        """Start the service unless it runs, and wait until it answers.

        Raises
        ------
        ServiceError
            When it cannot be started, or an external one does not answer.
        """
        ...

    def stop(self) -> ServiceStatus:
        """Stop the embedded service and wait until it has ended; an external one is left alone."""
        ...
