"""A front door's core with a trunk, a span and a clock, all in one hand."""

from collections import Counter
from itertools import count

from edge.core.sip.actions import (
    Action,
    Count,
    Flow,
    FromPeer,
    FromSpan,
    Input,
    SpansAre,
    Tell,
    Tick,
    ToPeer,
    ToSpan,
)
from edge.core.sip.door import FrontDoor
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.parser import parse
from edge.core.sip.trunks import Settings, Trunk
from edge.core.sip.uri import NameAddr, Uri, Via
from edge.vocabulary.ids import Incarnation
from edge.vocabulary.media import Address
from edge.vocabulary.reports import AnyReport

PUBLIC = Address("192.0.2.1", 5060)
INNER = Address("127.0.0.9", 6000)
TRUNK_HOST = "198.51.100.7"
PEER = Flow("udp", Address(TRUNK_HOST, 5061))
STRANGER = Flow("udp", Address("203.0.113.9", 5060))
SPAN = Incarnation("span-1")
SPAN_PORT = 7001
TRUNK = Trunk(name="main", sources=(TRUNK_HOST, "198.51.100.8"), host=TRUNK_HOST, port=5061, srtp_without_tls=True)


def offer(
    host: str = TRUNK_HOST,
    port: int = 4000,
    payloads: str = "0 8 101",
    direction: str = "sendrecv",
    *,
    before: str = "",
    after: str = "",
    connection: str = "",
) -> bytes:
    return (
        f"v=0\r\no=x 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {connection or host}\r\nt=0 0\r\n{before}"
        f"m=audio {port} RTP/AVP {payloads}\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        f"a=ptime:20\r\na={direction}\r\n{after}"
    ).encode()


SPAN_SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=pjmedia\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 14000 RTP/AVP 0 120\r\n"
    b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:120 telephone-event/8000\r\na=fmtp:120 0-16\r\na=sendrecv\r\n"
)


class World:
    """Feeds the core and keeps what it did."""

    def __init__(self, *, spans: int = 1, **settings: object) -> None:
        chosen: dict[str, object] = {
            "public": PUBLIC,
            "inner": INNER,
            "trunks": (TRUNK,),
            "calls_per_second": 200,
            "max_spans": 10,
        }
        self.settings = Settings(**{**chosen, **settings})  # type: ignore[arg-type]
        self.door = FrontDoor(self.settings)
        self.now_ms = 1_000_000
        self.tokens = count(1)
        self.actions: list[Action] = []
        self.spans = {Incarnation(f"span-{i}"): 7000 + i for i in range(1, spans + 1)}
        self.put(SpansAre(self.spans))
        self.take()

    def put(self, item: Input) -> list[Action]:
        found = self.door.handle(item, self.now_ms)
        self.actions += found
        self.check_channels()
        return found

    def check_channels(self) -> None:
        """The counts of channels that are kept are those that a walk over all calls finds, whatever has happened."""
        relay, walked = self.door._relay, Counter[str]()
        for dialog in relay.dialogs.by_leg.values():
            if not dialog.orphan and dialog.state != "refused":
                walked[dialog.trunk] += 1
        walked.update(held.trunk for held in self.door._reservations.held.values())
        assert relay.dialogs.channels.all() == dict(walked)

    def take(self) -> list[Action]:
        found, self.actions = self.actions, []
        return found

    def token(self) -> str:
        return f"{next(self.tokens):016x}"

    def peer(self, message: Request | Response | bytes, flow: Flow = PEER) -> list[Action]:
        data = message if isinstance(message, bytes) else serialise(message)
        self.take()
        return self.put(FromPeer(parse(data, stream=flow.transport == "tcp"), flow, self.token()))

    def span(self, message: Request | Response | bytes, port: int = SPAN_PORT) -> list[Action]:
        data = message if isinstance(message, bytes) else serialise(message)
        self.take()
        return self.put(FromSpan(parse(data), port, self.token()))

    def wait(self, ms: int) -> list[Action]:
        """Let time pass, with every tick that was asked for."""
        end, self.actions = self.now_ms + ms, []
        for _ in range(10_000):
            deadline = self.door.deadline
            if deadline is None or deadline.at_ms > end:
                break
            self.now_ms = max(self.now_ms, deadline.at_ms)
            self.put(Tick())
        self.now_ms = end
        return self.actions

    def restart(self) -> "World":
        """The core is killed; what it had saved is read by a new one."""
        records, tombs = {}, {}
        for leg in [*self.door._relay.dialogs.by_leg, *self.door._reservations.held]:
            records[leg] = self.door.record(leg)
        for leg in list(self.door._relay.dialogs.tombs):
            tombs[leg] = self.door.tombstone(leg)
        import copy

        self.door = FrontDoor(self.settings)
        self.door.restore(copy.deepcopy(list(records.values())), list(tombs.values()), self.now_ms)
        self.take()
        self.put(SpansAre(self.spans))
        return self


