"""The engine as Python sees it: commands in, events out, and the thread that runs the loop.

All methods are called from one thread of the media process (the controller), except that the loop runs in its own.
"""

import threading
import time
from collections.abc import Iterable
from queue import SimpleQueue

import numpy as np

from dsp.detectors import speech
from dsp.detectors.progress_tables import InForce, Tables, make_tables
from dsp.jit import drop_old_caches, is_kept
from dsp.plane import layout, loop, source, tick
from dsp.plane.keyring import KeyRing
from dsp.plane.layout import (
    COMMAND_HEAD,
    COMMAND_TAIL,
    COMMAND_WORDS,
    COMMANDS,
    EVENT_HEAD,
    EVENT_TAIL,
    EVENTS,
    PLAY_ITEMS,
    RUN,
    TICK,
    PlaneState,
)
from dsp.plane.scheduling import Service, be_punctual
from dsp.plane.work import make_work

_BOUNDS_US = np.array(layout.TICK_BOUNDS_US, np.int64)

Event = tuple[int, ...]


def pack_digits(digits: str) -> list[int]:
    """Pack ASCII digits as words of `CMD_SEND_DIGITS`. Raises `ValueError` for too many or for non-ASCII text."""
    data = digits.encode("ascii", "strict")
    if len(data) > layout.MAX_DIGITS:
        raise ValueError(f"more than {layout.MAX_DIGITS} digits")
    return [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]


def pack_cname(cname: str) -> list[int]:
    """Pack a CNAME of 16 ASCII characters as words of `CMD_OPEN`. Raises `ValueError` for another length."""
    data = cname.encode("ascii", "strict")
    if len(data) != 16:
        raise ValueError("a CNAME has 16 characters here")
    return [int.from_bytes(data[i : i + 8], "little") for i in (0, 8)]


def pack_limits(
    min_tone_ms: int, min_pause_ms: int, min_level_dbm0: int, max_twist_db: int, max_reverse_db: int
) -> int:
    """Pack the limits of `dtmf.limit` as the word of `CMD_UPDATE_REMOTE`; 0 for those of Q.24."""
    parts = (min_tone_ms, min_pause_ms, -min_level_dbm0, max_twist_db, max_reverse_db)
    if any(not 0 <= part <= 0xFF for part in parts):
        raise ValueError("a limit of tones out of range")
    return sum(part << 8 * at for at, part in enumerate(parts))


def pack_play(
    number: int, times: int, barge_in: bool, items: Iterable[tuple[int, int]], under: int | None = None
) -> list[int]:
    """Give the arguments of `CMD_PLAY` for (offset, length) pairs of the arena; `ValueError` for too many pairs.

    `under`: gain (Q12) of what the leg hears while the play is mixed over it; None: the play replaces it.
    """
    pairs = list(items)
    if len(pairs) > PLAY_ITEMS:
        raise ValueError(f"more than {PLAY_ITEMS} sounds in a play")
    words = [number, times, int(barge_in), len(pairs), *(offset << 32 | length for offset, length in pairs)]
    return words if under is None else [*words, *[0] * (COMMAND_WORDS - 4 - len(words)), under + 1]


