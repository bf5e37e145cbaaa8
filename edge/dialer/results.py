"""What agents say came of their talks, as switch tells it: kept, so that contacts go on by it, and answered."""

from collections.abc import Mapping

from msgspec import structs

from edge.dialer.port import Port
from edge.dialer.running import Running
from edge.metrics.dialer import DialerMetrics
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Result
from edge.vocabulary.commands import ResultTold


class Results:
    """Those that were told. A new life of ours is told all of it that switch has not heard to be kept."""

    def __init__(
        self, store: CampaignStore, port: Port, campaigns: Mapping[str, Running], metrics: DialerMetrics
    ) -> None:
        self._store, self._port, self._campaigns, self._metrics = store, port, campaigns, metrics
        self._unkept: dict[str, ResultTold] = {}

    def hear(self, told: ResultTold) -> None:
        """Take one. Raises StorageError; it is kept by `keep` then."""
        self._unkept[told.id] = told
        self.keep()

    def keep(self) -> None:
        """Keep what could not be kept before. Raises StorageError."""
        for told in list(self._unkept.values()):
            if self._store.give_result(Result(**structs.asdict(told))) and told.campaign in self._campaigns:
                self._metrics.result(told.campaign, told.code)
            del self._unkept[told.id]
            self._port.taken([told.id])
