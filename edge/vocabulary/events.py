"""Every event that a backend can receive: one definition for code, schemas and documentation.

An event is stored as CloudEvents 1.0 JSON. `type` is the class's tag, `subject` the call id, `callseq` counts from 1
without a gap per call, `id` is `<call>.<callseq>`. Events without a call carry the appliance's name as subject, and
are counted together.

Those that belong to no call: `site_events`. A list to look things up in, so it is longer than files are to be.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from edge.vocabulary.dialing import Disposition, Evidence, Next
from edge.vocabulary.endings import EndReason, FailoverCause, Outcome
from edge.vocabulary.hunting import HuntStrategy
from edge.vocabulary.ids import CallbackId, CallId, LegId, RecordingId
from edge.vocabulary.media import (
    AnswerCause,
    AnswerVerdict,
    AudioFault,
    DigitMethod,
    Direction,
    RoomMode,
    ToneLabel,
    ToneMeaning,
)
from edge.vocabulary.private import Private
from edge.vocabulary.quality import QualityFigures
from edge.vocabulary.site_events import SiteEvent

#: Why a message is over: by a key, because nobody spoke any more, because it was long enough, or the call was over.
MessageEndedBy = Literal["key", "silence", "length", "hang_up", "stopped", "restart"]

#: Why somebody is to be called back.
CallbackReason = Literal["asked", "lost", "survey"]
#: Why a call does not wait in a queue any more.
QueueLeaving = Literal["hung_up", "left", "callback", "full", "no_agents", "timed_out", "failed", "ended"]
#: Who holds a leg.
Holder = Literal["peer", "appliance"]
AttemptProgress = Literal["dialled", "ringing", "answered", "waiting", "missed", "connected"]
WhisperResult = Literal["accepted", "declined", "timeout", "gone"]


class CallStarted(Struct, frozen=True, tag="call.started", kw_only=True):
    """A call exists. Exactly one `call.ended` follows."""

    direction: str
    trunk: str
    caller: Private
    caller_name: Private
    called: Private
    sip_call_id: str
    #: Both numbers in E.164, of calls from a trunk with `country`; None: no whole number.
    caller_e164: Private | None = None
    called_e164: Private | None = None
    #: The network vouches for the caller's number, and the trunk is trusted.
    caller_asserted: bool = False
    #: The caller does not want its number shown.
    caller_withheld: bool = False
    #: Numbers that the call was diverted from, the last one first, and why that one diverted it (RFC 5806).
    diverted_from: list[Private] = []
    diversion_reason: str = ""
    #: Signature of the caller's network (RFC 8224), unverified.
    signature: Private | None = None
    #: Headers that the trunk lists.
    headers: dict[str, Private] = {}
    #: The trial (`[[trials]]`) that the call is part of, and which menu it gets: `control` or `candidate`. Empty: none.
    trial: str = ""
    arm: str = ""


class CallAnswered(Struct, frozen=True, tag="call.answered", kw_only=True):
    """The call's first leg was answered."""

    #: From `call.started`, milliseconds.
    after_ms: int
    #: The trunk that carries it, which may be another one of the group that was asked for; empty: none.
    trunk: str = ""


class CallEnded(Struct, frozen=True, tag="call.ended", kw_only=True):
    """The last event of a call."""

    end: EndReason
    duration_ms: int
    #: Since the answer, 0 when there was none.
    answered_ms: int
    menu: str = ""
    menu_version: str = ""
    #: Nodes in the order they were entered.
    path: list[str] = []
    #: Digits taken, by the method that was first; and reports merged into them.
    digits_by_method: dict[str, int] = {}
    digit_duplicates: int = 0
    recordings: list[RecordingId] = []
    #: The trunk that carried the first leg; empty: none.
    trunk: str = ""
    #: What the menu has set, and defaults, by name.
    attributes: dict[str, Private] = {}
    #: What the caller was spoken to in last; empty: there was no menu.
    language: str = ""
    #: As in `call.started`.
    trial: str = ""
    arm: str = ""


