"""Who calls, as peers say it and as peers are told."""

import pytest
from msgspec.structs import replace

from edge.core.sip import identity
from edge.core.sip.actions import Reserve
from edge.core.sip.message import Request, serialise
from edge.core.sip.parser import parse
from edge.vocabulary.identity import Identity
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegIncoming
from tests.core.sip.steps import LEG, first_request, from_bob, span_invite, span_request, world_with
from tests.core.sip.world import TRUNK, World, invite, reports, to_span

SIGNATURE = "eyJhbGciOiJFUzI1NiJ9.eyJvcmlnIjp7fX0.c2ln;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken"
NOTHING = Identity()
CARRIER = replace(TRUNK, trust_identity=True, headers=("X-Account", "X-Queue"))


def told(lines: str, trunk=CARRIER, *, sender: str = '"Al" <sip:100@h>') -> identity.Caller:
    data = serialise(invite()).decode()
    head, rest = data.split("\r\n", 1)
    rest = "\r\n".join(f"From: {sender};tag=t" if line.startswith("From:") else line for line in rest.split("\r\n"))
    message = parse(f"{head}\r\n{lines.strip()}\r\n{rest}".replace("\r\n\r\n", "\r\n\r\n").encode())
    assert isinstance(message, Request), message
    return identity.read(message, trunk)


def lines(*rows: str) -> str:
    return "\r\n".join(rows)


def test_from_says_who_calls() -> None:
    caller = told("Subject: x")
    assert (caller.number.reveal(), caller.name.reveal(), caller.identity) == ("100", "Al", Identity())


def test_an_asserted_identity_counts_where_the_trunk_is_trusted() -> None:
    row = 'P-Asserted-Identity: "Bea" <sip:+49301@carrier.example>'
    assert told(row).number.reveal() == "+49301"
    assert told(row).name.reveal() == "Bea"
    assert told(row).identity.asserted
    stranger = told(row, TRUNK)
    assert (stranger.number.reveal(), stranger.identity.asserted) == ("100", False)


def test_of_a_sip_and_a_tel_uri_the_number_is_taken() -> None:
    row = "P-Asserted-Identity: <sip:bea@carrier.example>, <tel:+49301>"
    assert told(row).number.reveal() == "+49301"


def test_remote_party_id() -> None:
    row = 'Remote-Party-ID: "Bea" <sip:301@carrier.example>;party=calling;privacy=full;screen=yes'
    caller = told(row)
    assert (caller.number.reveal(), caller.identity.withheld) == ("301", True)
    assert told("Remote-Party-ID: <sip:301@carrier.example>;party=called").number.reveal() == "100"


@pytest.mark.parametrize(
    ("row", "sender", "withheld"),
    [
        ("Privacy: id", "<sip:100@h>", True),
        ("Privacy: none", "<sip:100@h>", False),
        ("Privacy: header;session;critical", "<sip:100@h>", True),
        ("Subject: x", '"Anonymous" <sip:anonymous@anonymous.invalid>', True),
    ],
)
def test_withheld_numbers(row: str, sender: str, withheld: bool) -> None:
    assert told(row, sender=sender).identity.withheld is withheld


def test_a_withheld_number_is_still_told_by_who_may_know_it() -> None:
    caller = told(
        lines("Privacy: id", "P-Asserted-Identity: <sip:+49301@c.example>"),
        sender='"Anonymous" <sip:anonymous@anonymous.invalid>',
    )
    assert (caller.number.reveal(), caller.identity.withheld, caller.name.reveal()) == ("+49301", True, "")


def test_diversions() -> None:
    row = "Diversion: <sip:200@h>;reason=user-busy;counter=1, <sip:300@h>;reason=no-answer"
    said = told(row).identity
    assert [one.reveal() for one in said.diverted_from] == ["200", "300"]
    assert said.diversion_reason == "user-busy"


def test_history_info() -> None:
    row = (
        "History-Info: <sip:300@h>;index=1, <sip:200@h;cause=302>;index=1.1, "
        "<sip:100@h;cause=486?Reason=SIP%3Bcause%3D486>;index=1.1.1"
    )
    said = told(row).identity
    assert [one.reveal() for one in said.diverted_from] == ["200", "300"]
    assert said.diversion_reason == "user-busy"


def test_broken_ones_count_for_nothing() -> None:
    rows = lines(
        "Diversion: <sip:[]>",
        "History-Info: <<",
        "Remote-Party-ID: sip:",
        "Privacy: (",
        "Identity: not a signature",
        "X-Account: " + "x" * 300,
    )
    assert told(rows) == told("Subject: x")


