"""Forwarder killed again and again while it delivers: nothing lost, order kept, repetitions harmless."""

import os
import random
import signal
import sqlite3
import threading
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from edge.config.sink_settings import WebhookSettings
from edge.config.site import Paths, Site
from tests.support.addresses import address
from tests.support.appliance import appliance, sink
from tests.support.child import child
from tests.support.outbox import Backend, OutboxWriter, Request
from tests.support.softphone import Softphone
from tests.support.waiting import until

pytestmark = pytest.mark.system

KILLS = 20
#: Events of each call under way.
PARALLEL = 9


def test_kill_9_loses_nothing_and_keeps_the_order_of_each_call(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    outbox = OutboxWriter(tmp_path / "state")
    calls = [f"call{i}" for i in range(9)]

    def append(count: int) -> None:
        for _ in range(count):
            outbox.append(dice.choice(calls))

    trouble = random.Random(seed + 1)
    lock = threading.Lock()
    accepted: list[Request] = []

    def answer(request: Request) -> tuple[int, dict[str, str], bytes]:
        with lock:
            if trouble.random() < 0.1:
                return trouble.choice([500, 429, 400]), {}, b""
            accepted.append(request)
            return 200, {}, b"x" * trouble.choice([0, 10, 100_000])

    backend = Backend(answer)
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    sink = WebhookSettings(name="a", url=backend.url, secret=secret, max_backoff_ms=1000).sink()
    site = Site(name="box", paths=Paths(state=str(tmp_path / "state")), sinks=[sink])
    busy = 0
    before = 0
    try:
        for _ in range(KILLS):
            append(60)
            with child("forwarder", site, tmp_path) as process:
                wanted = len(backend.received) + dice.randint(1, 60)
                until(lambda: len(backend.received) >= wanted or len(set(ids(accepted))) == len(outbox.ids))  # noqa: B023 - called at once
                busy += len(set(ids(accepted))) < len(outbox.ids)
                process.kill()
            # What is recorded was accepted: the other way round there would be a gap that nobody sees.
            with closing(sqlite3.connect(tmp_path / "state" / "delivery.db")) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                row = connection.execute("SELECT cursor FROM sinks").fetchone()
            cursor = row[0] if row else 0
            assert cursor >= before
            before = cursor
            with lock:
                assert set(outbox.ids[:cursor]) <= set(ids(accepted))
        assert busy >= KILLS // 2, "the kills did not land in a delivery"
        with child("forwarder", site, tmp_path):
            until(lambda: len(set(ids(accepted))) == len(outbox.ids), 60)
    finally:
        backend.close()
    check(outbox, accepted)


def test_a_forwarder_that_cannot_live_turns_no_call_away(tmp_path: Path) -> None:
    """Killed in a loop: it is noted, the appliance stays ready, calls go on, and their events come when it is back."""
    with (
        address() as at,
        address() as other,
        closing(Backend()) as backend,
        appliance(at, tmp_path, extra=sink(backend.url)) as edge,
        Softphone(other) as phone,
    ):
        old: set[int] = set()

        def killed_again() -> bool:
            row = next(one for one in edge.processes() if one["name"] == "forwarder")
            if row["pid"] not in {None, 0, *old}:
                old.add(row["pid"])
                os.kill(row["pid"], signal.SIGKILL)
            return bool(row["crash_loop"])

        until(killed_again, 60, "a crash loop")
        status = edge.status()
        assert (status["ready"], status["takes_calls"], status["conditions"]) == (True, True, [])
        assert [(note["process"], note["condition"]) for note in status["notes"]] == [("forwarder", "process")]
        assert "crash loop" in status["notes"][0]["text"]
        with urllib.request.urlopen(f"http://{at}:8080/readyz", timeout=5) as answer:
            assert answer.status == 200
        call = phone.call(edge.uri)
        call.wait_answered()
        call.bye()
        call.wait_ended()
        ended = edge.wait_event("call.ended")
        until(lambda: ended["id"] in ids(backend.received), 60, "events come when it is back")
        assert edge.status()["notes"] == []


def ids(requests: list[Request]) -> list[str]:
    return [request.id for request in requests]


def check(outbox: OutboxWriter, accepted: list[Request]) -> None:
    bodies = dict(outbox.connection.execute("SELECT id, body FROM events").fetchall())
    assert set(bodies) == set(ids(accepted))
    assert all(request.body == bodies[request.id] for request in accepted)
    repeated = len(accepted) - len(bodies)
    assert repeated <= KILLS * PARALLEL
    for call in outbox.numbers:
        numbers = [int(id_.rpartition(".")[2]) for id_ in ids(accepted) if id_.startswith(f"{call}.")]
        # Only the last one before a kill can come twice, at once after itself: nothing ever goes backwards.
        assert numbers == sorted(numbers), (call, numbers)
        assert sorted(set(numbers)) == list(range(1, outbox.numbers[call] + 1))
