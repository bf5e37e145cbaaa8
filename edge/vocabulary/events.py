"""Every event that a backend can receive: one definition for code, schemas and documentation.

An event is stored as CloudEvents 1.0 JSON. `type` is the class's tag, `subject` the call id, `callseq` counts from 1
without a gap per call, `id` is `<call>.<callseq>`. Events without a call carry the appliance's name as subject, and
are counted together.

The classes stand in a module a subject, those that belong to no call in `site_events`. Whoever speaks of events of
calls imports them from here.
"""

from msgspec import UNSET, Struct, UnsetType

from edge.vocabulary.call_events import (
    BridgeEnded,
    BridgeStarted,
    CallAnswered,
    CallEnded,
    CallStarted,
    ConferenceJoined,
    ConferenceLeft,
    ConferenceModeChanged,
    HuntEnded,
    HuntStarted,
    TransferCompleted,
    TransferFailed,
    TransferRedirected,
    TransferRefused,
    TransferRequested,
    TransferSent,
    WhisperEnded,
    WhisperStarted,
)
from edge.vocabulary.dialer_events import DialerAttemptEnded, DialerAttemptStarted, DialerSuppressed
from edge.vocabulary.leg_events import (
    AnswerBeep,
    AnswerDetected,
    AnswerGreetingEnded,
    AnswerRevised,
    AudioResumed,
    AudioStopped,
    DtmfFlash,
    DtmfReceived,
    LegAdopted,
    LegAnswered,
    LegEnded,
    LegFailedOver,
    LegHeld,
    LegHoldFailed,
    LegMoved,
    LegQuality,
    LegRang,
    LegResumed,
    LegSoundChanged,
    LegStarted,
    ToneDetected,
    ToneEnded,
)
from edge.vocabulary.menu_events import (
    AttributesSet,
    CallbackRequested,
    CallbackSuperseded,
    MenuAsked,
    MenuEntered,
    MenuInput,
    OrderEnded,
    OrderStarted,
    PromptMissing,
    SurveyAnswered,
    SurveyCompleted,
)
from edge.vocabulary.queue_events import (
    AgentLineUp,
    QueueAgentMissed,
    QueueAgentOffered,
    QueueConnected,
    QueueEntered,
    QueueLeft,
)
from edge.vocabulary.recording_events import (
    MessageDiscarded,
    MessageFailed,
    MessageRecorded,
    RecordingCompleted,
    RecordingFailed,
    RecordingMuted,
    RecordingStarted,
    RecordingUnmuted,
    VoicemailFull,
    VoicemailLeft,
)
from edge.vocabulary.site_events import SiteEvent

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
