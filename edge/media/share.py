"""An engine's share of the appliance: its slots, their sockets and its memory, counted from 0 inside the process.

Switch speaks of slots by the appliance's own numbers; they are translated here, at the edge of the process.
"""

from collections.abc import Callable

from msgspec.structs import replace

from edge.config.engines import share_of, slots_of
from edge.config.site import Site
from edge.media.sockets import SlotSockets, SocketPair
from edge.runtime.process import ProcessContext
from edge.vocabulary.commands import AnyCommand, OpenLeg
from edge.vocabulary.ids import CommandId, LegId, SlotIndex
from edge.vocabulary.reports import MediaSnapshot


class Share:
    """What belongs to engine `context.index`."""

    def __init__(self, context: ProcessContext) -> None:
        self.index = context.index
        self._slots = slots_of(context.site.media, context.index)
        #: The site with this share as if it were all.
        self.site: Site = share_of(context.site, context.index)
        self.memory_fd = context.fds["media_state"][context.index]
        first, six = (self._pairs(context.fds.get(name, [])) for name in ("rtp", "rtp6"))
        self.sockets = [SlotSockets(*pairs) for pairs in (zip(first, six, strict=True) if six else zip(first))]

    def _pairs(self, fds: list[int]) -> list[SocketPair]:
        own = fds[2 * self._slots.start : 2 * self._slots.stop]
        return [SocketPair(*pair) for pair in zip(own[::2], own[1::2], strict=True)]

    def inbound(self, handle: Callable[[CommandId, AnyCommand], None]) -> Callable[[CommandId, AnyCommand], None]:
        """Return `handle` for commands as switch sends them."""

        def translated(id_: CommandId, command: AnyCommand) -> None:
            if isinstance(command, OpenLeg):
                command = replace(command, slot=SlotIndex(command.slot - self._slots.start))
            handle(id_, command)

        return translated

    def outbound(self, snapshot: Callable[[], MediaSnapshot]) -> Callable[[], MediaSnapshot]:
        """Return `snapshot` as switch reads it."""

        def translated() -> MediaSnapshot:
            own = snapshot()
            legs: dict[LegId, SlotIndex] = {leg: SlotIndex(slot + self._slots.start) for leg, slot in own.legs.items()}
            return replace(own, legs=legs)

        return translated
