"""A telephone for tests: SIP caller and callee with real audio, independent of the appliance's own code.

    with Softphone(host, tone_hz=440) as alice:
        call = alice.call("sip:100@127.2.3.4:5060")
        call.wait_answered()
        call.audio.press("12")
        until(lambda: call.audio.hears(1000))
        call.bye()

A called phone answers by itself (`auto_answer`), or the test takes the call: `call = bob.expect_call(); call.ring()`.
Threads do the work; every wait has a limit and says what it waited for.
"""

import threading
from typing import Literal

from tests.support.sip_call import LIMIT_S, Call
from tests.support.sip_transport import Source, Transport
from tests.support.sip_wire import Message, host_port, respond, tag, token
from tests.support.waiting import until

__all__ = ["Call", "Softphone"]


class Softphone:
    """One phone on an address of its own; UDP (default) or TCP. Use as a context manager."""

    def __init__(
        self,
        address: str,
        *,
        port: int = 0,
        transport: Literal["udp", "tcp"] = "udp",
        tone_hz: float = 0.0,
        user: str = "phone",
        auto_answer: bool = False,
        payload_types: tuple[int, ...] = (0, 8),
        event_type: int | None = 101,
    ) -> None:
        self.user = user
        self.tone_hz = tone_hz
        self.auto_answer = auto_answer
        self.payload_types = payload_types
        #: Packet time that it asks for.
        self.ptime_ms = 20
        self.event_type = event_type
        #: Whether final responses get their ACK at once; else when `Call.acknowledge` says so.
        self.acknowledges = True
        #: Calls of this phone by Call-ID, both directions, ended ones too.
        self.calls: dict[str, Call] = {}
        self._taken: set[str] = set()
        self._lock = threading.RLock()
        self.transport = Transport(address, port, transport, self._received)
        self.address, self.port = self.transport.address, self.transport.port

    def __enter__(self) -> "Softphone":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up (without waiting for answers) and free all sockets."""
        for call in list(self.calls.values()):
            if call.state != "ended":
                call.hang_up()
            call.audio.close()
        self.transport.close()

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{self.address}:{self.port}"

    def call(
        self,
        uri: str,
        *,
        via: Source | None = None,
        headers: dict[str, str] | None = None,
        offer: bool = True,
    ) -> Call:
        """Send an INVITE to `uri` (through `via`, default the URI's own address); `offer` False: without SDP."""
        call = Call(self, outgoing=True, target=via or host_port(uri))
        with self._lock:
            self.calls[call.call_id] = call
        call.start(uri, headers or {}, offer=offer)
        return call

    def expect_call(self, limit_s: float = LIMIT_S) -> Call:
        """Wait for the next incoming call that was not handed out before."""

        def next_call() -> Call | None:
            with self._lock:
                for call_id, call in self.calls.items():
                    if call.invited and call_id not in self._taken:
                        self._taken.add(call_id)
                        return call
            return None

        found = until(next_call, limit_s, f"a call to {self.uri}")
        assert found is not None
        return found

    def _received(self, message: Message, source: Source) -> None:
        with self._lock:
            call = self.calls.get(message.call_id)
            begins = message.is_request and message.method == "INVITE" and not tag(message.get("To"))
            if begins and call is not None and call.is_followed_by(message):
                call = None
                self._taken.discard(message.call_id)
            if call is None and begins:
                call = self.calls[message.call_id] = Call(self, outgoing=False, target=source, call_id=message.call_id)
        if call is not None:
            call.receive(message, source)
        elif message.is_request and message.method == "OPTIONS":
            self.transport.send(respond(message, 200, token()), source)
        elif message.is_request and message.method != "ACK":
            self.transport.send(respond(message, 481, token()), source)
