"""The peers in C: they hear each other, and count what is missing."""

import socket
import threading
from pathlib import Path

import pytest

from bench.talkers import Talkers, build, talkers
from tests.support.addresses import address

pytestmark = pytest.mark.system
COUNT = 10


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("talkers"))


def measured(peers: Talkers, targets: list[tuple[str, int]]) -> dict[str, float]:
    peers.bind(0.2, 1.5, [0])
    peers.talk(targets)
    peers.warm()
    peers.done()
    return peers.figures()


def test_peers_that_talk_to_each_other_miss_nothing(program: Path) -> None:
    with address() as host, talkers(program, host, 10_000, COUNT) as peers:
        where = peers.peers()
        found = measured(peers, [where[i ^ 1] for i in range(COUNT)])
    assert found["legs"] == COUNT
    assert found["lost"] == found["gaps"] == found["late"] == found["silent_legs"] == found["send_errors"] == 0
    assert found["received"] >= COUNT * 60
    assert found["longest_gap_ms"] > 0


def test_what_a_relay_swallows_is_counted(program: Path) -> None:
    with (
        address() as host,
        talkers(program, host, 10_000, 2) as peers,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay,
    ):
        relay.bind((host, 0))
        relay.settimeout(20)
        over = threading.Event()

        def forward() -> None:
            """Every tenth packet of the first peer is lost on its way to the second."""
            count = 0
            while not over.is_set():
                data, source = relay.recvfrom(2048)
                count += source == peers.peers()[0]
                if source == peers.peers()[0] and count % 10:
                    relay.sendto(data, peers.peers()[1])

        thread = threading.Thread(target=forward, daemon=True)
        thread.start()
        found = measured(peers, [relay.getsockname()[:2]] * 2)
        over.set()
        relay.sendto(b"", relay.getsockname())
        thread.join()
    assert found["silent_legs"] == 1, "the first one hears nobody"
    assert found["lost"] == found["gaps"] > 0
    assert abs(found["lost"] - found["received"] / 9) <= 2
    assert found["longest_gap_ms"] >= 35
