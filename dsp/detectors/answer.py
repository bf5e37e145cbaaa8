"""Who answered a call that we dialled: a human, a machine, a fax, or it is not known.

Fed after `speech`, whose findings it judges. The rule is the one by which people tell: somebody who says a little and
then waits is a human, whatever was said; who talks on and on without waiting for an answer is a machine. So a verdict
is made either in a pause (human) or while speech goes on (machine), by lengths only: words, language and voice do not
matter. A beep after speech is a machine's, the tones of fax terminals (ITU-T T.30 section 4.3.3, V.25 section 4) are a
fax. To take a human for a machine is the costly error: where nothing is sure by the deadline, the verdict is unknown.

After a machine has been told, the end of its greeting and the beep are still told, so that a message can be left.
After a human has been told it is listened on for a while: a machine that had only paused goes on by itself, or beeps,
while a human waits for what we say. Such a verdict is taken back, once, by another one.

A beep is told here and by `progress` on purpose: there it is a tone with silence round it, on legs where tones are
asked for; here it may come right out of a voice, and is told by the pure frames that `speech` has to follow anyway.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dsp.detectors import verdicts as say
from dsp.detectors.answer_state import ANSWER_SETTINGS
from dsp.detectors.speech_state import FRAME
from dsp.detectors.speech_tone import TONE_FRAMES
from dsp.jit import kernel

Cause = Literal[
    "short_greeting",
    "greeting_then_silence",
    "long_greeting",
    "beep",
    "fax_ced",
    "fax_cng",
    "no_speech",
    "deadline",
    "stream_ended",
]

#: Codes of verdicts of kind ANSWER.
HUMAN = 1
MACHINE = 2
FAX = 3
UNKNOWN = 4
GREETING_ENDED = 5
BEEP = 6
REVISED = 7

#: Causes. Of `GREETING_ENDED`: `BEEP_HEARD` or `WAITED`.
SHORT_GREETING = 1
WAITED = 2
LONG_GREETING = 3
BEEP_HEARD = 4
CALLED_TONE = 5
CALLING_TONE = 6
NO_SPEECH = 7
DEADLINE = 8
STREAM_ENDED = 9

Verdict = Literal["human", "machine", "fax", "unknown"]
CODE_NAMES: dict[int, Verdict] = {HUMAN: "human", MACHINE: "machine", FAX: "fax", UNKNOWN: "unknown"}
CAUSE_NAMES: dict[int, Cause] = {
    SHORT_GREETING: "short_greeting",
    WAITED: "greeting_then_silence",
    LONG_GREETING: "long_greeting",
    BEEP_HEARD: "beep",
    CALLED_TONE: "fax_ced",
    CALLING_TONE: "fax_cng",
    NO_SPEECH: "no_speech",
    DEADLINE: "deadline",
    STREAM_ENDED: "stream_ended",
}

#: Settings in ms (Hz where the name says so).
DEFAULTS: dict[str, int] = {
    # A verdict is given so long after the answer, whatever is known then.
    "deadline": 12000,
    # Nothing said for so long: unknown.
    "no_speech": 5000,
    # A greeting of this length at most is a short one; a human who said so little is known after `short_wait`, counted
    # from the greeting's begin, but not before the pause has lasted for `short_pause`.
    "short_greeting": 1200,
    "short_wait": 1350,
    "short_pause": 600,
    # Silence after a longer greeting that makes it a human's.
    "wait": 720,
    # Greeting that goes on for so long without such a silence: a machine.
    "machine_speech": 3850,
    # Less speech than this is a cough.
    "least_speech": 120,
    # A beep is one tone of this length, within these frequencies.
    "beep": 120,
    # One that comes right out of a voice lasts at least so long: a sung vowel is a tone, too.
    "beep_joined": 250,
    "beep_most": 2000,
    "beep_least_hz": 380,
    "beep_most_hz": 2700,
    # Fax tones last at least so long (CNG: 500 ms +-15 %).
    "fax_tone": 300,
    # Silence after which a machine's greeting is over.
    "greeting_end": 1500,
    # For so long after a machine has been told, beep and end of greeting are waited for.
    "listen": 60000,
    # For so long after a human has been told it may be taken back: who talked on, or a beep, was a machine. 0: never.
    "revise": 10000,
}

#: Nominal frequencies and tolerances: T.30 section 4.3.3.1 (CNG 1100 +-38 Hz), 4.3.3.2 (CED 2100 +-15 Hz).
_CNG_HZ = 1100.0
_CNG_OFF = 45.0
_CED_HZ = 2100.0
_CED_OFF = 30.0

#: Who is so much louder (dB) than all before, once that has lasted for so long, is another voice: the first ones were
#: the background of the one who answers.
CLOSER = 12.0
SETTLED = 1920

#: Noise hides the soft ends of words, so pauses look longer than they are: they have to last so much longer (samples)
#: for each dB that voice is judged by less than this of its range, up to so many dB.
WHOLE_RANGE = 26.0
HIDDEN_SAMPLES = 96.0
HIDDEN_MOST = 12.0
#: Share of a machine's greeting that is speech: who says "hello?" again and again is a human without an answer.
TALKED = 0.73
#: Who has been taken for a human, and was a machine that paused, goes on within so long after the verdict, and after
#: any pause (samples): a human waits for what we say. It talks without a pause of that other length.
AGAIN = 8000
FLUENT = 4800
#: A tone that begins so soon after a voice (samples) may be a part of it.
JOINED = 480

_NONE = -1


def settings(milliseconds: dict[str, int] | None = None) -> npt.NDArray[np.void]:
    """Give an ANSWER_SETTINGS record: the defaults, changed by what is given (ms, Hz).

    Raises `KeyError` for a name that there is not.
    """
    values = dict(DEFAULTS)
    for name, value in (milliseconds or {}).items():
        if name not in values:
            raise KeyError(name)
        values[name] = value
    record = np.zeros(1, ANSWER_SETTINGS)
    for name, value in values.items():
        record[name] = value if name.endswith("_hz") else value * 8
    return record


@kernel
def start(state: Any, speech: Any) -> None:
    """Begin: the leg of the speech detector `speech` has just been answered."""
    state.begin = speech.position
    state.verdict = 0
    state.done = 0
    state.greeting = _NONE
    state.spoke_until = _NONE
    state.speech = 0
    state.spurt = _NONE
    state.pauses = 0
    state.longest_pause = 0
    state.tone_start = _NONE
    state.tone_end = _NONE
    state.beeps = 0
    state.greeting_told = 0
    state.told_at = 0
    state.again = _NONE
    state.started = 1


@kernel
def _follow_speech(state: Any, speech: Any, settings: Any) -> None:
    """Note what the speech detector says of the greeting."""
    onset = max(speech.onset, state.begin)
    if speech.talking and speech.last_active > state.begin:
        if state.spurt != onset:
            if state.spurt != _NONE:
                state.speech += max(state.spoke_until - state.counted, 0)
                pause = onset - state.spoke_until
                state.pauses += 1
                state.longest_pause = max(state.longest_pause, pause)
            if state.greeting == _NONE:
                state.greeting = onset
                state.loudest = speech.loudest
                state.floor_before = speech.floor
            state.spurt = onset
            state.counted = onset
        state.spoke_until = max(speech.last_active, onset)
        if speech.loudest > state.loudest + CLOSER and speech.position - state.greeting > SETTLED:
            state.greeting = speech.position - 2 * FRAME
            state.counted = state.greeting
            state.speech = 0
            state.pauses = 0
            state.longest_pause = 0
        if speech.position - state.greeting > SETTLED or speech.loudest > state.loudest:
            state.loudest = speech.loudest
        return
    if state.spurt == _NONE:
        return
    if speech.onset == state.spurt and speech.last_active < state.spoke_until:
        # Part of it, or all, was no voice.
        state.spoke_until = max(speech.last_active, state.spurt)
    length = state.speech + max(state.spoke_until - state.counted, 0)
    if state.verdict != 0:
        return
    if length < settings.least_speech and (length == 0 or speech.position - state.spoke_until >= settings.wait):
        state.greeting = _NONE
        state.spurt = _NONE
        state.speech = 0
        state.pauses = 0
        state.longest_pause = 0


@kernel
def _follow_tone(state: Any, speech: Any) -> bool:
    """Note a pure tone; whether one has just ended."""
    if speech.tone_frames >= TONE_FRAMES:
        if state.tone_start != speech.tone_start:
            state.tone_start = speech.tone_start
            state.tone_joined = 1 if speech.tone_start - speech.last_active < JOINED and state.spurt != _NONE else 0
        state.tone_end = 0
        state.tone_hz = speech.tone_hz
        state.tone_level = speech.tone_level
        return False
    if state.tone_start != _NONE and state.tone_end == 0:
        state.tone_end = speech.tone_end
        return True
    return False


@kernel
def _spoken(state: Any) -> int:
    """Give how much has been said, without pauses (samples)."""
    length = state.speech
    if state.spurt != _NONE:
        length += max(state.spoke_until - state.counted, 0)
    return length


@kernel
def _is_monologue(state: Any, settings: Any, since: int) -> bool:
    """Whether what has been said since a position is so long, and so much of it speech, that a machine says it."""
    length = state.spoke_until - since
    return bool(length >= settings.machine_speech and _spoken(state) >= TALKED * length)


@kernel
def _verdict(state: Any, speech: Any, settings: Any, row: int, code: int, cause: int, verdicts: Any, told: Any) -> None:
    state.verdict = code
    start_at = state.greeting
    end_at = state.spoke_until
    if code == FAX:
        start_at = state.tone_start
        end_at = speech.position
    if start_at == _NONE:
        start_at = speech.position
        end_at = speech.position
    say.tell(
        verdicts, told, row, say.ANSWER, code, say.ONCE, cause, start_at - state.begin, end_at - state.begin,
        speech.position - state.begin, speech.loudest, _spoken(state) / 8000.0, state.longest_pause / 8000.0,
    )  # fmt: skip
    state.told_at = speech.position
    if code != MACHINE and not (code == HUMAN and settings.revise > 0):
        state.done = 1


@kernel
def _revise(state: Any, speech: Any, row: int, cause: int, verdicts: Any, told: Any) -> None:
    """Take back that it was a human."""
    state.verdict = MACHINE
    begin = state.begin
    again, until = state.again, state.spoke_until
    if again == _NONE:  # nothing but the beep
        again, until = state.tone_start, state.tone_start
        state.speech = 0
        state.spurt = _NONE
        state.longest_pause = 0
    say.tell(
        verdicts, told, row, say.ANSWER, REVISED, say.ONCE, cause, again - begin, until - begin,
        speech.position - begin, speech.loudest, _spoken(state) / 8000.0, state.longest_pause / 8000.0,
    )  # fmt: skip


@kernel
def _go_on(state: Any) -> None:
    """Count what is said from the present spurt on, after a human has been told."""
    state.again = state.spurt
    state.counted = state.spurt
    state.speech = 0
    state.longest_pause = 0


@kernel
def _doubt(state: Any, speech: Any, settings: Any, row: int, beep: bool, verdicts: Any, told: Any) -> None:
    """Hear whether who has been taken for a human goes on as machines do."""
    at = speech.position
    since = at - state.told_at
    if beep and state.tone_end > state.told_at:
        _revise(state, speech, row, BEEP_HEARD, verdicts, told)
        return
    tone_on = state.tone_start != _NONE and state.tone_end == 0
    if state.again == _NONE:
        if state.spurt != _NONE and state.spurt > state.told_at - 4 * FRAME:  # a spurt is known after 80 ms
            _go_on(state)
        elif since >= AGAIN and not tone_on:
            state.done = 1
    elif state.longest_pause > FLUENT:
        _go_on(state)
    elif _is_monologue(state, settings, state.again):
        _revise(state, speech, row, LONG_GREETING, verdicts, told)
        return
    elif at - state.spoke_until >= AGAIN and not tone_on:
        state.done = 1
    if since >= settings.revise:
        state.done = 1


@kernel
def _judge_fax(state: Any, speech: Any, settings: Any, row: int, verdicts: Any, told: Any) -> bool:
    if state.tone_start == _NONE or state.tone_end != 0 or speech.position - state.tone_start < settings.fax_tone:
        return False
    if abs(state.tone_hz - _CED_HZ) <= _CED_OFF:
        _verdict(state, speech, settings, row, FAX, CALLED_TONE, verdicts, told)
        return True
    if abs(state.tone_hz - _CNG_HZ) <= _CNG_OFF and state.greeting == _NONE:
        _verdict(state, speech, settings, row, FAX, CALLING_TONE, verdicts, told)
        return True
    return False


@kernel
def _is_beep(state: Any, settings: Any) -> bool:
    length = state.tone_end - state.tone_start
    return bool(
        (settings.beep_joined if state.tone_joined else settings.beep) <= length <= settings.beep_most
        and settings.beep_least_hz <= state.tone_hz <= settings.beep_most_hz
    )


@kernel
def _hidden(state: Any, speech: Any) -> int:
    """Give how much of a word's end the background may hide, samples."""
    lacking = WHOLE_RANGE - (state.loudest - speech.threshold)
    return int(min(max(lacking, 0.0), HIDDEN_MOST) * HIDDEN_SAMPLES)


