"""The call of a modem: one at a time, in either direction, from what the modem reports and what it is asked for."""

from collections.abc import Callable
from typing import Final, Literal

from edge.core.lines.exchange import Exchange, Job, Reply, job_of
from edge.core.lines.profile import DeviceProfile
from edge.core.lines.sounding import Sounding
from edge.core.lines.texts import Listed, dialable, key
from edge.core.lines.words import (
    Q850,
    Action,
    CallerKnown,
    Connected,
    DialRefused,
    EndCause,
    Ended,
    Fault,
    Incoming,
    Rings,
    SoundOff,
    Write,
)
from edge.vocabulary.private import Private

#: `ending`: the modem has said that it is over, and may say in the next line why.
Phase = Literal["none", "dialling", "alerting", "incoming", "answering", "up", "leaving", "ending"]

#: Causes of Q.850 that mean more than that it is over.
_CAUSES: Final[dict[int, EndCause]] = {
    16: "normal", 17: "busy", 18: "no_answer", 19: "no_answer", 21: "rejected",
    34: "no_service", 38: "no_service", 41: "failed", 42: "no_service", 47: "no_service",
}  # fmt: skip
#: How long +CLIP may follow on RING; to say more after ^CEND; +CLCC may know
#: nothing of a new call; RING of a call that is over may still come; nothing is sent before it rings;
#: a busy tone after dialling is one of the called one.
CLIP_MS, WHY_MS, NEW_MS, DEAF_MS, QUIET_MS, BUSY_MS = 400, 300, 4_000, 2_000, 15_000, 20_000
_OF_CALL: Final = ("dial", "answer", "digit", "clcc", "sound_on", "busy")


