"""Everybody around a staged menu: callers, those who are called, and the backends that are asked.

Phones live on an asyncio loop in a thread of its own, backends in an HTTPS server beside it.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from msgspec import structs

from edge.app.caller import free_loopback, way_to
from edge.app.menu_backends import Backends
from edge.app.menu_called import be_called, be_sent
from edge.app.menu_crowd import CrowdCalls
from edge.app.menu_events import EventFeed
from edge.app.menu_part import Apart, Part
from edge.app.menu_scene import Answers, Scene
from edge.app.menu_stage import members_of, named_in, places_of
from edge.app.menu_stage_queues import agents_of
from edge.app.phone import Phone, Talk
from edge.config.site import Site
from edge.core.sip.message import Request
from edge.core.sip.uri import Uri
from edge.vocabulary.media import Address

T = TypeVar("T")
#: Of an address where nobody is.
DOWN_PORT = 5060


class World:
    """Use as a context manager. `folder` is for the certificate of the backends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="phones", daemon=True)
        self._phones: list[Phone] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.scenes: list[Scene] = []
        #: Held while a call begins: an appliance that has just been started grows with its calls.
        self.turn = threading.Lock()
        self._backends: Backends | None = None

    def __enter__(self) -> "World":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for phone in self._phones:
            self.do(phone.close)
        if self._backends is not None:
            self._backends.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have work done on the phones' thread, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def do(self, work: Callable[[], Any]) -> None:
        """Have a call made on the phones' thread, and wait for it."""

        async def doing() -> None:
            work()

        self.run(doing())

    def add(self, part: Part, site: Site, answers: Answers, *, called: bool = False) -> Scene:
        """Open the phones of a part: its caller's (who may be `called`), and one for each place that its menu calls."""
        part.host = free_loopback()
        scene = Scene(part, answers, self.run(self._open(part.host)))
        part.at = scene.caller.address if called else None
        elsewhere = free_loopback()
        agents = agents_of(site, part)
        for place in places_of(part.menu, [agent.target for agent in agents]):
            part.places[place] = self._target(scene, elsewhere, "").address
        for trunk in dict.fromkeys([*named_in(part.menu, "trunk"), *(agent.trunk for agent in agents if agent.trunk)]):
            for member in members_of(site, trunk):
                part.trunks[member] = self._target(scene, elsewhere, member).address
        part.endpoints = named_in(part.menu, "endpoint")
        if part.queues:
            part.crowd_host, part.nobody = free_loopback(), self._target(scene, elsewhere, "").address
            scene.crowd = self.run(self._open(part.crowd_host))
        for target, why in part.refused.items():
            at = Address(free_loopback(), DOWN_PORT)  # nobody is there
            if why == "no_room":
                scene.fillers.append(self.run(self._open(at.host)))
                at = scene.fillers[-1].address
            part.apart[target] = Apart(why=why, at=at)
        self.scenes.append(scene)
        return scene

    def gather(self, scene: Scene, to: Address, feed: EventFeed) -> CrowdCalls:
        """Have those come who make the world of a scene what its test says. Raises `NotGatheredError`."""
        scene.crowd_calls = CrowdCalls(scene, to, self._loop)
        scene.crowd_calls.gather(feed)
        return scene.crowd_calls

    def refer(self, scene: Scene | None, talk: Talk, target: Uri) -> None:
        """Have the caller call somebody else, as a REFER wants it; on the phones' thread."""
        if scene is None:
            talk.refer_over(603)  # who is not of our world is not called
            return
        plain = structs.replace(target, params=(), password="")
        written = scene.part.target(str(plain), "")
        # A number is referred to at the caller's own host.
        self._have(be_sent(scene, talk, plain.user if written == str(plain) else written))

    def backends(self) -> tuple[str, str]:
        """Start the backends of all parts, where there are any; their URL, and the file to verify them by."""
        if any(scene.part.endpoints for scene in self.scenes):
            self._backends = Backends(self._folder, self.scenes)
            return self._backends.url, self._backends.authority
        return "", ""

    def phone_to(self, to: Address) -> Phone:
        """Open a phone that can call an address."""
        return self.run(self._open(way_to(to.host).local))

    async def _open(self, host: str) -> Phone:
        phone = await Phone.open(host)
        self._phones.append(phone)
        return phone

    def _target(self, scene: Scene, host: str, trunk: str) -> Phone:
        phone = self.run(self._open(host))

        def invited(talk: Talk, invite: Request) -> None:
            self._have(be_called(scene, talk, invite, _dialled(scene.part, invite, trunk)))

        phone.invited = invited
        return phone

    def _have(self, work: Coroutine[Any, Any, None]) -> None:
        """Have work done that nobody waits for; on the loop's thread."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _dialled(part: Part, invite: Request, trunk: str) -> str:
    """Return whom a call is for, as the menu's author wrote it."""
    plain = structs.replace(invite.uri, params=(), password="")
    return part.target(plain.user if trunk else str(plain), trunk)
