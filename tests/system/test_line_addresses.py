"""Lines where SIP listens on an address of the LAN, and on every address there is: in networks of our own."""

import ctypes
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.support.appliance import TONES, Appliance, write_site
from tests.support.modem import Simulator
from tests.support.tones import dominant
from tests.support.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.first]

#: linux/sched.h
_CLONE_NEWNET = 0x40000000
_LAN, _LAN6 = "192.0.2.7", "2001:db8::7"


@contextmanager
def apart(edge: Appliance) -> Iterator[None]:
    """Run the appliance in a network that has loopback and one address of each family, and nothing else."""
    failed: list[Exception] = []
    begun, over = threading.Event(), threading.Event()

    def begin() -> None:
        try:
            # Of this thread alone; what it starts is there, too.
            if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "unshare")
            for words in (
                "link set lo up",
                f"address add {_LAN}/24 dev lo",
                f"address add {_LAN6}/64 dev lo nodad",
            ):
                subprocess.run(["ip", *words.split()], check=True)
            edge.start(ready=False)
        except Exception as error:
            failed.append(error)
        begun.set()
        over.wait()  # the appliance dies with the thread that has started it

    thread = threading.Thread(target=begin)
    thread.start()
    begun.wait()
    try:
        if failed:
            raise failed[0]
        yield
    finally:
        edge.stop()
        over.set()
        thread.join()


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a network of its own")
@pytest.mark.parametrize(
    ("address", "media"),
    [(_LAN, ""), ("::", _LAN6)],
    ids=["lan", "every"],
)
def test_a_line_speaks_with_front_wherever_sip_listens(tmp_path: Path, address: str, media: str) -> None:
    with Simulator("simcom", tmp_path / "lte") as modem:
        modem.do("set", loop=False, ring_ms=4000)
        edge = Appliance(address, tmp_path)
        public = f'public_address = "{media}"' if media else ""
        line = (
            f'[[lines]]\nname = "lte"\nprofile = "simcom-sim7600"\nport = "{modem.port}"\nsound_port = "{modem.sound}"'
        )
        write_site(edge, sip=public, media=f'address = "{media}"' if media else "", extra=f'{line}\ndid = "100"\n')
        site = edge.site.read_text().replace(f'inner_address = "{address}"\n', "")
        edge.site.write_text(site.replace(f'[http]\naddress = "{address}"', '[http]\naddress = "127.0.0.1"'))
        with apart(edge):
            edge.wait_ready()

            def ready() -> bool:
                return not [note for note in edge.status()["notes"] if note["process"] == "line-lte"]

            until(ready, 60, f"{edge.status()['notes']} {edge.log_tail()}")
            modem.do("ring", number="+4930123456")
            path = tmp_path / "heard.raw"

            def hears(hz: int) -> bool:
                modem.do("record", path=str(path))
                piece = np.frombuffer(path.read_bytes()[: path.stat().st_size & ~1], np.int16)[-4000:]
                return len(piece) == 4000 and np.allclose(dominant(piece), [hz], atol=5)

            until(lambda: hears(TONES["welcome"]), 30, f"{modem.tell()} {edge.log_tail()}", every_s=0.1)
            modem.do("press", digit="1")
            until(lambda: hears(TONES["one"]), 30, f"{modem.tell()} {edge.log_tail()}", every_s=0.1)
            modem.do("over")
            edge.wait_event("call.ended")
