"""Mutated SIP on the wire, beside a running call: by UDP and TCP, of trunks and of strangers, requests and responses.

Requests begin calls or belong to one that is up; responses answer an INVITE of ours that waits for them.
"""

import socket
import time
from contextlib import suppress
from typing import Any

from bench.siege import ANSWER_S, Caller, Siege, lost_of, running_call, strangers
from tests.support.appliance import TONES
from tests.support.sip_fuzz import NEW, RESPONSES, WITHIN, Mutator, message
from tests.support.sip_wire import Message, parse
from tests.support.softphone import Softphone
from tests.system.flows import hears

#: An honest question comes after so many, a new call for those that follow, and a new one of ours.
QUESTION, RENEWED, DIALLED = 100, 200, 600
#: Of requests in a call.
FIRST_CSEQ = 10
#: One of a stranger's messages in so many comes by TCP, where front closes the connection.
STRANGER_TCP = 6


class Fuzz:
    """Everybody who sends something wrong, and one who asks an honest question now and then."""

    def __init__(self, at: Siege, seed: int) -> None:
        self._at = at
        self._mutator = Mutator(seed)
        edge = at.edge.address
        self._inside = Caller(at.fuzzer, edge)
        self._callee = Caller(at.fuzzer, edge)
        self._outside = Caller(at.noisy, edge)
        self._stranger = Caller(strangers(1)[0], edge)
        self._good = Caller(at.good, edge)
        self._streams: dict[str, socket.socket] = {}
        self._call = self._tag = ""
        #: The last INVITE of ours that nobody has answered well.
        self._invited: Message | None = None
        self.figures = dict.fromkeys(
            ("sent", "responses", "by_tcp", "of_strangers", "renewed", "dialled", "unanswered", "reflected"), 0
        )

    def run(self, count: int, limit_s: float) -> dict[str, int]:
        """Send `count` messages, as many as there are in `limit_s`, with an honest question after each hundred."""
        end = time.monotonic() + limit_s
        for n in range(count):
            if n % QUESTION == 0:
                if time.monotonic() > end:
                    break
                self.figures["unanswered"] += not self._good.options(n)
            if n % RENEWED == 0:
                self._renew(n)
            self._one(n)
        self.figures["unanswered"] += not self._good.options(count)
        if self._call:
            self._inside.hang_up(self._call, self._tag, FIRST_CSEQ + count)
        self._let_go()
        for sock in (self._stranger.sock, *self._streams.values()):
            sock.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self.figures["reflected"] += len(self._stranger.sock.recv(65_536))
        for stream in self._streams.values():
            stream.close()
        for caller in (self._inside, self._callee, self._outside, self._stranger, self._good):
            caller.close()
        return self.figures

    def _renew(self, n: int) -> None:
        if self._call:
            self._inside.hang_up(self._call, self._tag, FIRST_CSEQ + n)
        if n % DIALLED == 0:
            self._let_go()
        _, call, tag = self._inside.set_up()
        self.figures["renewed"] += bool(tag)
        self._call, self._tag = (call, tag) if tag else ("", "")
        if n % DIALLED == 0:
            target = f"sip:fuzz@{self._callee.host}:{self._callee.port}"
            body = {"target": target, "menu": "main", "ring_timeout_ms": 3000}
            # Without room it is refused, for those that were dialled before are not over.
            with suppress(ValueError, OSError):
                self._ask("originate", body)
                self.figures["dialled"] += 1

    def _ask(self, request: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._at.edge.control(what="request", process="switch", request=request, body=body)

    def _let_go(self) -> None:
        """End the calls that are left: of ours that were answered, and of those whose number was mutated upwards."""
        for call in self._at.edge.live_calls():
            if call["trunk"] == "fuzzer":
                with suppress(ValueError):  # it has ended meanwhile
                    self._ask("hang_up", {"id": call["id"]})

    def _one(self, n: int) -> None:
        dice = self._mutator.dice
        self.figures["sent"] += 1
        kind = n % 6
        if kind < 2:
            self._send(self._outside, message(dice.choice(NEW), self._outside.values(f"n{n}", 1, f"n{n}")))
        elif kind < 4:
            values = self._inside.values(self._call or "none", FIRST_CSEQ + n, f"w{n}", self._tag or "none")
            self._send(self._inside, message(dice.choice(WITHIN), values))
        elif kind == 4:
            self.figures["responses"] += 1
            self._send(self._callee, self._response(n))
        else:
            self.figures["of_strangers"] += 1
            data = message(dice.choice(NEW), self._stranger.values(f"s{n}", 1, f"s{n}"))
            by_stream = n // 6 % STRANGER_TCP == 0
            self._send(self._stranger, data, by_stream=by_stream)

    def _response(self, n: int) -> bytes:
        """A response to our INVITE; when there is none, to one that never was."""
        self._callee.sock.setblocking(False)
        with suppress(BlockingIOError):
            while found := parse(self._callee.sock.recv(65_536)):
                self._invited = found if found.method == "INVITE" and found.is_request else self._invited
        values: dict[str, object] = self._callee.values("none", 1, f"r{n}", "own")
        values |= {"via": f"SIP/2.0/UDP {self._at.edge.address}:5060;branch=z9hG4bKr{n}", "method": "INVITE"}
        values |= {"from": "<sip:a@b.example>", "to": "<sip:c@d.example>"}
        if (asked := self._invited) is not None:
            values |= {"via": asked.get("Via"), "from": asked.get("From"), "to": asked.get("To"),
                       "call": asked.call_id, "cseq": asked.cseq[0]}  # fmt: skip
        _, *rest = self._mutator.dice.choice(RESPONSES)
        return message(("INVITE", *rest), values)  # type: ignore[arg-type]

    def _send(self, caller: Caller, data: bytes, *, by_stream: bool | None = None) -> None:
        mutated = self._mutator.mutate(data)
        if by_stream if by_stream is not None else self._mutator.dice.random() < 1 / 3:
            self.figures["by_tcp"] += 1
            self._by_stream(caller, mutated)
        else:
            caller.send(mutated)

    def _by_stream(self, caller: Caller, data: bytes) -> None:
        """Send on a TCP connection; a new one when front has closed it, and now and then."""
        stream = self._streams.get(caller.host)
        try:
            if stream is None:
                stream = socket.create_connection((self._at.edge.address, 5060), ANSWER_S, (caller.host, 0))
                stream.setblocking(False)
                self._streams[caller.host] = stream
            stream.send(data)
            while part := stream.recv(65_536):
                if caller is self._stranger:
                    self.figures["reflected"] += len(part)
        except BlockingIOError:
            if self._mutator.dice.random() < 0.9:
                return
        except OSError:
            pass  # front has closed it, which is what it does with most of these
        if stream is not None:
            stream.close()
        self._streams.pop(caller.host, None)


def fuzz(at: Siege, count: int, seed: int, limit_s: float = 600.0) -> dict[str, Any]:
    """Fuzz beside a running call."""
    with Softphone(at.good, tone_hz=700) as phone:
        running = running_call(phone, at)
        before, begun = at.front_rss_mb(), time.monotonic()
        figures: dict[str, Any] = dict(Fuzz(at, seed).run(count, limit_s))
        spent = time.monotonic() - begun
        running.audio.press("1")
        hears(running, TONES["one"])
        figures["rtp_lost"] = lost_of(at, running)
    growth = round(at.front_rss_mb() - before, 1)
    return {"seed": seed, **figures, "seconds": round(spent, 1), "rss_growth_mb": growth, **at.restarts()}
