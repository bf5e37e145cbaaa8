"""A leg's peer for detectors: what it says goes through the whole engine, a packet a tick."""

import numpy as np

from edge.vocabulary.commands import OpenLeg
from edge.vocabulary.ids import LegId, SlotIndex
from tests.dsp.rig import mulaw, rtp
from tests.media.desk import Desk

A = LegId("a.1")


class Talker:
    """Opens leg `A` and sends sound to it."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.sent = desk, 0
        assert desk.do(OpenLeg(leg=A, slot=SlotIndex(0), remote=desk.remote(0))) is None

    def say(self, samples: np.ndarray) -> None:
        """Send samples at 8 kHz, whole packets of 20 ms; what is left over is not said."""
        for at in range(0, len(samples) - 159, 160):
            packet = rtp(0, self.sent, 160 * self.sent, 7, mulaw(samples[at : at + 160]))
            self.desk.peers[0].sendto(packet, self.desk.sockets[0].getsockname())
            self.desk.tick()
            self.sent += 1

    def wait(self, seconds: float) -> None:
        """Send digital silence."""
        self.say(np.zeros(round(seconds * 50) * 160))
