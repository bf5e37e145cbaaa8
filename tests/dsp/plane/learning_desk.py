"""A leg whose peer's address is to be learned, and those who send to it: on real sockets, in virtual time."""

import socket
import struct

import numpy as np

from dsp.plane import layout as lo
from dsp.plane import learning
from dsp.plane.engine import pack_cname
from tests.dsp.rig import Rig, mulaw, rtp, te

TONE = mulaw(8000 * np.sin(2 * np.pi * 400 * np.arange(160) / 8000))
#: Ticks in which another address than the negotiated one becomes the peer.
HOLD = learning.HOLD_NS // lo.TICK_NS + 1
WINDOW = learning.WINDOW_NS // lo.TICK_NS


def words(address) -> list[int]:
    host, port = address
    data = struct.pack("=H", socket.AF_INET) + struct.pack(">H4s", port, socket.inet_aton(host))
    return list(struct.unpack("<4q", data.ljust(32, b"\0")))


class Source:
    """Somebody with sockets of an own address who sends to the leg."""

    def __init__(self, world, ssrc, pt=0, seal=bytes):
        self.world, self.ssrc, self.pt, self.seq, self.ts = world, ssrc, pt, 10, 1000
        #: What makes of an RTP packet that which is sent.
        self.seal = seal
        self.rtp, self.rtcp = world.pair()
        self.got = []

    @property
    def addresses(self):
        return [*words(self.rtp.getsockname()), *words(self.rtcp.getsockname())]

    def send(self, payload=TONE, pt=None, seq=None):
        pt = self.pt if pt is None else pt
        packet = rtp(pt, self.seq if seq is None else seq, self.ts, self.ssrc, payload)
        self.rtp.sendto(self.seal(packet), self.world.address)
        self.seq += 1
        self.ts += 160

    def press(self, event, number):
        for duration in (160, 320, 480):
            data = rtp(101, self.seq, 90_000 + 1000 * number, self.ssrc, te(event, duration, duration == 480))
            self.rtp.sendto(self.seal(data), self.world.address)
            self.seq += 1

    def heard(self):
        """Packets that have come since the last time."""
        found = []
        while True:
            try:
                found.append(self.rtp.recv(2048))
            except BlockingIOError:
                return found


class World:
    """One leg with sockets that are open to all, and a window."""

    def __init__(self):
        self.rig = Rig(slots=1)
        self.sockets = []
        self.ours, self.ours_rtcp = self.pair()
        self.address, self.rtcp_address = self.ours.getsockname(), self.ours_rtcp.getsockname()
        self.rig.command(
            lo.CMD_OPEN, 0, self.ours.fileno(), self.ours_rtcp.fileno(), 0x5000, 1, 0, *pack_cname("abcdefghijklmnop")
        )
        self.numbers = 0

    def pair(self):
        made = []
        for _ in range(2):
            # By number, as the supervisor binds them: a port that the kernel chose is given up with the association.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.0.0.1", 0))
                free = probe.getsockname()
            made.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            made[-1].bind(free)
            made[-1].setblocking(False)
        self.sockets += made
        return made

    def negotiate(self, source, mux=0):
        self.numbers += 1
        self.rig.command(lo.CMD_LEARN, 0, self.numbers, *source.addresses)
        self.rig.command(lo.CMD_UPDATE_REMOTE, 0, 1, 0, 0, 101, 1, 1, 20, 0, 0, 0, 0, mux)

    def run(self, ticks, *sources):
        """Let `sources` send a packet a tick."""
        for _ in range(ticks):
            for source in sources:
                source.send()
            self.rig.tick()

    @property
    def leg(self):
        return self.rig.leg()

    @property
    def peer(self):
        """What the kernel has for the peer of the RTP socket."""
        try:
            return self.ours.getpeername()
        except OSError:
            return None

    def close(self):
        self.rig.close()
        for one in self.sockets:
            one.close()
