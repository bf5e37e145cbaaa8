"""A desk without a sound card: PulseAudio with two null sinks, in a folder of its own, and ALSA's way to it.

What a program plays by default goes to the sink `speaker`; what it records by default is what is played to `mouth`.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.support.waiting import until

PATIENCE_MS = 300
_SINKS = ("speaker", "mouth")
_ASOUND = """
</usr/share/alsa/alsa.conf>
pcm.!default { type pulse hint { show on description "the desk" } }
ctl.!default { type pulse }
"""


class SoundServer:
    """A server that runs."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "native"
        (folder / "asound.conf").write_text(_ASOUND)
        #: What programs need in their environment to find it.
        self.environment = {
            "PULSE_SERVER": f"unix:{self.socket}",
            "PULSE_COOKIE": str(folder / "cookie"),
            "PULSE_RUNTIME_PATH": str(folder / "pulse"),
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        #: The same for what may lose nothing on a busy machine: PortAudio asks for the least that ALSA gives, three
        #: blocks of 20 ms, and whoever is later than that has a hole. libpulse keeps so much more, both ways.
        self.patient = {**self.environment, "PULSE_LATENCY_MSEC": str(PATIENCE_MS)}
        self._recorder: subprocess.Popen[bytes] | None = None
        self._recorded = folder / "speaker.raw"
        modules = (
            f"module-native-protocol-unix socket={self.socket} auth-anonymous=1",
            *(f"module-null-sink sink_name={name} rate=48000 channels=1" for name in _SINKS),
        )
        with (folder / "pulseaudio.log").open("wb") as log:
            self._server = subprocess.Popen(
                [
                    *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit"),
                    *("--use-pid-file=no", "--disable-shm=yes", "--realtime=no", "--high-priority=no"),
                    *(word for module in modules for word in ("-L", module)),
                ],
                env={**os.environ, **self.environment, "XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def begin(self) -> None:
        """Wait until it answers, settle the defaults, and record what is played from now on."""
        until(lambda: self._control("info") == 0, 30, "the sound server")
        self._begin_recording()

    def _begin_recording(self) -> None:
        assert self._control("set-default-sink", "speaker") == 0
        assert self._control("set-default-source", "mouth.monitor") == 0
        self._recorded.unlink(missing_ok=True)
        self._recorder = subprocess.Popen(
            ["parec", "--device=speaker.monitor", "--format=s16le", "--rate=8000", "--channels=1", "--latency-msec=50",
             str(self._recorded)],
            env={**os.environ, **self.environment},
        )  # fmt: skip
        until(lambda: self._recorded.exists() and self._recorded.stat().st_size > 0, 30, "the recorder")

    def played(self) -> np.ndarray:
        """What was played so far: int16 at 8 kHz."""
        data = self._recorded.read_bytes()
        return np.frombuffer(data[: len(data) & ~1], np.int16)

    def unplug(self) -> None:
        """Take both sinks away, as a USB card that is pulled out takes its devices: streams on them are killed."""
        assert self._control("unload-module", "module-null-sink") == 0
        self._end_recording()

    def plug(self, rate: int) -> None:
        """Bring them back at another rate; what is played from now on is recorded."""
        for name in _SINKS:
            assert (
                self._control("load-module", "module-null-sink", f"sink_name={name}", f"rate={rate}", "channels=1") == 0
            )
        self._begin_recording()

    def stutter(self, times: int, stands_s: float, runs_s: float) -> None:
        """Stand still and go on, again and again, as a machine or a bus does that cannot keep up."""
        for _ in range(times):
            self._server.send_signal(signal.SIGSTOP)
            time.sleep(stands_s)
            self._server.send_signal(signal.SIGCONT)
            time.sleep(runs_s)

    def halt(self) -> None:
        """Stand still, for good or until `go_on`: nothing comes or goes any more, and nobody says so."""
        self._server.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End that."""
        self._server.send_signal(signal.SIGCONT)

    def say(self, file: Path) -> None:
        """Play a sound file into the microphone; returns when it is over."""
        command = ["paplay", "--device=mouth", str(file)]
        subprocess.run(command, env={**os.environ, **self.environment}, check=True, timeout=60)

    def loop(self, latency_ms: int, volume_percent: int) -> None:
        """Lay a cable from the speaker to the microphone.

        Its volume is cubic: 50 % are 18.06 dB less. It never goes faster or slower to come back to its latency, which
        is what an early or late wake-up of the server would have it do.
        """
        cable = ("module-loopback", "source=speaker.monitor", "sink=mouth", f"latency_msec={latency_ms}")
        assert self._control("load-module", *cable, "adjust_time=0") == 0
        assert self._control("set-sink-volume", "mouth", f"{volume_percent}%") == 0

    def end(self) -> None:
        """End it, by its process id."""
        self.go_on()
        self._end_recording()
        _end(self._server)

    def _end_recording(self) -> None:
        if self._recorder is not None:
            _end(self._recorder)
            self._recorder = None

    def _control(self, *words: str) -> int:
        done = subprocess.run(
            ["pactl", *words], env={**os.environ, **self.environment}, capture_output=True, check=False, timeout=30
        )
        return done.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def sound_server(folder: Path) -> Iterator[SoundServer]:
    """A server in `folder` until the block ends."""
    folder.mkdir(parents=True)
    server = SoundServer(folder)
    try:
        server.begin()
        yield server
    finally:
        server.end()
