"""Packets that are odd in time or size: 5 ms of sound, half a sample, a peer that says nothing for a minute."""

import numpy as np
import pytest

from dsp.plane import layout as lo
from tests.dsp.rig import Rig, rtp


@pytest.fixture
def rig():
    rig = Rig()
    yield rig
    rig.close()


def test_a_peer_that_sends_five_milliseconds_at_a_time(rig):
    peer, other = rig.open(0), rig.open(1)
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    line = (8000 * np.sin(np.arange(40 * 400) * 0.3)).astype(np.int16)
    for at in range(0, len(line), 160):
        for part in range(4):
            peer.send(line[at + 40 * part : at + 40 * part + 40])
        rig.tick()
    leg = rig.leg()
    assert (leg.rx_packets, leg.rx_flooded, leg.rx_refused, leg.jb_late) == (399, 0, 1, 0)
    heard = other.audio[160 * 20 :].astype(float)
    assert np.abs(np.diff(heard)).max() < 8000 * 0.3 * 1.2, "no hole and no click in the tone"
    assert np.abs(heard).max() == pytest.approx(8000, rel=0.05)


def test_five_milliseconds_at_a_time_with_keys_and_late_ones(rig):
    peer = rig.open(0)
    for i in range(60):
        for _ in range(4):
            peer.send(np.zeros(40))
        if 20 <= i < 30:
            peer.send_event(5, 9000, 160 * (i - 19), end=i == 29)
        rig.tick()
    assert rig.digits() == "5"
    assert rig.leg().rx_flooded == 0


@pytest.mark.parametrize("silence", [50, 3000])
def test_a_peer_that_says_nothing_for_a_minute(rig, silence):
    rig.state.ctl[lo.SILENCE_TICKS] = 50
    peer, other = rig.open(0), rig.open(1)
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    tone = 8000 * np.sin(np.arange(160 * 50) * 0.3)
    for at in range(0, len(tone), 160):
        peer.send(tone[at : at + 160])
        rig.tick()
    other.got.clear()
    rig.tick(silence)
    assert len(other.got) == silence, "the other side gets a packet each tick all the same"
    assert not np.any(other.audio[160 * 25 :]), "and silence in it"
    assert len(rig.told(lo.EV_AUDIO_STOPPED, 0)) == 1
    peer.ts += 160 * silence
    other.got.clear()
    for at in range(0, len(tone), 160):
        peer.send(tone[at : at + 160])
        rig.tick()
    assert np.abs(other.audio[160 * 20 :]).max() == pytest.approx(8000, rel=0.05), "it is heard again"
    assert rig.leg().rx_refused == 1, "only the first packet of all, as probation has it"
    assert rig.leg().rx_packets == 99


@pytest.mark.parametrize(("codec", "payload_type"), [(lo.CODEC_L16, 99), (lo.CODEC_L16_WIDE, 97)])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_less_than_a_sample_of_l16_is_refused_or_played(rig, codec, payload_type, size):
    peer = rig.open(0)
    rig.command(lo.CMD_UPDATE_REMOTE, 0, 1, codec, payload_type, 101, 1, 1, 20)
    rig.tick()
    for sequence in range(4):
        peer.rtp.send(rtp(payload_type, sequence, 160 * sequence, 7, bytes(size)))
        rig.tick()
    least = 4 if codec == lo.CODEC_L16_WIDE else 2
    assert rig.leg().rx_refused == (4 if size < least or size % 2 else 1)
    assert rig.leg().rx_packets <= 4
