"""Kamailio as a provider: a registrar with digest, and a proxy that challenges every request of its customer."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificates import Pair
from tests.support.ending import end_group

PORT, TLS_PORT = 5060, 5061
REALM = "provider.example"
USER = "4930"
PASSWORD = "lion-of-the-sea"

_CONFIG = """#!KAMAILIO
debug=0
log_stderror=yes
children=1
disable_tcp={disable_tcp}
auto_aliases=no
listen=udp:{host}:{port}
{listen_tcp}
{tls_on}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "maxfwd.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("auth", "algorithm", "{algorithm}")
modparam("auth", "nonce_expire", {nonce_expire})
modparam("registrar", "min_expires", {min_expires})
modparam("registrar", "max_expires", {max_expires})
modparam("usrloc", "timer_interval", 1)
modparam("rr", "enable_full_lr", 1)
loadmodule "nathelper.so"
modparam("nathelper|registrar", "received_avp", "$avp(RECEIVED)")
{tls}

request_route {{
    if ($si == "{callee}") {{
        route(FROM_CALLEE);
        exit;
    }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("{realm}", "{password}", "0")) {{
            www_challenge("{realm}", "1");
            exit;
        }}
        # Calls go where the REGISTER came from; by a stream that is its connection.
        fix_nated_register();
        save("location");
        exit;
    }}
    if (is_method("OPTIONS") && !has_totag()) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    if (!is_method("ACK|CANCEL")) {{
        if (!pv_proxy_authenticate("{realm}", "{password}", "0")) {{
            proxy_challenge("{realm}", "1");
            exit;
        }}
        consume_credentials();
    }}
    if (is_method("CANCEL")) {{
        t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (!loose_route() && !t_check_trans()) {{
            if (!is_method("ACK")) {{ sl_send_reply("481", "no dialog"); }}
            exit;
        }}
        t_relay();
        exit;
    }}
    record_route();
    $ru = "sip:" + $rU + "@{callee}:" + "{callee_port}";
    t_relay();
}}

route[FROM_CALLEE] {{
    if (has_totag()) {{
        loose_route();
        t_relay();
        exit;
    }}
    if (is_method("CANCEL")) {{
        t_relay();
        exit;
    }}
    record_route();
    if (!lookup("location")) {{
        sl_send_reply("404", "not registered");
        exit;
    }}
    set_forward_no_connect();
    t_relay();
}}
"""


def streams(host: str, tls: Pair, roots: str) -> dict[str, object]:
    """Settings of one that takes connections by TCP, and on port 5061 by TLS, with certificates of `roots` shown."""
    values = {
        "tls_method": '"TLSv1.2+"',
        "certificate": f'"{tls.certificate}"',
        "private_key": f'"{tls.key}"',
        "ca_list": f'"{roots}"',
        "verify_certificate": 1,
        "require_certificate": 1,
    }
    lines = [f'modparam("tls", "{name}", {value})' for name, value in values.items()]
    return {
        "disable_tcp": "no",
        "listen_tcp": f"listen=tcp:{host}:{PORT}\nlisten=tls:{host}:{TLS_PORT}",
        "tls_on": "enable_tls=yes",
        "tls": "\n".join(['loadmodule "tls.so"', *lines]),
    }


class Kamailio:
    """One that runs, on an address of its own."""

    def __init__(self, host: str, folder: Path, **settings: object) -> None:
        self.host = host
        self.settings = settings
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / f"kamailio-{host}.log"

    def start(self) -> None:
        chosen = {
            "host": self.host,
            "port": PORT,
            "realm": REALM,
            "password": PASSWORD,
            "algorithm": "MD5",
            "nonce_expire": 300,
            "min_expires": 60,
            "max_expires": 3600,
            "callee": "127.255.255.254",
            "callee_port": 5060,
            "disable_tcp": "yes",
            "listen_tcp": "",
            "tls_on": "",
            "tls": "",
        } | self.settings
        folder = self._folder / f"run-{self.host}"
        folder.mkdir(exist_ok=True)
        config = folder / "kamailio.cfg"
        config.write_text(_CONFIG.format(**chosen))
        command = [
            "kamailio",
            "-DD",
            "-E",
            "-m",
            "32",
            "-M",
            "8",
            "-f",
            str(config),
            "-Y",
            str(folder),
            "-w",
            str(folder),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self._wait()

    def _wait(self) -> None:
        """Until it answers OPTIONS."""
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        probe.bind((self.host, 0))
        probe.settimeout(0.1)
        port = probe.getsockname()[1]
        end = time.monotonic() + 20
        with probe:
            while time.monotonic() < end:
                assert self._process is not None
                assert self._process.poll() is None, self.log.read_text()[-3000:]
                text = (
                    f"OPTIONS sip:{self.host} SIP/2.0\r\nVia: SIP/2.0/UDP {self.host}:{port};branch=z9hG4bK{end}\r\n"
                    f"From: <sip:probe@{self.host}>;tag=1\r\nTo: <sip:{self.host}>\r\nCall-ID: probe\r\n"
                    "CSeq: 1 OPTIONS\r\nMax-Forwards: 9\r\nContent-Length: 0\r\n\r\n"
                )
                try:
                    probe.sendto(text.encode(), (self.host, PORT))
                    if probe.recv(4096).startswith(b"SIP/2.0 200"):
                        return
                except OSError:
                    time.sleep(0.05)
        raise AssertionError(f"it does not answer: {self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """End it, and wait for that."""
        if self._process is not None:
            end_group(self._process)
            self._process = None


@contextmanager
def kamailio(host: str, folder: Path, **settings: object) -> Iterator[Kamailio]:
    """One on `host`, ended at the end of the block. Settings: see `Kamailio.start`."""
    assert shutil.which("kamailio"), "run scripts/install-test-peers"
    made = Kamailio(host, folder, **settings)
    made.start()
    try:
        yield made
    finally:
        made.stop()
