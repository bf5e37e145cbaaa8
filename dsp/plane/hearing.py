"""What is heard of each leg as it is played: speech, level and noise of all; on some, who answered.

It listens behind the jitter buffer: what was lost is made up there, and time goes on in step with the call.
"""

from typing import Any

from dsp.detectors import answer, speech
from dsp.detectors.speech_sums import NOTHING
from dsp.jit import fence, kernel
from dsp.plane import layout as lo
from dsp.plane.rings import push_event


@kernel
def detect_answer(state: Any, slot: int, entry: Any) -> None:
    """Begin to tell who answered (`CMD_DETECT_ANSWER`); once in a use of the slot."""
    leg = state.legs[slot]
    if leg.an_number == entry[3]:
        return
    words = state.rule_words[slot]
    for i in range(words.shape[0]):
        words[i] = entry[4 + i]
    answer.start(state.answers[slot], state.speech[slot])
    # How loud an announcement before the answer was says nothing of who speaks now.
    state.speech[slot].loudest = NOTHING
    leg.an_on = 1
    fence()
    leg.an_number = entry[3]


@kernel
def hear(state: Any, work: Any, used: int, now_ns: int) -> None:
    """Take this tick's frame of all open legs in."""
    for slot in range(used):
        leg = state.legs[slot]
        if leg.state == lo.LEG_OPEN:
            speech.feed(state.speech[slot], work.rx8[slot])
            if leg.an_on:
                _judge(state, work, slot, now_ns)


@kernel
def _judge(state: Any, work: Any, slot: int, now_ns: int) -> None:
    leg, verdicts, told = state.legs[slot], work.verdicts, work.told
    told[0] = 0
    answer.feed(state.answers[slot], state.speech[slot], state.rules[slot], slot, verdicts, told)
    for i in range(told[0]):
        one = verdicts[i]
        span = max(one.start, 0) << 32 | max(one.end, 0)
        push_event(
            state, lo.EV_ANSWER, slot, now_ns, one.code | one.cause << 8, span, one.at,
            round(one.a * 1000.0), round(one.b * 1000.0), round(one.level * 10.0),
        )  # fmt: skip
    if state.answers[slot].done:
        leg.an_on = 0
