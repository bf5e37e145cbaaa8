"""Packets of every packet time and codec: nothing is lost, doubled or mistimed, whatever changes meanwhile."""

import numpy as np
import pytest

from dsp.codecs import g711, g722
from dsp.plane import layout as lo
from dsp.plane import packetise
from dsp.tones import generator
from tests.dsp.rig import Rig, linear

PCMU, PCMA, L16, L16_WIDE, G722 = (
    lo.CODEC_PCMU, lo.CODEC_PCMA, lo.CODEC_L16, lo.CODEC_L16_WIDE, lo.CODEC_G722,
)  # fmt: skip
PAYLOAD_TYPE = {PCMU: 0, PCMA: 8, L16: 97, L16_WIDE: 96, G722: 9}
#: Octets and RTP time of 10 ms.
UNIT = {PCMU: (80, 80), PCMA: (80, 80), L16: (160, 80), L16_WIDE: (320, 160), G722: (80, 80)}


@pytest.fixture
def rig():
    r = Rig()
    yield r
    r.close()


def negotiate(rig: Rig, slot: int, codec: int, ptime_ms: int = 20, *, te_pt: int = 101, transmit: int = 1) -> None:
    rig.command(lo.CMD_UPDATE_REMOTE, slot, 1, codec, PAYLOAD_TYPE[codec], te_pt, transmit, 1, ptime_ms, 0)


