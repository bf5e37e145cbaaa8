"""A device at the bench: the dialogue of its profile on a thread of its own, and its sound as a loop.

It is what a line of the appliance does, without the appliance: the same decisions (`edge.core.lines`), so what passes
here works there.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import numpy as np

from edge.cli.desk_sound import NoDeviceError, Sound
from edge.cli.hw_port import PortError, open_port
from edge.cli.hw_sound import CardLoop, Loop, PortLoop
from edge.core.lines.modem import Modem
from edge.core.lines.profile import DeviceProfile
from edge.core.lines.words import (
    Action,
    Answer,
    Closed,
    Connected,
    Dial,
    Elapsed,
    Ended,
    Fault,
    HangUp,
    Identified,
    Incoming,
    Input,
    Opened,
    PlaySound,
    Received,
    Reopen,
    Rings,
    Signal,
    SoundHeard,
    SoundOn,
    StateChanged,
    Write,
)
from edge.line.pcm import decoded, encoded
from edge.runtime.clock import monotonic_ms
from edge.runtime.devices import Found
from edge.vocabulary.private import Private

A = TypeVar("A")
#: A modem that has not said what it is by then will not.
START_S: Final = 60.0
_WAIT_S: Final = 0.02
#: Sound that is not there by then does not come.
SOUND_S: Final = 20.0
#: What can become of a call that we make or answer, and of its sound.
_ANSWERS: Final[tuple[type[Any], ...]] = (Connected, Ended)
_SOUNDS: Final[tuple[type[Any], ...]] = (SoundOn, Ended)
_OCTETS: Final = 4096


class BenchError(Exception):
    """The device does not do what was asked of it; the text says what it did."""


class Bench:
    """A modem whose port is open. Use as a context manager. Raises `PortError` when it cannot be opened.

    `locate` says where the port is after it was lost (or raises `PortError`): its name may be another then.
    """

    def __init__(self, profile: DeviceProfile, port: str, locate: Callable[[], str] | None = None) -> None:
        self.profile, self.name = profile, port
        self._locate = locate
        self._modem = Modem(profile)
        self._port: Any = open_port(port, profile.serial)
        self._todo: queue.SimpleQueue[Input] = queue.SimpleQueue()
        self._news = threading.Condition()
        #: All that it has said, in order, with the second (monotonic) at which it did.
        self.said: list[tuple[float, Action]] = []
        self._heard = bytearray()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bench", daemon=True)
        self._todo.put(Opened())
        self._thread.start()

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.tell(HangUp())
        time.sleep(0.3)  # what ends the call has to leave
        self._over.set()
        self._thread.join(5)
        if self._port is not None:
            self._port.close()

    # --- what a test does

    def tell(self, event: Input) -> int:
        """Tell the dialogue; gives the place in `said` from which on answers can stand."""
        with self._news:
            place = len(self.said)
        self._todo.put(event)
        return place

    def wait(self, limit_s: float, *kinds: type[A], since: int = 0, fits: Callable[[A], bool] | None = None) -> A:
        """Wait for an action of one of these kinds, after place `since`. Raises `BenchError`."""
        end = time.monotonic() + limit_s
        with self._news:
            at = since
            while True:
                for _, action in self.said[at:]:
                    if isinstance(action, kinds) and (fits is None or fits(action)):
                        return action
                at = len(self.said)
                left = end - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    wanted = " or ".join(kind.__name__ for kind in kinds)
                    raise BenchError(f"no {wanted} within {limit_s:g} s{self._last()}")

    def last(self, kind: type[A]) -> A | None:
        """Give the newest action of a kind."""
        with self._news:
            return next((action for _, action in reversed(self.said) if isinstance(action, kind)), None)

    def seconds_between(self, first: Action, second: Action) -> float:
        """Give the time between two things that were said."""
        with self._news:
            times = {id(action): at for at, action in self.said}
        return times[id(second)] - times[id(first)]

    def after(self, what: Action) -> list[Action]:
        """Give all that was said after something, which is one of `said`."""
        with self._news:
            actions = [action for _, action in self.said]
        place = next(index for index in reversed(range(len(actions))) if actions[index] is what)
        return actions[place + 1 :]

    @property
    def busy(self) -> bool:
        """Whether there is a call, by what was said last of one."""
        with self._news:
            said = [action for _, action in self.said if isinstance(action, (Incoming, Rings, Connected, Ended))]
        return bool(said) and not isinstance(said[-1], Ended)

    def start(self, limit_s: float = START_S) -> Identified | None:
        """Wait until it takes calls; gives who it says it is. Raises `BenchError` with why it does not."""
        try:
            self.wait(limit_s, StateChanged, fits=lambda one: one.state == "ready")
        except BenchError:
            state = self.last(StateChanged)
            why = f"{state.state}: {state.text}" if state is not None else "it has said nothing"
            raise BenchError(f"{self.name}: not ready within {limit_s:g} s; {why}{self._last()}") from None
        return self.last(Identified)

    def call(self, number: str, limit_s: float = 90.0) -> Connected:
        """Call somebody and wait until he answers. Raises `BenchError`."""
        place = self.tell(Dial(Private(number)))
        what: Connected | Ended = self.wait(limit_s, *_ANSWERS, since=place)
        if isinstance(what, Ended):
            raise BenchError(f"the call was not answered: {what.cause} ({what.text})")
        self._have_sound(place)
        return what

    def answer(self, limit_s: float = 30.0) -> Connected:
        """Answer the call that comes in. Raises `BenchError`."""
        place = self.tell(Answer())
        what: Connected | Ended = self.wait(limit_s, *_ANSWERS, since=place)
        if isinstance(what, Ended):
            raise BenchError(f"the call could not be answered: {what.cause} ({what.text})")
        self._have_sound(place)
        return what

    def _have_sound(self, since: int) -> None:
        """Wait until what is said into the call goes there: some give sound a while after the answer."""
        what: SoundOn | Ended = self.wait(SOUND_S, *_SOUNDS, since=since)
        if isinstance(what, Ended):
            raise BenchError(f"the call has ended before it had sound: {what.cause} ({what.text}){self._last()}")

    def hang_up(self, limit_s: float = 20.0) -> Ended:
        """End the call. Raises `BenchError`."""
        return self.wait(limit_s, Ended, since=self.tell(HangUp()))

    @property
    def signal(self) -> Signal | None:
        """The newest report of the network's signal."""
        return self.last(Signal)

    def _last(self) -> str:
        faults = [action.text for _, action in self.said[-200:] if isinstance(action, Fault)]
        return f"; last fault: {faults[-1]}" if faults else ""

    # --- sound within the control stream

    def play(self, data: bytes) -> None:
        """Send sound in the encoding of the profile."""
        self.tell(PlaySound(data))

    def heard(self) -> bytes:
        """Take the sound that has come, waiting for it a little."""
        with self._news:
            if not self._heard:
                self._news.wait(_WAIT_S)
            data = bytes(self._heard)
            self._heard.clear()
        return data

    # --- the thread

    def _run(self) -> None:
        reopen_at: float | None = None
        while not self._over.is_set():
            events: list[Input] = []
            while not self._todo.empty():
                events.append(self._todo.get())
            if self._port is None:
                if reopen_at is not None and time.monotonic() >= reopen_at:
                    reopen_at = None
                    events.append(self._opened())
                else:
                    time.sleep(_WAIT_S)
            else:
                events += self._received()
            deadline = self._modem.deadline
            if deadline is not None and deadline.at_ms <= monotonic_ms():
                events.append(Elapsed())
            for event in events:
                after = self._perform(self._modem.handle(event, monotonic_ms()))
                reopen_at = reopen_at if after is None else time.monotonic() + after

    def _opened(self) -> Input:
        try:
            self._port = open_port(self.name if self._locate is None else self._locate(), self.profile.serial)
        except PortError as error:
            return Closed(str(error))
        return Opened()

    def _received(self) -> list[Input]:
        try:
            # No more than is there: a read waits for all that it is asked for.
            data = self._port.read(min(max(1, self._port.in_waiting), _OCTETS))
        except OSError as error:
            self._close()
            return [Closed(str(error))]
        return [Received(data)] if data else []

    def _close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _perform(self, actions: list[Action]) -> float | None:
        """Do what the dialogue wants; gives the seconds after which the port is to be opened anew."""
        after = None
        for action in actions:
            if isinstance(action, Write):
                self._write(action.data)
            elif isinstance(action, Reopen):
                self._close()
                after = action.after_ms / 1000
        with self._news:
            for action in actions:
                if isinstance(action, SoundHeard):
                    self._heard += action.data
                elif not isinstance(action, (Write, Reopen)):
                    self.said.append((time.monotonic(), action))
            self._news.notify_all()
        return after

    def _write(self, data: bytes) -> None:
        if self._port is None:
            return
        try:
            self._port.write(data)
        except OSError as error:
            self._close()
            self._todo.put(Closed(str(error)))


