"""The real process on a real listener."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
from litestar import Litestar, get
from litestar.response import Stream
from prometheus_client.parser import text_string_to_metric_families

from edge.config.site import Paths, Site
from edge.metrics.forwarder import ForwarderMetrics
from edge.metrics.web import WebMetrics
from edge.vocabulary.supervision import AllScraped, Answered, Ask, Drain, Reload, Scrape, ScrapeAll, Scraped, Stop
from edge.vocabulary.wire import pack
from edge.web.api import read_status
from edge.web.server import MAX_CONNECTIONS, App, make_server
from tests.support.child import Child, child
from tests.support.waiting import until
from tests.web.test_families import text_of


class Web:
    """Web, and the supervisor's answers to it in a thread."""

    def __init__(self, process: Child, url: str, port: int) -> None:
        self.process = process
        self.url = url
        self.port = port
        self.silent = False
        #: What others than the supervisor answer, by process and request.
        self.answers: dict[tuple[str, str], bytes] = {}
        self.status: Answered = Answered(0, b'{"ready": true, "conditions": []}')
        self.texts: dict[str, str | None] = {}
        self.asked: list[Any] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._supervise)
        self._thread.start()

    def _supervise(self) -> None:
        while not self._stop.wait(0.005):
            self.process.listen()
            for message in list(self.process.heard):
                if not isinstance(message, ScrapeAll | Ask):
                    continue
                self.process.heard.remove(message)
                self.asked.append(message)
                if self.silent:
                    continue
                if isinstance(message, ScrapeAll):
                    self.process.send(AllScraped(message.id, self.texts))
                elif (message.process, message.what) in self.answers:
                    self.process.send(Answered(message.id, self.answers[message.process, message.what]))
                else:
                    self.process.send(msgspec.structs.replace(self.status, id=message.id))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


@contextmanager
def running(folder: Path, site: Site | None = None) -> Iterator[Web]:
    with (
        socket.create_server(("127.0.0.1", 0), backlog=512) as listener,
        os.fdopen(os.memfd_create("sip_trace"), "rb") as trace,
    ):
        port = listener.getsockname()[1]
        with child(
            "web",
            site or Site(name="box", paths=Paths(state=str(folder))),
            folder,
            {"http_listener": [listener.fileno()], "sip_trace": [trace.fileno()]},
        ) as process:
            web = Web(process, f"http://127.0.0.1:{port}", port)
            try:
                yield web
            finally:
                web.close()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with running(tmp_path_factory.mktemp("web")) as made:
        yield made


