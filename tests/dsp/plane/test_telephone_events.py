"""RFC 4733 as peers really send it: one press is one digit."""

import numpy as np
import pytest

from dsp.plane import layout as lo
from dsp.plane import telephone_events as te
from tests.dsp.rig import te as payload

TICK = lo.TICK_NS


class Receiver:
    def __init__(self) -> None:
        self.leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
        self.now = 10**12
        self.told: list[tuple[str, int, int, bool]] = []
        self.began = 0

    def packet(self, event, ts, duration, end=False, marker=0, ssrc=7, volume=10):
        data = np.frombuffer(payload(event, duration, end, volume), np.uint8)
        out = np.zeros((te.ROWS, 5), np.int64)
        what, rows = te.take(self.leg, data, 0, len(data), marker, ts, ssrc, self.now, out)
        self.began += what == te.BEGAN
        for row in out[:rows]:
            self._note(row)

    def wait(self, ms=20):
        for _ in range(ms // 20):
            self.now += TICK
            out = np.zeros(5, np.int64)
            if te.expire(self.leg, self.now, out):
                self._note(out)

    def _note(self, row):
        self.told.append((chr(row[0]), round(row[2] / 1e6), int(row[3]), bool(row[4])))

    @property
    def digits(self):
        return "".join(t[0] for t in self.told)


@pytest.fixture
def r():
    return Receiver()


def press(r, event, ts, updates=5, ends=3, marker=1, lost=()):
    packets = [(160 * (i + 1), False) for i in range(updates)] + [(160 * updates, True)] * ends
    for i, (duration, end) in enumerate(packets):
        if i not in lost:
            r.packet(event, ts, duration, end, marker if i == 0 else 0)
        r.wait()


def test_a_plain_press(r):
    press(r, 5, 1000)
    r.wait(400)
    assert r.told == [("5", 100, -100, True)]
    assert r.began == 1


def test_all_sixteen_digits(r):
    for i in range(16):
        press(r, i, 1000 + 2000 * i)
        r.wait(100)
    assert r.digits == "0123456789*#ABCD"


def test_the_start_is_counted_back_from_the_first_packet(r):
    began = r.now
    out = np.zeros((te.ROWS, 5), np.int64)
    data = np.frombuffer(payload(1, 400, True), np.uint8)
    assert te.take(r.leg, data, 0, 4, 1, 1000, 7, began, out) == (te.BEGAN, 1)
    assert out[0, 1] == began - 400 * lo.NS_PER_SAMPLE


def test_no_marker_bit(r):
    press(r, 5, 1000, marker=0)
    r.wait(200)
    press(r, 5, 5000, marker=0)
    assert r.digits == "55"


@pytest.mark.parametrize("lost", [(0,), (0, 1, 2, 3, 4), (5, 6), (1, 3), (0, 2, 4, 6, 7), (0, 1, 2, 3, 4, 5, 6)])
def test_losses_that_leave_an_end_packet(r, lost):
    press(r, 5, 1000, lost=lost)
    r.wait(400)
    assert r.told == [("5", 100, -100, True)]


def test_lost_end_packets_end_by_time_out(r):
    press(r, 5, 1000, ends=0)
    assert r.told == []
    r.wait(200)
    assert r.told == [("5", 100, -100, False)]
    # the end packets were only late: still the same press
    r.packet(5, 1000, 800, True)
    r.wait(400)
    assert r.digits == "5"


def test_lost_end_packets_and_the_next_digit(r):
    press(r, 5, 1000, ends=0)
    press(r, 6, 2500)
    assert r.told == [("5", 100, -100, False), ("6", 100, -100, True)]


def test_lost_end_packets_and_the_same_digit_again(r):
    press(r, 5, 1000, ends=0)
    press(r, 5, 2600)
    assert [t[0] for t in r.told] == ["5", "5"]


def test_the_timestamp_moves_on_the_end_packets(r):
    for i in range(5):
        r.packet(5, 1000, 160 * (i + 1), marker=i == 0)
        r.wait()
    for i in range(3):
        r.packet(5, 1000 + 160 * i, 800, True)
        r.wait()
    r.wait(400)
    assert r.digits == "5"


def test_the_timestamp_moves_with_every_packet(r):
    for i in range(8):
        r.packet(5, 1000 + 160 * i, 160, end=i == 7, marker=i == 0)
        r.wait()
    r.wait(400)
    assert r.told == [("5", 160, -100, True)]


def test_a_long_event_goes_on_in_segments(r):
    r.packet(5, 1000, 0xFFFF, marker=1)
    r.wait()
    r.packet(5, 1000 + 0xFFFF, 160)
    r.wait()
    r.packet(5, 1000 + 0xFFFF, 320, True)
    assert r.told == [("5", round((0xFFFF + 320) / 8), -100, True)]


def test_end_packets_of_an_earlier_digit_that_come_late(r):
    press(r, 1, 1000)
    press(r, 2, 3000, ends=1)
    r.packet(1, 1000, 800, True)
    r.packet(2, 3000, 800, True)
    r.wait(400)
    assert r.digits == "12"


def test_fast_dialling_with_short_gaps(r):
    for i, event in enumerate([1, 1, 1, 2, 2]):
        press(r, event, 1000 + i * (320 + 320), updates=2, ends=2)  # 40 ms on, 40 ms off
    assert r.digits == "11122"


def test_the_timestamp_wraps(r):
    press(r, 7, 0xFFFFFF00)
    press(r, 7, 0x900)
    assert r.digits == "77"


@pytest.mark.parametrize("data", [b"", b"\x05", b"\x05\x0a\x00", b"\x11\x0a\x00\xa0", b"\xff" * 4])
def test_what_is_no_digit_is_ignored(r, data):
    array = np.frombuffer(data + bytes(8), np.uint8)
    out = np.zeros((te.ROWS, 5), np.int64)
    assert te.take(r.leg, array, 0, len(data), 1, 1, 1, r.now, out) == (te.IGNORED, 0)
