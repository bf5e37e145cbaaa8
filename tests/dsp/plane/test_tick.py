"""The pass over real sockets, one tick at a time."""

import socket

import numpy as np
import pytest

from dsp.codecs import g711
from dsp.plane import layout as lo
from dsp.plane.engine import pack_play
from dsp.tones import generator
from tests.dsp.rig import START_NS, Rig, linear, mulaw, rtp, te

DELAY_TICKS = 3  # playout delay of 60 ms


@pytest.fixture
def rig():
    r = Rig()
    yield r
    r.close()


def frequency(samples) -> float:
    """The strongest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 8000 / len(samples))


def test_an_idle_leg_sends_silence_on_the_grid(rig):
    peer = rig.open(0)
    rig.tick(10)
    assert len(peer.got) == 10
    assert [p.seq for p in peer.got] == [(65530 + i) & 0xFFFF for i in range(10)]
    assert [p.ts for p in peer.got] == [(0xFFFFFF00 + 160 * i) & 0xFFFFFFFF for i in range(10)]
    assert {p.ssrc for p in peer.got} == {0x5000}
    assert [p.marker for p in peer.got] == [1] + [0] * 9
    assert not peer.audio.any()


def test_a_leg_without_transmit_is_silent_on_the_wire_and_keeps_time(rig):
    peer = rig.open(0, transmit=0)
    rig.tick(5)
    assert peer.got == []
    rig.command(lo.CMD_UPDATE_REMOTE, 0, 1, 0, 0, 101, 1, 1)
    rig.tick(2)
    assert [p.ts for p in peer.got] == [(0xFFFFFF00 + 160 * i) & 0xFFFFFFFF for i in (5, 6)]
    assert [p.seq for p in peer.got] == [65530, 65531]


def test_bridged_legs_hear_each_other_bit_exact(rig):
    a, b = rig.open(0), rig.open(1)
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    said = linear(mulaw(generator.tone(440, 160 * 60, -10.0)))
    for i in range(60):
        a.send(said[160 * i : 160 * i + 160])
        b.send(generator.tone(900, 160, -10.0))
        rig.tick()
    heard = b.audio
    # The first packet only proves the source; the second one opens with a fade-in of 5 ms.
    assert np.array_equal(
        heard[160 * (DELAY_TICKS + 1) + 40 :], said[160 + 40 : 160 + len(heard) - 160 * (DELAY_TICKS + 1)]
    )
    assert frequency(a.audio[1600:]) == pytest.approx(900, abs=10)
    assert rig.leg(0).jb_concealed == 0


def test_unbridge_and_close_of_the_partner_end_in_silence(rig):
    a, b = rig.open(0), rig.open(1)
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    for _ in range(10):
        a.send(generator.tone(440, 160, -10.0))
        rig.tick()
    assert b.audio[-160:].any()
    rig.command(lo.CMD_CLOSE, 0)
    rig.tick(3)
    assert not b.audio[-160:].any()
    assert rig.told(lo.EV_LEG_CLOSED, 0)
    assert rig.leg(1).state == lo.LEG_OPEN


def test_a_prompt_replaces_the_partner_for_its_time(rig):
    a, b = rig.open(0), rig.open(1)
    rig.state.prompts[:1600] = generator.tone(600, 1600, -10.0)
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    for i in range(40):
        a.send(generator.tone(1500, 160, -10.0))
        if i == 20:
            rig.play(1, 1, [(0, 1600)])
        rig.tick()
    heard = b.audio
    assert frequency(heard[160 * 20 : 160 * 30]) == pytest.approx(600, abs=10)
    assert frequency(heard[160 * 31 :]) == pytest.approx(1500, abs=10)
    assert rig.told(lo.EV_PLAY_ENDED, 1)[0][:3] == (1, lo.PLAY_FINISHED, 1600)


def test_a_play_list_plays_its_items_and_repeats(rig):
    peer = rig.open(0)
    rig.state.prompts[:] = np.arange(len(rig.state.prompts)) % 7 * 1000 - 3000
    rig.play(0, 5, [(10, 333), (0, 0), (700, 160)], times=2)
    rig.tick(10)
    once = np.concatenate([rig.state.prompts[10:343], rig.state.prompts[700:860]])
    want = linear(mulaw(np.concatenate([once, once])))
    # It begins with a fade of 5 ms, and its end rings on as long.
    assert np.array_equal(peer.audio[40 : len(want)], want[40:])
    assert not peer.audio[-(-len(want) // 160) * 160 + 40 :].any()
    assert rig.told(lo.EV_PLAY_ENDED)[0][:3] == (5, lo.PLAY_FINISHED, len(want))


def test_play_for_ever_stops_on_command_only(rig):
    rig.open(0)
    rig.play(0, 1, [(0, 100)], times=0)
    rig.tick(50)
    assert rig.told(lo.EV_PLAY_ENDED) == []
    rig.command(lo.CMD_STOP_PLAY, 0, 2)  # another play's number: not this one
    rig.tick()
    assert rig.told(lo.EV_PLAY_ENDED) == []
    rig.command(lo.CMD_STOP_PLAY, 0, 1)
    rig.tick()
    assert rig.told(lo.EV_PLAY_ENDED)[0][:3] == (1, lo.PLAY_STOPPED, 51 * 160)


@pytest.mark.parametrize("items", [[], [(0, 0)], [(79_999, 2)], [(1 << 30, 160)]])
@pytest.mark.parametrize("times", [0, 1, 3, 1 << 40])
def test_an_empty_or_impossible_play_ends_at_once(rig, items, times):
    rig.open(0)
    rig.play(0, 1, items, times=times)
    rig.tick(2)
    assert rig.told(lo.EV_PLAY_ENDED)[0][:3] == (1, lo.PLAY_FINISHED, 0)


@pytest.mark.parametrize("how", ["rfc4733", "inband"])
def test_a_key_press_stops_a_play_that_allows_it(rig, how):
    peer = rig.open(0)
    rig.play(0, 1, [(0, 80_000)], barge_in=True)
    tone = generator.dtmf("5", 800)
    for i in range(17):
        if how == "inband":
            peer.send(tone[160 * (i - 9) : 160 * (i - 8)] if 9 <= i < 14 else np.zeros(160))
        elif 9 <= i < 14:
            peer.send_event(5, 4000, 160 * (i - 8), end=i == 13)
        else:
            peer.send(np.zeros(160))
        rig.tick()
    (ended,) = rig.told(lo.EV_PLAY_ENDED)
    assert ended[1] == lo.PLAY_BARGED
    # At the first packet, or as soon as the tone is recognised: long before the key is released.
    assert ended[2] <= 160 * (10 if how == "rfc4733" else 12)
    rig.tick(10)
    assert rig.digits() == "5"


class Key:
    """Sends a stream in which key 5 is down for five packets in each of both methods, from the given ticks on."""

    def __init__(self, rig, event_from: int, tone_from: int) -> None:
        self.rig, self.peer, self.at = rig, rig.open(0), 0
        self.event_from, self.tone_from = event_from, tone_from
        self.tone = generator.dtmf("5", 800)

    def tick(self, count: int) -> None:
        for _ in range(count):
            down, sounds = self.at - self.event_from, self.at - self.tone_from
            self.peer.send(self.tone[160 * sounds : 160 * sounds + 160] if 0 <= sounds < 5 else np.zeros(160))
            if 0 <= down < 5:
                self.peer.send_event(5, 160 * self.event_from, 160 * (down + 1), end=down == 4)
            self.rig.tick()
            self.at += 1

    def until_barged(self) -> None:
        for _ in range(20):
            self.tick(1)
            if self.rig.told(lo.EV_PLAY_ENDED):
                return


@pytest.mark.parametrize(
    ("event_from", "tone_from"),
    [(10, 10), (10, 12), (10, 14), (14, 10), (16, 10), (17, 10), (10, 1000), (1000, 10)],
    ids=["together", "tone late", "tone later", "event late", "event later", "event latest", "event only", "tone only"],
)
def test_one_key_press_stops_one_play_however_many_methods_tell_it(rig, event_from, tone_from):
    key = Key(rig, event_from, tone_from)
    rig.play(0, 1, [(0, 80_000)], barge_in=True)
    key.until_barged()
    assert [play[:2] for play in rig.told(lo.EV_PLAY_ENDED)] == [(1, lo.PLAY_BARGED)]
    # The controller answers the end of one prompt by the next one, while the key is still down.
    rig.play(0, 2, [(0, 80_000)], barge_in=True)
    key.tick(20)
    assert set(rig.digits()) == {"5"}
    assert len(rig.digits()) == (event_from < 1000) + (tone_from < 1000)
    assert len(rig.told(lo.EV_PLAY_ENDED)) == 1
    assert rig.leg().pl_active


@pytest.mark.parametrize("how", ["rfc4733", "inband"])
@pytest.mark.parametrize("times", [1, 0])
def test_the_next_key_press_stops_the_next_play(rig, how, times):
    key = Key(rig, 10, 12)
    rig.play(0, 1, [(0, 80_000)], barge_in=True)
    key.until_barged()
    rig.play(0, 2, [(0, 1600)] if times == 0 else [(0, 80_000)], times=times, barge_in=True)
    key.tick(30)
    assert len(rig.told(lo.EV_PLAY_ENDED)) == 1
    pressed = key.at
    key.event_from, key.tone_from = (pressed, 1000) if how == "rfc4733" else (1000, pressed)
    key.tick(5)
    assert rig.told(lo.EV_PLAY_ENDED)[1][:2] == (2, lo.PLAY_BARGED)


def test_a_key_press_does_not_stop_other_plays(rig):
    peer = rig.open(0)
    rig.play(0, 1, [(0, 80_000)], barge_in=False)
    for i in range(10):
        peer.send_event(5, 4000, 160 * (i + 1), end=i == 9)
        rig.tick()
    assert rig.digits() == "5"
    assert rig.told(lo.EV_PLAY_ENDED) == []


def test_recording_holds_both_sides_on_one_timeline(rig):
    peer = rig.open(0)
    rig.state.prompts[:16000] = generator.tone(600, 16000, -10.0)
    rig.tick(3)
    rig.command(lo.CMD_RECORD, 0, 1)
    rig.play(0, 1, [(0, 16000)])
    for _ in range(40):
        peer.send(generator.tone(1500, 160, -10.0))
        rig.tick()
    leg = rig.leg()
    assert leg.rec_write == 40 * 160
    ring = rig.state.record[0][: 40 * 160]
    assert frequency(ring[160 * 10 :, 0].astype(float)) == pytest.approx(1500, abs=10)
    assert frequency(ring[160 * 10 :, 1].astype(float)) == pytest.approx(600, abs=10)
    # right is what was sent, sample for sample (before the codec), once the play has faded in
    assert np.array_equal(ring[40:, 1], rig.state.prompts[40 : 40 * 160])
    rig.command(lo.CMD_STOP_RECORD, 0, 1)
    rig.tick()
    assert rig.told(lo.EV_RECORD_STOPPED)[0][:4] == (1, 40 * 160, 0, 0)


def test_missed_ticks_are_zeros_in_the_recording_and_time_in_rtp(rig):
    peer = rig.open(0)
    rig.state.prompts[:16000] = 5000
    rig.command(lo.CMD_RECORD, 0, 1)
    rig.play(0, 1, [(0, 16000)])
    rig.tick(5)
    rig.state.ctl[lo.TICK] += 10  # as the loop does when it is hopelessly late
    rig.now += 10 * lo.TICK_NS
    rig.tick(5)
    leg = rig.leg()
    assert leg.rec_write == 20 * 160
    assert leg.rec_gap_left == leg.rec_gap_right == 1600
    assert not rig.state.record[0][5 * 160 : 15 * 160].any()
    assert rig.state.record[0][15 * 160 : 20 * 160, 1].all()
    assert peer.got[5].ts - peer.got[4].ts == 160 * 11
    assert peer.got[5].seq == (peer.got[4].seq + 1) & 0xFFFF


def test_a_full_recorder_ring_becomes_a_gap_of_the_right_length(rig):
    rig.open(0)
    rig.state.prompts[:] = 5000
    rig.command(lo.CMD_RECORD, 0, 1)
    rig.play(0, 1, [(0, 80_000)], times=0)
    rig.tick(120)  # the ring holds 100 frames and nobody reads
    leg = rig.leg()
    assert leg.rec_write == lo.RECORD_FRAMES
    assert rig.state.ctl[lo.RECORD_OVERRUNS] == 20
    leg.rec_read = leg.rec_write
    rig.tick(10)
    assert leg.rec_write == 130 * 160
    assert leg.rec_gap_right == 20 * 160
    frames = np.arange(leg.rec_read, leg.rec_write) % lo.RECORD_FRAMES
    right = rig.state.record[0][frames, 1]
    assert not right[: 20 * 160].any()
    assert (right[20 * 160 :] == 5000).all()


def test_digits_are_sent_by_rfc4733_in_place_of_audio(rig):
    peer = rig.open(0)
    rig.state.prompts[:] = 5000
    rig.play(0, 1, [(0, 80_000)])
    rig.command(lo.CMD_RECORD, 0, 1)
    rig.tick(2)
    rig.send_digits(0, 9, "1#")
    rig.tick(24)
    events = [p for p in peer.got if p.pt == 101]
    first = [p for p in events if p.payload[0] == 1]
    assert [p.marker for p in first] == [1] + [0] * 7
    assert len({p.ts for p in first}) == 1
    assert [int.from_bytes(p.payload[2:]) for p in first] == [160, 320, 480, 640, 800, 800, 800, 800]
    assert [p.payload[1] for p in first] == [10] * 5 + [0x8A] * 3
    assert [p.payload[0] for p in events if p not in first] == [11] * 8
    assert rig.told(lo.EV_DIGITS_SENT)[0][:2] == (9, 2)
    # one packet a tick all the time, and the prompt went on in time
    assert [p.seq for p in peer.got] == [(65530 + i) & 0xFFFF for i in range(26)]
    assert rig.leg().pl_played == 26 * 160
    right = rig.state.record[0][: 26 * 160, 1]
    assert not right[2 * 160 + 40 : 10 * 160].any()  # after the edge
    assert (right[10 * 160 + 40 : 12 * 160] == 5000).all()


def test_digits_go_in_band_where_rfc4733_was_not_negotiated(rig):
    a, b = rig.open(0, te_pt=-1), rig.open(1)
    rig.tick()
    rig.send_digits(0, 1, "159D*0#")
    for _ in range(75):
        b.send(linear(a.got[-1].payload))  # what leg 0 sends comes in on leg 1
        rig.tick()
    assert rig.digits(1, lo.METHOD_INBAND) == "159D*0#"
    assert rig.told(lo.EV_DIGITS_SENT, 0)[0][:2] == (1, 7)
    for digit in rig.told(lo.EV_DIGIT, 1):
        assert digit[3] == pytest.approx(100e6, abs=6e6)  # soft edges of 5 ms
        assert digit[4] == pytest.approx(-70, abs=5)  # two tones of -10 dBm0


def test_first_sound_and_the_level_detector(rig):
    peer = rig.open(0)
    rig.tick(5)
    for i in range(40):
        peer.send(generator.tone(500, 160, -20.0) if i < 10 else np.zeros(160))
        rig.tick()
    on, off = rig.told(lo.EV_SOUND)
    assert (on[0], off[0]) == (1, 0)
    assert on[1] == START_NS + 7 * lo.TICK_NS  # second loud packet after the one that proves the source
    assert off[1] == START_NS + (14 + 15) * lo.TICK_NS
    assert rig.leg().first_sound_ns == START_NS + 6 * lo.TICK_NS


def test_a_peer_that_stops_is_told_once(rig):
    rig.state.ctl[lo.SILENCE_TICKS] = 50
    peer = rig.open(0)
    for _ in range(10):
        peer.send(np.zeros(160))
        rig.tick()
    rig.tick(120)
    assert len(rig.told(lo.EV_AUDIO_STOPPED)) == 1
    assert rig.told(lo.EV_AUDIO_STOPPED)[0][0] == 50 * lo.TICK_NS
    peer.send(np.zeros(160))
    rig.tick(60)
    assert len(rig.told(lo.EV_AUDIO_STOPPED)) == 2


def test_what_is_not_the_negotiated_stream_is_refused(rig):
    peer = rig.open(0)
    rig.tick()
    junk = [b"", b"\x80", bytes(11), bytes(200), rtp(3, 1, 1, 1, b"x" * 160), b"\xff" * 2000, b"\x80\x00" + bytes(4000)]
    for data in junk:
        peer.rtp.send(data)
    rig.tick()
    assert rig.leg().rx_refused == len(junk)
    assert rig.leg().rx_packets == 0
    assert rig.state.ctl[lo.PACKETS_REFUSED] == len(junk)


def test_keys_under_an_ssrc_of_their_own_between_the_audio(rig):
    peer = rig.open(0)
    rig.tick()
    audio = np.zeros(lo.FRAME, np.int16)
    for n in range(12):
        peer.send(audio)
        final = n >= 9
        body = te(5, min(n + 1, 10) * 160, end=final)
        peer.rtp.send(rtp(101, 7000 + n, 4321, 0x1234, body, n == 0))
        rig.tick()
    rig.tick(10)
    assert rig.digits() == "5"
    assert rig.leg().rx_ssrc == peer.ssrc, "the audio's source is not touched"
    assert rig.leg().rx_refused <= 1, "probation of the audio alone"


def test_a_peer_that_sends_and_does_not_listen_is_heard(rig):
    """As SIPp plays captures: each of our packets comes back as ICMP, an error of the connected socket."""
    peer = rig.open(0)
    ours, theirs = peer.rtp.getpeername(), peer.rtp.getsockname()
    for n in range(5):
        peer.rtp.close()
        peer.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.rtp.setblocking(False)
        rig.tick()
        peer.rtp.bind(theirs)
        peer.rtp.connect(ours)
        peer.send(np.zeros(lo.FRAME, np.int16))
        before = int(rig.leg().rx_packets + rig.leg().rx_refused)
        rig.tick()
        assert int(rig.leg().rx_packets + rig.leg().rx_refused) == before + 1, n


def test_a_leg_without_remote_drops_everything(rig):
    peer = rig.open(0, connected=0)
    for _ in range(3):
        peer.send(generator.tone(500, 160, -10.0))
        rig.tick()
    assert rig.leg().rx_refused == 3
    assert rig.leg().rx_packets == 0
    assert peer.got == []


def test_a_flood_is_read_and_dropped(rig):
    peer = rig.open(0)
    rig.tick()
    for _ in range(100):
        peer.send(np.zeros(160))
    rig.tick()
    assert rig.leg().rx_packets == 31  # 32 at once, of which one proves the source
    assert rig.leg().rx_flooded == 40
    rig.tick()
    assert rig.leg().rx_packets == 31 + 8  # and eight a tick in the long run
    assert rig.leg().rx_flooded == 40 + 20


def test_commands_for_a_former_generation_are_stale(rig):
    peer = rig.open(0, generation=2)
    rig.tick(2)
    rig.command(lo.CMD_CLOSE, 0, generation=1)
    rig.command(lo.CMD_OPEN, 99, generation=1)
    rig.command(77, 0, generation=2)
    rig.tick(2)
    assert len(peer.got) == 4
    assert rig.state.ctl[lo.COMMANDS_STALE] == 1
    assert rig.state.ctl[lo.COMMANDS_BAD] == 2


def test_commands_applied_twice_change_nothing(rig):
    peer = rig.open(0)
    rig.command(lo.CMD_RECORD, 0, 1)
    rig.command(lo.CMD_PLAY, 0, *pack_play(1, 1, False, [(0, 1600)]))
    rig.send_digits(0, 1, "12")
    rig.tick(5)
    rig.state.ctl[lo.COMMAND_TAIL] = 0  # as after a crash before the end mark
    rig.tick(30)
    assert [p.seq for p in peer.got] == [(65530 + i) & 0xFFFF for i in range(35)]
    assert len(rig.told(lo.EV_PLAY_ENDED)) == 1
    assert len(rig.told(lo.EV_DIGITS_SENT)) == 1
    assert rig.leg().rec_write == 35 * 160


def test_close_tells_everything_and_frees_the_slot(rig):
    peer = rig.open(2)
    rig.command(lo.CMD_RECORD, 2, 4)
    rig.play(2, 3, [(0, 16000)])
    rig.tick(5)
    rig.command(lo.CMD_CLOSE, 2)
    rig.tick(2)
    assert rig.told(lo.EV_PLAY_ENDED)[0][:2] == (3, lo.PLAY_STOPPED)
    assert rig.told(lo.EV_RECORD_STOPPED)[0][0] == 4
    assert len(rig.told(lo.EV_LEG_CLOSED)) == 1
    assert rig.state.ctl[lo.SLOTS_USED] == 0
    assert rig.leg(2).tx_packets == 5
    assert peer.reports[-1][-8:-6] == bytes([0x81, 203])  # BYE


def test_a_full_event_ring_is_counted(rig):
    rig.open(0)
    rig.tick()
    rig.engine.drain_events()
    rig.state.ctl[lo.EVENT_TAIL] = rig.state.ctl[lo.EVENT_HEAD] - lo.EVENTS
    rig.command(lo.CMD_CLOSE, 0)
    rig.engine.step(rig.now)
    assert rig.state.ctl[lo.EVENTS_LOST] == 1


def test_the_command_ring_refuses_when_full(rig):
    pushed = 0
    while rig.engine.push_command(lo.CMD_CLOSE, 0, 1):
        pushed += 1
    assert pushed == lo.COMMANDS
    rig.tick()
    assert rig.engine.push_command(lo.CMD_CLOSE, 0, 1)


def _agree_on_noise(rig, slot: int) -> None:
    rig.command(lo.CMD_UPDATE_REMOTE, slot, 1, 0, 0, 101, 1, 1, 20, 0, 0, 0, 13)


def test_comfort_noise_of_one_side_is_heard_by_the_other(rig):
    """The peer stops sending and says how loud its background is; speech comes back without a gap."""
    a, b = rig.open(0), rig.open(1)
    _agree_on_noise(rig, 0)
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    for _ in range(30):
        a.send(generator.tone(440, 160, -10.0))
        rig.tick()
    a.rtp.send(rtp(13, a.seq, a.ts, a.ssrc, bytes([50])))
    a.seq += 1
    a.ts += 160 * 60
    rig.tick(59)
    before = len(b.audio)
    for _ in range(30):
        a.send(generator.tone(440, 160, -10.0))
        rig.tick()
    pause = b.audio[before - 160 * 45 : before].astype(float)
    level = 10 * np.log10(np.mean(pause**2) / g711.POWER_0_DBM0)
    assert level == pytest.approx(6.18 - 50, abs=1)
    assert frequency(b.audio[-3200:]) == pytest.approx(440, abs=10)
    assert rig.leg(0).cn_packets == 1
    assert rig.leg(0).rx_refused == 1  # the first packet, which proved the source
    assert rig.leg(0).jb_concealed == 0


def test_comfort_noise_that_was_not_agreed_on_is_refused(rig):
    a = rig.open(0)
    for _ in range(5):
        a.send(generator.tone(440, 160, -10.0))
        rig.tick()
    refused = rig.leg(0).rx_refused
    a.rtp.send(rtp(13, a.seq, a.ts, a.ssrc, bytes([50])))
    rig.tick()
    assert rig.leg(0).rx_refused == refused + 1
    assert rig.leg(0).cn_packets == 0
