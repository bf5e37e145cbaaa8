"""What trials are worth: how often their intervals hold, how often they see what is not there, and what is there.

Trials are drawn, with replacement, from two populations of simulated calls (`bench.callers`), whose indicators are
known exactly. `looks` are trials of equal sides whose guard rails look after every call.
"""

import random
from collections.abc import Callable, Iterator

from bench.callers import CANDIDATE, CONTROL, pool
from edge.core.indicators.comparison import INDICATORS, Compared, compare
from edge.core.indicators.estimates import calls_for_share, share_difference
from edge.core.indicators.journey import CallRecord
from edge.core.indicators.sequential import Watched, alarm_of
from edge.core.indicators.tally import Tally
from edge.core.routing.trials import Guards

SEED = 20261122
POOL = 20_000
TRIALS = 2000
#: Calls of a trial: of the candidate, of control.
SIDES = (150, 350)
#: Guard rails: trials, and calls of each.
LOOKS = (2000, 2000)
#: Indicators whose difference is measured; the others have too few calls in trials of this size.
WATCHED = ("containment", "abandonment", "connected", "time in menu", "calls with no input", "calls with no match")


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure it."""
    trials = 200 if quick else TRIALS
    control, candidate = pool(CONTROL, POOL, SEED), pool(CANDIDATE, POOL, SEED + 1)
    covered, wrong = coverage(control, candidate, trials, SEED)
    for name, share in covered.items():
        emit(f"trials_{_key(name)}_covered", round(100 * share, 1), "% of 95 % intervals", seed=SEED, trials=trials)
    emit("trials_wrong_verdicts", round(100 * wrong, 2), "% of verdicts, wrong way round")
    for name, share in false_verdicts(control, trials, SEED + 2).items():
        emit(f"trials_equal_{_key(name)}_differ", round(100 * share, 2), "% of equal trials, one look")
    power, calls = power_of(control, candidate, trials, SEED + 3)
    emit("trials_power_of_planned_calls", round(100 * power, 1), "% of trials see it", calls=calls)
    runs, length = (200, 1000) if quick else LOOKS
    abandoned = sum(one.fate == "abandoned" for one in control) / len(control)
    for margin in (0.0, 0.05):
        always, naive = looks(abandoned, margin, runs, length, SEED + 4)
        name = f"trials_looked_at_{length}_times_margin_{round(100 * margin)}"
        emit(f"{name}_stopped", round(100 * always, 2), "% of trials no worse than that", trials=runs)
        emit(f"{name}_naively_stopped", round(100 * naive, 1), "% by ordinary 95 % intervals", trials=runs)
    stopped, after = guarded(abandoned, 0.10, runs // 4, 4 * length, SEED + 5)
    emit("trials_10_points_worse_stopped", round(100 * stopped, 1), "% of trials", trials=runs // 4)
    emit("trials_10_points_worse_stopped_after", after, "calls (median)")


def _key(name: str) -> str:
    return name.replace(" ", "_")


def drawn(population: list[CallRecord], calls: int, chance: random.Random) -> Tally:
    """Draw the calls of one side."""
    tally = Tally()
    for one in chance.choices(population, k=calls):
        tally.take(one)
    return tally


def truth(control: list[CallRecord], candidate: list[CallRecord]) -> dict[str, float]:
    """Give the differences of the populations, candidate minus control."""
    sides = []
    for population in (control, candidate):
        tally = Tally()
        for one in population:
            tally.take(one)
        sides.append(tally)
    return {one.name: one.of(sides[1]).value - one.of(sides[0]).value for one in INDICATORS}


def _trials(control: list[CallRecord], candidate: list[CallRecord], trials: int, seed: int) -> Iterator[list[Compared]]:
    chance = random.Random(seed)
    for _ in range(trials):
        yield compare(drawn(control, SIDES[1], chance), drawn(candidate, SIDES[0], chance), final=True)


def coverage(
    control: list[CallRecord], candidate: list[CallRecord], trials: int, seed: int
) -> tuple[dict[str, float], float]:
    """Count the intervals of a difference that hold it, and the verdicts that say the opposite of what is true."""
    true = truth(control, candidate)
    held = dict.fromkeys(WATCHED, 0)
    wrong = verdicts = 0
    good = {one.name: one.good for one in INDICATORS}
    for rows in _trials(control, candidate, trials, seed):
        for row in rows:
            if row.indicator not in held:
                continue
            held[row.indicator] += row.difference.low <= true[row.indicator] <= row.difference.high
            if row.verdict in {"better", "worse"}:
                verdicts += 1
                is_better = (true[row.indicator] > 0) == (good[row.indicator] == "high")
                wrong += (row.verdict == "better") is not is_better
    return {name: count / trials for name, count in held.items()}, wrong / max(1, verdicts)


def false_verdicts(population: list[CallRecord], trials: int, seed: int) -> dict[str, float]:
    """Count the trials of two equal sides that are told to differ, at one look."""
    told = dict.fromkeys(WATCHED, 0)
    for rows in _trials(population, population, trials, seed):
        for row in rows:
            if row.indicator in told:
                told[row.indicator] += row.verdict not in {"no difference seen yet", "too few calls"}
    return {name: count / trials for name, count in told.items()}


def power_of(
    control: list[CallRecord], candidate: list[CallRecord], trials: int, seed: int, part: float = 0.3
) -> tuple[float, int]:
    """Plan trials for the difference in abandonment that there is, and count those that see it: 80 % should."""
    shares = [sum(one.fate == "abandoned" for one in side) / len(side) for side in (control, candidate)]
    calls = round(calls_for_share(shares[0], shares[0] - shares[1], part))
    ours, theirs = round(calls * part), round(calls * (1 - part))
    chance = random.Random(seed)
    seen = 0
    for _ in range(trials):
        counts = [sum(one.fate == "abandoned" for one in chance.choices(side, k=size))
                  for side, size in ((candidate, ours), (control, theirs))]  # fmt: skip
        found = share_difference((counts[0], ours), (counts[1], theirs))
        seen += not found.low <= 0 <= found.high
    return seen / trials, calls


def looks(abandoned: float, margin: float, runs: int, length: int, seed: int) -> tuple[float, float]:
    """Count the trials that guard rails stop although the candidate is worse by no more than `margin`.

    Also by ordinary intervals that are looked at as often. Calls come to both sides in turn.
    """
    chance = random.Random(seed)
    guards = Guards(abandonment=margin)
    always = naive = 0
    for _ in range(runs):
        control = candidate = Watched()
        stopped = stopped_naively = False
        for number in range(length):
            if number % 2:
                control = control.plus("abandoned" if chance.random() < abandoned else "contained")
            else:
                candidate = candidate.plus("abandoned" if chance.random() < abandoned + margin else "contained")
            if number < 2 * guards.after_calls:
                continue
            stopped = stopped or alarm_of(guards, control, candidate) is not None
            if not stopped_naively:
                found = share_difference((candidate.abandoned, candidate.calls), (control.abandoned, control.calls))
                stopped_naively = found.low > margin
        always += stopped
        naive += stopped_naively
    return always / runs, naive / runs


def guarded(abandoned: float, worse: float, runs: int, length: int, seed: int) -> tuple[float, int]:
    """Count the trials that are stopped because the candidate is worse, and after how many calls half of them are."""
    chance = random.Random(seed)
    guards = Guards(abandonment=0.0)
    after = []
    for _ in range(runs):
        sides = [Watched(), Watched()]
        for number in range(length):
            side = number % 2
            sides[side] = sides[side].plus("abandoned" if chance.random() < abandoned + side * worse else "contained")
            if number >= 2 * guards.after_calls and alarm_of(guards, sides[0], sides[1]) is not None:
                after.append(number + 1)
                break
    return len(after) / runs, sorted([*after, *[length] * (runs - len(after))])[runs // 2]
