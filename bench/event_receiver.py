"""A receiver of webhooks that costs little: takes events, one or many a request, and counts what became of their order.

Run as a program: `event_receiver ADDRESS PORT`. `GET /figures` answers what was seen since the last time; `GET /freeze`
lets it accept connections and requests from then on and answer none, `GET /go` lets it answer again.
"""

import asyncio
import json
import sys
import time
from datetime import datetime
from typing import Any

import msgspec


class Head(msgspec.Struct):
    """What is looked at of an event."""

    id: str
    time: str


_many = msgspec.json.Decoder(list[Head]).decode
_one = msgspec.json.Decoder(Head).decode


class Seen:
    """What was seen."""

    def __init__(self) -> None:
        self.highest: dict[str, int] = {}
        self.answering = True
        self.clear()

    def clear(self) -> None:
        """Count anew."""
        self.lags: list[float] = []
        self.requests = self.bytes = self.disordered = self.repeated = 0
        self.first_s = self.last_s = 0.0

    def take(self, body: bytes) -> None:
        """Take what was posted."""
        now = time.time()
        self.first_s = self.first_s or now
        self.last_s = now
        self.requests += 1
        self.bytes += len(body)
        for event in _many(body) if body[:1] == b"[" else [_one(body)]:
            self.lags.append(now - datetime.fromisoformat(event.time).timestamp())
            call, _, text = event.id.rpartition(".")
            number, known = int(text), self.highest.get(call, 0)
            self.repeated += number == known
            self.disordered += number not in {known, known + 1} and known > 0
            self.highest[call] = max(number, known)

    def figures(self) -> dict[str, Any]:
        """Say it, and begin anew."""
        lags = sorted(self.lags)
        found = {
            "events": len(lags),
            "requests": self.requests,
            "bytes": self.bytes,
            "seconds": self.last_s - self.first_s,
            "disordered": self.disordered,
            "repeated": self.repeated,
            "lag_p50_ms": 1000 * lags[len(lags) // 2] if lags else 0.0,
            "lag_p99_ms": 1000 * lags[len(lags) * 99 // 100] if lags else 0.0,
        }
        self.clear()
        return found


class Connection(asyncio.Protocol):
    """HTTP/1.1 as our sender speaks it: a head, a body of a stated length, one request at a time."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._buffer = bytearray()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        seen = self._seen
        if head.startswith(b"get /"):
            word = head.split(b" ")[1]
            seen.answering = word != b"/freeze" and (seen.answering or word == b"/go")
            text = json.dumps(seen.figures() if word == b"/figures" else {}).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
        elif seen.answering:
            seen.take(body)
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def serve(host: str, port: int) -> None:
    """Serve for ever."""
    seen = Seen()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(seen), host, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
