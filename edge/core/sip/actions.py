"""What goes into the relay and what comes out of it."""

from typing import Literal

from msgspec import Struct

from edge.core.sip.message import Parsed
from edge.core.sip.traffic import Seizure
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import CommandId, Incarnation, LegId
from edge.vocabulary.media import Address, Direction
from edge.vocabulary.private import Private
from edge.vocabulary.reports import AnyReport
from edge.vocabulary.site_events import SecurityCause
from edge.vocabulary.supervision import RetireSpan, WantSpans

Transport = Literal["udp", "tcp", "tls"]


class Flow(Struct, frozen=True):
    """Where a message of a peer came from, or goes to."""

    transport: Transport
    address: Address
    #: TCP or TLS connection it came on; 0, or one that is closed: connect to `address`.
    connection: int = 0
    #: Trunk whose TLS settings a connection to `address` is made with; empty: no trunk's.
    trunk: str = ""
    #: Name that was dialled, where it is not the trunk's: a certificate must have it.
    server: str = ""

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself."""
        return self.transport != "udp"


class Place(Struct, frozen=True):
    """Where something is said to be: an address, or a name to be looked up."""

    host: str
    #: 0: what the name's SRV records say, else the transport's own.
    port: int
    transport: Transport
    #: `transport` is used where nothing says another one: NAPTR records of the name may (RFC 3263 section 4.1).
    any_transport: bool = False


# --- in -------------------------------------------------------------------------------------------------------------


class FromPeer(Struct, frozen=True):
    """A message from outside. `token`: fresh and unguessable; what must be unique is made from it."""

    message: Parsed
    flow: Flow
    token: str


class FromSpan(Struct, frozen=True):
    """A message that arrived on the inner socket from `port` of the inner address."""

    message: Parsed
    port: int
    token: str


class SpanStarted(Struct, frozen=True):
    """A span takes calls on `port`."""

    span: Incarnation
    port: int


class SpanLost(Struct, frozen=True):
    """A span is gone."""

    span: Incarnation


class SpansAre(Struct, frozen=True):
    """All spans that live; every other is gone."""

    spans: dict[Incarnation, int]


class Reserve(Struct, frozen=True):
    """Reserve a span for an outgoing leg (`commands.ReserveSpan`, revealed)."""

    leg: LegId
    target: str
    trunk: str
    caller: str
    identity: Identity = Identity()
    #: Replaces header of its INVITE.
    replaces: str = ""


class Release(Struct, frozen=True):
    """Give the reservation of `leg` back."""

    leg: LegId


class Located(Struct, frozen=True):
    """The answer to `Locate`: for each place the addresses to be tried, in order; none: no such name, or too late."""

    leg: LegId
    addresses: tuple[tuple[Address, ...], ...]
    #: What is spoken at each place; none: what was asked for.
    transports: tuple[Transport, ...] = ()


class Undelivered(Struct, frozen=True):
    """No connection can be made to this address."""

    address: Address


class ConnectionLost(Struct, frozen=True):
    """A connection that was open is closed, by whomever; `connection` as in `Flow`."""

    connection: int


class Discarded(Struct, frozen=True):
    """Switch does not know these legs: end them towards everybody."""

    legs: list[LegId]


class HangUp(Struct, frozen=True):
    """Switch ends a leg whose part front plays (`commands.HangUp`)."""

    leg: LegId
    text: str


class SendKeys(Struct, frozen=True):
    """Switch has digits for a leg whose part front plays (`commands.SendInfoDigits`); `Finish` follows."""

    command: CommandId
    leg: LegId
    digits: Private
    duration_ms: int


class SendElsewhere(Struct, frozen=True):
    """Switch has a leg's peer sent to `target` by REFER (`commands.Refer`); `Finish` follows."""

    command: CommandId
    leg: LegId
    target: Private


class SetDirection(Struct, frozen=True):
    """Switch has a leg's peer held or resumed (`commands.Hold`); `Finish` follows."""

    command: CommandId
    leg: LegId
    direction: Direction


class Progress(Struct, frozen=True):
    """Switch says what a peer's REFER has come to (`commands.TellReferrer`)."""

    leg: LegId
    code: int


class AcceptCalls(Struct, frozen=True):
    """Whether new calls may come in; one closed reason why not."""

    why_not: Literal["switch_down", "not_ready", "draining", "overload"]
    accept: bool


