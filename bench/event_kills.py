"""Events through kills: random processes die while calls run and receivers misbehave on command.

What was seen from outside is what counts: callers know which of their calls were answered, receivers which events they
took. All of it is held against the outbox, and that against its own promises (`edge events verify`).
"""

import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from msgspec import Struct
from standardwebhooks import Webhook

from edge.cli.event_selection import Selection
from edge.cli.events_verify import Report
from edge.storage.reader import Reader
from tests.support.addresses import address
from tests.support.appliance import Appliance, write_site
from tests.support.backend import SECRET
from tests.support.sip_call import Call
from tests.support.softphone import Softphone
from tests.support.waiting import until

SEED = 20261122
#: Whom it hits, by how often; a span is any that is up.
VICTIMS = {"forwarder": 5, "switch": 4, "front": 2, "media": 2, "span": 2, "web": 1}
#: How receivers are, by how often: `hang` answers nobody, `reset` breaks connections off, others are status codes.
MOODS = {"ok": 8, "hang": 2, "reset": 2, "500": 2, "429": 1, "400": 1, "302": 1}
#: Pause before a kill, milliseconds at the most; a mood lasts as long.
PAUSE_MS = 700
CALLS = 3
#: How long a caller waits for an answer, and stays, seconds at the most.
PATIENCE_S, TALK_S = 8.0, 2.0


class Figures(Struct):
    """What became of it."""

    kills: Counter[str]
    moods: Counter[str]
    events: int = 0
    calls: int = 0
    #: Calls that callers saw answered.
    answered: int = 0
    #: Of those, without exactly one start and one end in the outbox.
    lost_calls: int = 0
    #: Events of the outbox that a receiver never took, by receiver.
    lost: int = 0
    #: Events that a receiver took and that are not in the outbox, or were other bytes there.
    foreign: int = 0
    #: First arrivals after a later event of their call.
    disordered: int = 0
    #: Taken more than once, with the same id.
    repeated: int = 0
    forged: int = 0
    #: Findings of `edge events verify`.
    findings: list[str] = []
    seconds: float = 0.0


