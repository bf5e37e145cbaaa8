"""Telephones for tests of menus: sockets and timers around `edge.core.sip.phone`, on one asyncio loop.

A `Phone` is a SIP socket; its calls are `Talk`s, each with an RTP socket of its own.
"""

import asyncio
import secrets
import socket
from collections.abc import Callable

from edge.app.phone_audio import PhoneAudio, Samples, open_audio
from edge.core.sip.message import Request, Response
from edge.core.sip.parser import parse
from edge.core.sip.phone import Action, Over, PhoneCall, Referred, Rings, Talks, Transmit
from edge.core.sip.uri import NameAddr, Uri
from edge.runtime.clock import monotonic_ms
from edge.vocabulary.media import Address


def _dice() -> str:
    return secrets.token_hex(8)


class Talk:
    """One call of a phone. Its methods belong to the loop's thread."""

    def __init__(self, phone: "Phone") -> None:
        self._phone = phone
        #: What it hears, and what it says; see `PhoneAudio`.
        self.heard: Callable[[Samples], None] = lambda _samples: None
        self.speaks: Callable[[], Samples | None] = lambda: None
        #: Told of what happens to the call.
        self.told: Callable[[Action], None] = lambda _action: None
        self.audio: PhoneAudio | None = None
        self.call: PhoneCall | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def open(self) -> PhoneCall:
        """Open its RTP socket."""
        self.audio, rtp = await open_audio(self._phone.address.host, self._hear, self._speak)
        self.call = PhoneCall(self._phone.address, rtp, _dice)
        return self.call

    def perform(self, actions: list[Action]) -> None:
        """Do what the call decided, and wake it when it wants that."""
        for action in actions:
            match action:
                case Transmit():
                    self._phone.send(action.data, action.to)
                case Talks() if self.audio is not None:
                    self.audio.talk_to(action.media)
                case Over() if self.audio is not None:
                    self.audio.close()
            if isinstance(action, Rings | Talks | Referred | Over):
                self.told(action)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.call.deadline if self.call is not None else None
        if deadline is not None:
            pause_s = max(0.0, (deadline.at_ms - monotonic_ms()) / 1000)
            self._timer = asyncio.get_running_loop().call_later(pause_s, self._time_up)

    def accept(self) -> None:
        """Answer."""
        if self.call is not None:
            self.perform(self.call.accept(monotonic_ms()))

    def hang_up(self) -> None:
        """End it, whatever its state."""
        if self.call is not None:
            self.perform(self.call.hang_up(monotonic_ms()))

    def refer_over(self, status: int) -> None:
        """Tell what came of the call that the peer has asked for by REFER."""
        if self.call is not None:
            self.perform(self.call.refer_over(status, monotonic_ms()))

    def press(self, keys: str) -> None:
        """Press keys."""
        if self.audio is not None:
            self.audio.press(keys)

    def close(self) -> None:
        """Forget it."""
        if self._timer is not None:
            self._timer.cancel()
        if self.audio is not None:
            self.audio.close()

    def _hear(self, samples: Samples) -> None:
        self.heard(samples)

    def _speak(self) -> Samples | None:
        return self.speaks()

    def _time_up(self) -> None:
        self._timer = None
        if self.call is not None:
            self.perform(self.call.time_up(monotonic_ms()))


class Phone(asyncio.DatagramProtocol):
    """A SIP socket over UDP. `invited` is called with each call that comes in; without it they get 480."""

    def __init__(self) -> None:
        self.address = Address("", 0)
        self.invited: Callable[[Talk, Request], None] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._talks: dict[str, Talk] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, host: str) -> "Phone":
        """Open one on an address of ours, at any port."""
        loop = asyncio.get_running_loop()
        transport, phone = await loop.create_datagram_endpoint(cls, local_addr=(host, 0))
        name = transport.get_extra_info("sockname")
        phone.address = Address(str(name[0]), int(name[1]))
        return phone

    async def call(
        self, uri: Uri, caller: NameAddr, talk: Callable[[Talk], None], *, to: Address, withheld: bool = False
    ) -> Talk:
        """Call; `talk` is given the call before anything is sent."""
        made = Talk(self)
        call = await made.open()
        talk(made)
        self._talks[call.call_id] = made
        made.perform(call.call(uri, caller, to, monotonic_ms(), withheld=withheld))
        return made

    def send(self, data: bytes, to: Address) -> None:
        """Send a datagram."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, (to.host, to.port))

    def close(self) -> None:
        """Forget all calls and give the socket back."""
        for talk in self._talks.values():
            talk.close()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have the socket."""
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a message; what is none is left aside."""
        message, source = parse(data), Address(addr[0], addr[1])
        if not isinstance(message, Request | Response):
            return
        talk = self._talks.get(message.call_id)
        if talk is not None and talk.call is not None:
            talk.perform(talk.call.handle(message, source, monotonic_ms()))
        elif isinstance(message, Request) and message.method == "INVITE" and talk is None:
            made = self._talks[message.call_id] = Talk(self)
            task = asyncio.get_running_loop().create_task(self._take(made, message, source))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _take(self, talk: Talk, invite: Request, source: Address) -> None:
        call = await talk.open()
        talk.perform(call.take(invite, source))
        if self.invited is None:
            talk.hang_up()
        else:
            self.invited(talk, invite)


def host_address(host: str, port: int) -> Address:
    """Look a host up (IPv4). Raises OSError."""
    found = socket.getaddrinfo(host.strip("[]"), port or 5060, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
    return Address(str(found[0]), int(found[1]))
