"""TCP connections that never get to a message: how long they last, and what others notice."""

import selectors
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from bench.siege import SLOW, Caller, Service, Siege, place_calls
from edge.front.tcp import PER_SOURCE
from tests.support.sip_fuzz import NEW, message

#: None may last longer.
LONGEST_S = 10.0
#: An honest question by TCP, and a few octets more on some of the connections, come so often.
EACH_S = 1.0


def _begin(edge: str, caller: Caller, number: int) -> socket.socket:
    """Connect, and send nothing or the begin of a message."""
    sock = socket.create_connection((edge, 5060), 5, (f"{SLOW}.{number // PER_SOURCE + 1}", 0))
    whole = message(NEW[3], caller.values(f"slow-{number}", 1, f"slow{number}"))
    if number % 3:
        sock.sendall(whole[: 10 * (number % 20)])
    sock.setblocking(False)
    return sock


def _asks(edge: str, caller: Caller, number: int) -> bool:
    """Ask an honest question by a connection of its own; False: there was no answer."""
    data = message(NEW[3], caller.values(f"tcp-{number}", 1, f"tcp{number}")).replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")
    data = data.partition(b"Supported")[0] + b"Content-Length: 0\r\n\r\n"
    with suppress(OSError), socket.create_connection((edge, 5060), 5, (caller.host, 0)) as sock:
        sock.settimeout(5)
        sock.sendall(data)
        return sock.recv(4096).startswith(b"SIP/2.0 200 ")
    return False


def stall(at: Siege, count: int) -> dict[str, Any]:
    """Open `count` connections, as many from one address as it may have, and wait until front has closed them all."""
    edge = at.edge.address
    caller, service, quiet = Caller(at.good, edge), Service(), Service()
    ended = time.monotonic() + 1.5
    place_calls(caller, lambda: time.monotonic() < ended, quiet)
    stalled: dict[socket.socket, float] = {}
    over = threading.Event()
    calls = threading.Thread(target=place_calls, args=(caller, lambda: not over.is_set(), service))
    calls.start()
    lasted: list[float] = []
    figures = {"questions": 0, "unanswered": 0}
    with selectors.DefaultSelector() as closing:
        for number in range(count):
            sock = _begin(edge, caller, number)
            stalled[sock] = time.monotonic()
            closing.register(sock, selectors.EVENT_READ)
        next_s, limit = time.monotonic(), time.monotonic() + 2 * LONGEST_S
        while stalled and time.monotonic() < limit:
            for key, _ in closing.select(0.05):
                sock = key.fileobj  # type: ignore[assignment]
                closing.unregister(sock)
                lasted.append(time.monotonic() - stalled.pop(sock))
                sock.close()
            if time.monotonic() >= next_s:
                next_s += EACH_S
                for sock in list(stalled)[:20]:  # a little of a message now and then buys no time
                    with suppress(OSError):
                        sock.send(b"X-")
                figures["questions"] += 1
                figures["unanswered"] += not _asks(edge, caller, figures["questions"])
    over.set()
    calls.join()
    caller.close()
    for sock in stalled:
        sock.close()
    return {
        "connections": count,
        "not_closed": len(stalled),
        "longest_s": round(max(lasted, default=0.0), 2),
        **figures,
        "calls": service.placed + quiet.placed,
        "failed": service.failed + quiet.failed,
        "p95_ms": service.p95_ms,
        "quiet_p95_ms": quiet.p95_ms,
        **at.restarts(),
    }
