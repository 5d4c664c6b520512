"""A dishonest node: a real HTTP server before a real node, which spoils the answers as it is told, and keeps count.

    python -m tests.chaos.proxy http://127.0.0.1:8545 --port 9000 --plant drop-block:rate=0.1 --plant slow:amount=0.2

As a library: ``with ChaosProxy(url) as proxy: proxy.plant("truncate", times=2)``. A running one is steered by
``POST /chaos`` with ``{"plant": {"kind": "lag", "amount": 100}}`` or ``{"calm": true}``; ``GET /chaos`` returns how
often each fault was planted, and in how many blocks.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from tests.chaos.faults import FAULTS, Planting
from tests.chaos.wordings import RATE

LARGE = 4_000  # bytes of a request that may be called too large


class Response(NamedTuple):
    """What the proxy sends: HTTP status, body, and headers."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


def _slow(plan: Planting, response: Response) -> Response:
    time.sleep(plan.amount)
    return response


def _truncated(plan: Planting, response: Response) -> Response:
    return response._replace(body=response.body[: len(response.body) * 2 // 3])


def _rate_limited(plan: Planting, response: Response) -> Response:
    headers = {"Retry-After": f"{plan.amount:g}"} if plan.amount else {}
    return Response(429, b"Too Many Requests", headers)


def _limited_in_words(plan: Planting, response: Response) -> Response:
    wording = RATE[plan.turns % len(RATE)]
    plan.turns += 1
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": wording.code, "message": wording.said}}
    return Response(200, json.dumps(error).encode())


TRANSPORT: dict[str, Callable[[Planting, Response], Response]] = {
    "garbage": lambda plan, _: Response(200, plan.random("bytes").randbytes(4_096)),
    "http-413": lambda plan, _: Response(413, b"payload too large"),
    "http-503": lambda plan, _: Response(503, b"no backend is healthy"),
    "rate-limit": _rate_limited,
    "rate-limit-words": _limited_in_words,
    "reset": lambda plan, _: Response(0, b""),
    "slow": _slow,
    "truncate": _truncated,
}
KINDS = (*sorted(FAULTS), *sorted(TRANSPORT))


class ChaosProxy:
    """A proxy before the node at ``upstream``.

    Attributes
    ----------
    planted : Counter
        By kind, in how many answers a fault was planted.
    blocks : dict
        By kind, the blocks that were spoilt.
    requests : int
        How many were answered.
    """

    def __init__(self, upstream: str, *, port: int = 0, seed: int = 0) -> None:
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.seed = seed
        self.plan: list[Planting] = []
        self.planted: Counter[str] = Counter()
        self.blocks: dict[str, set[int]] = {}
        self.requests = 0
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/v2/secret-key"

    @property
    def host(self) -> str:
        """Host and port, which is how the product names it."""
        return f"127.0.0.1:{self._server.server_port}"

    def plant(self, kind: str, *, rate: float = 1.0, times: int | None = None, amount: float = 0.0) -> Self:
        """Spoil answers from now on."""
        if kind not in KINDS:
            raise ValueError(f"{kind} is none of {', '.join(KINDS)}")
        with self.lock:
            self.plan.append(Planting(kind=kind, rate=rate, times=times, amount=amount, seed=self.seed))
        return self

    def calm(self) -> None:
        """Be honest from now on."""
        with self.lock:
            self.plan.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, body: bytes) -> Response:
        """Ask the node, and return its answer as it is spoilt."""
        response = self._spoilt_answers(body, Response(200, _ask(self.upstream, self._behind(body))))
        with self.lock:
            self.requests += 1
            plans = [plan for plan in self.plan if plan.kind in TRANSPORT and self._due(plan)]
        for plan in plans:
            if plan.hits(self.requests) and (plan.kind != "http-413" or len(body) > LARGE):
                response = TRANSPORT[plan.kind](plan, response)
                self._count(plan, set())
        return response

    def _behind(self, body: bytes) -> bytes:
        """Return the question as a node that lags understands it: its newest block is an old one."""
        for plan in self.plan:
            if plan.kind == "lag":
                body = body.replace(b'"latest"', f'"{int(plan.amount):#x}"'.encode())
        return body

    def status(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data."""
        with self.lock:
            blocks = {kind: len(found) for kind, found in self.blocks.items()}
            return {"requests": self.requests, "planted": dict(self.planted), "blocks": blocks}

    def _spoilt_answers(self, body: bytes, response: Response) -> Response:
        with self.lock:
            plans = [plan for plan in self.plan if plan.kind in FAULTS and self._due(plan)]
        if not plans:
            return response
        asked, answered = json.loads(body), json.loads(response.body)
        questions = asked if isinstance(asked, list) else [asked]
        answers = {answer["id"]: answer for answer in (answered if isinstance(answered, list) else [answered])}
        for plan in plans:
            if spoilt := FAULTS[plan.kind](plan, questions, answers):
                self._count(plan, spoilt)
        return response._replace(body=json.dumps(answered, separators=(",", ":")).encode())

    def _due(self, plan: Planting) -> bool:
        return plan.times is None or plan.times > 0

    def _count(self, plan: Planting, blocks: set[int]) -> None:
        with self.lock:
            self.planted[plan.kind] += 1
            self.blocks.setdefault(plan.kind, set()).update(blocks)
            if plan.times is not None:
                plan.times -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], proxy: ChaosProxy) -> None:
        self.proxy = proxy
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: clients that hang up are what tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._send(Response(200, json.dumps(self.server.proxy.status()).encode()))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._send(self._steered(body) if self.path == "/chaos" else self.server.proxy.answer(body))

    def _steered(self, body: bytes) -> Response:
        order = json.loads(body)
        if order.get("calm"):
            self.server.proxy.calm()
        if "plant" in order:
            self.server.proxy.plant(**order["plant"])
        return Response(200, json.dumps(self.server.proxy.status()).encode())

    def _send(self, response: Response) -> None:
        if not response.status:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # resets it
            self.connection.close()
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, *_: object) -> None:
        """Keep the output clean."""


def _ask(upstream: tuple[str, int], body: bytes) -> bytes:
    connection = http.client.HTTPConnection(*upstream, timeout=120)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return connection.getresponse().read()
    finally:
        connection.close()


def _parsed(text: str) -> dict[str, Any]:
    kind, _, options = text.partition(":")
    pairs = [pair.partition("=") for pair in options.split(",") if pair]
    return {"kind": kind} | {name: int(value) if name == "times" else float(value) for name, _, value in pairs}


def main() -> None:
    """Run until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("upstream", help="address of the node")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of blocks")
    parser.add_argument(
        "--plant", action="append", default=[], metavar="KIND:rate=…,times=…,amount=…", help=", ".join(KINDS)
    )
    options = parser.parse_args()
    with ChaosProxy(options.upstream, port=options.port, seed=options.seed) as proxy:
        for text in options.plant:
            proxy.plant(**_parsed(text))
        sys.stdout.write(f"{proxy.url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
