"""One trunk's registration with its provider (RFC 3261 section 10.2), for ever: refreshed, tried again, ended.

A registrar that refuses (403, a wrong password) is asked rarely, so that no account gets locked; one that does not
answer is asked with a back-off that ends at a minute, so that its return is noticed within one retry. A binding that
could not be refreshed stands until its time is over.
"""

from typing import Literal

from msgspec import Struct

from edge.core.sip.actions import Flow, Place
from edge.core.sip.authentication import TRIES, Challenge
from edge.core.sip.echo import Echo, echo_of
from edge.core.sip.errors import SipError
from edge.core.sip.fields import split_list
from edge.core.sip.message import ALLOW, Request, Response
from edge.core.sip.trunks import Registrar, Trunk
from edge.core.sip.upkeep_parts import Exchange, UpkeepRig, backoff_ms
from edge.core.sip.uri import NameAddr, Uri, parse_name_addr
from edge.vocabulary.media import Address
from edge.vocabulary.site_events import TrunkRegistered, TrunkUnregistered
from edge.vocabulary.trunks import TrunkCause

#: A registrar that has not answered by then is asked again, or the next one is.
ANSWER_MS = 8_000
#: First and longest pause between two tries: nobody answers; and they refuse.
SILENT_MS = (2_000, 60_000)
REFUSED_MS = (60_000, 1_800_000)
#: A registration whose connection is lost is made anew within this.
RECONNECT_MS = 1_000
#: Until the next address of several is tried.
NEXT_ADDRESS_MS = 200
#: Binding times that we ask for when the registrar wants longer ones (Min-Expires), and that we believe.
LONGEST_S = 86_400
LEAST_REFRESH_MS = 5_000
#: So long before the end of a binding it is refreshed at the latest, whatever the back-off.
LAST_CALL_MS = 10_000
#: Routes of a Service-Route header (RFC 3608) that are used.
SERVICE_ROUTES = 4
#: Longest pause that a registrar can ask for (Retry-After).
RETRY_AFTER_MS = 3_600_000

State = Literal["trying", "registered", "rejected", "unreachable", "leaving", "left"]
#: Statuses that say nothing about us: the registrar, or what is behind it, has no time.
_BUSY = frozenset({408, 480, 491})


class Binding(Struct, kw_only=True):
    """What the registrar granted."""

    until_ms: int
    refresh_ms: int
    expires_s: int


#: What becomes of a registration when a trunk's settings change.
Change = Literal["begun", "ended", "replaced", "renewed", "kept", "none"]


def _identity(registrar: Registrar, trunk: Trunk) -> tuple[object, ...]:
    return registrar.domain, registrar.port, registrar.aor_user, registrar.aor_domain, trunk.contact_user


def change_of(before: Trunk | None, after: Trunk | None) -> Change:
    """Return what becomes of the registration of a trunk that is `after` instead of `before` (None: not there).

    `replaced`: ended, and begun as another one; `renewed`: asked for at once, with the new settings.
    """
    old, new = (one.registrar if one is not None else None for one in (before, after))
    if before is None or after is None or old is None or new is None:
        return "begun" if new is not None else "ended" if old is not None else "none"
    if _identity(old, before) != _identity(new, after):
        return "replaced"
    return "renewed" if (old, before.account) != (new, after.account) else "kept"


