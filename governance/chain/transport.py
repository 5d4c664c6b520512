"""One node's HTTP address: a kept-alive connection for each thread, time-outs, and errors in our own words.

An RPC address may hold a key in its path, query or user part. Nothing here, and no error, shows more than the host.
"""

from __future__ import annotations

import base64
import http.client
import os
import threading
import time
from typing import NamedTuple, NoReturn
from urllib.parse import unquote, urlsplit

from governance.errors import ChainUnavailable, InputError, RangeTooLarge

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer. A node that sends more is cut off: it must not fill our memory."""

_PIECE = 256 * 1024  # bytes that one read of an answer of unknown length takes at most
_AT_ONCE = 4 * 1024 * 1024  # bytes that an answer's announced length is believed for before they come
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "breakwater"}


type Body = bytes | bytearray


class Reply(NamedTuple):
    """An HTTP answer: status, body, and the seconds that its ``Retry-After`` asks to wait (0: it has none)."""

    status: int
    body: Body
    retry_after: float


class Endpoint:
    """One node.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://`` address.
    timeout : float
        Seconds that connecting, and the whole of an answer, may take.

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

    def post(self, body: bytes, *, patience: float | None = None) -> Reply:
        """Send ``body`` and return the answer, whatever its status, within ``patience`` seconds if that is shorter.

        Raises
        ------
        ChainUnavailable
            When there is no answer, or not all of it; the fact ``timed_out`` says whether it took too long.
        RangeTooLarge
            When the answer is longer than `LARGEST_ANSWER`.
        """
        timeout = min(patience or self._timeout, self._timeout)
        connection, reused = self._connection()
        try:
            return self._exchange(connection, body, timeout)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            if not reused:
                raise self._unavailable(error) from error
            return self._again(body, timeout)  # the node closed a connection that had been idle
        except (OSError, http.client.HTTPException) as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        """Close this thread's connection."""
        self._local.line = None

    def _again(self, body: bytes, timeout: float) -> Reply:
        self.close()
        connection, _ = self._connection()
        try:
            return self._exchange(connection, body, timeout)
        except (OSError, http.client.HTTPException) as error:
            raise self._unavailable(error) from error

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, timeout: float) -> Reply:
        deadline = time.monotonic() + timeout
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        connection.request("POST", self._path, body, self._headers)
        response = connection.getresponse()
        answer = self._read(response, deadline)
        return Reply(response.status, answer, _seconds(response.headers.get("Retry-After", "")))

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> Body:
        """Return the body, read in pieces, so that neither a huge nor an endlessly dripping one holds us."""
        if (response.length or 0) > LARGEST_ANSWER:
            self._cut_off()
        return self._unmeasured(response, deadline) if response.length is None else self._measured(response, deadline)

    def _measured(self, response: http.client.HTTPResponse, deadline: float) -> bytearray:
        """Read a body of known length to where it stays: pieces to be joined take four times as long."""
        length, size = response.length or 0, 0
        body = bytearray(min(length, _AT_ONCE))
        while size < length:
            body += bytes(min(length - size, size))
            with memoryview(body) as whole:
                while size < len(whole):
                    got = response.fp.readinto1(whole[size:])
                    if not got:
                        raise http.client.IncompleteRead(b"", length - size)
                    size += got
                    if time.monotonic() > deadline:
                        raise TimeoutError
        response.close()
        return body

    def _unmeasured(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_ANSWER:
                self._cut_off()
            if time.monotonic() > deadline:
                raise TimeoutError
        return b"".join(pieces)

    def _cut_off(self) -> NoReturn:
        self.close()
        limit = LARGEST_ANSWER // 1024**2
        raise RangeTooLarge(f"The node at {self.host} answers with more than {limit} MiB.", hint=0)

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """Return this thread's connection and whether it was used before; a forked child opens its own."""
        held: _Line | None = getattr(self._local, "line", None)
        if held is not None and held.owner == os.getpid():
            return held.connection, True
        make = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        self._local.line = _Line(make(self._name, self._port, timeout=self._timeout))
        return self._local.line.connection, False

    def _unavailable(self, error: Exception) -> ChainUnavailable:
        self.close()
        late = isinstance(error, TimeoutError)
        why = "did not answer in time" if late else f"cannot be reached ({_reason(error)})"
        if isinstance(error, (http.client.BadStatusLine, http.client.UnknownProtocol)) and not isinstance(
            error, OSError
        ):
            why = "does not speak HTTP (is it an EVM node?)"
        return ChainUnavailable(
            f"The node at {self.host} {why}; start it (`manage.py services start`) or correct RPC_URLS.",
            host=self.host,
            timed_out=late,
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


def _seconds(retry_after: str) -> float:
    """Return the seconds of a ``Retry-After`` header; a date, which nodes do not send, counts as none."""
    return min(float(retry_after), 86_400.0) if retry_after.replace(".", "", 1).isdecimal() else 0.0
