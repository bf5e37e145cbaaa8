"""One leg of a call: its signalling (a span's call) and its media (a slot), which end independently."""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from edge.core.calls import leg_told
from edge.core.calls.answering import VERDICTS, answer_event
from edge.core.calls.digits import Fuser
from edge.core.calls.effects import Effects
from edge.core.calls.inputs import Handed, Seat
from edge.core.calls.keys_out import KeysOut
from edge.core.calls.leg_trace import Trace
from edge.core.calls.missing import AudioFaults
from edge.core.calls.tones import Tones
from edge.vocabulary import events
from edge.vocabulary.commands import (
    Answer,
    CloseLeg,
    DetectAnswer,
    DetectTones,
    HangUp,
    Hold,
    MakeCall,
    OpenLeg,
    Reject,
    ReleaseSpan,
    Ring,
    SetSound,
    UpdateLeg,
)
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import FRONT, CommandId, Incarnation, LegId
from edge.vocabulary.media import Address, AudioFault, DigitMethod, Direction, LegSound, RemoteMedia
from edge.vocabulary.reports import AnswerHeard, LegMediaEnded, LegRinging, LegRouted, ToneHeard

Signalling = Literal["offered", "answering", "reserving", "seating", "dialling", "ringing", "up", "hanging", "down"]
Media = Literal["none", "opening", "open", "closing", "closed"]

#: Deadline of a leg that sends nothing.
NO_RTP = "no RTP from "
#: Deadline of a leg that rings before it is answered.
RINGS = "ringing of "

#: State -> how a leg in it is taken down; states that are not here are on their way down.
TAKE_DOWN: dict[Signalling, Literal["release", "reject", "hang up"]] = {
    "offered": "reject",
    "reserving": "release",
    "seating": "release",
    "answering": "hang up",
    "dialling": "hang up",
    "ringing": "hang up",
    "up": "hang up",
}