@kernel
def _judge_speech(state: Any, speech: Any, settings: Any, row: int, verdicts: Any, told: Any) -> None:
    at = speech.position
    if state.greeting != _NONE:
        pause = at - state.spoke_until - _hidden(state, speech)
        greeting = state.spoke_until - state.greeting
        if state.tone_end == 0 and at - state.tone_start <= settings.beep_most:
            return  # it may be the beep
        if greeting <= settings.short_greeting:
            if pause >= settings.short_pause and at - state.greeting >= settings.short_wait:
                _verdict(state, speech, settings, row, HUMAN, SHORT_GREETING, verdicts, told)
                return
        elif pause >= settings.wait:
            _verdict(state, speech, settings, row, HUMAN, WAITED, verdicts, told)
            return
        elif _is_monologue(state, settings, state.greeting):
            _verdict(state, speech, settings, row, MACHINE, LONG_GREETING, verdicts, told)
            return
    elif at - state.begin >= settings.no_speech and state.spurt == _NONE:
        _verdict(state, speech, settings, row, UNKNOWN, NO_SPEECH, verdicts, told)
        return
    if at - state.begin >= settings.deadline:
        _verdict(
            state, speech, settings, row, UNKNOWN, DEADLINE if state.greeting != _NONE else NO_SPEECH, verdicts, told
        )


