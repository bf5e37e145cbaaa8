"""multimon-ng's DTMF decoder, a program of radio amateurs: another second opinion on the same signals."""

import shutil
import subprocess

import numpy as np
import numpy.typing as npt
import soxr

#: It takes raw samples at this rate only.
RATE = 22_050


def available() -> bool:
    """Tell whether the program is there (`scripts/install-test-peers`)."""
    return shutil.which("multimon-ng") is not None


def digits(samples: npt.NDArray[np.int16]) -> str:
    """Give the digits that it hears in int16 samples at 8 kHz."""
    wide = soxr.resample(samples.astype(np.float32), 8000, RATE)
    raw = np.clip(np.rint(wide), -32768, 32767).astype("<i2").tobytes()
    command = ["multimon-ng", "-q", "-c", "-a", "DTMF", "-t", "raw", "-"]
    output = subprocess.run(command, input=raw, capture_output=True, check=True, timeout=60).stdout.decode()
    lines = (line.partition(":") for line in output.splitlines())
    return (
        "".join(heard.strip() for name, _, heard in lines if name.strip() == "DTMF").replace("E", "*").replace("F", "#")
    )
