"""What the supervisor opens, and what it says when it can't."""

import contextlib
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.app.holder import holder_of
from edge.app.sockets import MAX_UNIX_PATH, CannotOpenError, open_all, unix_listener
from edge.config.site import Http, Media, Sip, Site
from tests.support.waiting import until


def site(address: str, **media: int) -> Site:
    return Site(
        name="t",
        sip=Sip(address=address, inner_address=address),
        media=Media(**{"slots": 2, **media}),  # type: ignore[arg-type]
        http=Http(address=address),
    )


def test_everything_is_open_at_its_address(address: str, tmp_path: Path) -> None:
    sockets = open_all(site(address), {"media_state": 12345, "front_table": 10}, tmp_path)
    try:
        assert sorted(sockets.fds) == [
            "front_table",
            "http_listener",
            "inner_udp",
            "link_listener",
            "media_state",
            "rtp",
            "sip_probe",
            "sip_tcp",
            "sip_udp",
        ]
        ports = [socket.socket(fileno=os.dup(fd)) for fd in sockets.fds["rtp"]]
        assert [p.getsockname() for p in ports] == [(address, 16384 + n) for n in range(4)]
        for port in ports:
            port.close()
        assert os.fstat(sockets.fds["media_state"][0]).st_size == 12345
        assert sockets.inner_port not in {0, 5060}
        assert (sockets.sip_port, sockets.http_port) == (5060, 8080)
        assert not any(os.get_inheritable(fd) for group in sockets.fds.values() for fd in group)
    finally:
        sockets.close()
    assert sockets.fds == {}


def test_both_families_have_the_same_ports(address: str, tmp_path: Path) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
        port = probe.getsockname()[1]
    plain = site(address, first_port=random.randrange(20_000, 30_000, 2))
    both = replace(plain, sip=replace(plain.sip, port=port, address6="::1"))
    sockets = open_all(both, {}, tmp_path)
    try:
        bound = {name: [_name(fd) for fd in sockets.fds[name]] for name in ("sip_udp", "sip_tcp", "rtp", "rtp6")}
    finally:
        sockets.close()
    first = both.media.first_port
    assert bound == {
        "sip_udp": [(address, port), ("::1", port)],
        "sip_tcp": [(address, port), ("::1", port)],
        "rtp": [(address, first + n) for n in range(4)],
        "rtp6": [("::1", first + n) for n in range(4)],
    }


def _name(fd: int) -> tuple[str, int]:
    with socket.socket(fileno=os.dup(fd)) as sock:
        host, port = sock.getsockname()[:2]
        return host, port


HOLD = """
import socket, sys
kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
sock = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
sock.bind((host, port))
if kind == "tcp":
    sock.listen()
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def held(kind: str, host: str, port: int):  # type: ignore[no-untyped-def]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, kind, host, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("kind", "port", "what"),
    [("udp", 5060, "SIP"), ("tcp", 5060, "SIP"), ("tcp", 8080, "HTTP"), ("udp", 16387, "RTCP of leg 1")],
)
def test_an_address_in_use_is_told_with_its_holder(
    address: str, tmp_path: Path, kind: str, port: int, what: str
) -> None:
    with held(kind, address, port) as (pid, _):
        with pytest.raises(CannotOpenError) as told:
            open_all(site(address), {}, tmp_path)
        assert str(told.value).startswith(f"{what}: {kind} {address}:{port} is in use by pid {pid} (")
        assert sys.executable in str(told.value)
    sockets = open_all(site(address), {}, tmp_path)  # nothing of the failed attempt was left open
    sockets.close()


def test_a_holder_of_the_wildcard_address_is_found(address: str) -> None:
    with held("udp", "0.0.0.0", 0) as (pid, port):
        assert holder_of("udp", address, port).startswith(f"pid {pid} (")


def test_a_holder_on_ipv6_is_found() -> None:
    with held("tcp", "::1", 0) as (pid, port):
        assert holder_of("tcp", "::1", port).startswith(f"pid {pid} (")
        assert holder_of("udp", "::1", port) == ""


def test_an_address_that_is_not_ours_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotOpenError, match="this machine has no such address"):
        open_all(site("192.0.2.1"), {}, tmp_path)


def test_a_unix_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    fits = str(tmp_path / "x")
    fits += "x" * (MAX_UNIX_PATH - len(fits))
    unix_listener(fits, socket.SOCK_STREAM, 1).close()
    with pytest.raises(CannotOpenError, match="at most 107 bytes"):
        unix_listener(fits + "x", socket.SOCK_STREAM, 1)


def test_a_socket_left_by_a_killed_run_is_replaced_and_private(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    unix_listener(str(path), socket.SOCK_STREAM, 1).close()
    before = os.umask(0o022)
    try:
        second = unix_listener(str(path), socket.SOCK_STREAM, 1)
        assert os.umask(0o022) == 0o022, "the umask is as it was"
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        until(second.accept, 5)
    second.close()
