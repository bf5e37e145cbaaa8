"""A key of one bridged leg reaches the other one once, by that one's method, through real spans and a real engine."""

import re
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support import tones
from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance
from tests.support.rtp_stream import RtpStream
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

METHODS = ("rfc4733", "inband", "info")


def talk(edge: Appliance, caller: Softphone, target: Softphone) -> tuple[Call, Call]:
    call = caller.call(edge.uri).wait_answered()
    hears(call, TONES["welcome"])
    call.info_digit("9")
    there = target.expect_call()
    there.accept()
    hears(there, 700)
    hears(call, 900)
    return call, there


def press(call: Call, key: str, method: str) -> float:
    """Press a key for 100 ms; returns when it went down."""
    at = time.time()
    if method == "info":
        call.info_digit(key, 100)
    else:
        call.audio.press(key, method=method)
    return at


#: A shorter tone is no key to a receiver after ITU-T Q.24 that takes what it must and no more.
KEY_MS = 40
#: Of one tone of a key, as phones and appliance press it: sixteen bits.
PRESSED_AMPLITUDE = float(np.max(np.abs(tones.sine(1000, 8, -9.0))))


def tone_bursts(audio: RtpStream, key: str) -> list[tuple[float, float]]:
    """(begin in seconds, length in milliseconds) of each time that both tones of a key were heard.

    Measured where each tone has half the amplitude that it reaches, by windows of 10 ms, a millisecond apart: frames
    of what was heard begin anywhere within a tone, so counting them makes two frames of a leak of 25 ms.
    """
    samples = audio.recorded().astype(np.float64)
    window, hop = 80, 8
    if samples.size < window:
        return []
    t = np.arange(samples.size) / tones.RATE_HZ
    loud = np.ones((samples.size - window) // hop + 1, dtype=bool)
    for hz in tones.DTMF[key]:
        sums = np.concatenate([[0], np.cumsum(samples * np.exp(-2j * np.pi * hz * t))])
        amplitude = 2 / window * np.abs(sums[window:] - sums[:-window])[::hop]
        loud &= amplitude > PRESSED_AMPLITUDE / 2
    edges = np.flatnonzero(np.diff([0, *map(int, loud), 0]))
    return [
        ((begin * hop + window // 2) / tones.RATE_HZ, float(end - begin))
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
    ]


def arrived(there: Call, key: str, by: str) -> list[float]:
    """When each arrival of `key` by a method began, by the wall clock where it is known."""
    if by == "rfc4733":
        first: dict[int, float] = {}
        for packet in list(there.audio.packets):
            if packet.payload_type == there.audio.event_type and packet.payload[:1] == bytes([int(key)]):
                first.setdefault(packet.timestamp, packet.at_s)
        return list(first.values())
    if by == "info":
        return [0.0 for m in there.requests("INFO") if re.search(rf"Signal={key}\s", m.body)]
    return [begin for begin, ms in tone_bursts(there.audio, key) if ms >= KEY_MS]


def relays(edge: Appliance, caller: Softphone, target: Softphone, by: str) -> None:
    call, there = talk(edge, caller, target)
    waits = []
    for count, (key, method) in enumerate(zip("135", METHODS, strict=True), 2):
        down = press(call, key, method)
        until(lambda key=key: arrived(there, key, by), 10, f"{key} by {method}")
        if by == "rfc4733":
            waits.append(f"{method} {1000 * (arrived(there, key, by)[0] - down):.0f} ms")
        # A tone is heard at the other end while its key is still down.
        edge.wait_event("dtmf.received", edge.last_call(), count)
    time.sleep(0.6)
    assert [len(arrived(there, key, by)) for key in "135"] == [1, 1, 1]
    for other in {"rfc4733", "inband", "info"} - {by}:
        assert [arrived(there, key, other) for key in "135"] == [[], [], []], f"by {other}, too"
    got = [e["data"] for e in edge.events(edge.last_call()) if e["type"] == "dtmf.received"]
    assert [(data["digit"], data["method"]) for data in got] == [
        ("9", "info"), ("1", "rfc4733"), ("3", "inband"), ("5", "info")
    ]  # fmt: skip
    print("key down to key down:", ", ".join(waits))
    call.bye()
    there.wait_ended()
    edge.wait_event("call.ended", edge.last_call())


@pytest.mark.parametrize(("sending", "by"), [("auto", "rfc4733"), ("info", "info"), ("inband", "inband")])
def test_a_key_reaches_the_other_leg_once_by_its_method(tmp_path: Path, sending: str, by: str) -> None:
    with (
        address() as edge_at,
        address() as caller_at,
        address() as target_at,
        Softphone(caller_at, tone_hz=700) as caller,
        Softphone(target_at, port=5060, tone_hz=900, user="target") as target,
        appliance(edge_at, tmp_path, target=target_at, trunk=f'dtmf = "{sending}"') as edge,
    ):
        relays(edge, caller, target, by)
        edge.check_histories()