class DialerAttemptStarted(Struct, frozen=True, tag="dialer.attempt_started", kw_only=True):
    """The call is an attempt of a campaign. Exactly one `dialer.attempt_ended` follows, just before `call.ended`."""

    #: The attempt's id, which is the call's, too.
    attempt: str
    campaign: str
    #: List and id of the contact.
    listed_in: str
    contact: str
    #: In E.164, and what the list calls it.
    number: Private
    label: str = ""
    #: Trunk or group that the call leaves by, and the number that the callee is shown.
    trunk: str
    caller: Private
    #: Which attempt of this number it is in this campaign, from 1.
    ordinal: int


class DialerAttemptEnded(Struct, frozen=True, tag="dialer.attempt_ended", kw_only=True):
    """What became of an attempt of a campaign, and what follows."""

    attempt: str
    campaign: str
    listed_in: str
    contact: str
    number: Private
    label: str = ""
    disposition: Disposition
    #: All that is known, and which of it decided.
    evidence: Evidence
    #: Milliseconds since 1970.
    started_ms: int
    ended_ms: int
    #: How long it rang; null: it did not ring.
    rang_ms: int | None = None
    #: From the start to the answer; null: nobody answered.
    answered_ms: int | None = None
    #: From the answer to the end.
    talked_ms: int = 0
    #: What is done about the contact, and not before when (after the end).
    next: Next
    #: False: an agent was to be rung first and did not answer, so the contact was not called, and this counts as no
    #: attempt.
    placed: bool = True


class DialerSuppressed(Struct, frozen=True, tag="dialer.suppressed", kw_only=True):
    """Whom a campaign has called asked not to be called any more; the number goes on our own list with the call's end.

    Until then it is locked, so nobody calls it.
    """

    attempt: str
    campaign: str
    #: List and id of the contact, who is done.
    listed_in: str
    contact: str
    number: Private
    #: Of the menu.
    node: str


class LegStarted(Struct, frozen=True, tag="leg.started", kw_only=True):
    """A further leg is being dialled, or an agent's that stays up is in this call now."""

    leg: LegId
    target: Private
    #: The trunk or the group that was asked for.
    trunk: str
    #: Which of how many targets it is, counted from 1; 0: it is nobody of a hunt.
    position: int = 0
    targets: int = 0
    #: It was up before, as an agent's line, and stays so after `leg.ended`, which says that it has left this call.
    line: bool = False


class HuntStarted(Struct, frozen=True, tag="hunt.started", kw_only=True):
    """Somebody is looked for among several targets; each that is dialled is a leg. One `hunt.ended` follows."""

    #: The site's list; empty: the targets stand in the menu.
    hunt_list: str
    strategy: HuntStrategy
    targets: int


class HuntEnded(Struct, frozen=True, tag="hunt.ended", kw_only=True):
    """Somebody has taken the call, or nobody did."""

    #: `completed`: `leg` has it; `cancelled`: the caller has gone, or the menu went on; else what came of it all.
    outcome: Outcome
    leg: LegId | None = None
    #: Targets that were dialled, and that were passed over since they talked with us already.
    dialled: int
    skipped: int
    after_ms: int


class WhisperStarted(Struct, frozen=True, tag="whisper.started", kw_only=True):
    """A target that has answered is told about the call. One `whisper.ended` follows."""

    leg: LegId


class WhisperEnded(Struct, frozen=True, tag="whisper.ended", kw_only=True):
    """The target takes the call, or does not."""

    leg: LegId
    #: `accepted`: it is connected with the caller; `declined`: it pressed the key for that; `timeout`: it pressed no
    #: key in time; `gone`: it has hung up, the caller has, or somebody else has taken the call.
    result: WhisperResult
    after_ms: int


class LegFailedOver(Struct, frozen=True, tag="leg.failed_over", kw_only=True):
    """An address did not take a dialled leg, so the next one is called: how that attempt ended, and who is called."""

    leg: LegId
    #: Counts from 1.
    attempt: int
    #: Trunk and address that did not take it; empty: no trunk's.
    trunk: str
    address: str
    why: FailoverCause
    #: The final response; without `sip_code` there was none.
    end: EndReason
    #: From the INVITE to that address until it was given up, milliseconds.
    duration_ms: int
    #: Trunk and address that are called now.
    next_trunk: str
    next_address: str


