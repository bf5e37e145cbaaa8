"""Debian's baresip as a caller: a real softphone with an audio path of its own.

It plays a tone from a file and writes what it hears to WAV files (module sndfile); it is driven through its JSON
control socket (module ctrl_tcp). Its player is one end of an aubridge that nobody listens to: without a player baresip
does not decode.

It sends RTP from a socket bound to no address, so on loopback from 127.0.0.1, and the appliance rightly takes audio
from the negotiated address only: this phone lives on 127.0.0.1, on free ports.
"""

import contextlib
import json
import random
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.support.certificates import Pair
from tests.support.waiting import until

HOST = "127.0.0.1"
MODULES = Path("/usr/lib/baresip/modules")


class Baresip:
    """One running baresip; events it told are kept in `events`."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], control: socket.socket, sip_port: int) -> None:
        self.folder = folder
        self.sip_port = sip_port
        self.tls_port = sip_port + 1
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._control = control
        self._control.settimeout(0.2)
        self._buffer = b""

    def command(self, command: str, params: str = "") -> None:
        """Run one of baresip's menu commands (`dial`, `hangup`, `sndcode`...)."""
        text = json.dumps({"command": command, "params": params, "token": command}).encode()
        self._control.sendall(b"%d:%s," % (len(text), text))

    def saw(self, kind: str) -> bool:
        """Whether an event of this type (`CALL_ESTABLISHED`, `CALL_CLOSED`...) has come."""
        self._read()
        return any(event.get("type") == kind for event in self.events)

    def wait_for(self, kind: str, limit_s: float = 15) -> None:
        """Wait until `saw(kind)`."""
        try:
            until(lambda: self.saw(kind), limit_s, f"baresip event {kind}")
        except AssertionError as error:
            raise AssertionError(f"{error}; had {self.events}") from None

    def heard_files(self) -> list[Path]:
        """WAV files of what this phone decoded (heard)."""
        return sorted(self.folder.glob("dump-*-dec.wav"))

    def _read(self) -> None:
        try:
            while data := self._control.recv(65536):
                self._buffer += data
                if len(data) < 65536:
                    break
        except TimeoutError:
            pass
        while b":" in self._buffer:
            length, _, rest = self._buffer.partition(b":")
            if len(rest) < int(length) + 1:
                return
            self.events.append(json.loads(rest[: int(length)]))
            self._buffer = rest[int(length) + 1 :]


def _free_ports(count: int) -> int:
    """Return the first of `count` ports that nobody has, by UDP or TCP.

    Below those that the kernel gives to whoever asks for any: one of them could be gone before baresip takes it, and
    baresip takes the one above its SIP port, too, for TLS. On no address at all: so it binds its RTP sockets, and a
    port that an appliance has on an address of its own is taken then.
    """
    for _ in range(200):
        first = random.randrange(18_000, 32_000, 2)  # above those of appliances
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for port in range(first, first + count):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    probes.enter_context(socket.socket(socket.AF_INET, kind)).bind(("0.0.0.0", port))
            return first
    raise RuntimeError(f"no {count} free ports in a row on {HOST}")


@contextlib.contextmanager
def baresip(
    folder: Path,
    tone_hz: int = 800,
    *,
    user: str = "tester",
    codecs: str = "PCMU,PCMA",
    rate: int = 8000,
    account: str = "",
    encryption: bool = False,
    tls: tuple[Pair, str] | None = None,
    ipv6: bool = False,
) -> Iterator[Baresip]:
    """A baresip that sends a sine of `tone_hz`, ended by its process id.

    It takes calls for `user`. `codecs` as baresip names them (`G722/16000/1`), `rate` is that of its audio, `account`
    more parameters of the account (`;answermode=auto`); `encryption`: it can do SRTP, see `;mediaenc=`.
    `tls`: its certificate and the roots that it trusts; it then takes and makes calls by TLS, on `tls_port`.
    `ipv6`: it speaks that, on ::1.
    """
    sip_port, host = _free_ports(44), "[::1]" if ipv6 else HOST
    control_port, rtp_port = sip_port + 2, sip_port + 4
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "accounts").write_text(
        f"<sip:{user}@{host}:{sip_port};transport={'tls' if tls else 'udp'}>;regint=0;audio_codecs={codecs}{account}\n"
    )
    (folder / "contacts").write_text("")
    secure = ""
    if tls is not None:
        pair, roots = tls
        (folder / "own.pem").write_text(Path(pair.certificate).read_text() + Path(pair.key).read_text())
        secure = f"sip_certificate {folder}/own.pem\nsip_cafile {roots}\n"
    names = ("g711", "g722", "l16", "sndfile", "aufile", "aubridge", *(["srtp"] if encryption else []))
    modules = "".join(f"module {name}.so\n" for name in names)
    (folder / "config").write_text(
        f"sip_listen {host}:{sip_port}\n{secure}"
        f"audio_source aufile,{folder}/tone.wav\naudio_player aubridge,nobody\n"
        f"ausrc_srate {rate}\nauplay_srate {rate}\nausrc_channels 1\nauplay_channels 1\n"
        f"rtp_ports {rtp_port}-{rtp_port + 39}\nrtp_timeout 0\nnet_interface {'::1' if ipv6 else HOST}\n"
        f"snd_path {folder}\nctrl_tcp_listen {HOST}:{control_port}\n"
        f"module_path {MODULES}\n{modules}module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n"
    )
    time = np.arange(60 * rate) / rate
    soundfile.write(folder / "tone.wav", 0.3 * np.sin(2 * np.pi * tone_hz * time), rate, subtype="PCM_16")
    log = (folder / "baresip.log").open("wb")
    process = subprocess.Popen(
        ["baresip", "-6" if ipv6 else "-4", "-f", str(folder), "-t", "600"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    try:
        control = _connect(control_port, process, folder)
        yield Baresip(folder, process, control, sip_port)
        control.close()
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _connect(port: int, process: subprocess.Popen[bytes], folder: Path) -> socket.socket:
    sockets: list[socket.socket] = []

    def attempt() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"baresip ended: {(folder / 'baresip.log').read_text(errors='replace')[-2000:]}")
        try:
            sockets.append(socket.create_connection((HOST, port), 1))
        except OSError:
            return False
        return True

    until(attempt, 10, "baresip's control socket")
    return sockets[0]
