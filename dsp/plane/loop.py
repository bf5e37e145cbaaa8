"""The engine's loop: ticks on a fixed grid, without the GIL, until the control word says stop."""

from typing import Any

from dsp.jit import kernel
from dsp.plane import clock, tick
from dsp.plane import layout as lo

LATE_NS = 1_000_000
SLIPPED_NS = lo.TICK_NS // 2
#: Further behind than this, ticks are given up; up to here they are caught up, so nothing is lost.
BEHIND_NS = 200_000_000


@kernel
def _count_work(ctl: Any, bounds_us: Any, work_ns: int) -> None:
    ctl[lo.TICK_SUM_NS] += work_ns
    ctl[lo.TICK_COUNT] += 1
    bucket = 0
    while bucket < bounds_us.shape[0] and work_ns > bounds_us[bucket] * 1000:
        bucket += 1
    ctl[lo.TICK_BUCKETS + bucket] += 1


@kernel
def _skip_missed(ctl: Any, behind_ns: int) -> bool:
    """Give up ticks that are hopelessly late; whether there were any."""
    if behind_ns <= BEHIND_NS:
        return False
    # The next one lies ahead, so the loop sleeps: one that has too much to do must not look like one that runs wild.
    missed = behind_ns // lo.TICK_NS + 1
    ctl[lo.TICK] += missed
    ctl[lo.MISSED_TICKS] += missed
    return True


@kernel
def _one_tick(state: Any, work: Any, instant: int, bounds_us: Any) -> None:
    ctl, timespec = state.ctl, work.timespec
    began = clock.monotonic_ns(timespec)
    if _skip_missed(ctl, began - instant):
        return
    if began - instant > LATE_NS:
        ctl[lo.LATE_TICKS] += 1
    if began - instant > SLIPPED_NS:
        ctl[lo.SLIPPED_TICKS] += 1
    number = ctl[lo.TICK]
    tail = tick.before_send(state, work, number, began)
    worked = clock.monotonic_ns(timespec) - began
    send_at = instant + ctl[lo.SEND_OFFSET_NS]
    clock.sleep_until(timespec, send_at)
    sending = clock.monotonic_ns(timespec)
    if sending - send_at > LATE_NS:
        ctl[lo.LATE_SENDS] += 1
    tick.send(state, work, number, tail, sending)
    ended = clock.monotonic_ns(timespec)
    ctl[lo.LAST_TICK_END_NS] = ended
    _count_work(ctl, bounds_us, worked + ended - sending)


@kernel
def run(state: Any, work: Any, bounds_us: Any, step_ns: int) -> None:
    """Run ticks until `RUN` is 0; with `step_ns` above 0 one tick at that instant, without waiting.

    `take_up` was called before. Both are in one program because each takes LLVM a minute.
    """
    ctl = state.ctl
    if step_ns > 0:
        number = ctl[lo.TICK]
        tail = tick.before_send(state, work, number, step_ns)
        tick.send(state, work, number, tail, step_ns)
        return
    while ctl[lo.RUN] != 0:
        instant = ctl[lo.GRID_ANCHOR_NS] + ctl[lo.TICK] * lo.TICK_NS
        clock.sleep_until(work.timespec, instant)
        if clock.monotonic_ns(work.timespec) < instant:
            continue  # a signal woke us
        _one_tick(state, work, instant, bounds_us)
