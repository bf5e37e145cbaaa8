"""Call progress tones of the legs where they are asked for, from what is played of them.

It listens behind the jitter buffer: what was lost is concealed there, and time goes on in step with the call.
"""

from typing import Any

from dsp.detectors import progress
from dsp.jit import fence, i64, kernel
from dsp.plane import layout as lo
from dsp.plane.rings import push_event


@kernel
def find(work: Any, table: int) -> int:
    """Give the place of a table by its id, -1 where it is not there."""
    for i in range(work.tones.shape[0]):
        if work.tones[i].id == table:
            return i
    return -1


@kernel
def detect(state: Any, work: Any, slot: int, entry: Any) -> None:
    """Begin to look for tones (`CMD_DETECT_TONES`); a repeated command changes nothing."""
    leg = state.legs[slot]
    if leg.tn_number == entry[3]:
        return
    leg.tn_number = 0
    kit = find(work, entry[5])
    if kit < 0:
        state.ctl[lo.COMMANDS_BAD] += 1
        return
    progress.reset(state.progress[slot])
    state.progress[slot].country = entry[4]
    leg.tn_kit = kit
    leg.tn_table = entry[5]
    fence()
    leg.tn_number = entry[3]


@kernel
def _tell(state: Any, one: Any, slot: int, now_ns: int) -> None:
    heard = state.progress[slot]
    said = one.code | i64(one.phase) << 8 | (1 + i64(one.cause)) << 16
    span = max(one.start, 0) << 32 | max(one.end, 0)
    tune = i64(round(one.a * 10.0)) << 32 | i64(round(one.b * 10.0))
    cadence = min(heard.cycles, 0xFFFF) << 40 | min(heard.on, 0xFFFFF) << 20 | min(heard.off, 0xFFFFF)
    push_event(state, lo.EV_TONE, slot, now_ns, said, span, one.at, tune, round(one.level * 10.0), cadence)


@kernel
def listen(state: Any, work: Any, used: int, now_ns: int) -> None:
    """Take this tick's frame of the legs in."""
    told = work.told
    for slot in range(used):
        leg = state.legs[slot]
        if leg.state == lo.LEG_OPEN and leg.tn_number > 0:
            told[0] = 0
            progress.feed(state.progress[slot], work.rx8[slot], slot, work.tones[leg.tn_kit], work.verdicts, told)
            for i in range(told[0]):
                _tell(state, work.verdicts[i], slot, now_ns)
