"""Who answers on a stage is told by the detector of calls, whatever the voice."""

import numpy as np
import pytest

from dsp.analysis import Analysis
from edge.app.menu_greeting import greeting
from tests.dsp.test_ear import RATE, silence, sound

#: Speech with pauses, as prompts are; and a menu without a prompt.
VOICES = {"speech": np.concatenate([silence(0.4), sound(1, 0.7), silence(0.8), sound(2, 0.9)]), "none": silence(0.02)}


def detected(audio: np.ndarray) -> list[tuple[str, str]]:
    """What is told of who answers, in order of time."""
    analysis = Analysis(1)
    analysis.feed(np.concatenate([silence(0.3), audio, silence(14 - len(audio) / RATE)])[np.newaxis, :])
    found = [one for one in analysis.finish() if one.kind in {"answer", "greeting"}]
    return [
        (one.kind, str(one.facts.get("verdict") or one.facts["cause"])) for one in sorted(found, key=lambda x: x.at)
    ]


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize(
    ("who", "verdict", "then"),
    [
        ("human", "human", []),
        ("machine", "machine", ["beep"]),
        ("machine_without_beep", "machine", ["greeting_then_silence"]),
        ("fax", "fax", []),
        ("unknown", "unknown", []),
    ],
)
def test_who_answers_is_told(voice: str, who: str, verdict: str, then: list[str]) -> None:
    said, *later = detected(greeting(who, VOICES[voice]))
    assert said == ("answer", verdict)
    assert [cause for _, cause in later] == then
