"""One node's HTTP address: a kept-alive connection for each thread, time-outs, and errors in our own words.

An RPC address may hold a key in its path, query or user part. Nothing here, and no error, shows more than the host.
"""

from __future__ import annotations

import base64
import http.client
import os
import threading
from urllib.parse import unquote, urlsplit

from governance.errors import ChainUnavailable, InputError

_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "breakwater"}


class Endpoint:
    """One node.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://`` address.
    timeout : float
        Seconds that connecting, and each wait for bytes, may take.

    Raises
    ------
    InputError
        When the address cannot be used.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        self._local = threading.local()
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None  # its message would quote the address, and so its key
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InputError(
                "An RPC address starts with http:// or https:// and names a host, and perhaps a port.", field="RPC_URLS"
            )
        self.host = f"{parts.hostname}:{port}" if port else parts.hostname
        self._secure = parts.scheme == "https"
        self._name, self._port, self._timeout = parts.hostname, port, timeout
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = dict(_HEADERS)
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode("ascii")

    def __del__(self) -> None:
        """Close this thread's connection: most clients live for one command, and nobody closes them."""
        self.close()

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Send ``body`` and return the answer's status and body.

        Raises
        ------
        ChainUnavailable
            When there is no answer, or the node says that it is too busy or broken.
        """
        connection, reused = self._connection()
        try:
            status, answer = self._exchange(connection, body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            if not reused:
                raise self._unavailable(error) from error
            status, answer = self._again(body)  # the node closed a connection that had been idle
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unavailable(error) from error
        if status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR:
            raise ChainUnavailable(f"The node at {self.host} answered HTTP {status}.", host=self.host, status=status)
        return status, answer

    def close(self) -> None:
        """Close this thread's connection."""
        self._local.line = None

    def _again(self, body: bytes) -> tuple[int, bytes]:
        self.close()
        connection, _ = self._connection()
        try:
            return self._exchange(connection, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unavailable(error) from error

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        connection.request("POST", self._path, body, self._headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """Return this thread's connection and whether it was used before; a forked child opens its own."""
        held: _Line | None = getattr(self._local, "line", None)
        if held is not None and held.owner == os.getpid():
            return held.connection, True
        make = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        self._local.line = _Line(make(self._name, self._port, timeout=self._timeout))
        return self._local.line.connection, False

    def _unavailable(self, error: Exception) -> ChainUnavailable:
        why = "did not answer in time" if isinstance(error, TimeoutError) else f"cannot be reached ({_reason(error)})"
        return ChainUnavailable(
            f"The node at {self.host} {why}; start it (`manage.py services start`) or correct RPC_URLS.", host=self.host
        )


class _Line:
    """A connection that is closed with the last who holds it: its thread, or its endpoint."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection
        self.owner = os.getpid()

    def __del__(self) -> None:
        self.connection.close()


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__).lower()
