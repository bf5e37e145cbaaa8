"""What callers leave: messages that the menu has recorded, each in a file of its own.

Media makes the file. When it is complete the menu decides: keep it, or discard it. What the call leaves undecided (the
caller has hung up) is kept when it is long enough, for nobody can be asked any more. Each message is told of once, by
`message.recorded` or `voicemail.left`, `message.discarded`, or `message.failed`.
"""

from typing import Literal

from edge.core.calls.effects import Effects
from edge.core.calls.inputs import Restored
from edge.core.menus.words import (
    DiscardMessage,
    KeepMessage,
    LookIntoMailbox,
    MessageAction,
    MessageMade,
    RecordMessage,
    RefuseMessage,
    StopMessage,
)
from edge.vocabulary import commands, events
from edge.vocabulary.ids import LegId, RecordingId
from edge.vocabulary.media import MessageEnd
from edge.vocabulary.private import Private
from edge.vocabulary.recording_events import MessageEndedBy
from edge.vocabulary.reports import RecordingDone, RecordingFailed

#: `recording`: media has to tell its end; `made`: complete, and to be decided on; `over`: told.
State = Literal["recording", "made", "over"]
#: What of a message that had to stop is shown of the reason.
_LONGEST_ERROR = 200


class Message:
    """One message; the first one of a call is named `<call>-m1`."""

    def __init__(self, id: RecordingId, leg: LegId, path: str, order: RecordMessage) -> None:  # noqa: A002
        self.id = id
        self.leg = leg
        self.path = path
        self.order = order
        self.state: State = "recording"
        #: The menu wants to be told.
        self.awaited = True
        self.kept: KeepMessage | None = None
        self.by_key = False
        #: The call was over before it was.
        self.left = False
        self.made: RecordingDone | None = None


