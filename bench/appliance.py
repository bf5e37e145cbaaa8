"""An appliance for measuring: two tone prompts, recording and in-band detection on, slots to spare."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.waiting import until

#: Tones of the two prompts, far from each other and from DTMF.
FIRST_HZ, SECOND_HZ = 440, 620
PROMPT_S = 150
READY_S = 300.0

MENU = """version: 1
start: first
nodes:
  first:
    gather: {greet_long: first, first_digit_timeout: 60s}
    choices: {5: second}
    failed: bye
  second:
    gather: {greet_long: second, first_digit_timeout: 60s}
    choices: {5: first}
    failed: bye
  bye:
    hang_up:
"""


def write_site(edge: Appliance, slots: int) -> None:
    """Write site, menu and prompts."""
    prompts, menus = edge.folder / "prompts" / "en", edge.folder / "menus"
    for folder in (prompts, menus):
        folder.mkdir(parents=True)
    at = np.arange(PROMPT_S * 8000) / 8000
    for name, hz in (("first", FIRST_HZ), ("second", SECOND_HZ)):
        soundfile.write(prompts / f"{name}.wav", 0.3 * np.sin(2 * np.pi * hz * at), 8000, subtype="PCM_16")
    (menus / "main.yaml").write_text(MENU)
    edge.site.write_text(
        f'name = "bench"\n'
        f'[sip]\naddress = "{edge.address}"\ninner_address = "{edge.address}"\nmax_spans = 120\n'
        f"[media]\nslots = {slots}\n"
        f'[http]\naddress = "{edge.address}"\n'
        f'[paths]\nstate = "{edge.state}"\nrecordings = "{edge.recordings}"\n'
        f'menus = "{menus}"\nprompts = "{edge.folder / "prompts"}"\n'
        f'[[trunks]]\nname = "load"\nsources = ["127.0.0.0/8"]\n'
        f'[[routes]]\nnumber = "demo"\nmenu = "main"\n'
    )


def takes_calls(edge: Appliance) -> bool:
    """Whether new calls are let in; raises RuntimeError when the appliance has ended."""
    edge.is_ready()  # raises when it has ended
    try:
        return bool(edge.status()["takes_calls"])
    except (OSError, ValueError):
        return False


def metrics(edge: Appliance) -> str:
    """Return the text of `/metrics`."""
    with urllib.request.urlopen(f"http://{edge.address}:8080/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def settle(edge: Appliance) -> None:
    """Wait until no call is in progress."""
    until(lambda: edge.status()["calls"] == 0, 60, "no calls")


@contextmanager
def appliance(folder: Path, slots: int, cache: Path | None = None) -> Iterator[Appliance]:
    """Run an appliance in `folder` that takes calls; `cache` is where compiled kernels are kept."""
    with address() as at:
        edge = Appliance(at, folder)
        write_site(edge, slots)
        try:
            edge.start(ready=False, environment={"NUMBA_CACHE_DIR": str(cache)} if cache is not None else {})
            until(lambda: takes_calls(edge), READY_S, "calls let in")
            yield edge
        finally:
            edge.stop()
