"""Whether a trunk's address answers: OPTIONS (RFC 3261 section 11) in turns, up and down with a memory for misses.

Any response is an answer: a provider that says 404 or 405 to OPTIONS is there. After a miss the next probe comes soon,
so that the verdict does; a trunk that is down is asked with a back-off, for ever.

A line of this machine that says 503 takes no calls just now, and knows why: it is down at once, and asked every second.
Calls are placed there all the same, for it knows better than its last answer, and refuses them at once.
"""

from typing import Literal

from edge.core.calls.endings import why
from edge.core.sip.actions import Flow, Place
from edge.core.sip.echo import Echo, echo_of
from edge.core.sip.message import Request, Response
from edge.core.sip.trunks import Trunk
from edge.core.sip.upkeep_parts import Exchange, UpkeepRig, backoff_ms
from edge.core.sip.uri import NameAddr, Uri
from edge.vocabulary.media import Address
from edge.vocabulary.site_events import TrunkDown, TrunkUp
from edge.vocabulary.trunks import TrunkCause

#: An answer that comes later is a miss; never more than the interval.
ANSWER_MS = 4_000
#: Pause after a miss while the verdict is open.
AGAIN_MS = 1_000
#: First pause when it is down; the longest is a minute, or the interval where that is longer.
DOWN_MS = 2_000
DOWN_MOST_MS = 60_000

State = Literal["unknown", "up", "down"]


def places_of(trunk: Trunk) -> tuple[Place, ...]:
    """Return where a trunk is asked: its proxy, or else its addresses."""
    if trunk.proxy is not None:
        return (trunk.proxy,)
    return (trunk.place, *trunk.others)


