"""Hostile RTP and RTCP through the pass: `python -m tests.dsp.fuzz_plane PACKETS`. Prints fed, refused, accepted."""

import random
import sys

from dsp.plane import layout as lo
from tests.dsp.rig import Rig, rtp, te


def hostile(dice: random.Random, state: dict) -> bytes:
    kind = dice.random()
    if kind < 0.2:
        return dice.randbytes(dice.choice([0, 1, 11, 12, 13, 100, 1500, 4000]))
    state["seq"] += dice.choice([1, 1, 1, 1, 1, 0, 2, -3, 500, 20_000])
    state["ts"] += dice.choice([160, 160, 160, 160, 0, 80, -160, 1600, 1 << 20, 1 << 31])
    payload_type = dice.choice([0, 0, 0, 0, 101, 101, 8, dice.randrange(128)])
    body = (
        te(dice.randrange(256), dice.randrange(65536), dice.random() < 0.4)
        if payload_type == 101
        else dice.randbytes(dice.choice([0, 1, 40, 160, 160, 160, 240, 1279, 1280, 1281, 1900]))
    )
    ssrc = 77 if dice.random() < 0.97 else dice.randrange(1 << 32)
    data = bytearray(rtp(payload_type, state["seq"], state["ts"], ssrc, body, dice.randrange(2)))
    if kind < 0.5:
        data[0] = dice.randrange(256)
    if kind < 0.3:
        del data[dice.randrange(len(data)) :]
    return bytes(data)


def hostile_rtcp(dice: random.Random) -> bytes:
    data = bytearray(dice.randbytes(dice.choice([0, 3, 8, 28, 52, 300, 4000])))
    if len(data) >= 4 and dice.random() < 0.8:
        data[0] = 0x80 | dice.randrange(32)
        data[1] = dice.choice([200, 201, 202, 203, 204])
        if dice.random() < 0.5:
            data[2:4] = (len(data) // 4 - 1).to_bytes(2, "big")
    return bytes(data)


def main(packets: int) -> None:
    dice = random.Random(3550)
    rig = Rig(slots=4)
    peers = [rig.open(slot) for slot in range(4)]
    state = [{"seq": 0, "ts": dice.randrange(1 << 32)} for _ in range(4)]
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    for slot in range(4):
        rig.command(lo.CMD_RECORD, slot, 1)
    fed = 0
    while fed < packets:
        for slot, peer in enumerate(peers):
            for _ in range(dice.randrange(4)):
                if fed < packets:
                    peer.rtp.send(hostile(dice, state[slot]))
                    fed += 1
            if dice.random() < 0.3:
                peer.rtcp.send(hostile_rtcp(dice))
            rig.leg(slot).rec_read = rig.leg(slot).rec_write
        if dice.random() < 0.02:
            rig.send_digits(dice.randrange(4), dice.randrange(1, 1000), "0123456789*#ABCDabcd"[: dice.randrange(21)])
        if dice.random() < 0.02:
            offset = dice.randrange(-5, 90_000)
            rig.play(dice.randrange(4), dice.randrange(1, 1000), [(max(offset, 0), dice.randrange(90_000))], times=2)
        for _ in range(dice.choice([0, 0, 0, 0, 3])):
            rig.command(
                dice.choice([-1, 0, *range(lo.CMD_UPDATE_REMOTE, 13)]),
                dice.randrange(-2, 6),
                *[dice.randrange(-(1 << 40), 1 << 40)] * 3,
                generation=9,
            )
        rig.tick()
    assert all(leg.state == lo.LEG_OPEN for leg in rig.state.legs), "a hostile command hit a leg of another generation"
    print(fed, rig.state.ctl[lo.PACKETS_REFUSED], rig.state.ctl[lo.PACKETS_IN])
    rig.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
