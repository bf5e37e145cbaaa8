"""Readers of the live streams on the other core: one by Server-Sent Events, one by WebSocket, one that does not read.

Run as a program: `event_streams HOST PORT TOKEN SLOW`. It prints a line when the streams are open, reads until its
standard input ends, and then prints what became of the delay of the events, in milliseconds by their time stamps.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import wsproto
from wsproto.events import AcceptConnection, Ping, TextMessage
from wsproto.events import Request as Handshake

PATH = "/api/v1/events"
Open = Callable[[], None]


class Lags:
    """Delays of the events of a stream, and whether all came in order."""

    def __init__(self) -> None:
        self.all: list[float] = []
        self.gaps = 0
        self._last = 0

    def take(self, sequence: int, event: dict[str, Any]) -> None:
        """Take an event that has just come."""
        self.all.append(1000 * (time.time() - datetime.fromisoformat(event["time"]).timestamp()))
        self.gaps += bool(self._last) and sequence != self._last + 1
        self._last = sequence

    def figures(self) -> dict[str, float]:
        """Say it."""
        lags = sorted(self.all)
        p50, p99 = (lags[len(lags) * share // 100] if lags else 0.0 for share in (50, 99))
        return {"events": len(lags), "gaps": self.gaps, "p50_ms": p50, "p99_ms": p99}


async def read_lines(host: str, port: int, token: str, lags: Lags, opened: Open) -> None:
    """Read Server-Sent Events."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(_request(host, token))
    sequence = 0
    while line := await reader.readline():
        if line.startswith(b"retry: "):
            opened()
        elif line.startswith(b"id: "):
            sequence = int(line[4:])
        elif line.startswith(b"data: "):
            lags.take(sequence, json.loads(line[6:]))


async def read_messages(host: str, port: int, token: str, lags: Lags, opened: Open) -> None:
    """Read a WebSocket."""
    connection = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    headers = [(b"Authorization", f"Bearer {token}".encode())]
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(connection.send(Handshake(host=host, target=f"{PATH}/ws", extra_headers=headers)))
    while data := await reader.read(65536):
        connection.receive_data(data)
        for event in connection.events():
            if isinstance(event, AcceptConnection):
                opened()
            elif isinstance(event, Ping):
                writer.write(connection.send(event.response()))
            elif isinstance(event, TextMessage):
                found = json.loads(event.data)
                lags.take(found["sequence"], found["event"])


def open_slow(host: str, port: int, token: str) -> socket.socket:
    """Open a stream from the beginning, and never read from it."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect((host, port))
    made.sendall(_request(host, token, "?after=0"))
    return made


def _request(host: str, token: str, query: str = "") -> bytes:
    return f"GET {PATH}/stream{query} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def main(host: str, port: int, token: str, *, slow: bool) -> None:
    """Read until the input ends."""
    kept = [open_slow(host, port, token)] if slow else []
    found = {"sse": Lags(), "websocket": Lags()}
    opened = asyncio.Semaphore(0)
    reads: list[Callable[..., Awaitable[None]]] = [read_lines, read_messages]
    tasks = [
        asyncio.ensure_future(read(host, port, token, lags, opened.release))
        for read, lags in zip(reads, found.values(), strict=True)
    ]
    for _ in tasks:
        await asyncio.wait_for(opened.acquire(), 30)
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    print(json.dumps({name: lags.figures() for name, lags in found.items()}), flush=True)
    for one in kept:
        one.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], slow=sys.argv[4] == "slow"))
