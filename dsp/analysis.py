"""A recording through all detectors: what was in it, where, with the evidence.

The detectors are those of live calls, fed as live, by frames of 20 ms; a channel is a leg. Nothing here looks into the
future, so a recording gives what a call would have given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dsp.detectors import answer, dtmf, progress, speech
from dsp.detectors import verdicts as say
from dsp.detectors.answer_state import ANSWER_STATE
from dsp.detectors.dtmf_state import DTMF_STATE
from dsp.detectors.offline import FRAME, Collector, direct
from dsp.detectors.progress_cadence import ANSWERS, MEANINGS
from dsp.detectors.progress_state import PROGRESS_STATE
from dsp.detectors.progress_tables import FAX_CED, LABELS, SIT, Tables, make_tables
from dsp.detectors.speech_state import SPEECH_STATE

RATE = 8000
#: Frames of silence that follow a recording, so that a key that lasts until its end is over.
TAIL = 10
#: Speech activity knows voice from steady sounds, not from keys: a spurt that they fill to this share is none.
SIGNAL = 0.7

Samples = npt.NDArray[np.int16]


@dataclass
class Detection:
    """Something that was heard. Positions are samples at 8 kHz from the start of the recording."""

    kind: str  #: dtmf, tone, answer, greeting, speech, level
    channel: int  #: from 0
    at: int  #: where it was known
    start: int | None = None
    end: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    is_void: bool = False  #: it turned out to be nothing

    @property
    def place(self) -> int:
        """Where it belongs in the order of time."""
        return self.at if self.start is None else self.start


@dataclass(frozen=True)
class Settings:
    """What may be known of a recording. Raises nothing; `Analysis` does."""

    country: str | None = None  #: whose tones are expected; None: any
    answer: Mapping[str, int] = field(default_factory=dict)  #: of `dsp.detectors.answer.DEFAULTS`


class Part(Protocol):
    """A detector for all channels; verdicts go to the collector that it was made with."""

    def feed(self, frames: Samples) -> None:
        """Take a frame of each channel, int16[channels, 160], contiguous."""

    def finish(self) -> None:
        """Tell what is still on, since the recording is over."""


class _Digits:
    def __init__(self, out: Collector) -> None:
        self._out = out
        self._states = np.zeros(out.legs, DTMF_STATE).view(np.recarray)
        self._rest = (out.rows, out.legs, out.verdicts, out.told)
        self._kernel = direct(dtmf.feed_all, self._states, out.frames, *self._rest)

    def feed(self, frames: Samples) -> None:
        self._kernel(self._states, frames, *self._rest)

    def finish(self) -> None:
        for _ in range(TAIL):
            self.feed(self._out.frames)


class _Tones:
    def __init__(self, out: Collector, tables: Tables, country: str | None) -> None:
        self._out, self._kit = out, tables.kit
        self._states = np.zeros(out.legs, PROGRESS_STATE).view(np.recarray)
        if country is not None:
            self._states.country = tables.country(country)
        self._rest = (out.rows, out.legs, out.verdicts, out.told, tables.kit)
        self._kernel = direct(progress.feed_all, self._states, out.frames, *self._rest)

    def feed(self, frames: Samples) -> None:
        self._kernel(self._states, frames, *self._rest)

    def finish(self) -> None:
        progress.finish(self._states, self._out.legs, self._out.verdicts, self._out.told, self._kit)


class _Speech:
    def __init__(self, out: Collector) -> None:
        self.states = np.zeros(out.legs, SPEECH_STATE).view(np.recarray)
        self._rest = (out.rows, out.legs, out.verdicts, out.told)
        self._kernel = direct(speech.feed_all, self.states, out.frames, *self._rest)

    def feed(self, frames: Samples) -> None:
        self._kernel(self.states, frames, *self._rest)

    def finish(self) -> None:
        """Leave what is on open: it lasts until the end."""


class _Answer:
    """Who answered, from what speech activity says; so it is fed after that."""

    def __init__(self, out: Collector, heard: _Speech, settings: Mapping[str, int]) -> None:
        self._out, self._speech = out, heard.states
        self._states = np.zeros(out.legs, ANSWER_STATE).view(np.recarray)
        self._settings = answer.settings(dict(settings)).view(np.recarray)
        which = np.zeros(out.legs, np.int32)
        self._all = (
            self._states, heard.states, self._settings, which, out.rows, out.legs, out.verdicts, out.told,
        )  # fmt: skip
        self._kernel = direct(answer.feed_all, *self._all)

    def feed(self, frames: Samples) -> None:  # noqa: ARG002
        self._kernel(*self._all)

    def finish(self) -> None:
        for row, state in enumerate(self._states):
            answer.finish(state, self._speech[row], self._settings[0], row, self._out.verdicts, self._out.told)


def countries() -> tuple[str, ...]:
    """Give the countries whose tones are known."""
    return make_tables().countries


def detectors(out: Collector, tables: Tables | None = None, settings: Settings | None = None) -> dict[str, Part]:
    """Give all detectors, fresh, for the legs of `out`, in the order in which they are fed.

    Raises `KeyError` for a country or a setting that there is not.
    """
    settings = settings or Settings()
    heard = _Speech(out)
    return {
        "dtmf": _Digits(out),
        "tones": _Tones(out, tables or make_tables(), settings.country),
        "speech": heard,
        "answer": _Answer(out, heard, settings.answer),
    }


class Analysis:
    """Feed a recording of `channels` channels, then `finish` it. Raises `KeyError` as `detectors`."""

    def __init__(self, channels: int, settings: Settings | None = None) -> None:
        #: Samples a channel that were fed.
        self.length = 0
        self._filled = 0
        self._collector = Collector(channels)
        self._frame = self._collector.frames
        tables = make_tables()
        self._countries = tables.countries
        self._parts = list(detectors(self._collector, tables, settings).values())
        self._found: list[Detection] = []
        #: What has begun, by channel, kind and code.
        self._open: dict[tuple[int, int, int], Detection] = {}

    def feed(self, samples: Samples) -> None:
        """Take int16[channels, n] at 8 kHz in, n as it comes."""
        self.length += samples.shape[1]
        at = 0
        while at < samples.shape[1]:
            n = min(FRAME - self._filled, samples.shape[1] - at)
            self._frame[:, self._filled : self._filled + n] = samples[:, at : at + n]
            self._filled += n
            at += n
            if self._filled == FRAME:
                self._whole_frame()

    def finish(self) -> list[Detection]:
        """Give everything that was heard, in the order of time."""
        if self._filled:
            self._frame[:, self._filled :] = 0
            self._whole_frame()
        for part in self._parts:
            part.finish()
            self._take()
        for one in self._open.values():
            one.end = self.length
        for one in self._found:
            one.at = min(one.at, self.length)
            one.end = None if one.end is None else min(one.end, self.length)
        found = [one for one in self._found if not one.is_void and (one.start is None or one.start < self.length)]
        found.sort(key=lambda one: (one.place, one.channel, one.kind))
        signals = _Signals(found)
        return [one for one in found if one.kind != "speech" or not signals.fill(one)]

    def _whole_frame(self) -> None:
        for part in self._parts:
            part.feed(self._frame)
        self._take()
        self._filled = 0

    def _take(self) -> None:
        if self._collector.told.any():
            for verdict in self._collector.taken():
                self._say(verdict)

    def _say(self, verdict: Any) -> None:
        """Add a verdict; what has a begin and an end becomes one detection, known at its begin."""
        detection = self._described(verdict)
        if detection is None:
            return
        key = (detection.channel, int(verdict["kind"]), int(verdict["code"]))
        begun = self._open.pop(key, None)
        if verdict["phase"] == say.END and begun is not None:
            if verdict["kind"] == say.SPEECH and verdict["cause"] == speech.NO_VOICE:
                begun.is_void = True
                return
            begun.start, begun.end, begun.facts = detection.start, detection.end, detection.facts
            return
        if verdict["phase"] == say.BEGIN:
            detection.end = None
            self._open[key] = detection
        self._found.append(detection)

    def _described(self, verdict: Any) -> Detection | None:
        """Give what a verdict says; None for what another one says as well."""
        channel, at, start, end = (int(verdict[name]) for name in ("row", "at", "start", "end"))
        code, cause = int(verdict["code"]), int(verdict["cause"])
        level = round(float(verdict["level"]), 1)
        a, b = float(verdict["a"]), float(verdict["b"])
        match int(verdict["kind"]):
            case say.DTMF:
                facts = {"digit": chr(code), "level_dbm0": level}
                facts |= {"twist_db": round(a, 1) + 0.0, "off_percent": round(b, 2)}
                return Detection("dtmf", channel, at, start, end, facts)
            case say.TONE:
                facts = {"label": LABELS[code], **self._tone(code, cause), "level_dbm0": level}
                facts["frequencies_hz"] = [round(hz, 1) for hz in (a, b) if hz > 0]
                return Detection("tone", channel, at, start, end, facts)
            case say.SPEECH:
                facts = {"level_dbm0": level, "noise_floor_dbm0": round(a, 1)}
                return Detection("speech", channel, at, start, end, facts)
            case say.LEVEL:
                label = "clipping" if code == speech.CLIPPING else "dead_air"
                return Detection("level", channel, at, start, at, {"label": label, "level_dbm0": level})
        name = answer.CAUSE_NAMES.get(cause, "")
        if code == answer.BEEP:
            return None  # the tones have it
        if code == answer.GREETING_ENDED:
            return Detection("greeting", channel, at, start, end, {"label": "ended", "cause": name})
        facts = {"verdict": answer.CODE_NAMES.get(code, "machine"), "cause": name}
        if code == answer.REVISED:
            facts["revised"] = True
        facts |= {"speech_s": round(a, 3), "longest_pause_s": round(b, 3)}
        return Detection("answer", channel, at, None, None, facts)

    def _tone(self, code: int, cause: int) -> dict[str, Any]:
        if code == SIT:
            return {"meaning": MEANINGS[cause]}
        if code == FAX_CED:
            return {"form": ANSWERS[cause]}
        return {"country": self._countries[cause]} if 0 <= cause < len(self._countries) else {}


class _Signals:
    """Keys and tones of a recording, by channel."""

    def __init__(self, found: Sequence[Detection]) -> None:
        self._spans: dict[int, npt.NDArray[np.int64]] = {}
        for channel in {one.channel for one in found}:
            mine = [one for one in found if one.channel == channel and one.kind in {"dtmf", "tone"}]
            self._spans[channel] = np.array([(one.start or 0, one.end or 0) for one in mine], np.int64).reshape(-1, 2)

    def fill(self, spurt: Detection) -> bool:
        """Tell whether most of what seemed to be speech is keys and tones."""
        start, end = spurt.start or 0, spurt.end or 0
        spans = self._spans[spurt.channel]
        covered = np.minimum(spans[:, 1], end) - np.maximum(spans[:, 0], start)
        return bool(np.maximum(covered, 0).sum() > SIGNAL * (end - start))