class Qualify:
    """The probes of one trunk. `due` is called when its `deadline_ms` has come.

    `once`: a person asks, so there is one probe, and nobody else is told.
    """

    def __init__(self, rig: UpkeepRig, trunk: Trunk, *, once: bool = False) -> None:
        self._rig = rig
        self._once = once
        self.trunk = trunk
        self.state: State = "unknown"
        self.since_ms = rig.now_ms
        #: Misses in a row, and why the last one was one.
        self.misses = 0
        self.cause: TrunkCause | None = None
        #: What the line says of why it takes no calls.
        self.text = ""
        #: Of the last answer.
        self.rtt_ms: float | None = None
        self.code: int | None = None
        self.answered_ms: int | None = None
        self.echo: Echo | None = None
        self._call_id = rig.fresh_id("options", trunk.name)
        self._tag = rig.fresh_id("tag", trunk.name)[:16]
        self._cseq = 0
        self._turn = 0
        self._exchange: Exchange | None = None
        # Not all trunks in the same instant.
        self._next_ms = rig.now_ms + int(rig.dice() * min(1000, trunk.qualify_ms))

    @property
    def deadline_ms(self) -> int:
        """When `due` has something to do; 0: never."""
        if self._exchange is None and self._once:
            return 0
        return self._exchange.until_ms if self._exchange is not None else self._next_ms

    @property
    def key(self) -> str:
        """Under which its requests are repeated."""
        return f"trunk/{self.trunk.name}/options"

    def replaced_by(self, trunk: Trunk) -> bool:
        """Take new settings; False: it is another address, or is no longer asked."""
        same = (trunk.host, places_of(trunk)) == (self.trunk.host, places_of(self.trunk))
        if not same or not trunk.qualify_ms:
            return False
        if trunk.qualify_ms != self.trunk.qualify_ms:
            self._next_ms = min(self._next_ms, self._rig.now_ms + trunk.qualify_ms)
        self.trunk = trunk
        return True

    def leave(self) -> None:
        """Stop."""
        self._rig.stop(self.key)
        self._exchange = None

    def due(self) -> None:
        """Act on the deadline."""
        if self._exchange is not None:
            if self._rig.now_ms >= self._exchange.until_ms:
                self._missed("no_answer")
        elif self._rig.now_ms >= self._next_ms:
            self._ask()

    def ask_now(self) -> None:
        """Ask without waiting for the turn."""
        if self._exchange is None:
            self._ask()

    def named(self) -> None:
        """Go on where the address's name was waited for."""
        if self._exchange is not None and not self._exchange.branch:
            self._exchange = None
            self._ask()

    def undelivered(self, address: Address) -> None:
        """No connection can be made to `address`."""
        if self._exchange is not None and self._exchange.flow is not None and self._exchange.flow.address == address:
            self._missed("no_connection")

    def takes(self, message: Response, flow: Flow) -> bool:
        """Take a response, if it is one to our request. Whatever it says, somebody is there."""
        exchange = self._exchange
        if exchange is None or not exchange.is_answer(message, flow) or message.call_id != self._call_id:
            return False
        rig, now_ms = self._rig, self._rig.now_ms
        self.leave()
        self.rtt_ms, self.code, self.answered_ms = float(now_ms - exchange.sent_ms), message.status, now_ms
        self.misses, self.cause, self.text = 0, None, ""
        self.echo = echo_of(exchange.request, message, flow) if exchange.request is not None else None
        if self.trunk.source_port and message.status == 503:
            self._refused(why(message.extras.get("Reason", "")).text)
            return True
        if self.state != "up":
            self._tell(TrunkUp(trunk=self.trunk.name, rtt_ms=self.rtt_ms, down_ms=now_ms - self.since_ms))
            self._set("up")
        # A tenth earlier or later: probes of several appliances do not stay together.
        self._next_ms = now_ms + int(self.trunk.qualify_ms * (0.9 + 0.2 * rig.dice()))
        return True

    def _refused(self, text: str) -> None:
        """Take that a line takes no calls; `text` says why."""
        self.cause, self.text = "out_of_service", text
        if self.state != "down":
            self._down(self.cause)
        self._next_ms = self._rig.now_ms + AGAIN_MS

    def _down(self, cause: TrunkCause) -> None:
        self._tell(TrunkDown(trunk=self.trunk.name, cause=cause, up_ms=self._rig.now_ms - self.since_ms))
        self._set("down")

    def _ask(self) -> None:
        rig, trunk = self._rig, self.trunk
        limit_ms = ANSWER_MS if self._once else min(ANSWER_MS, trunk.qualify_ms)
        # Those of a trunk with several addresses take turns when one does not answer: any of them will do.
        places = places_of(trunk)
        known = [rig.addresses_of(place) for place in places]
        if None in known:
            self._exchange = Exchange("", None, rig.now_ms, rig.now_ms + limit_ms)
            return
        found = [(place, one) for place, addresses in zip(places, known, strict=True) for one in addresses or ()]
        if not found:
            self._missed("no_such_name")
            return
        place, address = found[self._turn % len(found)]
        flow = Flow(rig.transport_to(place), address, 0, trunk.name)
        target = rig.target(Place(trunk.host, 0 if trunk.any_port else trunk.port, trunk.transport))
        contact = rig.contact(flow, trunk.contact_user or "edge")
        own = NameAddr(Uri("sip", trunk.from_user or "edge", trunk.from_domain or rig.own_host(flow)))
        self._cseq += 1
        request = Request(
            method="OPTIONS",
            uri=target,
            vias=[rig.via(flow, rig.fresh_branch())],
            max_forwards=70,
            from_=own.with_tag(self._tag),
            to=NameAddr(target),
            call_id=self._call_id,
            cseq=self._cseq,
            contact=contact,
            routes=[NameAddr(rig.hop(place))] if trunk.proxy is not None else [],
            extras={"Accept": "application/sdp"},
        )
        self._exchange = rig.send(self.key, request, flow, limit_ms)

    def _missed(self, cause: TrunkCause) -> None:
        self.leave()
        rig = self._rig
        self.misses += 1
        self._turn += 1
        self.cause = cause
        rig.failed(self.trunk.name, "OPTIONS", None)
        beyond = self.misses - self.trunk.qualify_misses
        if beyond < 0:
            self._next_ms = rig.now_ms + min(AGAIN_MS, self.trunk.qualify_ms)
            return
        if self.state != "down":
            self._down(cause)
        most_ms = max(DOWN_MOST_MS, self.trunk.qualify_ms)
        self._next_ms = rig.now_ms + backoff_ms(beyond + 1, (DOWN_MS, most_ms), rig.dice())

    def _tell(self, event: TrunkUp | TrunkDown) -> None:
        if not self._once:
            self._rig.notice(event)

    def _set(self, state: State) -> None:
        self.state, self.since_ms = state, self._rig.now_ms
