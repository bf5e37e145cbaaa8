"""A leg with keys, without an engine around it: its record, the sessions, and the kernels that open and seal."""

import os

import numpy as np

from dsp.libsrtp import SUITES
from dsp.plane import layout as lo
from dsp.plane import srtp
from dsp.plane.keyring import KeyRing, Keys
from dsp.plane.work import make_work
from tests.dsp.naive.srtp import Naive

OUR_SSRC, PEER_SSRC = 0x5000, 0xABCD


def keys(suite: str = "AES_CM_128_HMAC_SHA1_80") -> Keys:
    size = SUITES[suite].key_bytes
    return Keys(suite, os.urandom(size), os.urandom(size))


def rtp(sequence: int, ssrc: int = PEER_SSRC, body: bytes = b"sixteen octets .") -> bytes:
    return (
        b"\x80\x00"
        + (sequence & 0xFFFF).to_bytes(2, "big")
        + (160 * sequence & 0xFFFFFFFF).to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
        + body
    )


def report(ssrc: int = PEER_SSRC) -> bytes:
    return b"\x80\xc9\x00\x01" + ssrc.to_bytes(4, "big") + b"\x80\xc9\x00\x01" + ssrc.to_bytes(4, "big")


class Desk:
    """One leg in slot 0; `reborn` is what a kill of the engine leaves."""

    def __init__(self, memory: bytearray | None = None) -> None:
        self.memory = memory if memory is not None else bytearray(lo.state_bytes(1, 2))
        self.state = lo.map_state(self.memory, 1, 2)
        self.leg = self.state.legs[0]
        self.work = make_work(1)
        self.ring = KeyRing(self.state, self.work.srtp)
        self.tick = 0
        if memory is None:
            self.leg.state, self.leg.generation, self.leg.ssrc = lo.LEG_OPEN, 1, OUR_SSRC

    def reborn(self) -> "Desk":
        return Desk(self.memory)

    def give(self, handle: int, made: Keys) -> bool:
        return self.ring.put(0, 1, handle, made)

    def secure(self, handle: int, made: Keys, ssrc: int = -1, sequence: int = -1) -> None:
        assert self.give(handle, made)
        srtp.secure(self.leg, handle, ssrc, sequence, self.tick)

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.tick += 1
            self.state.ctl[lo.TICK] = self.tick
            srtp.watch(self.leg, self.work, 0, self.tick)

    def _in(self, kernel, packet: bytes) -> bytes | None:  # type: ignore[no-untyped-def]
        length = min(len(packet), self.work.packet.shape[0])
        self.work.packet[:length] = np.frombuffer(packet[:length], np.uint8)
        got = kernel(self.state, self.work, 0, length)
        return None if got < 0 else self.work.packet[:got].tobytes()

    def _out(self, kernel, packet: bytes) -> bytes | None:  # type: ignore[no-untyped-def]
        self.work.packet_out[: len(packet)] = np.frombuffer(packet, np.uint8)
        got = kernel(self.state, self.work, 0, self.work.packet_out, len(packet))
        return None if got < 0 else self.work.packet_out[:got].tobytes()

    def open(self, packet: bytes) -> bytes | None:
        return self._in(srtp.unprotect, packet)

    def open_rtcp(self, packet: bytes) -> bytes | None:
        return self._in(srtp.unprotect_rtcp, packet)

    def seal(self, packet: bytes) -> bytes | None:
        return self._out(srtp.protect, packet)

    def seal_rtcp(self, packet: bytes) -> bytes | None:
        return self._out(srtp.protect_rtcp, packet)


def peer(made: Keys) -> Naive:
    """The far end's sender."""
    return Naive(made.suite, made.remote)


def ours(made: Keys) -> Naive:
    """What our sender must produce."""
    return Naive(made.suite, made.local)