class LegRang(Struct, frozen=True, tag="leg.ringing", kw_only=True):
    """A dialled leg rings."""

    leg: LegId
    sip_code: int
    early_media: bool


class LegAnswered(Struct, frozen=True, tag="leg.answered", kw_only=True):
    """A dialled leg was answered."""

    leg: LegId
    after_ms: int
    #: The trunk that carries it; empty: none.
    trunk: str = ""


class TransferRefused(Struct, frozen=True, tag="transfer.refused", kw_only=True):
    """A peer wanted a leg to go elsewhere, and we did not follow: who can send calls on, can have them paid by us."""

    leg: LegId
    #: `refer`: it asked by REFER, in the call; `redirect`: it answered our call by 3xx; `replaces`: it sent a call that
    #: was to take the leg's place.
    by: Literal["refer", "redirect", "replaces"]
    #: Where it wanted it to go: a SIP URI, without its parameters; empty: it said none that can be read.
    target: Private


class TransferRedirected(Struct, frozen=True, tag="transfer.redirected", kw_only=True):
    """A trunk sent a call of ours on to another number (3xx), which is dialled there now, as its rules allow."""

    leg: LegId
    target: Private


class TransferRequested(Struct, frozen=True, tag="transfer.requested", kw_only=True):
    """A peer wants another one to take its place (REFER), and the rules of its trunk allow it.

    `transfer.completed` or `transfer.failed` follows, or the end of the call.
    """

    leg: LegId
    #: The number that is dialled; of an attended transfer the one that the peer talks with on its other leg.
    target: Private
    #: It has talked with the target before.
    attended: bool


class TransferCompleted(Struct, frozen=True, tag="transfer.completed", kw_only=True):
    """Another leg has taken the place of a leg whose peer wanted that; the one that it took ends."""

    leg: LegId
    #: Who has its place now.
    to: LegId


class TransferFailed(Struct, frozen=True, tag="transfer.failed", kw_only=True):
    """Nobody could take the place of a leg whose peer wanted that. The talk goes on as it was, if that peer stayed."""

    leg: LegId
    #: As in the `end` of a leg, and what the peer was told.
    outcome: str
    sip_code: int


class LegMoved(Struct, frozen=True, tag="leg.moved", kw_only=True):
    """A leg goes on in another call, for the one that it talked with has joined the two; this call ends."""

    leg: LegId
    to: CallId


class TransferSent(Struct, frozen=True, tag="transfer.sent", kw_only=True):
    """A caller was sent elsewhere by REFER; below 300 it got there, and the call ends."""

    leg: LegId
    target: Private
    #: What its new call was answered with, or what it answered to the REFER; 408: it has not said in time.
    sip_code: int


class LegAdopted(Struct, frozen=True, tag="leg.adopted", kw_only=True):
    """The process that held a leg's signalling died; the call goes on without it."""

    leg: LegId
    #: The process's name.
    span: str


class LegEnded(Struct, frozen=True, tag="leg.ended", kw_only=True):
    """A leg is over."""

    leg: LegId
    end: EndReason
    #: The trunk that carried it, or was the last one asked; empty: none.
    trunk: str = ""


class LegQuality(QualityFigures, frozen=True, tag="leg.quality", kw_only=True):
    """The quality record of a leg, once, when its media has ended."""

    leg: LegId
    #: From the leg's answer to the first packet with sound.
    first_sound_after_ms: int | None = None