class Leg:
    """State of a leg. All that it does goes through `effects`."""

    #: It is another call's, and here for a talk only.
    borrowed = False

    def __init__(self, id: LegId, number: int, signalling: Signalling, effects: Effects) -> None:  # noqa: A002
        self.id = id
        self.number = number
        #: It is the call's first one: the call's end is its end.
        self.leads = number == 1
        self.signalling: Signalling = signalling
        self.media: Media = "none"
        self.span = Incarnation("")
        self.seat: Seat | None = None
        self.remote: RemoteMedia | None = None
        #: Whose settings it has; "": nobody's.
        self.trunk = ""
        #: Where its peer is signalled at, and how many addresses were given up before.
        self.address: Address | None = None
        self.attempt = 0
        self.started_ms = effects.now_ms
        self.answered_ms: int | None = None
        self.trace = Trace()
        self.early_media = False
        #: Its early media is not to be heard by anybody.
        self.own_ringing = False
        self.fuser = Fuser()
        self.keys_out = KeysOut(id, effects)
        #: Faults that media has told and that are not over.
        self.missing_audio: set[AudioFault] = set()
        self.audio_faults = AudioFaults(id, effects)
        #: It is hung up on after so long without RTP; 0: never.
        self.no_rtp_ms = 0
        self._waits_for_rtp = False
        self.sound = LegSound()
        #: What this leg hears while the one that it talks with holds; empty: what that one sends.
        self.hold_music = ""
        #: It is to ring for so long before it is answered, and does.
        self.ring_ms = 0
        self.rings = False
        #: We hold it, since when, and whether it has been asked to be held (or resumed) and has not agreed yet.
        self.on_hold = False
        self.on_hold_since_ms = 0
        self.hold_asked: bool | None = None
        self._held_before = False
        #: Whether its peer has said, at any time, that it hears us.
        self._has_heard = False
        self._hushed = False
        #: Rules by which it is told who answered it; empty: it is not.
        self.amd: dict[str, int] = {}
        self._answers: set[str] = set()
        #: Country whose tones are told, `any` for all; empty: none are.
        self.tones = ""
        self._tones = Tones()
        #: Why we take it down; None while we do not.
        self.wish: EndReason | None = None
        self._rang: tuple[int, bool] | None = None
        self._fx = effects

    @property
    def gone(self) -> bool:
        """Whether nothing of it is left anywhere."""
        return self.signalling == "down" and self.media in {"none", "closed"}

    @property
    def plays_as(self) -> str:
        """What the names of its plays begin with."""
        return self.id

    @property
    def keys_by(self) -> DigitMethod:
        """How it is sent keys."""
        return self.remote.digits_by if self.remote is not None else "inband"

    @property
    def talks(self) -> bool:
        """Whether it was answered and is not being taken down."""
        return self.signalling == "up"

    @property
    def direction(self) -> Direction:
        """As its peer stated it; `sendrecv` before it did."""
        return self.remote.direction if self.remote is not None else "sendrecv"

    @property
    def held(self) -> bool:
        """Whether its peer holds: it was answered, and nothing may be sent to it any more (RFC 3264 section 8.4).

        A peer that never could hear us holds nobody: announcements, and calls that a third party sets up (RFC 3725),
        begin like that. While we hold it, its answer to that is no hold of its own.
        """
        if (self.on_hold or self.hold_asked) and self.direction != "sendonly":
            return self._held_before and self.direction == "inactive"
        return self.talks and self._has_heard and self.direction in {"sendonly", "inactive"}

    @property
    def may_be_silent(self) -> bool:
        """Whether nothing need come from it, since one side holds."""
        return self.held or self.on_hold

    # --- hold by us

    def put_on_hold(self, on: bool) -> None:
        """Ask its peer to be held, or resumed; `hold_agreed` or `hold_refused` follows."""
        if not self.talks or self.hold_asked is not None or on == self.on_hold:
            return
        self.hold_asked = on
        if on:
            self._held_before = self.held
        held: Direction = "sendonly" if self.hold_music else "inactive"
        self._fx.front(Hold(self.id, held if on else "sendrecv"))

    def hold_agreed(self) -> None:
        """Its peer is held, or resumed."""
        on, self.hold_asked = self.hold_asked, None
        if on is None or on == self.on_hold or not self.talks:
            return
        if on:
            self.on_hold_since_ms = self._fx.now_ms
            direction: Direction = "sendonly" if self.hold_music else "inactive"
            self._fx.emit(events.LegHeld(leg=self.id, direction=direction, by="appliance"))
        else:
            held_ms = self._fx.now_ms - self.on_hold_since_ms
            self._fx.emit(events.LegResumed(leg=self.id, held_ms=held_ms, by="appliance"))
        self.on_hold = on

    def hold_refused(self, why: str) -> None:
        """Nothing has changed."""
        on, self.hold_asked = self.hold_asked, None
        if on is not None and self.talks:
            self._fx.emit(events.LegHoldFailed(leg=self.id, hold=on, why=why))

    # --- keys to it

    def press(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Send keys of the menu; `keys_sent` tells when they are sent."""
        self.keys_out.press(self.keys_by, self.span, digits, duration_ms, gap_ms)

    def relay(self, digit: str, duration_ms: int) -> None:
        """Send a key of the leg that it talks with."""
        self.keys_out.relay(self.keys_by, self.span, digit, duration_ms)

    def keys_sent(self, command: CommandId) -> bool:
        """Note the end or the failure of a command that sends keys; true when they were the menu's."""
        return self.keys_out.over(command, self.keys_by, self.span)

    # --- media

    def take_seat(self, seat: Seat, remote: RemoteMedia | None) -> None:
        """Have media open the leg; `opened` follows."""
        self.seat = seat
        self._learn(remote)
        self.media = "opening"
        self._fx.media(OpenLeg(leg=self.id, slot=seat.slot, remote=remote))

    def take_over(self, handed: Handed) -> None:
        """Go on as a leg of another call: media has it open, with whatever sound that one gave it."""
        self.span, self.seat, self.media = handed.span, handed.seat, "open"
        self.answered_ms = self._fx.now_ms
        self.negotiated(handed.remote)
        self._fx.media(SetSound(self.id, self._sound_now))

    def answer(self) -> None:
        """Have the span answer with the address of the leg's seat, after it has rung if it is to."""
        if self.seat is not None and self.ring_ms:
            self._fx.span(self.span, Ring(self.id))
            self._fx.set(RINGS + self.id, self.ring_ms)
            self.ring_ms, self.rings = 0, True
        elif self.seat is not None and not self.rings:
            self.signalling = "answering"
            if self.span == FRONT:
                return  # a former life of switch had it answered
            self._fx.span(self.span, Answer(self.id, self.seat.address))

    def rang_enough(self) -> None:
        """Answer it now, or as soon as media is open."""
        self.rings = False
        if self.signalling == "offered" and self.media == "open":
            self.answer()

    def opened(self) -> None:
        """Media is open: go on with the signalling that waited for it."""
        if self.media != "opening" or self.seat is None:
            return
        self.media = "open"
        if self._sound_now != LegSound():
            self._fx.media(SetSound(self.id, self._sound_now))
        self._detect_tones()
        if self.signalling == "offered":
            self.answer()
        elif self.signalling == "seating":
            self.signalling = "dialling"
            self.trace.left(self._fx.now_ms)
            self._fx.span(self.span, MakeCall(self.id, self.seat.address))

    def _detect_tones(self) -> None:
        if self.tones:
            self._fx.media(DetectTones(self.id, "" if self.tones == "any" else self.tones))

    def moved(self, report: LegRouted, set_up: Callable[[], None]) -> bool:
        """Go on through another address, with the settings that `set_up` gives it; false when that is known."""
        if report.attempt <= self.attempt or self.signalling == "down":
            return False
        before = self._sound_now, self.tones
        self.attempt, self.address, self._rang = report.attempt, report.address, None
        self.trace.moved()
        set_up()
        self._fx.emit(leg_told.failed_over(self.id, report))
        if self.media == "open" and self._sound_now != before[0]:
            self._fx.media(SetSound(self.id, self._sound_now))
        if self.media == "open" and self.tones != before[1]:
            self._detect_tones()
        return True

    def negotiated(self, remote: RemoteMedia) -> None:
        """Take the peer's media facts, the first ones or changed ones."""
        if remote == self.remote:
            return
        self._learn(remote)
        if self.media in {"opening", "open"}:
            self._fx.media(UpdateLeg(self.id, remote))

    def audio_missing(self, fault: AudioFault, missing: bool, silent_ms: int = 0) -> bool:
        """Note that audio is missing, or no longer is; false: that is known (media may tell twice after a crash)."""
        if missing == (fault in self.missing_audio):
            return False
        (self.missing_audio.add if missing else self.missing_audio.discard)(fault)
        self._watch_rtp(silent_ms)
        return True

    def _watch_rtp(self, silent_ms: int = 0) -> None:
        """Have a leg ended that sends nothing for too long, though its peer neither holds nor said that it would."""
        waits = "no_packets" in self.missing_audio and self.no_rtp_ms > 0 and self.direction == "sendrecv"
        if waits and not self._waits_for_rtp:
            self._fx.set(NO_RTP + self.id, max(0, self.no_rtp_ms - silent_ms))
        elif not waits:
            self._fx.clear(NO_RTP + self.id)
        self._waits_for_rtp = waits

    def _learn(self, remote: RemoteMedia | None) -> None:
        self.remote = remote
        self._watch_rtp()
        self._has_heard = self._has_heard or (remote is not None and remote.direction in {"sendrecv", "recvonly"})

    def set_sound(self, sound: LegSound) -> None:
        """Mute it, or change its levels; at once, or when media opens it."""
        if sound == self.sound or self.signalling in {"hanging", "down"}:
            return
        self.sound = sound
        if self.media == "open":
            self._fx.media(SetSound(self.id, self._sound_now))
        told = {name: getattr(sound, name) for name in LegSound.__struct_fields__}
        self._fx.emit(events.LegSoundChanged(leg=self.id, **told))

    def hush(self, on: bool) -> None:
        """Keep what it sends from the others, whatever an operator set; nobody is told, for it says nothing."""
        if on == self._hushed:
            return
        self._hushed = on
        if self.media == "open" and not self.sound.muted:
            self._fx.media(SetSound(self.id, self._sound_now))

    @property
    def _sound_now(self) -> LegSound:
        return replace(self.sound, muted=True) if self._hushed else self.sound

    def close_media(self) -> None:
        """Have media close the leg, if it is open."""
        if self.media in {"opening", "open"}:
            self.media = "closing"
            self._fx.media(CloseLeg(self.id))

    def media_gone(self) -> None:
        """Note that media has closed it, or never opened it."""
        if self.seat is not None and self.media != "closed":
            self._fx.free(self.seat.slot)
            self.media = "closed"

    def figures(self, report: LegMediaEnded) -> None:
        """Take the figures of a closed leg."""
        if self.media != "closing":
            return
        self._fx.emit(leg_told.quality(self.id, report, self.answered_ms))
        self.media_gone()

    # --- signalling

    def rang(self, report: LegRinging) -> bool:
        """Take a provisional response; false when it tells nothing new."""
        if self.signalling not in {"dialling", "ringing"}:
            return False
        self.signalling = "ringing"
        self.trace.rang(report.code, self._fx.now_ms)
        self.early_media = self.early_media or (report.early_media and not self.own_ringing)
        if self._rang == (report.code, report.early_media):
            return False
        self._rang = (report.code, report.early_media)
        self._fx.emit(events.LegRang(leg=self.id, sip_code=report.code, early_media=report.early_media))
        return True

    def answered(self) -> bool:
        """Take the answer (incoming: its ACK); false when it does not fit, as after a hang-up that crossed it.

        Also of a leg that is offered: a former life of switch sent the answer, and a kill has lost why.
        """
        if self.signalling not in {"offered", "answering", "dialling", "ringing"}:
            return False
        self.signalling = "up"
        self.answered_ms = self._fx.now_ms
        if self.amd:
            self._fx.media(DetectAnswer(self.id, self.amd))
        return True

    def answer_heard(self, report: AnswerHeard) -> bool:
        """Tell who answered, or what the machine did then; false when that is not new: media may say it twice."""
        what = "verdict" if report.what in VERDICTS else report.what
        if not self.amd or what in self._answers or self.signalling == "down":
            return False
        self._answers.add(what)
        self.trace.heard(report.what)
        self._fx.emit(answer_event(report))
        return True

    def tone_heard(self, report: ToneHeard) -> None:
        """Tell a call progress tone."""
        event = self._tones.heard(report) if self.tones and self.signalling != "down" else None
        if event is not None:
            self._fx.emit(event)

    def adopt(self, span: Incarnation) -> bool:
        """Turn to front for what its span did so far; false when it has."""
        if self.span == FRONT:
            return False
        self.span = FRONT
        self._fx.emit(events.LegAdopted(leg=self.id, span=span))
        if self.signalling == "hanging":
            # What the span was told it may not have done.
            self._fx.front(HangUp(self.id, self.wish.text if self.wish is not None else ""))
        return True

    def take_down(self, wish: EndReason, *, elsewhere: bool = False) -> None:
        """End the leg in whatever state it is; `elsewhere`: since another one has taken the call."""
        how = TAKE_DOWN.get(self.signalling)
        if how is None:
            return
        self.wish = wish
        self.trace.stopped(self._fx.now_ms)
        if how == "release":
            self._fx.front(ReleaseSpan(self.id))
            self._down(wish)
        elif how == "reject":
            self.signalling = "hanging"
            self._fx.span(self.span, Reject(self.id, wish.sip_code or 480, wish.text))
        else:
            self.signalling = "hanging"
            self._fx.span(self.span, HangUp(self.id, wish.text, elsewhere=elsewhere))
        self._close_further()

    def ended(self, end: EndReason) -> EndReason | None:
        """Take the end of the signalling; returns the reason, None when it had ended before."""
        if self.signalling == "down":
            return None
        if self.wish is not None:
            # The span sees what our own hang-up led to (487 for instance); why we did it says more.
            end = EndReason(
                outcome=self.wish.outcome,
                ended_by=self.wish.ended_by,
                sip_code=self.wish.sip_code or end.sip_code,
                q850_cause=end.q850_cause,
                text=self.wish.text or end.text,
            )
        self._down(end)
        self._close_further()
        return end

    def _close_further(self) -> None:
        # The first leg is recorded: the call closes it after it has stopped the recording.
        if not self.leads:
            self.close_media()

    def _down(self, end: EndReason) -> None:
        self.signalling = "down"
        self.trace.stopped(self._fx.now_ms)
        self.trace.end = end
        if not self.leads:  # the end of the first leg is told by call.ended
            self._fx.emit(events.LegEnded(leg=self.id, end=end, trunk=self.trunk))
