"""Calls that have ended leave as vCons."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from edge.config.sink_settings import VconFileSettings, VconWebhookSettings
from tests.forwarder.test_forwarder import SECRET, place, site_of
from tests.support.child import child
from tests.support.outbox import Backend, OutboxWriter
from tests.support.waiting import until

BEGIN = {"direction": "incoming", "trunk": "t", "caller": "030123", "caller_name": "", "called": "100"}
END = {"end": {"outcome": "completed"}, "duration_ms": 9000, "answered_ms": 8000}
AT = "2026-11-22T18:00:00.000Z"


@pytest.fixture
def outbox(tmp_path: Path) -> OutboxWriter:
    return OutboxWriter(tmp_path / "state")


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    yield made
    made.close()


def talk(outbox: OutboxWriter, call: str, recordings: dict[Path, int]) -> None:
    outbox.append(call, "call.started", AT, BEGIN)
    outbox.append(call, "call.answered", AT, {"after_ms": 1})
    for path, size in recordings.items():
        path.write_bytes(bytes(size))
        told = {"recording": path.stem, "leg": f"{call}.1", "path": str(path), "duration_ms": 1000}
        outbox.append(call, "recording.completed", AT, told)
    outbox.append(call, "call.ended", AT, END)


def test_a_file_for_each_call(tmp_path: Path, outbox: OutboxWriter) -> None:
    folder = tmp_path / "vcon"
    folder.write_text("in the way")
    sink = VconFileSettings(name="a", folder=str(folder), inline_mb=1, max_backoff_ms=1000).sink()
    talk(outbox, "c1", {tmp_path / "small.wav": 1000, tmp_path / "large.wav": 1_000_001})
    outbox.append("c2", "call.started", AT, BEGIN)
    outbox.numbers["c3"] = 7  # its first events have left the outbox
    outbox.append("c3", "call.ended", AT, END)
    with child("forwarder", site_of(tmp_path, sink), tmp_path) as process:
        until(process.active, 20, "it says that it cannot write")
        folder.unlink()
        until(lambda: place(tmp_path, "a") == (7, []), 20)
        assert process.active() == {}
    (made,) = [path for path in folder.rglob("*") if path.is_file()]
    assert made == folder / "2026/11/22/c1.vcon.json"
    assert made.stat().st_mode & 0o777 == 0o640
    document = json.loads(made.read_bytes())
    assert base64.urlsafe_b64decode(document["dialog"][1]["body"] + "=" * 2) == bytes(1000)
    assert "body" not in document["dialog"][2], "too large, but told of"
    assert document["dialog"][2]["filename"] == "large.wav"
    assert len(document["attachments"][0]["body"]) == 5


def test_an_event_for_each_call(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    sink = VconWebhookSettings(name="a", url=backend.url, secret=SECRET, max_backoff_ms=1000).sink()
    replies = iter([(500, {}, b"")])
    backend.answer = lambda _request: next(replies, (200, {}, b""))
    talk(outbox, "c1", {tmp_path / "a.wav": 10})
    with child("forwarder", site_of(tmp_path, sink), tmp_path):
        until(lambda: place(tmp_path, "a") == (4, []), 20)
    first, second = backend.received
    assert first.body == second.body, "the same bytes again"
    Webhook(SECRET).verify(second.body, second.headers)
    event = json.loads(second.body)
    assert (event["id"], event["type"], event["subject"]) == ("c1.vcon", "vcon.created", "c1")
    assert (event["source"], event["datacontenttype"]) == ("edge/box", "application/vcon")
    assert event["data"]["vcon"] == "0.4.0"
    assert [one["type"] for one in event["data"]["dialog"]] == ["recording-set", "recording"]
