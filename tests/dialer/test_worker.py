"""The thread of the engine: its beat goes on whatever is asked of it, and it ends when it is told to."""

import threading
from pathlib import Path

from edge.dialer.engine import Engine
from edge.dialer.process import Worker
from edge.runtime.pump import EXIT_BUG
from edge.storage.turn import StorageError
from tests.dialer.world import House
from tests.support.waiting import until


def test_questions_without_end_do_not_keep_it_from_dialling(tmp_path: Path) -> None:
    houses: list[House] = []
    failed: list[int] = []

    def make() -> Engine:
        houses.append(House(tmp_path, 3))
        houses[0].begin()
        return houses[0].engine

    worker = Worker(make, lambda _text: None, failed.append)

    def ask_again(engine: Engine) -> None:
        engine.desk.describe()
        worker.jobs.put(ask_again)

    worker.jobs.put(ask_again)
    worker.start()
    until(lambda: houses and len(houses[0].to_switch) >= 3, 20, "three calls are ordered")
    worker.jobs.put(None)
    worker.join(20)
    assert not worker.is_alive()
    assert failed == []


def test_a_store_that_cannot_be_opened_is_told_and_tried_again(tmp_path: Path) -> None:
    tries: list[int] = []
    told: list[str] = []
    made = threading.Event()

    def make() -> Engine:
        tries.append(1)
        if len(tries) == 1:
            raise StorageError("no such host")
        made.set()
        return House(tmp_path).engine

    worker = Worker(make, told.append, lambda _code: None)
    worker.start()
    assert made.wait(20)
    until(lambda: told[-1] == "", 20, "it works")
    worker.jobs.put(None)
    worker.join(20)
    assert told[0] == "no such host"


def test_a_fault_of_ours_ends_the_process(tmp_path: Path) -> None:
    failed: list[int] = []
    worker = Worker(lambda: House(tmp_path).engine, lambda _text: None, failed.append)
    worker.jobs.put(lambda _engine: {}["nothing"])
    worker.start()
    worker.join(20)
    assert failed == [EXIT_BUG]
