"""Those who make a stage what a test says it is: callers in its queues beside the caller, and who fills a trunk.

They are real callers. `gather` has them all where they are to be before the call of the test begins; once the caller
has joined a queue, those who talk with its agents hang up, and those who stand before him go one after the other.
"""

import asyncio
import threading
from collections import Counter

from edge.app.menu_events import EventFeed
from edge.app.menu_part import written
from edge.app.menu_scene import CROWD, Scene
from edge.app.menu_stage import FILL
from edge.app.menu_stage_queues import TALKING, WAITING, crowd_of
from edge.app.phone import Phone, Talk
from edge.core.sip.phone import Action, Over, Talks
from edge.core.sip.uri import NameAddr, Uri
from edge.vocabulary.media import Address

#: Everybody is where he is to be within this.
GATHERED_S = 20.0


class NotGatheredError(Exception):
    """The stage is not as the test says; the text says what is missing."""


class CrowdCalls:
    """The crowd of one scene. Methods that are no coroutines may be called by any thread."""

    def __init__(self, scene: Scene, to: Address, loop: asyncio.AbstractEventLoop) -> None:
        self._scene, self._to, self._loop = scene, to, loop
        self._talks: dict[str, list[Talk]] = {}
        self._moved: set[str] = set()
        self._timers: list[asyncio.TimerHandle] = []
        #: What has happened so far: types of events, and calls that were answered or are over.
        self._seen: Counter[str] = Counter()
        self._changed = threading.Condition()

    # --- gathering

    def gather(self, feed: EventFeed) -> None:
        """Have everybody come. Raises `NotGatheredError`."""
        part = self._scene.part
        feed.follow(part.crowd_trunk, lambda event: self._see(event["type"]))
        # One after the other: an appliance that has just been started grows with its calls.
        for count, filler in enumerate(self._scene.fillers, 1):
            self._dial(filler, FILL)
            self._wait("talks", count, "who has the only channel of a trunk")
        crowds = [crowd_of(name, there) for name, there in part.queues.items()]
        phone = self._scene.crowd
        if phone is not None:
            talking = [number for crowd in crowds for number in crowd.talking]
            for count, number in enumerate(talking, 1):
                self._dial(phone, number)
                self._wait("queue.connected", count, "who talks with an agent")
            waiting = [crowd.waiting for crowd in crowds for _ in range(crowd.ahead)]
            for count, number in enumerate(waiting, len(talking) + 1):
                self._dial(phone, number)
                self._wait("queue.entered", count, "who stands before the caller")
        down = {name for name, apart in part.apart_trunks.items() if apart.why == "trunk_down"}
        if not feed.down(down, GATHERED_S):
            raise NotGatheredError("a trunk that is to be down is not")

    def _dial(self, phone: Phone, number: str) -> None:
        uri = Uri("sip", number, self._to.host, self._to.port)
        caller = NameAddr(Uri("sip", CROWD, phone.address.host))

        def ready(talk: Talk) -> None:
            talk.told = self._told
            self._talks.setdefault(number, []).append(talk)

        asyncio.run_coroutine_threadsafe(phone.call(uri, caller, ready, to=self._to), self._loop).result(GATHERED_S)

    def _told(self, action: Action) -> None:
        if isinstance(action, Talks | Over):
            self._see("talks" if isinstance(action, Talks) else "over")

    def _see(self, what: str) -> None:
        with self._changed:
            self._seen[what] += 1
            self._changed.notify_all()

    def _wait(self, what: str, count: int, who: str) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._seen[what] >= count, GATHERED_S):
                raise NotGatheredError(f"{who} is not there within {GATHERED_S:.0f} s")

    # --- what happens then

    def joined(self, queue: str) -> None:
        """Let things happen in a queue (as the stage names it) that the caller has joined; only the first time."""
        self._loop.call_soon_threadsafe(self._move, written(queue))

    def _move(self, queue: str) -> None:
        if queue in self._moved:
            return
        self._moved.add(queue)
        for talk in self._talks.get(TALKING + queue, []):
            talk.hang_up()
        there = self._scene.part.queues.get(queue)
        if there is None or not there.moves_ms:
            return
        # The first one talks with the agent who never has time.
        for gone, talk in enumerate(self._talks.get(WAITING + queue, [])[1:], 1):
            self._timers.append(self._loop.call_later(gone * there.moves_ms / 1000, talk.hang_up))

    def leave(self) -> None:
        """Have everybody hang up."""
        self._loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        for timer in self._timers:
            timer.cancel()
        for talks in self._talks.values():
            for talk in talks:
                talk.hang_up()
