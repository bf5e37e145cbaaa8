"""What a leg hears in a tick: its play, else the leg that it is bridged with; digits go before both."""

from typing import Any

from dsp.jit import kernel
from dsp.plane import codec, digits
from dsp.plane import layout as lo
from dsp.plane.commands import end_play, partner
from dsp.tones.generator import amplitude, two_tones

_ROW_PEAK, _COLUMN_PEAK = amplitude(digits.ROW_DBM0), amplitude(digits.COLUMN_DBM0)


@kernel
def _next_prompt(state: Any, slot: int, out: Any, now_ns: int) -> None:
    """Write the next 20 ms of a leg's play to `out`, ending the play when it is over."""
    leg = state.legs[slot]
    done = 0
    while done < lo.FRAME:
        if leg.pl_index >= leg.pl_count:
            if leg.pl_left > 0:
                leg.pl_left -= 1
            if leg.pl_left == 0:
                break
            leg.pl_index = 0
            leg.pl_position = 0
        start = leg.pl_offset[leg.pl_index] + leg.pl_position
        n = min(lo.FRAME - done, leg.pl_length[leg.pl_index] - leg.pl_position)
        for i in range(n):
            out[done + i] = state.prompts[start + i]
        done += max(n, 0)
        leg.pl_position += n
        if leg.pl_position >= leg.pl_length[leg.pl_index]:
            leg.pl_index += 1
            leg.pl_position = 0
    leg.pl_played += done
    for i in range(done, lo.FRAME):
        out[i] = 0
    if done < lo.FRAME:
        end_play(state, slot, lo.PLAY_FINISHED, now_ns)


@kernel
def _fill_wide(state: Any, work: Any, slot: int, bridged: bool) -> None:
    """Fill the frame of a wide leg from its 8 kHz part, or from the wide leg that it is bridged with."""
    out = work.tx[slot]
    codec.widen(state, work, slot, work.silence if bridged else work.tx8[slot], out)
    if bridged:
        heard = work.rx[partner(state, slot)]
        for i in range(2 * lo.FRAME):
            out[i] = min(max(out[i] + heard[i], -32768), 32767)


@kernel
def compose(state: Any, work: Any, slot: int, now_ns: int) -> None:
    """Decide what a leg hears in this tick, into `work.tx[slot]`; a play goes on in time even when it is not heard."""
    leg = state.legs[slot]
    # Plays and digits are made at 8 kHz, for a wide leg in the place of its 8 kHz version.
    out = work.tx8[slot] if leg.wide else work.tx[slot]
    wide = False
    kind = digits.next_frame(leg)
    work.kind[slot] = kind
    filled = False
    if leg.pl_active:
        _next_prompt(state, slot, out, now_ns)
        filled = True
    else:
        other = partner(state, slot)
        if other >= 0 and not digits.hidden(state.legs[other], leg, now_ns):
            wide = leg.wide == 1 and state.legs[other].wide == 1
            heard = work.rx8[other]
            for i in range(lo.FRAME):
                out[i] = heard[i]
            filled = True
    if kind == digits.TONES:
        steps = work.digit_steps[leg.dg_digits[leg.dg_index]]
        wide = False
        two_tones(out, 0, lo.FRAME, leg.dg_osc, steps, _ROW_PEAK, _COLUMN_PEAK, work.sine)
    elif kind != digits.AUDIO or not filled or leg.transmit == 0:
        wide = False
        for i in range(lo.FRAME):
            out[i] = 0
    if leg.wide:
        _fill_wide(state, work, slot, wide)
