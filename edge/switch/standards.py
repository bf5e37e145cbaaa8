"""The standards of menus as metrics: what is expected, what the calls of the last time were like, whether it is met.

What is counted is written with the `call.ended` that it comes from, in one transaction, a row a slot of the ring: so a
restart loses none, counts none twice, and need not read the events.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from edge.core.indicators.journey import CallRecord
from edge.core.indicators.standards import Bound, Bounds, Rolling, Slot, Sums, standing_of

if TYPE_CHECKING:
    from edge.metrics.switch import SwitchMetrics

#: Keys in `meta`: this, the menu, `/`, the place in the ring.
META: Final = "standard/"


class Standards:
    """Of all menus that have some. The configuration may change; what fits the new one goes on being counted."""

    def __init__(self, standards: Sequence[Bounds], metrics: "SwitchMetrics", wall: datetime) -> None:
        self._metrics = metrics
        self._rolling: dict[str, Rolling] = {}
        self.configure(standards, wall)

    def configure(self, standards: Sequence[Bounds], wall: datetime) -> None:
        """Take a new configuration."""
        before, self._rolling = self._rolling, {}
        for bounds in standards:
            if not bounds.bounds:
                continue
            known = before.get(bounds.menu)
            if known is not None and known.bounds.what == bounds.what:
                self._rolling[bounds.menu] = known.under(bounds)
            else:
                self._rolling[bounds.menu] = Rolling(bounds, _ms(wall))
        for rolling in before.values():
            now = self._rolling.get(rolling.bounds.menu)
            for bound in rolling.bounds.bounds:
                if now is None or bound not in now.bounds.bounds:
                    self._metrics.forgotten_standard(rolling.bounds.menu, bound.node, bound.measured)

    def restore(self, stored: Mapping[str, str]) -> None:
        """Take what an earlier life counted, by menu and place; what another version wrote is left aside."""
        for key, text in stored.items():
            rolling = self._rolling.get(key.rpartition("/")[0])
            if rolling is not None:
                try:
                    rolling.restore(msgspec.json.decode(text, type=Slot))
                except msgspec.MsgspecError:
                    continue

    def has(self, menu: str) -> bool:
        """Whether calls of this menu are to be counted."""
        return menu in self._rolling

    def count(self, record: CallRecord, wall: datetime) -> dict[str, str]:
        """Count a call that ended; returns what is to be stored."""
        rolling = self._rolling.get(record.menu)
        if rolling is None:
            return {}
        place, slot = rolling.take(record, _ms(wall))
        return {f"{META}{record.menu}/{place}": msgspec.json.encode(slot).decode()}

    def show(self, wall: datetime) -> None:
        """Bring the gauges up to date."""
        for menu, rolling in self._rolling.items():
            sums = rolling.sums(_ms(wall))
            covered_s = rolling.covered_ms(_ms(wall)) / 1000
            for bound in rolling.bounds.bounds:
                self._show(menu, bound, sums, covered_s)

    def _show(self, menu: str, bound: Bound, sums: Sums, covered_s: float) -> None:
        metrics, labels = self._metrics, (menu, bound.node, bound.measured)
        unit, scale = ("seconds", 1000) if bound.measured == "time_in_menu" else ("ratio", 1)
        found = sums.estimate(bound)
        _, standing = standing_of(found, bound.value, most=bound.most)
        metrics.standard_target[unit].labels(*labels).set(bound.value / scale)
        metrics.standard_value[unit].labels(*labels).set(found.value / scale)
        metrics.standard_samples.labels(*labels).set(found.of)
        metrics.standard_covered.labels(*labels).set(covered_s)
        metrics.standard_met.labels(*labels).set(standing == "met")
        metrics.standard_missed.labels(*labels).set(standing == "missed")


def _ms(wall: datetime) -> int:
    return int(wall.timestamp() * 1000)
