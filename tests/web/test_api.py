"""The API of the real process, over the outbox that the real store has written."""

import asyncio
import json
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import wsproto
from wsproto.events import AcceptConnection, Ping, RejectConnection, RejectData, TextMessage
from wsproto.events import Request as Handshake

from edge.config.site import ApiToken, Http, Paths, Site
from edge.core.access.gate import hash_of
from edge.storage.store import Store
from edge.storage.turn import Turn
from edge.switch.rows import site_event_row
from edge.vocabulary import events, site_events
from edge.vocabulary.access import ROLES
from edge.vocabulary.endings import EndReason
from edge.vocabulary.events import Envelope
from edge.vocabulary.ids import LegId, RecordingId
from edge.vocabulary.private import Private
from edge.vocabulary.supervision import Answered, Reload, Stop
from edge.vocabulary.wire import pack, to_json
from tests.storage.writer import call_row
from tests.support.certificates import Authority
from tests.web.test_web import Web, requests_by, running

TOKENS = {role: f"edge_{role}" for role in ROLES}
NUMBER = "+4930901820123"


def site_of(folder: Path, **more: Any) -> Site:
    tokens = [
        ApiToken(name=role, hash=hash_of(token), role=role, rate=1000, burst=1000) for role, token in TOKENS.items()
    ]  # type: ignore[arg-type]
    tokens.append(ApiToken(name="slow", hash=hash_of("edge_slow"), role="viewer", rate=1, burst=3))
    return Site(
        name="box",
        paths=Paths(state=str(folder), recordings=str(folder / "recordings")),
        api_tokens=tokens,
        **more,
    )


class Appliance:
    """Web, and what switch has written."""

    def __init__(self, web: Web, store: Store, folder: Path) -> None:
        self.web, self.store, self.folder = web, store, folder

    def get(self, path: str, role: str = "integrator", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKENS.get(role, role)}", **more.pop("headers", {})}
        return httpx.get(f"{self.web.url}/api/v1{path}", headers=headers, timeout=30, **more)

    def write(self, *made: Any, call: str = "c1") -> None:
        turn = Turn()
        for one in made:
            row = site_event_row(one, self.number(), "2026-11-22T10:00:00.000Z", "box")
            if not isinstance(one, site_events.TrunkUp):
                envelope = Envelope(
                    id=row.id,
                    source=f"edge/{call}",
                    type=row.type,
                    subject=call,
                    time=row.time,
                    callseq=row.callseq,
                    data=one,
                )
                row = row._replace(call=call, body=to_json(envelope))
            turn.events.append(row)
        self.store.write(turn)

    def number(self) -> int:
        self._number = getattr(self, "_number", 0) + 1
        return self._number


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    with made(tmp_path_factory.mktemp("api")) as appliance:
        yield appliance


@contextmanager
def made(folder: Path, **more: Any) -> Iterator[Appliance]:
    store = Store(folder / "state.db")
    (folder / "recordings").mkdir()
    with running(folder, site_of(folder, **more)) as web:
        appliance = Appliance(web, store, folder)
        rows = {
            name: call_row(name, state)._replace(
                caller=NUMBER, called="sip:demo@example.org", started=f"2026-11-22T10:00:0{at}Z"
            )
            for at, (name, state) in enumerate([("c0", "ended"), ("c1", "open"), ("c2", "ended")])
        }
        store.write(Turn(calls=rows))
        sound = folder / "recordings" / "c1-1.wav"
        sound.write_bytes(bytes(range(256)) * 10)
        (folder / "elsewhere.wav").write_bytes(b"secret")
        appliance.write(started(), site_events.TrunkUp(trunk="t", rtt_ms=1.0, down_ms=5), recorded(sound, "c1-1"))
        appliance.write(recorded(folder / "elsewhere.wav", "c1-2"))
        yield appliance
    store.close()