def prompt(rig: Rig, samples: np.ndarray) -> None:
    rig.state.prompts[: len(samples)] = samples


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 50, 60])
@pytest.mark.parametrize("codec", [PCMU, PCMA, L16, L16_WIDE, G722])
def test_every_packet_time_carries_the_same_audio(rig: Rig, codec: int, ptime_ms: int) -> None:
    prompt(rig, generator.tone(700, 160 * 30, -10.0))
    plain, packed = rig.open(0), rig.open(1)
    negotiate(rig, 0, codec, 20)
    negotiate(rig, 1, codec, ptime_ms)
    for slot in (0, 1):
        rig.play(slot, 1, [(0, 160 * 30)])
    rig.tick(30)
    octets, time = UNIT[codec]
    assert {len(p.payload) for p in packed.got} == {octets * ptime_ms // 10}
    assert len(packed.got) == 600 // ptime_ms
    assert [p.seq for p in packed.got] == [(65530 + i) & 0xFFFF for i in range(len(packed.got))]
    assert [p.ts for p in packed.got] == [
        (0xFFFFFF00 + i * time * ptime_ms // 10) & 0xFFFFFFFF for i in range(len(packed.got))
    ]
    assert [p.marker for p in packed.got] == [1] + [0] * (len(packed.got) - 1)
    assert {p.pt for p in packed.got} == {PAYLOAD_TYPE[codec]}
    assert b"".join(p.payload for p in packed.got) == b"".join(p.payload for p in plain.got)
    assert rig.leg(1).tx_octets == sum(len(p.payload) for p in packed.got)


@pytest.mark.parametrize("codec", [L16_WIDE, G722])
@pytest.mark.parametrize("wanted", [-5, 0, 7, 15, 65, 1000])
def test_packet_times_are_held_to_what_is_possible(rig: Rig, codec: int, wanted: int) -> None:
    peer = rig.open(0)
    negotiate(rig, 0, codec, wanted)
    rig.tick(12)
    size = {-5: 20, 0: 20, 7: 10, 15: 10, 65: 60, 1000: 60}[wanted]
    assert {len(p.payload) for p in peer.got} == {UNIT[codec][0] * size // 10}


@pytest.mark.parametrize("ptime_ms", [10, 30, 60])
def test_a_digit_comes_behind_all_audio_before_it(rig: Rig, ptime_ms: int) -> None:
    peer = rig.open(0)
    negotiate(rig, 0, PCMU, ptime_ms)
    rig.tick(4)
    rig.send_digits(0, 1, "5", duration=800, gap=800)
    rig.tick(20)
    events = [p for p in peer.got if p.pt == 101]
    # 100 ms in frames of 20 ms, and the end three times.
    assert [int.from_bytes(p.payload[2:4], "big") for p in events] == [160, 320, 480, 640, 800, 800, 800, 800]
    assert {p.ts for p in events} == {(0xFFFFFF00 + 4 * 160) & 0xFFFFFFFF}
    assert [p.seq for p in peer.got] == [(65530 + i) & 0xFFFF for i in range(len(peer.got))]
    heard = 0
    for p in peer.got:
        if p.pt == 0:
            assert (p.ts - 0xFFFFFF00) & 0xFFFFFFFF >= heard
            heard = ((p.ts - 0xFFFFFF00) & 0xFFFFFFFF) + len(p.payload)
        elif p.marker:
            assert heard == 4 * 160  # 80 ms of audio, all of it before the event
    first = next(i for i, p in enumerate(peer.got) if p.pt == 101)
    after = next(p for p in peer.got[first:] if p.pt == 0)
    assert after.marker == 1


def test_another_packet_time_leaves_no_hole(rig: Rig) -> None:
    peer = rig.open(0)
    negotiate(rig, 0, PCMU, 60)
    rig.tick(4)
    negotiate(rig, 0, PCMU, 20)
    rig.tick(3)
    negotiate(rig, 0, PCMU, 30)
    rig.tick(6)
    assert_steady(peer)


def assert_steady(peer) -> None:
    """No number and no instant is left out."""
    for before, after in zip(peer.got, peer.got[1:], strict=False):
        assert after.seq == (before.seq + 1) & 0xFFFF
        octets, time = UNIT[{0: PCMU, 8: PCMA, 9: G722, 96: L16_WIDE, 97: L16}[before.pt]]
        assert after.ts == (before.ts + len(before.payload) // octets * time) & 0xFFFFFFFF


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 60])
def test_another_codec_leaves_no_hole(rig: Rig, ptime_ms: int) -> None:
    peer = rig.open(0)
    for codec in (PCMU, G722, PCMA, L16_WIDE, L16, G722, L16_WIDE, PCMU):
        negotiate(rig, 0, codec, ptime_ms)
        rig.tick(7)
    assert_steady(peer)
    assert {p.ssrc for p in peer.got} == {0x5000}
    assert sum(p.marker for p in peer.got) == 1


def test_hold_and_resume_keep_time(rig: Rig) -> None:
    peer = rig.open(0)
    negotiate(rig, 0, PCMU, 60)
    rig.tick(4)  # a packet, and 20 ms that wait
    negotiate(rig, 0, PCMU, 60, transmit=0)
    rig.tick(5)
    assert rig.leg().pk_octets == 0
    negotiate(rig, 0, PCMU, 60)
    rig.tick(6)
    assert [(p.ts - 0xFFFFFF00) & 0xFFFFFFFF for p in peer.got] == [0, 9 * 160, 12 * 160]
    assert [p.seq for p in peer.got] == [65530, 65531, 65532]


def test_a_missed_tick_ends_the_packet(rig: Rig) -> None:
    peer = rig.open(0)
    negotiate(rig, 0, PCMU, 60)
    rig.tick(2)
    rig.state.ctl[lo.TICK] += 3
    rig.now += 3 * lo.TICK_NS
    rig.tick(4)
    assert [((p.ts - 0xFFFFFF00) & 0xFFFFFFFF, len(p.payload)) for p in peer.got] == [(0, 320), (5 * 160, 480)]


def test_a_torn_tick_drops_what_waited(rig: Rig) -> None:
    peer = rig.open(0)
    negotiate(rig, 0, PCMU, 60)
    rig.tick(2)
    rig.leg().begin_tick += 1  # the engine died in the middle of a tick
    again = Rig(memory=rig.memory)
    assert again.leg().pk_octets == 0
    again.peers, again.now = {0: peer}, rig.now
    again.tick(6)
    assert all(len(p.payload) == 480 for p in peer.got)


def test_encoded_audio_is_the_codecs(rig: Rig) -> None:
    said = generator.tone(500, 160 * 10, -12.0)
    prompt(rig, said)
    peers = {codec: rig.open(i) for i, codec in enumerate((PCMA, L16, G722))}
    for i, codec in enumerate(peers):
        negotiate(rig, i, codec)
        rig.play(i, 1, [(0, 160 * 10)])
    rig.tick(10)
    heard = {codec: b"".join(p.payload for p in peer.got) for codec, peer in peers.items()}
    linear16 = np.frombuffer(heard[L16], ">i2")
    assert len(linear16) == 1600
    alaw = g711.DECODE[1][np.frombuffer(heard[PCMA], np.uint8)]
    assert np.abs(alaw.astype(int) - linear16).max() < 600
    state, out = np.zeros(g722.WORDS, np.int64), np.zeros(3200, np.int16)
    codes = np.frombuffer(heard[G722], np.uint8)
    g722.decode(state, codes, 0, len(codes), out, np.zeros(g722.SCRATCH, np.int32))
    # Up by 1.5 ms, and the codec's own 1.4 ms: compare powers and frequency.
    assert abs(np.abs(np.fft.rfft(out[800:2400])).argmax() * 10 - 500) <= 10
    level = np.sqrt((out[800:2400].astype(float) ** 2).mean() / (linear16[400:1200].astype(float) ** 2).mean())
    assert abs(20 * np.log10(level)) < 0.3


def test_what_waits_fits_its_place() -> None:
    for codec, (octets, _) in UNIT.items():
        assert packetise._unit(codec) == octets
        assert (5 + 2) * octets <= lo.PACKING


def test_plain_packets_are_plain(rig: Rig) -> None:
    said = generator.tone(500, 160 * 5, -12.0)
    prompt(rig, said)
    peer = rig.open(0)
    rig.play(0, 1, [(0, 160 * 5)])
    rig.tick(5)
    assert len(linear(b"".join(p.payload for p in peer.got))) == 800