class Suspicion(Struct, frozen=True):
    """The shell saw something that speaks against `source`: a stranger's connection, too many of them, stalled ones."""

    source: str
    kind: SecurityCause


class Sample(Struct, frozen=True):
    """A datagram of a source that nobody knows."""

    data: bytes
    flow: Flow


class ClearBans(Struct, frozen=True):
    """A person ends the ban of `source`, or all when it is empty."""

    source: str


class Sweep(Struct, frozen=True):
    """Some half a second has passed."""


class KeepUp(Struct, frozen=True):
    """Register and probe the trunks as they are now: at the start, and after they were replaced."""


class Probe(Struct, frozen=True):
    """Probe a trunk without waiting for its turn."""

    trunk: str


class Farewell(Struct, frozen=True):
    """End all registrations; the process stops."""


class Tick(Struct, frozen=True):
    """The deadline has come."""


Input = (
    FromPeer
    | FromSpan
    | SpanStarted
    | SpanLost
    | SpansAre
    | Reserve
    | Release
    | Located
    | Undelivered
    | ConnectionLost
    | Discarded
    | AcceptCalls
    | Suspicion
    | Sample
    | ClearBans
    | Sweep
    | HangUp
    | SendKeys
    | SendElsewhere
    | Progress
    | SetDirection
    | KeepUp
    | Probe
    | Farewell
    | Tick
)

# --- out ------------------------------------------------------------------------------------------------------------


class ToPeer(Struct, frozen=True):
    """Send to a peer."""

    data: bytes
    flow: Flow


class ToSpan(Struct, frozen=True):
    """Send to a span's port on the inner address."""

    data: bytes
    port: int


class Tell(Struct, frozen=True):
    """Report to switch."""

    report: AnyReport


class Save(Struct, frozen=True):
    """Write the record (dialog or reservation) of `leg` to the table, as it is now."""

    leg: LegId


class Bury(Struct, frozen=True):
    """The dialog of `leg` is over; its tombstone goes to the table until it expires."""

    leg: LegId


class Drop(Struct, frozen=True):
    """The reservation of `leg` is gone, and its record in the table with it."""

    leg: LegId


class Forget(Struct, frozen=True):
    """The tombstone of `leg` has expired."""

    leg: LegId


class OfferKeys(Struct, frozen=True):
    """Make a seed of keys that we offer, and keep it under `handle`."""

    handle: int


class KeepKeys(Struct, frozen=True, kw_only=True):
    """Keep negotiated keys under `handle`, for media to find; before anything that names it goes out."""

    handle: int
    suite: str
    #: The peer's master key and salt, base64.
    remote: Private
    #: Handle whose seed is ours in these, too; 0: they get a new one.
    seed_of: int = 0


class DropKeys(Struct, frozen=True):
    """Nobody needs the keys of `handle` any more: overwrite them."""

    handle: int


class Locate(Struct, frozen=True):
    """Find out where each of `places` is (RFC 3263), and answer with `Located` within 2 s."""

    leg: LegId
    places: tuple[Place, ...]


class Seized(Struct, frozen=True):
    """A seizure is over, to be counted."""

    seizure: Seizure


class Finish(Struct, frozen=True):
    """A command of switch is done, or failed (`error`)."""

    command: CommandId
    error: str | None


Counted = Literal[
    "message",
    "refused",
    "dropped",
    "call_refused",
    "fault",
    "challenge",
    "failover",
    "evidence",
    "unknown_number",
    "banned",
    "adopted",
]


class TrunkFailed(Struct, frozen=True):
    """A request of our own to a trunk failed; `code` is a status that has a name, a class (`4xx`), or `none`."""

    trunk: str
    method: Literal["REGISTER", "OPTIONS"]
    code: str


class Count(Struct, frozen=True):
    """Something to count; `label` is from a closed list, or a trunk's name."""

    what: Counted
    label: str


Action = (
    ToPeer
    | ToSpan
    | Tell
    | Save
    | Bury
    | Drop
    | Forget
    | OfferKeys
    | KeepKeys
    | DropKeys
    | Locate
    | Finish
    | Seized
    | Count
    | TrunkFailed
    | WantSpans
    | RetireSpan
)
