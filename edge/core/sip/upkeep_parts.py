"""What registrations and qualifying probes share: requests in front's own name outside of dialogs, names, and dice."""

import hashlib
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from edge.core.sip.actions import Counted, Flow, Locate, Located, Place, Transport, TrunkFailed
from edge.core.sip.authentication import Authenticator
from edge.core.sip.errors import PHRASES
from edge.core.sip.locating import literal
from edge.core.sip.message import Request, Response
from edge.core.sip.presence import bracketed, default_port
from edge.core.sip.relay import Relay
from edge.core.sip.uri import NameAddr, Params, Uri, Via
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address
from edge.vocabulary.reports import Noticed
from edge.vocabulary.site_events import TrunkEvent

#: An address is looked up again after so long; while a name server is away the last answer stands.
NAME_MS = 60_000
#: Look-ups that failed are not repeated before.
NO_NAME_MS = 2_000
NAMES_LIMIT = 256
#: A look-up that has not been answered by then is made again.
ASKED_MS = 5_000
#: Statuses that are counted by themselves; others by their class.
_CODES = frozenset({*PHRASES, 300, 301, 302, 305, 401, 402, 407, 502})
#: Marks what is looked up for a trunk and not for a leg; no leg id has a slash.
_PREFIX = "trunk/"


def backoff_ms(failures: int, bounds: tuple[int, int], dice: float) -> int:
    """Pause after `failures` failures in a row (from 1): doubling within bounds, its upper half spread by `dice`."""
    first_ms, most_ms = bounds
    whole = min(most_ms, first_ms << min(max(failures, 1) - 1, 30))
    return whole // 2 + int(whole / 2 * dice)


class Exchange(Struct):
    """A request that waits for its answer. Without a branch: it waits for the address of a name."""

    branch: str
    flow: Flow | None
    sent_ms: int
    until_ms: int
    method: str = ""
    cseq: int = 0
    #: As it was sent; None: it waits.
    request: Request | None = None

    def is_answer(self, message: Response, flow: Flow) -> bool:
        """Whether `message` answers it, from where it was sent to."""
        return (
            self.flow is not None
            and message.vias[0].branch == self.branch
            and (message.method, message.cseq) == (self.method, self.cseq)
            and flow.address.host == self.flow.address.host
        )


class _Name(Struct):
    addresses: tuple[Address, ...]
    transport: Transport
    at_ms: int


