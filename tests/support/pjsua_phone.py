"""pjsua2 with its own SRTP as a caller, in a process of its own: its stack has one endpoint a process.

`python -m tests.support.pjsua_phone ADDRESS TARGET TONE.wav HEARD.wav SRTP` (1: offered, 2: insisted on). Lines on
standard input: a key to press, or `bye`. It plays the tone and writes what it hears.
"""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from tests.support import tones

ROOT = Path(__file__).parents[2]


class PjsuaPhone:
    """The test's side of it."""

    def __init__(self, process: subprocess.Popen[bytes], heard: Path, log: Path) -> None:
        self.process, self.heard, self.log = process, heard, log

    def say(self, line: str) -> None:
        """Press a key, or `bye`."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def hears(self, hz: int) -> bool:
        """Whether the last half second that it wrote is the tone `hz`."""
        if self.process.poll() is not None:
            raise RuntimeError(f"pjsua ended: {self.told()[-2000:]}")
        data = self.heard.read_bytes()[44:] if self.heard.exists() else b""  # the header's sizes come at the end
        samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2")[-4000:]
        return samples.size == 4000 and tones.share(samples, hz) > 0.6

    def told(self) -> str:
        """What it has said of its call so far."""
        return self.log.read_text(errors="replace")


@contextmanager
def pjsua_phone(folder: Path, address: str, target: str, *, srtp: int, tone_hz: int = 800) -> Iterator[PjsuaPhone]:
    """A pjsua2 that calls `target` at once, ended by its process id."""
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(60 * 8000) / 8000
    soundfile.write(folder / "tone.wav", 0.3 * np.sin(2 * np.pi * tone_hz * time), 8000, subtype="PCM_16")
    words = [address, target, str(folder / "tone.wav"), str(folder / "heard.wav"), str(srtp)]
    with (folder / "pjsua.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.pjsua_phone", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        yield PjsuaPhone(process, folder / "heard.wav", folder / "pjsua.log")
    finally:
        process.kill()
        process.wait()


def main() -> None:
    import pjsua2 as pj

    address, target, tone, heard, srtp = sys.argv[1:]
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.medConfig.noVad = True
    config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = address
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    player, recorder = pj.AudioMediaPlayer(), pj.AudioMediaRecorder()
    player.createPlayer(tone)
    recorder.createRecorder(heard)
    settings = pj.AccountConfig()
    settings.idUri = f"sip:pjsua@{address}"
    settings.mediaConfig.transportConfig.boundAddress = address
    settings.mediaConfig.srtpUse = int(srtp)
    settings.mediaConfig.srtpSecureSignaling = 0
    account = pj.Account()
    account.create(settings)

    class Call(pj.Call):
        def onCallState(self, _):  # noqa: N802 - pjsua2's word
            info = self.getInfo()
            print(info.stateText, info.lastStatusCode, flush=True)

        def onCallMediaState(self, _):  # noqa: N802
            audio = self.getAudioMedia(-1)
            player.startTransmit(audio)
            audio.startTransmit(recorder)

    call = Call(account)
    call.makeCall(target, pj.CallOpParam(True))
    text = b""
    while True:
        endpoint.libHandleEvents(10)
        if select.select([0], [], [], 0)[0]:
            data = os.read(0, 4096)
            if not data:
                break
            text += data
        while b"\n" in text:
            line, _, text = text.partition(b"\n")
            if line == b"bye":
                call.hangup(pj.CallOpParam())
            else:
                call.dialDtmf(line.decode())


if __name__ == "__main__":
    main()
