"""What every type of sinks has to keep, as tests to be run against it: `pytest` finds them in a subclass.

    class TestMine(SinkContract):
        def receiver(self, folder):
            return MyServer(folder)

The sink is served as in the appliance, by the same queue out of a real outbox, while its receiver is slow, frozen,
killed and refuses. What a receiver can't be made to do, its test is left out: it says so by `NotImplementedError`.
"""

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

from edge.config.sink_settings import SinkSettings
from edge.core.delivery.model import RESULTS
from edge.core.delivery.progress import Progress
from edge.forwarder.runner import SinkRunner
from edge.forwarder.store import DeliveryStore
from edge.metrics.forwarder import ForwarderMetrics
from edge.storage.reader import Reader

#: Bound of what a failing test waits, seconds.
LIMIT_S = 30.0


class Receiver:
    """What a sink delivers to, in the hands of a test. Its methods are called while nothing of the sink runs."""

    def settings(self) -> SinkSettings:
        """Return the sink's settings. Let `timeout_ms` be short: a frozen receiver is waited for so long."""
        raise NotImplementedError

    def received(self) -> list[str]:
        """Return the ids of all events that it has, in the order of their arrival, repetitions included."""
        raise NotImplementedError

    def freeze(self) -> None:
        """Stop answering, connections stay open (SIGSTOP)."""
        raise NotImplementedError

    def thaw(self) -> None:
        """Go on."""
        raise NotImplementedError

    def kill(self) -> None:
        """Die; what was acknowledged is kept."""
        raise NotImplementedError

    def start(self) -> None:
        """Live again, at the same address."""
        raise NotImplementedError

    def refuse(self) -> None:
        """Take no events: no room, no permission."""
        raise NotImplementedError

    def accept(self) -> None:
        """Take them again."""
        raise NotImplementedError

    def remove(self) -> None:
        """End."""


