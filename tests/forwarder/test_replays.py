"""Events sent again: the real process, a real outbox, a real HTTP server, asked as the supervisor asks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.config.sink_settings import WebhookSettings
from edge.config.site import Paths, Site
from edge.vocabulary.supervision import Reload, Replied, Request
from tests.support.child import Child, child, write_site
from tests.support.outbox import Backend, OutboxWriter
from tests.support.waiting import until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def outbox(tmp_path: Path) -> OutboxWriter:
    return OutboxWriter(tmp_path / "state")


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    yield made
    made.close()


def site_of(folder: Path, backend: Backend, **more: Any) -> Site:
    fields: dict[str, Any] = {"name": "a", "url": backend.url, "secret": SECRET, "max_backoff_ms": 1000, **more}
    return Site(name="box", paths=Paths(state=str(folder / "state")), sinks=[WebhookSettings(**fields).sink()])


def asked(process: Child, what: str, body: Any = None) -> Any:
    process.send(Request(7, what, json.dumps(body).encode()))
    reply = process.next(Replied)
    return {"error": reply.error} if reply.error else json.loads(reply.body)


def listed(process: Child) -> Any:
    return asked(process, "replays")


def test_a_call_is_sent_again_in_order_beside_what_is_new(
    tmp_path: Path, outbox: OutboxWriter, backend: Backend
) -> None:
    for i in range(60):
        outbox.append(f"call{i % 3}", kind="call.started" if i < 3 else "dtmf.received")
    with child("forwarder", site_of(tmp_path, backend), tmp_path) as process:
        until(lambda: len(backend.received) == 60)
        first = {request.id: request.body for request in backend.received}
        dry = asked(process, "replay", {"sink": "a", "chosen": {"call": "call1"}, "dry_run": True})
        assert dry == {"id": 0, "sink": "a", "events": 20}
        assert listed(process) == []
        asked(process, "replay", {"sink": "a", "chosen": {"call": "call1", "types": ["dtmf.*"]}})
        outbox.append("new")
        until(lambda: len(backend.received) == 60 + 19 + 1)
        until(lambda: listed(process)[0]["how"] == "done")
        assert (listed(process)[0]["done"], listed(process)[0]["events"]) == (19, 19)
        again = backend.received[60:]
        assert [one.id for one in again if one.id != "new.1"] == [f"call1.{number}" for number in range(2, 21)]
        assert all(one.body == first[one.id] for one in again if one.id != "new.1")
        for wrong, said in (
            ({"sink": "b"}, "there is no sink 'b'; there are: a"),
            ({"sink": "a", "chosen": {"calls": 1}, "extra": 2}, "not a request"),
        ):
            assert said in asked(process, "replay", wrong)["error"]
        assert asked(process, "replay", {"sink": "a", "chosen": {"call": "nobody"}})["events"] == 0
        assert "no replay 99" in asked(process, "replay_cancel", {"id": 99})["error"]
        assert "unknown request" in asked(process, "dance")["error"]


def test_a_replay_goes_on_after_a_kill(tmp_path: Path, outbox: OutboxWriter, backend: Backend) -> None:
    for i in range(40):
        outbox.append(f"call{i % 4}")
    site = site_of(tmp_path, backend)
    with child("forwarder", site, tmp_path) as process:
        until(lambda: len(backend.received) == 40)
        backend.answer = lambda request: (204, {}, b"") if request.id.endswith((".1", ".2", ".3")) else (503, {}, b"")
        asked(process, "replay", {"sink": "a", "chosen": {"since": "2020-01-01T00:00:00.000Z"}})
        until(lambda: listed(process)[0]["done"] == 12)
        assert listed(process)[0]["how"] == "running"
        process.kill()
    backend.answer = lambda _request: (204, {}, b"")
    seen = len(backend.received)
    with child("forwarder", site, tmp_path) as process:
        until(lambda: listed(process)[0]["how"] == "done")
        assert listed(process)[0]["done"] == 40
        rest = [request.id for request in backend.received[seen:]]
        assert sorted(rest) == sorted(f"call{i}.{number}" for i in range(4) for number in range(4, 11))
        for i in range(4):
            assert [id_ for id_ in rest if id_.startswith(f"call{i}.")] == [f"call{i}.{n}" for n in range(4, 11)]


def test_dead_letters_are_listed_sent_again_and_deleted(
    tmp_path: Path, outbox: OutboxWriter, backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    def letters(*options: str) -> list[dict[str, Any]]:
        assert main(["events", "dead", "list", "--json", "--state", str(tmp_path / "state"), *options]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    backend.answer = lambda _request: (400, {}, b"")
    for i in range(6):
        outbox.append(f"call{i}")
    with child("forwarder", site_of(tmp_path, backend, max_attempts=1), tmp_path) as process:
        until(lambda: len(letters()) == 6)
        assert [(one["id"], one["attempts"], one["result"]) for one in letters("--sink", "a")][:2] == [
            ("call0.1", 1, "refused"),
            ("call1.1", 1, "refused"),
        ]
        assert letters("--sink", "b") == []
        assert main(["events", "dead", "show", "call2.1", "--state", str(tmp_path / "state")]) == 0
        assert json.loads(capsys.readouterr().out)["id"] == "call2.1"
        assert main(["events", "dead", "show", "call9.1", "--state", str(tmp_path / "state")]) == 1
        backend.answer = lambda request: (400 if request.id == "call1.1" else 204, {}, b"")
        chosen = {"sink": "a", "chosen": {"letters": True}, "letters": ["call0.1", "call1.1", "call5.1"]}
        assert asked(process, "replay", chosen)["events"] == 3
        until(lambda: listed(process)[0]["how"] == "done")
        until(lambda: [one["id"] for one in letters()] == ["call1.1", "call2.1", "call3.1", "call4.1"])
        assert asked(process, "dead_drop", {"sink": "a", "letters": ["call3.1", "call8.1"]}) == {"dropped": 1}
        outbox.connection.execute("DELETE FROM events")  # letters do not need the outbox
        backend.answer = lambda _request: (204, {}, b"")
        assert asked(process, "replay", {"sink": "a", "chosen": {"letters": True}})["events"] == 3
        until(lambda: letters() == [])
        assert json.loads(backend.received[-1].body)["id"] == backend.received[-1].id


def test_a_replay_waits_for_a_sink_that_is_gone_and_can_be_cancelled(
    tmp_path: Path, outbox: OutboxWriter, backend: Backend
) -> None:
    for i in range(4):
        outbox.append(f"call{i}")
    site = site_of(tmp_path, backend)
    with child("forwarder", site, tmp_path) as process:
        until(lambda: len(backend.received) == 4)
        backend.answer = lambda _request: (500, {}, b"")
        asked(process, "replay", {"sink": "a", "chosen": {"call": "call0"}})
        asked(process, "replay", {"sink": "a", "chosen": {"call": "call1"}})
        nobody = Site(name="box", paths=site.paths)
        process.send(Reload(str(write_site(nobody, tmp_path / "second.msgpack"))))
        until(lambda: [one["how"] for one in listed(process)] == ["waiting", "waiting"])
        assert asked(process, "replay_cancel", {"id": 1}) == {"id": 1}
        backend.answer = lambda _request: (204, {}, b"")
        process.send(Reload(str(write_site(site, tmp_path / "third.msgpack"))))
        until(lambda: [one["how"] for one in listed(process)] == ["done", "cancelled"])
        assert backend.ids()[-1] == "call1.1"