class Receiver:
    """A real HTTP server that is as `mood` says; it keeps what it took, in order."""

    def __init__(self, host: str, port: int) -> None:
        self.mood = "ok"
        #: (id, the event as canonical JSON), as they were taken.
        self.taken: list[tuple[str, str]] = []
        self.forged = 0
        self._changed = threading.Event()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                try:
                    length = int(self.headers.get("content-length", 0))
                    body = self.rfile.read(length)
                    if len(body) < length:  # its sender was killed: half a request is none
                        self.close_connection = True
                        return
                    status = receiver.take({name.lower(): text for name, text in self.headers.items()}, body)
                    if not status:
                        self.close_connection = True
                        return
                    self.send_response(status)
                    self.send_header("location", "http://127.0.0.1:1/")
                    self.send_header("content-length", "0")
                    self.end_headers()
                except OSError:
                    self.close_connection = True

            def log_message(self, *_arguments: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_arguments: object) -> None:
                return  # the sender was killed

        self._server = Server((host, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def be(self, mood: str) -> None:
        """Change; who hangs is let go."""
        with self._lock:
            self.mood = mood
            self._changed.set()
            self._changed = threading.Event()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Take what was posted; the status to answer with, 0: break the connection off."""
        with self._lock:
            mood, changed = self.mood, self._changed
        if mood == "hang":
            changed.wait(5)
            return 0
        if mood == "reset":
            return 0
        if mood != "ok":
            return int(mood)
        try:
            Webhook(SECRET).verify(body.decode(), headers)
        except Exception:
            self.forged += 1
            return 400
        events = json.loads(body)
        with self._lock:
            for event in events if isinstance(events, list) else [events]:
                self.taken.append((event["id"], canonical(event)))
        return 204

    def ids(self) -> set[str]:
        """Ids of what was taken."""
        with self._lock:
            return {id_ for id_, _ in self.taken}

    def close(self) -> None:
        """Stop serving."""
        self.be("reset")
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def canonical(event: Any) -> str:
    """Write an event in the one way that makes equal ones equal texts."""
    return json.dumps(event, sort_keys=True)


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure it."""
    found = run(20 if quick else 1000)
    more = {"kills": found.kills.total(), "seed": SEED}
    emit("event_kills", found.kills.total(), "kills", **more, **found.kills, seconds=round(found.seconds))
    emit("event_kills_calls_answered", found.answered, "calls", **more)
    emit("event_kills_events", found.events, "events", **more, moods=dict(found.moods))
    emit("event_kills_calls_lost", found.lost_calls, "calls", **more)
    emit("event_kills_events_lost", found.lost, "events", **more)
    emit("event_kills_gaps_and_wrong_ends", len(found.findings), "findings", **more)
    emit("event_kills_events_out_of_order", found.disordered, "events", **more)
    emit("event_kills_foreign_or_forged", found.foreign + found.forged, "events", **more)
    emit("event_kills_events_repeated", found.repeated, "events", **more)


def run(kills: int, seed: int = SEED) -> Figures:
    """Kill so many processes."""
    with (
        tempfile.TemporaryDirectory() as folder,
        address() as at,
        address() as theirs,
        address() as phone_at,
        Softphone(phone_at) as phone,
    ):
        receivers = {"single": Receiver(theirs, 9091), "batch": Receiver(theirs, 9092)}
        edge = Appliance(at, Path(folder))
        write_site(edge, extra=_sinks(theirs, edge.folder / "events.jsonl"))
        try:
            edge.start(program="tests.support.unpunished")
            return _Run(edge, phone, receivers, random.Random(seed)).run(kills)
        finally:
            edge.stop()
            for receiver in receivers.values():
                receiver.close()


def _sinks(host: str, file: Path) -> str:
    common = f'secret = "{SECRET}"\nmax_backoff = "1s"\ntimeout = "1s"\n'
    return (
        f'[[sinks]]\nname = "single"\nurl = "http://{host}:9091/"\n{common}'
        f'[[sinks]]\nname = "batch"\nmode = "batch"\nurl = "http://{host}:9092/"\n{common}'
        f'[[sinks]]\nname = "file"\ntype = "file"\npath = "{file}"\n'
    )


class _Run:
    def __init__(self, edge: Appliance, phone: Softphone, receivers: dict[str, Receiver], dice: random.Random) -> None:
        self._edge, self._phone, self._receivers, self._dice = edge, phone, receivers, dice
        self._figures = Figures(Counter(), Counter())
        #: Call-IDs of calls that were answered.
        self._answered: list[str] = []
        self._stop = threading.Event()

    def run(self, kills: int) -> Figures:
        figures, began = self._figures, time.monotonic()
        with self._callers():
            for count in range(kills):
                self._stop.wait(self._dice.uniform(0, PAUSE_MS) / 1000)
                for receiver in self._receivers.values():
                    mood = self._dice.choices(list(MOODS), list(MOODS.values()))[0]
                    receiver.be(mood)
                    figures.moods[mood] += 1
                self._kill()
                if count % 20 == 19:
                    told = f"{count + 1} kills, {len(self._answered)} calls, {time.monotonic() - began:.0f} s\n"
                    sys.stderr.write(told)
        for receiver in self._receivers.values():
            receiver.be("ok")
        until(lambda: not self._edge.live_calls(), 60, "calls are over")
        everything = {event["id"] for event in self._edge.events()}
        for name, receiver in self._receivers.items():
            until(lambda receiver=receiver: receiver.ids() >= everything, 60, f"{name} has everything")  # type: ignore[misc]
        until(lambda: len(set(_lines(self._edge.folder / "events.jsonl"))) >= len(everything), 60, "the file has, too")
        figures.seconds = time.monotonic() - began
        self._count()
        return figures

    def _kill(self) -> None:
        kind = self._dice.choices(list(VICTIMS), list(VICTIMS.values()))[0]
        self._figures.kills[kind] += 1
        if kind == "span":
            os.kill(self._dice.choice([span["pid"] for span in self._edge.status()["spans"]]), signal.SIGKILL)
            return
        old = self._edge.kill(kind)
        self._edge.wait_restarted(kind, old)

    @contextmanager
    def _callers(self) -> Iterator[None]:
        seeds = [self._dice.randrange(2**32) for _ in range(CALLS)]
        threads = [threading.Thread(target=self._call_on, args=(random.Random(one),)) for one in seeds]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _call_on(self, dice: random.Random) -> None:
        """One call after the other: some press a key, some hang up, some are hung up on."""
        while not self._stop.is_set():
            call = self._phone.call(self._edge.uri)
            limit = time.monotonic() + PATIENCE_S
            while call.final is None and call.state != "ended" and time.monotonic() < limit:
                time.sleep(0.02)
            if call.state == "answered":
                self._answered.append(call.call_id)
                self._stop.wait(dice.uniform(0, TALK_S))
                for key in dice.choice(["", "1", "12", "0"]):
                    call.audio.press(key)
                self._stop.wait(dice.uniform(0, TALK_S))
            _end(call)

    def _count(self) -> None:
        figures = self._figures
        reader = Reader(self._edge.state / "state.db")
        stored = {row.id: canonical(json.loads(row.body)) for row in reader.every_event()}
        started: Counter[str] = Counter()
        for row in reader.every_event(["call.started"]):
            started[json.loads(row.body)["data"]["sip_call_id"]] += 1
        figures.events, figures.calls = len(stored), started.total()
        figures.answered = len(self._answered)
        figures.lost_calls = sum(started[call] != 1 for call in self._answered)
        report = Report(reader, Selection())
        figures.findings = [json.dumps(finding) for finding in report.findings()]
        figures.findings += [f"{row.id} is open" for row in reader.calls(open_only=True, limit=0)]
        for receiver in self._receivers.values():
            figures.lost += len(stored.keys() - receiver.ids())
            figures.foreign += sum(stored.get(id_) != text for id_, text in receiver.taken)
            figures.repeated += len(receiver.taken) - len(receiver.ids())
            figures.disordered += _disordered(receiver.taken)
            figures.forged += receiver.forged
        lines = _lines(self._edge.folder / "events.jsonl")
        figures.lost += len(stored.keys() - set(lines))
        figures.repeated += len(lines) - len(set(lines))


def _lines(file: Path) -> list[str]:
    """Ids in the file, rotated ones left aside: it is far from its size."""
    return [json.loads(line)["id"] for line in file.read_bytes().splitlines()] if file.exists() else []


def _disordered(taken: list[tuple[str, str]]) -> int:
    highest: dict[str, int] = {}
    seen: set[str] = set()
    wrong = 0
    for id_, _ in taken:
        if id_ in seen:
            continue
        seen.add(id_)
        call, _, number = id_.rpartition(".")
        wrong += int(number) < highest.get(call, 0)
        highest[call] = max(highest.get(call, 0), int(number))
    return wrong


def _end(call: Call) -> None:
    """Hang up, again when nobody has heard of it: a front that was just killed does not answer."""
    limit = time.monotonic() + 4 * PATIENCE_S
    while call.state != "ended" and time.monotonic() < limit:
        call.hang_up()
        again = time.monotonic() + 1
        while call.state != "ended" and time.monotonic() < again:
            time.sleep(0.02)
    call.audio.close()  # a thread each; a thousand of them would take the machine
