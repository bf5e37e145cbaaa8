"""Sound through a card and back, where the card is made: what it does at its begin must not cost the measurement."""

import threading
import time

import numpy as np
import pytest

from dsp.loop import Signal, measure
from edge.cli.desk_sound import Device
from edge.cli.hw_bench import Bench, loop_of
from edge.cli.hw_sound import CardLoop, Times
from edge.config.devices import shipped_device
from edge.runtime.devices import Found
from tests.support.modem import Simulator
from tests.support.waiting import until

COUNT = 160


class Card:
    """A cable of a card: both sides are called block by block, but recording begins so many blocks late."""

    def __init__(self, late: int) -> None:
        self._late = late
        self._record: object = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def rate_of(self, device: Device, *, hears: bool) -> int:
        return 8000

    def stream(self, device: Device, rate: int, take: object, *, hears: bool) -> "Card":
        if hears:
            self._record = take
        else:
            self._thread = threading.Thread(target=self._run, args=(self._record, take))
            self._thread.start()
        return self

    def _run(self, record, play) -> None:
        blocks = 0
        while not self._over.is_set() and blocks < 5000:
            block, _ = play(None, COUNT, None, 0)
            blocks += 1
            if blocks > self._late:
                record(block, COUNT, None, 0)

    def close(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()


def test_what_is_said_before_a_card_records_is_not_part_of_the_signal():
    signal = Signal()
    device = Device(0, "made", 1, 1, 8000)
    recorded = CardLoop(Card(late=70), device, device).run(signal.samples)
    measured = measure(recorded.samples, signal)
    assert abs(measured.gain_db) < 0.01
    assert measured.slipped == 0


def test_what_came_before_anybody_listened_is_not_heard_of_a_modem(tmp_path):
    """In its control stream sound comes as long as there is a call."""
    profile = shipped_device("voice-modem-v253")
    with Simulator("voice", tmp_path / "modem") as modem:
        loud = tmp_path / "loud.raw"
        loud.write_bytes(b"\xff" * 8000)
        modem.do("set", loop=False)
        with Bench(profile, modem.port) as bench:
            bench.start()
            bench.call("+4930123456")
            modem.do("play", path=str(loud))
            until(lambda: modem.tell()["to_say"] == 0, 30)
            time.sleep(0.5)
            with loop_of(profile, Found(), bench) as sound:
                recorded = sound.run(np.zeros(1600, np.int16), 0)
    assert len(recorded.samples) >= 1600
    assert np.abs(recorded.samples).max() == 0


def test_it_ends_when_it_is_enough():
    device = Device(0, "made", 1, 1, 8000)
    asked = iter((False, True))
    silence = np.zeros(3600 * 8000, np.int16)
    assert len(CardLoop(Card(late=0), device, device).run(silence, 0, enough=lambda: next(asked)).samples) < len(
        silence
    )


@pytest.mark.parametrize("ppm", [-80.0, 0.0, 200.0])
@pytest.mark.parametrize("late_s", [0.0, 0.02])
def test_a_clock_is_told_as_well_as_it_is_known(ppm, late_s):
    """A server that gives sound late for a while, and then no more, has no other clock: it is known less well."""
    times = Times(8000)
    rng = np.random.default_rng(3)
    for block in range(650):
        late = late_s * max(0.0, 1 - block / 200) + rng.uniform(0, 0.001)
        times._at.append((0.02 * block / (1 + ppm * 1e-6) + late, 160 * block))
    clock = times.clock()
    assert clock is not None
    assert abs(clock.ppm - ppm) <= clock.within_ppm + 5
    assert clock.within_ppm < (60 if not late_s else 10_000)
