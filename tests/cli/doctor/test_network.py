"""What an answer tells of the way that our request has taken."""

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.network import judge, unreachable
from edge.core.sip.actions import Flow
from edge.core.sip.echo import Echo, echo_of
from edge.core.sip.message import Request, Response
from edge.core.sip.uri import NameAddr, Uri, Via, parse_name_addr
from edge.vocabulary.media import Address

FLOW = Flow("udp", Address("8.8.8.8", 5060))
OURS = NameAddr(Uri("sip", "edge", "10.0.0.2", 5060))


def sent(method: str = "OPTIONS") -> Request:
    return Request(
        method=method,
        uri=Uri("sip", "", "8.8.8.8"),
        vias=[Via("UDP", "10.0.0.2", 5060, (("branch", "z9hG4bKa"), ("rport", None)))],
        from_=OURS,
        to=NameAddr(Uri("sip", "", "8.8.8.8")),
        call_id="a",
        cseq=1,
        contact=OURS,
    )


def answer(request: Request, via: str = "10.0.0.2:5060", params: str = "", **more: object) -> Response:
    host, _, port = via.rpartition(":")
    split = tuple(tuple(one.split("=")) for one in params.split(";") if one)
    made = Via("UDP", host, int(port), (("branch", "z9hG4bKa"), *split))  # type: ignore[arg-type]
    plain = {"from_": request.from_, "to": request.to, "call_id": "a", "cseq": 1, "method": request.method}
    return Response(status=200, vias=[made], **{**plain, **more})  # type: ignore[arg-type]


def verdict(echo: Echo) -> str:
    notes = Notes("trunks")
    judge("peer", echo, notes)
    (found,) = notes.findings
    return f"{found.state}: {found.evidence}"


def test_a_nat_and_an_alg() -> None:
    request = sent()
    nat = echo_of(request, answer(request, params="received=1.2.3.4;rport=1024"), FLOW)
    assert nat == Echo(sent="10.0.0.2:5060", peer="8.8.8.8:5060", seen="1.2.3.4:1024", rewritten=[])
    assert "a NAT is in between" in verdict(nat)
    alg = echo_of(request, answer(request, "1.2.3.4:1024", "received=1.2.3.4;rport=1024"), FLOW)
    assert alg.rewritten == ["Via: 10.0.0.2:5060 -> 1.2.3.4:1024"]
    assert verdict(alg).startswith("advice: rewritten in between")
    # One that puts everything back on the way: then a public peer claims to have seen a private address.
    quiet = echo_of(request, answer(request, params="received=10.0.0.2;rport=5060"), FLOW)
    assert quiet.rewritten == []
    assert "a private address" in verdict(quiet)
    moved = echo_of(request, answer(request, from_=parse_name_addr("<sip:edge@1.2.3.4>")), FLOW)
    assert moved.rewritten == ["From: 10.0.0.2 -> 1.2.3.4"]


def test_on_a_network_of_ones_own_nothing_is_odd() -> None:
    request, near = sent(), Flow("udp", Address("10.0.0.9", 5060))
    assert verdict(echo_of(request, answer(request), near)).startswith("ok")
    assert verdict(echo_of(request, answer(request, params="received=10.0.0.2;rport=5060"), near)).startswith("ok")
    ports = echo_of(request, answer(request, params="received=10.0.0.2;rport=4000"), near)
    assert "a NAT changes ports" in verdict(ports)


def test_a_registrar_says_what_our_contact_became() -> None:
    request = sent("REGISTER")
    other, mine = parse_name_addr("<sip:edge@1.2.3.4:1024>"), parse_name_addr("<sip:edge@10.0.0.2:5060>;expires=60")
    somebody = parse_name_addr("<sip:desk@10.0.0.7>")
    for contacts, rewritten in (
        ([other], ["Contact: 10.0.0.2:5060 -> 1.2.3.4:1024"]),
        ([other, mine], []),
        ([somebody], []),
        ([], []),
    ):
        assert echo_of(request, answer(request, contacts=contacts), FLOW).rewritten == rewritten


def test_who_can_be_reached_from_where() -> None:
    assert unreachable("10.0.0.2", "8.8.8.8")
    assert unreachable("127.0.0.1", "10.0.0.9")
    for shown, peer in (
        ("10.0.0.2", "10.0.0.9"),
        ("1.2.3.4", "8.8.8.8"),
        ("127.0.0.1", "127.0.0.2"),
        ("fd00::1", "fd00::2"),
    ):
        assert not unreachable(shown, peer)
    assert unreachable("fd00::1", "2001:4860:4860::8888")
