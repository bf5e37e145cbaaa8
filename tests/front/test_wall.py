"""Front as a process against strangers, scanners, floods and slow senders."""

import contextlib
import json
import re
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from edge.config.trunk_settings import Trunk
from edge.core.sip.message import Request, serialise
from edge.core.sip.uri import NameAddr, Uri
from edge.front.last_words import LastWords, redacted
from edge.front.table import Table
from edge.front.tcp import INCOMPLETE_MS, PER_SOURCE
from edge.vocabulary.commands import ReserveSpan
from edge.vocabulary.ids import Incarnation, LegId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegIncoming, Noticed, SpanReserved
from edge.vocabulary.site_events import SecurityBanned, SecurityUnbanned
from edge.vocabulary.supervision import Reload, Replied, Scrape, Scraped, SpanDied
from edge.vocabulary.supervision import Request as Asked
from tests.core.sip.test_torture import CASES, MALFORMED, message_of
from tests.core.sip.world import answer
from tests.front.rig import Rig, Wire
from tests.front.test_process import invite, span_invite, within
from tests.support.addresses import address as loopback_address
from tests.support.child import Child, write_site
from tests.support.waiting import until

FLOOD = 3200


@pytest.fixture
def rig(address: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(address, tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def stranger(rig: Rig, stranger_address: str) -> Iterator[Wire]:
    wire = Wire(stranger_address, rig.udp.getsockname())
    yield wire
    wire.sock.close()


@pytest.fixture
def stranger_address() -> Iterator[str]:
    with loopback_address() as at:
        yield at


def options(rig: Rig, wire: Wire, number: int = 1) -> bytes:
    request = within(invite(rig, f"probe-{number}", port=wire.port), "OPTIONS", number)
    request.to = request.to.with_tag("")
    return serialise(request)


def answered_options(rig: Rig, wire: Wire) -> None:
    wire.send(options(rig, wire))
    wire.response(200)


def metric(front: Child, name: str) -> float:
    front.send(Scrape(7))
    match = re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", front.next(Scraped).text, re.MULTILINE)
    return float(match[1]) if match else 0.0


def asked(front: Child, body: object) -> dict:
    front.send(Asked(3, "bans", msgspec.json.encode(body)))
    reply = front.next(Replied)
    assert reply.error is None, reply
    return dict(msgspec.json.decode(reply.body))


def events(rig: Rig) -> list:
    return [report.event for report in rig.switch.of(Noticed)]


def silent(wire: Wire) -> bool:
    wire.sock.settimeout(0.3)
    try:
        wire.sock.recv(2000)
    except TimeoutError:
        return True
    return False


def test_the_kernel_keeps_most_of_a_strangers_flood_from_front(rig: Rig, stranger: Wire) -> None:
    with rig.front() as front:
        answered_options(rig, rig.peer)
        assert metric(front, "edge_front_source_filter_instructions") > 0
        data = options(rig, stranger)
        for n in range(FLOOD):
            stranger.send(data)
            if n % 100 == 0:
                time.sleep(0.005)  # else the sender's own buffer is what drops them
        answered_options(rig, rig.peer)

        def counted() -> tuple[float, float]:
            kept = metric(front, "edge_front_kernel_dropped_datagrams_total")
            return kept, metric(front, 'edge_front_messages_dropped_total{reason="stranger"}')

        kept, seen = counted()
        assert kept + seen == FLOOD
        # By the sampling some 100 are seen, until the source is banned and none is.
        assert 0 < seen < FLOOD / 10
        assert silent(stranger)


def test_reload_lets_a_new_trunk_in_and_an_old_one_no_more(rig: Rig, stranger: Wire) -> None:
    with rig.front() as front:
        answered_options(rig, rig.peer)
        stranger.send(options(rig, stranger))
        assert silent(stranger)
        site = replace(rig.site, trunks=[Trunk(name="other", sources=[stranger.host])])
        front.send(Reload(str(write_site(site, rig.folder / "new.msgpack"))))

        def let_in() -> bool:
            stranger.send(options(rig, stranger))
            return not silent(stranger)

        until(let_in, 15, "the new trunk is answered")
        rig.peer.send(options(rig, rig.peer))
        assert silent(rig.peer)


def test_who_was_dialled_may_answer(rig: Rig, stranger: Wire) -> None:

    span = rig.span("span-1")
    with rig.front():
        target = Private(f"sip:bob@{stranger.host}:{stranger.port}")
        rig.switch.send("c1:1:1", ReserveSpan(leg=LegId("c1.2"), target=target, trunk="", caller=Private("100")))
        rig.until(lambda: rig.switch.of(SpanReserved))
        span.send(span_invite(rig, LegId("c1.2"), span.port))
        sent = stranger.request("INVITE")
        # Not one answer may be lost to the sampling: twenty repeats, twenty arrive.
        for _ in range(20):
            stranger.send(answer(sent, 180, tag="bob", media="", contact=None))
            span.response(180)


def test_a_scanner_is_banned_listed_told_of_and_cleared(rig: Rig, stranger: Wire) -> None:
    scan = options(rig, stranger).replace(b"Max-Forwards", b"User-Agent: friendly-scanner\r\nMax-Forwards")
    with rig.front() as front:
        answered_options(rig, rig.peer)
        rig.until(lambda: [stranger.send(scan) for _ in range(50)] and asked(front, None)["bans"], "banned")
        (ban,) = asked(front, None)["bans"]
        assert (ban["source"], ban["cause"], ban["times"]) == (stranger.host, "scanner", 1)
        assert 590_000 < ban["left_ms"] <= 600_000
        banned = rig.until(lambda: [e for e in events(rig) if isinstance(e, SecurityBanned)])
        assert [e.source for e in banned] == [stranger.host]
        seen = metric(front, 'edge_front_messages_dropped_total{reason="stranger"}')
        for _ in range(500):
            stranger.send(scan)
        answered_options(rig, rig.peer)
        assert metric(front, 'edge_front_messages_dropped_total{reason="stranger"}') == seen, "the kernel drops all"
        assert asked(front, {"clear": stranger.host}) == {"bans": [], "cleared": 1}
        rig.until(lambda: [e for e in events(rig) if isinstance(e, SecurityUnbanned) and e.by == "cleared"])
        assert silent(stranger)


def test_a_ban_outlives_a_kill_of_front(rig: Rig, stranger: Wire) -> None:
    scan = options(rig, stranger).replace(b"Max-Forwards", b"User-Agent: friendly-scanner\r\nMax-Forwards")
    with rig.front() as front:
        answered_options(rig, rig.peer)
        rig.until(lambda: [stranger.send(scan) for _ in range(50)] and asked(front, None)["bans"], "banned")
        (before,) = asked(front, None)["bans"]

        def kept() -> bool:
            table = Table(rig.table, rig.site)
            table.load()
            known = table.load_sources()
            return known is not None and [ban.source for ban in known.bans] == [stranger.host]

        rig.until(kept, "the table has it")
    with rig.front() as front:
        (after,) = asked(front, None)["bans"]
        assert 0 < after.pop("left_ms") <= before.pop("left_ms")
        assert after == before
        for _ in range(500):
            stranger.send(scan)
        answered_options(rig, rig.peer)
        assert metric(front, 'edge_front_messages_dropped_total{reason="stranger"}') == 0, "the kernel drops all"


def test_strangers_are_refused_where_the_site_says_so(rig: Rig, stranger: Wire) -> None:
    rig.site = replace(rig.site, sip=replace(rig.site.sip, strangers="refuse"))
    with rig.front():
        padded = options(rig, stranger).replace(b"Max-Forwards", b"Subject: " + b"x" * 200 + b"\r\nMax-Forwards")
        stranger.send(padded)
        stranger.response(403)


def test_a_stranger_gets_no_tcp(rig: Rig, stranger: Wire) -> None:
    with rig.front() as front, socket.create_connection(rig.tcp.getsockname(), 10, (stranger.host, 0)) as connection:
        connection.settimeout(10)
        assert connection.recv(1) == b""
        assert metric(front, 'edge_front_evidence_total{kind="stranger"}') == 1.0


def test_stalled_connections_are_closed_and_honest_ones_served_meanwhile(rig: Rig) -> None:
    """Ten sources with as many connections as one may have, each with the begin of a message or with nothing."""
    rig.site = replace(rig.site, trunks=[Trunk(name="main", sources=["127.0.0.0/8"])])
    stalled: dict[socket.socket, float] = {}
    with rig.front() as front, selectors.DefaultSelector() as closing:
        data = options(rig, rig.peer).replace(b"/UDP", b"/TCP")
        for n in range(10 * PER_SOURCE):
            sock = socket.create_connection(rig.tcp.getsockname(), 10, (f"127.99.0.{n % 10 + 1}", 0))
            if n % 3:
                sock.sendall(data[: 10 * (n % 20)])
            sock.setblocking(False)
            closing.register(sock, selectors.EVENT_READ)
            stalled[sock] = time.monotonic()
        until(lambda: metric(front, "edge_front_tcp_connections") == 10 * PER_SOURCE, 10, "all accepted")
        served, tries = 0, 0
        next_drip = time.monotonic()
        while stalled and time.monotonic() < max(stalled.values()) + 2 * INCOMPLETE_MS / 1000:
            for key, _ in closing.select(0.2):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                with contextlib.suppress(ConnectionResetError):
                    assert sock.recv(10) == b""
                del stalled[sock]
                closing.unregister(sock)
                sock.close()
            if time.monotonic() >= next_drip:
                next_drip += 1
                # A little of a message now and then does not buy time.
                for sock in list(stalled)[:20]:
                    try:
                        sock.send(b"X-")
                    except OSError:
                        continue
                tries += 1
                with socket.create_connection(rig.tcp.getsockname(), 10, (rig.address, 0)) as honest:
                    honest.settimeout(5)
                    honest.sendall(data)
                    served += honest.recv(2000).startswith(b"SIP/2.0 200")
                answered_options(rig, rig.peer)
        assert not stalled
        assert served == tries > 5
        assert metric(front, 'edge_front_evidence_total{kind="connections"}') == 10 * PER_SOURCE


# --- RFC 4475 on the wire ------------------------------------------------------------------------------------------


def torture(rig: Rig) -> Iterator[tuple[str, int, bytes]]:
    """Each case with its status over UDP; answers are sent to where it came from (`rport`)."""
    for section, statuses in sorted(CASES.items()):
        yield (
            section,
            statuses[0],
            message_of(section).replace(b"SIP/2.0/UDP gw7.example.net;", b"SIP/2.0/UDP gw7.example.net;rport;"),
        )


def test_torture_over_udp(rig: Rig) -> None:
    rig.site = replace(rig.site, sip=replace(rig.site.sip, max_spans=1))
    rig.span("span-1")
    with rig.front() as front:
        for number, (section, wanted, data) in enumerate(torture(rig)):
            wire = rig.wire(rig.udp)
            wire.send(data)
            # An honest question after each: it is answered, and nothing else was before it but what is expected.
            wire.send(options(rig, wire, number + 1000))
            got: list[tuple[int, int]] = []
            while not got or got[-1][1] != number + 1000:
                message = wire.sock.recv(4000)
                match = re.match(rb"SIP/2.0 ([0-9]{3}) .*?CSeq: *([0-9]+)", message, re.DOTALL)
                assert match, message
                got.append((int(match[1]), int(match[2])))
            if wanted == 100 and b"rport" in data:
                # It waits for something that would make it needless.
                got.insert(0, (wire.response(100).status, 0))
            answered = [status for status, cseq in got[:-1]]
            # Without rport an answer goes to the port that the message names, where nobody is.
            assert answered in ([wanted] if wanted else [], []), section
            if section in MALFORMED:
                assert not [status for status in answered if status < 300], section
            if b"rport" in data and wanted:
                assert answered == [wanted], section
            assert got[-1][0] == 200
            wire.sock.close()
            asked(front, {"clear": ""})
        assert front.process.poll() is None


def test_torture_over_tcp(rig: Rig) -> None:
    rig.span("span-1")
    with rig.front() as front:
        for section, _, data in torture(rig):
            wanted = CASES[section][-1]
            with socket.create_connection(rig.tcp.getsockname(), 10, (rig.address, 0)) as peer:
                peer.settimeout(5)
                peer.sendall(data)
                # A 100 waits for something that would make it needless.
                got = peer.recv(65_536) if wanted == 100 else b""
                peer.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionResetError):
                    while part := peer.recv(65_536):
                        got += part
                assert got.startswith(b"SIP/2.0 %d " % wanted if wanted else b""), section
                assert bool(got) == bool(wanted), section
            asked(front, {"clear": ""})
        answered_options(rig, rig.peer)


# --- spans that die of a message -----------------------------------------------------------------------------------


def kill(rig: Rig, front: Child, name: str) -> None:
    """A span ends by SIGABRT right after what it was sent."""
    rig.lose(name)
    front.send(SpanDied(Incarnation(name), signal.SIGABRT))


def test_what_a_dead_span_was_sent_last_is_logged_and_who_kills_two_brings_no_more_calls(rig: Rig) -> None:
    with rig.front() as front:
        for number in (1, 2):
            span = rig.span(f"span-{number}")
            secret = invite(rig, f"call-{number}")
            secret.from_ = NameAddr(Uri("sip", "+4930987654321", "trunk.example"), "Jane Doe", (("tag", "peer-tag"),))
            rig.peer.send(secret)
            span.request("INVITE")
            assert not asked(front, None)["bans"], "one death may be bad luck"
            kill(rig, front, f"span-{number}")
        rig.until(lambda: asked(front, None)["bans"], "banned")
        (ban,) = asked(front, None)["bans"]
        assert (ban["source"], ban["cause"], ban["evidence"]) == (rig.address, "span_killed", {"span_killed": 2})
        rig.span("span-3")
        rig.peer.send(invite(rig, "call-3"))
        until(lambda: rig.peer.receive().call_id == "call-3", 10, "an answer to the third call")
        answered_options(rig, rig.peer)
        log = front.errors.read_text()
        lines = [json.loads(line) for line in log.splitlines() if "message before the death" in line]
        assert {line["span"] for line in lines} == {"span-1", "span-2"}
        assert all(line["message"].startswith("INVITE sip:") and line["source"] == rig.address for line in lines)
        assert "87654321" not in log
        assert "Jane" not in log
    assert not [r for r in rig.switch.of(LegIncoming) if r.sip_call_id == "call-3"]


def test_the_last_twenty_messages_are_kept_and_only_recent_ones_are_blamed() -> None:
    clock = [0]
    words = LastWords(lambda: clock[0])
    words.up(Incarnation("a"), 5000)
    for number in range(30):
        words.sent(5000, f"10.0.0.{number}", b"INFO sip:x SIP/2.0\r\nCall-ID: y\r\n\r\nSignal=5")
    words.sent(5001, "10.9.9.9", b"to nobody")
    words.down(Incarnation("a"))
    assert words.died(Incarnation("a"), signal.SIGSEGV) == "10.0.0.29"
    assert words.died(Incarnation("a"), signal.SIGSEGV) == "", "told once"
    words.up(Incarnation("b"), 5000)
    words.sent(5000, "10.0.0.1", b"BYE")
    clock[0] += 3000
    words.sent(5000, "", b"of our own")
    words.down(Incarnation("b"))
    assert words.died(Incarnation("b"), signal.SIGABRT) == ""
    assert redacted(b"INFO sip:x SIP/2.0\r\nX-Own: 0301234\r\nCall-ID: y\r\n\r\nSignal=5") == (
        "INFO sip:x SIP/2.0 | X-Own: ... | Call-ID: y | <8 bytes>"
    )


# --- scanners ------------------------------------------------------------------------------------------------------


def scanned(source: str, rig: Rig) -> str:
    """What sipvicious' svmap finds from an address."""
    words = ["svmap", "-b", source, "-p", str(rig.udp.getsockname()[1]), rig.address]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
    return done.stdout + done.stderr


def test_a_scan_by_sipvicious_finds_nothing(rig: Rig, stranger: Wire) -> None:
    with rig.front():
        answered_options(rig, rig.peer)
        assert "found nothing" in scanned(stranger.host, rig)
        assert rig.address in scanned(rig.address, rig), "from a trunk it finds us: the scan works"


def war(rig: Rig, *words: str) -> str:
    """What sipvicious' svwar finds; it sends from 127.0.0.1 whatever it is told.

    It binds its port on all addresses: with its usual 5060 nobody beside it could have one.
    """
    command = ["svwar", "-P", "35060", "-p", str(rig.udp.getsockname()[1]), *words, rig.address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
    return done.stdout + done.stderr


def nobody(span: Wire, stop: threading.Event) -> int:
    """A span whose numbers nobody has; how many calls it saw."""
    span.sock.settimeout(0.1)
    seen = 0
    while not stop.is_set():
        try:
            request = span.receive()
        except TimeoutError:
            continue
        if isinstance(request, Request) and request.method == "INVITE":
            seen += 1
            span.send(answer(request, 404))
    return seen


def test_svwar_from_a_trunk_learns_no_number_and_costs_few_calls(rig: Rig) -> None:
    rig.site = replace(rig.site, trunks=[Trunk(name="main", sources=["127.0.0.1", rig.address])])
    span, stop = rig.span("span-1"), threading.Event()
    with rig.front() as front, ThreadPoolExecutor(1) as pool:
        calls = pool.submit(nobody, span, stop)
        for method in ("REGISTER", "OPTIONS", "INVITE"):
            found = war(rig, "-m", method, "-e", "100-160")
            assert "found nothing" in found, found
        stop.set()
        assert 0 < calls.result(10) <= 30, "then front itself says that nobody has the number"
        (ban,) = asked(front, None)["bans"]
        assert (ban["source"], ban["cause"]) == ("127.0.0.1", "unknown_number")
        assert metric(front, 'edge_front_unknown_numbers_total{trunk="main"}') <= 30
        assert metric(front, 'edge_front_calls_refused_total{reason="unknown_numbers"}') > 25
        answered_options(rig, rig.peer)
