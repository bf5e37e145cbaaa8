"""Switch's part of the outbox: turns of events, written as it writes them, and forwarder woken as it wakes it.

Run as a program: `event_writer STATE LINK RATE SECONDS`; rate 0: as fast as it goes, and nobody is woken. Prints a JSON
line when it is done.
"""

import json
import socket
import sys
import time
from pathlib import Path

from edge.core.calls.actions import Emit
from edge.runtime.clock import rfc3339, wall_time
from edge.runtime.link_server import LinkServer
from edge.runtime.pump import Pump
from edge.storage.store import Store
from edge.storage.turn import EventRow, Turn
from edge.switch.rows import event_row
from edge.vocabulary import events
from edge.vocabulary.commands import Command, Wake
from edge.vocabulary.ids import CallId, CommandId, LegId
from edge.vocabulary.private import Private

#: Events of a transaction, each of another call, and calls that there are at once.
TURN = 25
CALLS = 500


class Source:
    """Events of many calls, in turn."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._count = 0

    def turn(self) -> list[EventRow]:
        """Return the next events."""
        stamp = rfc3339(wall_time())
        rows = []
        for _ in range(TURN):
            number, call = divmod(self._count, CALLS)
            name = f"{self._prefix}{call}"
            event = events.DtmfReceived(
                leg=LegId(f"{name}.1"), digit=Private("5"), method="rfc4733", duration_ms=80, level_dbm0=-12.5
            )
            rows.append(event_row(Emit(CallId(name), number + 1, event), stamp, "bench", "v1"))
            self._count += 1
        return rows


def fill(state: Path, count: int, prefix: str) -> float:
    """Write so many events as fast as it goes; returns seconds."""
    store, source = Store(state / "state.db"), Source(prefix)
    began = time.monotonic()
    for _ in range(count // TURN):
        store.write(Turn(events=source.turn()))
    took = time.monotonic() - began
    store.close()
    return took


def write(state: Path, link: str, rate: int, seconds: float) -> dict[str, float]:
    """Write `rate` events a second in even turns, and wake whoever is connected."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(link)
    listener.listen(8)
    pump = Pump("bench")
    server = LinkServer(listener.detach(), lambda _p, _i: 0, lambda *_: None, lambda _p: None, lambda _p: None)
    server.attach(pump)
    store, source = Store(state / "state.db"), Source(f"live{time.time_ns()}-")
    began = 0.0
    written, late = 0, 0.0

    def turn() -> None:
        nonlocal began, written, late
        if not list(server.peers("forwarder")):
            pump.at(int(time.monotonic() * 1000) + 20, turn)
            return
        began = began or time.monotonic()
        # A disk that does not keep up makes it late, and not endless.
        while written < min(time.monotonic() - began, seconds) * rate and time.monotonic() - began < 3 * seconds:
            last = store.write(Turn(events=source.turn()))
            for peer in server.peers("forwarder"):
                peer.send(Command(CommandId(f"wake:{last}:0"), Wake(last)))
            written += TURN
        late = max(late, (time.monotonic() - began) - written / rate)
        if time.monotonic() - began >= seconds:
            pump.stop()
        else:
            pump.at(int((began + written / rate) * 1000) + 1, turn)

    turn()
    pump.run()
    took = time.monotonic() - began
    store.close()
    return {"events": written, "seconds": took, "rate": written / took, "late_ms": 1000 * late}


if __name__ == "__main__":
    state_, link_, rate_, seconds_ = sys.argv[1:5]
    sys.stdout.write(json.dumps(write(Path(state_), link_, int(rate_), float(seconds_))) + "\n")
