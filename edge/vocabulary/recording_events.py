"""Events of recordings, and of the messages of callers."""

from typing import Literal

from msgspec import Struct

from edge.vocabulary.ids import LegId, RecordingId
from edge.vocabulary.private import Private

#: Why a message is over: by a key, because nobody spoke any more, because it was long enough, or the call was over.
MessageEndedBy = Literal["key", "silence", "length", "hang_up", "stopped", "restart"]


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
