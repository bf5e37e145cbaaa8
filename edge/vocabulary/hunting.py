"""Words for the search of somebody who takes a call."""

from typing import Literal

#: In which order the targets of a hunt are dialled, or all at once.
HuntStrategy = Literal["linear", "round_robin", "random", "all"]
