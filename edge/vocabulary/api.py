"""What is said over HTTP under `/api/v1`: answers, orders and errors, one definition for server, schema and client.

Numbers are texts here: who may not see them gets `***` and the last three digits. Times are RFC 3339 in UTC.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from edge.vocabulary.access import Role
from edge.vocabulary.media import RoomMode


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
    #: What it does there: `playing`, `collecting`, `transfer`, `queueing`, `parked`...
    doing: str = ""
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


# --- orders ---------------------------------------------------------------------------------------------------------

Target = Annotated[str, Meta(min_length=1, max_length=300)]
Word = Annotated[str, Meta(max_length=128)]
RingTimeout = Annotated[int, Meta(ge=1000, le=600_000)]
#: In dB.
Gain = Annotated[float, Meta(ge=-60.0, le=24.0)]


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be done; a field that there is not is refused."""


class Originate(Order, frozen=True, kw_only=True):
    """Make a call, which walks through a menu when it is answered."""

    #: SIP URI, or a number that is dialled on `trunk`.
    target: Target
    #: Name of a menu of the site.
    menu: Word
    trunk: Word = ""
    #: What the callee is shown.
    caller: Word = "edge"
    withheld: bool = False
    #: Headers of one's own, of those that the trunk lists.
    headers: dict[
        Annotated[str, Meta(pattern=r"\A[Xx]-(?![Ee][Dd][Gg][Ee]-)[A-Za-z0-9\-]{1,62}\Z")],
        Annotated[str, Meta(pattern=r"\A[ -~]{1,256}\Z")],
    ] = {}
    ring_timeout_ms: RingTimeout = 60_000


class Invite(Order, frozen=True, kw_only=True):
    """Ask one more into a talk: to be heard by all, to listen, or to whisper to one."""

    target: Target
    mode: RoomMode = "talk"
    #: Leg that it whispers to; null: the one that the first leg talks with.
    to: Word | None = None
    #: Its keys 4, 5 and 6 change the mode.
    supervises: bool = False
    trunk: Word = ""
    caller: Word = "edge"
    ring_timeout_ms: RingTimeout = 30_000


class Mode(Order, frozen=True, kw_only=True):
    """How a further leg takes part in a talk."""

    mode: RoomMode
    to: Word | None = None


class Sound(Order, frozen=True, kw_only=True):
    """What a leg sends and hears; what is left out stays."""

    #: Nobody hears it.
    muted: bool | None = None
    #: It hears nobody.
    deaf: bool | None = None
    gain_db: Gain | None = None
    heard_gain_db: Gain | None = None
    auto_level: bool | None = None


class Hold(Order, frozen=True, kw_only=True):
    """Whether a leg of a talk is on hold."""

    on: bool


class Announce(Order, frozen=True, kw_only=True):
    """Mix a sound over a talk, the voices lowered meanwhile."""

    #: Of the prompts folder, as menus name it with its language: `en/welcome`.
    sound: Annotated[str, Meta(min_length=1, max_length=200)]
    to: Literal["both", "caller", "target"] = "both"
    duck_db: Annotated[int, Meta(ge=0, le=60)] = 12


Sounds = Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=50)]
Milliseconds = Annotated[int, Meta(ge=100, le=600_000)]


class Play(Order, frozen=True, kw_only=True):
    """Play sounds to the caller; its menu goes on afterwards, at the node where it was."""

    #: Of the prompts folder, as menus name them with their language: `en/welcome`.
    sounds: Annotated[Sounds, Meta(min_length=1)]
    #: A key ends it.
    barge_in: bool = False


class Say(Order, frozen=True, kw_only=True):
    """Speak a text to the caller; its menu goes on afterwards, at the node where it was."""

    #: Written down nowhere: neither in events nor in logs, nor for longer than it may be played.
    text: Annotated[str, Meta(min_length=1, max_length=1000)]
    #: As menus name them: `en`, `en-gb`, `cmn`.
    language: Annotated[str, Meta(pattern=r"\A[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}\Z")]
    #: A key ends it.
    barge_in: bool = False


class Gather(Order, frozen=True, kw_only=True):
    """Ask the caller one question that digits answer; the operation has them."""

    sounds: Sounds = []
    min_digits: Annotated[int, Meta(ge=1, le=32)] = 1
    max_digits: Annotated[int, Meta(ge=1, le=32)] = 1
    finish_on_key: Annotated[str, Meta(pattern=r"\A[0-9*#]?\Z")] = ""
    first_digit_timeout_ms: Milliseconds = 5000
    inter_digit_timeout_ms: Milliseconds = 2000
    #: How often it is asked.
    rounds: Annotated[int, Meta(ge=1, le=10)] = 1


