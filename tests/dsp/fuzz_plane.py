"""Hostile RTP, RTCP and SRTP through the pass: `python -m tests.dsp.fuzz_plane PACKETS [SEED]`.

A leg for each codec and habit, bridged, recorded and played to, while commands come that make no sense. Packets are
mutated from valid ones, random, truncated, huge, or of another version. Prints fed, refused, accepted.
"""

import os
import random
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

import pylibsrtp

from dsp.libsrtp import SUITES, Session
from dsp.plane import layout as lo
from dsp.plane.keyring import Keys
from tests.dsp.rig import Peer, Rig, rtp, te

Dice = random.Random

#: Facts of each leg: codec, payload type, telephone-event, packet time, its clock, tones, guard, comfort noise, mux.
LEGS = [
    (lo.CODEC_PCMU, 0, 101, 20, 0, 0, 0, 13, 0),
    (lo.CODEC_PCMA, 8, 96, 60, 0, 1, 0, 0, 1),
    (lo.CODEC_G722, 9, 101, 30, 0, 0, 1, 0, 0),
    (lo.CODEC_L16_WIDE, 97, 98, 10, 1, 0, 1, 0, 1),
    (lo.CODEC_L16, 99, -1, 20, 0, 0, 0, 0, 0),
    (lo.CODEC_PCMU, 0, 101, 20, 0, 0, 1, 13, 1),
]
#: Legs with keys, and their suites.
SECURE = {4: "AES_CM_128_HMAC_SHA1_80", 5: "AEAD_AES_256_GCM"}
SIZES = [0, 1, 2, 3, 4, 7, 8, 11, 40, 80, 160, 160, 160, 240, 319, 320, 640, 1279, 1280, 1281, 1900]


class Sender:
    """What one peer sends: a stream that a receiver would accept, and what is made of it."""

    def __init__(self, dice: Dice, slot: int) -> None:
        self.dice, self.slot = dice, slot
        self.speaks(LEGS[slot])
        self.sequence, self.timestamp = dice.randrange(1 << 16), dice.randrange(1 << 32)
        self.ssrc = dice.randrange(1 << 32)
        self.seal: Callable[[bytes], bytes] = bytes
        self.seal_rtcp: Callable[[bytes], bytes] = bytes

    def speaks(self, facts: tuple[int, ...]) -> None:
        """Use the codec and payload types of these facts."""
        _, self.payload_type, self.events = facts[:3]

    def seal_with(self, session: Session) -> None:
        """Encrypt from now on."""
        self.session = session  # it dies with its last reference
        made = session._session
        assert made is not None
        self.seal, self.seal_rtcp = made.protect, made.protect_rtcp

    def step(self) -> None:
        dice = self.dice
        self.sequence += dice.choice([1] * 60 + [0, 2, -3, 500, 20_000])
        self.timestamp += dice.choice([160] * 60 + [0, 80, -160, 320, 1600, 1 << 20, 1 << 31])
        if dice.random() < 0.001:
            self.ssrc = dice.randrange(1 << 32)

    def valid(self) -> bytes:
        """A packet that may be refused for its place in the stream, not for its form."""
        dice = self.dice
        self.step()
        if dice.random() < 0.25 and self.events >= 0:
            blocks = dice.choice([1, 1, 1, 2, 5, 320])
            body = b"".join(
                te(dice.choice([1, 2, 16, 17, 255]), dice.choice([0, 160, 800, 65535]), dice.random() < 0.4)
                for _ in range(blocks)
            )
            return rtp(self.events, self.sequence, self.timestamp, self.ssrc, body, dice.randrange(2))
        if dice.random() < 0.05:
            return rtp(13, self.sequence, self.timestamp, self.ssrc, dice.randbytes(dice.choice([0, 1, 10, 12, 300])))
        size = 160 if dice.random() < 0.7 else dice.choice(SIZES)
        return rtp(self.payload_type, self.sequence, self.timestamp, self.ssrc, dice.randbytes(size), dice.randrange(2))

    def rtcp(self) -> bytes:
        """A compound packet (RFC 3550 section 6.1), mostly of the right form."""
        dice, out = self.dice, b""
        for _ in range(dice.choice([1, 1, 2, 3, 20])):
            count = dice.randrange(3)
            kind = dice.choice([200, 201, 202, 203, 204, 205, 206, 207])
            body = struct.pack(">I", self.ssrc) + dice.randbytes({200: 20, 201: 0}.get(kind, 4 * dice.randrange(5)))
            if kind in {200, 201}:
                body += dice.randbytes(24 * count)
            words = len(body) // 4 if dice.random() < 0.9 else dice.randrange(1 << 16)
            out += struct.pack(">BBH", 0x80 | count, kind, words) + body
        return out

    def packet(self, is_rtcp: bool) -> bytes:
        """The next packet, hostile more often than not."""
        dice = self.dice
        kind = dice.random()
        if kind < 0.1:
            return dice.randbytes(dice.choice([*SIZES, 12, 13, 4000]))
        data = bytearray(self.rtcp() if is_rtcp else self.valid())
        if kind < 0.3:
            data = mutated(dice, data)
        seal = self.seal_rtcp if is_rtcp else self.seal
        if dice.random() < 0.9:  # else plain to a leg with keys
            with suppress(pylibsrtp.Error, ValueError, TypeError):  # what has no form goes as it is
                data = bytearray(seal(bytes(data)))
        return bytes(mutated(dice, data) if 0.3 < kind < 0.45 else data)


