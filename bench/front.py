#!/usr/bin/env python3
"""`edge bench front`: what passing a message on costs front, beside Kamailio that forwards without state.

Messages go from one socket to another: directly, through Kamailio with one worker (requests), and through front (180s
of a call, from its callee to its span), in turns and one at a time. Added latency is the time of one less that of a
direct one; the rate is messages by CPU time of the forwarding process. Front does more for it: it finds the dialog,
checks all of the message, writes it anew and keeps the dialog for the case that it is killed.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from msgspec.structs import replace

from bench import usage
from edge.core.sip.message import serialise
from edge.core.sip.uri import NameAddr, Uri
from edge.vocabulary.commands import ReserveSpan
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import SpanReserved
from tests.core.sip.world import answer
from tests.front.rig import Rig, Wire
from tests.front.test_process import invite, span_invite, within
from tests.support.addresses import address
from tests.support.waiting import until

ROUNDS = 3
_CONFIGURATION = """
debug=-1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{host}:5060
request_route {{
    forward("{answerer}", {port});
}}
"""


class Way(NamedTuple):
    """One way of a message: where to send it, what it costs whom."""

    to: tuple[str, int]
    #: Processes that forward; none for the direct way.
    pids: list[int]


class Round(NamedTuple):
    """Figures of some messages on one way."""

    times_us: list[float]
    cpu_s: float
    failed: int

    def quantile(self, part: float) -> float:
        """Time that this part of the messages took at the most, microseconds."""
        times = sorted(self.times_us)
        return times[int(part * (len(times) - 1))]


def one_round(way: Way, client: Wire, answerer: socket.socket, data: bytes, count: int) -> Round:
    """Send `count` messages on a way, one after the other."""
    times, failed = [], 0
    before = sum(usage.cpu_by_name(way.pids).values())
    for _ in range(count):
        begun = time.perf_counter_ns()
        client.sock.sendto(data, way.to)
        try:
            answerer.recv(4096)
        except TimeoutError:
            failed += 1
            continue
        times.append((time.perf_counter_ns() - begun) / 1000)
    return Round(times or [0.0], sum(usage.cpu_by_name(way.pids).values()) - before, failed)


@contextmanager
def kamailio(folder: Path, host: str, answerer: tuple[str, int]) -> Iterator[Way]:
    """Run Kamailio with one worker that forwards to `answerer`. Its worker is the child that reads the socket."""
    configuration = folder / "kamailio.cfg"
    configuration.write_text(_CONFIGURATION.format(host=host, answerer=answerer[0], port=answerer[1]), encoding="utf-8")
    words = [
        "kamailio",
        "-f",
        str(configuration),
        "-DD",
        "-E",
        "-Y",
        str(folder),
        "-w",
        str(folder),
        "-m",
        "32",
        "-M",
        "8",
    ]
    with (folder / "kamailio.log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        try:
            until(lambda: len(usage.tree(process.pid)) > 2, 20, (folder / "kamailio.log").read_text(encoding="utf-8"))
            yield Way((host, 5060), usage.tree(process.pid))
        finally:
            process.terminate()


def ringing(rig: Rig, span: Wire) -> bytes:
    """Dial through front; the callee's 180, which front passes on each time that it comes."""
    leg = LegId("c1.2")
    target = Private(f"sip:bob@{rig.address}:{rig.peer.port}")
    rig.switch.send("c1:1:1", ReserveSpan(leg=leg, target=target, trunk="", caller=Private("100")))
    rig.until(lambda: rig.switch.of(SpanReserved))
    span.send(span_invite(rig, leg, span.port))
    sent = rig.peer.request("INVITE")
    contact = NameAddr(Uri("sip", "bob", rig.address, rig.peer.port))
    return serialise(answer(sent, 180, tag="bob-tag", media="", contact=contact))


def question(rig: Rig) -> bytes:
    """Write a request of about the same length for who needs no dialog."""
    request = within(invite(rig), "OPTIONS", 2)
    request.contact = NameAddr(Uri("sip", "bob", rig.address, rig.peer.port))
    return serialise(request)


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Tell rate and added latency of front, and of Kamailio beside it."""
    if shutil.which("kamailio") is None:
        emit("front_messages_per_core", 0, "messages/s", void=["Kamailio is not installed"])
        return
    count = 500 if quick else 4000
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as name, address() as host, address() as other:
        folder = Path(name)
        rig = Rig(host, folder)
        rig.site = replace(rig.site, sip=replace(rig.site.sip, calls_per_second=10_000))
        try:
            span = rig.span("span-1")
            with rig.front() as front:
                response, request = ringing(rig, span), question(rig)
                with kamailio(folder, other, (span.host, span.port)) as beside:
                    direct = Way((span.host, span.port), [])
                    ours = Way(rig.udp.getsockname(), [front.process.pid])
                    ways = {"direct": direct, "kamailio": beside, "front": ours}
                    for sock in (rig.peer.sock, span.sock):
                        sock.settimeout(2)
                    rounds: dict[str, list[Round]] = {way: [] for way in ways}
                    for _ in range(ROUNDS):
                        for way, path in ways.items():
                            data = response if way == "front" else request
                            rounds[way].append(one_round(path, rig.peer, span.sock, data, count))
        finally:
            rig.close()
    _tell(emit, rounds, count)


def _tell(emit: Callable[..., None], rounds: dict[str, list[Round]], count: int) -> None:
    def middle(way: str, figure: Callable[[Round], float]) -> float:
        return median(figure(one) for one in rounds[way])

    failed = sum(one.failed for found in rounds.values() for one in found)
    void = {"void": [f"{failed} requests were lost"]} if failed else {}
    rates = {way: middle(way, lambda one: count / max(one.cpu_s, 0.01)) for way in ("kamailio", "front")}
    emit(
        "front_messages_per_core",
        round(rates["front"]),
        "messages/s",
        peer="Kamailio",
        peer_value=round(rates["kamailio"]),
        ratio=round(rates["front"] / rates["kamailio"], 3),
        **void,
    )
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        added = {
            way: middle(way, partial(Round.quantile, part=part)) - middle("direct", partial(Round.quantile, part=part))
            for way in ("kamailio", "front")
        }
        emit(
            f"front_added_latency_{name}",
            round(added["front"]),
            "us a message",
            peer="Kamailio",
            peer_value=round(added["kamailio"]),
            ratio=round(added["front"] / max(added["kamailio"], 1), 1),
            **void,
        )


if __name__ == "__main__":
    measure(lambda name, value, unit, **more: print(name, value, unit, more), quick=bool(os.environ.get("QUICK")))
