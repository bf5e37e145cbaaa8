"""The RTP half of the load generator against peers made of plain sockets."""

import socket
import struct
from collections.abc import Iterator

import numpy as np
import pytest

from bench import rtp
from tests.support.waiting import until


@pytest.fixture
def peer(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((address, 0))
        made.settimeout(10)
        yield made


@pytest.fixture
def caller(address: str) -> Iterator[rtp.RtpCallers]:
    made = rtp.RtpCallers(address, 20_000, 1, key="7", change_hz=1000.0)
    made.start()
    yield made
    made.stop()


def packet(seq: int, payload: bytes = b"\xff" * 160, kind: int = 0) -> bytes:
    return struct.pack("!BBHII", 0x80, kind, seq & 0xFFFF, seq * 160 & 0xFFFFFFFF, 7) + payload


def test_ulaw_is_its_own_inverse() -> None:
    table = rtp.ulaw_table()
    codes = rtp.to_ulaw(table)
    assert np.array_equal(table[codes], table)
    assert table[0x80] == pytest.approx(32124 / 32768)


def test_keys_have_their_tones() -> None:
    assert rtp.key_tones("1") == [697, 1209]
    assert rtp.key_tones("0") == [941, 1336]
    assert rtp.key_tones("D") == [941, 1633]


def test_it_counts_loss_repetition_and_order_across_the_wrap(caller: rtp.RtpCallers, peer: socket.socket) -> None:
    caller.connect(0, *peer.getsockname(), None, 0, 0)
    _, source = peer.recvfrom(2000)
    order = [65533, 65534, 1, 0, 1, 2, 5]  # 65535 lost; 0 after 1; 1 twice; 3 and 4 lost
    for seq in order:
        peer.sendto(packet(seq), source)
    peer.sendto(b"\x80\x00\x00", source)
    peer.sendto(packet(6, kind=96), source)
    until(lambda: caller.figures(0).received + caller.figures(0).foreign == len(order) + 2)
    found = caller.figures(0)
    assert (found.received, found.late, found.gaps, found.foreign) == (7, 2, 2, 2)
    # 9 numbers from 65533 to 5, of which 65535, 3, 4 never came; 0 came late and is counted so.
    assert found.lost == 9 - 5


def test_a_key_by_rfc4733_is_five_updates_and_three_ends(caller: rtp.RtpCallers, peer: socket.socket) -> None:
    caller.connect(0, *peer.getsockname(), 101, rtp.KEY_RFC4733, 60)
    events = []
    voice = 0
    while len(events) < 7 or voice < 5:
        data = peer.recv(2000)
        assert struct.unpack("!H", data[2:4])[0] is not None
        if data[1] & 127 == 101:
            event, flags, duration = struct.unpack("!BBH", data[12:])
            events.append((event, bool(flags & 128), duration, bool(data[1] & 128), data[4:8]))
        else:
            voice += 1
    assert [e[0] for e in events] == [7] * 7
    assert [e[1] for e in events] == [False] * 4 + [True] * 3
    assert [e[2] for e in events] == [160, 320, 480, 640, 800, 800, 800]
    assert [e[3] for e in events] == [True] + [False] * 6
    assert len({e[4] for e in events}) == 1
    assert caller.figures(0).key_end_ns > 0


def test_a_key_in_band_is_100_ms_of_both_tones_and_the_next_prompt_is_heard(
    caller: rtp.RtpCallers, peer: socket.socket
) -> None:
    caller.connect(0, *peer.getsockname(), None, rtp.KEY_INBAND, 60)
    table = rtp.ulaw_table()
    prompts = {hz: rtp.sine([float(hz)], 1, 0.3).tobytes() for hz in (600, 1000)}
    seen = 0
    for seq in range(40):
        data, source = peer.recvfrom(2000)
        power = np.abs(np.fft.rfft(table[np.frombuffer(data[12:], np.uint8)]))
        loudest = {int(k) * 50 for k in np.argsort(power)[-2:]}
        if loudest == {850, 1200}:  # 852 and 1209 Hz
            seen += 1
        peer.sendto(packet(seq, prompts[1000 if seen == rtp.KEY_FRAMES else 600]), source)
        if seen < rtp.KEY_FRAMES:
            assert caller.figures(0).change_ns == 0
    assert seen == rtp.KEY_FRAMES
    until(lambda: caller.figures(0).change_ns > 0)
    found = caller.figures(0)
    assert found.change_ns > found.key_end_ns > 0
    assert found.first_sound_ns < found.key_end_ns
    assert caller.bins.sum() > 20


def test_a_reused_slot_starts_clean(caller: rtp.RtpCallers, peer: socket.socket) -> None:
    caller.connect(0, *peer.getsockname(), None, 0, 0)
    _, source = peer.recvfrom(2000)
    caller.disconnect(0)
    ticks = caller.ticks
    until(lambda: caller.ticks > ticks + 25)
    for seq in range(10):
        peer.sendto(packet(30_000 + seq), source)  # the call before had not heard yet that it is over
    caller.connect(0, *peer.getsockname(), None, 0, 0)
    peer.sendto(packet(5), source)
    until(lambda: caller.figures(0).received == 1)
    assert caller.figures(0).lost == 0


def test_percentiles() -> None:
    bins = np.zeros(rtp.BINS, np.int64)
    assert rtp.percentile_ms(bins, 0.99) == 0
    bins[4], bins[100] = 99, 1
    assert rtp.percentile_ms(bins, 0.5) == pytest.approx(0.05)
    assert rtp.percentile_ms(bins, 0.999) == pytest.approx(1.01)
