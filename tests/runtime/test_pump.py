"""The loop: what runs in which order, and what happens to a callback that raises."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.runtime.pump import EXIT_BUG, TIMERS_PER_TURN, Pump

ROOT = Path(__file__).parents[2]


class Clock:
    """Time that only the test moves."""

    def __init__(self) -> None:
        self.now_ms = 1_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pump(clock: Clock) -> Iterator[Pump]:
    pump = Pump("test", clock)
    yield pump
    pump.close()


def turn(pump: Pump) -> None:
    pump.at(0, lambda: None)  # due: the turn does not wait
    pump._turn()


def test_timers_fire_in_order_of_time_then_of_making(pump: Pump, clock: Clock) -> None:
    fired: list[str] = []
    pump.at(1_020, lambda: fired.append("c"))
    pump.at(1_010, lambda: fired.append("a"))
    pump.at(1_010, lambda: fired.append("b"))
    turn(pump)
    assert fired == []
    clock.now_ms = 1_020
    turn(pump)
    assert fired == ["a", "b", "c"]


def test_a_cancelled_timer_does_not_fire_even_when_cancelled_in_the_same_turn(pump: Pump) -> None:
    fired: list[str] = []
    second = pump.at(2, lambda: fired.append("second"))
    pump.at(1, second.cancel)
    turn(pump)
    assert fired == []
    assert not second.active
    second.cancel()


def test_periods_keep_their_grid_and_leave_missed_points_out(pump: Pump, clock: Clock) -> None:
    fired: list[int] = []
    timer = pump.every(100, lambda: fired.append(clock.now_ms))
    for clock.now_ms in (1_100, 1_199, 1_205, 1_570, 1_599, 1_600):
        turn(pump)
    assert fired == [1_100, 1_205, 1_570, 1_600]
    timer.cancel()
    clock.now_ms = 5_000
    turn(pump)
    assert len(fired) == 4


def test_a_timer_that_makes_itself_due_again_does_not_hold_the_turn(pump: Pump) -> None:
    fired: list[int] = []

    def again() -> None:
        fired.append(1)
        pump.at(0, again)

    again()
    for _ in range(3):
        turn(pump)
    assert len(fired) == 4


def test_a_burst_of_timers_is_spread_over_turns(pump: Pump) -> None:
    fired: list[int] = []
    for n in range(TIMERS_PER_TURN + 10):
        pump.at(5, lambda n=n: fired.append(n))
    turn(pump)
    assert len(fired) < TIMERS_PER_TURN + 10
    turn(pump)
    assert fired == list(range(TIMERS_PER_TURN + 10))


def test_cancelled_timers_do_not_fill_the_memory(pump: Pump) -> None:
    kept = pump.at(10**9, lambda: None)
    for _ in range(10_000):
        pump.at(10**9, lambda: None).cancel()
    assert len(pump._timers) < 200
    assert kept.active


def test_descriptors_are_watched_for_reading_and_writing_apart(pump: Pump) -> None:
    ours, theirs = socket.socketpair()
    seen: list[str] = []
    with ours, theirs:
        pump.watch(ours.fileno(), lambda: seen.append("read"))
        pump.watch_writable(ours.fileno(), lambda: seen.append("write"))
        turn(pump)
        assert seen == ["write"]
        pump.unwatch_writable(ours.fileno())
        theirs.send(b"x")
        turn(pump)
        assert seen == ["write", "read"]
        pump.unwatch(ours.fileno())
        turn(pump)
        assert seen == ["write", "read"]
        pump.unwatch(ours.fileno())


def test_the_number_of_a_closed_descriptor_can_be_watched_again(pump: Pump) -> None:
    seen: list[str] = []
    ours, theirs = socket.socketpair()
    number = ours.fileno()
    pump.watch(number, lambda: seen.append("old"))
    ours.close()
    theirs.close()
    pump.unwatch(number)
    read, write = os.pipe()
    if read != number:
        os.dup2(read, number)
    pump.watch(number, lambda: seen.append("new"))
    os.write(write, b"x")
    turn(pump)
    assert seen == ["new"]
    for fd in {read, write, number}:
        os.close(fd)


def test_a_reader_unwatched_by_an_earlier_one_of_the_turn_is_not_called(pump: Pump) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    seen: list[int] = []

    def read(n: int) -> None:
        seen.append(n)
        for ours, _ in pairs:
            pump.unwatch(ours.fileno())

    for n, (ours, theirs) in enumerate(pairs):
        pump.watch(ours.fileno(), lambda n=n: read(n))
        theirs.send(b"x")
    turn(pump)
    assert len(seen) == 1
    for pair in pairs:
        for end in pair:
            end.close()


def test_after_turn_runs_last(pump: Pump) -> None:
    order: list[str] = []
    pump.after_turn(lambda: order.append("commit"))
    pump.at(0, lambda: order.append("timer"))
    turn(pump)
    turn(pump)
    assert order == ["timer", "commit", "commit"]


def test_an_exception_ends_the_process_with_70(pump: Pump, capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError("a bug")

    pump.at(0, fail)
    with pytest.raises(SystemExit) as left:
        pump.run()
    assert left.value.code == EXIT_BUG
    assert pump.faults == 1
    assert "ValueError: a bug" in capfd.readouterr().err


def test_system_exit_passes_through_with_its_own_code(pump: Pump) -> None:
    pump.at(0, lambda: sys.exit(3))
    with pytest.raises(SystemExit) as left:
        pump.run()
    assert left.value.code == 3
    assert pump.faults == 0


def test_stop_ends_run_after_the_turn(pump: Pump) -> None:
    order: list[str] = []
    pump.at(0, pump.stop)
    pump.after_turn(lambda: order.append("commit"))
    pump.run()
    assert order == ["commit"]


def test_other_threads_post_into_the_loop() -> None:
    pump = Pump("test")
    seen: list[tuple[int, int]] = []
    me = threading.get_ident()

    def work() -> None:
        for n in range(5_000):
            pump.post(lambda n=n: seen.append((n, threading.get_ident())))
        pump.post(pump.stop)

    thread = threading.Thread(target=work)
    pump.at(0, thread.start)
    pump.run()
    thread.join()
    assert seen == [(n, me) for n in range(5_000)]
    pump.close()


def test_signals_are_called_in_the_loop() -> None:
    code = (
        "import os, signal\n"
        "from edge.runtime.pump import Pump\n"
        "pump = Pump('test')\n"
        "seen = []\n"
        "pump.on_signal(signal.SIGTERM, lambda: seen.append('TERM') or os.kill(os.getpid(), signal.SIGHUP))\n"
        "pump.on_signal(signal.SIGHUP, lambda: seen.append('HUP') or pump.stop())\n"
        "pump.at(0, lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
        "pump.run()\n"
        "pump.close()\n"
        "print(seen)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "['TERM', 'HUP']"
