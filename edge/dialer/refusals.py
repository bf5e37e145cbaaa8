"""How often the rules did not let calls be made, kept for reports: by campaign, day and reason."""

from collections.abc import Iterable

from edge.core.dialer.reasons import Reason
from edge.dialer.running import Running
from edge.metrics.dialer import DialerMetrics
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import RefusalCount

_DAY_MS = 86_400_000


class Refusals:
    """The counts of one run. They are written now and then (`write`): what a kill takes is a beat's worth of them."""

    def __init__(self, run: str, metrics: DialerMetrics) -> None:
        self._run, self._metrics = run, metrics
        self._counts: dict[tuple[str, int, str], int] = {}
        self._changed: set[tuple[str, int, str]] = set()

    def add(self, running: Running, reasons: Iterable[Reason], wall_ms: int) -> None:
        """Count a call that was not made."""
        campaign, day_ms = running.settings.name, wall_ms - wall_ms % _DAY_MS
        for reason in reasons:
            self._metrics.refused.labels(campaign, reason).inc()
            running.refused[reason] = running.refused.get(reason, 0) + 1
            key = (campaign, day_ms, reason)
            self._counts[key] = self._counts.get(key, 0) + 1
            self._changed.add(key)

    def write(self, store: CampaignStore) -> None:
        """Write what has changed. Raises StorageError; it is written the next time then."""
        if not self._changed:
            return
        counts = [
            RefusalCount(campaign=campaign, day_ms=day_ms, reason=reason, calls=self._counts[campaign, day_ms, reason])
            for campaign, day_ms, reason in sorted(self._changed)
        ]
        store.note_refusals(self._run, counts)
        self._changed.clear()