class Messages:
    """The messages of one call."""

    def __init__(self, effects: Effects, folder: str, caller: Private) -> None:
        self._fx = effects
        self._folder = folder
        self._caller = caller
        self._all: dict[int, Message] = {}
        #: When the key was pressed that came last, CLOCK_MONOTONIC: where a message ends that it stops.
        self.key_ms = 0

    @property
    def running(self) -> bool:
        """Whether media still has to report the end of one."""
        return any(one.state == "recording" for one in self._all.values())

    @property
    def made(self) -> dict[RecordingId, str]:
        """Messages that were begun and not discarded, with their files."""
        return {one.id: one.path for one in self._all.values()}

    # --- what the menu wants

    def perform(self, action: MessageAction, leg: LegId) -> None:
        """Do it, on the call's first leg."""
        if isinstance(action, RecordMessage):
            self._begin(action, leg)
            return
        if isinstance(action, LookIntoMailbox):
            self._fx.media(commands.LookIntoMailbox(leg, action.folder))
            return
        if isinstance(action, RefuseMessage):
            self._refuse(action, leg)
            return
        one = self._all.get(action.number)
        if one is None:
            return
        match action:
            case StopMessage():
                one.by_key = action.by_key
                self._stop(one, self.key_ms if action.by_key else 0)
            case KeepMessage():
                one.kept, one.awaited = action, False
                self._settle(one)
            case DiscardMessage():
                self._discard(one, action.why)

    def _refuse(self, refused: RefuseMessage, leg: LegId) -> None:
        self._fx.emit(
            events.VoicemailFull(
                mailbox=refused.mailbox,
                notify=refused.notify,
                caller=self._caller,
                node=refused.node,
                leg=leg,
                messages=refused.messages,
                length_ms=refused.length_ms,
            )
        )

    def _begin(self, order: RecordMessage, leg: LegId) -> None:
        id_ = RecordingId(f"{self._fx.call}-m{order.number}")
        one = Message(id_, leg, f"{order.folder or self._folder}/{id_}.wav", order)
        self._all[order.number] = one
        self._fx.media(
            commands.StartMessage(
                leg=leg,
                recording=id_,
                path=one.path,
                silence_ms=order.silence_ms,
                longest_ms=order.longest_ms,
            )
        )

    def _stop(self, one: Message, until_ms: int = 0) -> None:
        if one.state == "recording":
            self._fx.media(commands.StopMessage(one.leg, one.id, until_ms))

    # --- what media tells

    def completed(self, report: RecordingDone) -> MessageMade | None:
        """Take a complete file; returns what the menu is to be told."""
        one = self._of(report.recording)
        if one is None:
            return None
        one.state, one.made = "made", report
        if one.awaited:
            return MessageMade(number=one.order.number, message=one.id, length_ms=report.duration_ms, path=report.path)
        self._settle(one)
        return None

    def failed(self, report: RecordingFailed) -> MessageMade | None:
        """Take that one could not be recorded to its end; returns what the menu is to be told."""
        one = self._of(report.recording)
        return self._lose(one, report.error, report) if one is not None else None

    def lost(self, error: str, leg: LegId | None = None) -> list[MessageMade]:
        """Give up those of `leg`, or (None) all: media has lost them, or never told how they ended."""
        lost = [one for one in self._all.values() if one.state == "recording" and leg in {None, one.leg}]
        return [told for one in lost if (told := self._lose(one, error)) is not None]

    def _of(self, recording: RecordingId) -> Message | None:
        found = (one for one in self._all.values() if one.id == recording and one.state == "recording")
        return next(found, None)

    def _lose(self, one: Message, error: str, report: RecordingFailed | None = None) -> MessageMade | None:
        one.state = "over"
        self._fx.emit(
            events.MessageFailed(
                message=one.id,
                node=one.order.node,
                mailbox=one.order.mailbox,
                path=report.path if report is not None else one.path,
                duration_ms=report.duration_ms if report is not None else 0,
                error=error[:_LONGEST_ERROR],
            )
        )
        if not one.awaited:
            return None
        return MessageMade(number=one.order.number, message=one.id, length_ms=0, path=one.path, error=error)

    # --- the end

    def leave(self) -> None:
        """Go on without the menu: the call is over, or somebody else is in the caller's place."""
        for one in self._all.values():
            one.awaited = False
            one.left = one.state == "recording"
            self._stop(one)
            self._settle(one)

    def restored(self, recordings: list[Restored]) -> None:
        """Tell what is left of them after a restart of the appliance."""
        for one in self._all.values():
            one.awaited = False
            if one.state == "recording":
                found = next((r for r in recordings if r.recording == one.id), None)
                if found is None or found.error:
                    self._lose(one, found.error if found is not None else "nothing of it was left after a restart")
                    continue
                self._tell(one, found)  # nobody is left who could delete it
            elif one.state == "made" and one.made is not None:
                self._tell(one, one.made)

    # --- how one ends

    def _settle(self, one: Message) -> None:
        """Decide on one that is complete and nobody waits for."""
        if one.state != "made" or one.awaited or one.made is None:
            return
        if one.made.duration_ms >= one.order.least_ms:
            self._tell(one, one.made)
        else:
            self._discard(one, "too_short")

    def _discard(self, one: Message, why: Literal["too_short", "again"]) -> None:
        if one.state != "made":
            return
        one.state = "over"
        self._fx.media(commands.DropMessage(one.leg, one.id, one.path))
        self._fx.emit(events.MessageDiscarded(message=one.id, node=one.order.node, mailbox=one.order.mailbox, why=why))

    def _tell(self, one: Message, made: RecordingDone | Restored) -> None:
        one.state = "over"
        facts = {
            "message": one.id,
            "node": one.order.node,
            "leg": one.leg,
            "path": made.path,
            "duration_ms": made.duration_ms,
            "gap_ms": made.gap_ms_left,
            "size_bytes": made.size_bytes,
            "sha256": made.sha256,
            "ended_by": _ended_by(one, made),
            "repaired": isinstance(made, Restored) and made.repaired,
        }
        if one.order.mailbox:
            self._fx.emit(
                events.VoicemailLeft(
                    mailbox=one.order.mailbox,
                    notify=one.order.notify,
                    caller=self._caller,
                    urgent=one.kept is not None and one.kept.urgent,
                    **facts,  # type: ignore[arg-type]
                )
            )
        else:
            self._fx.emit(events.MessageRecorded(**facts))  # type: ignore[arg-type]


def _ended_by(one: Message, made: RecordingDone | Restored) -> MessageEndedBy:
    if isinstance(made, Restored):
        return "restart"
    if made.ended_by == "stopped":
        return "key" if one.by_key else "hang_up" if one.left else "stopped"
    told: dict[MessageEnd | None, MessageEndedBy] = {
        "silence": "silence",
        "length": "length",
        "leg_ended": "hang_up",
    }
    return told.get(made.ended_by, "stopped")
