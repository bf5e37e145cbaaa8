"""Many calls one after the other through one span: nothing may pile up in the C stack."""

import os
import statistics
import time
from pathlib import Path

from edge.vocabulary import commands as cmd
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address
from edge.vocabulary.reports import LegEnded
from tests.span.rig import Rig
from tests.support.sip_transport import Transport
from tests.support.sip_wire import Message, sdp, token
from tests.support.waiting import until

MEDIA = Address("127.0.9.7", 16500)


class Caller:
    """Bare messages: a phone with threads of audio would measure itself."""

    def __init__(self, address: str) -> None:
        self.transport = Transport(address, 5060, "udp", self._received)
        self.finals: dict[tuple[str, str], tuple[float, Message]] = {}

    def _received(self, message: Message, _source: tuple[str, int]) -> None:
        if message.status >= 200:
            self.finals[message.call_id, message.method] = (time.perf_counter(), message)

    def send(self, method: str, uri: str, call_id: str, to: str, cseq: int, target: tuple[str, int]) -> float:
        host, port = self.transport.address, self.transport.port
        message = Message(f"{method} {uri} SIP/2.0", body=sdp(host, 4000) if method == "INVITE" else "")
        message.headers = [
            ("Via", f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{token()}"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:caller@{host}:{port}>;tag=t"),
            ("To", to),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", f"<sip:caller@{host}:{port}>"),
        ]
        if message.body:
            message.headers.append(("Content-Type", "application/sdp"))
        sent = time.perf_counter()
        self.transport.send(message, target)
        return sent


def _private_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def test_many_calls_leak_nothing(address: str, tmp_path: Path) -> None:
    """More calls than the bridge has ports (254) and than its call table has rows (4), with CANCELs in between."""
    count = int(os.environ.get("SPAN_CALLS", "300"))
    caller = Caller(address)
    latencies_ms = []
    with Rig(address, tmp_path) as rig:
        span = rig.fork()
        target = (address, span.port)
        descriptors = []
        for n in range(count):
            leg = LegId(f"c{n}.1")
            uri, call_id = span.uri(leg), f"{n}-{token()}"
            order = cmd.Answer(leg, MEDIA)
            rig.switch.order(span.incarnation, order)  # early: so the time is the span's own
            sent = caller.send("INVITE", uri, call_id, f"<{uri}>", 1, target)
            until(lambda key=(call_id, "INVITE"): key in caller.finals, 10, f"200 of call {n}")  # type: ignore[misc]
            at, response = caller.finals[call_id, "INVITE"]
            assert response.status == 200, (n, response.start)
            latencies_ms.append((at - sent) * 1000)
            to = response.get("To")
            caller.send("ACK", uri, call_id, to, 1, target)
            caller.send("BYE", uri, call_id, to, 2, target)
            until(lambda key=(call_id, "BYE"): key in caller.finals, 10, f"200 of BYE {n}")  # type: ignore[misc]
            if n % 100 == 50:
                descriptors.append(len(list(Path(f"/proc/{span.pid}/fd").iterdir())))
        until(lambda: len(rig.switch.all(LegEnded)) == count, 10, "all ends")
        assert {r.end.outcome for r in rig.switch.all(LegEnded)} == {"completed"}
        assert span.status()["faults"] == {}
        assert len(set(descriptors)) == 1, descriptors
        status = span.status()
        private_kb = _private_kb(span.pid)
    caller.transport.close()
    # Timers H and J keep some 33 kB a call for 32 s, so this bound only catches a leak that is worse than that.
    assert private_kb < 8_000 + 45 * count
    quantiles = statistics.quantiles(latencies_ms, n=100)
    print(
        f"{count} calls, INVITE to 200 ms: p50 {quantiles[49]:.2f} p90 {quantiles[89]:.2f} p99 {quantiles[98]:.2f};"
        f" CPU a call {status['cpu_s'] / count * 1000:.2f} ms; private memory {private_kb} kB"
    )
