"""Events that belong to no call: what is told of sources, trunks, the configuration, trials.

A module of its own, because processes that know of no calls make them, or pass them on: all other events are switch's
alone, and their classes take a megabyte.
"""

from typing import Literal

from msgspec import Struct

from edge.vocabulary.dialing import Disposition, PreviewEnd, ResultStep
from edge.vocabulary.ids import CallbackId, CallId
from edge.vocabulary.private import Private
from edge.vocabulary.trunks import TrunkCause

#: What may be held against a source.
SecurityCause = Literal[
    "scanner", "stranger", "malformed", "unknown_number", "failed_digest", "rate", "connections", "span_killed"
]

#: What a configuration was loaded by: a command or a signal, a change of its files, or the start.
LoadedBy = Literal["start", "reload", "watch"]


class SecurityBanned(Struct, frozen=True, tag="security.banned", kw_only=True):
    """What a source sent adds up to an attack: it is shut out for a time."""

    #: Its IP address.
    source: str
    #: The trunk that names the source; empty: a stranger. A trunk's good traffic is never stopped: what is wrong with
    #: its messages is only not answered any more. After `span_killed` it brings no new calls, and one whose calls all
    #: went to numbers that nobody has gets 404 for whatever it tries (`unknown_number`).
    trunk: str = ""
    #: What it did most: `scanner` (names itself a tool), `stranger` (asked without being known), `malformed`,
    #: `unknown_number`, `failed_digest` (a stranger tries passwords), `rate` (more than its trunk may send),
    #: `connections` (too many, or stalled), `span_killed` (its messages ended spans).
    cause: SecurityCause
    #: Pieces of evidence by kind, those of the last minutes.
    evidence: dict[str, int]
    seconds: int
    #: How often it was shut out in the last day, this time included; each time is twice as long as the one before.
    times: int


class SecuritySuspected(Struct, frozen=True, tag="security.suspected", kw_only=True):
    """A trunk whose calls are answered brings many to numbers that nobody has, too: a scan, or routes that are missing.

    Nothing is done about it. Told once in ten minutes.
    """

    #: Its IP address, and the trunk that names it.
    source: str
    trunk: str
    #: `unknown_number`, or what else there is most of.
    cause: SecurityCause
    #: Pieces of evidence by kind, those of the last minutes.
    evidence: dict[str, int]


class SecurityUnbanned(Struct, frozen=True, tag="security.unbanned", kw_only=True):
    """A source is not shut out any more."""

    source: str
    trunk: str = ""
    #: `expired`, or `cleared` by a person.
    by: str


class TrunkRegistered(Struct, frozen=True, tag="trunk.registered", kw_only=True):
    """A registration succeeded, the first or one after a failure."""

    trunk: str
    #: What the registrar granted.
    expires_s: int
    #: How long it was not registered, or since it was begun.
    unregistered_ms: int


class TrunkUnregistered(Struct, frozen=True, tag="trunk.unregistered", kw_only=True):
    """A trunk is not registered: refused, nobody answered until its time was over, or it was ended. It is tried on."""

    trunk: str
    #: `rejected` with `sip_code`; `no_answer`, `no_connection`, `no_such_name`, `busy`: at the first try; `expired`:
    #: later; `stopped`: the trunk was removed or changed.
    cause: TrunkCause
    sip_code: int | None = None
    #: How long it was registered, or since it was begun.
    registered_ms: int


class TrunkUp(Struct, frozen=True, tag="trunk.up", kw_only=True):
    """A trunk with `qualify` answers, for the first time or again."""

    trunk: str
    rtt_ms: float
    #: How long it did not, or since it was first asked.
    down_ms: int


class TrunkDown(Struct, frozen=True, tag="trunk.down", kw_only=True):
    """A trunk with `qualify` left so many questions in a row without an answer that it counts as down.

    Or it is a line of this machine, and says that it takes no calls.
    """

    trunk: str
    #: Of the last question: `no_answer`, `no_connection` or `no_such_name`; `out_of_service`: the line is not ready.
    cause: TrunkCause
    #: How long it was up, or since it was first asked.
    up_ms: int


