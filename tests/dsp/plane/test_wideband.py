"""Legs at 16 kHz: between each other, beside narrow ones, and over a change of codec."""

import numpy as np
import pytest

from dsp.codecs import g711, g722
from dsp.plane import commands
from dsp.plane import layout as lo
from dsp.plane.engine import Engine
from dsp.tones import generator
from tests.dsp.plane.test_packetise import G722, L16, L16_WIDE, PAYLOAD_TYPE, PCMA, PCMU, UNIT, negotiate
from tests.dsp.rig import Rig, rtp, te

WIDE = {G722, L16_WIDE}
CODECS = [PCMU, PCMA, L16, L16_WIDE, G722]
#: 600 ms.
TICKS = 30


@pytest.fixture
def rig():
    r = Rig()
    yield r
    r.close()


class Voice:
    """A far end that says a tone by a codec of its own making."""

    def __init__(self, rig: Rig, slot: int, codec: int, hz: float, peak: float = 6000) -> None:
        self.rig, self.slot, self.hz, self.peak = rig, slot, hz, peak
        self.seq, self.ts, self.at = 500, 0xFFFFF000, 0.0
        self.ssrc = 0xABC0 + slot
        self.speak(codec)

    def speak(self, codec: int) -> None:
        self.codec = codec
        self.rate = 16000 if codec in WIDE else 8000
        self.encoder = np.zeros(g722.WORDS, np.int64)

    def samples(self, ms: int) -> np.ndarray:
        count = self.rate * ms // 1000
        phase = self.at + np.arange(count) / self.rate
        self.at += count / self.rate
        return np.round(self.peak * np.sin(2 * np.pi * self.hz * phase)).astype(np.int16)

    def payload(self, samples: np.ndarray) -> bytes:
        if self.codec in (L16, L16_WIDE):
            return samples.astype(">i2").tobytes()
        out = np.zeros(len(samples), np.uint8)
        if self.codec == G722:
            g722.encode(self.encoder, samples, len(samples), out, 0, np.zeros(g722.SCRATCH, np.int32))
            return out[: len(samples) // 2].tobytes()
        g711.encode(samples, len(samples), g711.ENCODE[0 if self.codec == PCMU else 1], out, 0)
        return out.tobytes()

    def packet(self, ms: int = 20, samples: np.ndarray | None = None) -> bytes:
        data = self.payload(self.samples(ms) if samples is None else samples)
        packet = rtp(PAYLOAD_TYPE[self.codec], self.seq, self.ts, self.ssrc, data)
        self.seq += 1
        self.ts = (self.ts + UNIT[self.codec][1] * ms // 10) & 0xFFFFFFFF
        return packet

    def send(self, packet: bytes) -> None:
        self.rig.peers[self.slot].rtp.send(packet)

    def say(self, ms: int = 20) -> None:
        self.send(self.packet(ms))


def heard(rig: Rig, slot: int, codec: int) -> np.ndarray:
    """What a peer got, decoded."""
    data = b"".join(p.payload for p in rig.peers[slot].got if p.pt == PAYLOAD_TYPE[codec])
    codes = np.frombuffer(data, np.uint8)
    if codec in (L16, L16_WIDE):
        return np.frombuffer(data, ">i2").astype(float)
    if codec == G722:
        out = np.zeros(2 * len(codes), np.int16)
        g722.decode(np.zeros(g722.WORDS, np.int64), codes, 0, len(codes), out, np.zeros(g722.SCRATCH, np.int32))
        return out.astype(float)
    return g711.DECODE[0 if codec == PCMU else 1][codes].astype(float)


def level(samples: np.ndarray, hz: float, rate: int) -> float:
    """Peak of a sine of that frequency in `samples`."""
    at = np.arange(len(samples))
    window = np.hanning(len(samples))
    return 2 * abs((samples * window * np.exp(-2j * np.pi * hz * at / rate)).sum()) / window.sum()


def call(rig: Rig, one: int, other: int, hz: tuple[float, float], ticks: int = TICKS) -> tuple[np.ndarray, np.ndarray]:
    """Bridge two legs whose peers say a tone each; what each peer heard in the last 400 ms."""
    voices = []
    for slot, codec in enumerate((one, other)):
        rig.open(slot)
        negotiate(rig, slot, codec)
        voices.append(Voice(rig, slot, codec, hz[slot]))
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    for _ in range(ticks):
        for voice in voices:
            voice.say()
        rig.tick()
    return tuple(heard(rig, i, v.codec)[-v.rate * 4 // 10 :] for i, v in enumerate(voices))  # type: ignore[return-value]


@pytest.mark.parametrize("one", CODECS)
@pytest.mark.parametrize("other", CODECS)
def test_the_telephone_band_passes_between_all_codecs(rig: Rig, one: int, other: int) -> None:
    by_one, by_other = call(rig, one, other, (700, 1900))
    for samples, codec, hz, own in ((by_one, one, 1900, 700), (by_other, other, 700, 1900)):
        rate = 16000 if codec in WIDE else 8000
        assert abs(20 * np.log10(level(samples, hz, rate) / 6000)) < 0.3
        assert level(samples, own, rate) < 30  # nobody hears himself
        rest = (samples**2).mean() - level(samples, hz, rate) ** 2 / 2
        assert 10 * np.log10(6000**2 / 2 / max(rest, 1)) > 30


@pytest.mark.parametrize(("one", "other"), [(G722, G722), (L16_WIDE, G722), (L16_WIDE, L16_WIDE)])
def test_wide_legs_hear_what_is_above_the_telephone_band(rig: Rig, one: int, other: int) -> None:
    by_one, by_other = call(rig, one, other, (6000, 5000))
    assert abs(20 * np.log10(level(by_one, 5000, 16000) / 6000)) < 1
    assert abs(20 * np.log10(level(by_other, 6000, 16000) / 6000)) < 1


@pytest.mark.parametrize("wide", [G722, L16_WIDE])
def test_nothing_folds_down_to_a_narrow_leg(rig: Rig, wide: int) -> None:
    _, narrow = call(rig, wide, PCMA, (6000, 700))
    # G.722's own noise reaches down; a tone folded to 2 kHz would be as loud as it was.
    assert np.sqrt((narrow**2).mean()) < (75 if wide == G722 else 15)


def test_l16_between_wide_legs_is_bit_exact(rig: Rig) -> None:
    voices = []
    for slot in (0, 1):
        rig.open(slot)
        negotiate(rig, slot, L16_WIDE)
        voices.append(Voice(rig, slot, L16_WIDE, 440))
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    said = np.clip(np.random.default_rng(3).normal(0, 3000, 320 * TICKS), -30000, 30000).astype(np.int16)
    for i in range(TICKS):
        voices[0].send(voices[0].packet(20, said[320 * i : 320 * (i + 1)]))
        voices[1].say()
        rig.tick()
    got = heard(rig, 1, L16_WIDE).astype(np.int16)
    start = next(i for i in range(len(got)) if (got[i : i + 320] == said[3200:3520]).all())
    assert len(got) - start > 1600
    assert (got[start:] == said[3200 : 3200 + len(got) - start]).all()


@pytest.mark.parametrize("codec", [G722, L16_WIDE, L16])
def test_keys_pressed_in_band(rig: Rig, codec: int) -> None:
    rig.open(0)
    negotiate(rig, 0, codec)
    voice = Voice(rig, 0, codec, 0, 0)
    t = np.arange(voice.rate // 10) / voice.rate
    key = np.round(4000 * (np.sin(2 * np.pi * 770 * t) + np.sin(2 * np.pi * 1336 * t))).astype(np.int16)
    for i in range(40):
        part = voice.rate // 50
        at = i - 10
        voice.send(voice.packet(20, key[at * part : (at + 1) * part] if 0 <= at < 5 else np.zeros(part, np.int16)))
        rig.tick()
    assert rig.digits(0, lo.METHOD_INBAND) == "5"
    duration = rig.told(lo.EV_DIGIT, 0)[0][3]
    assert abs(duration - 100_000_000) < 20_000_000


@pytest.mark.parametrize("codec", [G722, L16_WIDE])
def test_a_wide_leg_is_recorded_at_8_khz(rig: Rig, codec: int) -> None:
    rig.open(0)
    negotiate(rig, 0, codec)
    prompt = generator.tone(1900, 160 * TICKS, -10.0)
    rig.state.prompts[: len(prompt)] = prompt
    voice = Voice(rig, 0, codec, 700)
    rig.command(lo.CMD_RECORD, 0, 1)
    rig.play(0, 1, [(0, len(prompt))])
    for _ in range(TICKS):
        voice.say()
        rig.tick()
    left, right = rig.state.record[0][160 * 10 : 160 * TICKS].astype(float).T
    assert abs(20 * np.log10(level(left, 700, 8000) / 6000)) < 0.2
    assert abs(20 * np.log10(level(right, 1900, 8000) / level(prompt.astype(float), 1900, 8000))) < 0.2
    assert level(left, 1900, 8000) < 30


@pytest.mark.parametrize("codec", [G722, L16_WIDE])
def test_prompts_have_no_image_above(rig: Rig, codec: int) -> None:
    rig.open(0)
    negotiate(rig, 0, codec)
    prompt = generator.tone(1000, 160 * TICKS, -6.0)
    rig.state.prompts[: len(prompt)] = prompt
    rig.play(0, 1, [(0, len(prompt))])
    rig.tick(TICKS)
    samples = heard(rig, 0, codec)[3200:]
    assert abs(20 * np.log10(level(samples, 1000, 16000) / level(prompt[1600:].astype(float), 1000, 8000))) < 0.2
    assert level(samples, 7000, 16000) < level(samples, 1000, 16000) / 100


def test_digits_sent_as_tones_to_a_wide_leg(rig: Rig) -> None:
    rig.open(0)
    negotiate(rig, 0, L16_WIDE, te_pt=-1)
    rig.send_digits(0, 1, "5", duration=1600, gap=800)
    rig.tick(10)
    tones = heard(rig, 0, L16_WIDE)[320:2880]
    assert level(tones, 770, 16000) > 1000
    assert level(tones, 1336, 16000) > 1000


def test_wide_timestamps_and_jitter_by_their_clock(rig: Rig) -> None:
    rig.open(0)
    negotiate(rig, 0, L16_WIDE)
    voice = Voice(rig, 0, L16_WIDE, 700)
    for _ in range(60):
        voice.say()
        rig.tick()
    leg = rig.leg()
    assert leg.rx_jitter_q4 == 0
    assert leg.jb_late == leg.jb_concealed == leg.jb_resyncs == 0


@pytest.mark.parametrize("codec", [L16, L16_WIDE])
def test_half_a_sample_is_refused(rig: Rig, codec: int) -> None:
    rig.open(0)
    negotiate(rig, 0, codec)
    voice = Voice(rig, 0, codec, 700)
    for _ in range(5):
        voice.say()
    rig.tick()
    refused = rig.leg().rx_refused
    voice.send(rtp(PAYLOAD_TYPE[codec], voice.seq, voice.ts, voice.ssrc, b"odd"))
    rig.tick()
    assert rig.leg().rx_refused == refused + 1


def test_a_packet_out_of_order_does_not_disturb_the_decoder(rig: Rig) -> None:
    """The order is put right by the buffer; the state of the codec follows the packets that come in order."""
    for slot in (0, 1):
        rig.open(slot)
        negotiate(rig, slot, G722)
    steady, swapped = Voice(rig, 0, G722, 900), Voice(rig, 1, G722, 900)
    late = b""
    for i in range(TICKS):
        steady.say()
        packet = swapped.packet()
        if i == 12:
            late = packet
        else:
            swapped.send(packet)
        if i == 13:
            swapped.send(late)
            swapped.send(packet)  # a duplicate
        rig.tick()
    states = rig.state.codec[:2, lo.CODEC_DECODER : lo.CODEC_RECEIVED]
    # One packet was decoded beside the stream, so the states differ a little and have met again since.
    assert np.abs(states[0] - states[1]).max() < 600
    assert rig.leg(1).jb_duplicate == 1
    assert rig.leg(1).jb_concealed == 0


# --- over a change ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"), [(PCMU, PCMA), (G722, L16_WIDE), (PCMU, G722), (G722, PCMU), (L16_WIDE, PCMU)]
)
def test_the_new_codec_is_heard_soon_and_clean(rig: Rig, before: int, after: int) -> None:
    rig.open(0)
    rig.open(1)
    negotiate(rig, 0, before)
    negotiate(rig, 1, L16_WIDE)
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    voice = Voice(rig, 0, before, 700)
    for _ in range(TICKS):
        voice.say()
        rig.tick()
    negotiate(rig, 0, after)
    voice.speak(after)
    got = len(heard(rig, 1, L16_WIDE))
    for _ in range(TICKS):
        voice.say()
        rig.tick()
    samples = heard(rig, 1, L16_WIDE)[got:]
    assert abs(20 * np.log10(level(samples[-4800:], 700, 16000) / 6000)) < 0.3
    assert rig.leg().rx_refused == 1  # the very first packet of the leg, in probation
    silent = np.abs(samples).reshape(-1, 320).max(1) < 100
    # Other samples or timestamps start the buffer anew: its delay is silent, and nothing else.
    assert silent.sum() <= (0 if (before, after) == (PCMU, PCMA) else 6)
    if (before, after) == (PCMU, PCMA):
        assert np.abs(np.diff(samples, 2)).max() < 1000


def test_what_was_under_way_is_still_heard(rig: Rig) -> None:
    rig.open(0)
    negotiate(rig, 0, PCMU)
    voice = Voice(rig, 0, PCMU, 700)
    for _ in range(TICKS):
        voice.say()
        rig.tick()
    refused = rig.leg().rx_refused
    negotiate(rig, 0, G722, te_pt=96)
    last = b""
    for _ in range(TICKS):  # the peer has not heard of it
        last = voice.packet()
        voice.send(last)
        rig.tick()
    assert rig.leg().rx_refused == refused
    wide = rig.engine._work.rx[0].astype(float)
    assert abs(20 * np.log10(np.sqrt((wide**2).mean() * 2) / 6000)) < 0.5
    voice.send(rtp(101, voice.seq, voice.ts, voice.ssrc, te(5, 160), 1))
    rig.tick(8)
    assert rig.digits() == "5"


def test_the_old_type_is_taken_for_a_while_only(rig: Rig) -> None:
    rig.open(0)
    negotiate(rig, 0, PCMU)
    voice = Voice(rig, 0, PCMU, 700)
    for _ in range(5):
        voice.say()
        rig.tick()
    negotiate(rig, 0, PCMA)
    rig.tick()
    rig.now += commands.GRACE_NS
    rig.state.ctl[lo.TICK] += commands.GRACE_NS // lo.TICK_NS
    refused = rig.leg().rx_refused
    voice.say()
    rig.tick()
    assert rig.leg().rx_refused == refused + 1


def test_other_timestamps_end_the_old_type_at_once(rig: Rig) -> None:
    rig.open(0)
    negotiate(rig, 0, G722)
    voice = Voice(rig, 0, G722, 700)
    for _ in range(5):
        voice.say()
        rig.tick()
    negotiate(rig, 0, L16_WIDE)
    refused = rig.leg().rx_refused
    voice.say()
    rig.tick()
    assert rig.leg().rx_refused == refused + 1


def test_a_command_done_twice_changes_nothing(rig: Rig) -> None:
    rig.open(0)
    negotiate(rig, 0, G722)
    voice = Voice(rig, 0, G722, 700)
    rig.tick()
    until_ns = rig.leg().old_until_ns  # of the one codec that the rig opens legs with
    for i in range(TICKS):
        if i % 5 == 0:
            negotiate(rig, 0, G722)
        voice.say()
        rig.tick()
    leg = rig.leg()
    assert leg.old_until_ns == until_ns
    assert leg.jb_concealed == leg.jb_late == leg.jb_resyncs == 0


@pytest.mark.parametrize("codec", [G722, L16_WIDE])
def test_another_engine_goes_on_bit_for_bit(rig: Rig, codec: int) -> None:
    """States of codecs and filters outlive the engine: a new one between two ticks changes no octet."""
    other = Rig()
    for each in (rig, other):
        for slot in (0, 1):
            each.open(slot)
            negotiate(each, slot, codec)
        each.command(lo.CMD_BRIDGE, 0, 1, 1)
    said = [Voice(each, 0, codec, 913) for each in (rig, other)]
    for i in range(TICKS):
        if i == 15:
            other.engine = Engine(other.state)
            other.engine.take_up()
        for each, voice in zip((rig, other), said, strict=True):
            voice.say()
            each.tick()
    assert [p.payload for p in other.peers[1].got] == [p.payload for p in rig.peers[1].got]
    assert len({p.payload for p in rig.peers[1].got}) > 10
    other.close()


@pytest.mark.parametrize("codec", [PCMU, L16_WIDE, G722])
def test_a_lost_packet_is_as_long_on_a_wide_leg(rig: Rig, codec: int) -> None:
    rig.open(0)
    negotiate(rig, 0, codec)
    rig.command(lo.CMD_RECORD, 0, 1)
    voice = Voice(rig, 0, codec, 700)
    for i in range(TICKS):
        packet = voice.packet()
        if i != 15:
            voice.send(packet)
        rig.tick()
    assert rig.leg().rec_gap_left == 160
    assert rig.state.ctl[lo.CONCEALED] == 160
