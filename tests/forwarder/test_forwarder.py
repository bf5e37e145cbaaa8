"""The real process, a real SQLite outbox, real HTTP servers."""

import base64
import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from standardwebhooks import Webhook

from edge.config.sink_settings import FileSettings, WebhookSettings
from edge.config.site import Paths, Sink, Site
from edge.runtime.link_server import LinkServer
from edge.runtime.pump import Pump
from edge.vocabulary.commands import Command, Wake
from edge.vocabulary.ids import CommandId
from edge.vocabulary.supervision import Ready, Reload, Replied, Scrape, Scraped, Stop
from edge.vocabulary.supervision import Request as AskOf
from tests.support.child import Child, child, write_site
from tests.support.outbox import Backend, OutboxWriter, Request
from tests.support.waiting import until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "QUJD" * 8


def site_of(folder: Path, *sinks: Sink) -> Site:
    return Site(name="box", paths=Paths(state=str(folder / "state")), sinks=list(sinks))


def sink_of(name: str, url: str, **more: object) -> Sink:
    values = {"name": name, "url": url, "secret": SECRET, "max_backoff_ms": 1000, **more}
    return WebhookSettings(**values).sink()  # type: ignore[arg-type]


@pytest.fixture
def outbox(tmp_path: Path) -> OutboxWriter:
    return OutboxWriter(tmp_path / "state")


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    yield made
    made.close()


