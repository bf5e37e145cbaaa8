"""A line's device: found, opened, lost and opened again; the dialogue with it, and its sound."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from edge.config.trunk_settings import Line
from edge.core.lines import words
from edge.core.lines.modem import Modem
from edge.core.lines.profile import DeviceProfile
from edge.core.lines.words import Action, Closed, Elapsed, Input, LineState, Opened, PlaySound, Received
from edge.line.beside import Beside
from edge.line.cards import NoDeviceError
from edge.line.handset import Handset
from edge.line.port import Port, PortError
from edge.line.rtp import Samples
from edge.line.sound import Card, Pair, Stream
from edge.runtime.clock import monotonic_ms
from edge.runtime.devices import Filters, Found, NotFound, find, look
from edge.runtime.logs import logger

#: How often a device that is absent is looked for, and the sound of one that is there is looked at.
LOOK_S = 0.5
#: So many gaps within so long are no accident: the device, its bus or this machine does not keep up.
STORM, STORM_S = 5, 10.0
#: A sound device that did not open is tried again after this.
_SOUND_AGAIN_S = 2.0
#: A sound library that is called for longer does not return any more, or keeps a lock: another process may.
STUCK_S = 20.0

#: What comes of opening.
Made = Card | Stream | Port | NoDeviceError | PortError


class LineDevice:
    """One device over all its comings and goings."""

    def __init__(self, line: Line, told: Callable[[Action], None], fault: Callable[[str, str], None]) -> None:
        self.line = line
        self.profile = msgspec.convert(line.device, DeviceProfile)
        self._told, self._fault = told, fault
        self._log = logger(f"line-{line.name}")
        self._core: Modem | Handset = Handset() if self.profile.kind == "sound_card" else Modem(self.profile)
        self._waiting: deque[Input] = deque()
        #: What opens and closes the port for commands, and the sound.
        self._at_port, self._at_sound = Beside(), Beside()
        self._over = False
        self._port: Port | None = None
        self._sound_port: Port | None = None
        self._sound: Card | Stream | None = None
        #: Counts how often it was closed: what was begun before is of no use.
        self._sound_closed = 0
        self._found: Found | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._reopen_ms = 0
        self._sound_ms = 0
        #: What the dialogue says, and what is wrong with the sound or with who it is.
        self._state: LineState = "absent"
        self._text = "it was not looked for yet"
        self._sound_trouble = "its sound was not opened yet" if self.profile.sound.how != "none" else ""
        #: It was tried to open the sound since the port is open, and did not succeed.
        self._sound_failed = False
        self._mistaken = ""
        self.state: LineState = "absent"
        self.text = self._text
        self.on_state: Callable[[], None] = lambda: None
        #: Times that the sound was opened.
        self.opened = 0
        #: How often stores were empty or too full before the present ones: (inward, outward) each.
        self._past = [0, 0, 0, 0]
        #: When the call that is up was answered.
        self._up_s: float | None = None
        #: Gaps of the sound by now, each time that it was looked at.
        self._gaps: deque[tuple[float, int]] = deque()
        #: What is wrong with the sound of a line that is ready; empty: nothing.
        self.disturbed = ""
        self.on_disturbed: Callable[[int], None] = lambda _gaps: None

    # --- what others ask

    @property
    def rate(self) -> int:
        """Samples a second of its calls."""
        return 16000 if self.profile.sound.rate >= 16000 else 8000

    @property
    def ready(self) -> bool:
        """Whether it takes calls."""
        return self.state == "ready"

    @property
    def trouble(self) -> str:
        """Why it takes none, for people; empty: it does."""
        return "" if self.ready else f"{self.state.replace('_', ' ')}: {self.text or self.state}"

    @property
    def audio(self) -> "LineDevice":
        """Its sound, whichever is open at the moment."""
        return self

    @property
    def pair(self) -> Pair | None:
        """The stores of its sound; None: it is not open."""
        return self._sound.pair if self._sound is not None else None

    @property
    def loud_s(self) -> float:
        """For how long the device was loud in all, as long as its present sound is open."""
        pair = self.pair
        return pair.meters[0].loud_s if pair is not None else 0.0

    def runs(self) -> list[int]:
        """Count underruns inward and outward, overruns inward and outward, since the process began."""
        pair = self.pair
        now = (
            [pair.inward.underruns, pair.outward.underruns, pair.inward.overruns, pair.outward.overruns] if pair else []
        )
        return [before + more for before, more in zip(self._past, now or [0] * 4, strict=True)]

    def hear(self, samples: Samples, now_s: float) -> None:
        """See `edge.line.rtp.Audio`."""
        pair = self.pair
        if pair is not None:
            pair.hear(samples, now_s)

    def speak(self, count: int, now_s: float) -> Samples:
        """See `edge.line.rtp.Audio`."""
        pair = self.pair
        return pair.speak(count, now_s) if pair is not None else np.zeros(count, np.int16)

    # --- life

    def start(self) -> None:
        """Look for it, and never end."""
        self._tick()

    def close(self) -> None:
        """Begin to give it back; nothing is told any more."""
        self._over = True
        for timer in (self._timer, self._look):
            if timer is not None:
                timer.cancel()
        self._close_port()
        self._close_sound()

    async def closed(self, limit_s: float = STUCK_S) -> bool:
        """Wait after `close` until a successor may have it; False when a library or a driver does not return."""
        return all(await asyncio.gather(self._at_port.rest(limit_s), self._at_sound.rest(limit_s)))

    def feed(self, entered: Input) -> None:
        """Put something into the dialogue, and do what it decides: one input after the other."""
        self._waiting.append(entered)
        if len(self._waiting) > 1:
            return  # what is done below has led to it
        while self._waiting:
            for action in self._core.handle(self._waiting[0], monotonic_ms()):
                self._perform(action)
            self._waiting.popleft()
        self._rearm()

    def _perform(self, action: Action) -> None:
        match action:
            case words.Write(data):
                if self._port is not None:
                    self._port.write(data)
            case words.Reopen(after_ms):
                self._close_port()
                self._reopen_ms = monotonic_ms() + after_ms
            case words.StateChanged(state, text):
                self._state, self._text = state, text
                self._settle()
            case words.SoundHeard(data):
                self._sound_received(data)
            case words.Connected():
                self._up_s = time.monotonic()
                self._told(action)
            case words.Ended():
                self._up_s = None
                self._told(action)
            case words.Identified(imei=imei):
                own = f"its IMEI is {imei}" if imei else "it does not tell its IMEI"
                wanted = self.line.imei
                self._mistaken = f"{own}, the line is for {wanted}" if wanted and imei != wanted else ""
                self._told(action)
                self._settle()
            case _:
                self._told(action)

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._core.deadline
        if deadline is not None:
            pause_s = max(0.0, (deadline.at_ms - monotonic_ms()) / 1000)
            self._timer = asyncio.get_running_loop().call_later(pause_s, self.feed, Elapsed())

    def _settle(self) -> None:
        """Make one state of what dialogue, sound and identity say."""
        state, text = self._state, self._text
        if state == "ready" and self._mistaken:
            state, text = "failed", self._mistaken
        elif state == "ready" and self._sound_trouble:
            state, text = "absent" if self._sound_failed else "starting", self._sound_trouble
        if (state, text) != (self.state, self.text):
            self.state, self.text = state, text
            self.on_state()

    # --- looking, again and again

    def _tick(self) -> None:
        self._look = asyncio.get_running_loop().call_later(LOOK_S, self._tick)
        now_ms = monotonic_ms()
        lacks = self._found is None or (self._port is None and self._needs_port)
        if lacks and not self._at_port.busy_for_s and now_ms >= self._reopen_ms:
            self._find()
        if self._found is not None and self.profile.sound.how != "none":
            self._watch_sound(now_ms)

    @property
    def _needs_port(self) -> bool:
        return self.profile.kind != "sound_card"

    def _find(self) -> None:
        line = self.line
        if not self._needs_port and (line.sound_in or line.sound_out):
            found: Found | NotFound = Found()
        else:
            filters = Filters(port=line.port, usb_path=line.usb_path, serial_number=line.serial_number)
            found = find(self.profile, filters, look())
        if isinstance(found, NotFound):
            self._absent(found.text)
        elif self._needs_port:
            at, serial = found, self.profile.serial
            self._at_port.do(
                lambda: _opened(Port, at.control, serial, self._received, self._lost),
                lambda port: self._port_opened(at, port),
            )
        else:
            self._is_there(found)

    def _port_opened(self, found: Found, port: Port | PortError) -> None:
        if isinstance(port, PortError):
            if not self._over:
                self._absent(str(port))
        elif self._over:
            self._at_port.do(port.close)
        else:
            self._port = port
            self._sound_failed = False
            port.begin()
            self._is_there(found)

    def _is_there(self, found: Found) -> None:
        self._found = found
        self._mistaken = ""
        self._sound_ms = 0
        if self.profile.sound.how != "none":
            self._watch_sound(monotonic_ms())
        self.feed(Opened())

    def _absent(self, text: str) -> None:
        if (self._state, self._text) != ("absent", text):
            self.feed(Closed(text))
            self._state, self._text = "absent", text
            self._settle()

    def _received(self, data: bytes) -> None:
        self.feed(Received(data))

    def _lost(self, text: str) -> None:
        self._fault("port", text)
        self._close_port()
        self._close_sound()
        self.feed(Closed(text))
        self._state, self._text = "absent", text
        self._settle()

    def _close_port(self) -> None:
        if self._port is not None:
            self._port.let_go()
            self._at_port.do(self._port.close)
            self._port = None
        self._found = None if self._needs_port else self._found

    # --- sound

    def _watch_sound(self, now_ms: int) -> None:
        if self._sound is None:
            if self._at_sound.busy_for_s > STUCK_S and self.profile.sound.how == "uac":
                self._log.error("the sound library does not return; the process ends")
                raise SystemExit(75)
            if not self._at_sound.busy_for_s and now_ms >= self._sound_ms:
                self._open_sound()
            return
        now_s = time.monotonic()
        in_call_for_s = now_s - self._up_s if self._up_s is not None else 0.0
        trouble = self._sound.trouble(in_call_for_s=in_call_for_s, always=self.profile.kind == "sound_card")
        if trouble:
            self._sound_lost(trouble)
        else:
            self._count_gaps(now_s)

    def _count_gaps(self, now_s: float) -> None:
        """Tell when the sound breaks again and again, and when it does not any more."""
        self._gaps.append((now_s, sum(self.runs())))
        while now_s - self._gaps[0][0] > STORM_S:
            self._gaps.popleft()
        gaps = self._gaps[-1][1] - self._gaps[0][1]
        if gaps >= STORM and not self.disturbed:
            self.disturbed = f"its sound broke {gaps} times within {STORM_S:g} s"
            self._fault("sound", self.disturbed)
            self.on_disturbed(gaps)
        elif self.disturbed and gaps == 0:
            self.disturbed = ""
            self.on_disturbed(0)

    def _sound_lost(self, text: str) -> None:
        self._fault("sound", text)
        self._sound_trouble, self._sound_failed = text, True
        self._close_sound()
        self._sound_ms = monotonic_ms() + int(1000 * _SOUND_AGAIN_S)
        if not self._needs_port:
            self._found = None
            self.feed(Closed(text))
            self._state, self._text = "absent", text
        self._settle()

    def _open_sound(self) -> None:
        closed = self._sound_closed
        self._at_sound.do(self._sound_maker(), lambda made: self._sound_made(closed, made))

    def _sound_maker(self) -> Callable[[], Made]:
        """Settle what is to be opened; what this returns opens it, on any thread."""
        sound, line, found = self.profile.sound, self.line, self._found
        if sound.how == "uac":
            card = found.card.hardware if found is not None and found.card is not None else ""
            names = line.sound_in or card, line.sound_out or card
            if not any(names) and self.profile.find.usb:
                return lambda: NoDeviceError("the device has no sound card")
            one_way = self.profile.kind == "sound_card" and any((line.sound_in, line.sound_out)) and not card
            if one_way:
                names = names[0] or "none", names[1] or "none"
            return lambda: _opened(Card, self.rate, names, self._gains_db)
        if sound.how == "serial_pcm":
            port = line.sound_port or (found.sound_port if found is not None else "")
            if not port:
                return lambda: NoDeviceError("it has no port for sound: set sound_port")
            return lambda: _opened(Port, port, self.profile.serial, self._sound_received, self._sound_lost)
        return self._stream

    @property
    def _gains_db(self) -> tuple[float, float]:
        sound, line = self.profile.sound, self.line
        return float(sound.gain_in_db + line.gain_in_db), float(sound.gain_out_db + line.gain_out_db)

    def _stream(self) -> Stream:
        sound = self.profile.sound
        play = self._write_sound if sound.how == "serial_pcm" else self._play_in_control
        return Stream(self.rate, sound.rate, sound.encoding, self._gains_db, play)

    def _sound_made(self, closed: int, made: Made) -> None:
        if closed != self._sound_closed:
            if isinstance(made, Card | Port):
                self._at_sound.do(made.close)
            return
        if isinstance(made, NoDeviceError | PortError):
            self._sound_ms = monotonic_ms() + int(1000 * _SOUND_AGAIN_S)
            self._sound_trouble = f"no sound: {made}"
            self._sound_failed = True
        else:
            if isinstance(made, Port):
                self._sound_port, made = made, self._stream()
                self._sound_port.begin()
            self._sound = made
            made.pair.brought_s = made.pair.took_s = time.monotonic()  # to open it may have taken longer than that
            self.opened += 1
            self._sound_trouble = ""
        self._settle()

    def _sound_received(self, data: bytes) -> None:
        if isinstance(self._sound, Stream):
            self._sound.received(data)

    def _write_sound(self, data: bytes) -> None:
        if self._sound_port is not None:
            self._sound_port.write_sound(data)

    def _play_in_control(self, data: bytes) -> None:
        self.feed(PlaySound(data))

    def _close_sound(self) -> None:
        self._past = self.runs()
        self._sound_closed += 1
        sound, self._sound = self._sound, None
        port, self._sound_port = self._sound_port, None
        if isinstance(sound, Card):
            self._at_sound.do(sound.close)
        if port is not None:
            port.let_go()
            self._at_sound.do(port.close)
        if self.profile.sound.how != "none" and not self._sound_trouble:
            self._sound_trouble = "its sound is not open"


def _opened(make: Callable[..., Made], *of: Any) -> Made:
    try:
        return make(*of)
    except (NoDeviceError, PortError) as error:
        return error
