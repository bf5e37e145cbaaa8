"""Slots with sockets of both families: a leg uses those of its peer's, however often the worker is killed."""

import numpy as np
import pytest

from dsp.plane import layout, learning
from edge.vocabulary.commands import CloseLeg, OpenLeg, UpdateLeg
from edge.vocabulary.ids import LegId, SlotIndex
from tests.dsp.rig import mulaw, rtp
from tests.media.desk import SLOTS, Desk
from tests.media.test_takeup import killed_anywhere

A = LegId("a.1")
TONE = mulaw(8000 * np.sin(2 * np.pi * 400 * np.arange(160) / 8000))
#: The desk's peer on ::1.
SIX = SLOTS - 1
#: Who is the peer before, and after the negotiation.
WAYS = {"known late": (None, SIX), "to ipv6": (1, SIX), "to ipv4": (SIX, 1)}


@pytest.mark.parametrize("symmetric", [False, True], ids=["negotiated", "learned"])
@pytest.mark.parametrize("way", WAYS)
def test_a_leg_uses_the_sockets_of_its_peers_family(address: str, way: str, symmetric: bool) -> None:
    desks: list[Desk] = []
    before, after = WAYS[way]

    def make() -> Desk:
        desks.append(Desk(address, six="::1"))
        return desks[-1]

    def prepare(desk: Desk) -> None:
        remote = desk.remote(before, symmetric=symmetric) if before is not None else None
        assert desk.do(OpenLeg(leg=A, slot=SlotIndex(0), remote=remote)) is None
        desk.tick()
        desk.results.clear()
        desk.writes = 0

    try:
        for desk in killed_anywhere(make, prepare, lambda desk: UpdateLeg(A, desk.remote(after, symmetric=symmetric))):
            desk.tick()
            sockets, peer = desk.sockets6 if after == SIX else desk.sockets, desk.peers[after]
            assert desk.engine_says(0, "rtp_fd", "rtcp_fd") == [sockets[0].fileno(), sockets[1].fileno()]
            for n in range(2 * learning.OWN_PACKETS):
                peer.sendto(rtp(0, n, 160 * n, 7, TONE), sockets[0].getsockname())
                desk.tick()
            assert sockets[0].getpeername()[:2] == peer.getsockname()[:2]
            connected, received = desk.engine_says(0, "connected", "rx_packets")
            assert connected
            assert received >= learning.OWN_PACKETS  # the first ones may be used up for learning (RFC 3550 A.1)
            assert peer.recv(2000)[:1] == b"\x80", "it is sent audio from there"
            assert desk.plane.ctl[layout.COMMANDS_BAD] == 0
            desk.do(CloseLeg(A))
            desk.tick()
            with pytest.raises(OSError, match="not connected"):
                sockets[0].getpeername()
    finally:
        for desk in desks:
            desk.close()
