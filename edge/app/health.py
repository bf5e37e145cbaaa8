"""The appliance's own judgement of its health, by which the service manager's watchdog is fed.

A process that dies or hangs is replaced by the supervisor; that is its job and no reason to end the calls of all. The
watchdog is left to starve for what the supervisor can't cure: a front door that does not answer whoever was put there,
a process that not even SIGKILL ends, and the supervisor itself.
"""

import os

from edge.app.children import Process
from edge.app.fleet import Fleet
from edge.app.sockets import Sockets
from edge.core.supervision.lifecycle import ABORT_MS
from edge.core.supervision.probing import ASK_MS, DEAF_MS, LOST_MS, ProbeWatch
from edge.runtime.clock import monotonic_ms
from edge.runtime.drops import drops
from edge.runtime.logs import logger
from edge.runtime.pump import Pump
from edge.vocabulary.media import Address

#: A process that was killed so long ago and is still there waits in the kernel for ever.
UNDEAD_MS = LOST_MS

_log = logger("supervisor")


class Health:
    """Asks the front door, looks at all processes; `fault` says what is wrong beyond cure, empty: nothing."""

    def __init__(self, fleet: Fleet, sockets: Sockets, pump: Pump) -> None:
        self._fleet = fleet
        self._watch = ProbeWatch(monotonic_ms())
        self._probe, self._listener = sockets.first("sip_probe"), sockets.first("sip_udp")
        self._front = fleet.front.incarnation
        self._number = 0
        self._tag = os.urandom(4).hex()
        self._ending: dict[Process, int] = {}
        pump.watch(self._probe.fileno(), self._read)
        pump.every(ASK_MS, self._look)

    def _look(self) -> None:
        now_ms = monotonic_ms()
        dropped = drops(self._listener)
        front = self._fleet.front
        if front.incarnation != self._front:
            self._front = front.incarnation
            self._watch.successor()
        if self._fleet.stall.excuses(now_ms) or front.lifecycle.state == "refused":
            self._watch.excused(now_ms)
        elif front.running and self._watch.deaf(now_ms, dropped):
            self._watch.successor()
            front.hung(f"no answer to OPTIONS for {DEAF_MS} ms")
        self._watch.asked(dropped)
        self._ask()
        self._note_ending(now_ms)

    def _ask(self) -> None:
        self._number += 1
        # The listener may be bound to all addresses; the probe never is.
        host, own_port = self._probe.getsockname()[:2]
        port = self._listener.getsockname()[1]
        own = Address(host, own_port)
        there = f"sip:{Address(host, port)}"
        lines = (
            f"OPTIONS {there} SIP/2.0",
            f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{self._tag}{self._number};rport",
            "Max-Forwards: 70",
            f"From: <sip:supervisor@{own}>;tag={self._tag}",
            f"To: <{there}>",
            f"Call-ID: {self._tag}@{own}",
            f"CSeq: {self._number} OPTIONS",
            "Content-Length: 0",
        )
        try:
            self._probe.sendto("\r\n".join((*lines, "", "")).encode(), (host, port))
        except OSError:  # no room in the kernel: as if it were lost
            return

    def _read(self) -> None:
        while True:
            try:
                data, _ = self._probe.recvfrom(4096)
            except OSError:
                return
            if data.startswith(b"SIP/2.0 200 ") and self._tag.encode() in data:
                self._watch.answered(monotonic_ms(), drops(self._listener))

    def _note_ending(self, now_ms: int) -> None:
        ending = [p for p in self._fleet.processes if p.lifecycle.state == "aborting"]
        self._ending = {process: self._ending.get(process, now_ms) for process in ending}

    def fault(self) -> str:
        """Say what is wrong that the supervisor has not cured and can't; empty: nothing is."""
        now_ms = monotonic_ms()
        if self._watch.lost(now_ms, drops(self._listener)):
            return f"front: no answer to OPTIONS for {LOST_MS} ms"
        undead = [p.name for p, since_ms in self._ending.items() if now_ms - since_ms >= UNDEAD_MS + ABORT_MS]
        return f"{undead[0]}: hangs and cannot be ended" if undead else ""
