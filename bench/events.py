"""`edge bench events`: how fast events come into the outbox and leave it, and what that costs calls.

Writer and forwarder are on one core, receiver and broker on the other, so that neither side takes from what is
measured. The parts with calls run as those of `edge bench calls` do: generator pinned, appliance on both cores.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.appliance import metrics, settle, takes_calls
from bench.appliance import write_site as write_bench_site
from bench.calls import _generator, _tick_seconds, _void
from bench.event_writer import TURN, fill
from edge.config.sink_settings import NatsSettings, WebhookSettings
from edge.config.site import ApiToken, Paths, Sink, Site
from edge.core.access.gate import hash_of
from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.backend import SECRET
from tests.support.brokers import Nats
from tests.support.child import child
from tests.support.waiting import until

Emit = Callable[..., None]
RATE = 5000
#: Of live streams, which people and small programs read.
STREAM_RATE = 1000
TOKEN = "edge_bench"
PORT = 9093
OURS, THEIRS = 0, 1
ROOT = Path(__file__).parents[1]


def measure(emit: Emit, *, quick: bool) -> None:
    """Measure it. `quick`: short runs."""
    seconds, backlog = (5.0, 30_000) if quick else (20.0, 300_000)
    with address() as theirs, tempfile.TemporaryDirectory(prefix="edge-bench-") as name, receiver(theirs):
        folder = Path(name)
        _into_the_outbox(emit, folder / "in", seconds)
        _sustained(emit, folder / "sustained", theirs, seconds)
        _unbatched(emit, folder / "unbatched", theirs, 4000 if quick else 20_000)
        _caught_up(emit, folder / "behind", theirs, backlog)
        for slow in (False, True):
            _streamed(emit, folder / f"streams-{slow}", theirs, seconds, slow=slow)
        _beside_calls(emit, folder, theirs, backlog, quick=quick)


# --- transport ----------------------------------------------------------------------------------------------------


def _into_the_outbox(emit: Emit, folder: Path, seconds: float) -> None:
    folder.mkdir()
    count = int(RATE * seconds / 2)
    with _on(OURS):
        took = fill(folder, count, "a")
    emit("events_into_outbox", round(count / took), "events/s", events_a_transaction=TURN)


def _sustained(emit: Emit, folder: Path, theirs: str, seconds: float) -> None:
    """At a steady rate to a webhook in batches and to JetStream."""
    _made(folder)
    with _broker() as broker:
        jetstream = NatsSettings(name="jetstream", url=broker.url, stream="EDGE").sink()
        _ask(theirs, "figures")
        with _forwarder(folder, [_webhook(theirs, "batch"), jetstream]) as pid:
            began = _cpu(pid)
            told = _write(folder, seconds)
            until(lambda: _places(folder).get("webhook") == told["events"], 60, "the webhook has all")
            found = _ask(theirs, "figures")
            began_s = time.monotonic()
            until(lambda: _places(folder).get("jetstream") == told["events"], 120, "JetStream has all")
            behind = time.monotonic() - began_s
            stored = _stored(broker.url)
            cpu = (_cpu(pid) - began) / (told["seconds"] + behind)
    more = {"rate": RATE, "seconds": round(told["seconds"], 1), "written": round(told["rate"])}
    emit("events_webhook_delivered", round(found["events"] / found["seconds"]), "events/s", **more)
    emit("events_webhook_batches", round(found["requests"] / found["seconds"]), "requests/s", **more)
    emit("events_jetstream_delivered", round(told["events"] / (told["seconds"] + behind)), "events/s", stored=stored)
    emit("events_lag_p50", round(found["lag_p50_ms"], 1), "ms", **more)
    emit("events_lag_p99", round(found["lag_p99_ms"], 1), "ms", **more)
    emit("events_out_of_order", found["disordered"], "events", **more)
    emit("events_forwarder_cpu", round(100 * cpu, 1), "% of a core", **more)


def _unbatched(emit: Emit, folder: Path, theirs: str, count: int) -> None:
    fill(_made(folder), count, "b")
    _ask(theirs, "figures")
    with _forwarder(folder, [_webhook(theirs, "structured")]):
        until(lambda: _places(folder).get("webhook") == count, 200, "the webhook has all")
    found = _ask(theirs, "figures")
    emit("events_webhook_unbatched", round(found["events"] / found["seconds"]), "events/s", events=count)


def _caught_up(emit: Emit, folder: Path, theirs: str, count: int) -> None:
    fill(_made(folder), count, "c")
    _ask(theirs, "figures")
    with _forwarder(folder, [_webhook(theirs, "batch")]):
        until(lambda: _places(folder).get("webhook") == count, 200, "the webhook has all")
    found = _ask(theirs, "figures")
    more = {"events": count, "out_of_order": found["disordered"]}
    emit("events_catch_up", round(found["events"] / found["seconds"]), "events/s", **more)


def _streamed(emit: Emit, folder: Path, theirs: str, seconds: float, *, slow: bool) -> None:
    """Delay of live streams, the webhook's beside; `slow`: with one more that does not read."""
    _made(folder)
    _ask(theirs, "figures")
    with (
        _forwarder(folder, [_webhook(theirs, "batch")]),
        _web(folder, theirs) as port,
        _readers(theirs, port, slow=slow) as readers,
    ):
        told = _write(folder, seconds, STREAM_RATE)
        until(lambda: _places(folder).get("webhook") == told["events"], 60, "the webhook has all")
        time.sleep(1)  # and so have those who look at the outbox
        lines, _ = readers.communicate(timeout=60)
    found = {"webhook": _ask(theirs, "figures"), **json.loads(lines)}
    beside = "beside_slow_reader_" if slow else ""
    for name, one in found.items():
        more = {"rate": STREAM_RATE, "written": told["events"], "came": one["events"], "gaps": one.get("gaps", 0)}
        for share in ("p50", "p99"):
            value = one.get(f"{share}_ms", one.get(f"lag_{share}_ms", 0.0))
            emit(f"events_{name}_lag_{beside}{share}", round(value, 1), "ms", **more)


