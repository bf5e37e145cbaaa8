"""The sessions of libsrtp that an engine works with: made, put into its table and closed by the controller.

The engine finds a row by its handle, which is written last and cleared first. A row is taken out when no record of a
leg names its handle any more, and its sessions are closed two ticks later, when the pass that may have held them is
over.

A controller that stands by for an engine of another process makes rows ahead (`unheld`, `put`, `drop_changed`), and
when it is its turn brings them up to date (`settle`): making sessions for hundreds of legs takes many ticks.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dsp import libsrtp
from dsp.plane import layout as lo
from dsp.plane import srtp

#: Commands that name new keys follow within this many of `put`: the leg's opening, then its keys.
_COMMANDS_AHEAD = 2


class Keys(NamedTuple):
    """Master keys with salts of both directions, and the name of their suite."""

    suite: str
    #: What we send with, and what the peer sends with.
    local: bytes
    remote: bytes


class _Row(NamedTuple):
    sessions: list[libsrtp.Session]
    #: The engine has taken the commands that name the row when the ring's tail is here.
    named_at: int
    #: What of the leg's record it was made by, see `_bases`.
    basis: bytes
    #: Tick after which its sessions may be closed; -1: it is in use.
    free_from: int = -1


class KeyRing:
    """Rows of `table` (see `srtp`) for the legs of `state`. All methods are the controller's."""

    def __init__(self, state: lo.PlaneState, table: npt.NDArray[np.int64]) -> None:
        self._state, self._table = state, table
        self._rows: dict[tuple[int, int], _Row] = {}

    def holds(self, slot: int, handle: int) -> bool:
        """Whether the engine has sessions for `handle`."""
        return bool((self._table[slot, :, srtp.HANDLE] == handle).any())

    def put(self, slot: int, generation: int, handle: int, keys: Keys) -> bool:
        """Give the engine sessions for `handle` (above 0) before a command names it; False: all rows are taken.

        Keys that the leg's record names already are those of an earlier engine: packets that it has seen count as
        replayed. Raises `KeyError` for an unknown suite, `ValueError` for keys of a wrong length.
        """
        if self.holds(slot, handle):
            return True
        self.sweep()
        row = next((i for i in range(srtp.ROWS) if (slot, i) not in self._rows), None)
        if row is None:
            return False
        facts, leg = libsrtp.SUITES[keys.suite], self._state.legs[slot]
        own = int(leg.generation) == generation
        known = [i for i in range(lo.SRTP_STREAMS) if own and leg.sr_rx_known[i]]
        ssrcs = [int(leg.sr_rx_ssrc[i]) for i in known]
        received = libsrtp.Session(keys.suite, keys.remote, inbound=True)
        kept = libsrtp.Session(keys.suite, keys.remote, inbound=True, ssrcs=ssrcs) if known else None
        sent = libsrtp.Session(keys.suite, keys.local, inbound=False, ssrcs=[int(leg.ssrc)] if own else [])
        words = self._table[slot, row]
        words[:] = 0
        words[srtp.FLOOR : srtp.RTCP_FLOOR + 1] = -1
        words[srtp.RX], words[srtp.TX] = received.pointer, sent.pointer
        words[srtp.KEPT] = kept.pointer if kept is not None else 0
        words[srtp.TAG], words[srtp.AEAD], words[srtp.TX_DUE] = facts.tag_bytes, int(facts.aead), 1
        words[srtp.DUE] = sum(1 << i for i in known)
        if own and handle in _named(leg):
            for i in known:
                words[srtp.FLOOR + i] = leg.sr_rx_index[i]
            words[srtp.RTCP_FLOOR] = leg.sr_rtcp_rx
        sessions = [received, sent] if kept is None else [received, sent, kept]
        named_at = int(self._state.ctl[lo.COMMAND_HEAD]) + _COMMANDS_AHEAD
        self._rows[slot, row] = _Row(sessions, named_at, _bases(self._state.legs[slot : slot + 1])[0].tobytes())
        words[srtp.HANDLE] = handle
        return True

    def unheld(self) -> list[int]:
        """Return the slots of open legs that name a handle without a row."""
        legs = self._state.legs[: int(self._state.ctl[lo.SLOTS_USED])]
        handles, named = self._table[: len(legs), :, srtp.HANDLE], _all_named(legs)
        held = (named == 0) | (named[:, :, None] == handles[:, None, :]).any(axis=2)
        found: list[int] = np.flatnonzero((legs["state"] == lo.LEG_OPEN) & ~held.all(axis=1)).tolist()
        return found

    def drop_changed(self) -> None:
        """Close what was made by records that say something else now. Never beside an engine that uses the table."""
        bases = _bases(self._state.legs[: 1 + max((slot for slot, _ in self._rows), default=-1)])
        for (slot, row), kept in list(self._rows.items()):
            if bases[slot].tobytes() != kept.basis:
                self._table[slot, row, srtp.HANDLE] = 0
                for session in kept.sessions:
                    session.close()
                del self._rows[slot, row]

    def settle(self) -> None:
        """Make rows that were put ahead what `put` would make of them now. Before the engine runs."""
        self.drop_changed()
        legs = self._state.legs[: int(self._state.ctl[lo.SLOTS_USED])]
        rows = self._table[: len(legs)]
        named = (rows[:, :, srtp.HANDLE, None] == _all_named(legs)[:, None, :]).any(axis=2)
        seen = np.where(legs["sr_rx_known"] != 0, legs["sr_rx_index"], -1)
        rows[:, :, srtp.FLOOR : srtp.RTCP_FLOOR] = np.where(named[:, :, None], seen[:, None, :], -1)
        rows[:, :, srtp.RTCP_FLOOR] = np.where(named, legs["sr_rtcp_rx"][:, None], -1)

    def sweep(self) -> None:
        """Take out what no leg uses any more, and close what was taken out two ticks ago."""
        ctl = self._state.ctl
        tick, tail = int(ctl[lo.TICK]), int(ctl[lo.COMMAND_TAIL])
        for (slot, row), kept in list(self._rows.items()):
            if kept.free_from < 0:
                leg = self._state.legs[slot]
                handle = int(self._table[slot, row, srtp.HANDLE])
                if tail >= kept.named_at and not (leg.state == lo.LEG_OPEN and handle in _named(leg)):
                    self._table[slot, row, srtp.HANDLE] = 0
                    self._rows[slot, row] = kept._replace(free_from=tick + 2)
            elif tick >= kept.free_from:
                for session in kept.sessions:
                    session.close()
                del self._rows[slot, row]

    def __len__(self) -> int:
        """Count the sets of keys whose sessions exist."""
        return len(self._rows)


def _bases(legs: Any) -> npt.NDArray[np.int64]:
    """Return what sessions depend on, a row for each leg: the use of its slot, our SSRC, the streams in memory."""
    own = np.stack([legs["generation"], legs["ssrc"]], axis=1)
    return np.concatenate([own, legs["sr_rx_known"], legs["sr_rx_ssrc"]], axis=1).astype(np.int64)


def _all_named(legs: Any) -> npt.NDArray[np.int64]:
    """Return the handles that records name, int64[legs, 3]; 0: none."""
    return np.stack([legs["sr_handle"], legs["sr_previous"], legs["sr_tx_handle"]], axis=1)


def _named(leg: Any) -> set[int]:
    """Return the handles that a leg's record names."""
    return {int(leg.sr_handle), int(leg.sr_previous), int(leg.sr_tx_handle)} - {0}
