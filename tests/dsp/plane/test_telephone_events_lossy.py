"""N presses in are N digits out, whatever the network does to the packets, as far as it can be known."""

import random
from collections import Counter

import numpy as np
import pytest

from dsp.plane import layout as lo
from dsp.plane import telephone_events as te
from tests.dsp.naive.telephone_events import Press, Sender, Sent, known, packets, through
from tests.dsp.rig import te as payload

CODES = "0123456789*#ABCD!"
STEADY = [Sender(), Sender(marker=False), Sender(ends=1), Sender(marker=False, ends=1), Sender(wide=1)]


def received(arrived: list[tuple[int, Sent]], wide: int = 0) -> list[tuple[str, float, bool]]:
    """(digit, duration in ms, end seen) in the order they were told."""
    leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
    leg.te_wide = wide
    told: list[tuple[str, float, bool]] = []
    out = np.zeros((te.ROWS, 5), np.int64)
    base, now = 10**12, 0

    def note(rows: int) -> None:
        told.extend((chr(row[0]), row[2] / 1e6, bool(row[4])) for row in out[:rows])

    for at_ms, packet in arrived:
        while now + 20 <= at_ms:
            now += 20
            note(te.expire(leg, base + now * 1_000_000, out[0]))
        data = np.frombuffer(payload(packet.event, packet.duration, packet.end), np.uint8)
        _, rows = te.take(leg, data, 0, 4, int(packet.marker), packet.ts, 7, base + at_ms * 1_000_000, out)
        note(rows)
    note(te.expire(leg, base + (now + 1000) * 1_000_000, out[0]))
    return told


def dialled(dice: random.Random, count: int, shortest: int = 2) -> list[Press]:
    """Presses of 40 ms to 200 ms, gaps of 40 ms to 160 ms (ITU-T Q.24), half of them of the key before."""
    out: list[Press] = []
    for _ in range(count):
        event = out[-1].event if out and dice.random() < 0.5 else dice.randrange(17)
        out.append(Press(event, dice.randrange(shortest, 11), dice.randrange(2, 9)))
    return out


@pytest.mark.parametrize("sender", STEADY)
@pytest.mark.parametrize("loss", [0.0, 0.05, 0.3, 0.7])
def test_each_press_that_anything_came_of_is_one_digit_in_order(sender, loss):
    dice = random.Random(f"{sender}{loss}")
    for _ in range(25):
        presses = dialled(dice, 20)
        sent = packets(sender, presses, dice.randrange(1 << 32), sender.wide)
        arrived = through(dice, sent, loss, 0, 0.1)
        told = received(arrived, sender.wide)
        assert [digit for digit, _, _ in told] == [CODES[presses[n].event] for n in known(arrived)]
        if loss == 0.0:
            assert [ms for _, ms, _ in told] == [20.0 * press.frames for press in presses]


@pytest.mark.parametrize("sender", STEADY)
def test_reordering_and_doubling_add_and_lose_nothing(sender):
    dice = random.Random(f"reorder {sender}")
    for _ in range(60):
        presses = dialled(dice, 20, shortest=3)
        sent = packets(sender, presses, dice.randrange(1 << 32), sender.wide)
        arrived = through(dice, sent, dice.choice([0.0, 0.1, 0.4]), 70, 0.2)
        told = received(arrived, sender.wide)
        assert Counter(digit for digit, _, _ in told) == Counter(CODES[presses[n].event] for n in known(arrived))


@pytest.mark.parametrize("marker", [True, False])
@pytest.mark.parametrize(("moves", "grows"), [("ends", True), ("all", False), ("all", True)])
def test_timestamps_that_move_with_single_losses(moves, grows, marker):
    dice = random.Random(f"{moves}{grows}{marker}")
    for _ in range(60):
        presses = dialled(dice, 20)
        sent = packets(Sender(marker=marker, moves=moves, grows=grows), presses, dice.randrange(1 << 32))
        kept, last = [], True
        for packet in sent:
            last = not last or dice.random() < 0.7 or packet.marker or packet.end
            if last:
                kept.append((packet.at_ms, packet))
        told = received(kept)
        assert [digit for digit, _, _ in told] == [CODES[press.event] for press in presses]


@pytest.mark.parametrize("marker", [True, False])
@pytest.mark.parametrize("wide", [0, 1])
def test_a_key_of_half_a_minute_is_one_digit(marker, wide):
    dice = random.Random(30)
    for _ in range(20):
        presses = [Press(5, 1500, 3), Press(5, 5, 2), Press(5, 1000, 2)]
        sender = Sender(marker=marker, wide=wide)
        sent = packets(sender, presses, dice.randrange(1 << 32), wide)
        arrived = [(p.at_ms, p) for p in sent if dice.random() < 0.9]
        told = received(arrived, wide)
        assert [digit for digit, _, _ in told] == ["5", "5", "5"]
        # One that nothing was heard of for 100 ms was told then; what came later adds no digit.
        ended = [(ms, press) for (_, ms, seen), press in zip(told, presses, strict=True) if seen]
        assert ended
        assert all(ms == 20 * press.frames for ms, press in ended)


def test_the_only_packet_of_a_press_comes_after_the_next_has_begun():
    one, two = (packets(Sender(), [Press(1, 4, 2), Press(2, 8, 2)], 1000)[n] for n in (2, 7))
    told = received([(160, two), (170, one), (180, two)])
    assert [digit for digit, _, _ in told] == ["1", "2"]


def test_several_events_in_one_payload():
    leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
    out = np.zeros((te.ROWS, 5), np.int64)
    data = np.frombuffer(b"".join(payload(event, 400, True) for event in (1, 2, 1, 3, 4)), np.uint8)
    for ts, told in ((1000, "1213"), (1000, ""), (9000, "1213")):
        _, rows = te.take(leg, data, 0, len(data), 1, ts, 7, 10**12, out)
        assert "".join(chr(code) for code in out[:rows, 0]) == told, "at most four are taken, repeats say nothing"


def test_flash_is_told_and_begins_nothing():
    leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
    out = np.zeros((te.ROWS, 5), np.int64)
    data = np.frombuffer(payload(te.FLASH_EVENT, 400, True), np.uint8)
    assert te.take(leg, data, 0, 4, 1, 1000, 7, 10**12, out) == (te.UPDATED, 1)
    assert out[0, 0] == te.FLASH
