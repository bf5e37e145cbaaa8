"""Digits to send: RFC 4733 packets in place of audio, or tones in it; and tones that others do not get to hear.

A digit lasts whole frames of 20 ms. With RFC 4733 the end packet is sent three times, a frame apart, while the gap
already runs (section 2.5.1.4); what the leg would hear goes on in time meanwhile and is not sent. Its packets leave
every 20 ms, whatever the packet time of the audio is. Hook flash (`!`) is an event only: in-band it is silence.

A leg that gets keys by events or by signalling (`dg_guard`) must not hear the same keys as tones of the leg that it
talks with. Tones are recognised when their packets arrive, which is before they are played: from then on until the
last of it would have been played, that leg is not heard. What is recognised later than it is played leaks: a key is
recognised at most 35 ms after its begin and hidden from the packet on in which it is, so 35 ms minus the playout delay,
and 5 ms of fading out. With nothing in store that is just less than the 40 ms that ITU-T Q.24 wants recognised as a
key. A leg that negotiated no events can press keys as tones only, so it is never played with less than 20 ms in store
(`jitter`): what leaks is then at most 20 ms, which no receiver after Q.24 may take. A leg with events is to send them
in place of tones (RFC 4733 section 2.3.1), and its voice is not delayed for one that does both.
"""

from typing import Any

from dsp.detectors import dtmf
from dsp.jit import i64, kernel
from dsp.plane.layout import FRAME, MAX_DIGITS, NS_PER_SAMPLE
from dsp.plane.packets import put16
from dsp.plane.telephone_events import FLASH, FLASH_EVENT

#: Volume field of sent events: the mean of the two tones, in -dBm0.
VOLUME = 10
#: Tones of sent digits have the frequencies of ITU-T Q.23. The column is 2 dB stronger, since lines lose more of it.
ROW_DBM0 = -11
COLUMN_DBM0 = -9
ENDS = 3
#: Audio that waits to be played may at most hide a leg for this long after its tone has ended.
_MAX_HIDDEN = 8000

TONE = 1
GAP = 2

#: What the leg sends in this frame.
AUDIO = 0
EVENT = 1
TONES = 2
SILENCE = 3


@kernel
def set_limits(detector: Any, word: int) -> None:
    """Take limits for the tones of keys that a leg presses, as `engine.pack_limits` writes them; 0: those of Q.24."""
    dtmf.limit(
        detector, word & 0xFF, word >> 8 & 0xFF, -(word >> 16 & 0xFF), word >> 24 & 0xFF, word >> 32 & 0xFF
    )  # fmt: skip


@kernel
def start(leg: Any, number: int, duration: int, gap: int, count: int) -> None:
    """Begin to send `count` digits (already in `dg_digits`), with times in samples."""
    # The event's duration field has 16 bits of its own clock; no key is held for that long.
    leg.dg_duration = min(max(duration, 2 * FRAME), (0xFFFF >> leg.te_wide) - FRAME)
    leg.dg_gap = max(gap, 2 * FRAME)
    leg.dg_count = min(max(count, 0), MAX_DIGITS)
    leg.dg_index = 0
    leg.dg_elapsed = 0
    leg.dg_ends = 0
    leg.dg_phase = TONE
    leg.dg_osc[0] = 0
    leg.dg_osc[1] = 0
    leg.dg_number = number
    leg.dg_active = 1


@kernel
def event_code(ascii_code: int) -> int:
    """Event of a digit (RFC 4733 table 3) or of hook flash, -1 for what is neither."""
    if 48 <= ascii_code <= 57:
        return ascii_code - 48
    if ascii_code == 42:
        return 10
    if ascii_code == 35:
        return 11
    if ascii_code == FLASH:
        return FLASH_EVENT
    if 65 <= ascii_code <= 68:
        return ascii_code - 53
    if 97 <= ascii_code <= 100:
        return ascii_code - 85
    return -1


@kernel
def next_frame(leg: Any) -> int:
    """Tell what this frame is: AUDIO (nothing to send), EVENT, TONES or SILENCE; `advance` follows when it was sent."""
    if leg.dg_active == 0:
        return AUDIO
    by_event = leg.te_payload_type >= 0 and leg.dg_tones == 0
    if leg.dg_phase == TONE:
        return EVENT if by_event else TONES
    if by_event:
        return EVENT if leg.dg_ends > 0 else AUDIO
    return SILENCE


@kernel
def event_payload(leg: Any, data: Any, offset: int) -> int:
    """Write the event's payload to `data[offset:offset + 4]`; gives the marker bit."""
    first = leg.dg_phase == TONE and leg.dg_elapsed == 0
    if first:
        leg.dg_ts = leg.tx_ts
    final = leg.dg_phase == GAP
    data[offset] = event_code(i64(leg.dg_digits[leg.dg_index]))
    data[offset + 1] = (0x80 if final else 0) | VOLUME
    put16(data, offset + 2, (leg.dg_duration if final else leg.dg_elapsed + FRAME) << leg.te_wide)
    return 1 if first else 0


@kernel
def advance(leg: Any) -> int:
    """Go on by a frame; 1 when it was the last one of all digits."""
    leg.dg_elapsed += FRAME
    if leg.dg_phase == TONE:
        if leg.dg_elapsed >= leg.dg_duration:
            leg.dg_phase = GAP
            leg.dg_elapsed = 0
            leg.dg_ends = ENDS
            leg.dg_duration = -(-leg.dg_duration // FRAME) * FRAME
        return 0
    leg.dg_ends = max(leg.dg_ends - 1, 0)
    if leg.dg_elapsed >= leg.dg_gap and leg.dg_ends == 0:
        leg.dg_phase = TONE
        leg.dg_elapsed = 0
        leg.dg_osc[0] = 0
        leg.dg_osc[1] = 0
        leg.dg_index += 1
        return 1 if leg.dg_index >= leg.dg_count else 0
    return 0


@kernel
def hide(leg: Any, now_ns: int) -> None:
    """Keep guarded legs from hearing what has just arrived of `leg`, where a key's tone was recognised."""
    waiting = (leg.jb_newest_ts - leg.jb_play_ts) >> leg.wide if leg.jb_started else 0
    leg.dg_hidden_ns = now_ns + (min(max(waiting, 0), _MAX_HIDDEN) + FRAME) * NS_PER_SAMPLE


@kernel
def hidden(speaker: Any, listener: Any, now_ns: int) -> bool:
    """Whether `listener` is not to hear `speaker` in this tick."""
    return listener.dg_guard != 0 and now_ns < speaker.dg_hidden_ns