class Registration:
    """The registration of one trunk. `due` is called when its `deadline_ms` has come."""

    def __init__(self, rig: UpkeepRig, trunk: Trunk, registrar: Registrar, delay_ms: int = 0) -> None:
        self._rig = rig
        self.trunk = trunk
        self.registrar = registrar
        self.state: State = "trying"
        self.since_ms = rig.now_ms
        self.binding: Binding | None = None
        self.failures = 0
        #: Of the last try: why it failed and the status of its answer; and how long the last answer took.
        self.cause: TrunkCause | None = None
        self.code: int | None = None
        self.rtt_ms: float | None = None
        self.echo: Echo | None = None
        self._call_id = rig.fresh_id("register", trunk.name)
        self._tag = rig.fresh_id("tag", trunk.name)[:16]
        self._cseq = 0
        self._expires_s = registrar.expires_s
        #: Which of the hops is asked, which of its addresses; hops that failed in this round, and rounds that failed.
        self._hop = self._address = self._tried = self._rounds = 0
        self._exchange: Exchange | None = None
        #: Connection that the binding was made over; 0: none.
        self._connection = 0
        self._challenges: list[Challenge] = []
        self._tries = 0
        #: Whether it was told that it is registered; None: nothing was told.
        self._told: bool | None = None
        self._retry_ms = rig.now_ms + delay_ms

    # --- what is known

    @property
    def deadline_ms(self) -> int:
        """When `due` has something to do; 0: never."""
        if self.state == "left":
            return 0
        times = [self._exchange.until_ms if self._exchange is not None else self._retry_ms]
        if self.state == "registered" and self.binding is not None:
            times.append(self.binding.until_ms)
        return min(times)

    @property
    def place(self) -> Place:
        """Where REGISTER is sent to now."""
        return self.registrar.hops[self._hop % len(self.registrar.hops)]

    @property
    def key(self) -> str:
        """Under which its requests are repeated."""
        return f"trunk/{self.trunk.name}/register"

    # --- life

    def replaced_by(self, trunk: Trunk) -> bool:
        """Take new settings; False: the binding is another one, so this one has to be ended."""
        registrar, change = trunk.registrar, change_of(self.trunk, trunk)
        if registrar is None or change == "replaced":
            return False
        if change == "renewed":
            self.registrar, self._expires_s = registrar, registrar.expires_s
            self._hop = self._address = self._tried = self._rounds = 0
            self._challenges, self.failures = [], 0
            self.trunk = trunk
            self._give_up_exchange()
            self._retry_ms = self._rig.now_ms
        self.trunk = trunk
        return True

    def leave(self) -> None:
        """End the binding: one request with Expires 0, and its challenge answered; then `left`."""
        if self.state in ("leaving", "left"):
            return
        bound = self.binding is not None or self._exchange is not None
        self._give_up_exchange()
        self._tell_unregistered("stopped")
        self._set("leaving" if bound else "left")
        self._retry_ms = self._rig.now_ms
        if bound:
            self._tries = 0
            self._register()

    def due(self) -> None:
        """Act on the deadline."""
        now_ms = self._rig.now_ms
        if self.state == "registered" and self.binding is not None and now_ms >= self.binding.until_ms:
            self.binding = None
            self._lost("unreachable", "expired")
        if self._exchange is not None:
            if now_ms >= self._exchange.until_ms:
                self._give_up_exchange()
                self._failed("no_answer", None)
        elif now_ms >= self._retry_ms and self.state != "left":
            self._tries = 0
            self._register()

    def named(self) -> None:
        """Go on where the name of an address was waited for: it is known, or it is known that it is not."""
        if self._exchange is not None and not self._exchange.branch:
            self._give_up_exchange()
            self._register()

    def undelivered(self, address: Address) -> None:
        """No connection can be made to `address`."""
        if self._exchange is not None and self._exchange.flow is not None and self._exchange.flow.address == address:
            self._give_up_exchange()
            self._failed("no_connection", None)

    def connection_lost(self, connection: int) -> None:
        """Register anew when it was over this connection: calls may reach us through it only (RFC 5626 section 4.4)."""
        if not self._connection or connection != self._connection:
            return
        self._connection = 0
        self.renew()

    def renew(self) -> None:
        """Refresh the binding soon, whatever its time: the registrar may have lost it."""
        if self.state == "registered" and self._exchange is None:
            # Everybody who was registered there comes back now, so not all in the same instant.
            self._retry_ms = min(self._retry_ms, self._rig.now_ms + int(RECONNECT_MS * self._rig.dice()))

    # --- sending

    def _register(self) -> None:
        rig = self._rig
        known = rig.addresses_of(self.place)
        if known is None:
            # Its name is being looked up; `named` goes on.
            self._exchange = Exchange("", None, rig.now_ms, rig.now_ms + ANSWER_MS)
            return
        if not known:
            self._failed("no_such_name", None)
            return
        flow = Flow(rig.transport_to(self.place), known[self._address % len(known)], 0, self.trunk.name)
        self._cseq += 1
        request = self._request(flow, rig.fresh_branch())
        self._exchange = rig.send(self.key, request, flow, ANSWER_MS)

    def _request(self, flow: Flow, branch: str) -> Request:
        registrar, rig = self.registrar, self._rig
        domain = Uri("sip", "", registrar.domain, registrar.port)
        aor = NameAddr(Uri("sip", registrar.aor_user, registrar.aor_domain))
        expires = "0" if self.state == "leaving" else str(self._expires_s)
        contact = rig.contact(flow, self.trunk.contact_user)
        extras = {"Expires": expires, "Allow": ALLOW, "Supported": "path"}
        account = self.trunk.account
        if account is not None and self._challenges:
            extras |= rig.authenticator.headers(self.trunk.name, account, self._challenges, ("REGISTER", str(domain)))
        route = [NameAddr(rig.hop(self.place))] if registrar.by_proxy else []
        return Request(
            method="REGISTER",
            uri=domain,
            vias=[rig.via(flow, branch)],
            max_forwards=70,
            from_=aor.with_tag(self._tag),
            to=aor,
            call_id=self._call_id,
            cseq=self._cseq,
            contact=NameAddr(contact.uri, "", (*registrar.contact_params, ("expires", expires))),
            routes=route,
            extras=extras,
        )

    def _give_up_exchange(self) -> None:
        self._rig.stop(self.key)
        self._exchange = None

    # --- answers

    def takes(self, message: Response, flow: Flow) -> bool:
        """Take a response, if it is one to our request."""
        exchange = self._exchange
        if exchange is None or not exchange.is_answer(message, flow) or message.call_id != self._call_id:
            return False
        if message.status < 200:
            return True
        self.rtt_ms = float(self._rig.now_ms - exchange.sent_ms)
        if exchange.request is not None and message.status not in (401, 407):
            self.echo = echo_of(exchange.request, message, flow)
        self._give_up_exchange()
        self._final(message, flow)
        return True

    def _final(self, message: Response, flow: Flow) -> None:
        status = message.status
        if status in (401, 407):
            self._challenged(message)
        elif self.state == "leaving":
            self._set("left")
        elif status < 300:
            self._granted(message, flow)
        elif status == 423 and self._wants_longer(message):
            self._register()
        elif (status >= 500 and status < 600) or status in _BUSY:
            self._failed("busy", status, _retry_after_ms(message))
        else:
            self._rejected(status, _retry_after_ms(message))

    def _challenged(self, message: Response) -> None:
        account, rig = self.trunk.account, self._rig
        chosen: list[Challenge] = []
        if account is not None:
            before = self._challenges if self._tries or self._challenges else []
            verdict, chosen = rig.authenticator.choose(
                self.trunk.name, account, message.extras, before, own_address=True
            )
            if verdict == "rejected" and not self._tries:
                # What was given was made for the nonce of an earlier registration; not every registrar says "stale".
                verdict, chosen = rig.authenticator.choose(
                    self.trunk.name, account, message.extras, [], own_address=True
                )
            rig.count("challenge", verdict)
        if not chosen or self._tries >= TRIES:
            self._challenges = []
            self._rejected(message.status, 0)
            return
        self._challenges = chosen
        self._tries += 1
        self._register()

    def _wants_longer(self, message: Response) -> bool:
        least = int(message.extras.get("Min-Expires", "0"))
        if not self._expires_s < least <= LONGEST_S:
            return False
        self._expires_s = least
        return True

    def _granted(self, message: Response, flow: Flow) -> None:
        rig = self._rig
        seconds = min(self._granted_s(message, flow), LONGEST_S)
        if seconds <= 0:
            self._rejected(message.status, 0)
            return
        lifetime_ms = seconds * 1000
        refresh_ms = max(LEAST_REFRESH_MS, int(lifetime_ms * (0.75 + 0.1 * rig.dice())))
        self.binding = Binding(
            until_ms=rig.now_ms + lifetime_ms,
            refresh_ms=rig.now_ms + min(refresh_ms, lifetime_ms),
            expires_s=seconds,
        )
        self._retry_ms = self.binding.refresh_ms
        self._connection = flow.connection
        rig.use_routes(self.trunk.name, _service_routes(message))
        self.failures, self.cause, self.code = 0, None, message.status
        self._tried = self._rounds = 0
        if self.state != "registered":
            self._tell_registered(seconds)
            self._set("registered")

    def _granted_s(self, message: Response, flow: Flow) -> int:
        """Return the seconds of our binding (section 10.2.4): our own Contact's, else the least of all, or as asked."""
        ours = self._rig.contact(flow, self.trunk.contact_user).uri
        found = [(contact.uri, _expires_of(contact)) for contact in message.contacts]
        mine = [seconds for uri, seconds in found if seconds is not None and _same(uri, ours)]
        others = [seconds for _, seconds in found if seconds is not None]
        stated = message.extras.get("Expires")
        if mine:
            return mine[0]
        if stated is not None:
            return int(stated)
        return min(others, default=self._expires_s)

    # --- failure

    def _rejected(self, status: int, after_ms: int) -> None:
        if self.state == "leaving":
            self._set("left")
            return
        self.failures += 1
        self._rig.failed(self.trunk.name, "REGISTER", status)
        self.cause, self.code = "rejected", status
        self.binding = None
        self._retry_ms = self._rig.now_ms + max(after_ms, backoff_ms(self.failures, REFUSED_MS, self._rig.dice()))
        self._lost("rejected", "rejected")

    def _failed(self, cause: TrunkCause, status: int | None, after_ms: int = 0) -> None:
        if self.state == "leaving":
            self._set("left")
            return
        self.failures += 1
        self._rig.failed(self.trunk.name, "REGISTER", status)
        self.cause, self.code = cause, status
        if self._to_next() and not after_ms:
            self._retry_ms = self._rig.now_ms + NEXT_ADDRESS_MS
        else:
            pause_ms = backoff_ms(self._rounds, SILENT_MS, self._rig.dice())
            self._retry_ms = self._rig.now_ms + max(after_ms, pause_ms)
        if self.binding is not None:
            # Once more while there is something to lose.
            last_ms = max(self._rig.now_ms + SILENT_MS[0], self.binding.until_ms - LAST_CALL_MS)
            self._retry_ms = min(self._retry_ms, last_ms)
        if self.binding is None and self._rounds:
            self._lost("unreachable", cause)

    def _to_next(self) -> bool:
        """Go to the next address; False: all have failed, and it is the first one's turn again."""
        self._address += 1
        if self._address < len(self._rig.addresses_of(self.place) or ()):
            return True
        self._address = 0
        self._hop = (self._hop + 1) % len(self.registrar.hops)
        self._tried += 1
        if self._tried < len(self.registrar.hops):
            return True
        self._tried = 0
        self._rounds += 1
        return False

    def _lost(self, state: State, cause: TrunkCause) -> None:
        self._tell_unregistered(cause)
        self._set(state)

    def _set(self, state: State) -> None:
        if self.state == "registered" != state:
            self._rig.use_routes(self.trunk.name, [])
        if state != self.state:
            self.state = state
            self.since_ms = self._rig.now_ms

    def _tell_registered(self, expires_s: int) -> None:
        self._told = True
        before_ms = self._rig.now_ms - self.since_ms
        self._rig.notice(TrunkRegistered(trunk=self.trunk.name, expires_s=expires_s, unregistered_ms=before_ms))

    def _tell_unregistered(self, cause: TrunkCause) -> None:
        """Tell it once: after a registration, or after none could be made."""
        if self._told is False or (cause == "stopped" and self._told is None):
            return
        self._told = False
        code = self.code if cause in ("rejected", "busy") else None
        before_ms = self._rig.now_ms - self.since_ms
        self._rig.notice(TrunkUnregistered(trunk=self.trunk.name, cause=cause, sip_code=code, registered_ms=before_ms))


def _expires_of(contact: NameAddr) -> int | None:
    for name, value in contact.params:
        if name == "expires" and value is not None and value.isdigit() and len(value) <= 10:
            return int(value)
    return None


def _same(one: Uri, other: Uri) -> bool:
    return (one.user, one.host, one.port or 5060) == (other.user, other.host, other.port or 5060)


def _retry_after_ms(message: Response) -> int:
    return min(RETRY_AFTER_MS, int(message.extras.get("Retry-After", "0")) * 1000)


def _service_routes(message: Response) -> list[NameAddr]:
    try:
        routes = [parse_name_addr(part) for part in split_list(message.extras.get("Service-Route", "")) if part]
    except SipError:
        return []
    return [NameAddr(route.uri) for route in routes[:SERVICE_ROUTES] if route.uri.param("lr") is not None]