@kernel
def _end_of_greeting(state: Any, speech: Any, row: int, cause: int, end: int, verdicts: Any, told: Any) -> None:
    state.greeting_told = 1
    begin = state.begin
    say.tell(
        verdicts, told, row, say.ANSWER, GREETING_ENDED, say.ONCE, cause, state.greeting - begin, end - begin,
        speech.position - begin, speech.loudest, 0.0, 0.0,
    )  # fmt: skip


@kernel
def feed(state: Any, speech: Any, settings: Any, row: int, verdicts: Any, told: Any) -> None:
    """Judge what the speech detector knows after a frame; tells verdicts of kind ANSWER."""
    if state.started == 0:
        start(state, speech)
        state.begin = speech.position - FRAME
    if state.done:
        return
    tone_ended = _follow_tone(state, speech)
    _follow_speech(state, speech, settings)
    beep = tone_ended and _is_beep(state, settings) and state.greeting != _NONE
    if state.verdict == 0:
        if _judge_fax(state, speech, settings, row, verdicts, told):
            return
        if beep:
            _verdict(state, speech, settings, row, MACHINE, BEEP_HEARD, verdicts, told)
        else:
            _judge_speech(state, speech, settings, row, verdicts, told)
    elif state.verdict == HUMAN:
        _doubt(state, speech, settings, row, beep, verdicts, told)
    if state.verdict != MACHINE:
        return
    if beep:
        state.beeps += 1
        say.tell(
            verdicts, told, row, say.ANSWER, BEEP, say.ONCE, 0, state.tone_start - state.begin,
            state.tone_end - state.begin, speech.position - state.begin, state.tone_level, state.tone_hz, 0.0,
        )  # fmt: skip
        if state.greeting_told == 0:
            _end_of_greeting(state, speech, row, BEEP_HEARD, state.tone_end, verdicts, told)
        state.done = 1
        return
    if state.greeting_told == 0 and speech.position - max(state.spoke_until, state.tone_end) >= settings.greeting_end:
        _end_of_greeting(state, speech, row, WAITED, state.spoke_until, verdicts, told)
    if speech.position - state.begin >= settings.deadline + settings.listen:
        state.done = 1


