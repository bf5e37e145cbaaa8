"""Slow twin of the verdict on who answered: from whole lists of spurts and tones, in ms, by asking at every 20 ms."""

from itertools import pairwise
from typing import NamedTuple


class Tone(NamedTuple):
    begin: int
    end: int
    hz: float


def who(spurts: list[tuple[int, int]], tones: list[Tone], rule: dict[str, int], until: int) -> tuple[str, str, int]:
    """Give verdict, cause and when (ms).

    `spurts` are (begin, end) of voice, at least `least_speech` long and 200 ms and more apart; tones lie outside of
    them and are known as tones 60 ms after their begin. All at one level.
    """
    for now in range(20, until + 20, 20):
        said = verdict_at(now, spurts, tones, rule)
        if said is not None:
            return (*said, now)
    return "none", "", until


def verdict_at(
    now: int, spurts: list[tuple[int, int]], tones: list[Tone], rule: dict[str, int]
) -> tuple[str, str] | None:
    heard = [(begin, min(end, now)) for begin, end in spurts if begin < now]
    on = next((tone for tone in tones if tone.begin + 60 <= now <= tone.end), None)
    over = next((tone for tone in tones if tone.end + 20 == now and tone.end - tone.begin >= 60), None)
    if on is not None and now - on.begin >= rule["fax_tone"]:
        if abs(on.hz - 2100) <= 30:
            return "fax", "fax_ced"
        if abs(on.hz - 1100) <= 45 and not heard:
            return "fax", "fax_cng"
    if over is not None and heard and is_beep(over, heard, rule):
        return "machine", "beep"
    if not heard:
        if now >= rule["no_speech"]:
            return "unknown", "no_speech"
    elif on is None or now - on.begin > rule["beep_most"]:
        said = by_lengths(now, heard, rule)
        if said is not None:
            return said
    elif now - on.begin <= rule["beep_most"]:
        return None
    return ("unknown", "deadline" if heard else "no_speech") if now >= rule["deadline"] else None


def by_lengths(now: int, heard: list[tuple[int, int]], rule: dict[str, int]) -> tuple[str, str] | None:
    begin, end = heard[0][0], heard[-1][1]
    if end - begin <= rule["short_greeting"]:
        waited = now - end >= rule["short_pause"] and now - begin >= rule["short_wait"]
        return ("human", "short_greeting") if waited else None
    if now - end >= rule["wait"]:
        return "human", "greeting_then_silence"
    return ("machine", "long_greeting") if is_monologue(heard, rule) else None


def is_monologue(heard: list[tuple[int, int]], rule: dict[str, int]) -> bool:
    length = heard[-1][1] - heard[0][0]
    return length >= rule["machine_speech"] and sum(end - begin for begin, end in heard) >= 0.73 * length


def revised(
    spurts: list[tuple[int, int]], tones: list[Tone], rule: dict[str, int], told: int, until: int
) -> tuple[str, int] | None:
    """Give why and when (ms) a human, told at `told`, turns out to be a machine."""
    for now in range(told + 20, until + 20, 20):
        heard = [(begin, min(end, now)) for begin, end in spurts if begin < now]
        again = [one for one in heard if one[0] > told - 80]
        over = next((tone for tone in tones if tone.end + 20 == now and tone.end - tone.begin >= 60), None)
        if over is not None and over.end > told and is_beep(over, heard, rule):
            return "beep", now
        gone_on = again and again[0][0] - told < 1000
        pauses = [late[0] - early[1] for early, late in pairwise(again)]
        if gone_on:
            first = max((at + 1 for at, pause in enumerate(pauses) if pause > 600), default=0)
            if is_monologue(again[first:], rule):
                return "long_greeting", now
        waited = now - again[-1][1] if gone_on else now - told
        silent = not any(tone.begin + 60 <= now <= tone.end for tone in tones)
        if (waited >= 1000 and silent) or now - told >= rule["revise"]:
            return None
    return None


def is_beep(tone: Tone, heard: list[tuple[int, int]], rule: dict[str, int]) -> bool:
    joined = tone.begin - heard[-1][1] < 60
    least = rule["beep_joined"] if joined else rule["beep"]
    return (
        least <= tone.end - tone.begin <= rule["beep_most"] and rule["beep_least_hz"] <= tone.hz <= rule["beep_most_hz"]
    )
