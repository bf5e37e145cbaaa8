"""Keys on their way to the engine: killed before any write, the leg is encrypted by the right ones, or says nothing."""

import os
import struct
from collections.abc import Callable, Iterator

import pytest

from dsp.plane import layout
from edge.media.keys import first_sequence
from edge.runtime.key_table import KeyRecord, KeyTable, local_key
from edge.vocabulary.commands import AnyCommand, CloseLeg, OpenLeg, UpdateLeg
from edge.vocabulary.ids import LegId, SlotIndex
from tests.media.desk import Desk, Killed
from tests.support.srtp_peer import SrtpPeer

A = LegId("a.1")
SUITE = "AES_CM_128_HMAC_SHA1_80"
OLD = KeyRecord(SUITE, bytes(range(32)), bytes(range(30)))
NEW = KeyRecord("AEAD_AES_128_GCM", bytes(range(50, 82)), bytes(range(28)))


def peer_of(record: KeyRecord) -> SrtpPeer:
    return SrtpPeer(record.suite, record.remote, local_key(record.seed, record.suite))


@pytest.fixture
def make_desk(address: str) -> Iterator[Callable[[], Desk]]:
    desks: list[Desk] = []

    def make() -> Desk:
        desk = Desk(address)
        desks.append(desk)
        table = KeyTable(desk.key_memory)
        table.write(1, OLD)
        table.write(2, NEW)
        return desk

    yield make
    for desk in desks:
        desk.close()


def opening(desk: Desk) -> AnyCommand:
    return OpenLeg(leg=A, slot=SlotIndex(0), remote=desk.remote(0, crypto=1))


def heard(desk: Desk) -> list[bytes]:
    """RTP that has come to the peer."""
    found = []
    desk.peers[0].setblocking(False)
    while True:
        try:
            found.append(desk.peers[0].recv(4096))
        except BlockingIOError:
            return found


def say(desk: Desk, peer: SrtpPeer, sequence: int) -> None:
    packet = struct.pack(">BBHII", 0x80, 0, sequence, 160 * sequence, 77) + bytes(160)
    desk.peers[0].sendto(peer.seal(packet), desk.sockets[0].getsockname())


def killed_anywhere(
    make: Callable[[], Desk], prepare: Callable[[Desk], None], command: Callable[[Desk], AnyCommand]
) -> Iterator[Desk]:
    """Yield a desk for each write that the command makes, killed before it, restarted, and told again by switch."""
    counting = make()
    prepare(counting)
    assert counting.do(command(counting), "x") is None
    for kill_before in range(counting.writes + 1):
        desk = make()
        prepare(desk)
        desk.kill_before = kill_before
        if kill_before < counting.writes:
            with pytest.raises(Killed):
                desk.do(command(desk), "x")
        desk.results.clear()
        desk.restart()
        assert desk.do(command(desk), "x") is None
        yield desk


def test_opening_an_encrypted_leg(make_desk: Callable[[], Desk]) -> None:
    def prepare(desk: Desk) -> None:
        desk.writes = 0

    for desk in killed_anywhere(make_desk, prepare, opening):
        peer = peer_of(OLD)
        for sequence in range(5):
            say(desk, peer, sequence)
            desk.tick()
        packets = heard(desk)
        assert len(packets) >= 4
        assert all(peer.open(packet) for packet in packets), "not by our key, plain, or an index twice"
        assert desk.engine_says(0, "sr_handle", "rx_bad_tag", "sr_unkeyed") == [1, 0, 0]
        assert desk.engine_says(0, "rx_packets")[0] >= 3


def test_new_keys(make_desk: Callable[[], Desk]) -> None:
    old, before = peer_of(OLD), []

    def prepare(desk: Desk) -> None:
        nonlocal old, before
        old = peer_of(OLD)
        assert desk.do(opening(desk)) is None
        for sequence in range(5):
            say(desk, old, sequence)
            desk.tick()
        before = heard(desk)
        assert before
        assert all(old.open(packet) for packet in before)
        desk.writes = 0

    def update(desk: Desk) -> AnyCommand:
        return UpdateLeg(A, desk.remote(0, crypto=2))

    for desk in killed_anywhere(make_desk, prepare, update):
        new = peer_of(NEW)
        desk.tick(2)
        between = heard(desk)
        assert between
        assert all(old.open(packet) for packet in between), "the peer has not our answer yet"
        for sequence in range(5, 10):
            say(desk, new, sequence)
            desk.tick()
        later = heard(desk)
        assert all(new.open(packet) for packet in later), "by the new keys, and no index twice"
        assert desk.engine_says(0, "sr_handle", "sr_tx_handle", "rx_bad_tag") == [2, 2, 0]


def test_a_leg_whose_keys_are_gone_is_mute(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    KeyTable(desk.key_memory).wipe(1)
    assert desk.do(opening(desk)) is None
    desk.tick(3)
    assert heard(desk) == []
    assert desk.engine_says(0, "sr_unkeyed")[0] >= 2
    assert desk.do(UpdateLeg(A, desk.remote(0, crypto=2)), "u") is None
    desk.tick(3)
    peer = peer_of(NEW)
    packets = heard(desk)
    assert packets
    assert all(peer.open(packet) for packet in packets)


def test_sessions_end_with_their_leg(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    assert desk.do(opening(desk)) is None
    desk.tick(2)
    assert len(desk.engine.keys) == 1
    assert desk.do(CloseLeg(A), "d") is None
    for _ in range(3):
        desk.tick(2)
        desk.engine.keys.sweep()
    assert len(desk.engine.keys) == 0


def test_a_wrap_before_new_keys_takes_a_new_ssrc(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    assert desk.do(opening(desk)) is None
    desk.tick(1)
    desk.plane.legs["tx_seq"][0] = 65534  # as after 20 minutes
    desk.plane.legs["sr_tx_index"][0] = 65533
    desk.tick(4)
    heard(desk)
    ssrc = desk.engine_says(0, "ssrc")
    assert desk.do(UpdateLeg(A, desk.remote(0, crypto=2)), "u") is None
    new = peer_of(NEW)
    desk.tick(1)
    say(desk, new, 5)
    desk.tick(1)
    heard(desk)
    desk.tick(3)
    packets = heard(desk)
    assert all(new.open(packet) for packet in packets), "a receiver that starts its counter anew"
    assert desk.engine_says(0, "ssrc") != ssrc
    assert struct.unpack(">I", packets[0][8:12])[0] == desk.engine_says(0, "ssrc")[0]


def test_the_first_sequence_number_is_far_from_a_wrap() -> None:
    assert max(first_sequence(os.urandom(2)) for _ in range(2000)) < 0x8000
    assert layout.SRTP_STREAMS >= 2