def test_a_signature_is_kept_whole() -> None:
    assert told(f"Identity: {SIGNATURE}").identity.signature.reveal() == SIGNATURE
    long = f"{'a' * 1500};info=<https://c.example/a.pem>"
    assert told(f"y: {long}").identity.signature.reveal() == long


def test_only_listed_headers_of_its_own_are_taken() -> None:
    rows = lines("X-Account: 4711", "x-queue:  gold ", "X-Other: 1", "X-Edge-Foo: 1")
    found = told(rows).identity.headers
    assert {name: value.reveal() for name, value in found.items()} == {"X-Account": "4711", "X-Queue": "gold"}
    assert told(lines("X-Account: 1", "X-Account: 2")).identity.headers == {}
    assert told(rows, TRUNK).identity.headers == {}


def test_switch_is_told_and_told_again_after_a_restart() -> None:
    world = World(trunks=(CARRIER,))
    request = invite(extras={"P-Asserted-Identity": "<sip:+49301@c.example>"})
    report = next(one for one in reports(world.peer(request)) if isinstance(one, LegIncoming))
    assert (report.caller.reveal(), report.identity.asserted) == ("+49301", True)


# --- towards a trunk


def dialled_with(said: Identity = NOTHING, caller: str = "100", **rules: object) -> Request:
    world = world_with(**rules)
    world.put(Reserve(LEG, "555", "main", caller, said))
    return first_request(world.span(span_invite()), "peer")


def test_a_plain_trunk_sees_the_caller_in_from_only() -> None:
    sent = dialled_with(Identity(diverted_from=[Private("200")]))
    assert (sent.from_.uri.user, sent.from_.display) == ("100", "")
    assert not {"P-Asserted-Identity", "Remote-Party-ID", "Diversion", "Privacy", "Identity"} & set(sent.extras)


def test_a_fixed_caller_id() -> None:
    sent = dialled_with(caller_id="+49300", send_identity="pai")
    assert sent.from_.uri.user == "+49300"
    assert sent.extras["P-Asserted-Identity"] == "<sip:+49300@192.0.2.1>"


def test_the_caller_is_shown_and_we_answer_for_our_own_number() -> None:
    sent = dialled_with(caller_id="+49300", caller_id_in="asserted", send_identity="pai")
    assert sent.from_.uri.user == "100"
    assert sent.extras["P-Asserted-Identity"] == "<sip:+49300@192.0.2.1>"


@pytest.mark.parametrize("how", ["none", "pai", "rpid"])
def test_a_withheld_number_is_not_shown(how: str) -> None:
    sent = dialled_with(Identity(withheld=True), send_identity=how)
    assert str(sent.from_.uri) == "sip:anonymous@anonymous.invalid"
    assert sent.extras["Privacy"] == "id"
    if how == "rpid":
        assert sent.extras["Remote-Party-ID"].endswith("privacy=full")
    if how == "none":
        assert b"100@" not in serialise(sent)


def test_the_number_called_first_is_told() -> None:
    said = Identity(diverted_from=[Private("+49301"), Private("200")], diversion_reason="deflection")
    sent = dialled_with(said, send_diversion=True)
    assert sent.extras["Diversion"] == "<sip:+49301@192.0.2.1>;reason=deflection, <sip:200@192.0.2.1>"


def test_a_signature_goes_with_the_number_that_it_signs() -> None:
    said = Identity(signature=Private(SIGNATURE))
    assert dialled_with(said).extras["Identity"] == SIGNATURE
    assert "Identity" not in dialled_with(said, caller_id="+49300").extras
    assert "Identity" not in dialled_with(replace(said, withheld=True)).extras


def test_listed_headers_go_with_the_first_invite_only() -> None:
    said = Identity(headers={"X-Account": Private("4711"), "X-Other": Private("1")})
    world = world_with(headers=("X-Account",))
    world.put(Reserve(LEG, "555", "main", "100", said))
    sent = first_request(world.span(span_invite()), "peer")
    assert sent.own_headers == {"x-account": "4711"}
    assert to_span(world.peer(from_bob(sent, 180)))
    cancel = first_request(world.span(span_request("CANCEL", tag="", branch="z9hG4bKPjone")), "peer")
    assert cancel.own_headers == {}


def test_a_number_is_written_as_the_trunk_wants_it() -> None:
    world = world_with(country="DE", dial_as="+e164")
    world.put(Reserve(LEG, "0301234567", "main", "100"))
    assert first_request(world.span(span_invite()), "peer").uri.user == "+49301234567"
