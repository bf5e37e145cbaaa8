"""A modem: from the port's opening to calls, state, signal and messages; the dialogue is what its profile says.

`handle` takes an input and gives what is to be done; `deadline` says when `Elapsed` is to come. Numbers, keys and texts
never stand in a text of an action.
"""

import re
from collections.abc import Callable
from typing import Final

from edge.core.deadline import Deadline, earliest
from edge.core.lines.calling import Calling
from edge.core.lines.exchange import Exchange, Job, Reply, job_of
from edge.core.lines.messages import Messages
from edge.core.lines.profile import DeviceProfile
from edge.core.lines.standing import Standing
from edge.core.lines.stream import Code, Line, Overlong, Prompt, Sound, SoundOver, Stream, Token, shield
from edge.core.lines.texts import fields, key, listed_call, whole
from edge.core.lines.unsolicited import CALL_OVER, Patterns
from edge.core.lines.words import (
    Action,
    Answer,
    Closed,
    Dial,
    DigitHeard,
    Elapsed,
    EndCause,
    Fault,
    HangUp,
    Input,
    Opened,
    PlaySound,
    Received,
    Reopen,
    SendDigit,
    SendSms,
    SmsKept,
    SoundHeard,
    Write,
)
from edge.vocabulary.private import Private

#: Questions of the beginning, until one is answered; what may stay unanswered later; pauses before the port is opened
#: anew, one after the other; after a restart was told.
_PROBES: Final = 5
_SILENCES: Final = 2
_BACK_OFF_MS: Final = (1_000, 2_000, 5_000, 10_000, 30_000, 60_000)
_PROBE_MS, _RESTART_MS = 1_500, 500
#: Why a line that is not ready takes no call.
_REFUSALS: Final[dict[str, EndCause]] = {
    "absent": "device_lost",
    "no_sim": "no_sim",
    "pin_needed": "no_sim",
    "no_service": "no_service",
}
#: V.253: codes that mean that the other side has gone: busy tone, dial tone, the loop was broken.
_LINE_GONE: Final = "bdl"


