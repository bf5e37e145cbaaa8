"""Where a webhook may connect to: whoever runs a name server of others can't send it into the site."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from edge.forwarder.sinks.http import Connection
from edge.forwarder.sinks.reach import Outbound, Reach


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("93.184.216.34", [], True),
        ("2606:2800:220:1:248:1893:25c8:1946", [], True),
        ("127.0.0.1", [], False),
        ("::1", [], False),
        ("0.0.0.0", [], False),
        ("10.1.2.3", [], False),
        ("172.16.0.9", [], False),
        ("192.168.1.1", [], False),
        ("100.64.0.1", [], False),
        ("169.254.169.254", [], False),
        ("fe80::1", [], False),
        ("fd00::1", [], False),
        ("::ffff:127.0.0.1", [], False),
        ("::ffff:93.184.216.34", [], True),
        ("64:ff9b::a9fe:a9fe", [], False),
        ("2002:7f00:1::", [], False),
        ("10.1.2.3", ["10.1.0.0/16"], True),
        ("10.2.2.3", ["10.1.0.0/16"], False),
        ("::ffff:10.1.2.3", ["10.1.0.0/16"], True),
        ("fd00::1", ["fd00::/8"], True),
    ],
)
def test_what_a_name_may_lead_to(address: str, networks: list[str], allowed: bool) -> None:
    assert Reach(networks).allows(ipaddress.ip_address(address), named=False) is allowed
    assert Reach().allows(ipaddress.ip_address(address), named=True)


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.setblocking(False)
        yield made


def reached(canary: socket.socket) -> bool:
    try:
        canary.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def connect(host: str, port: int, leads_to: list[list[str]], networks: tuple[str, ...] = ()) -> tuple[str, list[str]]:
    """Connect once while the name leads to these addresses, by look-up; the error and what was told."""
    told: list[str] = []

    async def work() -> str:
        looked_up = iter(leads_to)

        async def getaddrinfo(_host: str, port: int, **_more: Any) -> list[Any]:
            return [(0, 0, 0, "", (address, port)) for address in next(looked_up)]

        asyncio.get_running_loop().getaddrinfo = getaddrinfo  # type: ignore[method-assign, assignment]
        outbound = Outbound(Reach(networks), told.append)
        try:
            connection = await outbound.connect(Connection, host, port)
        except OSError as error:
            return str(error)
        connection.abort()
        return ""

    return asyncio.run(work()), told


def test_a_name_that_leads_inside_is_not_followed_unless_the_site_says_so(canary: socket.socket) -> None:
    port = canary.getsockname()[1]
    error, told = connect("crm.example", port, [["127.0.0.1"]])
    assert "crm.example leads to 127.0.0.1, which is not public" in error
    assert told == [error]
    assert not reached(canary)
    assert connect("crm.example", port, [["127.0.0.1"]], ("127.0.0.0/8",)) == ("", [])
    assert reached(canary)


def test_the_address_that_was_judged_is_the_one_that_is_connected_to(canary: socket.socket) -> None:
    """A second look-up would lead elsewhere (DNS rebinding): there is none."""
    port = canary.getsockname()[1]
    error, _ = connect("crm.example", port, [["127.0.0.2"], ["127.0.0.1"]], ("127.0.0.2/32",))
    assert error  # nobody listens there
    assert not reached(canary)
    # Of several addresses those that may be connected to are tried, and only those.
    error, _ = connect("crm.example", port, [["127.0.0.1", "127.0.0.2"]], ("127.0.0.2/32",))
    assert error
    assert not reached(canary)


def test_what_the_operator_wrote_himself_is_connected_to(canary: socket.socket) -> None:
    port = canary.getsockname()[1]
    assert connect("127.0.0.1", port, []) == ("", [])
    assert reached(canary)
    assert connect("localhost", port, [["127.0.0.1"]]) == ("", [])
    assert reached(canary)
    error, _ = connect("nowhere.example", port, [[]])
    assert error == "nowhere.example has no address"
