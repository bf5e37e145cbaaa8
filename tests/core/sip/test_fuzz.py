"""Mutated messages through the core: it never raises, and what reaches a span is always whole, small and our own.

Seeds are fixed; `python -m tests.core.sip.test_fuzz COUNT SEED` runs longer.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from edge.core.sip.actions import Flow, FromPeer, ToPeer, ToSpan
from edge.core.sip.message import Request, Response
from edge.core.sip.parser import parse
from edge.core.sip.stream import Frame, Lost, StreamReader
from edge.core.sip.uri import NameAddr, valid_host
from tests.core.sip.steps import LEG, dialled, first_request
from tests.core.sip.world import PEER, SPAN_SDP, STRANGER, TRUNK_HOST, World, answer, invite
from tests.support.sip_fuzz import NEW, RESPONSES, WITHIN, Mutator, message

ROOT = Path(__file__).parents[3]
VALUES = {"host": TRUNK_HOST, "port": 5061, "edge": "192.0.2.1"}


def check_spans_message(data: bytes) -> None:
    """What the C stack behind us may be given."""
    assert len(data) <= 3000, data
    found = parse(data)
    assert isinstance(found, Request | Response), data
    parties = [found.from_, found.to, found.contact, *found.routes, *found.record_routes]
    hosts = [party.uri.host for party in parties if isinstance(party, NameAddr)] + [via.host for via in found.vias]
    assert all(host and valid_host(host) for host in hosts), data
    assert len(found.vias) == 1
    assert found.content_type in {"", "application/sdp", "application/dtmf-relay"}
    assert b"\x00" not in data


class Target:
    """A door with a call of each direction in it, made anew when the fuzz has ended it."""

    def __init__(self) -> None:
        self.world = World(spans=8)
        self.number = 0
        self.renew()

    def renew(self) -> None:
        self.number += 1
        world = self.world = World(spans=8)
        inner = first_request(world.peer(invite("in", branch="z9hG4bKin")))
        world.span(answer(inner, 200, body=SPAN_SDP))
        self.sent = dialled(world)

    def values(self, n: int) -> dict[str, object]:
        sent = self.sent
        return {
            **VALUES, "branch": f"f{n}", "tag": "peer-tag", "call": "in", "cseq": 2 + n % 7, "via": str(sent.vias[0]),
            "from": str(sent.from_), "to": str(sent.to),
        }  # fmt: skip


def run(count: int, seed: int) -> dict[str, int]:
    """Feed `count` messages; counts of what came of them."""
    mutator, target = Mutator(seed), Target()
    figures = {"sent": 0, "to_span": 0, "to_peer": 0, "parsed": 0}
    for n in range(count):
        if n % 50 == 0:
            target.renew()
        kind = n % 5
        values = target.values(n)
        if kind < 2:
            data = message(mutator.dice.choice(NEW), {**values, "call": f"new-{n}", "tag": f"t{n}"})
        elif kind < 4:
            data = message(mutator.dice.choice(WITHIN), {**values, "to_tag": ";tag=span-tag"})
        else:
            values |= {"call": target.sent.call_id, "cseq": target.sent.cseq, "method": "INVITE"}
            method, *rest = mutator.dice.choice(RESPONSES)
            data = message((method or "INVITE", *rest), {**values, "to_tag": ";tag=bob"})  # type: ignore[arg-type]
        figures["sent"] += 1
        feed(target.world, mutator.mutate(data), ("udp", "tcp", "stranger")[mutator.dice.randrange(3)], figures)
    return figures


def feed(world: World, data: bytes, way: str, figures: dict[str, int]) -> None:
    """Send by UDP or TCP, and look at all that comes of it."""
    actions = []
    if way == "tcp":
        reader = StreamReader()
        for piece in reader.feed(data):
            if isinstance(piece, Frame | Lost):
                parsed = parse(piece.data, stream=True)
                actions += world.put(FromPeer(parsed, Flow("tcp", PEER.address, 1), world.token()))
    else:
        parsed = parse(data)
        figures["parsed"] += isinstance(parsed, Request | Response)
        actions += world.put(FromPeer(parsed, STRANGER if way == "stranger" else PEER, world.token()))
    if way == "stranger":
        assert not [a for a in actions if isinstance(a, ToPeer | ToSpan)]
    for action in actions:
        if isinstance(action, ToSpan):
            figures["to_span"] += 1
            check_spans_message(action.data)
        elif isinstance(action, ToPeer):
            figures["to_peer"] += 1
            assert action.flow.address.host in {TRUNK_HOST, "198.51.100.8"}
            assert b"\x00" not in action.data


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mutated_messages(seed: int) -> None:
    figures = run(3000, seed)
    # Some get through the grammar and as far as a span; else the fuzz would test the first line of the parser only.
    assert figures["to_span"] > 100, figures
    assert figures["parsed"] > 300, figures
    assert figures["to_peer"] > 300, figures


def test_the_templates_are_right_before_anything_is_done_to_them() -> None:
    target = Target()
    for template in NEW:
        data = message(template, {**target.values(1), "call": "new", "tag": "t"})
        assert isinstance(parse(data), Request), data
    for template in WITHIN:
        assert isinstance(parse(message(template, {**target.values(1), "to_tag": ";tag=span-tag"})), Request)
    for _, *rest in RESPONSES:
        data = message(("INVITE", *rest), {**target.values(1), "to_tag": ";tag=bob"})  # type: ignore[arg-type]
        assert isinstance(parse(data), Response), data
    assert target.world.door.record(LEG) is not None


def test_coverage_guided(tmp_path: Path) -> None:
    """A short run of `python -m tests.core.sip.fuzz_parser`, which goes on for as long as one likes."""
    torture = Path(__file__).parent / "torture"
    words = [sys.executable, "-m", "tests.core.sip.fuzz_parser", "-runs=10000", "-seed=1", str(tmp_path), str(torture)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done 10000 runs" in done.stderr
    assert len(list(tmp_path.iterdir())) > 20, "inputs that reached something new"


if __name__ == "__main__":
    print(run(int(sys.argv[1]), int(sys.argv[2])))
