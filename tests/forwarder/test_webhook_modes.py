"""Batches, headers, certificates: the real process against real HTTP servers."""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from standardwebhooks import Webhook

from edge.config.sink_settings import WebhookSettings
from edge.config.site import Paths, Site
from tests.support.certificates import Authority
from tests.support.child import child
from tests.support.outbox import Backend, OutboxWriter, Reply, Request
from tests.support.waiting import until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "QUJD" * 8


@pytest.fixture
def outbox(tmp_path: Path) -> OutboxWriter:
    return OutboxWriter(tmp_path / "state")


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    yield made
    made.close()


def site_of(folder: Path, url: str, **more: Any) -> Site:
    fields: dict[str, Any] = {"name": "a", "url": url, "secret": SECRET, "max_backoff_ms": 1000, **more}
    return Site(name="box", paths=Paths(state=str(folder / "state")), sinks=[WebhookSettings(**fields).sink()])


def ids(requests: list[Request]) -> list[str]:
    return [event["id"] for request in requests for event in json.loads(request.body)]


def test_batches_are_bounded_signed_once_and_keep_the_order_of_each_call(
    tmp_path: Path, outbox: OutboxWriter, backend: Backend
) -> None:
    for i in range(3000):
        outbox.append(f"call{i % 7}")
    stored = dict(outbox.connection.execute("SELECT id, body FROM events").fetchall())
    with child("forwarder", site_of(tmp_path, backend.url, mode="batch", secret=f"{SECRET} {OTHER}"), tmp_path):
        until(lambda: len(ids(backend.received)) >= 3000)
        assert sorted(ids(backend.received)) == sorted(stored)
    assert len(backend.received) <= 30
    for request in backend.received:
        assert len(request.body) <= 256 * 1024
        assert request.headers["content-type"] == "application/cloudevents-batch+json"
        # The stored bytes go out as they are.
        assert request.body == b"[" + b",".join(stored[one["id"]] for one in json.loads(request.body)) + b"]"
        for secret in (SECRET, OTHER):
            Webhook(secret).verify(request.body, request.headers)
    for i in range(7):
        of_call = [id_ for id_ in ids(backend.received) if id_.startswith(f"call{i}.")]
        assert of_call == [f"call{i}.{n}" for n in range(1, len(of_call) + 1)]


def test_a_batch_comes_again_as_it_was_and_one_bad_event_holds_up_its_call_only(
    tmp_path: Path, outbox: OutboxWriter, backend: Backend
) -> None:
    for i in range(200):
        outbox.append(f"call{i % 10}")
    failed: list[Request] = []

    def answer(request: Request) -> Reply:
        if not failed:
            failed.append(request)
            return 503, {}, b""
        return (400 if '"call3.5"' in request.body.decode() else 204), {}, b""

    backend.answer = answer
    with child("forwarder", site_of(tmp_path, backend.url, mode="batch", max_attempts=12), tmp_path):
        until(lambda: "call3.6" in accepted(backend, "call3.5"), 60)
        until(lambda: len(set(accepted(backend, "call3.5"))) == 199)
    again = [request for request in backend.received if request.id == failed[0].id]
    assert len(again) >= 2
    assert {request.body for request in again} == {failed[0].body}
    for i in range(10):
        of_call = [id_ for id_ in accepted(backend, "call3.5") if id_.startswith(f"call{i}.")]
        assert of_call == sorted(of_call, key=lambda id_: int(id_.rpartition(".")[2]))


def accepted(backend: Backend, bad: str) -> list[str]:
    """Ids of the batches that were taken: all but the first request and those with `bad` in them."""
    found: list[str] = []
    for request in list(backend.received)[1:]:
        names = [event["id"] for event in json.loads(request.body)]
        found += [] if bad in names else names
    return found


def test_binary_mode_has_the_attributes_in_headers(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    outbox.append('caf\u00e9 "7" 100%')
    with child("forwarder", site_of(tmp_path, backend.url, mode="binary"), tmp_path):
        until(lambda: len(backend.received) == 1)
    (request,) = backend.received
    assert json.loads(request.body) == {"text": "gr\u00fc\u00dfe \u2713"}
    assert request.headers["content-type"] == "application/json"
    found = {name[3:]: value for name, value in request.headers.items() if name.startswith("ce-")}
    assert found["specversion"] == "1.0"
    assert found["type"] == "call.started"
    assert unquote(found["subject"]) == 'caf\u00e9 "7" 100%'
    assert found["subject"] == "caf%C3%A9%20%227%22%20100%25"
    assert "data" not in found


def test_a_receiver_that_wants_a_certificate_gets_ours_and_headers_come_from_files(
    tmp_path: Path, outbox: OutboxWriter, backend: Backend
) -> None:
    authority = Authority(tmp_path / "ca")
    theirs, ours = authority.issue("127.0.0.1"), authority.issue("edge.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(theirs.certificate, theirs.key)
    context.load_verify_locations(authority.root)
    context.verify_mode = ssl.CERT_REQUIRED
    backend.server.socket = context.wrap_socket(backend.server.socket, server_side=True, do_handshake_on_connect=False)
    url = backend.url.replace("http:", "https:")
    (tmp_path / "key").write_text("s3cret\n")
    outbox.append("call")
    headers = {"X-Api-Key": str(tmp_path / "key")}
    tls = {"ca_file": authority.root, "header_files": headers}
    mine = {"cert_file": ours.certificate, "key_file": ours.key}
    with child("forwarder", site_of(tmp_path, url, **tls), tmp_path) as process:
        until(lambda: "unreachable" in process.errors.read_text())
        assert backend.received == []
    with child("forwarder", site_of(tmp_path, url, **tls, **mine), tmp_path):
        until(lambda: len(backend.received) == 1)
        assert backend.received[0].headers["x-api-key"] == "s3cret"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ca_file": "/nowhere"}, "certificates can't be used"),
        ({"cert_file": "/nowhere"}, "certificates can't be used"),
        ({"header_files": {"X-Key": "/nowhere"}}, "header 'X-Key' can't be read"),
        ({"header_files": {"Host": "/etc/hostname"}}, "can't be a header"),
        ({"header_files": {"ce-id": "/etc/hostname"}}, "can't be a header"),
        ({"header_files": {"a b": "/etc/hostname"}}, "can't be a header"),
    ],
)
def test_settings_that_cannot_be_used_are_told(tmp_path: Path, outbox: OutboxWriter, wrong: Any, said: str) -> None:
    outbox.append("call")
    with child("forwarder", site_of(tmp_path, "http://127.0.0.1:9/", **wrong), tmp_path) as process:
        until(lambda: said in process.active().get("sink-settings-a", ""))