class Bench:
    """A sink at work on an outbox of its own, in `folder`."""

    def __init__(self, folder: Path, settings: SinkSettings) -> None:
        self._sink = settings.sink()
        self._outbox_path = folder / "state.db"
        self._store_path = folder / "delivery.db"
        self._connection = sqlite3.connect(self._outbox_path, isolation_level=None)
        self._connection.executescript(
            "PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS events(sequence INTEGER PRIMARY KEY AUTOINCREMENT,"
            " id TEXT UNIQUE NOT NULL, call TEXT, callseq INTEGER, type TEXT, time TEXT, body BLOB)"
        )
        self._numbers: dict[str | None, int] = {}
        self.metrics = ForwarderMetrics()
        #: What the sink says that keeps it from taking events, by kind.
        self.conditions: dict[str, str] = {}
        #: All that it ever said.
        self.said: list[str] = []
        self.ids: list[str] = []
        self._runner: SinkRunner | None = None

    def append(self, call: str | None, kind: str = "call.started", padding: int = 0) -> str:
        """Write an event to the outbox; returns its id."""
        number = self._numbers[call] = self._numbers.get(call, 0) + 1
        id_ = f"{call}.{number}"
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        document = {
            "specversion": "1.0",
            "id": id_,
            "source": "//box",
            "type": kind,
            "subject": call,
            "time": now,
            "datacontenttype": "application/json",
            "callseq": number,
            "data": {"type": kind, "text": "grüße ✓ " + "x" * padding},
        }
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        self._connection.execute(
            "INSERT INTO events (id, call, callseq, type, time, body) VALUES (?, ?, ?, ?, ?, ?)",
            (id_, call, number, kind, now, body),
        )
        self.ids.append(id_)
        if self._runner is not None:
            self._runner.woken()
        return id_

    @property
    def taken(self) -> int:
        """How far the sink is, on disk."""
        store = DeliveryStore.open(self._store_path)
        try:
            return store.places().get(self._sink.name, 0)
        finally:
            store.close()

    def attempts(self, result: str) -> float:
        """How many events had this answer."""
        return self.metrics.attempts.labels(self._sink.name, result)._value.get()  # type: ignore[no-any-return]  # noqa: SLF001

    @asynccontextmanager
    async def running(self, *, dies: bool = False) -> AsyncIterator[None]:
        """Serve the sink meanwhile. `dies`: at the end everything is dropped as it is, as by `kill -9`."""
        store = DeliveryStore.open(self._store_path)
        outbox = Reader(self._outbox_path)
        store.begin(self._sink.name, 0)
        place = store.progress(self._sink.name) or Progress()
        self.metrics.known_sink(self._sink.name)
        self._runner = runner = SinkRunner(
            self._sink,
            place,
            site="box",
            outbox=outbox,
            store=store,
            metrics=self.metrics,
            on_condition=self._condition,
        )
        runner.woken()
        try:
            yield
        finally:
            self._runner = None
            if dies:
                store.close()  # nothing is recorded any more
            await runner.close()
            outbox.close()
            if not dies:
                store.close()

    def _condition(self, name: str, text: str) -> None:
        if text:
            self.conditions[name] = text
            self.said.append(text)
        else:
            self.conditions.pop(name, None)

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a state. Raises AssertionError."""
        end = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > end:
                counts = {result: self.attempts(result) for result in RESULTS}
                raise AssertionError(f"not reached within {LIMIT_S} s: {what}; {counts}; {self.said[-3:]}")
            await asyncio.sleep(0.005)

    async def all_taken(self) -> None:
        """Wait until the sink has taken all events."""
        await self.until(lambda: self.taken == len(self.ids), "all events are taken")


class SinkContract:
    """The tests. A subclass says what the receiver is."""

    #: Whether a receiver that is killed has afterwards all that it acknowledged before.
    durable: ClassVar[bool] = True
    #: Whether the sink hears from its receiver that it has an event. Without that, what is on its way to a receiver
    #: that hangs or dies may be lost, and the tests of that are left out.
    acknowledged: ClassVar[bool] = True

    def receiver(self, folder: Path) -> Any:
        """Make the receiver, a `Receiver` or what has its methods; `folder` is empty."""
        raise NotImplementedError

    def given(self, folder: Path) -> tuple[Any, Bench]:
        """Make receiver and bench."""
        (folder / "receiver").mkdir()
        receiver = self.receiver(folder / "receiver")
        return receiver, Bench(folder, receiver.settings())

    def check(self, receiver: Any, bench: Bench, *, repeated: bool) -> None:
        """All events are there, those of a call in order; none twice, unless `repeated`, then with the same id."""
        end = time.monotonic() + LIMIT_S
        while set(got := receiver.received()) != set(bench.ids) and time.monotonic() < end:
            time.sleep(0.02)  # some receivers are asked through others
        first = list(dict.fromkeys(got))
        assert sorted(first) == sorted(bench.ids), "an event is lost, or is none of ours"
        assert repeated or len(got) == len(first), "an event came twice"
        for call in {id_.rpartition(".")[0] for id_ in bench.ids} - {"None"}:
            numbers = [int(id_.rpartition(".")[2]) for id_ in first if id_.rpartition(".")[0] == call]
            assert numbers == sorted(numbers), f"events of {call} are out of order"

    def test_all_events_arrive_and_those_of_a_call_in_order(self, tmp_path: Path) -> None:
        """Nothing goes wrong: each once."""
        receiver, bench = self.given(tmp_path)

        async def body() -> None:
            for number in range(60):
                bench.append(f"call{number % 7}")
            bench.append(None, "trunk.up")
            async with bench.running():
                await bench.all_taken()
                bench.append("late", "call.ended", padding=20_000)
                await bench.all_taken()

        try:
            asyncio.run(body())
            # On a busy machine an attempt may take longer than it has, and is made again.
            self.check(receiver, bench, repeated=self._failed(bench))
            assert bench.conditions == {}
        finally:
            receiver.remove()

    def test_a_slow_receiver_loses_nothing(self, tmp_path: Path) -> None:
        """It runs for moments only."""
        receiver, bench = self.given(tmp_path)

        async def body() -> None:
            async with bench.running():
                for number in range(60):
                    if number % 10 == 0:
                        receiver.freeze()
                    bench.append(f"call{number % 7}")
                    if number % 10 == 5:
                        await asyncio.sleep(0.02)
                        receiver.thaw()
                await bench.all_taken()

        self._tried(receiver, body, bench)

    def test_a_frozen_receiver_is_waited_for(self, tmp_path: Path) -> None:
        """Attempts fail, and all is there when it goes on."""
        receiver, bench = self.given(tmp_path)

        async def body() -> None:
            async with bench.running():
                bench.append("before")
                await bench.all_taken()
                receiver.freeze()
                for number in range(30):
                    bench.append(f"call{number % 3}")
                await bench.until(lambda: self._failed(bench), "an attempt has failed")
                receiver.thaw()
                await bench.all_taken()

        if not self.acknowledged:
            receiver.remove()
            raise SkipTest("nothing is acknowledged")
        self._tried(receiver, body, bench)

    def test_a_receiver_is_killed_and_comes_back(self, tmp_path: Path) -> None:
        """Connections break, nobody listens for a while."""
        receiver, bench = self.given(tmp_path)

        async def body() -> None:
            async with bench.running():
                for number in range(30):
                    bench.append(f"call{number % 3}")
                if not (self.durable and self.acknowledged):
                    await bench.all_taken()
                    await asyncio.to_thread(self.check, receiver, bench, repeated=True)
                receiver.kill()
                for number in range(30):
                    bench.append(f"call{number % 3}")
                await bench.until(lambda: self._failed(bench), "an attempt has failed")
                await asyncio.to_thread(receiver.start)
                await bench.all_taken()

        self._tried(receiver, body, bench)

    def test_a_receiver_that_refuses_is_asked_again_and_said_of(self, tmp_path: Path) -> None:
        """Nothing counts as taken that was refused; people are told why; it goes on by itself."""
        receiver, bench = self.given(tmp_path)

        async def body() -> None:
            async with bench.running():
                bench.append("before")
                await bench.all_taken()
                await asyncio.to_thread(receiver.refuse)
                for number in range(6):
                    bench.append(f"call{number % 2}")
                await bench.until(lambda: bench.conditions, "the sink says what is wrong")
                await asyncio.to_thread(receiver.accept)
                await bench.all_taken()
            assert bench.conditions == {}

        self._tried(receiver, body, bench)

    def test_the_forwarder_dies_and_begins_anew(self, tmp_path: Path) -> None:
        """What was under way comes again, with the same id; nothing else does, and nothing is missing."""
        receiver, bench = self.given(tmp_path)
        dice = random.Random(7)  # noqa: S311 -- moments of death

        async def life(last: bool) -> None:
            async with bench.running(dies=not last):
                for number in range(20):
                    bench.append(f"call{number % 4}")
                if last:
                    await bench.all_taken()
                else:
                    await asyncio.sleep(dice.random() * 0.02)

        try:
            for number in range(6):
                asyncio.run(life(last=number == 5))
            self.check(receiver, bench, repeated=True)
        finally:
            receiver.remove()

    def _failed(self, bench: Bench) -> bool:
        return any(bench.attempts(result) for result in RESULTS if result != "accepted")

    def _tried(self, receiver: Any, body: Callable[[], Any], bench: Bench) -> None:
        try:
            asyncio.run(body())
            self.check(receiver, bench, repeated=True)
        except NotImplementedError as error:
            raise SkipTest("the receiver can't be made to do that") from error
        finally:
            receiver.remove()
