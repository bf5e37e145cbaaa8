"""The sound of a modem's call: what is said to have it, and how it is ended in the control stream (V.253)."""

from typing import Final

from edge.core.lines.exchange import Exchange, Job, job_of
from edge.core.lines.profile import DeviceProfile
from edge.core.lines.relays import octets
from edge.core.lines.words import Action, SoundOff, SoundOn, Write

#: A refused command is tried again after this, so many times in all.
AGAIN_MS: Final = 300
_TRIES: Final = 3
#: What the modem may take to end sound within its control stream.
HUSH_MS: Final = 1_500


class Sounding:
    """Whether there is sound. `timers` is the modem's."""

    def __init__(self, profile: DeviceProfile, exchange: Exchange, timers: dict[str, int]) -> None:
        self._dialogue, self._within = profile.dialogue, profile.sound.how == "control"
        self._exchange, self._timers = exchange, timers
        self.on = False
        #: Sound within the control stream has been ended by us, and the modem has not said so yet.
        self.hushing = False

    def forget(self) -> None:
        """Begin anew, with the next call."""
        self.on = False

    def begin(self) -> list[Action]:
        """Have sound."""
        commands = self._dialogue.sound_on
        if not commands:
            self.on = True
            return [SoundOn()]
        last = len(commands) - 1
        for index, command in enumerate(commands):
            purpose = "sound_on" if index == last else "sound"
            self._exchange.add(job_of(command, purpose, self._dialogue.timeouts.command_ms))
        return []

    def given(self, now_ms: int, *, wanted: bool) -> list[Action]:
        """Take that there is sound now; when nobody wants it any more, it is ended at once."""
        if wanted:
            self.on = True
            return [SoundOn()]
        return self._hush(now_ms)

    def refused(self, job: Job) -> bool:
        """Ask once more; False when that was done often enough."""
        if job.tries + 1 >= _TRIES:
            return False
        self._exchange.add_first(
            Job(text=job.text, purpose="sound_on", timeout_ms=job.timeout_ms, pause_ms=AGAIN_MS, tries=job.tries + 1)
        )
        return True

    def end(self, now_ms: int) -> list[Action]:
        """End it, if there is any."""
        if not self.on:
            return []
        self.on = False
        return [*self._hush(now_ms), SoundOff()]

    def _hush(self, now_ms: int) -> list[Action]:
        """End sound within the control stream; commands wait until the modem has done so."""
        if not self._within:
            return []
        self.hushing = self._exchange.held = True
        self._timers["call_hush"] = now_ms + HUSH_MS
        return self.break_off()

    def break_off(self) -> list[Action]:
        """End sound within the control stream, whether there is any or not."""
        return [Write(octets(self._dialogue.sound_end, 0))]

    def hushed(self) -> list[Action]:
        """Let commands go on: sound within the control stream has ended, and the modem has said OK."""
        if self.hushing:
            self.hushing = self._exchange.held = False
            self._timers.pop("call_hush", None)
        return []

    def dropped(self) -> bool:
        """Take that sound within the control stream has ended; False when we have done that."""
        if self.hushing or not self.on:
            return False
        self.on = False
        return True
