"""Everybody around a staged menu: callers, those who are called, and the backends that are asked.

Phones live on an asyncio loop in a thread of its own, backends in an HTTPS server beside it.
"""

import asyncio
import contextlib
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Coroutine
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, structs

from edge.app.caller import free_loopback, way_to
from edge.app.menu_stage import Part, members_of, named_in, places_of
from edge.app.phone import Phone, Talk
from edge.config.site import Site
from edge.core.menus.rehearsal import BackendAnswer
from edge.core.sip.message import Request
from edge.core.sip.phone import Over
from edge.runtime.clock import monotonic_ms
from edge.vocabulary.media import Address

T = TypeVar("T")
#: How a target refuses; what is not here (`no_room`, `trunk_down`) does not come from a target.
STATUSES = {"busy": 486, "rejected": 603, "not_found": 404, "unreachable": 502, "failed": 500}
#: A backend that says nothing keeps the question for so long.
_SILENT_S = 600.0
_ANSWER_LIMIT = 1 << 20


class Answers(Struct, kw_only=True):
    """What the world does in one call. Both are called on threads of their own and may take their time."""

    #: Gives the outcome of a transfer to a target, "" when it answers and hangs up after a while.
    outcome_of: Callable[[str], str]
    #: Gives what an endpoint says.
    answer_of: Callable[[str], BackendAnswer]
    #: How long targets ring before they answer, and talk.
    ring_ms: int
    talk_ms: int


class Scene(Struct):
    """One call's part of the world: its phone, and those whom it may call."""

    part: Part
    answers: Answers
    caller: Phone


class World:
    """Use as a context manager. `folder` is for the certificate of the backends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="phones", daemon=True)
        self._phones: list[Phone] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.scenes: list[Scene] = []
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

    def add(self, part: Part, site: Site, answers: Answers) -> Scene:
        """Open the phones of a part: its caller's, and one for each place that its menu may call."""
        part.host = free_loopback()
        scene = Scene(part, answers, self.run(self._open(part.host)))
        elsewhere = free_loopback()
        for place in places_of(part.menu):
            part.places[place] = self._target(scene, elsewhere, "").address
        for trunk in named_in(part.menu, "trunk"):
            for member in members_of(site, trunk):
                part.trunks[member] = self._target(scene, elsewhere, member).address
        part.endpoints = named_in(part.menu, "endpoint")
        self.scenes.append(scene)
        return scene

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
            task = self._loop.create_task(self._called(scene, talk, _dialled(scene.part, invite, trunk)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        phone.invited = invited
        return phone

    async def _called(self, scene: Scene, talk: Talk, target: str) -> None:
        """Be the one who is called."""
        call = talk.call
        if call is None:
            return
        gone = asyncio.Event()
        talk.told = lambda action: gone.set() if isinstance(action, Over) else None
        talk.perform(call.ring())
        outcome = await self._loop.run_in_executor(None, scene.answers.outcome_of, target)
        if outcome == "no_answer":
            return
        if outcome:
            talk.perform(call.refuse(STATUSES.get(outcome, 500), monotonic_ms()))
            return
        if not await _within(gone, scene.answers.ring_ms):
            talk.perform(call.accept(monotonic_ms()))
            if not await _within(gone, scene.answers.talk_ms):
                talk.hang_up()


async def _within(gone: asyncio.Event, ms: int) -> bool:
    """Wait so long; True when the caller has gone before."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(gone.wait(), ms / 1000)
    return gone.is_set()


def _dialled(part: Part, invite: Request, trunk: str) -> str:
    """Return whom a call is for, as the menu's author wrote it."""
    plain = structs.replace(invite.uri, params=(), password="")
    return part.target(plain.user if trunk else str(plain), trunk)


# --- backends ---------------------------------------------------------------------------------------------------------


class Backends:
    """An HTTPS server on loopback that answers `POST /NUMBER/ENDPOINT` for the scene of that number.

    Its certificate is made by the openssl program for this run, so digits that may leave by TLS only do so here, too.
    """

    def __init__(self, folder: Path, scenes: list[Scene]) -> None:
        self.authority = str(folder / "backends.pem")
        key = folder / "backends.key"
        if shutil.which("openssl") is None:
            raise FileNotFoundError("the program openssl, which makes the certificate of the backends")
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-days", "2", "-subj", "/CN=menu-test", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", str(key), "-out", self.authority),
            ],
            check=True,
            capture_output=True,
            timeout=30,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority, key)
        closing = self._closing = threading.Event()

        class Handler(_Handler):
            def answer(self, number: int, endpoint: str) -> BackendAnswer | None:
                known = number < len(scenes) and endpoint in scenes[number].part.endpoints
                return scenes[number].answers.answer_of(endpoint) if known else None

            def be_silent(self) -> None:
                closing.wait(_SILENT_S)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # The handshake is made by the thread of the question, when it reads.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, name="backends", daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One question."""

    protocol_version = "HTTP/1.1"

    def answer(self, number: int, endpoint: str) -> BackendAnswer | None:
        """Give what an endpoint says; None: there is no such one."""
        raise NotImplementedError

    def be_silent(self) -> None:
        """Wait until nobody waits for an answer any more."""
        raise NotImplementedError

    def do_POST(self) -> None:
        """Answer."""
        length = self.headers.get("Content-Length", "0")
        self.rfile.read(min(int(length) if length.isdecimal() else 0, _ANSWER_LIMIT))
        _, _, rest = self.path.partition("/")
        number, _, endpoint = rest.partition("/")
        said = self.answer(int(number), endpoint) if number.isdecimal() else None
        self.close_connection = True
        if said is not None and said.outcome == "timeout":
            self.be_silent()
        elif said is None or said.outcome == "failed":
            self.send_error(404 if said is None else 503)
        else:
            result = {"result": said.answer} if said.answer else {}
            body = json.dumps({**result, "attributes": said.attributes}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: what is asked may be private."""
