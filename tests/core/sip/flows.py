"""Calls by chance: peers, spans and switch who do what they like, some of it right, through one door, from a seed.

Each of them sees what it is sent and answers it, or not, or something else: refusals of every class, challenges without
end, redirections, mutated octets, requests out of turn. Spans die, front is killed, time passes.
"""

import random
from collections import Counter
from dataclasses import dataclass, field

from msgspec.structs import replace

from edge.core.sip.actions import (
    Action,
    Discarded,
    Flow,
    HangUp,
    Release,
    Reserve,
    SendElsewhere,
    SendKeys,
    SpanLost,
    SpanStarted,
    ToPeer,
    ToSpan,
)
from edge.core.sip.authentication import Account
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.parser import parse
from edge.core.sip.uri import NameAddr, Uri, Via
from edge.vocabulary.ids import CommandId, Incarnation, LegId
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegAdopted, LegEnded
from tests.core.sip.steps import span_invite
from tests.core.sip.world import PEER, SPAN_SDP, TRUNK, TRUNK_HOST, World, answer, invite, offer, reports
from tests.support.sip_fuzz import Mutator

SPANS = 8
#: Calls that go on at a time.
TOGETHER = 12
STEPS = 15
_STATUSES = (
    100,
    180,
    183,
    200,
    200,
    200,
    202,
    300,
    302,
    400,
    401,
    407,
    408,
    422,
    481,
    486,
    487,
    491,
    500,
    503,
    600,
    603,
    699,
)
#: With most of what is asked in a call.
_WITHIN = ("ACK", "ACK", "BYE", "CANCEL", "INVITE", "UPDATE", "INFO", "PRACK", "OPTIONS", "REFER", "NOTIFY", "MESSAGE")
#: Milliseconds between two steps; all calls wait then.
_PAUSES = (0,) * 20 + (10, 10, 200, 600, 600, 2_000, 5_000)
_LONG_MS = 33_000
_TCP = Flow("tcp", Address(TRUNK_HOST, 5061), 1)


@dataclass
class Side:
    """What one side of a call knows of it."""

    sent: list[Request | Response] = field(default_factory=list)
    #: Requests that it was sent.
    asked: list[Request] = field(default_factory=list)
    #: The last message that it was sent which names both tags.
    dialog: Request | Response | None = None
    cseq: int = 100


@dataclass
class Call:
    """One call of either direction."""

    number: int
    incoming: bool
    peer: Side = field(default_factory=Side)
    span: Side = field(default_factory=Side)
    port: int = 0
    steps: int = STEPS

    @property
    def id(self) -> str:
        return f"flow-{self.number}"

    @property
    def leg(self) -> LegId:
        return LegId(f"cflow{self.number}.2")


