"""The user agent of a line: SIP over loopback with front, one call at a time, and what the modem makes of it."""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from msgspec import structs

from edge.core.lines.words import Answer, Dial, Ended, HangUp, Input, SendDigit
from edge.core.sip.formats import OFFERED, Format
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.parser import parse
from edge.core.sip.phone import Action, Over, PhoneCall, Pressed, Talks, Transmit
from edge.core.sip.presence import bracketed
from edge.core.sip.uri import NameAddr, Uri
from edge.line.rtp import Audio, RtpEnd
from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.vocabulary.media import Address, RemoteMedia
from edge.vocabulary.private import Private

#: How each end of a call on the modem is told before it is up; all others are 503, so that a group goes on at once.
STATUS = {"busy": 486, "no_answer": 480, "rejected": 603, "normal": 480, "no_carrier": 480}
#: Another call is on the line: no channel is free (RFC 3398, 8.2.6.1), and a group goes on to its next member.
_TAKEN = 'Q.850;cause=44;text="busy"'
#: Who calls is often known only after the first ring; the call waits for it so long. An FXO line tells it between the
#: first ring and the second (ETSI EN 300 659-1), which are 5 to 6 s apart.
CALLER_WAIT_MS = {"fxo_modem": 4_500}
_CALLER_WAIT_MS = 2_000
#: What a former life left is sent twice: front may not be back yet, either.
_KEPT_AGAIN_S = 1.0
#: Before the answer sound is passed on once it was loud for so long, looked at so often. Until then, or for ever, it is
#: nothing: the caller hears a ringing of ours, and a group may still go on to its next trunk.
_EARLY_S, _EARLY_LOOK_S = 0.1, 0.1


def reason_of(ended: Ended) -> str:
    """Write a Reason header (RFC 3326) with the cause; its text is the word of the closed list."""
    return f'Q.850;cause={ended.q850};text="{ended.cause}"'


class Device(Protocol):
    """What the agent is told to reach of the line."""

    @property
    def ready(self) -> bool:
        """Whether it takes calls."""

    @property
    def loud_s(self) -> float:
        """For how long its sound was loud in all."""

    @property
    def trouble(self) -> str:
        """Why it takes none, for people; empty: it does."""

    @property
    def audio(self) -> Audio:
        """Its sound."""

    def feed(self, entered: Input) -> None:
        """Tell the modem."""


class Place(NamedTuple):
    """Where front and media are, and who we are."""

    own: Address
    front: Address
    media_host: str
    #: Number that calls from the line are for.
    did: str
    #: Samples a second of its calls.
    rate: int
    #: Of the profile.
    kind: str
    #: Callers hear what the modem brings before the answer.
    early: bool = False

    @property
    def formats(self) -> tuple[Format, ...]:
        """What it offers and takes."""
        return tuple(one for one in OFFERED["L16"] if one.clock_rate == self.rate)

    @property
    def caller_wait_ms(self) -> int:
        """How long a call waits for its caller's number."""
        return CALLER_WAIT_MS.get(self.kind, _CALLER_WAIT_MS)


