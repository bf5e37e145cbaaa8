"""Kamailio as one of a provider's addresses: it relays calls to a callee, or refuses and ignores them on command."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificates import Pair
from tests.support.ending import end_group
from tests.support.waiting import until

PORT, TLS_PORT = 5060, 5061
#: Modes besides a status code that INVITEs are refused with.
RELAY, SILENT, TRYING_ONLY = 0, 1, 100

_CONFIG = """#!KAMAILIO
debug=0
log_stderror=yes
children=1
auto_aliases=no
{tls_on}
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
{tls_listen}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "ctl.so"
{tls_module}
modparam("ctl", "binrpc", "unix:{folder}/ctl")
modparam("pv", "shvset", "mode=i:0")
modparam("rr", "enable_full_lr", 1)
modparam("tm", "auto_inv_100", 0)

request_route {{
    if (is_method("CANCEL")) {{
        t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (!loose_route() && !t_check_trans()) {{
            exit;
        }}
        t_relay();
        exit;
    }}
    if (!is_method("INVITE") || $shv(mode) == 1) {{
        exit;
    }}
    if ($shv(mode) == 100) {{
        t_newtran();
        t_reply("100", "Trying");
        exit;
    }}
    if ($shv(mode) > 299) {{
        sl_send_reply("$shv(mode)", "On command");
        exit;
    }}
    record_route();
    $ru = "sip:" + $rU + "@{callee}";
    t_relay();
}}
"""
_TLS = 'loadmodule "tls.so"\nmodparam("tls", "tls_method", "TLSv1.2+")\n'


class Gateway:
    """A running one."""

    def __init__(self, host: str, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.host = host
        self._folder = folder
        self._process = process

    def mode(self, mode: int) -> None:
        """Do this with INVITEs from now on: a status code, or one of the modes above."""
        self._command("pv.shvSet", "mode", "int", str(mode))

    def _command(self, *words: str) -> None:
        subprocess.run(
            ["kamcmd", "-s", f"unix:{self._folder}/ctl", *words], check=True, capture_output=True, timeout=20
        )

    def answers(self) -> bool:
        """Whether it is up."""
        assert self._process.poll() is None
        with contextlib.suppress(subprocess.SubprocessError):
            self._command("core.uptime")
            return True
        return False

    def stop(self) -> None:
        """End it; nobody listens at its address then."""
        end_group(self._process)


@contextmanager
def gateway(host: str, folder: Path, callee: str, *, tls: Pair | None = None) -> Iterator[Gateway]:
    """Kamailio at `host` whose calls go to `callee` (`host:port`), with `tls` also on port 5061."""
    assert shutil.which("kamailio"), "run scripts/install-test-peers"
    folder = folder / f"gateway-{host}"
    folder.mkdir()
    secure = ""
    if tls is not None:
        secure = (
            f'{_TLS}modparam("tls", "certificate", "{tls.certificate}")\nmodparam("tls", "private_key", "{tls.key}")'
        )
    (folder / "kamailio.cfg").write_text(
        _CONFIG.format(
            host=host, port=PORT, folder=folder, callee=callee, tls_module=secure,
            tls_on="enable_tls=yes" if tls is not None else "",
            tls_listen=f"listen=tls:{host}:{TLS_PORT}" if tls is not None else "",
        )
    )  # fmt: skip
    command = ["kamailio", "-DD", "-E", "-m", "32", "-M", "8", "-f", f"{folder}/kamailio.cfg"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "-Y", str(folder), "-w", str(folder)], stdout=log, stderr=log, start_new_session=True
        )
    running = Gateway(host, folder, process)
    try:
        until(running.answers, 20, f"kamailio; {(folder / 'log').read_text(errors='replace')[-1500:]}")
        yield running
    finally:
        running.stop()
