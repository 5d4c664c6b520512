"""A TCP proxy that adds a fixed latency to whatever is sent to the node, and none to its answers."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

PIECE = 1 << 20  # bytes of one read


@contextmanager
def running(*, to_port: int, seconds: float) -> Iterator[str]:
    """Yield the address of a proxy to a local port, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(port, to_port, seconds), daemon=True)
    process.start()
    try:
        _await(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.join()


def _serve(port: int, to_port: int, seconds: float) -> None:
    asyncio.run(_listen(port, to_port, seconds))


async def _listen(port: int, to_port: int, seconds: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_node, to_node = await asyncio.open_connection("127.0.0.1", to_port, limit=PIECE)
        await asyncio.gather(_forward(reader, to_node, seconds), _forward(from_node, writer, 0.0))

    server = await asyncio.start_server(connected, "127.0.0.1", port, limit=PIECE)
    await server.serve_forever()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    while data := await reader.read(PIECE):
        if seconds:
            loop.call_later(seconds, writer.write, data)
        else:
            writer.write(data)
            await writer.drain()
    loop.call_later(seconds, writer.close)


def _await(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