class AnswerDetected(Struct, frozen=True, tag="answer.detected", kw_only=True):
    """Who answered a call that we made through a trunk with `amd`; once a leg. Times are since the answer."""

    leg: LegId
    verdict: AnswerVerdict
    #: `short_greeting` and `greeting_then_silence`: they stopped and wait. `long_greeting`: they did not. `beep`: after
    #: speech. `fax_ced`, `fax_cng`: the tones of a fax that is called or calls. `no_speech`, `deadline`: not known.
    cause: AnswerCause
    at_ms: int
    #: Begin and end of what was heard before the verdict: the greeting, or a fax's tone.
    start_ms: int
    end_ms: int
    #: Speech in the greeting, without its pauses, and the longest of these.
    speech_ms: int
    longest_pause_ms: int
    #: Of the greeting's loudest syllables; null: nothing was said.
    level_dbm0: float | None = None


class AnswerRevised(Struct, frozen=True, tag="answer.revised", kw_only=True):
    """Whom `answer.detected` called a human was a machine that had only paused; at most once a leg, within seconds."""

    leg: LegId
    verdict: AnswerVerdict
    #: `long_greeting`: after the verdict it went on by itself, as a machine does. `beep`: that was heard.
    cause: AnswerCause
    at_ms: int
    #: Begin and end of what was said after the first verdict.
    start_ms: int
    end_ms: int
    #: Speech in it, without its pauses, and the longest of these.
    speech_ms: int
    longest_pause_ms: int


class AnswerGreetingEnded(Struct, frozen=True, tag="answer.greeting_ended", kw_only=True):
    """The greeting of a machine is over: a message may be left."""

    leg: LegId
    #: `beep`, or `greeting_then_silence` where none came.
    cause: AnswerCause
    at_ms: int
    #: Where it ended.
    end_ms: int


class AnswerBeep(Struct, frozen=True, tag="answer.beep", kw_only=True):
    """The beep of a machine, when it is over."""

    leg: LegId
    at_ms: int
    start_ms: int
    end_ms: int
    frequency_hz: float
    level_dbm0: float


class ToneDetected(Struct, frozen=True, tag="tone.detected", kw_only=True):
    """A call progress tone on a leg that we dialled, as soon as it is sure. Times are since the leg was dialled."""

    leg: LegId
    #: `sit` and `beep` are told when they are over, all others as soon as they are sure.
    label: ToneLabel
    #: Whose tone it is; of the trunk's `tones`, or the country that fits best. Null: the same everywhere.
    country: str | None = None
    #: What a special information tone means, or which form an answering tone has.
    meaning: ToneMeaning | None = None
    start_ms: int
    at_ms: int
    #: Only of `sit` and `beep`.
    end_ms: int | None = None
    #: As measured; of `sit` those of the first two segments.
    frequencies_hz: list[float]
    level_dbm0: float
    #: The last burst, the last pause (0: none was whole yet) and whole cycles of the cadence so far.
    on_ms: int
    off_ms: int
    cycles: int


class ToneEnded(Struct, frozen=True, tag="tone.ended", kw_only=True):
    """A tone that was told is over: its next burst did not come, or something else did."""

    leg: LegId
    label: ToneLabel
    country: str | None = None
    meaning: ToneMeaning | None = None
    start_ms: int
    end_ms: int
    at_ms: int
    cycles: int


class BridgeStarted(Struct, frozen=True, tag="bridge.started", kw_only=True):
    """Two legs hear each other."""

    leg: LegId
    other: LegId


class BridgeEnded(Struct, frozen=True, tag="bridge.ended", kw_only=True):
    """They no longer do."""

    leg: LegId
    other: LegId


class ConferenceJoined(Struct, frozen=True, tag="conference.joined", kw_only=True):
    """A further leg came into the talk: a supervisor, or one more who talks."""

    leg: LegId
    #: `talk`: heard by all; `listen`: by nobody; `whisper`: by `to` only.
    mode: RoomMode
    to: LegId | None = None


class ConferenceModeChanged(Struct, frozen=True, tag="conference.mode_changed", kw_only=True):
    """A further leg is heard by others than before."""

    leg: LegId
    mode: RoomMode
    to: LegId | None = None


class ConferenceLeft(Struct, frozen=True, tag="conference.left", kw_only=True):
    """A further leg left the talk, or goes on with it in a bridge of its own with the caller."""

    leg: LegId


