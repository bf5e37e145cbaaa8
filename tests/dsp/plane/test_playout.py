"""The playout buffer on traces of real kinds, in virtual time: what is heard, how late, and that nothing clicks."""

import numpy as np
import pytest

from dsp.plane import layout as lo
from dsp.plane import pace
from tests.support import traces
from tests.support.playing import Buffer, play, play_fixed, speech_like

SECONDS = 40
SPEECH = speech_like(8 * 1000 * (SECONDS + 2))
CASES = [(kind, seed) for kind in traces.KINDS for seed in (1, 2)]


def ledger(samples: int):
    """Samples that say where they belong, loud and smooth: a slow saw of 20,000 steps."""
    return (np.arange(samples) % 20_000 + 100).astype(np.int16)


@pytest.mark.parametrize("stamps", [True, False])
@pytest.mark.parametrize(("kind", "seed"), CASES)
def test_every_sample_is_played_at_most_once_and_in_order(kind, seed, stamps):
    """Tick by tick: untouched frames are the stream's own, and the play clock moves only by what is counted."""
    trace = traces.KINDS[kind](SECONDS, seed)
    stream, b = ledger(8000 * (SECONDS + 2)), Buffer()
    leg, whole, scaled = b.leg, 0, 0
    for batch in trace.ticks(phase_ms=13.0):
        for index, waited_ms in batch:
            ts = int(trace.timestamp[index])
            b.put(stream[ts : ts + 160], ts, int(trace.marker[index]), int(waited_ms * 8) if stamps else 0)
        before, stretched, compressed = int(leg.jb_play_ts), int(leg.jb_stretched), int(leg.jb_compressed)
        out, _ = b.play()
        step = int(leg.jb_play_ts) - before
        added, left_out = int(leg.jb_stretched) - stretched, int(leg.jb_compressed) - compressed
        assert step >= 0
        assert added == 0 or left_out == 0
        if leg.jb_clean >= 1:
            assert step == 160 - added + left_out
            if not (added or left_out):
                assert np.array_equal(out, stream[before : before + 160])
                whole += 1
            else:
                assert out[-1] == stream[before + step - 1] or added + left_out == 160  # faded to its very end
                scaled += 1
    assert whole > 15 * SECONDS  # half of the time is pause in one kind
    assert kind not in ("wifi", "lte", "dsl", "one-burst", "drift") or scaled > 0


@pytest.mark.parametrize(("kind", "seed"), CASES)
def test_time_and_sequence_may_wrap_anywhere(kind, seed):
    trace = traces.KINDS[kind](20, seed)
    plain = play(trace, SPEECH, phase_ms=5.0)
    for first_ts in (0xFFFFFFFF - 40_000, 0x7FFFFFFF - 40_000):
        wrapped = play(trace, SPEECH, phase_ms=5.0, first_ts=first_ts)
        assert np.array_equal(wrapped.out, plain.out)


def _roughness(samples) -> float:
    """The greatest second difference: a click is a step in the signal or in its slope."""
    return float(np.abs(np.diff(samples.astype(float), 2)).max())


@pytest.mark.parametrize("hertz", [60, 200, 440, 1004])
def test_a_change_of_delay_is_no_click_in_a_tone(hertz):
    """A tone with periods left out and repeated is as smooth as the tone itself."""
    tone = (8000 * np.sin(2 * np.pi * hertz * np.arange(8000 * 62) / 8000)).astype(np.int16)
    stretched = compressed = 0
    for ppm in (300, -300):
        played = play(traces.drifting(60, ppm=ppm), tone, Buffer(start_ms=40), phase_ms=3.0)
        stretched += int(played.buffer.leg.jb_stretched)
        compressed += int(played.buffer.leg.jb_compressed)
        assert played.concealed_ms == 0
        assert _roughness(played.out[8000:]) <= 1.05 * _roughness(tone) + 10
    assert stretched > 0
    assert compressed > 0


