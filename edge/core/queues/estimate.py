"""How long somebody will wait: a formula that can be checked by hand, and how it is said.

    estimate = position * mean handling time / agents

Position counts from 1, agents are those of the queue who could take the call and are not resting. While all of them
are busy, one of n gets free every h/n on the average (handling times h), and the caller at place k needs k of them:
the mean wait in a system M/M/n for somebody who finds k - 1 others waiting. The mean is that of the last calls of the
queue, talk and wrap-up; those that have not been measured yet count with the time that the site states. A talk that
already lasts three times as long counts as one more, with what has passed: no promise rests on less than that. (Those
that are a little over the mean are not counted: they are always there, and would make every estimate too long.)
"""

from collections.abc import Collection

MINUTE_MS = 60_000
#: A present talk of so many means is out of the ordinary; of exponential ones a twentieth is.
LONG = 3


def mean_handling_ms(measured: Collection[int], going_on: Collection[int], stated_ms: int, wanted: int) -> float:
    """Give the mean of `wanted` handling times.

    `measured` are the last ones at most, `going_on` how long present talks last already, `stated_ms` what counts for
    those that are missing.
    """
    count = max(wanted, len(measured), 1)
    mean = (sum(measured) + stated_ms * (count - len(measured))) / count
    longer = [one for one in going_on if one > LONG * mean]
    return (mean * count + sum(longer)) / (count + len(longer))


def estimate_ms(position: int, agents: int, mean_ms: float) -> int:
    """Give the estimated wait of the caller at `position` (1: next) from now on."""
    return round(position * mean_ms / max(1, agents))


def minutes_to_say(wait_ms: int) -> int:
    """Round for people, upwards: to minutes, from ten on to five, from an hour on to fifteen."""
    minutes = max(1, -(-wait_ms // MINUTE_MS))
    step = 1 if minutes <= 10 else 5 if minutes <= 60 else 15
    return -(-minutes // step) * step