def to_peer(actions: list[Action]) -> list[Request | Response]:
    return [_parsed(action.data) for action in actions if isinstance(action, ToPeer)]


def to_span(actions: list[Action]) -> list[Request | Response]:
    return [_parsed(action.data) for action in actions if isinstance(action, ToSpan)]


def reports(actions: list[Action]) -> list[AnyReport]:
    return [action.report for action in actions if isinstance(action, Tell)]


def counts(actions: list[Action]) -> list[tuple[str, str]]:
    return [(action.what, action.label) for action in actions if isinstance(action, Count)]


def statuses(actions: list[Action]) -> list[int]:
    return [m.status for m in to_peer(actions) if isinstance(m, Response)]


def _parsed(data: bytes) -> Request | Response:
    message = parse(data)
    assert isinstance(message, Request | Response), data
    return message


def invite(
    call: str = "call-1", *, body: bytes | None = None, branch: str = "", cseq: int = 1, **changes: object
) -> Request:
    body = offer() if body is None else body
    request = Request(
        method="INVITE",
        uri=Uri("sip", "4711", "192.0.2.1", 5060),
        vias=[Via("UDP", TRUNK_HOST, 5061, (("branch", branch or f"z9hG4bK{call}"), ("rport", None)))],
        max_forwards=70,
        from_=NameAddr(Uri("sip", "alice", "trunk.example"), "Alice", (("tag", "peer-tag"),)),
        to=NameAddr(Uri("sip", "4711", "192.0.2.1")),
        call_id=call,
        cseq=cseq,
        contact=NameAddr(Uri("sip", "alice", TRUNK_HOST, 5061)),
        content_type="application/sdp" if body else "",
        body=body,
    )
    for name, value in changes.items():
        setattr(request, name, value)
    return request


def in_dialog(
    method: str, *, cseq: int = 2, call: str = "call-1", tag: str = "span-tag", branch: str = "", **changes: object
) -> Request:
    """A request of the peer in the dialog of `invite(call)`."""
    request = invite(call, body=b"", branch=branch or f"z9hG4bK{call}{method}{cseq}", cseq=cseq)
    request.method = method
    request.to = request.to.with_tag(tag)
    for name, value in changes.items():
        setattr(request, name, value)
    return request


def answer(
    request: Request,
    status: int,
    *,
    tag: str = "span-tag",
    body: bytes = b"",
    media: str = "192.0.2.1:16384",
    **changes: object,
) -> Response:
    """A span's (or a peer's) response to a request as it got it."""
    response = Response(
        status=status,
        vias=request.vias,
        from_=request.from_,
        to=request.to if request.to.tag or status == 100 else request.to.with_tag(tag),
        call_id=request.call_id,
        cseq=request.cseq,
        method=request.method,
        contact=NameAddr(Uri("sip", "x", "127.0.0.9", 7001)) if request.method == "INVITE" and status < 300 else None,
        content_type="application/sdp" if body else "",
        body=body,
        extras={"X-Edge-Media": media} if body and media else {},
    )
    for name, value in changes.items():
        setattr(response, name, value)
    return response


def answered(world: World, call: str = "call-1", *, tag: str = "span-tag") -> Request:
    """Set a call up as far as the ACK; returns the INVITE as the span got it."""
    inner = to_span(world.peer(invite(call)))[0]
    assert isinstance(inner, Request)
    world.span(answer(inner, 200, tag=tag, body=SPAN_SDP))
    world.peer(in_dialog("ACK", cseq=1, call=call, tag=tag))
    world.take()
    return inner