@contextmanager
def loop_of(
    profile: DeviceProfile | None,
    found: Found,
    bench: Bench | None = None,
    *,
    sound_in: str | None = None,
    sound_out: str | None = None,
) -> Iterator[Loop]:
    """Open the sound of a device. Raises `NoDeviceError`, `PortError`."""
    how = "uac" if profile is None else profile.sound.how
    if profile is not None and how == "serial_pcm":
        if not found.sound_port:
            raise NoDeviceError("its sound is on a second serial port, and none is named (--sound-port)")
        port = open_port(found.sound_port, profile.serial)
        try:
            rate = profile.sound.rate
            yield PortLoop(port.write, lambda: bytes(port.read(max(1, min(port.in_waiting, _OCTETS)))), rate)
        finally:
            port.close()
    elif profile is not None and how == "control":
        if bench is None:
            raise NoDeviceError("its sound is in the dialogue, which is not begun")
        bench.heard()  # what has come since the call began, while nobody listened
        yield _stream_loop(bench, profile.sound.encoding)
    else:
        usual = None if found.card is None else f"({found.card.hardware},"
        with Sound() as sound:
            yield CardLoop(
                sound, sound.choose(sound_in or usual, hears=True), sound.choose(sound_out or usual, hears=False)
            )


def _stream_loop(bench: Bench, encoding: str) -> PortLoop:
    """Have the sound of a control stream as that of a port, in the octets of a line's process."""
    if encoding == "s16le":
        return PortLoop(bench.play, bench.heard)
    return PortLoop(
        lambda data: bench.play(encoded(np.frombuffer(data, "<i2").astype(np.int16), encoding)),
        lambda: decoded(bench.heard(), encoding).astype("<i2").tobytes(),
    )
