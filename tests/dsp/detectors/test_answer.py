"""Who answered: the rule on made-up findings beside its slow twin, and on voices from begin to end."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.accuracy.signals import at_level, line, silence, sine
from dsp.detectors import answer, offline, speech
from dsp.detectors.answer_state import ANSWER_STATE
from dsp.detectors.speech_state import SPEECH_STATE
from dsp.detectors.verdicts import VERDICT
from tests.dsp.naive.answer import Tone, revised, who

SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
MS = 8
RULE = answer.DEFAULTS


def voice(name):
    samples, _ = soundfile.read(SOUNDS / f"{name}.wav", dtype="float64")
    return at_level(samples * 32768, -18)


def heard(*parts, rule=None, end=False):
    """Give (word, cause, start, end, at) in s of all that was told of a call."""
    samples = line(np.concatenate(parts))
    hearing = np.zeros(1, SPEECH_STATE).view(np.recarray)
    states = np.zeros(1, ANSWER_STATE).view(np.recarray)
    rules, which = answer.settings(rule).view(np.recarray), np.zeros(1, np.int32)

    def feed_all(_, frames, rows, count, verdicts, told):
        speech.feed_all(hearing, frames, rows, count, verdicts, told)
        said = int(told[0])
        answer.feed_all(states, hearing, rules, which, rows, count, verdicts, told)
        verdicts[: told[0] - said] = verdicts[said : told[0]].copy()
        told[0] -= said

    found = list(offline.take(feed_all, states, samples[None]))
    if end:
        verdicts, told = np.zeros(4, VERDICT).view(np.recarray), np.zeros(2, np.int64)
        answer.finish(states[0], hearing[0], rules[0], 0, verdicts, told)
        found += list(np.array(verdicts[: told[0]], VERDICT))
    names = {
        **answer.CODE_NAMES,
        answer.BEEP: "beep",
        answer.GREETING_ENDED: "greeting_ended",
        answer.REVISED: "revised",
    }
    return [
        (
            names[int(v["code"])],
            answer.CAUSE_NAMES.get(int(v["cause"]), ""),
            v["start"] / 8000,
            v["end"] / 8000,
            v["at"] / 8000,
        )
        for v in found
    ]


def test_a_word_and_a_wait_is_a_human():
    (said,) = heard(silence(600), voice("hello"), silence(4000))
    assert said[:2] == ("human", "short_greeting")
    assert said[2:] == pytest.approx((0.69, 1.26, 2.05), abs=0.1)


def test_a_company_s_name_and_a_wait_is_a_human():
    (said,) = heard(silence(600), voice("vm-nobodyavail"), silence(4000))
    assert said[:2] == ("human", "greeting_then_silence")
    assert said[4] - said[3] == pytest.approx(0.72, abs=0.06)


def test_an_announcement_with_a_beep_is_a_machine_and_tells_when_to_speak():
    beep = sine(1000, 4000, -12)
    told = heard(silence(800), voice("vm-intro"), voice("vm-options"), silence(700), beep, silence(3000))
    assert [one[:2] for one in told] == [("machine", "long_greeting"), ("beep", ""), ("greeting_ended", "beep")]
    speech_length = (len(voice("vm-intro")) + len(voice("vm-options"))) / 8000
    begin = 0.8 + speech_length + 0.7
    assert told[1][2:4] == pytest.approx((begin, begin + 0.5), abs=0.03)
    assert told[0][4] == pytest.approx(0.9 + 3.85, abs=0.15)


def test_an_announcement_without_a_beep_ends_by_silence():
    told = heard(voice("vm-intro"), voice("vm-options"), silence(3000))
    assert [one[:2] for one in told] == [("machine", "long_greeting"), ("greeting_ended", "greeting_then_silence")]
    assert told[1][4] - told[1][3] == pytest.approx(1.5, abs=0.05)


def test_a_brief_greeting_with_a_beep_is_a_machine():
    told = heard(silence(300), voice("vm-nobodyavail"), silence(200), sine(800, 2400, -14), silence(1000))
    assert told[0][:2] == ("machine", "beep")


def test_a_machine_that_paused_is_told_when_it_goes_on():
    parts = silence(300), voice("hello"), silence(800), voice("vm-intro"), silence(400), sine(1000, 4000, -12)
    told = heard(*parts, silence(3000))
    assert [one[:2] for one in told] == [
        ("human", "short_greeting"),
        ("revised", "long_greeting"),
        ("beep", ""),
        ("greeting_ended", "beep"),
    ]
    again = 0.3 + len(voice("hello")) / 8000 + 0.8
    assert told[1][2] == pytest.approx(again, abs=0.15)
    assert told[1][4] == pytest.approx(again + 3.85, abs=0.2)


def test_a_beep_after_a_human_is_a_machine_s():
    told = heard(silence(300), voice("vm-nobodyavail"), silence(900), sine(800, 2400, -14), silence(1000))
    assert [one[:2] for one in told] == [
        ("human", "greeting_then_silence"),
        ("revised", "beep"),
        ("beep", ""),
        ("greeting_ended", "beep"),
    ]


def test_a_human_without_an_answer_stays_one():
    """Who says "hello?" again and again says less than a machine in the same time; who is answered first has waited."""
    hello = np.concatenate([voice("hello"), silence(700)])
    assert [one[0] for one in heard(silence(300), hello, hello, hello, hello, hello, hello)] == ["human"]
    talk = voice("vm-intro"), voice("vm-options")
    assert [one[0] for one in heard(silence(300), voice("hello"), silence(2200), *talk, silence(900))] == ["human"]


def test_it_is_not_revised_where_that_is_not_wanted():
    parts = silence(300), voice("hello"), silence(800), voice("vm-intro"), silence(3000)
    assert [one[0] for one in heard(*parts, rule={"revise": 0})] == ["human"]


@pytest.mark.parametrize("hz", [2100.0, 2086.0, 2114.0])
def test_called_fax(hz):
    (said,) = heard(silence(1000), sine(hz, 8000 * 3, -13), silence(500))
    assert said[:2] == ("fax", "fax_ced")
    assert said[4] == pytest.approx(1.34, abs=0.05)


def test_modem_answer_tone_with_phase_reversals_is_a_fax():
    turn = np.arange(8000 * 3) / 8000
    tone = (
        sine(2100, len(turn), -13)
        * (1 + 0.2 * np.sin(2 * np.pi * 15 * turn))
        * np.where((turn / 0.45).astype(int) % 2, -1, 1)
    )
    assert heard(silence(1000), tone, silence(500))[0][:2] == ("fax", "fax_ced")


def test_calling_fax():
    on = sine(1130, 4000, -20)
    assert heard(silence(1000), on, silence(3000), on, silence(3000))[0][:2] == ("fax", "fax_cng")


def test_nobody_speaks():
    (said,) = heard(silence(9000))
    assert said[:2] == ("unknown", "no_speech")
    assert said[4] == pytest.approx(5.0, abs=0.03)


def test_ringing_is_not_a_voice():
    burst = sine(440, 16000, -18) + sine(480, 16000, -18)
    told = heard(burst, silence(4000), burst, silence(4000))
    assert [one[:2] for one in told] == [("unknown", "no_speech")]


def test_the_deadline_holds():
    (said,) = heard(silence(200), voice("vm-intro"), rule={"deadline": 2000})
    assert said[:2] == ("unknown", "deadline")
    assert said[4] == pytest.approx(2.0, abs=0.03)


def test_a_stream_that_ends_in_the_wait():
    assert heard(voice("hello"), silence(450), end=True)[0][:2] == ("human", "short_greeting")
    assert heard(voice("hello"), end=True)[0][:2] == ("unknown", "stream_ended")
    assert heard(silence(300), end=True)[0][:2] == ("unknown", "stream_ended")


def test_a_setting_that_there_is_not():
    with pytest.raises(KeyError):
        answer.settings({"dead_line": 1})


@st.composite
def answers(draw):
    """Make spurts and tones, in ms, on the grid of frames; every second gap may have a tone in it."""
    now, spurts, tones = draw(st.integers(0, 150)) * 20, [], []
    for _ in range(draw(st.integers(0, 5))):
        length = draw(st.integers(8, 120)) * 20
        spurts.append((now, now + length))
        now += length
        gap = draw(st.integers(11, 60)) * 20
        if draw(st.booleans()):
            begin = now + draw(st.integers(0, 30)) * 20
            end = begin + draw(st.integers(3, 60)) * 20
            tones.append(Tone(begin, end, draw(st.sampled_from([425.0, 1000.0, 1100.0, 2100.0, 2900.0]))))
            now = end + 60
        now += gap
    return spurts, tones


@settings(max_examples=300, deadline=None, derandomize=True)
@given(answers())
def test_as_its_slow_twin(findings):
    spurts, tones = findings
    hearing, state = np.zeros(1, SPEECH_STATE).view(np.recarray)[0], np.zeros(1, ANSWER_STATE).view(np.recarray)[0]
    rules, verdicts, told = (
        answer.settings().view(np.recarray)[0],
        np.zeros(8, VERDICT).view(np.recarray),
        np.zeros(2, np.int64),
    )
    until = 14000
    hearing.loudest, hearing.threshold = -18.0, -48.0
    for now in range(20, until + 20, 20):
        pretend(hearing, now, spurts, tones)
        answer.feed(state, hearing, rules, 0, verdicts, told)
    said = [(int(one["code"]), answer.CAUSE_NAMES.get(int(one["cause"]), ""), int(one["at"]) // MS)
            for one in verdicts[: told[0]]]  # fmt: skip
    verdict, cause, at = who(spurts, tones, RULE, until)
    first = (answer.CODE_NAMES[said[0][0]], *said[0][1:]) if said else ("none", "", until)
    assert first == (verdict, cause, at)
    later = [one[1:] for one in said if one[0] == answer.REVISED]
    assert later == ([found] if verdict == "human" and (found := revised(spurts, tones, RULE, at, until)) else [])


def pretend(hearing, now, spurts, tones):
    """Make the speech detector's record what it would be `now` ms after the answer."""
    hearing.position = now * MS
    begun = [(begin, end) for begin, end in spurts if begin < now]
    if begun:
        begin, end = begun[-1]
        hearing.onset, hearing.last_active = begin * MS, min(end, now) * MS
        hearing.talking = int(now - end < 200)
    on = next((tone for tone in tones if tone.begin + 60 <= now <= tone.end), None)
    hearing.tone_frames = (now - on.begin) // 20 if on else 0
    if on:
        hearing.tone_start, hearing.tone_end = on.begin * MS, now * MS
        hearing.tone_hz, hearing.tone_level = on.hz, -12.0
