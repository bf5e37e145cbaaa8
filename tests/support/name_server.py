"""dnsmasq as the name server of a test, on an address and port of its own."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import dns.exception
import dns.message
import dns.query

from tests.support.waiting import until


class NameServer(NamedTuple):
    """A running server."""

    host: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """As `[sip] nameservers` takes it."""
        return f"{self.host}:{self.port}"


@contextmanager
def name_server(address: str, *records: str) -> Iterator[NameServer]:
    """dnsmasq with `records` (its own options, such as `--host-record=gw.test,127.0.0.1`), ended by its process id."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *("dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file="),
            *(f"--listen-address={address}", f"--port={port}", "--bind-interfaces", "--local=/test/", "--user=root"),
            *records,
        ],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = NameServer(address, port, process)
    try:
        until(lambda: _answers(server), 10, "dnsmasq answers")
        yield server
    finally:
        process.terminate()
        process.wait(10)


def _answers(server: NameServer) -> bool:
    assert server.process.poll() is None
    try:
        dns.query.udp(dns.message.make_query("up.test", "A"), server.host, timeout=1, port=server.port)
    except (OSError, dns.exception.DNSException):
        return False
    return True