def mutated(dice: Dice, data: bytearray) -> bytearray:
    """Change octets, the header's more often, lengthen or shorten."""
    for _ in range(dice.choice([1, 1, 2, 8])):
        if data:
            at = dice.randrange(min(len(data), 16) if dice.random() < 0.7 else len(data))
            data[at] = dice.choice([0, 0xFF, data[at] ^ 1 << dice.randrange(8), dice.randrange(256)])
    how = dice.random()
    if how < 0.25:
        del data[dice.randrange(len(data) + 1) :]
    elif how < 0.35:
        data += dice.randbytes(dice.choice([1, 4, 700, 3000]))
    return data


def make_legs(rig: Rig, dice: Dice) -> list[tuple[Peer, Sender]]:
    """Open the legs, with keys where they have some, bridge and record them."""
    out = []
    for slot, (codec, payload_type, events, *rest) in enumerate(LEGS):
        peer, sender = rig.open(slot), Sender(dice, slot)
        rig.command(lo.CMD_UPDATE_REMOTE, slot, 1, codec, payload_type, events, 1, 1, *rest)
        if slot in SECURE:
            suite = SECURE[slot]
            size = SUITES[suite].key_bytes
            keys = Keys(suite, os.urandom(size), os.urandom(size))
            assert rig.engine.keys.put(slot, 1, 1, keys)
            rig.command(lo.CMD_SECURE, slot, 1, -1, -1)
            sender.seal_with(Session(suite, keys.remote, inbound=False))
        out.append((peer, sender))
        rig.command(lo.CMD_RECORD, slot, 1)
    for slot in (0, 2, 4):
        rig.command(lo.CMD_BRIDGE, slot, slot + 1, 1)
    rig.peers.clear()  # they are drained here: not all that comes is RTP in the clear
    return out


def drain(peer: Peer) -> None:
    """Read what a peer got; whatever went in, what comes out is RTP or RTCP version 2 of a sound length."""
    for sock in (peer.rtp, peer.rtcp):
        with suppress(BlockingIOError):
            while True:
                data = sock.recv(4096)
                assert data[0] >> 6 == 2, data[:16]
                assert 8 <= len(data) <= 1500, len(data)


def disturb(rig: Rig, dice: Dice, senders: list[Sender]) -> None:
    """Commands between the packets: plays, digits, bridges, and such as are not valid."""
    slot = dice.randrange(len(LEGS))
    if dice.random() < 0.02:
        rig.send_digits(slot, dice.randrange(1, 1000), "0123456789*#ABCDabcd!"[: dice.randrange(22)])
    if dice.random() < 0.02:
        offset = dice.randrange(-5, 90_000)
        rig.play(slot, dice.randrange(1, 1000), [(max(offset, 0), dice.randrange(90_000))], times=2)
    if dice.random() < 0.01:
        rig.command(lo.CMD_BRIDGE, slot, dice.randrange(-1, len(LEGS) + 1), 1)
    if dice.random() < 0.005:
        facts = LEGS[dice.randrange(len(LEGS))]
        keys = (dice.randrange(2), dice.choice([0, dice.randrange(1 << 40)]))
        rig.command(lo.CMD_UPDATE_REMOTE, slot, 1, *facts[:3], dice.randrange(2), 1, *facts[3:], *keys)
        if dice.random() < 0.9:  # else the peer goes on as before
            senders[slot].speaks(facts)
    for _ in range(dice.choice([0, 0, 0, 0, 3])):
        rig.command(
            dice.choice([-1, 0, *range(lo.CMD_UPDATE_REMOTE, 40)]),
            dice.randrange(-2, len(LEGS) + 2),
            *[dice.randrange(-(1 << 40), 1 << 40)] * 3,
            generation=9,
        )


def run(packets: int, seed: int, progress: Callable[[int], None] = lambda fed: None) -> tuple[int, int, int]:
    """Feed `packets`; gives (fed, refused, accepted)."""
    dice = Dice(seed)
    rig = Rig(slots=len(LEGS))
    legs = make_legs(rig, dice)
    fed = 0
    while fed < packets:
        for slot, (peer, sender) in enumerate(legs):
            for _ in range(dice.randrange(9) if dice.random() < 0.95 else 80):
                if fed < packets:
                    is_rtcp = dice.random() < 0.08
                    data = sender.packet(is_rtcp)
                    (peer.rtcp if is_rtcp and dice.random() < 0.5 else peer.rtp).send(data)
                    fed += 1
            rig.leg(slot).rec_read = rig.leg(slot).rec_write
            drain(peer)
        disturb(rig, dice, [sender for _, sender in legs])
        rig.tick()
        rig.events.clear()
        progress(fed)
    assert all(leg.state == lo.LEG_OPEN for leg in rig.state.legs), "a hostile command hit a leg of another generation"
    ctl = rig.state.ctl
    refused = ctl[lo.PACKETS_REFUSED] + ctl[lo.RTCP_REFUSED] + ctl[lo.PACKETS_FLOODED] + ctl[lo.PACKETS_BAD_TAG]
    rig.close()
    return fed, int(refused), int(ctl[lo.PACKETS_IN] + ctl[lo.RTCP_IN])


if __name__ == "__main__":
    print(*run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3550))