def test_a_change_of_delay_is_no_click_in_speech():
    stretched = compressed = 0
    speech = speech_like(8000 * 62)
    for ppm in (300, -300):
        played = play(traces.drifting(60, ppm=ppm), speech, Buffer(start_ms=40), phase_ms=3.0)
        stretched += int(played.buffer.leg.jb_stretched)
        compressed += int(played.buffer.leg.jb_compressed)
        assert played.concealed_ms == 0
        assert _roughness(played.out) <= 1.1 * _roughness(speech)
    assert stretched > 0
    assert compressed > 0


@pytest.mark.parametrize("stamps", [True, False])
def test_the_delay_comes_down_after_a_burst(stamps):
    trace = traces.one_burst(120)
    played = play(trace, speech_like(8000 * 122), stamps=stamps)
    before, after = played.delays[700:900], played.delays[-1500:]  # 14 to 18 s; 60 s after the burst
    assert played.delays.max() > before.mean() + 100
    assert after.mean() <= before.mean() + 10


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", traces.CALM)
def test_a_calm_path_has_less_delay_than_a_fixed_buffer(kind, seed):
    trace = traces.KINDS[kind](SECONDS, seed)
    _, fixed = play_fixed(trace, phase_ms=7.0)
    assert play(trace, SPEECH, phase_ms=7.0).delays.mean() <= fixed - 10


def _beside_fixed(kind, seed):
    """In ms: speech that came and was never played, time it was waited for; what a fixed buffer as deep would lose."""
    trace = traces.KINDS[kind](SECONDS, seed)
    played = play(trace, SPEECH, phase_ms=7.0)
    _, at_60 = play_fixed(trace, 60.0, phase_ms=7.0)
    fixed, _ = play_fixed(trace, 60.0 + played.delays.mean() - at_60, phase_ms=7.0)
    return played.missed_ms - 20 * trace.lost, played.waited_ms, fixed


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", traces.ROUGH)
def test_what_comes_on_a_rough_path_is_played(kind, seed):
    """A fixed buffer of the same mean delay loses 0.2 to 13 s of these 40."""
    missed, _, fixed = _beside_fixed(kind, seed)
    assert 0 <= missed <= 40
    assert fixed > 5 * missed + 150


@pytest.mark.parametrize(("kind", "share"), [("dsl", 0.05), ("one-burst", 0.1), ("lte", 1.5), ("wifi", 2.0)])
def test_the_time_that_is_waited_on_a_rough_path(kind, share):
    """Little where the path's changes last; where they are short and random, each is waited for once, and no longer."""
    _, waited, fixed = np.sum([_beside_fixed(kind, seed) for seed in range(5)], axis=0)
    assert waited < share * fixed


@pytest.mark.parametrize("stamps", [True, False])
@pytest.mark.parametrize("kind", ["clean", "duplicates", "dtx"])
def test_a_calm_path_needs_no_store(kind, stamps):
    """What is left is the path (20 ms) and the wait for the tick; without stamps a tick more, for safety."""
    played = play(traces.KINDS[kind](SECONDS, 5), SPEECH, Buffer(0, 0), phase_ms=7.0, stamps=stamps)
    assert played.buffer.leg.jb_underruns == played.buffer.leg.jb_late == 0
    assert played.delays.mean() < 27 + (0 if stamps else 20) + 10


def test_lost_packets_are_worth_the_delay_that_bridges_their_holes():
    """The store holds a packet while packets are lost, so concealment knows what follows, and not much longer."""
    for loss, deep in ((0.001, 0), (0.05, 160)):
        trace = traces.gilbert_elliott(SECONDS, 3, loss=loss, burst=1.0)
        leg = play(trace, SPEECH, Buffer(0, 0), phase_ms=15.0).buffer.leg
        assert leg.jb_target == deep
        assert leg.jb_underruns == leg.jb_late == 0


