"""What is said over HTTP under `/api/v1`: answers, orders and errors, one definition for server, schema and client.

Numbers are texts here: who may not see them gets `***` and the last three digits. Times are RFC 3339 in UTC.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from edge.vocabulary.access import Role


class Problem(Struct, frozen=True, kw_only=True):
    """An error. `error` is for people; `path` says where in the request it is, when it is there."""

    error: str
    #: `$.target`: a field of the body; `after`: a parameter.
    path: str | UnsetType = UNSET


class Me(Struct, frozen=True, kw_only=True):
    """Whose token this is."""

    name: str
    role: Role
    #: Whole numbers are shown.
    sees_numbers: bool


class CallSummary(Struct, frozen=True, kw_only=True):
    """A call, in progress or remembered."""

    id: str
    #: `open` or `ended`.
    state: str
    direction: Literal["incoming", "outgoing"]
    trunk: str
    caller: str
    called: str
    menu: str
    menu_version: str
    started: str
    answered: str | None = None
    ended: str | None = None
    outcome: str | None = None
    ended_by: str | None = None
    sip_code: int | None = None
    duration_ms: int | None = None
    answered_ms: int | None = None
    #: Ids of its recordings.
    recordings: list[str] = []


class LegShown(Struct, frozen=True, kw_only=True):
    """A leg of a call in progress."""

    id: str
    trunk: str
    #: Where its signalling goes.
    address: str
    signalling: str
    media: str
    #: How it takes part in the talk: `talk`, `listen`, `whisper`; empty: it does not.
    mode: str
    muted: bool
    deaf: bool
    #: By its peer.
    held: bool
    #: By us.
    on_hold: bool


class CallDetail(CallSummary, frozen=True, kw_only=True):
    """A call with all that is known of it."""

    #: Of a call in progress: `setup`, `running`, `ending`.
    phase: str = ""
    #: The menu's node where it is; empty: in none.
    node: str = ""
    #: Nodes of the menu in the order in which they were entered.
    path: list[str] = []
    legs: list[LegShown] = []
    #: How many events it has; `GET /api/v1/events?call=` has them.
    events: int = 0


class Calls(Struct, frozen=True, kw_only=True):
    """A page of calls, the newest first; `before` of the next page: the last one's id."""

    calls: list[CallSummary]


class NumberedEvent(Struct, frozen=True, kw_only=True):
    """An event with its place in the outbox."""

    #: Rises; what streams call `Last-Event-ID`.
    sequence: int
    #: CloudEvents 1.0 JSON, as webhooks get it.
    event: dict[str, Any]


class Events(Struct, frozen=True, kw_only=True):
    """A page of events in the order of the outbox; `after` of the next page: `last`."""

    events: list[NumberedEvent]
    #: Up to there everything that fits is in this page, or was before it.
    last: int


class RecordingShown(Struct, frozen=True, kw_only=True):
    """A finished recording, or a message that a caller left."""

    id: str
    call: str
    kind: Literal["recording", "message"]
    #: When it was finished.
    finished: str
    duration_ms: int
    size_bytes: int
    sha256: str


class Recordings(Struct, frozen=True, kw_only=True):
    """Recordings, the newest first; `before` of the next page: `last`, which is null when there are no more."""

    recordings: list[RecordingShown]
    last: int | None


class CallbackShown(Struct, frozen=True, kw_only=True):
    """A request to be called back."""

    id: str
    purpose: str
    number: str
    state: str
    reason: str
    requested: str
    latest: str
    call: str
    trunk: str
    menu: str
    attempts: int
    next: str
    last: str
    held_why: str
    closed: str | None
    closed_by: str | None


class Callbacks(Struct, frozen=True, kw_only=True):
    """Requests to be called back; that which is late first comes first."""

    callbacks: list[CallbackShown]


class Trunks(Struct, frozen=True, kw_only=True):
    """What is known of each trunk: registration, answering, calls of the last hour."""

    trunks: list[dict[str, Any]]


class Queues(Struct, frozen=True, kw_only=True):
    """Queues: who waits, who is served, what agents do."""

    queues: list[dict[str, Any]]


class Agents(Struct, frozen=True, kw_only=True):
    """Agents: what each does, for how long, and how his time went."""

    agents: list[dict[str, Any]]


class Campaigns(Struct, frozen=True, kw_only=True):
    """Campaigns: what each does, how far it has come, and what became of its calls."""

    campaigns: list[dict[str, Any]]


class Trials(Struct, frozen=True, kw_only=True):
    """Menus on trial."""

    trials: list[dict[str, Any]]


class SipMessages(Struct, frozen=True, kw_only=True):
    """SIP messages of a call, in order, as long as they are remembered."""

    messages: list[dict[str, Any]]
