"""The web interface: gunicorn over the WSGI application."""

from __future__ import annotations

import http.client
import os
import sys
from functools import cached_property

from governance.env import ROOT, child_environment, env
from governance.errors import PortTaken
from governance.services.addresses import port_is_free
from governance.services.base import NOT_RUNNING, ServiceStatus
from governance.services.process import Detached
from governance.version import code_version


class Web:
    """The web service."""

    name = "web"

    @cached_property
    def process(self) -> Detached:
        """The running process."""
        return Detached(name=self.name, facts={"code": code_version(), "address": address()})

    def status(self) -> ServiceStatus:
        """Return the state of the web server."""
        pid = self.process.pid()
        return ServiceStatus(
            name=self.name,
            running=bool(pid),
            pid=pid,
            where=self.process.record().get("address", address()) if pid else address(),
            version=self.process.record().get("code", "")[:12] if pid else "",
            detail="serves" if pid else NOT_RUNNING,
        )

    def start(self) -> ServiceStatus:
        """Start the web server in the background, or anew when code or address have changed.

        Raises
        ------
        PortTaken
            When somebody else listens on ``WEB_PORT``.
        ServiceError
            When it ends while it starts.
        """
        record = self.process.record()
        if self.process.pid() and any(record.get(key) != value for key, value in self.process.facts.items()):
            self.process.end()
        if not self.process.pid():
            check_port()
            self.process.spawn(command(), environment=child_environment(BREAKWATER_ROLE="all"))
            self.process.wait_until(_answers, seconds=30)
        return self.status()

    def stop(self) -> ServiceStatus:
        """Stop the web server after the requests under way."""
        self.process.end()
        return self.status()

    def serve(self) -> None:
        """Become the web server, in the foreground; never returns.

        Raises
        ------
        PortTaken
            When somebody else listens on ``WEB_PORT``.
        """
        self.process.end()
        check_port()
        argv = command()
        os.execve(argv[0], argv, child_environment(BREAKWATER_ROLE="all"))  # noqa: S606 - no shell is wanted


def address() -> str:
    """Return the web interface's address as a person opens it."""
    host = env().web_host
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{env().web_port}/"


def check_port() -> None:
    """Raise when the web interface's port is taken.

    Raises
    ------
    PortTaken
        With the name of the variable that moves it.
    """
    host, port = env().web_host, env().web_port
    if not port_is_free(port, host):
        raise PortTaken(f"Port {port} on {host} is taken by another program; set WEB_PORT to a free one.", port=port)


def command() -> list[str]:
    """Return gunicorn's command line."""
    host = f"[{env().web_host}]" if ":" in env().web_host else env().web_host
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "governance.wsgi:application",
        f"--chdir={ROOT}",
        f"--bind={host}:{env().web_port}",
        "--workers=2",
        "--threads=4",
        "--log-level=warning",
        "--no-control-socket",
    ]


def _answers() -> bool:
    connection = http.client.HTTPConnection(address().split("/")[2], timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True