class Press(Order, frozen=True, kw_only=True):
    """Send digits to the far end."""

    digits: Annotated[str, Meta(pattern=r"\A[0-9*#A-D]{1,64}\Z")]
    duration_ms: Annotated[int, Meta(ge=40, le=5000)] = 100
    gap_ms: Annotated[int, Meta(ge=40, le=5000)] = 100


class Transfer(Order, frozen=True, kw_only=True):
    """Connect the caller with somebody else, whoever he is with now; the call ends with that talk."""

    target: Target
    trunk: Word = ""
    ring_timeout_ms: Milliseconds = 22_000


class Bridge(Order, frozen=True, kw_only=True):
    """Have the caller talk with that of another call, whoever waits for either; both stay calls of their own."""

    #: The other call.
    other: Word
    #: When the talk is over: both calls end, or whoever is left goes on in his menu where he was.
    after: Literal["end", "return"] = "end"


class ToQueue(Order, frozen=True, kw_only=True):
    """Have the caller wait in a queue, whoever he is with now."""

    queue: Word


class Record(Order, frozen=True, kw_only=True):
    """Whether the call is recorded; each beginning is a file of its own."""

    on: bool


class AgentWish(Order, frozen=True, kw_only=True):
    """Whether an agent takes calls."""

    wish: Literal["log_in", "log_out", "pause", "ready"]
    reason: Word = ""
    #: Where he is from now on, with `log_in`; empty: where the site says.
    target: Annotated[str, Meta(max_length=300)] = ""
    trunk: Word = ""


class CampaignState(Order, frozen=True, kw_only=True):
    """Whether a campaign goes on."""

    state: Literal["running", "paused", "stopped"]
    why: Word = ""


#: A country in two letters (ISO 3166-1), where numbers without + are dialled; empty: such numbers are refused.
Country = Annotated[str, Meta(pattern=r"\A([A-Za-z]{2})?\Z")]


class Contacts(Order, frozen=True, kw_only=True):
    """Contacts for a list: `number` (or `number_LABEL`, several), `id`, `priority`, `zone`, `language`, `country`.

    Whatever else a contact has are its attributes.
    """

    contacts: Annotated[
        list[dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=4000)]]],
        Meta(min_length=1, max_length=200),
    ]
    country: Country = ""


class Suppressed(Order, frozen=True, kw_only=True):
    """Numbers that must not be called."""

    numbers: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=500)]
    country: Country = ""


class Refused(Struct, frozen=True, kw_only=True):
    """What was not taken of a list, and why."""

    #: Which one, from 0.
    index: int
    #: Empty: the whole of it.
    field: str
    reason: str


class Taken(Struct, frozen=True, kw_only=True):
    """What became of a list that was handed in."""

    new: int
    #: Were there already, and are changed.
    changed: int = 0
    same: int
    #: Are being called, or done: left as they are.
    kept: int = 0
    refused: list[Refused] = []


#: A date and time with its offset (RFC 3339), or nothing.
MOMENT = (
    r"\A([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
    r"(Z|[+\-]([01][0-9]|2[0-3]):[0-5][0-9]))?\Z"
)


class PreviewAnswer(Order, frozen=True, kw_only=True):
    """What an agent wants of the contact that he looks at."""

    #: `skip`: it comes again later; `reject`: it is never called.
    what: Literal["accept", "skip", "reject"]
    reason: Word = ""


class Result(Order, frozen=True, kw_only=True):
    """What came of a talk."""

    #: One of the campaign's `[[campaigns.results]]`: its code, or its key.
    code: Annotated[str, Meta(min_length=1, max_length=64)]
    note: Annotated[str, Meta(max_length=2000)] = ""
    #: When to call again, of a callback: RFC 3339.
    at: Annotated[str, Meta(pattern=MOMENT)] = ""


class ResultSaid(Struct, frozen=True, kw_only=True):
    """What an agent said came of a talk."""

    code: str
    agent: str
    note: str
    given_ms: int