class CertificateExpiring(Struct, frozen=True, tag="certificate.expiring", kw_only=True):
    """A certificate of TLS has less than 21 days left, or has expired; told once a day as long as that is so."""

    #: Trunk that showed it when it was last connected, or that is shown it (`ours`); empty: it is `sip.certificate`.
    trunk: str
    #: It is the trunk's `tls_certificate`, or `sip.certificate`: ours to renew.
    ours: bool
    #: Negative when it has expired.
    days_left: float
    #: End of its validity, RFC 3339.
    not_after: str


class ConfigurationLoaded(Struct, frozen=True, tag="configuration.loaded", kw_only=True):
    """New calls have another configuration from now on; calls in progress keep the one that they began with."""

    by: LoadedBy
    #: Menus of which new calls get another version than before, each with that version.
    menus: dict[str, str]
    #: Menus that there are no more.
    gone: list[str]
    #: Settings that wait for a restart.
    needs_restart: list[str]


class ConfigurationRefused(Struct, frozen=True, tag="configuration.refused", kw_only=True):
    """Files that were to be loaded have faults: all stays as it was. The log has the texts, as `edge check` does."""

    by: LoadedBy
    faults: int
    #: The first ten: file, line and column.
    places: list[str]


class MenuRolledBack(Struct, frozen=True, tag="menu.rolled_back", kw_only=True):
    """New calls get a former version of a menu, whatever its file says, until it is released: `menu.released`."""

    menu: str
    version: str
    #: What new calls have had until now.
    instead_of: str


class MenuReleased(Struct, frozen=True, tag="menu.released", kw_only=True):
    """New calls get again what the files said when they were loaded last."""

    menu: str
    version: str
    #: What new calls have had until now.
    instead_of: str


class TrialStarted(Struct, frozen=True, tag="trial.started", kw_only=True):
    """A trial that was stopped runs again: new calls are part of it, and its guard rails count from here."""

    trial: str


class TrialStopped(Struct, frozen=True, tag="trial.stopped", kw_only=True):
    """A trial was stopped: new calls get the menu that the route names. Calls in progress keep theirs."""

    trial: str
    #: `request`: by a person. `guard`: the candidate was worse than its guard rails allow.
    by: Literal["request", "guard"]
    #: Of `guard`: `abandonment` or `containment`, by how many percentage points it is worse, and by how many at least.
    indicator: str = ""
    worse_by: float | None = None
    at_least: float | None = None
    #: Calls of each side that ended since the trial started.
    control_calls: int = 0
    candidate_calls: int = 0


#: What closes a request to be called back, when the caller does not by a call of his own.
CallbackClosing = Literal["operator", "reached", "not_reached", "forbidden"]


class CallbackAttemptStarted(Struct, frozen=True, tag="callback.attempt_started", kw_only=True):
    """Somebody is called back: the call is on disk with this event, before anything leaves."""

    callback: CallbackId
    #: The call that is made, to the number or first to an agent.
    call: CallId
    #: Counts from 1.
    attempt: int
    number: Private
    order: Literal["caller_first", "agent_first"]
    #: Since it was first asked for, or since the window began, whichever was later.
    after_ms: int


class CallbackAttemptEnded(Struct, frozen=True, tag="callback.attempt_ended", kw_only=True):
    """A call that was to call somebody back is over."""

    callback: CallbackId
    call: CallId
    attempt: int
    #: `held`: nobody knows what became of it (see `callback.held`).
    disposition: Disposition
    #: The number was called: its phone may have rung. An attempt that was not does not count.
    left: bool
    answered: bool
    #: From the first 180 or 183 to the answer, or to the end of the attempt; null: it did not ring.
    rang_ms: int | None
    #: Of calls that rang and nobody answered: they did for more than `ring_min` and less than `ring_max`.
    in_standard: bool | None
    #: RFC 3339: not called again before that; empty: not called again.
    next: str = ""


