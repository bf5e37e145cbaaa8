#!/usr/bin/env python3
"""SIP attacks on a whole appliance, beside calls that must not notice: floods, fuzz, hostile callees.

Three trunks: the one whose calls count, a noisy one, and one whose messages are mutated. Strangers are everybody else.
"""

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, write_site
from tests.support.sip_fuzz import NEW, WITHIN, message
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.flows import hears

FLOODER = Path(__file__).with_name("flooder.py")
#: Unacknowledged calls that the noisy trunks may bring: half-open ones of a fuzz must not need a hundred spans.
PENDING = 8
#: Network of the trunk whose connections stall.
SLOW = "127.1.78"
ANSWER_S = 3.0
#: Of the mutations, how many, and how long they may take.
SEED, MUTATIONS, FUZZ_S = 4, 100_000, 240.0
#: Connections that send nothing or the begin of a message.
STALLED = 200


@dataclass
class Siege:
    """An appliance with its trunks."""

    edge: Appliance
    #: Address of the trunk whose calls count, of the noisy one, and of the one that mutates.
    good: str
    noisy: str
    fuzzer: str

    def front_rss_mb(self) -> float:
        """Memory of front's own; what it shares has a fixed size (`[sip] trace_mb`, the table) and fills up."""
        status = Path(f"/proc/{self.edge.pid('front')}/status").read_text(encoding="utf-8")
        found = re.search(r"RssAnon:\s+([0-9]+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def restarts(self) -> dict[str, int]:
        """Restarts so far, of spans and of all others."""
        status = self.edge.status()
        others = sum(int(process.get("restarts", 0)) for process in status["processes"])
        return {"span_restarts": int(status["span_restarts"]), "other_restarts": others}


def _trunk(name: str, source: str, more: str = "") -> str:
    return f'[[trunks]]\nname = "{name}"\nsources = ["{source}"]\n{more}\n'


@contextmanager
def siege(folder: Path, *, calls_per_second: int = 200) -> Iterator[Siege]:
    """Start an appliance whose trunks are single addresses."""
    with address() as at, address() as good, address() as noisy, address() as fuzzer:
        instance = Appliance(at, folder)
        limits = f"max_pending = {PENDING}"
        others = [("noisy", noisy), ("fuzzer", fuzzer), ("slow", f"{SLOW}.0/24")]
        write_site(instance, extra="".join(_trunk(name, source, limits) for name, source in others))
        text = instance.site.read_text(encoding="utf-8")
        text = text.replace('sources = ["127.0.0.0/8"]', f'sources = ["{good}"]')
        text = text.replace("[sip]\n", f"[sip]\ncalls_per_second = {calls_per_second}\n")
        instance.site.write_text(text, encoding="utf-8")
        instance.start()
        try:
            yield Siege(instance, good, noisy, fuzzer)
        finally:
            instance.stop()


# --- calls that must not notice -------------------------------------------------------------------------------------


class Caller:
    """Places calls, one after the other, and takes the time from INVITE to 200."""

    def __init__(self, host: str, edge: str) -> None:
        self._edge = edge
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.host, self.port = self.sock.getsockname()
        self._number = 0

    def values(self, call: str, cseq: int, branch: str, tag: str = "") -> dict[str, object]:
        """Values for a template."""
        return {
            "host": self.host, "port": self.port, "edge": self._edge, "branch": branch, "tag": "own", "call": call,
            "cseq": cseq, "to_tag": f";tag={tag}" if tag else "",
        }  # fmt: skip

    def send(self, data: bytes) -> None:
        """Send a datagram; what the kernel does not take is lost."""
        with suppress(OSError):
            self.sock.sendto(data, (self._edge, 5060))

    def wait(self, call: str, cseq: str, limit_s: float = ANSWER_S) -> bytes:
        """Wait for a final response of a call; empty: none came."""
        end = time.monotonic() + limit_s
        while (left := end - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(65_536)
            except TimeoutError:
                break
            mine = f"Call-ID: {call}\r\n".encode() in data and f"CSeq: {cseq}\r\n".encode() in data
            if mine and data.startswith(b"SIP/2.0 ") and data[8:9] != b"1":
                return data
        return b""

    def set_up(self) -> tuple[float | None, str, str]:
        """Place a call: seconds to its 200 (None: it failed), Call-ID and the other side's tag."""
        self._number += 1
        call = f"siege-{self.host}-{self.port}-{self._number}"
        begun = time.monotonic()
        self.send(message(NEW[1], self.values(call, 1, f"i{call}")))
        answer = self.wait(call, "1 INVITE")
        spent = time.monotonic() - begun
        found = re.search(rb"\r\nTo: [^\r\n]*;tag=([^;\r\n]+)", answer)
        tag = found[1].decode() if found else ""
        if not answer:
            return None, call, ""
        ok = answer.startswith(b"SIP/2.0 200 ")
        ack = ("ACK", WITHIN[1][1], "", "")
        self.send(message(ack, self.values(call, 1, f"a{call}" if ok else f"i{call}", tag)))
        return (spent if ok else None), call, tag if ok else ""

    def hang_up(self, call: str, tag: str, cseq: int = 9) -> bool:
        """End a call; False: its BYE was not answered."""
        self.send(message(("BYE", WITHIN[-2][1], "", ""), self.values(call, cseq, f"b{call}", tag)))
        return self.wait(call, f"{cseq} BYE").startswith(b"SIP/2.0 200 ")

    def options(self, number: int) -> bool:
        """Ask an honest question; False: there was no answer."""
        call = f"probe-{self.host}-{number}"
        for _ in range(2):
            self.send(
                message(("OPTIONS", NEW[3][1].partition("Supported")[0], "", ""), self.values(call, 1, f"p{call}"))
            )
            if self.wait(call, "1 OPTIONS").startswith(b"SIP/2.0 200 "):
                return True
        return False

    def close(self) -> None:
        """Free the socket."""
        self.sock.close()


@dataclass
class Service:
    """What callers have seen."""

    placed: int = 0
    failed: int = 0
    times_ms: list[float] = field(default_factory=list)

    @property
    def p95_ms(self) -> float:
        """95 % of the calls were set up within it."""
        times = sorted(self.times_ms)
        return round(times[int(0.95 * (len(times) - 1))], 1) if times else float("inf")


def place_calls(caller: Caller, going: Callable[[], bool], service: Service, pause_s: float = 0.1) -> None:
    """Place calls, one after the other, as long as `going` says so."""
    while going():
        spent, call, tag = caller.set_up()
        service.placed += 1
        if spent is None:
            service.failed += 1
            continue
        service.times_ms.append(spent * 1000)
        service.failed += not caller.hang_up(call, tag)
        time.sleep(pause_s)


def running_call(phone: Softphone, at: Siege) -> Call:
    """A call that is up and hears its prompt."""
    call = phone.call(at.edge.uri).wait_answered()
    hears(call, TONES["welcome"])
    return call


def lost_of(at: Siege, call: Call) -> int:
    """End a running call and count the RTP packets that it has lost, both ways."""
    before = len([e for e in at.edge.events() if e["type"] == "leg.quality"])
    call.bye()
    call.wait_ended()

    def told() -> list[dict[str, Any]]:
        return [e["data"] for e in at.edge.events() if e["type"] == "leg.quality"][before:]

    until(told, 20, "leg.quality")
    return int(call.audio.lost()) + sum(int(data["packets_lost"]) for data in told() if data["packets_received"] > 100)


def settle(at: Siege) -> None:
    """Wait until no call is up; unacknowledged ones last for 32 s. Then all histories are whole."""
    until(lambda: at.edge.status()["calls"] == 0, 60, "calls over")
    at.edge.check_histories()


# --- floods ---------------------------------------------------------------------------------------------------------


def flood(at: Siege, rate: int, seconds: float, hosts: list[str], kinds: str = "mix") -> dict[str, Any]:
    """Flood beside a running call and new ones; the figures of both."""
    caller, quiet, service = Caller(at.good, at.edge.address), Service(), Service()
    with Softphone(at.good, tone_hz=700) as phone:
        running = running_call(phone, at)
        end = time.monotonic() + max(1.5, seconds / 2)
        place_calls(caller, lambda: time.monotonic() < end, quiet)
        before = at.front_rss_mb()
        words = [sys.executable, str(FLOODER), at.edge.address, str(rate), str(seconds), kinds, *hosts]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            place_calls(caller, lambda: process.poll() is None, service)
            assert process.stdout is not None
            flooded = json.loads(process.stdout.read())
        lost = lost_of(at, running)
    caller.close()
    return {
        **flooded,
        "calls": service.placed,
        "failed": service.failed + quiet.failed,
        "p95_ms": service.p95_ms,
        "quiet_p95_ms": quiet.p95_ms,
        "rtp_lost": lost,
        "rss_growth_mb": round(at.front_rss_mb() - before, 1),
        **at.restarts(),
    }


def strangers(count: int = 20) -> list[str]:
    """Addresses that no trunk names."""
    return [f"127.1.77.{n}" for n in range(1, count + 1)]


# --- what `edge bench siege` tells ----------------------------------------------------------------------------------


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Tell what floods, stalled connections, mutations and hostile callees achieve; five minutes at the most."""
    from bench import callee, mutations, stalled

    seconds = 3.0 if quick else 8.0
    with tempfile.TemporaryDirectory() as folder, siege(Path(folder), calls_per_second=30) as at:
        # First the noisy trunk: its half-open calls last for 32 s, in which there is something else to do.
        _tell(emit, "siege_noisy_trunk", flood(at, 1000, seconds, [at.noisy], "INVITE"))
        for rate in (1000, 5000):
            _tell(emit, f"siege_strangers_{rate}", flood(at, rate, seconds, strangers()))
        found = stalled.stall(at, STALLED)
        _tell_p95(emit, "siege_stalled", found.pop("p95_ms"), found.pop("quiet_p95_ms"))
        for what, value in found.items():
            emit(f"siege_stalled_{what}", value, _UNITS.get(what, ""))
        settle(at)
    with tempfile.TemporaryDirectory() as folder, siege(Path(folder), calls_per_second=10_000) as at:
        for what, value in mutations.fuzz(at, 3000 if quick else MUTATIONS, SEED, FUZZ_S).items():
            emit(f"siege_fuzz_{what}", value, _UNITS.get(what, ""))
        for what, value in callee.trap(at, callee.TRAPS).items():
            emit(f"siege_callee_{what}", value, _UNITS.get(what, ""))
        settle(at)


_UNITS = {
    "sent": "messages",
    "responses": "of them",
    "by_tcp": "of them",
    "of_strangers": "of them",
    "reflected": "octets",
    "rss_growth_mb": "MB",
    "longest_s": "s",
}


def _tell_p95(emit: Callable[..., None], name: str, p95_ms: float, quiet_ms: float) -> None:
    more = {"peer": "quiet", "peer_value": quiet_ms, "ratio": round(p95_ms / quiet_ms, 2)}
    emit(f"{name}_p95", p95_ms, "ms", **more, reached=p95_ms <= max(50.0, 3 * quiet_ms))


def _tell(emit: Callable[..., None], name: str, found: dict[str, Any]) -> None:
    emit(f"{name}_sent", found["sent"], "messages")
    emit(f"{name}_failed", found["failed"], f"of {found['calls']} calls")
    _tell_p95(emit, name, found["p95_ms"], found["quiet_p95_ms"])
    # What a trunk gets back are answers; a stranger gets nothing.
    wanted = ("rtp_lost", "rss_growth_mb", "span_restarts", "other_restarts")
    for what in wanted if "noisy" in name else ("reflected", *wanted):
        emit(f"{name}_{what}", found[what], _UNITS.get(what, ""))
    if found["latency_ms"]:
        emit(f"{name}_answer_p99", found["latency_ms"][1], "ms")


def main() -> int:
    """Run it and print JSON lines."""
    measure(
        lambda name, value, unit, **more: print(json.dumps({"name": name, "value": value, "unit": unit, **more})),
        quick="--quick" in sys.argv,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