class LegSoundChanged(Struct, frozen=True, tag="leg.sound_changed", kw_only=True):
    """A leg was muted, or its levels were changed: all that holds now."""

    leg: LegId
    #: What it says is not heard.
    muted: bool
    #: It does not hear the others.
    deaf: bool
    #: Of what it says, and of what it hears of the others.
    gain_db: float
    heard_gain_db: float
    #: What it says is lifted when it is quiet.
    auto_level: bool


class LegHeld(Struct, frozen=True, tag="leg.held", kw_only=True):
    """The peer of a leg holds (re-INVITE or UPDATE): it does not hear us. `leg.resumed` follows, or the leg's end.

    Or we hold it (`by`: `appliance`), as an operator wished, and it agreed: it hears our music, or nothing.
    """

    leg: LegId
    #: As who holds stated it: it may send (its music), or nobody does.
    direction: Direction
    by: Holder = "peer"


class LegResumed(Struct, frozen=True, tag="leg.resumed", kw_only=True):
    """The peer of a leg hears us again, or we hold it no more."""

    leg: LegId
    #: Since `leg.held`.
    held_ms: int
    by: Holder = "peer"


class LegHoldFailed(Struct, frozen=True, tag="leg.hold_failed", kw_only=True):
    """A leg could not be held, or resumed, as an operator wished: nothing has changed."""

    leg: LegId
    #: It was to be held; false: resumed.
    hold: bool
    #: What its peer answered, or why it was not asked.
    why: str


class MenuEntered(Struct, frozen=True, tag="menu.node_entered", kw_only=True):
    """The call reached a node of its menu."""

    menu: str
    menu_version: str
    node: str
    kind: str


class OrderStarted(Struct, frozen=True, tag="order.started", kw_only=True):
    """The API has the call do something; its menu waits meanwhile. `order.ended` follows, or `call.ended`."""

    #: What `order.ended` and `GET /api/v1/operations/` call it.
    operation: str
    #: `play`, `gather`, `press`, `transfer`, `queue`.
    act: str
    #: The node that is left for it, and begins anew afterwards.
    node: str


class OrderEnded(Struct, frozen=True, tag="order.ended", kw_only=True):
    """What the API wanted done is done, or will not be."""

    operation: str
    #: `played`, `sent`; `matched`, `failed` of what was asked; `connected`, or why not (`busy`, `no_answer`,
    #: `full`...); `replaced`: another order came; `refused`, `not_running`: the call had other things to do.
    result: str
    #: What was pressed, where that was asked for.
    digits: Private | None = None


class AttributesSet(Struct, frozen=True, tag="menu.attributes_set", kw_only=True):
    """A menu has set values of its call; of `call.ended` they are all there."""

    node: str
    #: Those that changed, by their name; the language that is spoken from now on is `language`.
    attributes: dict[str, Private]


class MenuAsked(Struct, frozen=True, tag="menu.asked", kw_only=True):
    """What came of a question that a menu asked a backend."""

    node: str
    endpoint: str
    #: `failed`, `timeout`: the menu went on by its own default.
    outcome: Literal["ok", "failed", "timeout"]
    #: The backend's word; empty without an answer.
    answer: str = ""
    #: From the question to its end.
    after_ms: int
    #: True: it came when the menu had gone on without it, and changed nothing.
    late: bool = False
    #: Why there is no answer.
    error: str = ""
    #: The node that the call went on to: without an answer the default that stands in the menu. Empty when `late`.
    next: str = ""


class QueueEntered(Struct, frozen=True, tag="queue.entered", kw_only=True):
    """The call waits in a queue. `queue.connected` or `queue.left` follows; who is refused has `queue.left` alone."""

    queue: str
    #: 1: next.
    position: int
    #: How long it will take, as it is estimated now.
    estimate_ms: int
    #: Of the call: more comes first.
    priority: int = 0


class QueueAgentOffered(Struct, frozen=True, tag="queue.agent_offered", kw_only=True):
    """An agent is rung for the call, and for no other one."""

    queue: str
    agent: str
    waited_ms: int
    position: int
    #: Which of the call's agents in this queue, from 1.
    offer: int


