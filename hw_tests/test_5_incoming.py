"""Calls that come in: told and refused, or answered, with the keys, the voice and the hang-up of who calls."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest

from dsp.analysis import Analysis, Detection
from edge.cli.hw_bench import Bench, BenchError
from edge.cli.hw_sound import RATE, Loop
from edge.core.lines.words import CallerKnown, DigitHeard, Ended, HangUp, Incoming
from hw_tests.helper import Helper

Figures = dict[str, object]
FAR_KEYS = "159#"
#: Somebody has so long to call; to press keys, say something and hang up.
CALL_S, TALK_S = 120.0, 60.0


def test_a_call_that_comes_in_is_refused(quiet_line: Bench, helper: Helper, figures: Figures) -> None:
    """It is told with its caller where the network has him, and is over when we say so."""
    if quiet_line.profile.dialogue.style == "voice_modem":
        pytest.skip("an analogue line rings until its caller gives up: nothing can be refused")
    place = len(quiet_line.said)
    helper.please("call the number of the device")
    incoming = quiet_line.wait(CALL_S, Incoming, since=place)
    figures["caller"] = when_known(quiet_line, incoming, place)
    refused = quiet_line.wait(30, Ended, since=quiet_line.tell(HangUp()))
    figures["cause"] = refused.cause


def test_a_call_that_comes_in_is_answered(
    quiet_line: Bench, helper: Helper, open_sound: Callable[[], AbstractContextManager[Loop]], figures: Figures
) -> None:
    """Keys come as reports of the modem or as tones of the sound, whichever it is; voice is heard; an end is an end."""
    place = len(quiet_line.said)
    helper.please("call the number of the device, which answers")
    incoming = quiet_line.wait(CALL_S, Incoming, since=place)
    answered = quiet_line.answer()
    figures["answered_after_s"] = round(quiet_line.seconds_between(incoming, answered), 2)
    with open_sound() as sound:
        helper.please(f"press {' '.join(FAR_KEYS)}, say a sentence, and hang up")
        recorded = sound.run(np.zeros(round(TALK_S * RATE), np.int16), 0, enough=lambda: not quiet_line.busy)
    analysis = Analysis(1)
    analysis.feed(recorded.samples[None])
    heard = analysis.finish()
    after = quiet_line.after(answered)
    reported = "".join(one.digit.reveal() for one in after if isinstance(one, DigitHeard))
    in_sound = "".join(str(one.facts["digit"]) for one in heard if one.kind == "dtmf")
    figures |= {"keys_sent": FAR_KEYS, "keys_reported": reported, "keys_in_sound": in_sound, **voice(heard)}
    ended = next((one for one in after if isinstance(one, Ended)), None)
    tone = next((str(one.facts["label"]) for one in heard if one.kind == "tone"), None)
    figures["end"] = tone if ended is None else ended.cause
    figures["q850"] = None if ended is None else ended.q850
    assert FAR_KEYS in (reported, in_sound)
    assert "voice_dbm0" in figures, "nobody was heard"
    assert figures["end"] in {"normal", "no_carrier", "busy", "reorder"}, "nothing tells that the caller has hung up"


def when_known(bench: Bench, incoming: Incoming, place: int) -> str:
    """Tell when the caller was known: some networks say it after the first ring."""
    if incoming.withheld:
        return "withheld"
    if incoming.caller is not None:
        return "at once"
    try:
        bench.wait(6, CallerKnown, since=place)
    except BenchError:
        return "never"
    return "later"


def voice(heard: list[Detection]) -> Figures:
    """Give level and length of what was said, and the noise beside it."""
    spurts = [one for one in heard if one.kind == "speech" and one.start is not None and one.end is not None]
    if not spurts:
        return {}
    return {
        "voice_s": round(sum((one.end or 0) - (one.start or 0) for one in spurts) / RATE, 1),
        "voice_dbm0": max(one.facts["level_dbm0"] for one in spurts),
        "noise_dbm0": min(one.facts["noise_floor_dbm0"] for one in spurts),
    }
