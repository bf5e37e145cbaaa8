"""The echo of our own prompt: keys that are pressed over it are heard, and alone it is no digit.

What we play comes back from the hybrid at the far end of the line: weaker by the return loss (6 dB is a bad hybrid,
12 dB a common one, 20 dB a good one; ITU-T G.122 and G.168 reckon with 6 dB as the worst), late by the path there and
back, and smeared over some milliseconds. The prompts are Debian's, as loud as prompts are, all languages in turn.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from bench.accuracy import Promise, Row
from bench.accuracy import signals as s
from bench.accuracy.dtmf_speech import SOUNDS, recordings, unheard
from bench.accuracy.dtmf_trials import SEED, Condition, Dice, Key, press

#: Of prompts while somebody speaks, dBm0.
PROMPT_DBM0 = -13.0
RETURN_LOSSES_DB = (6, 12, 20)
#: Delay of the echo, ms.
DELAYS_MS = (5.0, 60.0)
#: Keys of a phone (-10 dBm0 a tone), and of one far away; of which at least how many are heard, by return loss. The
#: rest is hidden by the loudest vowels. None: every one.
KEYS: dict[float, dict[int, float | None]] = {-10: {6: 0.99, 12: None, 20: None}, -16: {6: 0.8, 12: 0.98, 20: None}}
#: Reflections after the first one: so much later (ms) and so much of it.
_LATER = ((0.5, -0.45), (1.25, 0.25), (2.5, -0.12))


def echo(prompt: s.Signal, return_loss_db: float, delay_ms: float) -> s.Signal:
    """Give what comes back of a prompt, of the same length."""
    path = np.zeros(s.count(delay_ms + 3))
    path[s.count(delay_ms)] = 1.0
    for later, share in _LATER:
        path[s.count(delay_ms + later)] = share
    path *= 10 ** (-return_loss_db / 20) / np.sqrt(np.sum(path**2))
    return np.convolve(prompt, path)[: len(prompt)]


def prompts(*, quick: bool) -> list[s.Signal]:
    """Give prompts as they are played: through G.711, at `PROMPT_DBM0` while somebody speaks."""
    out = []
    for _, sound in list(recordings(SOUNDS))[:: 24 if quick else 1]:
        spoken = sound[np.abs(sound) > 0.02 * max(int(np.abs(sound).max()), 1)]
        if len(spoken) > s.RATE // 2:
            gain = 10 ** ((PROMPT_DBM0 - s.level(spoken)) / 20)
            out.append(s.line(sound * gain).astype(np.float64))
    return out


def conditions(played: list[s.Signal]) -> Iterator[Condition]:
    """Give keys over the echo; each trial has a place in a prompt and a delay of its own."""
    long = [one for one in played if len(one) > 2 * s.RATE]
    for (level, least), loss, ms in product(KEYS.items(), RETURN_LOSSES_DB, (50, 100)):

        def under(samples: int, dice: Dice, loss: float = loss) -> s.Signal:
            prompt = long[int(dice.integers(len(long)))]
            start = int(dice.integers(len(prompt) - samples - s.count(DELAYS_MS[1])))
            part = prompt[start : start + samples + s.count(DELAYS_MS[1])]
            return echo(part, loss, dice.uniform(*DELAYS_MS))[-samples:]

        name = f"over our prompt's echo, return loss {loss} dB, {ms} ms, {level:g} dBm0 a tone"
        promised: Promise = "accept" if least[loss] is None else "rate"
        yield Condition(name, promised, press(Key(ms, level, level)), under=under, least=least[loss])


def alone(played: list[s.Signal]) -> Iterator[Row]:
    """Give the echo of whole prompts, in which no digit may be heard."""
    for loss in RETURN_LOSSES_DB:
        dice = np.random.default_rng([SEED, loss])
        echoes = [s.linear(echo(one, loss, dice.uniform(*DELAYS_MS))) for one in played]
        condition = f"our prompt's echo alone, return loss {loss} dB"
        yield replace(unheard(condition, echoes, None), condition=condition)
