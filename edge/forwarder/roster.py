"""The sinks of a configuration, brought to life and to an end."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from edge.config.site import Sink
from edge.core.delivery.progress import Progress
from edge.forwarder.runner import OnCondition, SinkRunner
from edge.forwarder.sinks.base import BadSettingsError
from edge.forwarder.standing import Standing
from edge.forwarder.store import STORAGE_ERRORS, DeliveryStore
from edge.metrics.forwarder import ForwarderMetrics
from edge.runtime.clock import wall_time
from edge.runtime.logs import logger
from edge.storage.reader import Reader


class Sinks:
    """Runs every configured sink. A sink that can't be used, or not yet, stops no other."""

    def __init__(
        self, site: str, outbox: Reader, store: DeliveryStore, metrics: ForwarderMetrics, on_condition: OnCondition
    ) -> None:
        #: Name of the appliance.
        self._site = site
        self._outbox = outbox
        self._store = store
        self._metrics = metrics
        self._tell = on_condition
        #: What is said now, by condition.
        self._said: dict[str, str] = {}
        self._log = logger("forwarder")
        self._runners: dict[str, SinkRunner] = {}
        #: Sinks that start as soon as the files can be read and written.
        self._waiting: dict[str, Sink] = {}
        #: Sinks whose settings are no good, with their types.
        self._unusable: dict[str, str] = {}

    def wake(self) -> None:
        """Look for new events, and start what waits."""
        for sink in list(self._waiting.values()):
            self._start(sink)
        for runner in self._runners.values():
            runner.woken()

    def measure(self) -> None:
        """Bring the gauges up to date."""
        for runner in self._runners.values():
            runner.measure()

    def standings(self) -> list[Standing]:
        """Say how all are doing, those that can't be used, too."""
        found = [runner.standing() for runner in self._runners.values()]
        known = {standing.name for standing in found}
        found += [Standing(name=sink.name, type=sink.type) for sink in self._waiting.values()]
        found += [Standing(name=name, type=kind) for name, kind in self._unusable.items() if name not in known]
        letters: dict[str, int] = {}
        with suppress(*STORAGE_ERRORS):
            letters = self._store.letters()
        for standing in found:
            standing.dead_letters = letters.get(standing.name, 0)
            names = [f"sink-{what}-{standing.name}" for what in ("settings", "gone", "storage", "says")]
            standing.conditions = [self._said[name] for name in names if name in self._said]
        return sorted(found, key=lambda standing: standing.name)

    def _on_condition(self, name: str, text: str) -> None:
        if text:
            self._said[name] = text
        else:
            self._said.pop(name, None)
        self._tell(name, text)

    async def close(self) -> None:
        """Stop all."""
        for runner in self._runners.values():
            await runner.close()
        self._runners.clear()

    async def configure(self, configured: Iterable[Sink]) -> None:
        """Make the running sinks those that are configured."""
        sinks = {sink.name: sink for sink in configured}
        # Each sink may wait for a name server in as many threads as it has requests, without taking those of others.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4 * len(sinks) + 4, "resolver"))
        for name in [name for name in self._runners if name not in sinks]:
            self._log.info("sink removed", sink=name)
            await self._runners.pop(name).close()
            self._metrics.forgotten_sink(name)
        for name in self._unusable.keys() - sinks.keys():
            self._usable(name)
        for name in self._waiting.keys() - sinks.keys():
            del self._waiting[name]
            self._on_condition(f"sink-storage-{name}", "")
        try:
            self._store.configured(sinks, wall_time())
        except STORAGE_ERRORS as error:  # it only dates removed sinks, and comes again with the next reload
            self._log.error("removed sinks could not be noted", error=str(error))
        for name, sink in sinks.items():
            if name in self._runners:
                self._change(sink)
            else:
                self._start(sink)

    def _change(self, sink: Sink) -> None:
        try:
            self._runners[sink.name].configure(sink)
        except BadSettingsError as error:
            self._refuse(sink, error)
        else:
            self._usable(sink.name)

    def _start(self, sink: Sink) -> None:
        self._waiting.pop(sink.name, None)
        try:
            progress = self._place(sink.name)
            runner = SinkRunner(
                sink,
                progress,
                site=self._site,
                outbox=self._outbox,
                store=self._store,
                metrics=self._metrics,
                on_condition=self._on_condition,
            )
        except BadSettingsError as error:
            self._refuse(sink, error)
            return
        except STORAGE_ERRORS as error:
            self._metrics.storage_errors.inc()
            self._waiting[sink.name] = sink
            self._on_condition(f"sink-storage-{sink.name}", f"delivery waits: {error}")
            return
        self._on_condition(f"sink-storage-{sink.name}", "")
        self._usable(sink.name)
        self._metrics.known_sink(sink.name)
        self._runners[sink.name] = runner
        self._log.info("sink starts", sink=sink.name, after=progress.cursor)
        runner.woken()

    def _place(self, name: str) -> Progress:
        """Where a sink goes on; a new one begins with the oldest event that is kept, so that nothing is lost to it."""
        oldest = self._outbox.oldest_sequence()
        begin = 0 if oldest is None else oldest - 1
        self._store.begin(name, begin)
        progress = self._store.progress(name)
        if progress is None:
            raise RuntimeError(f"sink {name} was not stored")
        if progress.cursor > self._outbox.last_sequence() > 0:
            self._log.error(
                "the outbox ends before the sink's place: it was replaced; going on at its start", sink=name
            )
            self._store.restart(name, begin)
            progress = Progress(begin)
        return progress

    def _refuse(self, sink: Sink, error: BadSettingsError) -> None:
        self._unusable[sink.name] = sink.type
        self._log.error("settings of a sink can't be used", sink=sink.name, error=str(error))
        self._on_condition(f"sink-settings-{sink.name}", str(error))

    def _usable(self, name: str) -> None:
        self._unusable.pop(name, None)
        self._on_condition(f"sink-settings-{name}", "")
