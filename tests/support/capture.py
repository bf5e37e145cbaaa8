"""Kamailio's sipcapture as the capture server of a test: it tells what it has read out of HEP packets."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.ending import end_group
from tests.support.waiting import until

PORT = 9060
_CONFIG = """#!KAMAILIO
debug=0
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{host}:{port}
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "sl.so"
loadmodule "db_text.so"
loadmodule "sipcapture.so"
modparam("sipcapture", "db_url", "text://{folder}")
modparam("sipcapture", "capture_on", 1)
modparam("sipcapture", "hep_capture_on", 1)
request_route {{
    xlog("L_ALERT", "captured $si $sp $proto $rm $ci\\n");
}}
onreply_route {{
    xlog("L_ALERT", "captured $si $sp $proto $rs $ci\\n");
}}
"""


class Captured(NamedTuple):
    """A message: where it came from, over what, its method or status, and its Call-ID."""

    host: str
    port: int
    transport: str
    kind: str
    call_id: str


class CaptureServer:
    """A running one."""

    def __init__(self, host: str, log: Path) -> None:
        self.host = host
        self._log = log

    def captured(self) -> list[Captured]:
        """All messages so far."""
        lines = [line.partition("captured ")[2].split() for line in self._log.read_text().splitlines()]
        return [Captured(one[0], int(one[1]), *one[2:]) for one in lines if len(one) == 5]


@contextmanager
def capture_server(host: str, folder: Path) -> Iterator[CaptureServer]:
    """One on `host`, ended by its process id."""
    folder.mkdir()
    (folder / "kamailio.cfg").write_text(_CONFIG.format(host=host, port=PORT, folder=folder))
    command = ["kamailio", "-DD", "-E", "-m", "32", "-M", "8", "-f", f"{folder}/kamailio.cfg"]
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "-Y", str(folder), "-w", str(folder)], stdout=out, stderr=out, start_new_session=True
        )
    try:
        until(lambda: _listens(host), 20, "the capture server")
        assert process.poll() is None, log.read_text()[-2000:]
        yield CaptureServer(host, log)
    finally:
        end_group(process)


def _listens(host: str) -> bool:
    address = "".join(f"{int(part):02X}" for part in reversed(host.split(".")))
    return f" {address}:{PORT:04X} " in Path("/proc/net/udp").read_text()