def scrape(process: Child) -> dict[tuple[str, str, str], float]:
    """Samples by (name, sink, result)."""
    process.send(Scrape(1))
    text = process.next(Scraped).text
    return {
        (s.name, s.labels.get("sink", ""), s.labels.get("result", "")): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def place(folder: Path, sink: str) -> tuple[int, list[list[int]]] | None:
    with closing(sqlite3.connect(folder / "state" / "delivery.db")) as connection:
        row = connection.execute("SELECT cursor, ahead FROM sinks WHERE name = ?", (sink,)).fetchone()
    return None if row is None else (row[0], json.loads(row[1]))


def test_events_arrive_signed_in_order_and_are_recorded(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    for i in range(60):
        outbox.append(f"call{i % 6}")
    with child(
        "forwarder", site_of(tmp_path, sink_of("a", backend.url, secret=f"{SECRET} {OTHER}")), tmp_path
    ) as process:
        until(lambda: len(backend.received) == 60)
        until(lambda: place(tmp_path, "a") == (60, []))
        outbox.append("late")  # found by polling: nobody wakes it here
        until(lambda: backend.ids()[-1] == "late.1")
        until(lambda: place(tmp_path, "a") == (61, []))  # the answer has reached the forwarder
        values = scrape(process)
        assert values["edge_forwarder_attempts_total", "a", "accepted"] == 61
        assert values["edge_forwarder_backlog_events", "a", ""] == 0
        assert process.active() == {}
        process.send(AskOf(2, "sinks", b"null"))
        (standing,) = json.loads(process.next(Replied).body)
        assert (standing["name"], standing["type"], standing["backlog"]) == ("a", "webhook", 0)
        assert (standing["dead_letters"], standing["last_error"], standing["conditions"]) == (0, "", [])
        assert standing["last_taken"]
        process.send(Stop())
        assert process.process.wait(10) == 0
    for i in range(6):
        of_call = [id_ for id_ in backend.ids() if id_.startswith(f"call{i}.")]
        assert of_call == [f"call{i}.{n}" for n in range(1, 11)]
    bodies = {row[0]: row[1] for row in outbox.connection.execute("SELECT id, body FROM events")}
    for request in backend.received:
        assert request.body == bodies[request.id]
        assert request.headers["content-type"] == "application/cloudevents+json"
        for secret in (SECRET, OTHER):
            Webhook(secret).verify(request.body, request.headers)


def test_connections_are_used_again_and_one_that_the_server_closed_costs_no_attempt(
    tmp_path: Path, outbox: OutboxWriter, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[socket.socket] = []
    accept = backend.server.get_request

    def counted() -> tuple[socket.socket, object]:
        connection, peer = accept()
        opened.append(connection)
        return connection, peer

    monkeypatch.setattr(backend.server, "get_request", counted)
    for i in range(60):
        outbox.append(f"call{i % 6}")
    with child("forwarder", site_of(tmp_path, sink_of("a", backend.url)), tmp_path) as process:
        until(lambda: place(tmp_path, "a") == (60, []))
        before = len(opened)
        assert 1 <= before <= 6  # as many as there are calls
        for connection in opened:
            connection.shutdown(socket.SHUT_RDWR)
        outbox.append("late")
        until(lambda: place(tmp_path, "a") == (61, []))
        assert len(opened) == before + 1
        values = scrape(process)
        assert {result: n for (name, _, result), n in values.items() if name.endswith("attempts_total") and n} == {
            "accepted": 61
        }


def test_a_new_life_goes_on_where_the_last_one_ended(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    site = site_of(tmp_path, sink_of("a", backend.url))
    outbox.append("a")
    with child("forwarder", site, tmp_path):
        until(lambda: place(tmp_path, "a") == (1, []))
    outbox.append("a")
    with child("forwarder", site, tmp_path):
        until(lambda: place(tmp_path, "a") == (2, []))
    assert backend.ids() == ["a.1", "a.2"]


def test_retries_send_the_same_bytes_and_a_fresh_time(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    replies = iter([None, (500, {}, b""), (301, {"Location": backend.url + "/elsewhere"}, b""), (404, {}, b"")])
    backend.answer = lambda _request: next(replies, (200, {}, b""))
    outbox.append("a")
    outbox.append("a")
    with child("forwarder", site_of(tmp_path, sink_of("a", backend.url)), tmp_path) as process:
        until(lambda: len(backend.received) == 6, 30)
        values = scrape(process)
    assert backend.ids() == ["a.1"] * 5 + ["a.2"]
    assert len({request.body for request in backend.received[:5]}) == 1
    assert {request.path for request in backend.received} == {"/events"}
    times = [int(request.headers["webhook-timestamp"]) for request in backend.received[:5]]
    assert times == sorted(times)
    assert times[-1] > times[0]
    for result in ("unreachable", "failed", "redirected", "refused"):
        assert values["edge_forwarder_attempts_total", "a", result] == 1


def test_a_sink_that_hangs_delays_no_other(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    free = threading.Event()

    def hang(_request: Request) -> None:
        free.wait(60)

    stuck = Backend(hang)
    for i in range(40):
        outbox.append(f"c{i}")
    try:
        sinks = [sink_of("stuck", stuck.url, timeout_ms=60_000, requests=5), sink_of("good", backend.url)]
        with child("forwarder", site_of(tmp_path, *sinks), tmp_path) as process:
            until(lambda: len(backend.received) == 40)
            assert len(stuck.received) <= 5
            until(lambda: scrape(process)["edge_forwarder_backlog_events", "stuck", ""] == 40)
            assert scrape(process)["edge_forwarder_lag_seconds", "stuck", ""] > 0
            assert scrape(process)["edge_forwarder_lag_seconds", "good", ""] == 0
            assert process.active() == {}  # a lagging sink is a figure, not a fault of ours
            beats = process.beats
            until(lambda: process.active() == {} and process.beats > beats)
    finally:
        free.set()
        stuck.close()
    assert stuck.most_at_once == 5


def test_a_slow_drip_and_an_endless_answer_are_cut(tmp_path: Path, outbox: OutboxWriter) -> None:  # noqa: C901
    """A server that sends its header byte by byte is over time; one with a huge body was accepted all the same."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        outbox.append("drip")
        outbox.append("huge")
        seen: list[bytes] = []
        stop = threading.Event()

        def serve(connection: socket.socket) -> None:
            with connection:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                seen.append(data)
                try:
                    if b"drip.1" in data:
                        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 4000:
                            connection.sendall(bytes([byte]))
                            if stop.wait(0.02):
                                return
                    else:
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                        while True:
                            connection.sendall(b"x" * 65536)
                except OSError:
                    return

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        try:
            with child("forwarder", site_of(tmp_path, sink_of("a", url, timeout_ms=500)), tmp_path) as process:
                until(lambda: scrape(process)["edge_forwarder_attempts_total", "a", "timed_out"] >= 2, 20)
                assert scrape(process)["edge_forwarder_attempts_total", "a", "accepted"] == 1
                assert place(tmp_path, "a") == (0, [[2, 2]])
        finally:
            stop.set()


def test_gone_is_a_condition_until_reload(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    backend.answer = lambda _request: (410, {}, b"")
    outbox.append("a")
    site = site_of(tmp_path, sink_of("a", backend.url))
    with child("forwarder", site, tmp_path) as process:
        until(lambda: "sink-gone-a" in process.active())
        outbox.append("a")
        assert scrape(process)["edge_forwarder_disabled_ratio", "a", ""] == 1
        backend.answer = lambda _request: (200, {}, b"")
        process.send(Reload(str(write_site(site, tmp_path / "again.msgpack"))))
        until(lambda: place(tmp_path, "a") == (2, []))
        assert process.active() == {}
    assert backend.ids() == ["a.1", "a.1", "a.2"]


def test_reload_adds_removes_and_filters_sinks(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    outbox.append("a", "call.started")
    outbox.append("a", "dtmf.received")
    outbox.append("a", "call.ended")
    second = Backend()
    try:
        with child("forwarder", site_of(tmp_path, sink_of("one", backend.url)), tmp_path) as process:
            until(lambda: len(backend.received) == 3)
            new = site_of(tmp_path, sink_of("two", second.url, types=["call.*"]))
            process.send(Reload(str(write_site(new, tmp_path / "new.msgpack"))))
            until(lambda: second.ids() == ["a.1", "a.3"])  # from the oldest event kept
            outbox.append("b")
            until(lambda: second.ids() == ["a.1", "a.3", "b.1"])
            assert len(backend.received) == 3
            process.send(
                Reload(str(write_site(site_of(tmp_path, sink_of("one", backend.url)), tmp_path / "old.msgpack")))
            )
            until(lambda: backend.ids()[3:] == ["b.1"])  # its place was remembered
    finally:
        second.close()


def test_a_sink_that_becomes_one_of_another_type_goes_on_where_it_was(
    tmp_path: Path, outbox: OutboxWriter, backend: Backend
) -> None:
    outbox.append("a")
    file = tmp_path / "events.jsonl"
    with child("forwarder", site_of(tmp_path, sink_of("one", backend.url)), tmp_path) as process:
        until(lambda: place(tmp_path, "one") == (1, []))
        new = site_of(tmp_path, FileSettings(name="one", path=str(file)).sink())
        process.send(Reload(str(write_site(new, tmp_path / "new.msgpack"))))
        process.send(AskOf(1, "sinks", b"null"))
        until(lambda: file.exists() or outbox.append("a"))
        until(lambda: (place(tmp_path, "one") or (0,))[0] == len(outbox.ids))
    ids = backend.ids() + [json.loads(line)["id"] for line in file.read_bytes().splitlines()]
    assert ids == outbox.ids


def test_a_bad_secret_is_told_and_stops_no_other_sink(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    outbox.append("a")
    bad = sink_of("bad", backend.url, secret="whsec_!!!a")
    with child("forwarder", site_of(tmp_path, bad, sink_of("good", backend.url)), tmp_path) as process:
        until(lambda: backend.ids() == ["a.1"])
        assert list(process.active()) == ["sink-settings-bad"]
        assert "!!!a" not in process.errors.read_text()


def test_dead_letters_are_kept_with_their_body(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    backend.answer = lambda request: (422 if request.id == "a.1" else 200, {}, b"")
    outbox.append("a")
    outbox.append("a")
    with child("forwarder", site_of(tmp_path, sink_of("a", backend.url, max_attempts=2)), tmp_path) as process:
        until(lambda: place(tmp_path, "a") == (2, []))
        assert scrape(process)["edge_forwarder_dead_letters_total", "a", ""] == 1
    with closing(sqlite3.connect(tmp_path / "state" / "delivery.db")) as connection:
        letters = connection.execute("SELECT sink, id, call, attempts, result, body FROM dead_letters").fetchall()
    assert letters == [("a", "a.1", "a", 2, "refused", backend.received[0].body)]


def test_it_starts_before_the_outbox_exists(tmp_path: Path, backend: Backend) -> None:
    (tmp_path / "state").mkdir()
    with child("forwarder", site_of(tmp_path, sink_of("a", backend.url)), tmp_path):
        OutboxWriter(tmp_path / "state").append("a")
        until(lambda: backend.ids() == ["a.1"])


def test_events_that_were_purged_are_counted(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    site = site_of(tmp_path, sink_of("a", backend.url))
    outbox.append("a")
    with child("forwarder", site, tmp_path):
        until(lambda: place(tmp_path, "a") == (1, []))
    for _ in range(4):
        outbox.append("a")
    outbox.connection.execute("DELETE FROM events WHERE sequence < 4")
    with child("forwarder", site, tmp_path) as process:
        until(lambda: place(tmp_path, "a") == (5, []))
        assert scrape(process)["edge_forwarder_missing_events_total", "a", ""] == 2


def test_without_room_on_disk_it_waits_and_goes_on(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    """A locked file fails its writes as a full disk does: the same exception at the same place."""
    site = site_of(tmp_path, sink_of("a", backend.url))
    with (
        child("forwarder", site, tmp_path) as process,
        closing(sqlite3.connect(tmp_path / "state" / "delivery.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN EXCLUSIVE")
        for _ in range(3):
            outbox.append("a")
        until(lambda: "sink-storage-a" in process.active(), 30)
        assert backend.ids() == ["a.1"]  # what is not recorded holds back what follows it
        other.execute("ROLLBACK")
        until(lambda: place(tmp_path, "a") == (3, []), 30)
        until(lambda: process.active() == {})
    assert backend.ids() == ["a.1", "a.2", "a.3"]


def test_delivery_state_of_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    path = tmp_path / "state" / "delivery.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")
    before = path.read_bytes()
    with child("forwarder", site_of(tmp_path), tmp_path, ready=False) as process:
        assert process.process.wait(20) == 78
    assert path.read_bytes() == before


def test_an_outbox_that_was_replaced_is_read_from_its_start(
    tmp_path: Path, outbox: OutboxWriter, backend: Backend
) -> None:
    site = site_of(tmp_path, sink_of("a", backend.url))
    for _ in range(5):
        outbox.append("a")
    with child("forwarder", site, tmp_path):
        until(lambda: place(tmp_path, "a") == (5, []))
    outbox.connection.close()
    for file in (tmp_path / "state").glob("state.db*"):
        file.unlink()
    OutboxWriter(tmp_path / "state").append("new")
    with child("forwarder", site, tmp_path):
        until(lambda: "new.1" in backend.ids())


def test_a_wake_of_switch_is_heard_at_once_and_again_after_its_restart(
    tmp_path: Path, outbox: OutboxWriter, backend: Backend
) -> None:
    """Wakes arrive over the real link; the counting server would see polling only once a second."""
    woken = threading.Event()
    path = tmp_path / "link.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen(8)
        with child("forwarder", site_of(tmp_path, sink_of("a", backend.url)), tmp_path):
            for life in range(2):
                pump = Pump()
                names: list[str] = []

                def connected(peer: object, pump: Pump = pump, names: list[str] = names) -> None:
                    names.append(peer.process)  # type: ignore[attr-defined]
                    outbox.append("a")
                    peer.send(Command(CommandId(f"w{len(names)}"), Wake(len(outbox.ids))))  # type: ignore[attr-defined]
                    woken.set()
                    pump.stop()

                server = LinkServer(
                    listener.dup().detach(), lambda _p, _i: 0, lambda *_: None, connected, lambda _peer: None
                )
                server.attach(pump)
                pump.run()
                assert names == ["forwarder"]
                until(lambda: len(backend.received) == life + 1)  # noqa: B023 - called at once
                server.close()


def test_ready_is_told_once(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    with child("forwarder", site_of(tmp_path, sink_of("a", backend.url)), tmp_path) as process:
        outbox.append("a")
        until(lambda: backend.ids() == ["a.1"])
        process.listen()
        assert not [message for message in process.heard if isinstance(message, Ready)]


def test_credentials_path_and_query_of_the_url_are_used_as_written(
    tmp_path: Path, outbox: OutboxWriter, backend: Backend
) -> None:
    outbox.append("a")
    url = backend.url.replace("http://", "http://crm:p%40ss@") + "/in%20box?key=v%2Fw"
    with child("forwarder", site_of(tmp_path, sink_of("a", url)), tmp_path) as process:
        until(lambda: backend.ids() == ["a.1"])
        assert "p%40ss" not in process.errors.read_text()
    request = backend.received[0]
    assert request.path == "/events/in%20box?key=v%2Fw"
    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"crm:p@ss").decode()
    assert request.headers["host"] == f"127.0.0.1:{backend.port}"
