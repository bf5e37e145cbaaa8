"""The real forwarder killed at random moments while it serves a sink of each type whose receiver acknowledges."""

import json
import random
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from edge.config.sink_settings import FileSettings
from edge.config.site import Paths, Site
from edge.vocabulary.supervision import Scrape, Scraped
from tests.support.brokers import Broker, Mosquitto, Nats, Rabbit, RedisServer
from tests.support.child import child
from tests.support.outbox import OutboxWriter
from tests.support.waiting import until


def place(folder: Path, sink: str) -> tuple[int, list[list[int]]] | None:
    with closing(sqlite3.connect(folder / "state" / "delivery.db")) as connection:
        try:
            row = connection.execute("SELECT cursor, ahead FROM sinks WHERE name = ?", (sink,)).fetchone()
        except sqlite3.OperationalError:  # it is being made
            return None
    return None if row is None else (row[0], json.loads(row[1]))


SEED = 20_261_122
LIVES = 6


@pytest.fixture
def brokers(rabbit: Rabbit) -> Iterator[list[Broker]]:
    with ExitStack() as stack:
        made: list[Broker] = []
        for kind in (Nats, Mosquitto, RedisServer):
            made.append(kind())
            stack.callback(made[-1].remove)
        rabbit.empty()
        stack.callback(rabbit.empty)
        yield [*made, rabbit]
        for broker in made:
            broker.thaw()


def test_nothing_is_lost_and_what_comes_twice_has_its_id(tmp_path: Path, brokers: list[Broker]) -> None:
    dice = random.Random(SEED)
    outbox = OutboxWriter(tmp_path / "state")
    path = tmp_path / "events.jsonl"
    sinks = [broker.settings(max_backoff_ms=1000) for broker in brokers]
    sinks.append(FileSettings(name="file", path=str(path)))
    site = Site(name="box", paths=Paths(state=str(tmp_path / "state")), sinks=[one.sink() for one in sinks])
    for life in range(LIVES):
        for number in range(100):
            outbox.append(f"call{life}x{number % 9}")
        with child("forwarder", site, tmp_path) as process:
            # Until something is under way or done: then it dies, some moments later.
            until(lambda: (place(tmp_path, "file") or (0,))[0] > 0, 30)
            stopped = dice.choice(brokers)
            stopped.freeze()
            for _ in range(dice.randrange(4)):
                process.send(Scrape(1))
                process.next(Scraped)
            stopped.thaw()
            process.process.send_signal(signal.SIGKILL)
            process.process.wait()
    with child("forwarder", site, tmp_path):
        for one in sinks:
            until(lambda name=one.name: place(tmp_path, name) == (len(outbox.ids), []), 60, one.name)  # type: ignore[misc]
    received = {one.name: broker.received for one, broker in zip(sinks, brokers, strict=False)}
    received["file"] = lambda: [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    for name, read in received.items():
        until(lambda read=read: set(read()) == set(outbox.ids), 20, name)  # type: ignore[misc]
        first = list(dict.fromkeys(read()))
        for call in {id_.partition(".")[0] for id_ in outbox.ids}:
            numbers = [int(id_.partition(".")[2]) for id_ in first if id_.partition(".")[0] == call]
            assert numbers == list(range(1, len(numbers) + 1)), (name, call)
