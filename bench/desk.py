"""Switch as the media benchmarks need it: sends media the commands that it is asked to send, and keeps nothing.

Requests (control socket, process `switch`): `do` with a list of media commands as JSON, `keys` with pairs of handles
whose legs talk to each other by SRTP, `state` for what is not answered yet and what failed.
"""

import itertools
import os
from typing import Any

import msgspec

from edge.config.engines import engine_names, engine_of
from edge.runtime.key_table import SEED_BYTES, KeyRecord, KeyTable, local_key
from edge.runtime.link import LinkServer, Peer
from edge.runtime.process import ProcessContext
from edge.runtime.pump import Pump
from edge.vocabulary.commands import Command, MediaCommand, OpenLeg
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.reports import AnyReport, CommandDone
from edge.vocabulary.supervision import Drain, Reload, Replied, Request, Scrape, Scraped, Stop
from edge.vocabulary.wire import json_reader

_commands = json_reader(list[MediaCommand])  # type: ignore[arg-type]
SUITE = "AES_CM_128_HMAC_SHA1_80"


class Desk:
    def __init__(self, context: ProcessContext) -> None:
        self.context = context
        self.pump = Pump("switch")
        self.names = engine_names(context.site.media)
        self.table = KeyTable(context.fds["key_table"][0])
        self.engine: dict[LegId, str] = {}
        self.waiting: set[str] = set()
        self.errors: list[str] = []
        self.committed: dict[tuple[str, str], int] = {}
        self.numbers = itertools.count(1)
        self.server = LinkServer(
            context.fds["link_listener"][0],
            lambda process, incarnation: self.committed.get((process, incarnation), 0),
            self.reported,
            lambda _: None,
            lambda _: None,
        )

    def reported(self, peer: Peer, number: int, report: AnyReport) -> None:
        if number:
            self.committed[peer.process, peer.incarnation] = number
            peer.acknowledge(number)
        if isinstance(report, CommandDone):
            self.waiting.discard(report.id)
            if report.error is not None:
                self.errors.append(report.error)

    def do(self, commands: list[MediaCommand]) -> None:
        for command in commands:
            if isinstance(command, OpenLeg):
                self.engine[command.leg] = self.names[engine_of(self.context.site.media, command.slot)]
            id_ = CommandId(f"bench:{next(self.numbers)}:1")
            peer = next(reversed(list(self.server.peers(self.engine[command.leg]))), None)
            if peer is None:
                self.errors.append("the engine is not there")
            else:
                self.waiting.add(id_)
                peer.send(Command(id_, command))

    def keys(self, pairs: list[tuple[int, int]]) -> None:
        """Write keys for pairs of handles: what one sends with is what the other expects."""
        for pair in pairs:
            seeds = [os.urandom(SEED_BYTES) for _ in pair]
            for own, handle in enumerate(pair):
                self.table.write(handle, KeyRecord(SUITE, seeds[own], local_key(seeds[1 - own], SUITE)))

    def request(self, request: Request) -> None:
        answer: Any = None
        match request.what:
            case "do":
                self.do(_commands.decode(request.body))
            case "keys":
                self.keys(msgspec.json.decode(request.body, type=list[tuple[int, int]]))
            case "state":
                answer = {"waiting": len(self.waiting), "errors": self.errors}
            case "calls":
                answer = []
        self.context.channel.send(Replied(request.id, msgspec.json.encode(answer)))


def main(context: ProcessContext) -> int:
    desk, channel = Desk(context), context.channel
    channel.on(Stop, lambda _: desk.pump.stop())
    channel.on(Scrape, lambda message: channel.send(Scraped(message.id, "")))
    channel.on(Request, desk.request)
    for kind in (Reload, Drain):
        channel.on(kind, lambda _: None)
    channel.attach(desk.pump)
    desk.server.attach(desk.pump)
    desk.pump.every(1000, channel.beat)
    channel.ready()
    desk.pump.run()
    return 0