class Flows:
    """The door, everybody around it, and the dice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.mutator = Mutator(seed)
        account = Account(user="4930", auth_user="4930", password=Private("secret"))
        trunk = replace(TRUNK, account=account, max_pending=1000)
        self.world = World(spans=SPANS, trunks=(trunk,), calls_per_second=10_000, max_spans=SPANS)
        self.calls: dict[str, Call] = {}
        self.spans_made = SPANS
        #: What happened, by kind, so that a test sees that its flows are not all alike.
        self.figures: Counter[str] = Counter()
        #: Ends that front has told in its present life.
        self.ends: Counter[LegId] = Counter()
        #: Legs that front has told switch it plays the part of, in its present life, and that switch did not let go of.
        self.adopted: set[LegId] = set()

    def run(self, count: int) -> None:
        """Begin `count` calls, and let each go on for as long as it likes."""
        begun, going = 0, list[Call]()
        while begun < count or going:
            if begun < count and len(going) < TOGETHER:
                going.append(self._begin(begun))
                begun += 1
            call = self.dice.choice(going)
            self._step(call)
            call.steps -= 1
            if call.steps <= 0 or self.dice.random() < 0.03:
                going.remove(call)
                # Whatever becomes of it is front's alone from now on.
                del self.calls[call.id]

    def finish(self) -> None:
        """Switch lets go of everything that is left."""
        door = self.world.door
        self._discard(door.live_legs())
        for leg in list(door._reservations.held):
            self._done(self.world.put(Release(leg)))

    # --- what happens

    def _begin(self, number: int) -> Call:
        call = Call(number, incoming=self.dice.random() < 0.5)
        self.calls[call.id] = call
        if call.incoming:
            request = invite(call.id, body=b"" if self.dice.random() < 0.1 else None)
            self._by_peer(call, request)
        else:
            self._done(self.world.put(Reserve(call.leg, "555", "main", "100")))
            held = self.world.door._reservations.held.get(call.leg)
            if held is not None:
                call.port = self.world.spans[held.span]
                request = span_invite(call.leg)
                request.call_id = call.id
                request.vias = [self._via(call)]
                self._by_span(call, request)
        if self.dice.random() < 0.6:
            self._set_up(call)
        return call

    def _set_up(self, call: Call) -> None:
        """Let the call come about as it should; what comes then is chance."""
        side, other, tag = (call.span, call.peer, "span-tag") if call.incoming else (call.peer, call.span, "bob")
        if not side.asked:
            return
        response = self._response(side.asked[0], 200, tag, proper=call.incoming)
        response.body = SPAN_SDP if call.incoming else offer()
        response.content_type = "application/sdp"
        (self._by_span if call.incoming else self._by_peer)(call, response)
        seen = other.dialog
        if not isinstance(seen, Response):
            return
        ack = invite(call.id, body=b"", branch=f"z9hG4bK{self.dice.getrandbits(48):x}", cseq=seen.cseq)
        ack.method, ack.from_, ack.to = "ACK", seen.from_, seen.to
        self.figures["set up"] += 1
        if call.incoming:
            self._by_peer(call, ack)
        else:
            ack.uri, ack.vias = Uri("sip", call.leg, "127.0.0.9", 6000), [self._via(call)]
            self._by_span(call, ack)

    def _step(self, call: Call) -> None:
        self.world.wait(_LONG_MS if self.dice.random() < 0.003 else self.dice.choice(_PAUSES))
        self._done(self.world.take())
        way = self.dice.random()
        if way < 0.42:
            self._peer_acts(call)
        elif way < 0.84:
            self._span_acts(call)
        elif way < 0.94:
            self._switch_acts(call)
        elif way < 0.955:
            self._a_span_dies()
        elif way < 0.96:
            self.ends.clear()
            self.adopted.clear()
            self.figures["restarts"] += 1
            self.world.restart()
            self._done(self.world.take())

    def _peer_acts(self, call: Call) -> None:
        side = call.peer
        way = self.dice.random()
        if side.asked and way < 0.55:
            for response in self._responses(self.dice.choice(side.asked[-3:]), "bob"):
                self._by_peer(call, response)
        elif side.sent and way < 0.65:
            self._by_peer(call, self.dice.choice(side.sent))  # a repeat
        elif (request := self._within(call, side, "bob" if not call.incoming else "peer-tag")) is not None:
            self._by_peer(call, request)

    def _span_acts(self, call: Call) -> None:
        side = call.span
        if call.port not in self.world.spans.values():
            return
        way = self.dice.random()
        if side.asked and way < 0.75:
            request = self.dice.choice(side.asked[-3:])
            for response in self._responses(request, "span-tag", proper=True):
                self._by_span(call, response)
        elif (request := self._within(call, side, "span-tag" if call.incoming else "own-tag")) is not None:
            self._by_span(call, request)

    def _switch_acts(self, call: Call) -> None:
        legs = self.world.door.live_legs()
        if not legs:
            return
        leg, way = self.dice.choice(legs), self.dice.random()
        if way < 0.3:
            self._done(self.world.put(HangUp(leg, "by chance")))
        elif way < 0.4:
            self._discard([leg])
        elif way < 0.8:
            self._done(self.world.put(SendKeys(CommandId(f"{leg}:1:1"), leg, Private("12"), 100)))
        elif way < 0.9:
            self._done(self.world.put(SendElsewhere(CommandId(f"{leg}:2:1"), leg, Private("sip:900@192.0.2.77"))))
        else:
            self._done(self.world.put(Release(call.leg)))

    def _discard(self, legs: list[LegId]) -> None:
        self.adopted -= set(legs)
        self._done(self.world.put(Discarded(legs)))

    def _a_span_dies(self) -> None:
        span = self.dice.choice(list(self.world.spans))
        del self.world.spans[span]
        self.figures["span_deaths"] += 1
        self._done(self.world.put(SpanLost(span)))
        self.spans_made += 1
        name, port = Incarnation(f"span-{self.spans_made}"), 7000 + self.spans_made
        self.world.spans[name] = port
        self._done(self.world.put(SpanStarted(name, port)))

    # --- what they say

    def _via(self, call: Call) -> Via:
        return Via("UDP", "127.0.0.9", call.port, (("branch", f"z9hG4bKPj{self.dice.getrandbits(48):x}"),))

    def _responses(self, request: Request, tag: str, *, proper: bool = False) -> list[Response]:
        """One answer to a request, or some."""
        found = []
        for _ in range(self.dice.choice((1, 1, 1, 2, 4))):
            status = self.dice.choice(_STATUSES)
            if proper and request.method != "INVITE":
                status = self.dice.choice((200, 200, 481, 500))
            elif proper and (status in (202, 401, 407, 422) or 300 <= status < 400 or status == 699):
                status = 200
            found.append(self._response(request, status, tag, proper=proper))
        return found

    def _response(self, request: Request, status: int, tag: str, *, proper: bool) -> Response:
        creates = request.method in ("INVITE", "UPDATE") and 100 < status < 300
        body = b""
        if creates and (proper or self.dice.random() < 0.85) and status != 180:
            body = SPAN_SDP if proper else offer()
        response = answer(request, status, tag=tag, body=body, media="192.0.2.1:16390" if proper else "")
        self.figures[f"{'span' if proper else 'peer'} {status // 100}xx"] += 1
        if not proper:
            host = TRUNK_HOST
            response.contact = NameAddr(Uri("sip", "bob", host, 5061)) if creates or status // 100 == 3 else None
            if status in (401, 407):
                name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
                realm = self.dice.choice(("provider", "provider", "elsewhere"))
                nonce = self.dice.getrandbits(32)
                response.extras[name] = f'Digest realm="{realm}", nonce="{nonce:x}", qop="auth", algorithm=SHA-256'
            if status == 422:
                response.extras["Min-SE"] = "1800"
            if status == 183 and self.dice.random() < 0.3:
                response.extras.update({"Require": "100rel", "RSeq": str(self.dice.randrange(1, 9))})
        return response

    def _within(self, call: Call, side: Side, own: str) -> Request | None:
        """Make a request in the dialog, as far as this side knows one; its number need not be right."""
        seen = side.dialog
        if seen is None:
            return None
        method = self.dice.choice(_WITHIN)
        # What came in a request is turned round, what came in a response is not.
        from_, to = (seen.to, seen.from_) if isinstance(seen, Request) else (seen.from_, seen.to)
        first = side.sent[0].cseq if side.sent else 1
        if method in ("ACK", "CANCEL"):
            cseq = first
        else:
            side.cseq += self.dice.choice((1, 1, 1, 1, 0, -1, 5))
            cseq = max(1, side.cseq)
        branch = f"z9hG4bK{self.dice.getrandbits(48):x}"
        if method == "CANCEL" and side.sent:
            branch = side.sent[0].vias[0].branch
        body = b""
        if method in ("INVITE", "UPDATE") and self.dice.random() < 0.8:
            body = offer() if side is call.peer else SPAN_SDP
        request = invite(call.id, body=body, branch=branch, cseq=cseq)
        request.method, request.from_, request.to = method, from_.with_tag(own), to
        if side is call.span:
            request.vias = [self._via(call)]
            request.uri = Uri("sip", call.leg, "127.0.0.9", 6000)
            request.contact = NameAddr(Uri("sip", "x", "127.0.0.9", call.port))
        if method == "INFO":
            request.content_type, request.body = "application/dtmf-relay", b"Signal=1\r\nDuration=160\r\n"
        if method == "PRACK":
            request.extras["RAck"] = f"1 {first} INVITE"
        if method == "REFER":
            request.extras["Refer-To"] = "<sip:900@192.0.2.77>"
        self.figures[f"{'peer' if side is call.peer else 'span'} {method}"] += 1
        return request

    # --- the wire

    def _by_peer(self, call: Call, message: Request | Response) -> None:
        call.peer.sent.append(message)
        data = serialise(message)
        if self.dice.random() < 0.1:
            self.figures["mutated"] += 1
            data = self.mutator.mutate(data)
        self._done(self.world.peer(data, _TCP if self.dice.random() < 0.2 else PEER))

    def _by_span(self, call: Call, message: Request | Response) -> None:
        call.span.sent.append(message)
        self._done(self.world.span(message, call.port))

    def _done(self, actions: list[Action]) -> None:
        """Let everybody see what it was sent, and look at what switch was told."""
        self.world.take()
        for report in reports(actions):
            if isinstance(report, LegEnded):
                self.ends[report.leg] += 1
            elif isinstance(report, LegAdopted):
                self.adopted.add(report.leg)
        for action in actions:
            if isinstance(action, ToPeer | ToSpan):
                self._deliver(action)

    def _deliver(self, action: ToPeer | ToSpan) -> None:
        message = parse(action.data)
        if not isinstance(message, Request | Response):
            return  # the answer to something broken
        call = self.calls.get(message.call_id)
        if call is None:
            return
        side = call.peer if isinstance(action, ToPeer) else call.span
        if isinstance(action, ToSpan):
            call.port = action.port
        if isinstance(message, Request):
            side.asked.append(message)
            self.figures[f"asked {message.method}"] += 1
        if (message.to.tag and message.from_.tag) or (isinstance(message, Request) and message.method == "INVITE"):
            side.dialog = message
