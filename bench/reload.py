"""Menus and recordings changed under calls: no call may notice.

All calls are up and hear a prompt; then, one reload after the other, the menu is another one (the key leads elsewhere)
and both recordings are others. A caller who comes after a reload must hear the new one. When all is loaded, every call
presses its key and must hear what the version that it began with plays then, recorded as it was.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bench.appliance import FIRST_HZ, MENU, SECOND_HZ, appliance
from bench.calls import GENERATOR, TRIES
from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.softphone import Softphone
from tests.support.waiting import until

CALLS, RELOADS = 100, 10
RATE = 20.0
#: Seconds that a reload and the look at what it brought may take; the keys come after all of them.
EACH_S = 4.0
#: Recordings of version n begin so much higher, Hz.
STEP_HZ = 70
SOUND_S = 20


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure once; again while others had the machine."""
    calls, reloads = (10, 2) if quick else (CALLS, RELOADS)
    lines: dict[str, dict[str, Any]] = {}
    took: list[float] = []
    heard = 0
    for _ in range(TRIES):
        with tempfile.TemporaryDirectory(prefix="edge-bench-") as name:
            lines, took, heard = _run(Path(name), calls, reloads)
        if not lines["void"]["value"]:
            break
    void = {"void": lines["void"]["reasons"]} if lines["void"]["value"] else {}
    emit("reload_calls", lines["calls"]["value"], "calls up", **void)
    emit("reload_reloads", reloads, "reloads", **void)
    emit("reload_took_max", round(max(took), 2), "s", **void)
    emit("reload_calls_failed", lines["calls_failed"]["value"], "calls", **void)
    emit("reload_rtp_lost", lines["rtp_lost"]["value"], "packets", **void)
    emit("reload_rtp_spacing_off_p99", lines["rtp_spacing_off_p99"]["value"], "ms", **void)
    astray = calls - lines["keys_pressed"]["value"] + lines["keys_without_effect"]["value"]
    emit("reload_old_keys_astray", astray, "keys", **void)
    emit("reload_new_calls_astray", reloads - heard, "calls", **void)


def _run(folder: Path, calls: int, reloads: int) -> tuple[dict[str, dict[str, Any]], list[float], int]:
    """Return the generator's figures, seconds of each reload, and how many of them a new call heard."""
    ramp_s = calls / RATE
    key_s = ramp_s + EACH_S * reloads
    with appliance(folder / "edge", 2 * calls + 20) as edge, address() as at, address() as phone_at:
        command = [
            sys.executable, str(GENERATOR), "--address", at, "--callers", str(calls), "--rate", str(RATE),
            "--duration", str(round(EACH_S * reloads + 10)), "--key-method", "rfc4733", "--key-after", str(key_s),
            "--next-hz", str(SECOND_HZ), "--watch", str(edge.status()["pid"]), f"{edge.address}:5060",
        ]  # fmt: skip
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as generator,
            Softphone(phone_at) as phone,
        ):
            until(lambda: edge.status()["calls"] == calls, 60 + ramp_s, "all calls are up")
            began = time.monotonic()
            took, heard = [], 0
            for number in range(1, reloads + 1):
                _write(edge, number)
                before = time.monotonic()
                edge.control(what="reload")
                took.append(time.monotonic() - before)
                heard += _new_call_hears(phone, edge, FIRST_HZ + STEP_HZ * number)
            if time.monotonic() - began > key_s - ramp_s:
                raise RuntimeError("the reloads took so long that keys were pressed among them")
            out, _ = generator.communicate()
    found = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return {line["name"]: line for line in found}, took, heard


def _write(edge: Appliance, number: int) -> None:
    """Other recordings, and a key that leads elsewhere."""
    at = np.arange(SOUND_S * 8000) / 8000
    for name, hz in (("first", FIRST_HZ), ("second", SECOND_HZ)):
        tone = 0.3 * np.sin(2 * np.pi * (hz + STEP_HZ * number) * at)
        soundfile.write(edge.folder / "prompts/en" / f"{name}.wav", tone, 8000, subtype="PCM_16")
    menu = MENU.replace("choices: {5: second}", f"choices: {{5: bye, {number % 5}: second}}")
    (edge.folder / "menus/main.yaml").write_text(menu)


def _new_call_hears(phone: Softphone, edge: Appliance, hz: float) -> bool:
    call = phone.call(f"sip:demo@{edge.address}:5060").wait_answered()
    try:
        return bool(until(lambda: call.audio.hears(hz, over_s=0.5), 3, "the new recording"))
    except AssertionError:
        return False
    finally:
        call.bye()