class QueueAgentMissed(Struct, frozen=True, tag="queue.agent_missed", kw_only=True):
    """The agent is not to be had, and rests; the call keeps its place."""

    queue: str
    agent: str
    #: As that of the agent's leg.
    outcome: str
    ring_ms: int


class QueueConnected(Struct, frozen=True, tag="queue.connected", kw_only=True):
    """The call and an agent talk."""

    queue: str
    agent: str
    #: The agent's.
    leg: LegId
    waited_ms: int
    ring_ms: int
    offers: int


class AgentLineUp(Struct, frozen=True, tag="agent.line_up", kw_only=True):
    """The call stays up as an agent's line from now on: calls of queues are bridged to it.

    That it is gone is told by `call.ended`; what follows for the agent, by `agent.presence`.
    """

    agent: str
    leg: LegId


class QueueLeft(Struct, frozen=True, tag="queue.left", kw_only=True):
    """The call does not wait any more, and has not talked with an agent."""

    queue: str
    #: `hung_up`: by the caller; `left`, `callback`: by a key; `full`, `no_agents` (none who could ever take it),
    #: `timed_out`, `failed` (there is no such queue any more): it is not served; `ended`: by the appliance.
    reason: QueueLeaving
    waited_ms: int
    #: 0: it was not taken in.
    position: int
    #: Agents who were rung for it.
    offers: int = 0


class MenuInput(Struct, frozen=True, tag="menu.input", kw_only=True):
    """A gather ended a round: `matched`, `no_input` or `no_match`; or a key was a `command` of the menu."""

    node: str
    result: str
    #: Masked (as many `*`) when the node is sensitive.
    digits: Private


class CallbackRequested(Struct, frozen=True, tag="callback.requested", kw_only=True):
    """Somebody is to be called back: the request is kept, with a state, in the same transaction as this event.

    There is one open request a number (and one for a survey): a further one renews it, and `renewed` says so.
    """

    #: The request; that of an earlier call where it is renewed.
    callback: CallbackId = CallbackId("")
    #: Whom to call, in E.164.
    number: Private
    #: `asked`: at a node `callback`; `lost`: the caller hung up while he waited, or we lost the call; `survey`: for the
    #: menu `runs`, which asks how it was.
    reason: CallbackReason
    #: Where it was asked for, or where the caller waited.
    node: str
    menu: str
    menu_version: str
    #: The window, RFC 3339: not before, and late after.
    not_before: str = ""
    latest: str = ""
    #: Menu that the call is for; empty: for somebody to talk with.
    runs: str = ""
    #: With `lost`: how long the caller had waited.
    waited_ms: int = 0
    #: With `survey`: who the caller had talked with last, as it was dialled.
    target: Private | None = None
    #: What the menu had set by then, and defaults, by name: skill, priority, reason code...
    attributes: dict[str, Private] = {}
    language: str = ""
    #: True: it was open already. Its time of asking stays, all else is new.
    renewed: bool = False
    #: How often it was asked for, this time included.
    times: int = 1


class CallbackSuperseded(Struct, frozen=True, tag="callback.superseded", kw_only=True):
    """Who was to be called back talks with somebody now, in a call of his own or for another reason: it is closed."""

    callback: CallbackId
    #: Since the request.
    after_ms: int


class SurveyFields(Struct, frozen=True, kw_only=True):
    """What all that is told of a survey has."""

    node: str
    menu: str
    menu_version: str
    #: Who the caller had talked with last, as it was dialled, and on which leg; null: with nobody.
    target: Private | None = None
    leg: LegId | None = None
    #: The earlier call that it is about, in which it was asked for; empty: this one.
    about: CallId = CallId("")
    #: Attributes of the call, `reason_code` among them.
    attributes: dict[str, Private] = {}
    language: str = ""
    #: As of `call.started`.
    trial: str = ""
    arm: str = ""


