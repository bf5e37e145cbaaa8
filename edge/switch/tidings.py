"""Who hears of it when something is on disk: senders of reports, forwarders, and the dialer."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.vocabulary.commands import Command, Wake
from edge.vocabulary.ids import CommandId, Incarnation

if TYPE_CHECKING:
    from edge.runtime.link import LinkServer
    from edge.storage.turn import Turn
    from edge.switch.attempts import Attempts

#: How long acknowledgements wait. They only free memory in the senders, and each wakes one while a call is set up.
ACKNOWLEDGE_MS = 50


class Tidings:
    """Tells it; `later` calls something after milliseconds. Without a `server` there is nobody to tell yet."""

    def __init__(self, later: Callable[[int, Callable[[], None]], None]) -> None:
        self._later = later
        self.server: LinkServer | None = None
        #: Number of the last report of each that is on disk, by process and incarnation.
        self.senders: dict[tuple[str, str], int] = {}
        #: Senders whose reports are on disk, and who have not been told so yet.
        self._unacknowledged: set[tuple[str, str]] = set()
        #: The newest event on disk that forwarders have not been told of; 0: none.
        self._unforwarded = 0

    def committed(self, turn: "Turn", last_event: int) -> None:
        """Take note of what is on disk. `last_event`: number of the newest event; 0: there is no new one."""
        self.senders.update(turn.senders)
        if turn.senders and not self._unacknowledged:
            self._later(ACKNOWLEDGE_MS, self._acknowledge)
        self._unacknowledged.update(turn.senders)
        self._unforwarded = last_event or self._unforwarded

    def _acknowledge(self) -> None:
        """Tell senders what is on disk. Who is away learns it from `Welcome`."""
        senders, self._unacknowledged = self._unacknowledged, set()
        for process, incarnation in senders:
            peer = self.server.peer(process, Incarnation(incarnation)) if self.server is not None else None
            if peer is not None:
                peer.acknowledge(self.senders[process, incarnation])

    def wake_forwarders(self) -> None:
        """Tell forwarders that there are new events."""
        event, self._unforwarded = self._unforwarded, 0
        if event and self.server is not None:
            for forwarder in self.server.peers("forwarder"):
                forwarder.send(Command(CommandId(f"wake:{event}:0"), Wake(event)))

    def tell_dialer(self, attempts: "Attempts") -> None:
        """Tell what became of attempts. While the dialer is away nothing is kept for it: it asks when it comes."""
        if self.server is None:
            return
        news = attempts.take_news()
        peer = self.server.peer("dialer", Incarnation(attempts.dialer)) if news else None
        if peer is not None:
            for told in news:
                peer.send(Command(CommandId("told:0:0"), told))