class Agent(asyncio.DatagramProtocol):
    """Speaks with front. Everything belongs to the loop's thread.

    While there is a call, `keepsake` holds what ends it: when this process is killed, its successor sends that, so that
    nobody goes on talking to a line that has lost the call, or waits for one that rings no more.
    """

    def __init__(self, name: str, place: Place, device: Device, keepsake: Path) -> None:
        self._name, self._place, self._device, self._keepsake = name, place, device, keepsake
        self._log = logger(f"line-{name}")
        self._transport: asyncio.DatagramTransport | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._closed = asyncio.Event()
        #: Calls whose messages may still come, by Call-ID; `_call` is the one that the modem has.
        self._calls: dict[str, PhoneCall] = {}
        self._call: PhoneCall | None = None
        self._rtp: RtpEnd | None = None
        #: A call comes in on the modem and waits for its caller's number.
        self._waiting: asyncio.TimerHandle | None = None
        #: The modem's sound runs, and nobody has heard it yet; from what `loud_s` on it counts.
        self._early: asyncio.TimerHandle | None = None
        self._quiet_s = 0.0
        #: The modem has said that its call is over (so it need not be told).
        self._modem_over = True
        #: The modem hangs up, and has not said that it has; and whom it calls then.
        self._leaving = False
        self._next: Private | None = None
        #: For which stage of the call `keepsake` was written.
        self._kept = ""
        #: The modem has been told to answer.
        self._answered = False
        #: Told of each change: whether there is a call.
        self.on_call: Callable[[bool], None] = lambda _there: None

    @property
    def busy(self) -> bool:
        """Whether there is a call."""
        return self._call is not None or self._waiting is not None

    async def open(self) -> None:
        """Listen. Raises OSError."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self._place.own.host, self._place.own.port))
        self._end_former()

    def _end_former(self) -> None:
        try:
            kept = self._keepsake.read_bytes()
        except FileNotFoundError:
            return
        self._keepsake.unlink()
        self._log.warning("a former life was killed in a call; the call is ended")
        message = Transmit(kept, self._place.front)
        self._transmit(message)
        asyncio.get_running_loop().call_later(_KEPT_AGAIN_S, self._transmit, message)

    def close(self) -> None:
        """End the call, and give the socket back."""
        self.hang_up("")
        for timer in self._timers.values():
            timer.cancel()
        if self._waiting is not None:
            self._waiting.cancel()
        if self._rtp is not None:
            self._rtp.close()
            self._rtp = None
        if self._transport is not None:
            self._transport.close()

    async def closed(self) -> None:
        """Wait after `close` until the port is free for a successor."""
        if self._transport is not None:
            await self._closed.wait()

    # --- what the modem says

    def incoming(self, caller: Private | None, *, withheld: bool) -> None:
        """Take note that a call comes in."""
        if self.busy:
            return
        self._modem_over = False
        if caller is not None or withheld:
            self._invite(caller, withheld=withheld)
        else:
            pause_s = self._place.caller_wait_ms / 1000
            self._waiting = asyncio.get_running_loop().call_later(pause_s, self._invite, None)
        self.on_call(True)

    def caller_known(self, caller: Private) -> None:
        """Take note of who calls."""
        if self._waiting is not None:
            self._invite(caller)

    def rings(self) -> None:
        """Take note that the one who is called is alerted."""
        if self._call is not None:
            self._perform(self._call, self._call.ring())

    def sound_on(self) -> None:
        """Take note that there is sound: before the answer, where it is not up yet."""
        if self._place.early and self._call is not None and self._call.state == "called":
            self._quiet_s = self._device.loud_s
            self._early = asyncio.get_running_loop().call_later(_EARLY_LOOK_S, self._listen)

    def _listen(self) -> None:
        call, loud_s = self._call, self._device.loud_s
        self._early = None
        if call is None or call.state != "called":
            return
        self._quiet_s = min(self._quiet_s, loud_s)  # less: it was opened anew
        if loud_s - self._quiet_s >= _EARLY_S:
            self._perform(call, call.progress())
        else:
            self._early = asyncio.get_running_loop().call_later(_EARLY_LOOK_S, self._listen)

    def connected(self) -> None:
        """Take note that the call is up."""
        if self._call is not None:
            self._perform(self._call, self._call.accept(monotonic_ms()))

    def ended(self, ended: Ended) -> None:
        """Take note that the modem's call is over."""
        self._modem_over, self._leaving = True, False
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self.on_call(False)
        call = self._call
        if call is None:
            return
        if self._next is not None and ended.cause != "device_lost":
            self._dial(self._next)  # what is over is the call before
            return
        now_ms, reason = monotonic_ms(), reason_of(ended)
        if call.state == "called":
            self._perform(call, call.refuse(STATUS.get(ended.cause, 503), now_ms, reason))
        else:
            self._perform(call, call.hang_up(now_ms, reason))
            self._released(call)

    def dial_refused(self) -> None:
        """Take note that ours is not made: one has come in, of which it will say more."""
        call = self._call
        if call is not None and call.state == "called":
            self._modem_over = True  # what goes on there is no matter of this call
            self._perform(call, call.refuse(503, monotonic_ms(), _TAKEN))
            self._released(call)

    def digit_heard(self, digit: Private) -> None:
        """Send a key that the modem has recognised."""
        if self._rtp is not None:
            self._rtp.press(digit.reveal())

    def hang_up(self, text: str) -> None:
        """End the call for a reason of our own: the device is gone."""
        if self._call is not None or self._waiting is not None:
            modem_over = self._modem_over
            self.ended(Ended("device_lost", 27, text))
            if not modem_over:
                self._device.feed(HangUp())

    # --- what front says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have the socket."""
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's own
        """Have it no more."""
        self._closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a message of front's; nobody else is listened to."""
        source = Address(addr[0], addr[1])
        if source.port != self._place.front.port:
            return
        message = parse(data)
        if not isinstance(message, Request | Response):
            return
        call = self._calls.get(message.call_id)
        if call is not None:
            self._perform(call, call.handle(message, source, monotonic_ms()))
        elif isinstance(message, Request):
            self._new(message, source)

    def _new(self, request: Request, source: Address) -> None:
        if request.method == "OPTIONS":
            if self._device.ready:
                self._answer(request, source, 200)
            else:
                self._answer(request, source, 503, self._why)
        elif request.method == "INVITE" and not request.to.tag:
            self._invited(request, source)
        elif request.method != "ACK":
            self._answer(request, source, 481)

    @property
    def _why(self) -> str:
        text = self._device.trouble.replace("\\", "").replace('"', "'")
        return f'Q.850;cause=27;text="{text or "not ready"}"'

    def _invited(self, invite: Request, source: Address) -> None:
        if not self._device.ready:
            self._answer(invite, source, 503, self._why)
            return
        if self.busy:
            self._answer(invite, source, 503, _TAKEN)
            return
        call = self._made()
        self._call = self._calls[invite.call_id] = call
        self._perform(call, call.take(invite, source))
        self._log.info("call to the line")
        self.on_call(True)
        number = Private(invite.uri.user)
        if self._leaving:
            self._next = number
        else:
            self._dial(number)

    def _dial(self, number: Private) -> None:
        self._next, self._modem_over = None, False
        self._device.feed(Dial(number))

    def _answer(self, request: Request, to: Address, status: int, reason: str = "") -> None:
        response = Response(
            status=status,
            vias=request.vias,
            from_=request.from_,
            to=request.to if request.to.tag else request.to.with_tag(secrets.token_hex(8)),
            call_id=request.call_id,
            cseq=request.cseq,
            method=request.method,
        )
        if reason:
            response.extras["Reason"] = reason
        self._transmit(Transmit(serialise(response), to))

    # --- calls

    def _made(self) -> PhoneCall:
        self._answered = False
        self._rtp = RtpEnd(self._place.own.host, self._place.rate, self._device.audio)
        return PhoneCall(self._place.own, self._rtp.address, lambda: secrets.token_hex(8), self._place.formats)

    def _invite(self, caller: Private | None, *, withheld: bool = False) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        place = self._place
        call = self._call = self._made()
        self._calls[call.call_id] = call
        host = bracketed(place.own.host)
        number = caller.reveal() if caller is not None else ""
        from_ = NameAddr(Uri("sip", number or "anonymous", host if number else "anonymous.invalid"))
        to = Uri("sip", place.did, bracketed(place.front.host), place.front.port)
        self._log.info("call from the line", withheld=withheld)
        self._perform(call, call.call(to, from_, place.front, monotonic_ms(), withheld=withheld))

    def _perform(self, call: PhoneCall, actions: list[Action]) -> None:
        if call is self._call:
            self._keep(call)
        for action in actions:
            match action:
                case Transmit():
                    self._transmit(action)
                case Talks():
                    self._talks(call, action.media)
                case Pressed(key):
                    if call is self._call:
                        self._device.feed(SendDigit(key))
                case Over():
                    self._released(call)
        self._rearm(call)

    def _talks(self, call: PhoneCall, media: RemoteMedia) -> None:
        if call is not self._call or self._rtp is None:
            return
        # Descriptions name what the world may see (`public_address`); the engine itself is on this machine.
        rtp = Address(self._place.media_host, media.rtp.port)
        self._rtp.talk_to(structs.replace(media, rtp=rtp))
        if call.originated and not self._answered:
            self._answered = True
            self._device.feed(Answer())

    def _keep(self, call: PhoneCall) -> None:
        stage = "up" if call.state == "up" else "called" if call.state == "called" else "calling"
        if stage == self._kept:
            return
        ending = call.kept('Q.850;cause=27;text="line_lost"')
        if not ending:
            return
        self._kept = stage
        part = self._keepsake.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_bytes(ending)
        part.replace(self._keepsake)

    def _released(self, call: PhoneCall) -> None:
        if call is not self._call:
            return
        self._call = None
        if self._early is not None:
            self._early.cancel()
            self._early = None
        self._kept = ""
        self._keepsake.unlink(missing_ok=True)
        if self._rtp is not None:
            self._rtp.close()
            self._rtp = None
        self._next = None
        if not self._modem_over:
            self._modem_over = self._leaving = True
            self._device.feed(HangUp())
        self.on_call(False)

    def _transmit(self, action: Transmit) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(action.data, (action.to.host, action.to.port))

    def _rearm(self, call: PhoneCall) -> None:
        timer = self._timers.pop(call.call_id, None)
        if timer is not None:
            timer.cancel()
        deadline = call.deadline
        if deadline is not None:
            pause_s = max(0.0, (deadline.at_ms - monotonic_ms()) / 1000)
            self._timers[call.call_id] = asyncio.get_running_loop().call_later(pause_s, self._time_up, call)
        elif call.state == "over" and call is not self._call:
            self._calls.pop(call.call_id, None)

    def _time_up(self, call: PhoneCall) -> None:
        self._perform(call, call.time_up(monotonic_ms()))