class SurveyAnswered(SurveyFields, frozen=True, tag="survey.answered", kw_only=True):
    """A question of a survey was answered."""

    question: str
    #: As it was pressed, and the scale that it is on; null: the answer was said.
    value: int | None = None
    least: int = 0
    most: int = 0
    #: True: `least` is the best.
    reverse: bool = False
    #: What the author calls the value.
    label: str = ""
    #: What was said, as the `message` of `message.recorded`; empty: the answer was pressed.
    message: str = ""


class SurveyCompleted(SurveyFields, frozen=True, tag="survey.completed", kw_only=True):
    """A survey is over; once for each that was begun."""

    #: Every question was asked. False: the caller hung up, or left it by a key.
    complete: bool
    #: Names of the questions that were asked, and of those that were answered.
    asked: list[str]
    answered: list[str]


class DtmfReceived(Struct, frozen=True, tag="dtmf.received", kw_only=True):
    """One key press, whatever number of methods carried it."""

    leg: LegId
    #: `*` when the node is sensitive.
    digit: Private
    method: DigitMethod
    duration_ms: int
    level_dbm0: float | None = None
    end_seen: bool = True


class DtmfFlash(Struct, frozen=True, tag="dtmf.flash", kw_only=True):
    """Hook flash (RFC 4733 event 16, or SIP INFO): no digit; a menu takes it where a gather has the choice `flash`."""

    leg: LegId
    method: DigitMethod
    duration_ms: int


class PromptMissing(Struct, frozen=True, tag="prompt.missing", kw_only=True):
    """A sound file could not be read; the call went on without it."""

    node: str
    file: str
    #: The author's file that `file` is a copy of, kept with the menu's version; empty: `file` itself, or a spoken text.
    source: str = ""


class RecordingStarted(Struct, frozen=True, tag="recording.started", kw_only=True):
    """A recording began."""

    recording: RecordingId
    leg: LegId
    path: str


class RecordingMuted(Struct, frozen=True, tag="recording.muted", kw_only=True):
    """The recording is silence from here on, on both tracks, since something sensitive is asked for; its time goes on.

    `recording.unmuted` tells the end, unless the recording ends before.
    """

    recording: RecordingId
    leg: LegId
    #: On the recording's timeline.
    at_ms: int


class RecordingUnmuted(Struct, frozen=True, tag="recording.unmuted", kw_only=True):
    """The recording holds again what is said."""

    recording: RecordingId
    leg: LegId
    #: On the recording's timeline.
    at_ms: int


class RecordingCompleted(Struct, frozen=True, tag="recording.completed", kw_only=True):
    """A recording is complete and checked."""

    recording: RecordingId
    leg: LegId
    path: str
    duration_ms: int
    #: Missing time a channel, filled with silence; None: not known (repaired after a crash).
    gap_ms_left: int | None
    gap_ms_right: int | None
    size_bytes: int
    sha256: str
    #: True: its end was restored after a crash.
    repaired: bool = False


class RecordingFailed(Struct, frozen=True, tag="recording.failed", kw_only=True):
    """A recording could not be started or had to stop; what was written is valid."""

    recording: RecordingId
    leg: LegId
    path: str
    duration_ms: int
    error: str


class MessageFields(Struct, frozen=True, kw_only=True):
    """What is told of every message that a caller has left."""

    message: RecordingId
    node: str
    leg: LegId
    #: WAV, mono: the caller only.
    path: str
    #: From the begin to a moment after the last word.
    duration_ms: int
    #: Missing time, filled with silence; None: not known (repaired after a crash).
    gap_ms: int | None
    size_bytes: int
    sha256: str
    ended_by: MessageEndedBy
    #: True: its end was restored after a crash.
    repaired: bool = False


class MessageRecorded(MessageFields, frozen=True, tag="message.recorded", kw_only=True):
    """A caller has said something at a node `record`, and it is complete."""


class VoicemailFull(Struct, frozen=True, tag="voicemail.full", kw_only=True):
    """A caller who wanted to leave a message found the mailbox full, was told so, and left none there."""

    mailbox: str
    #: Who is to be told, as the mailbox says.
    notify: list[str]
    caller: Private
    node: str
    leg: LegId
    #: What is in it.
    messages: int
    length_ms: int