def test_a_lost_packet_at_the_head_of_an_empty_store_is_not_waited_for():
    """The play clock stands still until it is known to be lost; then the delay is what it was."""
    stream, size = ledger(48_000), 160
    for missing in (1, 2, 3):
        b = Buffer(0, 0)
        for n in range(204 + missing):
            if not 200 <= n < 200 + missing:
                b.put(stream[size * n : size * (n + 1)], size * n, waited=100)
            out, _ = b.play()
            if n >= 200 + missing:
                assert int(b.leg.jb_play_ts) == size * (n + 1), "in time"
            if n == 200 + missing + 3:
                assert np.array_equal(out, stream[size * n : size * (n + 1)])
        assert b.leg.jb_underruns == b.leg.jb_late == 0


def test_a_hole_whose_end_is_in_store_is_bridged_when_the_store_holds_less_than_a_frame():
    """Packets of 10 ms: at the head 5 ms are missing, 10 ms are there, and then nothing yet."""
    b = Buffer(0, 0)
    tone = np.round(8000 * np.sin(2 * np.pi * 200 * np.arange(4000) / 8000)).astype(np.int16)
    for n in range(20):
        b.put(tone[80 * n : 80 * n + 80], 80 * n, waited=100)
        if n % 2:
            b.play()
    end = 80 * 20
    b.put(tone[end + 40 : end + 120], end + 40, waited=100)
    out, _ = b.play()
    assert np.abs(out[:120].astype(int) - tone[end : end + 120]).max() < 1500
    assert np.array_equal(out[40:120], tone[end + 40 : end + 120]), "what follows begins at once, as it is"


@pytest.mark.parametrize("stamps", [True, False])
@pytest.mark.parametrize("ppm", [300, -300])
def test_drift_is_absorbed_without_an_underrun(ppm, stamps):
    """Ten minutes here; `python -m bench.drift` plays 8 hours."""
    seconds = 600
    speech = np.tile(speech_like(8000 * 61), 10)
    played = play(traces.drifting(seconds, ppm=ppm), speech, stamps=stamps)
    leg = played.buffer.leg
    assert leg.jb_underruns == leg.jb_late == leg.jb_concealed == leg.jb_resyncs == 0
    moved = int(leg.jb_stretched) - int(leg.jb_compressed)
    assert moved == pytest.approx(-ppm * 1e-6 * seconds * 8000, abs=700)
    drift = np.arange(len(played.delays)) * 20 * ppm * 1e-6  # a fast sender's samples are older by its clock
    assert np.ptp((played.delays + drift)[3000:]) <= 65


@pytest.mark.parametrize("packet_ms", [5, 10, 30, 40, 60])
def test_packets_of_other_lengths_on_a_jittery_path(packet_ms):
    trace = traces.wifi(SECONDS, 3, packet_ms)
    played = play(trace, SPEECH)
    assert played.missed_ms == trace.lost * packet_ms
    assert played.waited_ms <= 0.015 * SECONDS * 1000
    assert played.delays.mean() <= 200


def test_pauses_are_neither_loss_nor_delay():
    trace = traces.silences(SECONDS, 5)
    played = play(trace, SPEECH)
    leg = played.buffer.leg
    assert leg.jb_concealed == leg.jb_underruns == leg.jb_resyncs == leg.jb_late == 0
    assert leg.jb_delay <= 160 + pace.LONG


def test_figures_are_those_of_what_was_played():
    trace = traces.wifi(SECONDS, 2)
    played = play(trace, SPEECH)
    leg = played.buffer.leg
    mean = int(leg.jb_delay_sum) / int(leg.jb_delay_ticks) / 8
    # `delays` count from the sending, the figure from the fastest packet's arrival: 15 ms later, and a tick's part
    assert mean == pytest.approx(played.delays.mean() - 15, abs=25)
    assert mean <= int(leg.jb_delay_max) / 8 <= 320
    assert 0 < int(leg.jb_target) <= lo.DELAY_BUCKETS * 40