def started() -> events.CallStarted:
    return events.CallStarted(
        direction="incoming",
        trunk="t",
        caller=Private(NUMBER),
        caller_name=Private("Ann"),
        called=Private("17"),
        sip_call_id="x",
        headers={"X-Account": Private("4711")},
    )


def recorded(path: Path, name: str) -> events.RecordingCompleted:
    return events.RecordingCompleted(
        recording=RecordingId(name),
        leg=LegId("c1.1"),
        path=str(path),
        duration_ms=10,
        gap_ms_left=0,
        gap_ms_right=0,
        size_bytes=2560,
        sha256="0",
    )


def ended() -> events.CallEnded:
    return events.CallEnded(end=EndReason(outcome="completed", ended_by="caller"), duration_ms=1, answered_ms=1)


def test_nobody_comes_in_without_a_token_and_roles_are_kept(box: Appliance) -> None:
    url = box.web.url + "/api/v1/calls"
    answer = httpx.get(url)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="edge"')
    for header in ("Bearer wrong", "Basic YTpi", "Bearer", "Bearer " + "x" * 600, "edge_admin"):
        assert httpx.get(url, headers={"Authorization": header}).status_code == 401, header
    paths = httpx.get(box.web.url + "/openapi.json").json()["paths"]
    least = {
        path: operation["get"]["description"].rpartition("role `")[2].removesuffix("`.")
        for path, operation in paths.items()
        if path.startswith("/api/v1") and "get" in operation
    }
    ranks = list(TOKENS)
    for path, role in least.items():
        place = path.removeprefix("/api/v1").replace("{id}", "x")
        if place == "/events/stream":
            continue
        for rank, tried in enumerate(ranks):
            allowed = rank >= ranks.index(role)
            assert (box.get(place, tried).status_code == 403) != allowed, (place, tried)
    assert len(least) > 10


def test_numbers_are_masked_for_who_may_not_see_them(box: Appliance) -> None:
    assert box.get("/calls", "integrator").json()["calls"][0]["caller"] == NUMBER
    for role in ("viewer", "operator"):
        calls = box.get("/calls", role).json()["calls"]
        assert {(one["caller"], one["called"]) for one in calls} == {("***123", "***")}
        data = box.get("/events?type=call.started", role).json()["events"][0]["event"]["data"]
        assert (data["caller"], data["caller_name"], data["called"]) == ("***123", "***", "***")
        assert data["headers"] == {"X-Account": "***"}
        assert data["trunk"] == "t"
    assert box.get("/events?type=call.started").json()["events"][0]["event"]["data"]["caller"] == NUMBER


def test_operators_see_numbers_where_the_site_says_so_and_new_tokens_hold_at_once(tmp_path: Path) -> None:
    with made(tmp_path) as box:
        assert box.get("/me", "operator").json() == {"name": "operator", "role": "operator", "sees_numbers": False}
        new = site_of(tmp_path, http=Http(operators_see_numbers=True))
        tokens = [*new.api_tokens[1:], ApiToken(name="late", hash=hash_of("edge_late"), role="viewer")]
        (tmp_path / "new").write_bytes(pack(Site(name="box", paths=new.paths, http=new.http, api_tokens=tokens)))
        box.web.process.send(Reload(str(tmp_path / "new")))
        requests_by(box.web, "edge_web_open_streams")  # answered after the reload was done
        assert box.get("/calls", "operator").json()["calls"][0]["caller"] == NUMBER
        assert box.get("/me", "edge_late").status_code == 200
        assert box.get("/me", "viewer").status_code == 401


