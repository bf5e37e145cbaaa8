"""Words of a simulation that its command is read with: without numpy, for every `edge` command reads this one, too."""

from typing import Literal

#: How answer rates and talk times go: as they are; up and down over the day; besides, jumping at random moments.
Weather = Literal["calm", "daily", "jumps"]
#: The oracle knows in advance who answers and when, and when each agent is done: nobody waits, on either side.
Way = Literal["progressive", "power", "predictive", "oracle"]
WAYS: tuple[Way, ...] = ("progressive", "power", "predictive", "oracle")
