"""Which sockets a leg has, and who may send to them: connected to its peer, or open while its address is learned."""

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from dsp.plane import layout
from edge.media.facts import next_port, sockaddrs_of
from edge.media.slots import SlotState
from edge.media.sockets import SlotSockets, SocketPair, usable
from edge.vocabulary.media import RemoteMedia


class Push(Protocol):
    """Gives the engine a command for a slot."""

    def __call__(self, kind: int, state: SlotState, *arguments: int) -> None:
        """See `CommandRing.push`."""


class Reach:
    """All slots' sockets. What it does to a socket holds at once; the engine is told by `tell`, before the facts."""

    def __init__(self, sockets: Sequence[SlotSockets], plane: layout.PlaneState, push: Push) -> None:
        self._sockets, self._plane, self._push = sockets, plane, push

    def __len__(self) -> int:
        return len(self._sockets)

    def pair(self, state: SlotState) -> SocketPair:
        """Return the sockets that a leg uses."""
        return self._sockets[state.slot].towards(state.remote)

    def let_go(self, slot: int) -> None:
        """Go back to no peer."""
        self._sockets[slot].disconnect()

    def prepare(self, state: SlotState, before: RemoteMedia | None, remote: RemoteMedia | None) -> SlotState:
        """Prepare the sockets for the peer of `remote`; returns the state with a window when it is to be learned.

        Raises `BadAddressError`.
        """
        sockets = self._sockets[state.slot]
        if remote is None or not usable(remote.rtp):
            sockets.disconnect()
            return state
        if not remote.symmetric:
            rtcp = remote.rtcp if usable(remote.rtcp) else next_port(remote)
            sockets.towards(remote).connect(remote.rtp, rtcp)
            return state
        sockaddrs_of(remote)  # refuses what cannot be sent to before anything is changed
        if before is None or not usable(before.rtp) or sockets.towards(before) is not sockets.towards(remote):
            sockets.towards(remote).open_to_all()
        # Sockets that have a peer are opened by the engine, which judges what comes from then on.
        number = state.last_number + 1
        return replace(state, learning=number, last_number=number)

    def tell(self, state: SlotState, before: RemoteMedia | None) -> None:
        """Have the engine use the sockets of the peer's family, when they are others than before."""
        pair = self.pair(state)
        if self._sockets[state.slot].towards(before) is not pair:
            self._push(layout.CMD_SOCKETS, state, pair.rtp_fd, pair.rtcp_fd)

    def tell_again(self, state: SlotState) -> None:
        """Do that if the engine has others."""
        pair = self.pair(state)
        if int(self._plane.legs["rtp_fd"][state.slot]) != pair.rtp_fd:
            self._push(layout.CMD_SOCKETS, state, pair.rtp_fd, pair.rtcp_fd)

    def tell_learning(self, state: SlotState, remote: RemoteMedia) -> None:
        """Have the engine learn the peer's address; before the facts, which let packets in."""
        if state.learning and int(self._plane.legs["ln_number"][state.slot]) != state.learning and remote.symmetric:
            self._push(layout.CMD_LEARN, state, state.learning, *sockaddrs_of(remote))
