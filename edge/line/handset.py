"""A line that has sound and no modem: a handset, a headset, a paging amplifier. A call to it is answered at once."""

from edge.core.deadline import Deadline
from edge.core.lines.words import (
    Action,
    Closed,
    Connected,
    Dial,
    Ended,
    HangUp,
    Input,
    Opened,
    SoundOff,
    SoundOn,
    StateChanged,
)


class Handset:
    """Stands where the dialogue with a modem stands elsewhere, and has its words."""

    deadline: Deadline | None = None

    def __init__(self) -> None:
        self._talks = False

    def handle(self, entered: Input, now_ms: int) -> list[Action]:  # noqa: ARG002 - the shape of a core
        """See `edge.core.lines.modem.Modem`."""
        match entered:
            case Opened():
                return [StateChanged("ready", "")]
            case Closed(text):
                return [*self._end("device_lost", 27, text), StateChanged("absent", text)]
            case Dial():
                self._talks = True
                return [SoundOn(), Connected()]
            case HangUp():
                return self._end("normal", 16, "")
            case _:
                return []

    def _end(self, cause: str, q850: int, text: str) -> list[Action]:
        if not self._talks:
            return []
        self._talks = False
        return [SoundOff(), Ended(cause, q850, text)]  # type: ignore[arg-type]