class UpkeepRig:
    """The relay, as upkeep sees it."""

    def __init__(self, relay: Relay, learned: Callable[[], None]) -> None:
        self._relay = relay
        self._learned = learned
        self._names: dict[Place, _Name] = {}
        #: When places were asked for that nobody has told yet, and by which questions.
        self._asked: dict[Place, int] = {}
        self._questions: dict[LegId, Place] = {}
        self._numbers = 0
        self._rolled = 0

    @property
    def now_ms(self) -> int:
        """Time of the input that is handled (CLOCK_MONOTONIC, milliseconds)."""
        return self._relay.now_ms

    @property
    def authenticator(self) -> Authenticator:
        """What answers challenges."""
        return self._relay.authenticator

    # --- what must not be foreseen

    def _hashed(self, *parts: str) -> bytes:
        self._rolled += 1
        text = "\0".join((self._relay.settings.seed, str(self._rolled), *parts))
        return hashlib.blake2s(text.encode(), digest_size=16).digest()

    def dice(self) -> float:
        """Return the next number from 0 to 1."""
        return int.from_bytes(self._hashed("dice")[:6]) / 2**48

    def fresh_id(self, *parts: str) -> str:
        """Return an id that nobody has seen."""
        return self._hashed(*parts).hex()

    def fresh_branch(self) -> str:
        """Return the branch of a new transaction; no leg's."""
        return f"z9hG4bKtrunk.{self._hashed('branch').hex()[:20]}"

    # --- names

    def addresses_of(self, place: Place) -> tuple[Address, ...] | None:
        """Return where a place is, in the order to be tried, empty when nobody knows; None while it is looked up."""
        if (known := literal(place, default_port(place.transport))) is not None:
            return (known,) if self._relay.presence.reaches(known.host) else ()
        name, now_ms = self._names.get(place), self.now_ms
        if name is not None and now_ms - name.at_ms < (NAME_MS if name.addresses else NO_NAME_MS):
            return name.addresses
        if now_ms - self._asked.get(place, -ASKED_MS) >= ASKED_MS:
            self._asked[place] = now_ms
            self._questions = {leg: one for leg, one in self._questions.items() if one != place}
            self._numbers += 1
            leg = LegId(f"{_PREFIX}{self._numbers}")
            self._questions[leg] = place
            self._relay.out.append(Locate(leg, (place,)))
        return None

    def transport_to(self, place: Place) -> Transport:
        """Return what is spoken at a place whose addresses are known."""
        name = self._names.get(place)
        return name.transport if name is not None else place.transport

    def located(self, item: Located) -> bool:
        """Take the answer to a look-up of ours; False: it is not ours."""
        if not item.leg.startswith(_PREFIX):
            return False
        place = self._questions.pop(item.leg, None)
        if place is not None:
            self._asked.pop(place, None)
            if len(self._names) >= NAMES_LIMIT:
                self._names.pop(next(iter(self._names)))
            addresses = item.addresses[0] if item.addresses else ()
            self._names[place] = _Name(addresses, next(iter(item.transports), place.transport), self.now_ms)
            self._learned()
        return True

    def known_hosts(self, place: Place) -> tuple[str, ...]:
        """Return the hosts that a place was found to have at last."""
        if (known := literal(place, default_port(place.transport))) is not None:
            return (known.host,)
        name = self._names.get(place)
        return tuple(one.host for one in name.addresses) if name is not None else ()

    # --- messages

    def via(self, flow: Flow, branch: str) -> Via:
        """Our Via."""
        return self._relay.presence.via(flow, branch)

    def contact(self, flow: Flow, user: str) -> NameAddr:
        """Our Contact with a user part of its own."""
        uri = self._relay.presence.contact(flow, Uri("sip", "", "x")).uri
        return NameAddr(Uri(uri.scheme, user, uri.host, uri.port, uri.params))

    def own_host(self, flow: Flow) -> str:
        """Host by which the peer of `flow` knows us, as it stands in a URI."""
        return self._relay.presence.host(flow)

    @staticmethod
    def target(place: Place) -> Uri:
        """URI of a place that is asked for itself."""
        params: Params = (("transport", place.transport),) if place.transport != "udp" else ()
        return Uri("sip", "", bracketed(place.host), place.port, params)

    @staticmethod
    def hop(place: Place) -> Uri:
        """URI of a proxy that requests are routed through."""
        params: Params = (("transport", place.transport),) if place.transport != "udp" else ()
        return Uri("sip", "", bracketed(place.host), place.port, (*params, ("lr", None)))

    def send(self, key: str, request: Request, flow: Flow, limit_ms: int) -> Exchange:
        """Send a request, repeated until `stop`."""
        data = self._relay.to_peer(request, flow)
        self._relay.repeats.start(key, data, flow, self.now_ms)
        branch = request.vias[0].branch
        return Exchange(branch, flow, self.now_ms, self.now_ms + limit_ms, request.method, request.cseq, request)

    def stop(self, key: str) -> None:
        """Stop repeating."""
        self._relay.repeats.stop(key)

    # --- what others hear

    def count(self, what: Counted, label: str) -> None:
        """Count something."""
        self._relay.count(what, label)

    def use_routes(self, trunk: str, routes: list[NameAddr]) -> None:
        """Let calls of a trunk take these routes from now on; empty: none."""
        if routes:
            self._relay.service_routes[trunk] = routes
        else:
            self._relay.service_routes.pop(trunk, None)

    def failed(self, trunk: str, method: Literal["REGISTER", "OPTIONS"], status: int | None) -> None:
        """Count a failure; labels come from a closed list, whatever a peer makes up."""
        code = "none" if status is None else str(status) if status in _CODES else f"{status // 100}xx"
        self._relay.out.append(TrunkFailed(trunk, method, code))

    def notice(self, event: TrunkEvent) -> None:
        """Tell switch that the state of a trunk changed."""
        self._relay.tell(Noticed(event))
