"""Symmetric RTP on a leg with keys: only what is authentic can make somebody the peer (RFC 3711 section 9.3)."""

import os

import pytest

from dsp.plane import layout as lo
from dsp.plane import learning
from tests.dsp.plane.learning_desk import HOLD, WINDOW, Source, World
from tests.dsp.plane.srtp_desk import keys, peer, report
from tests.dsp.rig import Rig

SSRC = 0xA
#: 1,000 packets/s.
FLOOD = 20
LATE = 50
#: Packets that a new source has to bring before it is heard (RFC 3550 appendix A.1); of a peer that won, its first one.
PROBATION = 1


class Keyed(World):
    """A leg with keys; the engine has them unless `given` is 0."""

    def __init__(self, given=1, suite="AES_CM_128_HMAC_SHA1_80"):
        super().__init__()
        self.keys = keys(suite)
        if given:
            assert self.give(self.rig)
        self.rig.command(lo.CMD_SECURE, 0, 1, -1, -1)

    def give(self, rig):
        return rig.engine.keys.put(0, 1, 1, self.keys)

    def person(self):
        """Somebody who has the keys."""
        return Source(self, SSRC, seal=peer(self.keys).rtp)

    def stranger(self):
        """Somebody who knows all but the keys, and is ahead in the sequence."""
        made = Source(self, SSRC, seal=lambda packet: packet + os.urandom(10))
        made.seq = 1000
        return made

    def flooded(self, ticks, stranger, *sources):
        for _ in range(ticks):
            for _ in range(FLOOD):
                stranger.send()
            self.run(1, *sources)

    @property
    def counts(self):
        """Packets that were not authentic, replayed, refused, repeated, and taken."""
        leg = self.leg
        return [int(leg[name]) for name in ("rx_bad_tag", "rx_replayed", "rx_refused", "jb_duplicate", "rx_packets")]


@pytest.fixture
def world():
    made = Keyed()
    yield made
    made.close()


def test_a_stranger_wins_nothing_before_a_peer_that_starts_late(world):
    person, stranger = world.person(), world.stranger()
    world.negotiate(person)
    world.flooded(LATE, stranger)
    assert (world.leg.ln_state, world.peer) == (learning.LEARNING, None)
    assert world.counts == [LATE * FLOOD, 0, 0, 0, 0]
    world.flooded(2, stranger, person)
    assert world.peer == person.rtp.getsockname()
    assert world.counts == [(LATE + 2) * FLOOD, 0, 1 + PROBATION, 0, 0], "the first was for learning only"
    world.flooded(20, stranger, person)
    assert (world.leg.ln_state, world.leg.ln_learned) == (learning.OFF, 0)
    assert world.counts == [(LATE + 2) * FLOOD, 0, 1 + PROBATION, 0, 20]
    assert stranger.heard() == []


def test_a_stranger_does_not_compete_with_a_peer_behind_nat_that_starts_late(world):
    described, person, stranger = world.person(), world.person(), world.stranger()
    world.negotiate(described)
    world.flooded(LATE, stranger)
    world.flooded(HOLD, stranger, person)
    assert world.peer == person.rtp.getsockname()
    world.flooded(20, stranger, person)
    assert (world.leg.ln_state, world.leg.ln_learned) == (learning.OFF, 1)
    assert world.counts == [(LATE + HOLD) * FLOOD, 0, HOLD - 1 + PROBATION, 0, 20]
    assert stranger.heard() == []


def test_nor_does_one_who_has_the_negotiated_address(world):
    person, stranger = world.person(), world.stranger()
    world.negotiate(stranger)
    world.flooded(HOLD, stranger, person)
    assert world.peer == person.rtp.getsockname()
    assert world.counts[:2] == [HOLD * FLOOD, 0]


def test_alone_a_stranger_gets_the_window_over_and_nothing_else(world):
    person, stranger = world.person(), world.stranger()
    world.negotiate(person)
    world.flooded(WINDOW + 1, stranger)
    assert world.peer == person.rtp.getsockname()
    assert stranger.heard() == []
    world.run(10, person)
    assert world.counts[1:] == [0, PROBATION, 0, 10 - PROBATION]


def test_copies_of_the_peers_packets_neither_win_nor_compete(world):
    described, person, copier = world.person(), world.person(), world.stranger()
    world.negotiate(described)
    sealed = person.seal

    def send_two(packet):
        """The copy comes right behind the packet."""
        copier.copy = sealed(packet)
        return copier.copy

    person.seal = send_two
    for _ in range(HOLD):
        person.send()
        copier.rtp.sendto(copier.copy, world.address)
        world.run(1)
    assert world.peer == person.rtp.getsockname()
    in_queue = 1  # the last copy, which is thrown away for its address
    assert world.counts == [0, HOLD - 1, HOLD - 1 + PROBATION + in_queue, 0, 0]
    world.run(20, person)
    assert world.counts[4] == 20
    assert copier.heard() == []


def test_digits_of_strangers_never_count(world):
    person, stranger = world.person(), world.stranger()
    world.negotiate(person)
    for n in range(40):
        stranger.press(5, n)
        world.run(1)
    for n in range(10):
        stranger.press(5, n)
        world.run(1, person)
    person.press(7, 99)
    world.run(30, person)
    assert world.rig.digits() == "7"


def test_reports_on_the_same_port_are_not_taken_for_forged_packets(world):
    person = world.person()
    world.negotiate(person, mux=1)
    person.rtp.sendto(peer(world.keys).rtcp(report(SSRC), 1), world.address)
    world.run(3, person)
    assert world.counts[:2] == [0, 0]
    person.rtp.sendto(peer(world.keys).rtcp(report(SSRC), 2), world.address)
    world.run(1, person)
    assert world.leg.rc_in == 1


def test_without_the_keys_in_the_engine_nobody_is_learned():
    world = Keyed(given=0)
    try:
        person, moved = world.person(), world.person()
        world.negotiate(person)
        world.run(HOLD + 5, moved)
        assert (world.leg.ln_state, world.counts[4]) == (learning.LEARNING, 0)
        assert world.leg.sr_unkeyed >= HOLD + 5
    finally:
        world.close()


def test_a_successor_of_a_killed_engine_goes_on_in_the_window(world):
    described, person, stranger = world.person(), world.person(), world.stranger()
    world.negotiate(described)
    world.flooded(HOLD // 2 + 1, stranger, person)
    before = world.rig
    world.rig = Rig(slots=1, memory=before.memory)
    world.rig.now = before.now
    assert world.give(world.rig)
    world.flooded(HOLD // 2 + 1, stranger, person)
    assert world.peer == person.rtp.getsockname()
    world.run(10, person)
    assert (world.leg.ln_learned, world.counts[1]) == (1, 0)
    assert world.counts[4] >= 10


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM"])
def test_by_every_kind_of_suite(suite):
    world = Keyed(suite=suite)
    try:
        person, stranger = world.person(), world.stranger()
        world.negotiate(person)
        world.flooded(HOLD, stranger)
        world.run(5, person)
        assert world.counts == [HOLD * FLOOD, 0, 1 + PROBATION, 0, 3]
    finally:
        world.close()
