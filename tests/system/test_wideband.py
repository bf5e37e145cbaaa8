"""Wideband calls of a real telephone: what lies above 4 kHz says that nothing on the way was narrow."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import tones
from tests.support.addresses import address as loopback_address
from tests.support.appliance import MENU, TONES, appliance
from tests.support.baresip import HOST, Baresip, baresip
from tests.support.waiting import until

pytestmark = pytest.mark.system

RATE = 16000
#: As baresip names it, by its sampling rate.
G722 = "G722/16000/1"
WIDE_MENU = MENU.replace('to: "sip:target@TARGET"', 'to: "555", trunk: loop')


def hears(phone: Baresip, hz: float) -> bool:
    """Whether the last half second that it wrote is a tone of `hz`."""
    for path in phone.heard_files():
        data = path.read_bytes()[44:]  # baresip writes the header's sizes at the end of the call
        samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2")[-RATE // 2 :].astype(float)
        if samples.size == RATE // 2 and (samples**2).mean() > 1000:
            spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2
            at = round(hz * samples.size / RATE)
            if spectrum[at - 12 : at + 13].sum() > 0.6 * spectrum.sum():
                return True
    return False


@pytest.mark.parametrize(
    ("one", "other", "ptime_ms"),
    [(G722, G722, 20), ("L16/16000/1", G722, 20), (G722, G722, 30)],
    ids=["g722", "l16-g722", "g722-30ms"],
)
def test_two_telephones_hear_each_other_above_4_khz(tmp_path: Path, one: str, other: str, ptime_ms: int) -> None:
    account = f";answermode=auto;ptime={ptime_ms}"
    with (
        loopback_address() as at,
        baresip(tmp_path / "caller", 6000, codecs=one, rate=RATE, account=account) as caller,
        baresip(tmp_path / "target", 5000, user="555", codecs=other, rate=RATE, account=account) as target,
        appliance(
            at, tmp_path, menu=WIDE_MENU,
            trunk=f'address = "{HOST}:{target.sip_port}"\ncodecs = ["G722", "L16", "PCMU"]',
        ) as edge,
    ):  # fmt: skip
        caller.command("dial", edge.uri)
        caller.wait_for("CALL_ESTABLISHED")
        until(lambda: hears(caller, TONES["welcome"]), 20, "the caller hears the welcome")
        caller.command("sndcode", "9")
        target.wait_for("CALL_ESTABLISHED")
        until(lambda: hears(caller, 5000), 20, "the caller hears the target")
        until(lambda: hears(target, 6000), 20, "the target hears the caller")
        caller.command("hangup")
        until(lambda: edge.types().count("call.ended") == 1, 20, "the end of the call")
        edge.check_histories()
        # The recording is of 8 kHz: what is above is not folded down into it.
        path = edge.wait_event("recording.completed")["data"]["path"]
        left, rate = soundfile.read(path, dtype="int16")
        assert rate == 8000
        assert tones.level_dbm0(left[-4000:, 0]) < -40
