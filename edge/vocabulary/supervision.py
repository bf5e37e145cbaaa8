"""What the supervisor and its processes tell each other, over the socket pair each child inherits."""

from msgspec import Struct

from edge.vocabulary.ids import Incarnation

# --- child to supervisor ----------------------------------------------------------------------------------------------


class Ready(Struct, frozen=True, tag=True):
    """The process does its job from now on. Spans name the port of their SIP socket."""

    port: int = 0


class Beat(Struct, frozen=True, tag=True):
    """Sign of life, at least once a second from the process's main loop."""


class Health(Struct, frozen=True, tag=True):
    """A condition began (`text`) or passed (empty text); any active one makes the appliance not ready.

    A note is one that people should know of, and that keeps no call away.
    """

    condition: str
    text: str
    note: bool = False


class Scraped(Struct, frozen=True, tag=True):
    """Reply to `Scrape`: Prometheus exposition text."""

    id: int
    text: str


class Replied(Struct, frozen=True, tag=True):
    """Reply to `Request`: a JSON document, or an error text."""

    id: int
    body: bytes
    error: str | None = None


class WantSpans(Struct, frozen=True, tag=True):
    """Front: keep this many spans running."""

    count: int


class RetireSpan(Struct, frozen=True, tag=True):
    """Front: this span is idle, end it; front no longer routes to it."""

    span: Incarnation


class ScrapeAll(Struct, frozen=True, tag=True):
    """Web: collect everybody's families; answered by `AllScraped`."""

    id: int


class Ask(Struct, frozen=True, tag=True):
    """Web: have `process` answer a request (see `Request`), or the supervisor itself (`process` = "supervisor")."""

    id: int
    process: str
    what: str
    body: bytes


class Forked(Struct, frozen=True, tag=True):
    """Zygote's reply to `Fork`: the worker's process id, or why there is none (`pid` 0 and `error`)."""

    id: int
    pid: int
    error: str | None = None


class Exited(Struct, frozen=True, tag=True):
    """Zygote: a worker of its own ended and was reaped; `status` as of `os.waitstatus_to_exitcode` (-N: signal N)."""

    pid: int
    status: int


# --- supervisor to child ----------------------------------------------------------------------------------------------


class Scrape(Struct, frozen=True, tag=True):
    """Answer with `Scraped`."""

    id: int


class AllScraped(Struct, frozen=True, tag=True):
    """Reply to `ScrapeAll`: exposition text by process; None for one that did not answer in time."""

    id: int
    text: dict[str, str | None]


class Request(Struct, frozen=True, tag=True):
    """A request from the control socket or from web for this process; answer with `Replied`."""

    id: int
    what: str
    body: bytes
    #: Who asks at the control socket, a user id of this machine; None: a process of ours.
    uid: int | None = None


class Answered(Struct, frozen=True, tag=True):
    """Reply to `Ask`."""

    id: int
    body: bytes
    error: str | None = None
    #: Nobody has said so: the process was not there, or did not answer in time.
    is_silence: bool = False


class Reload(Struct, frozen=True, tag=True):
    """A new effective configuration lies at `path`; already validated."""

    path: str


class ReloadLine(Struct, frozen=True, tag=True):
    """The same for the process of a line: it is confined, and opens no memory of another process."""

    #: Packed `Site`, with what lines need.
    site: bytes


class Drain(Struct, frozen=True, tag=True):
    """Take no new calls; finish what runs; the supervisor decides when to stop."""


class Stop(Struct, frozen=True, tag=True):
    """Exit now, in order."""


class SpanUp(Struct, frozen=True, tag=True):
    """To front: a span answers SIP on `port` of the inner address."""

    span: Incarnation
    port: int


class SpanDown(Struct, frozen=True, tag=True):
    """To front: a span died or ended."""

    span: Incarnation


class SpanDied(Struct, frozen=True, tag=True):
    """To front, after `SpanDown`: the span was ended by a signal that nobody sent on purpose."""

    span: Incarnation
    signal: int


class SpanList(Struct, frozen=True, tag=True):
    """To front, once after its start: the spans that live now; all others of its tables are down."""

    spans: dict[Incarnation, int]


class TakeOver(Struct, frozen=True, tag=True):
    """To a worker that stands by: be the process from now on; its predecessor has ended."""


class Fork(Struct, frozen=True, tag=True):
    """To a zygote: fork a worker. The message carries one descriptor (SCM_RIGHTS): the worker's end of its channel."""

    id: int
    incarnation: Incarnation
    #: What the worker is called, and which of several of its kind it is; empty: as its zygote.
    name: str = ""
    index: int = 0
    #: It prepares itself, says `Ready` and waits for `TakeOver`.
    standby: bool = False


FromChild = Ready | Beat | Health | Scraped | Replied | WantSpans | RetireSpan | ScrapeAll | Ask | Forked | Exited
ToChild = (
    Scrape
    | AllScraped
    | Request
    | Answered
    | Reload
    | ReloadLine
    | Drain
    | Stop
    | SpanUp
    | SpanDown
    | SpanDied
    | SpanList
    | TakeOver
    | Fork
)