@contextmanager
def _web(folder: Path, host: str) -> Iterator[int]:
    """Run web on our core; its port."""
    token = ApiToken(name="bench", hash=hash_of(TOKEN), role="integrator")
    site = Site(name="bench", paths=Paths(state=str(folder)), api_tokens=[token])
    with socket.create_server((host, 0), backlog=64) as listener, os.fdopen(os.memfd_create("sip"), "rb") as trace:
        fds = {"http_listener": [listener.fileno()], "sip_trace": [trace.fileno()]}
        with _on(OURS), child("web", site, folder / "web", fds):
            yield listener.getsockname()[1]


@contextmanager
def _readers(host: str, port: int, *, slow: bool) -> Iterator["subprocess.Popen[str]"]:
    """Read streams on their core; what they found is told when their input ends."""
    words = ["-m", "bench.event_streams", host, str(port), TOKEN, "slow" if slow else "-"]
    with _on(THEIRS):
        process = subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
    try:
        if process.stdout is None or process.stdout.readline() != "open\n":
            raise RuntimeError("the streams do not open")
        yield process
    finally:
        process.kill()
        process.wait()


def _webhook(host: str, mode: Any) -> Sink:
    url = f"http://{host}:{PORT}/"
    return WebhookSettings(name="webhook", url=url, secret=SECRET, mode=mode, max_backoff_ms=1000).sink()


@contextmanager
def _forwarder(folder: Path, sinks: list[Sink]) -> Iterator[int]:
    """Run a forwarder on our core."""
    site = Site(name="bench", paths=Paths(state=str(folder)), sinks=sinks)
    with _on(OURS), child("forwarder", site, folder) as process:
        yield process.process.pid


def _write(folder: Path, seconds: float, rate: int = RATE) -> dict[str, float]:
    words = ["-m", "bench.event_writer", str(folder), str(folder / "link.sock"), str(rate), str(seconds)]
    with _on(OURS):
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"the writer failed: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _places(folder: Path) -> dict[str, int]:
    import sqlite3

    file = folder / "delivery.db"
    if not file.exists():
        return {}
    with sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True) as db:
        try:
            return dict(db.execute("SELECT name, cursor FROM sinks"))
        except sqlite3.Error:
            return {}