class CallbackHeld(Struct, frozen=True, tag="callback.held", kw_only=True):
    """A request is not called until a person releases it: one has held it, or nobody knows how a call to it ended."""

    callback: CallbackId
    why: str = ""


class CallbackReleased(Struct, frozen=True, tag="callback.released", kw_only=True):
    """A person has released a request that was held."""

    callback: CallbackId
    why: str = ""


class CallbackClosed(Struct, frozen=True, tag="callback.closed", kw_only=True):
    """A request to be called back was closed."""

    callback: CallbackId
    #: `operator`: a person; `reached`: who was called back got what the call was for; `not_reached`: its attempts, or
    #: its window, are used up; `forbidden`: the number may not be called any more.
    by: CallbackClosing = "operator"
    #: Calls to the number that left.
    attempts: int = 0
    #: Since it was first asked for.
    after_ms: int = 0
    #: What the person said.
    why: str = ""


class DialerCampaignState(Struct, frozen=True, tag="dialer.campaign_state", kw_only=True):
    """A campaign goes on or does not: somebody said so, or nobody is left to be called (`done`)."""

    campaign: str
    state: Literal["running", "paused", "stopped", "done"]
    #: Who said so; empty: the dialer itself.
    by: str = ""
    why: str = ""
    #: Contacts of its lists that wait for their time.
    waiting: int = 0


class DialerPreviewOffered(Struct, frozen=True, tag="dialer.preview_offered", kw_only=True):
    """An agent sees a contact before it is called. `dialer.preview_ended` follows, once."""

    #: Also the id of the attempt, and of the call, if it is accepted.
    preview: str
    campaign: str
    listed_in: str
    contact: str
    queue: str
    agent: str


class DialerPreviewEnded(Struct, frozen=True, tag="dialer.preview_ended", kw_only=True):
    """An agent has decided about a contact that he was shown, or has not."""

    preview: str
    campaign: str
    listed_in: str
    contact: str
    queue: str
    agent: str
    #: `accepted`: the agent is rung, then the contact; `skipped`: it comes again later; `rejected`: never; `lapsed`:
    #: nobody decided in time, so as `skipped`; `withdrawn`: the agent or the rules were not there for it any more.
    how: PreviewEnd
    reason: str = ""
    #: The agent, or a user for him; empty: the time was over.
    by: str = ""
    #: Since it was offered.
    after_ms: int


class DialerResult(Struct, frozen=True, tag="dialer.result", kw_only=True):
    """An agent has said what came of the talk of an attempt. The last one of an attempt counts."""

    #: Of this result.
    result: str
    #: The attempt, which is the call, too.
    attempt: str
    campaign: str
    queue: str
    agent: str
    #: One of the campaign's `results`.
    code: str
    text: str = ""
    #: What is done about the contact; `never`: nobody calls the number any more.
    step: ResultStep
    #: Milliseconds since 1970: not called again before that; null: not called again.
    due_ms: int | None = None
    #: What he wrote; null: nothing.
    note: Private | None = None
    #: Which result of this attempt it is, from 1.
    ordinal: int = 1
    #: Since the talk's end; 0: they still talk.
    after_ms: int = 0
    #: The call in which he said so; null: by command.
    call: CallId | None = None


class AgentPresence(Struct, frozen=True, tag="agent.presence", kw_only=True):
    """An agent takes calls of queues from now on, or takes none. What he does meanwhile is told by calls' events."""

    agent: str
    #: `here`: he takes calls; `paused`: he does not for a while; `away`: he has logged out.
    presence: Literal["here", "paused", "away"]
    #: Why he pauses.
    reason: str = ""
    before: Literal["here", "paused", "away"]
    #: How long it was as it was before.
    lasted_ms: int
    #: The call in which he said so; null: an operator did.
    call: CallId | None = None


class AgentRefused(Struct, frozen=True, tag="agent.refused", kw_only=True):
    """Somebody on the phone wanted to be an agent, and was not believed."""

    #: Empty: he named none that there is.
    agent: str = ""
    #: `wrong`: number or PIN; `locked`: too many wrong ones before; `no_number`: his phone shows none to ring.
    why: Literal["wrong", "locked", "no_number"]
    call: CallId