class Modem:
    """One modem of `profile`, which is of kind `modem` or `fxo_modem`."""

    def __init__(self, profile: DeviceProfile) -> None:
        self._profile, self._dialogue = profile, profile.dialogue
        self._timers: dict[str, int] = {}
        self._stream = self._new_stream()
        self._exchange = Exchange(re.compile(one.match, re.ASCII) for one in profile.dialogue.errors)
        self._patterns = Patterns(profile.dialogue)
        self._calling = Calling(profile, self._exchange, self._timers)
        self._messages = Messages(self._exchange)
        self._standing = Standing(profile.dialogue)
        #: Whether the port is open, the initialisation is over, and echo was switched off.
        self._open = self._initialised = self._echo_off = False
        #: The initialisation was broken off for want of a SIM.
        self._incomplete = self._overlong = False
        self._probes = self._silences = self._failures = 0

    @property
    def deadline(self) -> Deadline | None:
        """When `Elapsed` is to come."""
        times = [Deadline(at, name) for name, at in self._timers.items()]
        command = self._exchange.deadline_ms() if self._open else None
        return earliest([*times, Deadline(command, "command") if command is not None else None])

    def handle(self, event: Input, now_ms: int) -> list[Action]:
        """Take an input."""
        out: list[Action] = []
        match event:
            case Received(data):
                for token in self._stream.feed(data) if self._open else ():
                    out += self._token(token, now_ms)
                    out += self._exchange.send(now_ms)
            case Elapsed():
                out += self._elapsed(now_ms)
            case _:
                out += self._told(event, now_ms)
        return out + (self._exchange.send(now_ms) if self._open else [])

    # --- what it is told to do

    def _told(self, event: Input, now_ms: int) -> list[Action]:
        match event:
            case Opened():
                return self._opened(now_ms)
            case Closed(text):
                return self._closed(text, now_ms)
            case Dial(number):
                return self._calling.dial(number, self._refusal(), now_ms)
            case Answer():
                return self._calling.answer(now_ms)
            case HangUp():
                return self._calling.hang_up(now_ms)
            case SendDigit(digit):
                return self._calling.send_digit(digit)
            case SmsKept(place):
                self._messages.kept(place)
                return []
            case SendSms(number, text):
                return self._messages.submit(number, text, ready=self._standing.state == "ready")
            case PlaySound(data):
                return [Write(shield(data))] if self._stream.sound and not self._calling.sound.hushing else []
            case _:
                return []

    def _refusal(self) -> tuple[EndCause, str] | None:
        state = self._standing.state
        return None if state == "ready" else (_REFUSALS.get(state, "failed"), f"the line is not ready: {state}")

    # --- the port, and its beginning

    def _opened(self, now_ms: int) -> list[Action]:
        self._open, self._stream = True, self._new_stream()
        self._silences = 0
        return [*self._standing.to("starting", "the port is open"), *self._begin(now_ms, 0)]

    def _closed(self, text: str, now_ms: int) -> list[Action]:
        out = self._calling.end("device_lost", 27, "the device is gone", now_ms)
        self._forget()
        self._open = False
        return [*out, *self._standing.to("absent", text), self._reopen()]

    def _begin(self, now_ms: int, pause_ms: int) -> list[Action]:
        """Ask until there is an answer, then send what the profile says."""
        self._forget()
        self._probes = 0
        self._exchange.add(self._probe(pause_ms))
        if pause_ms:
            self._timers["begin"] = now_ms + pause_ms
            self._exchange.held = True
        return []

    def _probe(self, pause_ms: int = 0) -> Job:
        return Job(text="AT", purpose="probe", timeout_ms=_PROBE_MS, pause_ms=pause_ms)

    def _forget(self) -> None:
        self._exchange.reset()
        self._timers.clear()
        self._initialised = self._incomplete = self._echo_off = False
        self._messages.forget()

    def _reopen(self) -> Reopen:
        pause = _BACK_OFF_MS[min(self._failures, len(_BACK_OFF_MS) - 1)]
        self._failures += 1
        return Reopen(pause)

    def _fail(self, text: str, now_ms: int) -> list[Action]:
        """Give the dialogue up, and begin anew with the port: closing it hangs up where DTR does (V.250, 6.1.4)."""
        out = self._calling.end("device_lost", 27, "the modem has failed", now_ms)
        self._forget()
        self._open = False
        return [*out, Fault(text), *self._standing.to("failed", text), self._reopen()]

    def _restarted(self, now_ms: int) -> list[Action]:
        out = self._calling.end("device_lost", 27, "the modem has restarted", now_ms)
        out += self._standing.to("starting", "the modem has restarted")
        return out + self._begin(now_ms, _RESTART_MS)

    def _new_stream(self) -> Stream:
        return Stream(shielded=self._dialogue.style == "voice_modem")

    # --- what comes from it

    def _token(self, token: Token, now_ms: int) -> list[Action]:
        match token:
            case Line():
                return self._line(token, now_ms)
            case Prompt():
                return list(self._exchange.prompted())
            case Sound(data):
                return [SoundHeard(data)] if not self._calling.sound.hushing else []
            case SoundOver():
                return self._calling.sound_over(now_ms)
            case Code(code):
                return self._code(code, now_ms)
            case Overlong():
                told, self._overlong = self._overlong, True
                return (
                    [] if told else [Fault("the modem has sent a line that is too long; others like it are not told")]
                )

    def _line(self, line: Line, now_ms: int) -> list[Action]:
        if self._exchange.is_echo(line):
            # Switched off, and there again: nobody but a restart does that.
            return self._restarted(now_ms) if self._echo_off else []
        if self._calling.sound.hushing and line.text in ("OK", "VCON"):
            self._calling.sound.hushed()
            return []
        if self._exchange.is_part(line):
            return []
        reply = self._exchange.answered(line, now_ms)
        meaning = self._patterns.meaning(line.text)
        out: list[Action] = []
        if reply is not None:
            self._silences = 0
            # Why a call is over is said by the line itself, also where it ends the answer to ATD.
            out += self._replied(reply, now_ms) if meaning is None or meaning[0] not in CALL_OVER else []
        if meaning is not None:
            return out + self._report(*meaning, now_ms)
        if reply is None:
            self._exchange.is_free_text(line)
        return out

    def _code(self, code: str, now_ms: int) -> list[Action]:
        if key(code):
            return [DigitHeard(Private(code))] if self._calling.phase == "up" else []
        if code == "R":
            return self._calling.rings(None, now_ms)
        return self._calling.line_gone(now_ms, busy=code == "b") if code in _LINE_GONE else []

    def _report(self, means: str, groups: dict[str, str], now_ms: int) -> list[Action]:
        """Take what the modem says on its own."""
        calling = self._calling
        reports: dict[str, Callable[[], list[Action]]] = {
            "ring": lambda: calling.rings(groups.get("number"), now_ms),
            "caller": lambda: calling.caller(groups["number"], groups.get("validity", "0"), now_ms),
            "waiting": calling.waiting_call,
            "alerting": calling.alerting,
            "connected": lambda: calling.connected(now_ms),
            "ended": lambda: self._ended(groups.get("cause", ""), now_ms),
            "call": lambda: self._listed([groups["line"]], now_ms, complete=False),
            "digit": lambda: self._digit(groups["digit"]),
            "sms_stored": lambda: self._messages.stored(groups["index"]),
            "signal": lambda: self._standing.signal_is(whole(groups["rssi"])),
            "registration": lambda: self._standing.registration_is(whole(groups["status"])),
            "sim_lost": lambda: self._sim_lost(now_ms),
            "sim_ready": lambda: self._sim_ready(now_ms),
            "pin_needed": lambda: self._standing.sim_is("pin_needed"),
            "restarted": lambda: self._restarted(now_ms) if self._initialised else [],
        }
        if means in CALL_OVER:
            cause: EndCause = means  # type: ignore[assignment]
            return calling.over(cause, None, f"the modem reports {means.replace('_', ' ')}", now_ms)
        return reports[means]() if means in reports else []

    def _ended(self, cause: str, now_ms: int) -> list[Action]:
        figure = whole(cause)
        if figure is None or not 0 < figure < 128:
            return self._calling.over_soon(now_ms)
        return self._calling.over("normal", figure, f"the network gives cause {figure}", now_ms)

    def _digit(self, digit: str) -> list[Action]:
        heard = key(digit)
        return [DigitHeard(Private(heard))] if heard and self._calling.phase == "up" else []

    def _listed(self, lines: list[str], now_ms: int, *, complete: bool) -> list[Action]:
        calls = [call for call in map(listed_call, lines) if call is not None]
        return self._calling.listed(calls, now_ms, complete=complete)

    def _sim_lost(self, now_ms: int) -> list[Action]:
        out = self._calling.end("no_sim", 38, "the SIM is gone", now_ms)
        return [*out, *self._standing.sim_is("no_sim")]

    def _sim_ready(self, now_ms: int) -> list[Action]:
        if self._standing.state in ("no_sim", "pin_needed"):
            # What was refused without a SIM is to be said again.
            return [*self._standing.to("starting", "there is a SIM"), *self._begin(now_ms, _RESTART_MS)]
        return []

    # --- answers

    def _replied(self, reply: Reply, now_ms: int) -> list[Action]:
        job = reply.job
        if reply.outcome == "error":
            self._note_error(reply)
        if self._standing.owns(job.purpose):
            if self._incomplete and job.purpose == "ask_sim" and any("READY" in line for line in reply.lines):
                return self._sim_ready(now_ms)
            return self._standing.replied(reply)
        if self._messages.owns(job.purpose):
            return self._messages.replied(reply)
        match job.purpose:
            case "probe":
                return self._probed(reply, now_ms)
            case "init":
                return self._init_replied(reply, now_ms)
            case "ready":
                return self._ready(now_ms)
            case "left" if reply.outcome == "ok":
                return self._calling.left_over([call for call in map(listed_call, reply.lines) if call is not None])
            case "clcc" if reply.outcome == "ok":
                return self._listed([line for line in reply.lines if fields(line)], now_ms, complete=True)
            case _:
                return self._calling.replied(reply, now_ms)

    def _note_error(self, reply: Reply) -> None:
        if reply.job.text == 'AT+CSCS="UCS2"':
            self._messages.unreadable()

    def _probed(self, reply: Reply, now_ms: int) -> list[Action]:
        if reply.outcome == "ok":
            timeout = self._dialogue.timeouts.command_ms
            self._exchange.add(*(job_of(command, "init", timeout) for command in self._dialogue.init))
            self._exchange.add(*self._standing.identity(), *self._standing.questions())
            if self._dialogue.style == "mobile":
                # Neither a closed port nor a lost connection hangs up; the next call would find the line busy.
                self._exchange.add(Job(text="AT+CLCC", purpose="left", optional=True))
            self._exchange.add(Job(text="AT", purpose="ready", timeout_ms=_PROBE_MS))
            return []
        self._probes += 1
        if self._probes < _PROBES:
            self._exchange.add(self._probe())
            # Whoever had the port before may have been killed in a call, and what we say goes into its sound.
            within = reply.outcome == "timeout" and self._profile.sound.how == "control"
            return self._calling.sound.break_off() if within else []
        what = "no answer" if reply.outcome == "timeout" else "errors and no OK"
        return self._fail(f"the modem gives {what} to AT: is this its control port, and its rate right?", now_ms)

    def _init_replied(self, reply: Reply, now_ms: int) -> list[Action]:
        job = reply.job
        if reply.outcome == "ok":
            self._echo_off = self._echo_off or job.text in ("ATE0", "ATZE0", "AT&FE0")
            if job.text == 'AT+CSCS="UCS2"':
                self._messages.readable()
            return []
        if job.optional and reply.outcome == "error":
            return []
        if reply.outcome == "timeout":
            return self._fail(f"no answer to {job.name} of the initialisation", now_ms)
        told = self._standing.refused(reply)
        if told is None:
            return self._fail(f"{job.name} of the initialisation was refused", now_ms)
        # Without a SIM much is refused: the rest is said when there is one.
        self._exchange.reset()
        self._initialised = self._incomplete = True
        self._timers["status"] = now_ms + self._dialogue.status_every_ms
        return told

    def _ready(self, now_ms: int) -> list[Action]:
        self._initialised, self._failures = True, 0
        self._timers["status"] = now_ms + self._dialogue.status_every_ms
        if self._dialogue.sms:
            self._messages.begin()
        return self._standing.settled()

    # --- time

    def _elapsed(self, now_ms: int) -> list[Action]:
        out: list[Action] = []
        given_up = self._exchange.time_up(now_ms)
        if given_up is not None:
            out += self._timed_out(given_up, now_ms)
        for name in [name for name, at in self._timers.items() if now_ms >= at]:
            if name in self._timers:
                del self._timers[name]
                out += self._timer(name, now_ms)
        return out

    def _timer(self, name: str, now_ms: int) -> list[Action]:
        if name == "begin":
            self._exchange.held = False
            return []
        if name == "call_limit" and self._calling.phase == "leaving":
            return self._fail("the modem does not hang up", now_ms)
        if name == "call_hush":
            self._stream.sound = False
        if name != "status":
            return self._calling.elapsed(name, now_ms)
        self._timers["status"] = now_ms + self._dialogue.status_every_ms
        # Within the sound of a voice modem a command would be sound, too.
        if self._exchange.idle and not self._stream.sound:
            questions = self._standing.questions()
            self._exchange.add(*(questions or [Job(text="AT", purpose="alive")]))
        return []

    def _timed_out(self, reply: Reply, now_ms: int) -> list[Action]:
        purpose = reply.job.purpose
        if purpose in ("probe", "init", "ready"):
            return self._replied(reply, now_ms)
        if purpose == "dial" and self._calling.phase == "leaving":
            return []
        self._silences += 1
        told: list[Action] = [Fault(f"no answer to {reply.job.name}")]
        if self._silences >= _SILENCES:
            return told + self._fail("the modem does not answer any more", now_ms)
        return told + self._replied(reply, now_ms)