def _stored(url: str) -> int:
    import nats

    async def count() -> int:
        client = await nats.connect(url)
        messages = (await client.jetstream().stream_info("EDGE")).state.messages
        await client.close()
        return int(messages)

    return asyncio.run(count())


# --- beside calls -------------------------------------------------------------------------------------------------


def _beside_calls(emit: Emit, folder: Path, theirs: str, backlog: int, *, quick: bool) -> None:
    """Set-up times and ticks: with a receiver that takes all, one that is frozen, and while a backlog is sent."""
    _ask(theirs, "go")
    found = {}
    for state in ("healthy", "frozen", "catching_up"):
        _ask(theirs, "freeze" if state == "frozen" else "go")
        found[state] = _calls(folder / state, theirs, backlog if state == "catching_up" else 0, quick=quick)
        lines, more = found[state]
        void = _void(lines)
        for share in ("p50", "p99"):
            value = lines[f"invite_to_200_ms_{share}"]["value"]
            emit(f"events_{state}_invite_to_200_{share}", value, "ms", **void, **more)
        emit(f"events_{state}_calls_failed", lines["calls_failed"]["value"], "calls", **void)
        emit(f"events_{state}_tick_p99", more["tick_p99_ms"], "ms", **void)
    _ask(theirs, "go")
    for state in ("frozen", "catching_up"):
        for share in ("p50", "p99"):
            name = f"invite_to_200_ms_{share}"
            added = found[state][0][name]["value"] - found["healthy"][0][name]["value"]
            emit(f"events_{state}_added_{share}", round(added, 2), "ms")


def _calls(folder: Path, theirs: str, backlog: int, *, quick: bool) -> tuple[Any, dict[str, Any]]:
    with address() as at, ExitStack() as closing:
        edge = Appliance(at, _made(folder))
        write_bench_site(edge, 200)
        text = f'[[sinks]]\nname = "webhook"\nurl = "http://{theirs}:{PORT}/"\nsecret = "{SECRET}"\nmode = "batch"\n'
        edge.site.write_text(edge.site.read_text() + text)
        if backlog:
            edge.state.mkdir(parents=True)
            fill(edge.state, backlog, "d")
            _ask(theirs, "freeze")  # the outage goes on until the calls are there
        closing.callback(edge.stop)
        edge.start(ready=False)
        until(lambda: takes_calls(edge), 300, "calls let in")
        if backlog:
            _ask(theirs, "figures")
            _ask(theirs, "go")
        length = "5" if quick else "20"
        lines = _generator(
            f"{edge.address}:5060",
            "--watch",
            str(edge.status()["pid"]),
            "--rate",
            "20",
            "--hold",
            "2",
            "--duration",
            length,
        )
        settle(edge)
        more = {"tick_p99_ms": _tick_seconds(metrics(edge)), "taken": _ask(theirs, "figures")["events"]}
        return lines, more


# --- tools --------------------------------------------------------------------------------------------------------


@contextmanager
def _broker() -> Iterator[Nats]:
    """Have a NATS server on their core."""
    with _on(THEIRS):
        broker = Nats()
    try:
        yield broker
    finally:
        broker.remove()


@contextmanager
def receiver(host: str) -> Iterator[None]:
    """Have a receiver on their core."""
    with _on(THEIRS):
        process = subprocess.Popen([sys.executable, "-m", "bench.event_receiver", host, str(PORT)], cwd=ROOT)
    try:
        until(lambda: _answers(host), 30, "the receiver answers")
        yield
    finally:
        process.kill()
        process.wait()


def _answers(host: str) -> bool:
    try:
        _ask(host, "go")
    except OSError:
        return False
    return True


def _ask(host: str, word: str) -> Any:
    with urllib.request.urlopen(f"http://{host}:{PORT}/{word}", timeout=5) as answer:
        return json.load(answer)


@contextmanager
def _on(core: int) -> Iterator[None]:
    """Let the children of the block be on a core, as far as the machine has it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} & before or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
