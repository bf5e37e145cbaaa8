"""What the parts of a call core write down while they handle one input: commands, events, deadlines."""

from collections.abc import Callable

from edge.core.calls.actions import Action, AskHunt, Emit, FreeSeat, HuntTaken, LineNews, Question, QueueNews, Send
from edge.core.deadline import Deadline
from edge.vocabulary.commands import FrontCommand, MediaCommand, SpanCommand
from edge.vocabulary.events import AnyEvent
from edge.vocabulary.ids import FRONT, CallId, CommandId, Incarnation, LegId, SlotIndex

_NO_SPAN = Incarnation("")


class Effects:
    """Numbers inputs, commands and events of a call, so that a replay makes the same ones."""

    def __init__(self, call: CallId) -> None:
        self.call = call
        self.now_ms = 0
        #: Inputs handled so far.
        self.inputs = 0
        #: Lives of switch that this call was taken up by, after the first.
        self.lives = 0
        #: Events made so far.
        self.callseq = 0
        #: Is told of each event as it is made.
        self.hears: Callable[[AnyEvent], None] | None = None
        self._actions: list[Action] = []
        self._deadlines: dict[str, int] = {}
        #: Commands whose result decides something: kind and leg.
        self._awaited: dict[CommandId, tuple[str, LegId]] = {}
        self._sent = 0

    def begin(self, now_ms: int) -> None:
        """Start the next input."""
        self.now_ms = now_ms
        self.inputs += 1
        self._sent = 0
        self._actions = []

    def take(self) -> list[Action]:
        """Return the actions of this input."""
        return self._actions

    # --- commands and events

    def front(self, body: FrontCommand) -> None:
        """Tell front."""
        self._send("front", _NO_SPAN, body)

    def media(self, body: MediaCommand) -> CommandId:
        """Tell media; returns the command's id."""
        return self._send("media", _NO_SPAN, body)

    def span(self, span: Incarnation, body: SpanCommand) -> CommandId:
        """Tell the span that holds the leg, or front where it plays the span's part; returns the command's id."""
        return self._send("front", _NO_SPAN, body) if span == FRONT else self._send("span", span, body)

    def _send(self, to: str, span: Incarnation, body: FrontCommand | MediaCommand | SpanCommand) -> CommandId:
        self._sent += 1
        # What left early (`commands.LEAVES_EARLY`) may belong to an input that a kill has lost. With switch's life in
        # the id no other command is taken for it: `Resumed` is on disk before a new life sends anything.
        number = f"{self.inputs}r{self.lives}" if self.lives else f"{self.inputs}"
        id_ = CommandId(f"{self.call}:{number}:{self._sent}")
        self._awaited[id_] = (type(body).__name__, body.leg)
        self._actions.append(Send(id_, to, span, body))  # type: ignore[arg-type]
        return id_

    def awaited(self, command: CommandId) -> tuple[str, LegId] | None:
        """Return kind and leg of a command that was not answered before; then forget it."""
        return self._awaited.pop(command, None)

    def emit(self, event: AnyEvent) -> None:
        """Store an event."""
        self.callseq += 1
        self._actions.append(Emit(self.call, self.callseq, event))
        if self.hears is not None:
            self.hears(event)

    def ask(self, question: Question | AskHunt | HuntTaken) -> None:
        """Ask a backend, or the other calls; or tell them."""
        self._actions.append(question)

    def tell_queue(self, news: QueueNews | LineNews) -> None:
        """Tell the queues."""
        self._actions.append(news)

    def free(self, slot: SlotIndex) -> None:
        """Give a media slot back."""
        self._actions.append(FreeSeat(slot))

    # --- deadlines

    def set(self, reason: str, after_ms: int) -> None:
        """Wake the call `after_ms` from now because of `reason`."""
        self._deadlines[reason] = self.now_ms + after_ms

    def clear(self, *reasons: str) -> None:
        """Forget deadlines."""
        for reason in reasons:
            self._deadlines.pop(reason, None)

    def clear_all(self) -> None:
        """Forget all deadlines."""
        self._deadlines.clear()

    def due(self) -> list[str]:
        """Take the reasons whose time has come, the earliest first."""
        due = sorted((at, reason) for reason, at in self._deadlines.items() if at <= self.now_ms)
        for _, reason in due:
            del self._deadlines[reason]
        return [reason for _, reason in due]

    @property
    def deadline(self) -> Deadline | None:
        """The earliest deadline."""
        if not self._deadlines:
            return None
        reason = min(self._deadlines, key=self._deadlines.__getitem__)
        return Deadline(self._deadlines[reason], reason)
