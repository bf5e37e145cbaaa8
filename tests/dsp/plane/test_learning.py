"""Symmetric RTP: who becomes the peer, when, and what of strangers gets in (nothing)."""

import socket
import sys

import numpy as np
import pytest

from dsp.plane import layout as lo
from dsp.plane import learning
from tests.dsp.plane.learning_desk import HOLD, WINDOW, Source, World, words
from tests.dsp.rig import Rig


@pytest.fixture
def world():
    made = World()
    yield made
    made.close()


def test_the_negotiated_address_wins_by_two_packets(world):
    peer = Source(world, 0xA)
    world.negotiate(peer)
    world.run(2, peer)
    assert world.peer == peer.rtp.getsockname()
    assert world.ours_rtcp.getpeername() == peer.rtcp.getsockname()
    world.run(10, peer)
    assert world.leg.ln_state == learning.OFF
    assert world.leg.ln_learned == 0
    assert world.leg.rx_packets >= 9


def test_it_is_sent_to_from_the_beginning(world):
    peer = Source(world, 0xA)
    world.negotiate(peer)
    world.run(5)
    assert len(peer.heard()) == 5


def test_another_address_wins_when_nothing_comes_from_the_negotiated_one(world):
    described, behind_nat = Source(world, 0xA), Source(world, 0xB)
    world.negotiate(described)
    world.run(HOLD - 1, behind_nat)
    assert world.peer is None
    assert world.leg.rx_packets == 0
    behind_nat.heard()
    world.run(1, behind_nat)
    assert world.peer == behind_nat.rtp.getsockname()
    assert world.ours_rtcp.getpeername()[1] == behind_nat.rtp.getsockname()[1] + 1
    world.run(20, behind_nat)
    assert (world.leg.ln_state, world.leg.ln_learned) == (learning.OFF, 1)
    assert world.leg.rx_packets >= 18
    assert len(behind_nat.heard()) == 21


def test_many_packets_at_once_do_not_make_up_for_time(world):
    described, eager = Source(world, 0xA), Source(world, 0xB)
    world.negotiate(described)
    for _ in range(HOLD - 1):
        for _ in range(20):
            eager.send()
        world.run(1)
    assert world.peer is None
    assert eager.heard() == []


def test_a_stranger_that_was_first_does_not_keep_the_rightful_peer_out(world):
    peer, stranger = Source(world, 0xA), Source(world, 0xB)
    world.negotiate(peer)
    world.run(HOLD - 2, stranger)
    world.run(2, stranger, peer)
    assert world.peer == peer.rtp.getsockname()
    world.run(50, stranger, peer)
    assert world.leg.ln_learned == 0
    assert world.leg.rx_ssrc == peer.ssrc
    assert stranger.heard() == []


@pytest.mark.parametrize("order", [1, -1])
def test_while_the_rightful_peer_sends_strangers_change_nothing_and_cost_it_nothing(world, order):
    peer = Source(world, 0xA)
    strangers = [Source(world, ssrc) for ssrc in (0xA, 0xB, 0xC)]
    world.negotiate(peer)
    for _ in range(200):
        for source in (peer, *strangers)[::order]:
            for _ in range(1 if source is peer else 20):  # 1,000 packets/s each
                source.send()
        world.rig.tick()
    assert world.peer == peer.rtp.getsockname()
    assert world.leg.rx_packets >= 197
    assert world.leg.jb_late == 0
    assert world.leg.rx_flooded == 0
    assert all(stranger.heard() == [] for stranger in strangers)


def test_two_that_compete_get_nothing_and_the_negotiated_address_has_it(world):
    described, one, other = (Source(world, ssrc) for ssrc in (0xA, 0xB, 0xC))
    world.negotiate(described)
    world.run(WINDOW + 2, one, other)
    assert world.peer == described.rtp.getsockname()
    assert world.leg.rx_packets == 0
    assert one.heard() == other.heard() == []
    world.run(10, described)
    assert world.leg.rx_packets >= 8


def test_after_the_window_nobody_is_learned(world):
    described, late = Source(world, 0xA), Source(world, 0xB)
    world.negotiate(described)
    world.run(WINDOW + 1)
    assert world.peer == described.rtp.getsockname()
    world.run(100, late)
    assert world.leg.rx_packets == world.leg.rx_refused == 0  # the kernel drops them
    assert late.heard() == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s, n: s.send(seq=s.seq + 7 * n),  # no sequence
        lambda s, _: s.send(pt=77),  # a payload type that was not negotiated
        lambda s, n: setattr(s, "ssrc", n) or s.send(),  # a new SSRC each time
        lambda s, _: s.rtp.sendto(b"\x80\x00", s.world.address),
    ],
)
def test_what_is_no_stream_wins_nothing(world, spoil):
    described, source = Source(world, 0xA), Source(world, 0xB)
    world.negotiate(described)
    for n in range(100):
        spoil(source, n)
        world.run(1)
    assert world.peer is None
    assert source.heard() == []


