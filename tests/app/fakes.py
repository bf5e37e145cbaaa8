"""A process of the appliance that has no job: it starts, beats, answers and dies as the real ones do.

The same module stands for every process; what it was told is kept and can be asked for with the request "seen".
"""

import builtins
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.runtime.process import ProcessContext
from edge.runtime.pump import Pump
from edge.runtime.standby import stand_by
from edge.vocabulary.supervision import (
    AllScraped,
    Answered,
    Ask,
    Drain,
    Reload,
    Replied,
    Request,
    RetireSpan,
    Scrape,
    ScrapeAll,
    Scraped,
    SpanDown,
    SpanList,
    SpanUp,
    Stop,
    WantSpans,
)


class _SlowEnd:
    """What an interpreter takes to leave on a busy machine, when all that it had open is closed."""

    def __del__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        sleep(2)


def prepare(context: ProcessContext) -> None:
    if os.environ.get("FAKE_SLOW_ZYGOTE") == context.name:
        time.sleep(1)


class Fake:
    def __init__(self, context: ProcessContext) -> None:
        self.context = context
        self.channel = context.channel
        self.pump = Pump(context.name)
        self.seen: list[Any] = []
        self.calls: list[Any] = []
        self.queues: list[Any] = []
        self.answers: dict[int, int] = {}
        self.channel.on(Request, self.request)
        self.channel.on(Scrape, lambda m: self.channel.send(Scraped(m.id, f"fake_{context.name} 1\n")))
        self.channel.on(Stop, lambda _: self.pump.stop())
        self.channel.on(SpanUp, lambda m: self.seen.append(["up", m.span, m.port]))
        self.channel.on(SpanDown, lambda m: self.seen.append(["down", m.span]))
        self.channel.on(SpanList, lambda m: self.seen.append(["list", m.spans]))
        self.channel.on(Drain, lambda _: self.seen.append(["drain"]))
        self.channel.on(Reload, lambda m: self.seen.append(["reload", m.path]))
        self.channel.on(AllScraped, lambda m: self.settle(m.id, m.text))
        self.channel.on(Answered, lambda m: self.settle(m.id, [m.body.decode(), m.error]))

    def settle(self, number: int, answer: Any) -> None:
        self.channel.send(Replied(self.answers.pop(number), json.dumps(answer).encode()))

    def request(self, request: Request) -> None:  # noqa: C901 - a table of tricks
        body = json.loads(request.body)
        self.answers[request.id] = request.id
        reply: Any = None
        match request.what:
            case "seen":
                reply = self.seen
            case "calls" | "attempts":
                reply = self.calls
            case "set calls":
                self.calls = body
            case "queue_figures":
                reply = self.queues
            case "set queues":
                self.queues = body
            case "notice":
                self.seen.append(["notice", body])
            case "accept":
                self.seen.append(["accept", body["calls"]])
            case "want":
                self.channel.send(WantSpans(body))
            case "retire":
                self.channel.send(RetireSpan(body))
            case "health":
                self.channel.health(*body)
            case "note":
                self.channel.health(*body, note=True)
            case "exit":
                os._exit(body)
            case "hang":
                self.channel.send(Replied(request.id, b"null"))
                time.sleep(3600)
            case "raise":
                raise ValueError("as asked")
            case "forbidden":
                self.channel.send(WantSpans(50))
            case "scrape all":
                self.channel.send(ScrapeAll(request.id))
                return
            case "ask":
                self.channel.send(Ask(request.id, *body, b"{}"))
                return
            case "answer":
                # As the front door does: each OPTIONS of the supervisor, until told to be deaf.
                fd = self.context.fds["sip_udp"][0]
                if body:
                    self.pump.watch(fd, lambda: self.answer(fd))
                else:
                    self.pump.unwatch(fd)
            case "silent":
                return
            case "about":
                reply = self.about()
        self.answers.pop(request.id)
        self.channel.send(Replied(request.id, json.dumps(reply).encode()))

    def answer(self, fd: int) -> None:
        with socket.socket(fileno=os.dup(fd)) as sock:
            data, peer = sock.recvfrom(4096)
            self.seen.append(["answered"])
            sock.sendto(data.replace(data.split(b"\r\n")[0], b"SIP/2.0 200 OK"), peer)

    def about(self) -> dict[str, Any]:
        return {
            "name": self.context.name,
            "incarnation": self.context.incarnation,
            "boot": self.context.boot_id,
            "site": self.context.site.name,
            "fds": self.context.fds,
            "open": [all(_is_open(fd) for fd in group) for group in self.context.fds.values()],
            "index": self.context.index,
            "comm": Path("/proc/self/comm").read_text().strip(),
            "front_port": os.environ.get("EDGE_FRONT_PORT"),
            "modules": [m for m in ("numpy", "numba", "pjsua2") if m in sys.modules],
        }

    def run(self) -> int:
        if self.context.standby and not stand_by(self.context, self.pump):
            return 0
        self.channel.attach(self.pump)
        self.pump.every(500, self.channel.beat)
        if os.environ.get(f"FAKE_{self.context.name.upper()}_STUBBORN"):
            self.channel.on(Stop, lambda _: None)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        code = os.environ.get(f"FAKE_{self.context.name.upper()}_EXIT")
        if code is not None:
            builtins.last_of_all = _SlowEnd()  # type: ignore[attr-defined]  # the last module to be taken apart
            return int(code)
        self.channel.ready(4000 + os.getpid() % 1000 if self.context.name == "span" else 0)
        self.pump.run()
        return 0


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def main(context: ProcessContext) -> int:
    return Fake(context).run()