class PastAttempt(Struct, frozen=True, kw_only=True):
    """An attempt at a contact."""

    attempt: str
    campaign: str
    started_ms: int
    #: None: it goes on.
    disposition: str | None
    results: list[ResultSaid]


class Preview(Struct, frozen=True, kw_only=True):
    """What an agent sees of the contact that he looks at."""

    preview: str
    agent: str
    campaign: str
    listed_in: str = field(name="list")
    contact: str
    language: str
    attributes: dict[str, str]
    number: str
    label: str
    #: Seconds until it goes by itself, and what happens then.
    left_s: int
    then: str
    #: The agent is free, so it can be called at once.
    ready: bool
    attempts: list[PastAttempt]


class CallbackOrder(Order, frozen=True, kw_only=True):
    """What is done about a request to be called back."""

    what: Literal["close", "call", "hold", "release"]
    why: Word = ""


class TrialOrder(Order, frozen=True, kw_only=True):
    """Whether a trial runs."""

    run: bool


#: RFC 3339 in UTC; empty: none.
Stamp = Annotated[str, Meta(pattern=r"\A([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z)?\Z")]


class Replay(Order, frozen=True, kw_only=True):
    """Send events of the outbox to a sink again: those of a call, or of a time, or both."""

    sink: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_\-]{0,63}\Z")]
    call: Annotated[str, Meta(max_length=128)] = ""
    #: Types, or groups of them (`call.*`); empty: all that the sink takes.
    types: list[Annotated[str, Meta(pattern=r"\A[a-z_]{1,32}(\.([a-z_]{1,32}|\*))\Z")]] = []
    #: RFC 3339; `until` is not in it.
    since: Stamp = ""
    until: Stamp = ""
    #: Only say how many they are.
    dry_run: bool = False


class Replayed(Struct, frozen=True, kw_only=True):
    """What is sent again; `GET /api/v1/replays` tells how far it is."""

    #: 0: nothing is, for there is nothing, or it was only counted.
    id: int
    sink: str
    events: int


class Replays(Struct, frozen=True, kw_only=True):
    """What is or was sent again on request."""

    replays: list[dict[str, Any]]


class Sinks(Struct, frozen=True, kw_only=True):
    """Receivers of events: what each has, and how far it is behind."""

    sinks: list[dict[str, Any]]


class Done(Struct, frozen=True, kw_only=True):
    """It was done."""

    #: The call, leg, agent... that it was done to.
    call: str | UnsetType = UNSET
    leg: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    campaign: str | UnsetType = UNSET
    callback: str | UnsetType = UNSET
    trial: str | UnsetType = UNSET


class Estimated(Struct, frozen=True, kw_only=True):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class SurveyQuestion(Struct, frozen=True, kw_only=True):
    """Answers to one question on one scale."""

    question: str
    least: int
    most: int
    #: The least is the best; means are turned round, so that more is always better.
    reverse: bool
    asked: int
    answered: int
    #: Share of those asked who answered; null: nobody was.
    response: Estimated | None
    mean: Estimated | None
    #: Answers in words.
    said: int
    #: How often each value was pressed, and what the author calls it.
    values: dict[str, int]
    labels: dict[str, str]


class SurveyReport(Struct, frozen=True, kw_only=True):
    """Surveys of one menu, node, target or reason code."""

    #: Which one; masked as numbers are where it may be one.
    of: str
    surveys: int
    completed: int
    complete: Estimated | None
    questions: list[SurveyQuestion]
    #: Questions that were asked and nobody has answered.
    unanswered: list[str]


class Surveys(Struct, frozen=True, kw_only=True):
    """What callers said."""

    surveys: list[SurveyReport]


class Begun(Struct, frozen=True, kw_only=True):
    """It is being done: `GET /api/v1/operations/{operation}` tells how it goes on."""

    operation: str
    call: str
    leg: str | UnsetType = UNSET


class Operation(Struct, frozen=True, kw_only=True):
    """How something goes on that takes its time. What it says follows from the call's events."""

    id: str
    call: str
    state: Literal["running", "done", "failed"]
    #: `answered`, `played`, `busy`...
    result: str = ""
    #: What was pressed, where that was asked for; masked as numbers are.
    digits: str = ""


class Reloaded(Struct, frozen=True, kw_only=True):
    """The configuration was loaded anew."""

    #: Settings that wait for a restart.
    needs_restart: list[str]
    warnings: list[str]
    #: Menus that are other versions now.
    menus: dict[str, str]
