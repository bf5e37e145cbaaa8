"""Tables of waves, in the order in which `banks.project` reads them; no kernels here."""

from typing import Any

import numpy as np

#: Samples that `project` takes, and half of them.
PROJECTED, HALF = 160, 80
#: Frequencies of a group of `project`; a vector of it holds four samples for four waves, four vectors all of a group.
GROUP = 8
WIDE, SUMS, STEPS = 16, 4, HALF // 4
#: Shape of the table of a group.
WAVES = (STEPS, SUMS, WIDE)


def waves(turns: Any) -> Any:
    """Make the table of `project` for frequencies in radians a sample, of which there may be any number."""
    count = -(-len(turns) // GROUP) * GROUP
    angles = np.outer(np.pad(np.asarray(turns, np.float64), (0, count - len(turns))), np.arange(HALF) + 0.5)
    table = np.stack([np.cos(angles), -np.sin(angles)])
    table[:, len(turns) :] = 0.0
    # part, group, half of the group, sum, step, sample of the step
    table = table.reshape(2, count // GROUP, 2, SUMS, STEPS, 4).transpose(1, 4, 3, 0, 2, 5)
    return np.ascontiguousarray(table.reshape(count // GROUP, STEPS, SUMS, WIDE).astype(np.float32))