class VoicemailLeft(MessageFields, frozen=True, tag="voicemail.left", kw_only=True):
    """A caller has left a message in a mailbox, and it is complete."""

    mailbox: str
    #: Who is to be told, as `[[mailboxes]]` says.
    notify: list[str] = []
    caller: Private
    #: The caller has marked it so.
    urgent: bool = False


class MessageDiscarded(Struct, frozen=True, tag="message.discarded", kw_only=True):
    """A message was deleted: there was nothing in it (`too_short`), or its caller wanted to say it `again`."""

    message: RecordingId
    node: str
    #: Empty: none.
    mailbox: str = ""
    why: Literal["too_short", "again"]


class MessageFailed(Struct, frozen=True, tag="message.failed", kw_only=True):
    """A message could not be recorded, or had to stop; what was written is valid."""

    message: RecordingId
    node: str
    #: Empty: none.
    mailbox: str = ""
    path: str
    duration_ms: int
    error: str


class AudioStopped(Struct, frozen=True, tag="leg.audio_stopped", kw_only=True):
    """Audio that should be there is missing in one direction; `leg.audio_resumed` tells when it is back.

    A peer that holds may send nothing: it is told if it is still missing 5 s after the hold.
    """

    leg: LegId
    #: For so long when it was told; 0 with `not_received`, which is known from the peer's reports only.
    silent_ms: int
    #: `no_packets`: the peer sends none; `no_sound`: it sends digital silence only (a muted phone, one-way audio behind
    #: it); `not_received`: the peer reports that none of ours arrives.
    fault: AudioFault = "no_packets"


class AudioResumed(Struct, frozen=True, tag="leg.audio_resumed", kw_only=True):
    """What `leg.audio_stopped` told is over."""

    leg: LegId
    #: From `leg.audio_stopped` on.
    missing_ms: int
    fault: AudioFault


AnyEvent = (
    CallStarted
    | CallAnswered
    | CallEnded
    | DialerAttemptStarted
    | DialerAttemptEnded
    | DialerSuppressed
    | LegStarted
    | HuntStarted
    | HuntEnded
    | WhisperStarted
    | WhisperEnded
    | LegFailedOver
    | LegRang
    | LegAnswered
    | LegAdopted
    | TransferRefused
    | TransferRedirected
    | TransferRequested
    | TransferCompleted
    | TransferFailed
    | LegMoved
    | TransferSent
    | LegEnded
    | LegQuality
    | AnswerDetected
    | AnswerGreetingEnded
    | AnswerRevised
    | AnswerBeep
    | ToneDetected
    | ToneEnded
    | BridgeStarted
    | BridgeEnded
    | ConferenceJoined
    | ConferenceModeChanged
    | ConferenceLeft
    | LegSoundChanged
    | LegHeld
    | LegResumed
    | LegHoldFailed
    | MenuEntered
    | MenuInput
    | OrderStarted
    | OrderEnded
    | AttributesSet
    | MenuAsked
    | CallbackRequested
    | CallbackSuperseded
    | SurveyAnswered
    | SurveyCompleted
    | QueueEntered
    | QueueAgentOffered
    | QueueAgentMissed
    | QueueConnected
    | AgentLineUp
    | QueueLeft
    | DtmfReceived
    | DtmfFlash
    | PromptMissing
    | RecordingStarted
    | RecordingMuted
    | RecordingUnmuted
    | RecordingCompleted
    | RecordingFailed
    | MessageRecorded
    | VoicemailFull
    | VoicemailLeft
    | MessageDiscarded
    | MessageFailed
    | AudioStopped
    | AudioResumed
    | SiteEvent
)


class Envelope(Struct, frozen=True, kw_only=True):
    """CloudEvents 1.0, structured mode."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str = "application/json"
    callseq: int
    #: Extension: version of the menu that the call runs on; not there without one.
    menuversion: str | UnsetType = UNSET
    data: AnyEvent