@kernel
def finish(state: Any, speech: Any, settings: Any, row: int, verdicts: Any, told: Any) -> None:
    """Give a verdict when the stream ends before there is one: who said little and stopped was a human."""
    if state.started == 0 or state.verdict != 0:
        return
    greeting = state.spoke_until - state.greeting if state.greeting != _NONE else 0
    pause = speech.position - state.spoke_until
    if greeting >= settings.least_speech and pause * 2 >= settings.wait:
        cause = WAITED if greeting > settings.short_greeting else SHORT_GREETING
        _verdict(state, speech, settings, row, HUMAN, cause, verdicts, told)
    else:
        _verdict(state, speech, settings, row, UNKNOWN, STREAM_ENDED, verdicts, told)


@kernel
def feed_all(
    states: Any, speech: Any, settings: Any, which: Any, rows: Any, count: int, verdicts: Any, told: Any
) -> None:
    """Judge `count` legs, after `speech.feed_all` took the same frame.

    `rows` (int32) are places in `states` (ANSWER_STATE) and in `speech` (SPEECH_STATE), `which` (int32, by the same
    places) the leg's row of `settings` (ANSWER_SETTINGS[n]). Verdicts (VERDICT) of kind ANSWER, positions since the
    answer:

    - HUMAN, MACHINE, FAX or UNKNOWN, once: greeting's `start` and `end` (of a fax: the tone's), `cause`, `level` of its
      loudest syllables, `a` seconds of speech in it, `b` its longest pause (s);
    - after HUMAN: REVISED, at most once, when it was a machine after all: what was said after the verdict as above; or
      `cause` BEEP_HEARD, and nothing said;
    - after MACHINE or REVISED: BEEP (`a` Hz) and GREETING_ENDED (`end`), each once.
    """
    for i in range(count):
        row = rows[i]
        feed(states[row], speech[row], settings[which[row]], row, verdicts, told)