def test_digits_of_strangers_never_count(world):
    peer, stranger = Source(world, 0xA), Source(world, 0xB)
    world.negotiate(peer)
    for n in range(5):
        stranger.press(5, n)
        world.run(2)
    world.run(3, peer)
    for n in range(5, 40):
        stranger.press(5, n)
        world.run(2, peer)
    peer.press(7, 99)
    world.run(30, peer)
    assert world.rig.digits() == "7"


def test_what_strangers_had_queued_when_the_peer_was_found_is_thrown_away(world):
    peer, stranger = Source(world, 0xA), Source(world, 0xA)
    world.negotiate(peer)
    world.rig.tick()
    peer.send()
    peer.send()
    for n in range(150):  # more than a tick reads
        stranger.send()
        if n % 30 == 0:
            stranger.press(3, n)
    stranger.rtcp.sendto(b"\x80\xc8\x00\x06" + b"\0\0\0\x0b" + bytes(20), world.rtcp_address)
    world.run(20, peer)
    assert world.leg.ln_state == learning.OFF
    assert world.rig.digits() == ""
    assert world.leg.rx_packets <= 21
    assert world.leg.rc_in == 0


def test_a_new_negotiation_opens_a_new_window(world):
    first, second, moved = (Source(world, ssrc) for ssrc in (0xA, 0xB, 0xC))
    world.negotiate(first)
    world.run(10, first)
    world.negotiate(second)
    world.run(1)
    assert world.leg.ln_state == learning.LEARNING
    world.run(HOLD + 2, moved)
    assert world.peer == moved.rtp.getsockname()
    moved.heard()
    world.run(5, moved)
    assert len(moved.heard()) == 5


def test_the_same_command_again_changes_nothing(world):
    described, moved = Source(world, 0xA), Source(world, 0xB)
    world.negotiate(described)
    world.run(HOLD + 5, moved)
    world.rig.command(lo.CMD_LEARN, 0, 1, *described.addresses)
    world.run(5, moved)
    assert world.peer == moved.rtp.getsockname()


def test_a_successor_of_a_killed_engine_goes_on_in_the_window(world):
    described, moved = Source(world, 0xA), Source(world, 0xB)
    world.negotiate(described)
    world.run(HOLD // 2 + 1, moved)
    rig = world.rig
    after = Rig(slots=1, memory=rig.memory)
    after.now = rig.now
    world.rig = after
    world.run(HOLD // 2 + 1, moved)
    assert world.peer == moved.rtp.getsockname()
    again = Rig(slots=1, memory=rig.memory)
    again.now = after.now
    world.rig = again
    world.run(20, moved)
    assert (world.leg.ln_state, world.leg.ln_learned) == (learning.OFF, 1)


def test_with_mux_reports_go_to_the_learned_port(world):
    described, moved = Source(world, 0xA), Source(world, 0xB)
    world.numbers += 1
    world.rig.command(lo.CMD_LEARN, 0, world.numbers, *words(described.rtp.getsockname()) * 2)
    world.rig.command(lo.CMD_UPDATE_REMOTE, 0, 1, 0, 0, 101, 1, 1, 20, 0, 0, 0, 0, 1)
    world.run(400, moved)
    assert any(data[1] in (200, 201) for data in moved.heard())


def test_a_leg_that_is_closed_in_its_window_says_goodbye_to_the_negotiated_address(world):
    described = Source(world, 0xA)
    world.negotiate(described)
    world.run(3)
    world.rig.command(lo.CMD_CLOSE, 0)
    world.run(1)
    data = described.rtcp.recv(2048)
    assert data[-8:-4] == b"\x81\xcb\x00\x01"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_addresses_are_compared_by_port_and_host(family):
    one = np.zeros(32, np.uint8)
    one[:2] = np.frombuffer(int(family).to_bytes(2, sys.byteorder), np.uint8)
    one[2:28] = 7
    for at in range(2, 28):
        other = one.copy()
        other[at] = 9
        counts = at < (8 if family == socket.AF_INET else 24) and not (family == socket.AF_INET6 and 4 <= at < 8)
        assert learning.same(one, other) == (not counts), at