class EventsShed(Struct, frozen=True, tag="events.shed", kw_only=True):
    """The outbox was full (`[events] quota_mb`), and events were deleted before every sink had them.

    Told when it begins, each minute while it goes on, and when it is over.
    """

    #: How many of which types since it was told last. Their numbers (`callseq`) are missing in what backends get.
    counts: dict[str, int]
    events: int
    quota_mb: int


class LineStateChanged(Struct, frozen=True, tag="line.state_changed", kw_only=True):
    """A line of a modem or sound card takes calls from now on, or does not any more."""

    line: str
    #: `ready`: it takes and makes calls; `absent`: its device is not there; `starting`: it is being made ready;
    #: `no_sim`, `pin_needed`, `no_service`: the modem works, and its network does not; `failed`: it does not answer as
    #: its profile says.
    state: Literal["absent", "starting", "ready", "no_sim", "pin_needed", "no_service", "failed"]
    before: Literal["absent", "starting", "ready", "no_sim", "pin_needed", "no_service", "failed"]
    #: Why, for people.
    text: str = ""
    #: How long it was as it was before.
    lasted_ms: int


class LineSoundBroken(Struct, frozen=True, tag="line.sound_broken", kw_only=True):
    """The sound of a line breaks again and again; its call goes on. Told once, until it was whole for 10 s."""

    line: str
    #: Gaps and cuts, either direction: the device, its bus or the machine does not keep up.
    gaps: int
    within_ms: int


class SmsReceived(Struct, frozen=True, tag="sms.received", kw_only=True):
    """A short message has come on a line. It is kept nowhere else: the modem's copy is deleted once this is on disk."""

    line: str
    #: The same for the same message: where the line's process dies between the two, it is told once more.
    message: str = ""
    #: Who sent it: a number or a name.
    sender: Private
    text: Private
    #: When the network took it, ISO 8601; empty where the modem did not say.
    sent_at: str = ""


class SinkTest(Struct, frozen=True, tag="sink.test", kw_only=True):
    """Somebody tries a sink (`edge sinks test`): it goes to that one only, is none of the outbox, and means nothing."""

    sink: str


class ApiActed(Struct, frozen=True, tag="api.acted", kw_only=True):
    """Something was done by the API or a command, or refused. What came of it the events of what it was done to say."""

    #: Name and role of the token, and the IP address that it came from; all empty: by a command.
    token: str
    role: str
    source: str = ""
    #: Who gave the command at the appliance itself, a user id there; null: it was the API.
    uid: int | None = None
    #: `originate`, `hang_up`, `hold`...: what the reference of the API says of each.
    act: str
    #: The call that it was about; null: none, or one that it made.
    call: CallId | None = None
    #: What it was about otherwise: an agent, a campaign, a trial.
    subject: str = ""
    #: Whom it wanted dialled; null: nobody.
    target: Private | None = None
    result: Literal["done", "refused"]
    #: Why it was refused.
    why: str = ""


TrunkEvent = TrunkRegistered | TrunkUnregistered | TrunkUp | TrunkDown
ConfigurationEvent = ConfigurationLoaded | ConfigurationRefused | MenuRolledBack | MenuReleased
SiteEvent = (
    SecurityBanned
    | SecuritySuspected
    | SecurityUnbanned
    | TrunkEvent
    | CertificateExpiring
    | LineStateChanged
    | LineSoundBroken
    | SmsReceived
    | SinkTest
    | ConfigurationEvent
    | CallbackAttemptStarted
    | CallbackAttemptEnded
    | CallbackHeld
    | CallbackReleased
    | AgentPresence
    | AgentRefused
    | CallbackClosed
    | TrialStarted
    | TrialStopped
    | DialerCampaignState
    | EventsShed
    | ApiActed
    | DialerPreviewOffered
    | DialerPreviewEnded
    | DialerResult
)
