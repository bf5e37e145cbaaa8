"""Questions through a real NATS server."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg

from edge.config.site import Endpoint
from edge.vocabulary.private import Private
from tests.support.brokers import Nats
from tests.support.waiting import until
from tests.switch.test_asking import Desk


@pytest.fixture
def server() -> Iterator[Nats]:
    running = Nats()
    try:
        yield running
    finally:
        running.remove()


class Backend:
    """Answers on a subject; `say` is what it says, None: nothing."""

    def __init__(self) -> None:
        self.say: Any = {"result": "gold", "attributes": {"points": 3}}
        self.times = 1
        self.questions: list[Any] = []

    async def take(self, message: Msg) -> None:
        self.questions.append(json.loads(message.data))
        for _ in range(0 if self.say is None else self.times):
            await message.respond(self.say if isinstance(self.say, bytes) else json.dumps(self.say).encode())


@contextmanager
def backend(server: Nats) -> Iterator[Backend]:
    answering = Backend()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def do(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

    async def begin() -> Any:
        client = await nats.connect(server.url, reconnect_time_wait=0, max_reconnect_attempts=-1)
        await client.subscribe("ask.edge", queue="backends", cb=answering.take)
        await client.flush()
        return client

    client = do(begin())
    try:
        yield answering
    finally:
        do(client.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def desk_of(server: Nats, **more: Any) -> Desk:
    return Desk(Endpoint(name="pay", url=server.url, subject="ask.edge", **more))


def test_question_and_answer(server: Nats) -> None:
    desk = desk_of(server, breaker_failures=0)
    try:
        with backend(server) as answering:
            asked = desk.ask(values={"number": Private("+4930123")})
            assert (asked.outcome, asked.answer, asked.attributes) == ("ok", "gold", {"points": "3"})
            assert answering.questions == [{"id": "c1:1", "node": "card", "values": {"number": "+4930123"}}]
            answering.times = 2
            assert [desk.ask(number).outcome for number in (2, 3)] == ["ok", "ok"], "a second answer is nobody's"
            for say, error in ((b"<html>no</html>", "DecodeError"), (b"x" * 20_000, "the answer is too long")):
                answering.say = say
                assert (asked := desk.ask(4)).outcome == "failed"
                assert asked.error == error
            answering.say = None
            assert desk.ask(5, timeout_ms=200).outcome == "timeout"
        # As soon as the server has seen that the backend has gone.
        until(lambda: desk.ask(6, timeout_ms=300).error == "nobody answers on the subject", 30)
        assert "TLS" in desk.ask(7, secrets={"card": Private("".join(["49", "29"]))}).error
    finally:
        desk.asker.take([])


def test_a_server_that_freezes_dies_and_comes_back(server: Nats) -> None:
    desk = desk_of(server, breaker_failures=0)
    try:
        with backend(server) as answering:
            assert desk.ask().outcome == "ok"
            server.freeze()
            assert desk.ask(2, timeout_ms=300).outcome == "timeout"
            server.thaw()
            server.kill()
            assert desk.ask(3, timeout_ms=300).outcome in {"failed", "timeout"}
            server.start()
            until(lambda: desk.ask(4, timeout_ms=500).outcome == "ok", 30, "it is asked again")
            ids = [question["id"] for question in answering.questions]
            assert "c1:3" not in ids, "what was asked while it was away is not asked when nobody waits any more"
    finally:
        desk.asker.take([])


def test_nobody_there(address: str) -> None:
    desk = Desk(Endpoint(name="pay", url=f"nats://{address}:4222", subject="ask.edge"))
    try:
        assert desk.ask(timeout_ms=300).outcome in {"failed", "timeout"}
    finally:
        desk.asker.take([])
