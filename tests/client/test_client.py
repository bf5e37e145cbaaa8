"""The Python client against the real process that serves HTTP."""

import asyncio
import inspect
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from edge.client import ApiError, AsyncClient, Client, endpoints
from edge.client.operations import Operation, Operations
from edge.vocabulary import api, site_events
from edge.vocabulary.supervision import Answered
from tests.web.test_api import NUMBER, TOKENS, Appliance, made, started


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    with made(tmp_path_factory.mktemp("client")) as appliance:
        yield appliance


@pytest.fixture
def client(box: Appliance, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr("edge.client.asking.PAUSE_S", 0.01)
    with Client(box.web.url, TOKENS["integrator"]) as made_client:
        yield made_client


def test_what_is_read_is_typed(box: Appliance, client: Client, tmp_path: Path) -> None:
    assert client.me() == api.Me(name="integrator", role="integrator", sees_numbers=True)
    assert [one.caller for one in client.calls(state="open")] == [NUMBER]
    assert [one.id for one in client.calls(limit=1, before="c2")] == ["c1"]
    page = client.events(types=["call.*"], call="c1", limit=1)
    assert [one.event["type"] for one in page.events] == ["call.started"]
    assert {one.id for one in client.recordings().recordings} == {"c1-1", "c1-2"}
    client.save_recording("c1-1", tmp_path / "one.wav")
    assert (tmp_path / "one.wav").stat().st_size == 2560
    with pytest.raises(ApiError, match="404: no such recording"):
        client.save_recording("c1-2", tmp_path / "two.wav")
    box.web.answers["switch", "queues"] = b'[{"name": "sales"}]'
    assert client.queues() == [{"name": "sales"}]


def test_an_order_that_was_not_answered_is_sent_again_with_its_key(box: Appliance, client: Client) -> None:
    box.web.status = Answered(0, b"", "switch ended before it answered", is_silence=True)
    box.web.answers.pop(("switch", "act"), None)
    box.web.asked.clear()
    with pytest.raises(ApiError) as failed:
        client.hang_up("c1")
    assert failed.value.status == 503
    keys = [json.loads(one.body)["key"] for one in box.web.asked if one.what == "act"]
    assert len(keys) == 5
    assert len(set(keys)) == 1
    assert keys[0]
    box.web.answers["switch", "act"] = b'{"status": 200, "answer": {"call": "c1", "operation": "c1-op9"}}'
    begun = client.gather("c1", api.Gather(max_digits=4), key="mine")
    assert (begun.operation, json.loads(box.web.asked[-1].body)["key"]) == ("c1-op9", "mine")
    with pytest.raises(ApiError) as wrong:
        client.operation("c1-op9")
    assert (wrong.value.status, wrong.value.text) == (404, "no such operation")
    with pytest.raises(ApiError) as unread:
        client.calls(limit=5000)
    assert (unread.value.status, unread.value.path) == (400, "limit")


def test_a_stream_is_made_again_where_it_was_lost(
    box: Appliance, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = client.stream(types=["trunk.*"], after=0)
    assert next(came).event["type"] == "trunk.up"
    box.write(started(), site_events.TrunkUp(trunk="late", rtt_ms=1.0, down_ms=5))
    lost = iter([True])
    lines = httpx.Response.iter_lines

    def cut(answer: httpx.Response) -> Iterator[str]:
        if next(lost, False):
            raise httpx.ReadError("cut")
        return lines(answer)

    came.close()  # type: ignore[attr-defined]
    monkeypatch.setattr(httpx.Response, "iter_lines", cut)
    last = box.get("/events?type=trunk.*").json()["events"][0]["sequence"]
    again = client.stream(types=["trunk.*"], after=last)
    assert next(again).event["data"]["trunk"] == "late"
    assert next(lost, None) is None
    again.close()  # type: ignore[attr-defined]


def test_on_asyncio_the_same_is_awaited(box: Appliance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("edge.client.asking.PAUSE_S", 0.01)
    box.web.status = Answered(0, b"", "switch ended before it answered", is_silence=True)
    box.web.answers["switch", "act"] = b'{"status": 200, "answer": {"call": "c1", "operation": "c1-op9"}}'

    async def use() -> None:
        async with AsyncClient(box.web.url, TOKENS["integrator"]) as client:
            me, calls = await asyncio.gather(client.me(), client.calls(state="open"))
            assert (me.name, [one.caller for one in calls]) == ("integrator", [NUMBER])
            begun = await client.gather("c1", api.Gather(max_digits=4), key="mine")
            assert (begun.operation, json.loads(box.web.asked[-1].body)["key"]) == ("c1-op9", "mine")
            with pytest.raises(ApiError, match="404: no such operation"):
                await client.wait(begun)
            with pytest.raises(ApiError, match="400"):
                await client.calls(limit=5000)
            await client.save_recording("c1-1", tmp_path / "one.wav")
            assert (tmp_path / "one.wav").stat().st_size == 2560
            with pytest.raises(ApiError, match="404: no such recording"):
                await client.save_recording("c1-2", tmp_path / "two.wav")
            await follow(client)
            box.web.answers.pop(("switch", "act"))
            box.web.asked.clear()
            with pytest.raises(ApiError, match="503"):
                await client.hang_up("c1")
            assert len({json.loads(one.body)["key"] for one in box.web.asked if one.what == "act"}) == 1
            assert len(box.web.asked) == 5

    async def follow(client: AsyncClient) -> None:
        lost = iter([True])
        lines = httpx.Response.aiter_lines

        async def cut(answer: httpx.Response) -> AsyncIterator[str]:
            if next(lost, False):
                raise httpx.ReadError("cut")
            async for line in lines(answer):
                yield line

        monkeypatch.setattr(httpx.Response, "aiter_lines", cut)
        async with aclosing(client.stream(types=["trunk.*"], after=0)) as came:  # type: ignore[type-var]
            first = await anext(came)
        assert first.event["type"] == "trunk.up"
        assert next(lost, None) is None

    asyncio.run(use())


#: What is no operation of its own: the stream, and files.
OTHERS = {("GET", "/events/stream"), ("GET", "/recordings/{}")}


def test_there_is_a_method_for_each_endpoint(box: Appliance) -> None:
    document = httpx.get(f"{box.web.url}/openapi.json").json()
    there = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path.removeprefix("/api/v1")))
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith("/api/v1")
    }
    made = set()
    for name, one in vars(Operations).items():
        if isinstance(one, Operation):
            make = getattr(endpoints, name)
            needed = [
                parameter
                for parameter in inspect.signature(make, eval_str=True).parameters.values()
                if parameter.default is parameter.empty
            ]
            texts = {one.name: "X" if one.annotation is str else None for one in needed}
            request = make(
                *[texts[one.name] for one in needed if one.kind is one.POSITIONAL_OR_KEYWORD],
                **{one.name: True for one in needed if one.kind is one.KEYWORD_ONLY},
            )
            assert one.__doc__, name
            made.add((request.method, request.path.replace("/X", "/{}")))
    assert made | OTHERS == there