class Calling:
    """At most one call. `timers` (name -> when) is the modem's; names of this part begin with `call_`."""

    def __init__(self, profile: DeviceProfile, exchange: Exchange, timers: dict[str, int]) -> None:
        self._profile, self._dialogue = profile, profile.dialogue
        self._exchange, self._timers = exchange, timers
        self.sound = Sounding(profile, exchange, timers)
        self.phase: Phase = "none"
        self._told_incoming = self._outgoing = self._answered = self._alerted = False
        self._caller: Private | None = None
        self._withheld = False
        self._missing = self._rung = 0
        self._begun_ms = self._deaf_until_ms = self._rested_ms = 0
        #: A call was told to go and cannot be refused: it rings until its caller gives up.
        self._rings_on = False
        self._hang_ups: list[str] = []
        self._over: tuple[EndCause, int, str] = ("normal", 16, "")

    # --- what it is told to do

    def dial(self, number: Private, refusal: tuple[EndCause, str] | None, now_ms: int) -> list[Action]:
        """Begin a call; `refusal` says why the line takes none."""
        if self.phase != "none":
            return [DialRefused()]
        if refusal is not None:
            return [Ended(refusal[0], Q850[refusal[0]], refusal[1])]
        allowed = dialable(number.reveal(), self._profile.limits.digits)
        if not allowed:
            # Q.850: invalid number format.
            return [Ended("failed", 28, "this is no number that may be dialled")]
        self._begin("dialling", now_ms, outgoing=True)
        timeout = self._dialogue.timeouts.dial_ms
        self._timers["call_limit"] = now_ms + timeout
        text = self._dialogue.dial.format(number=allowed)
        self._exchange.drop("status")
        self._exchange.add(Job(text=text, purpose="dial", timeout_ms=timeout, at_ms=self._rested_ms))
        return []

    def answer(self, now_ms: int) -> list[Action]:
        """Answer the call that comes in."""
        if self.phase != "incoming":
            return []
        self.phase = "answering"
        self._drop_timers()
        timeout = self._dialogue.timeouts.answer_ms
        self._timers["call_limit"] = now_ms + timeout
        self._poll(now_ms)
        self._exchange.add_first(Job(text=self._dialogue.answer, purpose="answer", timeout_ms=timeout))
        return []

    def hang_up(self, now_ms: int, cause: EndCause = "normal", text: str = "we have hung up") -> list[Action]:
        """End the call; `Ended` comes when the modem has done so."""
        if self.phase in ("none", "leaving", "ending"):
            return []
        refused = self.phase == "incoming"
        self._over = (cause, Q850[cause], text)
        unsent = self._undialled()
        sent = not unsent and self._exchange.waiting("dial")
        quiet_ms = self._timers.get("call_quiet")
        self._exchange.drop(*_OF_CALL)
        self._exchange.held = False
        self._drop_timers()
        if unsent:
            return self.end(cause, Q850[cause], text, now_ms)
        if refused and self._dialogue.style == "voice_modem":
            self._rings_on, self._deaf_until_ms = True, now_ms + self._dialogue.timeouts.ring_ms
            return self.end(cause, Q850[cause], text, now_ms)
        self.phase = "leaving"
        self._hang_ups = list(self._dialogue.hang_up)
        self._timers["call_limit"] = now_ms + self._dialogue.timeouts.hang_up_ms
        out: list[Action] = []
        if quiet_ms is not None:
            # Nor is it hung up before it rings; the time for that begins when it may be.
            self._exchange.held, self._timers["call_quiet"] = True, quiet_ms
            self._timers["call_limit"] += quiet_ms - now_ms
        if sent and self._dialogue.quiet_until_alerting:
            self._timers["call_limit"] += QUIET_MS
        elif sent:
            # Any character ends the dialling (V.250, 5.6.1); what ATD then answers may never come.
            out.append(Write(b"\r"))
            self._exchange.due_ms = min(self._exchange.due_ms, now_ms + 1_000)
        self._hang_up_next()
        return [*out, *self.sound.end(now_ms)]

    def send_digit(self, digit: Private) -> list[Action]:
        """Have the network send a key."""
        wanted = key(digit.reveal())
        if not self._dialogue.digit or not wanted:
            return [Fault("the modem cannot send this key" if wanted else "what was to be sent is no key")]
        if self.phase != "up":
            return [Fault("a key was to be sent, and no call is up")]
        text = self._dialogue.digit.format(digit=wanted)
        self._exchange.add(Job(text=text, purpose="digit", pause_ms=self._dialogue.digit_pause_ms))
        return []

    # --- what the modem reports

    def rings(self, number: str | None, now_ms: int) -> list[Action]:
        """RING, once for each time it rings."""
        if self.phase == "none":
            if now_ms < self._deaf_until_ms:
                # Only what rings on makes it longer: the next call may come at once, and ring as often as it likes.
                if self._rings_on:
                    self._deaf_until_ms = now_ms + self._dialogue.timeouts.ring_ms
                return []
            if self._profile.limits.calls == 0:
                return []
            self._begin("incoming", now_ms, outgoing=False)
            voice = self._dialogue.style == "voice_modem"
            # An exchange says who calls between the first ring and the second (V.253, +VCID).
            self._timers["call_caller"] = now_ms + (self._dialogue.timeouts.ring_ms // 2 if voice else CLIP_MS)
        elif self.phase != "incoming":
            return []
        self._rung += 1
        self._timers["call_rings"] = now_ms + self._dialogue.timeouts.ring_ms
        if number:
            return self.caller(number, "0", now_ms)
        return self._tell_incoming() if self._rung > 1 else []

    def caller(self, number: str, validity: str, now_ms: int) -> list[Action]:
        """+CLIP, or the lines of +VCID: P is withheld, O not known (V.253)."""
        if self.phase == "none":
            if self._rings_on or self._dialogue.style == "voice_modem":
                # Said once, at the begin of a call, so this is another: nobody says it again with the next ring.
                self._deaf_until_ms = now_ms
            self.rings(None, now_ms)
            self._rung = 0
        if self.phase != "incoming" or self._caller is not None:
            return []
        plain = number.strip()
        self._withheld = validity == "1" or plain == "P"
        if plain not in ("", "P", "O"):
            self._caller = Private(plain)
        if self._told_incoming:
            return [CallerKnown(self._caller)] if self._caller is not None else []
        return self._tell_incoming()

    def sound_over(self, now_ms: int) -> list[Action]:
        """Take that sound within the control stream has ended: by itself, when the line has dropped (V.253)."""
        if not self.sound.dropped():
            return []
        return [SoundOff(), *self.hang_up(now_ms, "normal", "the line has dropped")]

    def left_over(self, calls: list[Listed]) -> list[Action]:
        """Hang up what a former dialogue has left on the modem; a call that rings goes on to ring."""
        if self.phase != "none" or all(call.state >= 4 for call in calls):
            return []
        self._hang_ups = list(self._dialogue.hang_up)
        self._hang_up_left()
        return [Fault("the modem was in a call of nobody's; it is hung up")]

    def _hang_up_left(self) -> None:
        if self._hang_ups:
            self._exchange.add_first(Job(text=self._hang_ups.pop(0), purpose="hang_up_left", optional=True))

    def waiting_call(self) -> list[Action]:
        """Refuse a second call, which comes in during one: busy to its caller (TS 22.030, 6.5.5.1: 0 SEND)."""
        if self.phase == "none" or self._dialogue.style != "mobile" or self._exchange.waiting("busy"):
            return []
        self._exchange.add(Job(text="AT+CHLD=0", purpose="busy", optional=True))
        return [Fault("a second call has come in and was refused")]

    def alerting(self) -> list[Action]:
        """Take that it rings there."""
        self._may_speak()
        if self.phase != "dialling" or self._alerted:
            return []
        self.phase, self._alerted = "alerting", True
        return [Rings()]

    def connected(self, now_ms: int) -> list[Action]:
        """Take that it was answered, by them or by us."""
        self._may_speak()
        if self.phase not in ("dialling", "alerting", "answering", "incoming"):
            return []
        if self.phase == "incoming":
            # Somebody has answered at the device itself; it is nobody's call here.
            return self.hang_up(now_ms, "failed", "the modem has answered by itself")
        self.phase, self._answered = "up", True
        self._timers.pop("call_limit", None)
        begins = not self._outgoing or self._dialogue.sound_at == "connected"
        return [Connected(), *(self.sound.begin() if begins else ())]

    def over(self, cause: EndCause, q850: int | None, text: str, now_ms: int) -> list[Action]:
        """Take that the call is over."""
        if self.phase == "none" or self._undialled():
            # Some say in two lines that a call is over, and what is yet to be dialled cannot be.
            return []
        if self.phase == "leaving":
            cause, q850, text = self._over
        elif self.phase == "ending" and (cause != "no_carrier" or q850 is not None):
            return self.end(cause, q850 if q850 is not None else Q850[cause], text, now_ms)
        elif q850 is not None:
            cause = _CAUSES.get(q850, "normal" if self._answered else "no_carrier")
        elif cause == "no_carrier" and self._answered:
            cause = "normal"
        return self.end(cause, q850 if q850 is not None else Q850[cause], text, now_ms)

    def line_gone(self, now_ms: int, *, busy: bool) -> list[Action]:
        """Take that an analogue line gives a tone of its own, or was broken: the other side is not there any more.

        A busy tone says that the called one is busy, or that the talk is over; when it comes soon, it is the former.
        """
        if self.phase not in ("dialling", "alerting", "up"):
            return []
        soon = busy and self._outgoing and now_ms < self._begun_ms + BUSY_MS
        return self.hang_up(now_ms, "busy" if soon else "normal", "the line gives a tone, or was broken")

    def over_soon(self, now_ms: int) -> list[Action]:
        """Take that it is over and not why; if it was not up, the next line may say."""
        if self._undialled():
            return []
        if self.phase in ("dialling", "alerting"):
            self.phase = "ending"
            self._exchange.held = False
            self._drop_timers()
            self._timers["call_why"] = now_ms + WHY_MS
            return []
        if self.phase == "ending":
            return []
        return self.over("no_carrier", None, "the modem reports the end", now_ms)

    def listed(self, calls: list[Listed], now_ms: int, *, complete: bool) -> list[Action]:
        """Take calls of +CLCC: the whole list (`complete`), or one that the modem reports by itself."""
        out: list[Action] = []
        for call in calls:
            out += self._listed(call, now_ms)
        if not complete or self.phase in ("none", "leaving", "ending"):
            return out
        known = any(call.state != 6 and call.incoming != self._outgoing for call in calls)
        self._missing = 0 if known else self._missing + 1
        if self._missing >= 2 and (self._answered or now_ms >= self._begun_ms + NEW_MS):
            return out + self.over("no_carrier", None, "the modem knows no call any more", now_ms)
        return out

    def _listed(self, call: Listed, now_ms: int) -> list[Action]:
        if call.state == 5:
            return self.waiting_call()
        if call.incoming == self._outgoing and self.phase != "none":
            return []
        match call.state:
            case 0:
                return self.connected(now_ms)
            case 3:
                return self.alerting()
            case 4 if self.phase == "none":
                return self.rings(call.number or None, now_ms)
            case 4 if self.phase == "incoming":
                self._timers["call_rings"] = now_ms + self._dialogue.timeouts.ring_ms
                return self.caller(call.number, "0", now_ms) if call.number else []
            case 6:
                return self.over_soon(now_ms)
            case _:
                return []

    # --- answers to its commands

    def replied(self, reply: Reply, now_ms: int) -> list[Action]:
        """Take what became of a command of a call."""
        match reply.job.purpose, reply.outcome:
            case "dial", "ok":
                return self._dialled(now_ms)
            case "dial", _ if self.phase in ("dialling", "alerting"):
                return self.hang_up(now_ms, "failed", "the modem does not dial")
            case "answer", "ok":
                return self.connected(now_ms)
            case "answer", _ if self.phase == "answering":
                return self.hang_up(now_ms, "failed", "the modem does not answer the call")
            case "hang_up", "ok":
                return self.end(*self._over, now_ms) if self.phase == "leaving" else []
            case "hang_up", _ if self.phase == "leaving":
                self._hang_up_next()
                return []
            case "hang_up_left", "error":
                self._hang_up_left()
                return []
            case "sound_on", outcome:
                return self._sound_replied(reply.job, outcome, now_ms)
            case "digit", "error":
                return [Fault("the modem has refused to send a key")]
            case _:
                return []

    def _dialled(self, now_ms: int) -> list[Action]:
        if self.phase in ("dialling", "leaving") and self._dialogue.quiet_until_alerting:
            self._exchange.held = True
            self._timers["call_quiet"] = now_ms + QUIET_MS
        if self.phase != "dialling":
            return []
        self._poll(now_ms)
        out: list[Action] = []
        if self._dialogue.sound_at == "dialling":
            out += self.sound.begin()
        # An analogue line does not tell that it was answered: it is up when it was dialled, and tones say the rest.
        return out + (self.connected(now_ms) if self._dialogue.style == "voice_modem" else [])

    def _sound_replied(self, job: Job, outcome: str, now_ms: int) -> list[Action]:
        wanted = self.phase in ("dialling", "alerting", "up")
        if outcome == "ok":
            return self.sound.given(now_ms, wanted=wanted)
        if not wanted or self.sound.refused(job):
            return []
        told = Fault(f"the modem gives no sound: {job.name} was refused")
        return [told, *self.hang_up(now_ms, "failed", "the modem gives no sound")]

    # --- time

    def elapsed(self, name: str, now_ms: int) -> list[Action]:
        """Do what a timer of this part was for."""
        done: dict[str, Callable[[], list[Action]]] = {
            "call_caller": self._tell_incoming,
            "call_rings": lambda: self.over("no_carrier", None, "it does not ring any more", now_ms),
            "call_why": lambda: self.over("no_carrier", None, "the modem reports the end", now_ms),
            "call_quiet": self._may_speak,
            "call_hush": self.sound.hushed,
            "call_clcc": lambda: self._ask_calls(now_ms),
            "call_limit": lambda: self._limit(now_ms),
        }
        return done[name]() if name in done else []

    def _may_speak(self) -> list[Action]:
        """Send commands again: it rings there, or does not for long."""
        if not self.sound.hushing:
            self._exchange.held = False
        self._timers.pop("call_quiet", None)
        return []

    def _ask_calls(self, now_ms: int) -> list[Action]:
        self._poll(now_ms)
        if not self._exchange.waiting("clcc"):
            self._exchange.add(Job(text="AT+CLCC", purpose="clcc", optional=True))
        return []

    def _limit(self, now_ms: int) -> list[Action]:
        if self.phase == "answering":
            return self.hang_up(now_ms, "failed", "the modem does not answer the call")
        return self.hang_up(now_ms, "no_answer", "nobody has answered")

    def end(self, cause: EndCause, q850: int, text: str, now_ms: int) -> list[Action]:
        """Forget the call: it is over."""
        if self.phase == "none":
            return []
        self.phase = "none"
        self._exchange.drop(*_OF_CALL)
        self.sound.hushing = self._exchange.held = False
        self._drop_timers()
        out = self.sound.end(now_ms)
        self._deaf_until_ms = max(self._deaf_until_ms, now_ms + DEAF_MS)
        self._rested_ms = now_ms + self._profile.limits.rest_ms
        for command in self._dialogue.sound_off:
            self._exchange.add(job_of(command, "sound_off", self._dialogue.timeouts.command_ms))
        return [*out, Ended(cause, q850, text)]

    # --- parts

    def _begin(self, phase: Phase, now_ms: int, *, outgoing: bool) -> None:
        self.phase, self._outgoing, self._begun_ms = phase, outgoing, now_ms
        self._told_incoming = self._answered = self._alerted = self._withheld = False
        self._rings_on = False
        self.sound.forget()
        self._caller, self._missing, self._rung = None, 0, 0
        if not outgoing:
            self._poll(now_ms)

    def _undialled(self) -> bool:
        """Say whether a call is to be made and nothing of it has left."""
        pending = self._exchange.pending
        return self._exchange.waiting("dial") and (pending is None or pending.purpose != "dial")

    def _poll(self, now_ms: int) -> None:
        if self._dialogue.calls == "clcc":
            self._timers["call_clcc"] = now_ms + self._dialogue.clcc_every_ms

    def _tell_incoming(self) -> list[Action]:
        if self.phase != "incoming" or self._told_incoming:
            return []
        self._told_incoming = True
        self._timers.pop("call_caller", None)
        return [Incoming(self._caller, self._withheld)]

    def _hang_up_next(self) -> None:
        if self._hang_ups:
            self._exchange.add_first(Job(text=self._hang_ups.pop(0), purpose="hang_up"))

    def _drop_timers(self) -> None:
        for name in [name for name in self._timers if name.startswith("call_")]:
            del self._timers[name]
