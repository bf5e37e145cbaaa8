"""The 49 cases of RFC 4475, each as a file of our own under torture/ (LF for CRLF), named by its section there.

Each is fed to the front door over UDP and over TCP, from a trunk. What the RFC calls well-formed is answered as it asks
or becomes a call; what it calls malformed is never answered 1xx or 2xx.
"""

from pathlib import Path

import pytest

from edge.core.sip.actions import Action, Flow, FromPeer, ToPeer
from edge.core.sip.message import Malformed, Request, Response, serialise
from edge.core.sip.parser import parse
from edge.core.sip.stream import Frame, Lost, StreamReader
from edge.vocabulary.reports import LegIncoming
from tests.core.sip.world import PEER, SPAN_SDP, World, answer, reports, statuses, to_peer, to_span

TORTURE = Path(__file__).parent / "torture"
#: A call: 100, and an INVITE to a span.
CALL = 100
#: Not answered.
SILENT = 0

#: Section -> status over UDP, and over TCP where it differs.
WELL_FORMED: dict[str, tuple[int, ...]] = {
    # It names a dialog that is not there.
    "3.1.1.01": (481,),
    "3.1.1.02": (501,),
    "3.1.1.03": (CALL,),
    "3.1.1.04": (405,),
    # No REGISTER, whatever its name would be with the escapes taken for some.
    "3.1.1.05": (501,),
    "3.1.1.06": (200,),
    "3.1.1.08": (405,),
    "3.1.1.09": (200,),
    "3.1.1.10": (200,),
    "3.1.1.11": (405,),
    # Responses to nothing that was sent.
    "3.1.1.12": (SILENT,),
    "3.1.1.13": (SILENT,),
    "3.2.1": (200,),
    "3.3.02": (416,),
    "3.3.03": (416,),
    "3.3.05": (420,),
    "3.3.06": (415,),
    "3.3.07": (405,),
    "3.3.10": (SILENT,),
    "3.3.11": (200,),
    "3.3.12": (405,),
    "3.3.13": (405,),
    "3.3.14": (405,),
    "3.3.15": (406,),
    # It has no Content-Length, which a stream needs.
    "3.4.1": (CALL, 400),
}
#: Well-formed, and refused as too large (docs/configuration.md tells the limits): 31 Via, a URI of 640 octets,
#: a Call-ID of 197. The stack behind the front door prints no URI above 256 octets, and some long headers end it.
TOLERATED = {"3.1.1.07": (513,)}
MALFORMED: dict[str, tuple[int, ...]] = {
    **{f"3.1.2.{n:02}": (400,) for n in (1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18)},
    "3.1.2.05": (SILENT,),
    "3.1.2.16": (505,),
    "3.1.2.19": (SILENT,),
    # There is nothing that an answer could repeat.
    "3.3.01": (SILENT,),
    "3.3.04": (400,),
    "3.3.08": (400,),
    "3.3.09": (400,),
}
CASES = {**WELL_FORMED, **TOLERATED, **MALFORMED}


def path_of(section: str) -> Path:
    (found,) = TORTURE.glob(f"{section}-*.txt")
    return found


def message_of(section: str) -> bytes:
    return path_of(section).read_bytes().replace(b"\n", b"\r\n")


def fed(world: World, data: bytes, transport: str) -> list[Action]:
    """Feed octets as they come by UDP, or as a stream cut in the middle, as the shell does."""
    if transport == "udp":
        return world.peer(data)
    flow, reader = Flow("tcp", PEER.address, 1), StreamReader()
    world.take()
    for part in (data[: len(data) // 2], data[len(data) // 2 :]):
        for piece in reader.feed(part):
            assert isinstance(piece, Frame | Lost)
            world.put(FromPeer(parse(piece.data, stream=True), flow, world.token()))
    return world.take()


def answered(actions: list[Action]) -> list[int]:
    """Statuses on the wire, also of answers that repeat what no grammar takes."""
    return [int(action.data[8:11]) for action in actions if isinstance(action, ToPeer)]


def test_all_cases_are_there() -> None:
    assert len(CASES) == 49
    assert {path.stem.partition("-")[0] for path in TORTURE.glob("*.txt")} == set(CASES)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("section", sorted(CASES))
def test_answer(section: str, transport: str) -> None:
    wanted = CASES[section][-1 if transport == "tcp" else 0]
    world = World()
    actions = fed(world, message_of(section), transport)
    assert answered(actions) == ([wanted] if wanted else [])
    incoming = [report for report in reports(actions) if isinstance(report, LegIncoming)]
    assert len(incoming) == len(to_span(actions)) == (wanted == CALL)


@pytest.mark.parametrize("section", sorted(MALFORMED))
def test_malformed_is_never_answered_as_if_it_were_right(section: str) -> None:
    for transport in ("udp", "tcp"):
        assert not [status for status in answered(fed(World(), message_of(section), transport)) if status < 300]


@pytest.mark.parametrize("section", sorted(WELL_FORMED))
def test_well_formed_ones_are_parsed_and_what_is_written_anew_means_the_same(section: str) -> None:
    message = parse(message_of(section))
    if section in {"3.3.02", "3.3.03"}:
        assert isinstance(message, Malformed), "a scheme that cannot be read is answered where it is read"
        return
    assert isinstance(message, Request | Response), message
    assert parse(serialise(message)) == message


@pytest.mark.parametrize(
    ("section", "header", "value"),
    [
        ("3.3.05", "Unsupported", "nothingSupportsThis, nothingSupportsThisEither, noProxiesSupportThis"),
        ("3.3.06", "Accept", "application/sdp"),
        ("3.1.1.05", "Allow", "INVITE"),
        ("3.1.1.04", "Allow", "INVITE"),
    ],
)
def test_what_an_answer_must_say(section: str, header: str, value: str) -> None:
    (response,) = to_peer(World().peer(message_of(section)))
    assert value in response.extras[header]


def test_a_call_of_rfc_2543_is_taken_and_ended() -> None:
    """No tag, no branch: its ACK and its BYE are found by number and method."""
    world = World()
    data = message_of("3.4.1")
    (inner,) = to_span(fed(world, data, "udp"))
    assert inner.from_.tag, "towards the span everybody has a tag"
    ok = world.span(answer(inner, 200, body=SPAN_SDP))
    assert statuses(ok) == [200]
    (response,) = to_peer(ok)
    assert response.to.tag

    def of_dialog(method: str, cseq: int) -> list[Request | Response]:
        head = data.partition(b"Content-Type")[0].replace(b"INVITE sip", f"{method} sip".encode())
        head = head.replace(b"To: sip:4711@example.org", b"To: sip:4711@example.org;tag=" + response.to.tag.encode())
        return to_span(world.peer(head.replace(b"56 INVITE", f"{cseq} {method}".encode()) + b"\r\n"))

    (ack,) = of_dialog("ACK", 56)
    (bye,) = of_dialog("BYE", 57)
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert len({inner.vias[0].branch, ack.vias[0].branch, bye.vias[0].branch}) == 3
    assert statuses(world.span(answer(bye, 200))) == [200]