def test_wrong_tokens_are_counted_and_slowed_and_right_ones_are_not(tmp_path: Path) -> None:
    # One of its own: what is used up here others would miss.
    with made(tmp_path) as box:
        with made_client(box, "nobody") as client:
            answers = [client.get("/me") for _ in range(30)]
        assert answers[-1].status_code == 429
        assert answers[-1].headers["retry-after"] == "3"
        assert {one.status_code for one in answers} == {401, 429}
        assert box.get("/me", "viewer").status_code == 200
        assert requests_by(box.web, "edge_web_refused_requests_total", reason="failures") > 0
        with made_client(box, "edge_slow") as client:
            answers = [client.get("/me") for _ in range(12)]
        assert [one.status_code for one in answers[:3]] == [200, 200, 200]
        refused = [one for one in answers if one.status_code == 429]
        assert refused
        assert refused[0].headers["retry-after"] == "1"


def made_client(box: Appliance, token: str) -> httpx.Client:
    return httpx.Client(base_url=f"{box.web.url}/api/v1", headers={"Authorization": f"Bearer {token}"})


def test_calls_come_in_pages_and_one_with_its_legs(box: Appliance) -> None:
    assert [one["id"] for one in box.get("/calls").json()["calls"]] == ["c2", "c1", "c0"]
    assert [one["id"] for one in box.get("/calls?limit=1&before=c2").json()["calls"]] == ["c1"]
    assert [one["id"] for one in box.get("/calls?state=open").json()["calls"]] == ["c1"]
    leg = {
        "id": "c1.1",
        "trunk": "t",
        "address": "127.0.0.1:5060",
        "signalling": "up",
        "media": "open",
        "mode": "talk",
        "sound": {"muted": True, "deaf": False},
        "held": False,
        "on_hold": False,
    }
    live = {"id": "c1", "phase": "running", "node": "ask", "legs": [leg]}
    box.web.answers["switch", "calls"] = json.dumps([live]).encode()
    box.write(events.MenuEntered(menu="main", menu_version="1", node="ask", kind="gather"))
    found = box.get("/calls/c1").json()
    assert (found["phase"], found["node"], found["path"], found["events"]) == ("running", "ask", ["ask"], 4)
    assert (found["legs"][0]["id"], found["legs"][0]["muted"]) == ("c1.1", True)
    missing = box.get("/calls/nothing")
    assert (missing.status_code, missing.json()) == (404, {"error": "no such call"})


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/calls?limit=0", "limit"),
        ("/calls?limit=many", "limit"),
        ("/calls?limt=5", "limt"),
        ("/calls?limit=1&limit=2", "limit"),
        ("/calls?state=closed", "state"),
        ("/events?type=call", "type[0]"),
        ("/events?after=-1", "after"),
        ("/events/stream?after=x", "after"),
    ],
)
def test_what_is_wrong_with_a_parameter_is_said_with_its_name(box: Appliance, asked: str, path: str) -> None:
    answer = box.get(asked)
    assert answer.status_code == 400, answer.text
    assert answer.json()["path"] == path
    assert answer.json()["error"]


def test_events_come_in_pages_by_type_and_call(box: Appliance) -> None:
    every = box.get("/events").json()
    types = [one["event"]["type"] for one in every["events"]]
    assert types[:4] == ["call.started", "trunk.up", "recording.completed", "recording.completed"]
    page = box.get("/events?limit=1").json()
    assert (page["last"], len(page["events"])) == (1, 1)
    assert box.get(f"/events?limit=1&after={page['last']}").json()["events"][0]["event"]["type"] == "trunk.up"
    some = box.get("/events?type=call.*,trunk.up").json()["events"]
    assert {one["event"]["type"] for one in some} == {"call.started", "trunk.up"}
    assert {one["event"]["subject"] for one in box.get("/events?call=c1").json()["events"]} == {"c1"}
    assert box.get("/events?type=menu.*").json()["last"] == every["last"]


