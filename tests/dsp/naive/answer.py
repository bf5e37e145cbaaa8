"""Slow twin of the verdict on who answered: from whole lists of spurts and tones, in ms, by asking at every 20 ms."""

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
    return ("machine", "long_greeting") if end - begin >= rule["machine_speech"] else None


def is_beep(tone: Tone, heard: list[tuple[int, int]], rule: dict[str, int]) -> bool:
    joined = tone.begin - heard[-1][1] < 60
    least = rule["beep_joined"] if joined else rule["beep"]
    return (
        least <= tone.end - tone.begin <= rule["beep_most"] and rule["beep_least_hz"] <= tone.hz <= rule["beep_most_hz"]
    )
