"""A provider in the place of a trunk: it answers REGISTER and OPTIONS of the core as it is told, while time passes."""

import re
from collections.abc import Callable

from msgspec.structs import replace

from edge.core.sip.actions import Action, Flow, FromPeer, KeepUp, Locate, Located, Place, Tick, ToPeer, Transport
from edge.core.sip.authentication import Account
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.parser import parse
from edge.core.sip.trunks import Registrar, Trunk
from edge.core.sip.uri import NameAddr
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private
from edge.vocabulary.reports import Noticed
from edge.vocabulary.site_events import TrunkEvent
from tests.core.sip.world import TRUNK, TRUNK_HOST, World, reports

PASSWORD = "lion-of-the-sea"
ACCOUNT = Account(user="4930", auth_user="4930", password=Private(PASSWORD))
REGISTRAR = Registrar(
    domain="provider.example", aor_user="4930", aor_domain="provider.example", hops=(Place(TRUNK_HOST, 5061, "udp"),)
)
REGISTERED = replace(TRUNK, account=ACCOUNT, registrar=REGISTRAR, contact_user="4930")
ASKED = replace(TRUNK, qualify_ms=30_000)

#: Makes what a provider says to a request; None: nothing.
Says = Callable[[Request, bytes], Response | None]


def say(request: Request, status: int, **changes: object) -> Response:
    response = Response(
        status=status,
        vias=request.vias,
        from_=request.from_,
        to=request.to.with_tag("registrar"),
        call_id=request.call_id,
        cseq=request.cseq,
        method=request.method,
    )
    for name, value in changes.items():
        setattr(response, name, value)
    return response


def granted(request: Request, data: bytes, seconds: int | None = None) -> Response:
    asked = int(request.extras["Expires"])
    expires = asked if seconds is None or not asked else seconds
    assert request.contact is not None
    bindings = [NameAddr(request.contact.uri, "", (("expires", str(expires)),))] if expires else []
    return say(request, 200, contact=bindings[0] if bindings else None, extras={"Expires": str(expires)})


def with_digest(says: Says, realm: str = "provider.example") -> Says:
    """Ask for credentials first, with a nonce for each request."""

    def answer(request: Request, data: bytes) -> Response | None:
        if b"Authorization: Digest " in data:
            return says(request, data)
        text = f'Digest realm="{realm}", nonce="n{request.cseq}", qop="auth", algorithm=MD5'
        return say(request, 401, extras={"WWW-Authenticate": text})

    return answer


def fixed(status: int, **extras: str) -> Says:
    return lambda request, _: say(request, status, extras=dict(extras))


def silent(request: Request, data: bytes) -> Response | None:
    return None


class Provider:
    """One world with a provider; everything that was sent to it is kept with its time."""

    def __init__(self, trunk: Trunk = REGISTERED, says: Says = granted, *, seed: str = "seed", **more: object) -> None:
        self.world = World(**{"trunks": (trunk,), "seed": seed, **more})
        self.says = says
        self.delay_ms = 20
        #: Number of the connection that its answers come on.
        self.connection = 0
        self.sent: list[tuple[int, Request, bytes, Flow]] = []
        self.seen: list[Action] = []
        self.names: dict[str, tuple[Address, ...]] = {}
        #: What DNS says that is spoken there; empty: nothing.
        self.transport: Transport | None = None
        self._due: list[tuple[int, Response, Flow]] = []
        self.put(KeepUp())

    @property
    def door(self):
        return self.world.door

    def put(self, item: object) -> list[Action]:
        """Give the core an input, and let the provider see what that leads to."""
        actions = self.world.put(item)  # type: ignore[arg-type]
        self.seen += actions
        for action in actions:
            if isinstance(action, Locate):
                self._name(action)
            if not isinstance(action, ToPeer):
                continue
            request = parse(action.data)
            if not isinstance(request, Request) or request.method not in ("REGISTER", "OPTIONS"):
                continue
            self.sent.append((self.world.now_ms, request, action.data, action.flow))
            response = self.says(request, action.data)
            if response is not None:
                flow = replace(action.flow, connection=self.connection)
                self._due.append((self.world.now_ms + self.delay_ms, response, flow))
        return actions

    def _name(self, action: Locate) -> None:
        addresses = tuple(self.names.get(place.host, ()) for place in action.places)
        self.put(Located(action.leg, addresses, (self.transport,) if self.transport is not None else ()))

    def run(self, ms: int) -> None:
        """Let time pass: ticks, and answers on their way."""
        end = self.world.now_ms + ms
        for _ in range(100_000):
            deadline = self.door.deadline
            times = [deadline.at_ms] if deadline is not None else []
            times += [at for at, _, _ in self._due]
            if not times or min(times) > end:
                break
            self.world.now_ms = max(self.world.now_ms, min(times))
            ready = [one for one in self._due if one[0] <= self.world.now_ms]
            self._due = [one for one in self._due if one[0] > self.world.now_ms]
            for _, response, flow in ready:
                self.answer(response, flow)
            if deadline is not None and deadline.at_ms <= self.world.now_ms:
                self.put(Tick())
        self.world.now_ms = end

    def answer(self, response: Response, flow: Flow) -> None:
        """Give the core a response."""
        self.put(FromPeer(parse(serialise(response)), flow, self.world.token()))

    def take(self) -> list[tuple[int, Request, bytes, Flow]]:
        found, self.sent = self.sent, []
        return found

    def firsts(self) -> list[tuple[int, Request, bytes, Flow]]:
        """What was sent, without repeats of the same transaction."""
        found, branches = [], set()
        for one in self.sent:
            branch = one[1].vias[0].branch
            if branch not in branches:
                branches.add(branch)
                found.append(one)
        return found

    def changes(self) -> list[tuple[str, str | None]]:
        """What switch was told, oldest first."""
        found = []
        for report in reports(self.seen):
            if isinstance(report, Noticed) and isinstance(report.event, TrunkEvent):
                name = str(report.event.__struct_config__.tag).removeprefix("trunk.")
                found.append((name, getattr(report.event, "cause", None)))
        return found

    def standing(self):
        return self.door.upkeep.standings()[0]


def flow_of(host: str, port: int = 5061) -> Flow:
    return Flow("udp", Address(host, port), 0, "main")


def header(data: bytes, name: str) -> str:
    found = re.search(rf"^{name}: (.*?)\r$".encode(), data, re.MULTILINE)
    return found[1].decode() if found else ""