def test_a_recording_is_given_out_whole_or_in_part_and_nothing_else_is(box: Appliance) -> None:
    whole = box.get("/recordings/c1-1")
    assert (whole.status_code, len(whole.content), whole.headers["content-type"]) == (200, 2560, "audio/wav")
    part = box.get("/recordings/c1-1", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == "bytes 10-19/2560"
    assert box.get("/recordings/c1-1", headers={"Range": "bytes=-5"}).content == whole.content[-5:]
    assert box.get("/recordings/c1-1", headers={"Range": "bytes=2550-"}).content == whole.content[2550:]
    beyond = box.get("/recordings/c1-1", headers={"Range": "bytes=9999-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */2560")
    for nothing in ("c1-2", "c1-9", "..%2f..%2fetc%2fpasswd", "x"):
        assert box.get(f"/recordings/{nothing}").status_code == 404, nothing
    listed = box.get("/recordings?limit=1", "viewer").json()
    assert [one["id"] for one in listed["recordings"]] == ["c1-2"]
    assert box.get(f"/recordings?before={listed['last']}").json()["recordings"][0]["id"] == "c1-1"


def test_what_others_know_is_asked_of_them(box: Appliance) -> None:
    box.web.answers["dialer", "campaigns"] = b'[{"name": "spring"}]'
    assert box.get("/campaigns", "viewer").json() == {"campaigns": [{"name": "spring"}]}
    box.web.status = Answered(0, b"", "front did not answer within 5000 ms")
    answer = box.get("/trunks", "viewer")
    assert (answer.status_code, answer.json()) == (503, {"error": "front did not answer within 5000 ms"})


def lines_of(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """Read Server-Sent Events."""
    found: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line:
            if "data" in found:
                yield found
            found = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            found[name] = value


def test_a_stream_goes_on_where_it_was(box: Appliance) -> None:
    headers = {"Authorization": f"Bearer {TOKENS['viewer']}"}
    url = f"{box.web.url}/api/v1/events/stream"
    with httpx.stream("GET", f"{url}?after=0&type=call.*", headers=headers, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        come = lines_of(answer)
        first = next(come)
        assert (first["id"], first["event"]) == ("1", "call.started")
        assert json.loads(first["data"])["data"]["caller"] == "***123"
        box.write(ended(), site_events.TrunkUp(trunk="u", rtt_ms=1.0, down_ms=5), started(), call="c7")
        second = next(come)
        assert second["event"] == "call.ended"
    # The connection is lost here; of what was written meanwhile nothing is.
    with httpx.stream(
        "GET", f"{url}?after=0", headers={**headers, "Last-Event-ID": second["id"]}, timeout=30
    ) as answer:
        come = lines_of(answer)
        assert [next(come)["event"] for _ in range(2)] == ["trunk.up", "call.started"]
    with httpx.stream("GET", f"{url}?call=c8", headers=headers, timeout=30) as answer:  # from now on
        box.write(started(), call="c9")
        box.write(started(), call="c8")
        assert json.loads(next(lines_of(answer))["data"])["subject"] == "c8"


class Socket:
    """A WebSocket of the test's own."""

    def __init__(self, port: int, path: str, token: str, last: str = "") -> None:
        self._port, self._connection = port, wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        headers = [(b"Authorization", f"Bearer {token}".encode())]
        headers += [(b"Last-Event-ID", last.encode())] if last else []
        self._hello = Handshake(host="127.0.0.1", target=path, extra_headers=headers)

    async def __aenter__(self) -> "Socket":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(self._connection.send(self._hello))
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._writer.close()

    async def next(self) -> Any:
        while True:
            for event in self._connection.events():
                if isinstance(event, Ping):
                    self._writer.write(self._connection.send(event.response()))
                elif isinstance(event, AcceptConnection | RejectConnection | RejectData):
                    return event
                elif isinstance(event, TextMessage):
                    return json.loads(event.data)
            data = await asyncio.wait_for(self._reader.read(65536), 30)
            self._connection.receive_data(data or None)


def test_a_websocket_says_the_same(box: Appliance) -> None:
    async def body() -> None:
        path = "/api/v1/events/ws?type=trunk.*,call.started"
        async with Socket(box.web.port, path, "edge_viewer", last="1") as socket:
            assert isinstance(await socket.next(), AcceptConnection)
            found = await socket.next()
            assert (found["sequence"], found["event"]["type"]) == (2, "trunk.up")
            box.write(started(), call="w1")
            while found["event"]["subject"] != "w1":
                found = await socket.next()
            assert found["event"]["data"]["caller"] == "***123"
        for token, place, status, fault in (
            ("nobody", path, 401, ""),
            ("edge_viewer", path + "&x=1", 400, "x"),
            ("edge_viewer", path + "&after=-1", 400, "after"),
        ):
            async with Socket(box.web.port, place, token) as socket:
                refused = await socket.next()
                assert isinstance(refused, RejectConnection)
                assert refused.status_code == status
                said = dict(refused.headers)
                assert said[b"content-type"] == b"application/json"
                assert (b"www-authenticate" in said) == (status == 401)
                told = await socket.next()
                assert isinstance(told, RejectData)
                problem = json.loads(told.data)
                assert problem["error"]
                assert problem.get("path", "").removeprefix("$.") == fault

    asyncio.run(body())


def test_streams_end_when_it_stops(tmp_path: Path) -> None:
    with made(tmp_path) as box:
        headers = {"Authorization": f"Bearer {TOKENS['viewer']}"}
        with httpx.stream("GET", f"{box.web.url}/api/v1/events/stream?after=0", headers=headers, timeout=30) as answer:
            come = lines_of(answer)
            assert next(come)["event"] == "call.started"
            assert requests_by(box.web, "edge_web_open_streams") == 1
            box.web.process.send(Stop())
            list(come)
        assert box.web.process.process.wait(10) == 0


def test_metrics_take_a_token_beyond_loopback(tmp_path: Path) -> None:
    with made(tmp_path, http=Http(address="192.0.2.1", behind_proxy=True)) as box:
        assert httpx.get(box.web.url + "/healthz").status_code == 200
        assert httpx.get(box.web.url + "/metrics").status_code == 401
        headers = {"Authorization": f"Bearer {TOKENS['viewer']}"}
        assert httpx.get(box.web.url + "/metrics", headers=headers).status_code == 200


def test_an_operation_is_followed_by_its_calls_events(box: Appliance) -> None:
    box.store.write(Turn(calls={name: call_row(name, "open") for name in ("p1", "o1")}))
    assert box.get("/operations/p1-op4").status_code == 404
    box.write(events.OrderStarted(operation="p1-op4", act="gather", node="ask"), call="p1")
    assert box.get("/operations/p1-op4").json() == {
        "id": "p1-op4",
        "call": "p1",
        "state": "running",
        "result": "",
        "digits": "",
    }
    box.write(events.OrderEnded(operation="p1-op4", result="matched", digits=Private("4711")), call="p1")
    box.write(events.OrderStarted(operation="p1-op5", act="play", node="ask"), call="p1")
    box.write(events.OrderEnded(operation="p1-op5", result="refused"), call="p1")
    box.write(events.LegStarted(leg=LegId("p1.2"), target=Private("17"), trunk=""), call="p1")
    done = box.get("/operations/p1-op4").json()
    assert (done["state"], done["result"], done["digits"]) == ("done", "matched", "4711")
    assert box.get("/operations/p1-op4", "viewer").json()["digits"] == "***"
    assert (box.get("/operations/p1-op5").json()["state"], box.get("/operations/p1.2").json()["state"]) == (
        "failed",
        "running",
    )
    assert box.get("/operations/o1").json()["state"] == "running"
    box.write(events.OrderStarted(operation="p1-op6", act="play", node="ask"), ended(), call="p1")
    box.write(events.CallAnswered(after_ms=5), call="o1")
    assert box.get("/operations/p1-op6").json()["result"] == "ended"
    assert box.get("/operations/p1.2").json()["state"] == "failed"
    assert box.get("/operations/o1").json()["result"] == "answered"


def post(box: Appliance, path: str, body: Any, role: str = "integrator", **headers: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {TOKENS[role]}", **headers}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{box.web.url}/api/v1{path}", content=content, headers=headers, timeout=30)


def test_an_act_is_switchs_with_who_wanted_it_and_its_key(box: Appliance) -> None:
    box.web.answers["switch", "act"] = b'{"status": 200, "answer": {"call": "o7"}}'
    order = {"target": "+4930123456", "menu": "main"}
    answer = post(box, "/calls", order, **{"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()) == (202, {"operation": "o7", "call": "o7"})
    asked = json.loads(box.web.asked[-1].body)
    assert (asked["token"], asked["role"], asked["source"], asked["act"], asked["key"]) == (
        *("integrator", "integrator", "127.0.0.1", "originate", "k1"),
    )
    assert asked["body"]["target"] == "+4930123456"
    digest = asked["digest"]
    post(box, "/calls", {**order, "ring_timeout_ms": 60_000}, **{"Idempotency-Key": "k1"})
    assert json.loads(box.web.asked[-1].body)["digest"] == digest  # a default that is said is the same request
    post(box, "/calls", {**order, "menu": "other"}, **{"Idempotency-Key": "k1"})
    assert json.loads(box.web.asked[-1].body)["digest"] != digest
    box.web.answers["switch", "act"] = b'{"status": 409, "error": "the leg is on hold"}'
    answer = post(box, "/calls/c1/legs/1/hold", {"on": True})
    assert (answer.status_code, answer.json()) == (409, {"error": "the leg is on hold"})
    assert json.loads(box.web.asked[-1].body)["body"] == {"on": True, "id": "c1", "leg": "1"}
    assert post(box, "/calls", order, "operator").status_code == 403
    assert post(box, "/reload", b"", "integrator").status_code == 403


def test_what_others_do_is_told_too(box: Appliance) -> None:
    box.web.answers |= {
        ("dialer", "campaign"): b'{"campaign": "spring", "state": "paused"}',
        ("switch", "acted"): b"{}",
        (
            "supervisor",
            "reload",
        ): b'{"ok": false, "error": "there are faults", "errors": ["site.toml:1:1: x"]}',
    }
    assert post(box, "/campaigns/spring/state", {"state": "paused"}, "operator").json() == {"campaign": "spring"}
    told = json.loads(box.web.asked[-1].body)
    assert (told["act"], told["subject"], told["why"]) == ("campaign_paused", "spring", "")
    answer = post(box, "/reload", b"", "admin")
    assert (answer.status_code, "site.toml:1:1: x" in answer.json()["error"]) == (409, True)
    assert json.loads(box.web.asked[-1].body)["why"]


SHOWN = {
    "preview": "p1", "agent": "anna", "campaign": "spring", "list": "customers", "contact": "7", "language": "de",
    "attributes": {"name": "Ada"}, "number": "***456", "label": "", "left_s": 20, "then": "skip", "ready": True,
    "attempts": [{"attempt": "d1", "campaign": "spring", "started_ms": 1, "disposition": "busy", "results": []}],
}  # fmt: skip


def test_agents_look_at_contacts_and_say_what_came_of_talks(box: Appliance) -> None:
    box.web.answers |= {
        ("dialer", "preview"): json.dumps(SHOWN).encode(),
        ("dialer", "preview_accept"): b'{"accepted": "p1"}',
        ("switch", "acted"): b"{}",
        ("switch", "act"): b'{"status": 200, "answer": {"name": "anna"}}',
    }
    assert box.get("/agents/anna/preview", "operator").json() == SHOWN
    assert box.get("/agents/anna/preview", "viewer").status_code == 403
    assert post(box, "/agents/anna/preview", {"what": "accept"}, "operator").json() == {"agent": "anna"}
    asked, told = [json.loads(one.body) for one in box.web.asked[-2:]]
    assert asked == {"agent": "anna", "reason": "", "by": "operator"}
    assert (told["act"], told["subject"]) == ("preview_accept", "anna")
    assert post(box, "/agents/anna/preview", {"what": "wait"}, "operator").status_code == 400
    order = {"code": "callback", "note": "in spring", "at": "2026-11-30T14:00:00+01:00"}
    assert post(box, "/agents/anna/result", order, "operator").json() == {"agent": "anna"}
    asked = json.loads(box.web.asked[-1].body)
    assert asked["act"] == "agent_result"
    assert asked["body"] == {"agent": "anna", "code": "callback", "note": "in spring", "at_ms": 1796043600000}
    for at in ("2026-11-30T14:00:00", "soon"):
        answer = post(box, "/agents/anna/result", {"code": "x", "at": at}, "operator")
        assert (answer.status_code, answer.json()["path"]) == (400, "$.at"), at
    answer = post(box, "/agents/anna/result", {"code": "x", "at": "2026-02-30T14:00:00Z"}, "operator")
    assert (answer.status_code, answer.json()["path"]) == (409, "$.at")


def test_lists_are_handed_in(box: Appliance) -> None:
    taken = {"new": 1, "changed": 0, "same": 0, "kept": 0, "refused": [{"index": 1, "field": "number", "reason": "x"}]}
    box.web.answers |= {("dialer", "contacts"): json.dumps(taken).encode(), ("switch", "acted"): b"{}"}
    contacts = [{"number": "030 1"}, {"number": "x"}]
    answer = post(box, "/lists/spring/contacts", {"contacts": contacts, "country": "DE"})
    assert (answer.status_code, answer.json()) == (200, taken)
    asked = [json.loads(one.body) for one in box.web.asked[-2:]]
    assert asked[0] == {"list": "spring", "contacts": contacts, "country": "DE"}
    assert (asked[1]["act"], asked[1]["subject"]) == ("contacts", "spring")
    box.web.answers["dialer", "suppress"] = b'{"new": 2, "same": 0, "refused": []}'
    assert post(box, "/do_not_call", {"numbers": ["+4930", "+4931"]}).json()["new"] == 2
    assert post(box, "/do_not_call", {"numbers": ["+4930"]}, "operator").status_code == 403
    assert post(box, "/do_not_call", {"numbers": []}).status_code == 400
    large = [{"number": "1", "text": "x" * 3900}] * 16
    assert post(box, "/lists/spring/contacts", {"contacts": large}).status_code == 413


def test_events_are_sent_again_by_the_forwarder(box: Appliance) -> None:
    box.web.answers |= {
        ("forwarder", "replay"): b'{"id": 3, "sink": "crm", "events": 17}',
        ("forwarder", "sinks"): b'[{"name": "crm"}]',
        ("switch", "acted"): b"{}",
    }
    assert post(box, "/replays", {"sink": "crm"}).status_code == 409
    answer = post(box, "/replays", {"sink": "crm", "call": "c1", "types": ["call.*"]})
    assert answer.json() == {"id": 3, "sink": "crm", "events": 17}
    asked = json.loads(next(one.body for one in reversed(box.web.asked) if one.what == "replay"))
    assert asked["chosen"] == {"call": "c1", "types": ["call.*"], "since": "", "until": ""}
    assert json.loads(box.web.asked[-1].body)["act"] == "replay"
    assert box.get("/sinks", "viewer").json() == {"sinks": [{"name": "crm"}]}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"target": "x", "menu": "m", "colour": 1}, "$.colour"),
        ({"target": 5, "menu": "m"}, "$.target"),
        ({"target": "x", "menu": "m", "ring_timeout_ms": "60000"}, "$.ring_timeout_ms"),
        ({"target": "x", "menu": "m", "headers": {"From": "y"}}, "$.headers"),
        ({"menu": "m"}, "$"),
        (b"{", "$"),
        (b"\xff", "$"),
        (b"[]", "$"),
        (b"[" * 30_000, "$"),
    ],
)
def test_what_is_wrong_with_a_body_is_said_with_its_path(box: Appliance, body: Any, path: str) -> None:
    answer = post(box, "/calls", body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["path"].startswith(path)


def test_a_body_of_10_mb_is_refused(box: Appliance) -> None:
    answer = post(box, "/calls", b'{"target": "' + b"x" * 10_000_000)
    assert (answer.status_code, "error" in answer.json()) == (413, True)


def test_https_is_served_and_whoever_does_not_finish_his_handshake_is_cut_off(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    first = authority.issue("127.0.0.1")
    with made(tmp_path, http=Http(certificate=first.certificate, key=first.key)) as box:
        verify = ssl.create_default_context(cafile=authority.root)
        url = box.web.url.replace("http://", "https://") + "/api/v1/me"
        headers = {"Authorization": f"Bearer {TOKENS['viewer']}"}
        assert httpx.get(url, headers=headers, verify=verify).json()["name"] == "viewer"
        with pytest.raises(httpx.TransportError):
            httpx.get(url.replace("https://", "http://"), headers=headers)
        with socket.create_connection(("127.0.0.1", box.web.port), timeout=40) as silent:
            assert silent.recv(100) == b""
        # Another certificate in the same place is served from the reload on.
        other = authority.issue("127.0.0.1")
        shutil.copy(other.certificate, first.certificate)
        shutil.copy(other.key, first.key)
        before = ssl.get_server_certificate(("127.0.0.1", box.web.port))
        (tmp_path / "new").write_bytes(pack(site_of(tmp_path, http=Http(certificate=first.certificate, key=first.key))))
        box.web.process.send(Reload(str(tmp_path / "new")))
        requests_by(box.web, "edge_web_open_streams")
        assert ssl.get_server_certificate(("127.0.0.1", box.web.port)) != before
        assert httpx.get(url, headers=headers, verify=verify).status_code == 200


def test_what_callers_said_in_surveys(tmp_path: Path) -> None:
    about: dict[str, Any] = {"node": "rate", "menu": "main", "menu_version": "v1"}
    with made(tmp_path) as box:
        assert box.get("/surveys").json() == {"surveys": []}
        for call, value in (("s1", 1), ("s2", 2), ("s3", None)):
            target = Private(NUMBER)
            if value is not None:
                answer = {"question": "grade", "value": value, "least": 1, "most": 5, "reverse": True}
                box.write(events.SurveyAnswered(**about, **answer, target=target), call=call)
            done = {"complete": value is not None, "asked": ["grade"], "answered": ["grade"] if value else []}
            box.write(events.SurveyCompleted(**about, **done, target=target), call=call)
        (found,) = box.get("/surveys", "viewer").json()["surveys"]
        assert (found["of"], found["surveys"], found["completed"]) == ("main", 3, 2)
        (question,) = found["questions"]
        assert (question["asked"], question["answered"], question["mean"]["value"]) == (3, 2, 4.5)
        assert question["values"] == {"1": 1, "2": 1, "3": 0, "4": 0, "5": 0}
        for role, name in (("viewer", "***123"), ("integrator", NUMBER)):
            assert [one["of"] for one in box.get("/surveys?by=target", role).json()["surveys"]] == [name]
        assert box.get("/surveys?since=2026-11-22T09:00:00Z").json()["surveys"]
        assert box.get("/surveys?since=2027-01-01T00:00:00%2B01:00").json() == {"surveys": []}
        refused = box.get("/surveys?since=2026-02-30T00:00:00Z")
        assert (refused.status_code, refused.json()["path"]) == (400, "since")
        assert box.get("/surveys?by=colour").status_code == 400