def test_liveness_needs_nobody_else(web: Web) -> None:
    web.silent = True
    try:
        answer = httpx.get(web.url + "/healthz")
    finally:
        web.silent = False
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_readiness_is_what_the_supervisor_says(web: Web) -> None:
    web.status = Answered(0, b'{"ready": true, "conditions": [], "processes": []}')
    answer = httpx.get(web.url + "/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "conditions": []})
    told = {"ready": False, "conditions": [{"process": "switch", "condition": "storage", "text": "disk full"}, "drain"]}
    web.status = Answered(0, json.dumps(told).encode())
    answer = httpx.get(web.url + "/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "conditions": ["switch: storage: disk full", "drain"]}
    web.status = Answered(0, b"", "no such process")
    assert httpx.get(web.url + "/readyz").json() == {"ready": False, "conditions": ["no such process"]}
    assert isinstance(web.asked[-1], Ask)
    assert (web.asked[-1].process, web.asked[-1].what) == ("supervisor", "status")


def test_a_silent_supervisor_is_not_ready_and_metrics_still_come(web: Web) -> None:
    web.silent = True
    try:
        answer = httpx.get(web.url + "/readyz", timeout=20)
        assert answer.status_code == 503
        assert answer.json()["conditions"] == ["the supervisor does not answer"]
        families = read(httpx.get(web.url + "/metrics", timeout=20).text)
    finally:
        web.silent = False
    assert families["edge_process_up"] == {"front": 0, "switch": 0, "media": 0, "forwarder": 0, "web": 1}
    assert families["edge_web_unanswered_questions"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"ready": "yes"}', b'{"ready": 1}', b"\xff", b"null"])
def test_only_a_plain_true_is_ready(body: bytes) -> None:
    assert not read_status(body).ready


def read(text: str) -> dict[str, dict[str, float]]:
    """Values by family and process label (or sample name)."""
    return {
        family.name: {sample.labels.get("process", sample.name): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
    }


def test_metrics_of_all_processes_in_one_valid_exposition(web: Web) -> None:
    metrics = ForwarderMetrics()
    metrics.known_sink("crm")
    web.process.send(Scrape(7))
    own = web.process.next(Scraped)
    assert own.id == 7
    web.texts = {"front": text_of("front"), "media": None, "switch": text_of("switch"), "web": own.text}
    answer = httpx.get(web.url + "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = read(answer.text)
    assert families["edge_process_up"] == {"front": 1, "switch": 1, "media": 0, "forwarder": 0, "web": 1}
    heads = [line for line in answer.text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    promtool = shutil.which("promtool")
    if promtool:
        subprocess.run([promtool, "check", "metrics"], input=answer.content, check=True)


def test_openapi_names_every_path(web: Web) -> None:
    document = httpx.get(web.url + "/openapi.json").json()
    assert document["openapi"].startswith("3.")
    assert {"/healthz", "/readyz", "/metrics"} == {path for path in document["paths"] if not path.startswith("/api/")}


def test_what_is_not_there_is_said_plainly(web: Web) -> None:
    answer = httpx.get(web.url + "/nothing%20here")
    assert answer.status_code == 404
    assert "error" in answer.json()
    assert "server" not in answer.headers
    assert httpx.post(web.url + "/metrics").status_code == 405


def requests_by(web: Web, name: str, **labels: str) -> float:
    web.process.send(Scrape(1))
    for family in text_string_to_metric_families(web.process.next(Scraped).text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return 0.0


@pytest.mark.parametrize(
    "sent",
    [
        b"",  # nothing at all
        b"GET /healthz HTTP/1.1\r\nX: y",  # half a header
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nxy",  # half a body
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHo",  # half a second request
    ],
)
def test_who_sends_too_slowly_is_cut_off(web: Web, sent: bytes) -> None:
    before = requests_by(web, "edge_web_closed_connections_total", reason="too_slow")
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as peer:
        peer.sendall(sent)
        with pytest.raises((ConnectionResetError, EOFError)):  # noqa: PT012
            while True:
                if not peer.recv(65536):
                    raise EOFError
    assert requests_by(web, "edge_web_closed_connections_total", reason="too_slow") == before + 1


def test_half_a_second_request_is_no_idle_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two deadlines are equally long: only a shorter one for idle connections shows which of them ran."""
    monkeypatch.setattr("edge.web.server.KEEP_ALIVE_S", 0.1)
    monkeypatch.setattr("edge.web.server.REQUEST_S", 0.5)
    metrics = WebMetrics()

    async def body() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = make_server(cast(App, Litestar()), metrics)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHo")
            with suppress(ConnectionResetError):
                await asyncio.wait_for(reader.read(), 30)
            writer.close()
            server.should_exit = True
            await task

    asyncio.run(body())
    assert metrics.registry.get_sample_value("edge_web_closed_connections_total", {"reason": "too_slow"}) == 1


def test_header_and_body_are_bounded(web: Web) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nX: " + b"y" * 70_000)
        assert peer.recv(100).startswith(b"HTTP/1.1 4")
    answer = httpx.post(web.url + "/healthz", content=b"x" * 100_000)
    assert answer.status_code in {405, 413}


def test_connections_are_bounded_and_come_free_again(web: Web) -> None:
    before = requests_by(web, "edge_web_closed_connections_total", reason="too_many")
    peers = [socket.create_connection(("127.0.0.1", web.port), timeout=30) for _ in range(MAX_CONNECTIONS + 20)]
    try:
        until(lambda: requests_by(web, "edge_web_closed_connections_total", reason="too_many") - before >= 20)
    finally:
        for peer in peers:
            peer.close()
    until(lambda: requests_by(web, "edge_web_open_connections") == 0, 30)
    assert httpx.get(web.url + "/healthz").status_code == 200


def test_rubbish_is_answered_and_survived(web: Web) -> None:
    for rubbish in (b"\x00" * 4000, b"INVITE sip:x SIP/2.0\r\n\r\n", b"GET \r\n\r\n", b"\r\n\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", web.port), timeout=30) as peer:
            peer.sendall(rubbish)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):
                pass
    assert httpx.get(web.url + "/healthz").status_code == 200


def test_it_stops_in_order_and_drains_and_reloads_without_harm(tmp_path: Path) -> None:
    with running(tmp_path) as web:
        web.process.send(Drain())
        (tmp_path / "new").write_bytes(pack(Site(name="box")))
        web.process.send(Reload(str(tmp_path / "new")))
        assert httpx.get(web.url + "/healthz").status_code == 200
        with socket.create_connection(("127.0.0.1", web.port)):  # an idle peer does not hold it up
            web.process.send(Stop())
            assert web.process.process.wait(10) == 0


def test_who_does_not_read_is_cut_off_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.web.server.READER_S", 0.3)
    metrics = WebMetrics()

    @get("/")
    async def endless() -> Stream:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 65536
                await asyncio.sleep(0)  # as all that is real does somewhere: else nothing could ever stop it

        return Stream(pieces())

    async def body() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = make_server(cast(App, Litestar([endless])), metrics)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            with socket.create_connection(listener.getsockname()) as silent:
                silent.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                count = ("edge_web_closed_connections_total", {"reason": "slow_reader"})
                async with asyncio.timeout(60):
                    while not metrics.registry.get_sample_value(*count):
                        await asyncio.sleep(0.01)
            server.should_exit = True
            await task

    asyncio.run(body())
