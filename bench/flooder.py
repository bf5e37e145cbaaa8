#!/usr/bin/env python3
"""Sends SIP requests as fast as it is told, from as many addresses as it is given, and counts what comes back.

A process of its own, so that phones of the same run keep their time. Prints one JSON line: `sent`, `late` (seconds that
it fell behind), `reflected` (octets that came back), `statuses`, and `latency_ms` (p50, p99, most) of answers.
"""

import json
import socket
import sys
import time
from collections import Counter

_KINDS = ("INVITE", "REGISTER", "OPTIONS")
_BURST = 10
_SDP = "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"


def request(kind: str, host: str, port: int, edge: str, number: int) -> bytes:
    """Write one request; `number` makes it a transaction of its own."""
    body = _SDP.format(host=host) if kind == "INVITE" else ""
    lines = [
        f"{kind} sip:100@{edge} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bKflood{number}",
        "Max-Forwards: 70",
        f"From: <sip:flood@{host}>;tag=f{number}",
        f"To: <sip:100@{edge}>",
        f"Call-ID: flood-{number}",
        f"CSeq: 1 {kind}",
        f"Contact: <sip:flood@{host}:{port}>",
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Flood:
    """The sockets of a flood and what came back to them."""

    def __init__(self, edge: str, hosts: list[str], kinds: tuple[str, ...]) -> None:
        self._to = (edge, 5060)
        self._kinds = kinds
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in hosts]
        for sock, host in zip(self._sockets, hosts, strict=True):
            sock.bind((host, 0))
            sock.setblocking(False)
        self._names = [sock.getsockname() for sock in self._sockets]
        self._sent_at: list[float] = []
        self._reflected = 0
        self._statuses: Counter[str] = Counter()
        self._latencies: list[float] = []

    def run(self, rate: int, seconds: float) -> dict[str, object]:
        """Send, and return the figures."""
        begun, late = time.monotonic(), 0.0
        while (spent := time.monotonic() - begun) < seconds:
            due = len(self._sent_at) / rate
            if spent < due:
                self._read()
                time.sleep(min(0.001, due - spent))
                continue
            late = max(late, spent - due)
            for _ in range(_BURST):
                self._send()
            self._read()
        time.sleep(0.5)
        self._read()
        self._latencies.sort()
        count = len(self._latencies)
        return {
            "sent": len(self._sent_at),
            "late": round(late, 3),
            "reflected": self._reflected,
            "statuses": dict(self._statuses),
            "latency_ms": [round(self._latencies[int(p * (count - 1))] * 1000, 2) for p in (0.5, 0.99, 1)]
            if count
            else [],
        }

    def _send(self) -> None:
        number = len(self._sent_at)
        at = number % len(self._sockets)
        host, port = self._names[at]
        data = request(self._kinds[number % len(self._kinds)], host, port, self._to[0], number)
        self._sent_at.append(time.monotonic())
        try:
            self._sockets[at].sendto(data, self._to)
        except OSError:
            self._statuses["unsent"] += 1

    def _read(self) -> None:
        for sock in self._sockets:
            try:
                while True:
                    self._take(sock.recv(4096))
            except OSError:
                continue

    def _take(self, data: bytes) -> None:
        self._reflected += len(data)
        status = data[8:11].decode(errors="replace") if data.startswith(b"SIP/2.0 ") else "request"
        self._statuses[status] += 1
        at = data.find(b"Call-ID: flood-")
        # 200s to INVITEs come again until they are acknowledged, which nobody does here.
        if at >= 0 and status[0] in "45":
            number = int(data[at + 15 : data.index(b"\r", at)])
            self._latencies.append(time.monotonic() - self._sent_at[number])


def main() -> None:
    """Flood as the words say: EDGE RATE SECONDS KINDS HOST..."""
    edge, rate, seconds, kinds, *hosts = sys.argv[1:]
    chosen = _KINDS if kinds == "mix" else (kinds,)
    print(json.dumps(Flood(edge, hosts, chosen).run(int(rate), float(seconds))), flush=True)


if __name__ == "__main__":
    main()