class Engine:
    """Drives the loop on a mapped state."""

    def __init__(self, state: PlaneState, tones: Tables | None = None) -> None:
        self.state = state
        tones = tones or make_tables()
        #: The countries whose tones are recognised.
        self.tones = InForce(tones, {tones.id: tones})
        self._work = make_work(len(state.legs), tones)
        #: Sessions of encrypted legs.
        self.keys = KeyRing(state, self._work.srtp)
        self._thread: threading.Thread | None = None

    def push_command(self, kind: int, slot: int, generation: int, *arguments: int) -> bool:
        """Put a command into the ring; False when it is full. Raises `ValueError` for too many arguments."""
        if 3 + len(arguments) > COMMAND_WORDS:
            raise ValueError(f"{len(arguments)} arguments in a command")
        ctl = self.state.ctl
        head = int(ctl[COMMAND_HEAD])
        if head - int(ctl[COMMAND_TAIL]) >= COMMANDS:
            return False
        entry = self.state.commands[head % COMMANDS]
        entry[:] = 0
        for index, value in enumerate((kind, slot, generation, *arguments)):
            entry[index] = value - (1 << 64) if value >= 1 << 63 else value
        ctl[COMMAND_HEAD] = head + 1
        return True

    def drain_events(self) -> list[Event]:
        """Take out all events: (kind, slot, generation, instant ns, six arguments), see `layout.EV_*`."""
        ctl = self.state.ctl
        tail, head = int(ctl[EVENT_TAIL]), int(ctl[EVENT_HEAD])
        out = [tuple(self.state.events[i % EVENTS].tolist()) for i in range(tail, head)]
        ctl[EVENT_TAIL] = head
        return out

    @property
    def ticks(self) -> int:
        """Ticks that have ended since the state was made."""
        return int(self.state.ctl[TICK])

    def take_tones(self, tables: Tables) -> bool:
        """Have these tables for legs that begin to be listened to from now on; those that have begun keep theirs.

        False: there are legs of too many earlier tables, and nothing has changed.
        """
        kits = self._work.tones
        if tables.id not in self.tones.known:
            legs = self.state.legs[: int(self.state.ctl[layout.SLOTS_USED])]
            listened = (legs.state == layout.LEG_OPEN) & (legs.tn_number > 0)
            kept = {self.tones.now.id, *legs.tn_table[listened].tolist()}
            free = next((at for at in range(len(kits)) if int(kits[at].id) not in kept), None)
            if free is None:
                return False
            self.tones.known.pop(int(kits[free].id), None)
            kits[free] = tables.kits[0]  # no leg looks into it, whatever is in there meanwhile
            self.tones.known[tables.id] = tables
        self.tones.now = self.tones.known[tables.id]
        return True

    def _find_tones(self) -> None:
        """Let legs of an earlier engine find their tables here; nobody listens to the others."""
        ids = self._work.tones.id.tolist()
        for slot in range(int(self.state.ctl[layout.SLOTS_USED])):
            leg = self.state.legs[slot]
            if leg.tn_number > 0 and leg.tn_table in ids:
                leg.tn_kit = ids.index(leg.tn_table)
            else:
                leg.tn_kit = leg.tn_table = leg.tn_number = 0

    def take_up(self) -> None:
        """Take over the state of an earlier engine, or begin a new one; once, before `start` or `step`."""
        self._find_tones()
        tick.take_up(self.state, time.monotonic_ns())

    def step(self, now_ns: int) -> None:
        """Run one tick at `now_ns` (above 0), without waiting; for tests and tools, never beside `start`."""
        loop.run(self.state, self._work, _BOUNDS_US, now_ns)

    def start(self, core: int | None = None, *, real_time: bool = True) -> Service:
        """Start the loop's thread, with the best service that is allowed, on `core`; returns what it was granted.

        Without `real_time` its priority is not real-time, whatever is allowed.

        Raises `RuntimeError` if it runs.
        """
        if self._thread is not None:
            raise RuntimeError("the engine runs already")
        self.state.ctl[RUN] = 1
        granted: SimpleQueue[Service] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(core, real_time, granted), name="engine", daemon=True)
        self._thread.start()
        return granted.get()

    def _run(self, core: int | None, real_time: bool, granted: "SimpleQueue[Service]") -> None:
        granted.put(be_punctual(core, real_time=real_time))
        loop.run(self.state, self._work, _BOUNDS_US, 0)

    def stop(self) -> None:
        """End the loop after the present tick and wait for it."""
        self.state.ctl[RUN] = 0
        if self._thread is not None:
            self._thread.join()
            self._thread = None


def is_compiled() -> bool:
    """Whether all kernels are in the cache, so that `compile_all` only loads them."""
    return is_kept(loop.run)  # it holds all others, and is the last to be written


def compile_all() -> None:
    """Compile or load all kernels, so that an engine in a process forked from here starts at once. Starts no thread."""
    engine = Engine(layout.map_state(bytearray(layout.state_bytes(1, 2)), 1, 2))
    engine.take_up()
    source.lost(engine.state.legs[0])  # the controller calls these two, too
    speech.active_level(engine.state.speech[0])
    drop_old_caches()
    loop.run(engine.state, engine._work, _BOUNDS_US, 0)  # noqa: SLF001 - RUN is 0: it returns at once
