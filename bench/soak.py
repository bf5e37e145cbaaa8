"""`edge bench soak`: a day's calls in twenty minutes, and whether anything grows that should not.

Four kinds of calls side by side, about fifty at a time: keys through a menu, a message left, a transfer, a queue with
agents; every call is recorded. Set-ups are so many that as many calls as a busy site has in a day are made. Sampled is
what a leak shows in: memory, handles and threads of each process, spans, and what stands in `state.db`. In the last
third all of it must be flat: a line is fitted to the samples, and what it rises over it must lie within `Noise`. Until
then fills what is bounded by a count: the switch remembers 4,096 calls that ended, and so many numbers that it read.

    python -m bench.soak --minutes 20        # `make soak`; one minute: `--minutes 1`
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import usage
from bench.appliance import FIRST_HZ, MENU, SECOND_HZ, settle, takes_calls, write_site
from bench.callee import Callee
from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.sip_wire import Message
from tests.support.waiting import until

Emit = Callable[..., None]
GENERATOR = Path(__file__).with_name("generator.py")
#: Recordings older than this are taken away as they come: a day of them would fill a small disk.
KEEP_S = 60
MENUS = {
    "main": MENU,
    "message": """version: 1
start: message
nodes:
  message:
    record: {greet_long: short, max_length: 2s}
    next: main
    failed: main
  main:
    gather: {greet_long: first, first_digit_timeout: 60s}
    choices: {5: main}
    failed: bye
  bye:
    hang_up:
""",
    "transfer": """version: 1
start: connect
nodes:
  connect:
    transfer: {to: "sip:desk@TARGET", ring_timeout: 5s}
    failed: main
  main:
    gather: {greet_long: first, first_digit_timeout: 60s}
    choices: {5: main}
    failed: bye
  bye:
    hang_up:
""",
    "queue": """version: 1
start: wait
nodes:
  wait:
    queue: {name: sales, music: first}
    failed: bye
  bye:
    hang_up:
""",
}
AGENTS = 12
#: Few enough that all have been used soon: memory of a slot is there from its first call on.
SLOTS = 120


@dataclass(frozen=True)
class Kind:
    """One kind of calls: how many begin in a second, and how long each lasts."""

    menu: str
    rate: float
    hold_s: float
    words: tuple[str, ...] = ()


#: 8.5 calls a second, 50 at a time: 10,200 in twenty minutes.
KINDS = (
    Kind("main", 4.0, 5.0, ("--key-method", "rfc4733", "--key-after", "2", "--next-hz", str(SECOND_HZ))),
    Kind("message", 1.5, 7.0),
    Kind("transfer", 2.0, 5.0),
    Kind("queue", 1.0, 9.0),
)


@dataclass(frozen=True)
class Noise:
    """What a line may rise over the last third and count as flat: the larger of a share of the mean and a floor."""

    share: float
    floor: float


#: Memory breathes with the calls that are up. What is shared by descriptor (tables, rings) has a size that is fixed at
#: the start and fills until then, so it is told and not judged; nor is `state.db`: the journal keeps seven days, and
#: the outbox fills up to its quota.
NOISE = {
    "anonymous_mb": Noise(0.03, 1.5),
    "handles": Noise(0.03, 5.0),
    "threads": Noise(0.0, 1.0),
    "spans": Noise(0.20, 4.0),
    "wal_mb": Noise(0.10, 2.0),
}


@dataclass
class Samples:
    """Values over time, by what and whose: `pss_mb edge-switch`."""

    at_s: list[float] = field(default_factory=list)
    values: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, what: str, whose: str, at_s: float, value: float) -> None:
        """Note one value."""
        self.values.setdefault((what, whose), []).append((at_s, value))

    def rise(self, what: str, whose: str, until_s: float) -> tuple[float, float]:
        """Return what the fitted line rises over the last third (up to `until_s`), and the mean there."""
        last = [(at, value) for at, value in self.values[what, whose] if at >= until_s * 2 / 3]
        if len(last) < 3:
            return 0.0, last[-1][1] if last else 0.0
        slope, _ = statistics.linear_regression([at for at, _ in last], [value for _, value in last])
        return slope * (last[-1][0] - last[0][0]), statistics.fmean(value for _, value in last)


class _Desk(Callee):
    """Whoever is dialled answers, and stays until the caller has gone."""

    def _spring(self, invite: Message, peer: tuple[str, int]) -> None:
        self._send(self.ok(invite, 180, "", Content_Type=""), peer)
        self._send(self.ok(invite), peer)


def measure(emit: Emit, *, quick: bool) -> None:
    """Soak for twenty minutes, `quick` for one, which sees failures and what is left behind, but hardly a slow leak."""
    run(emit, minutes=1 if quick else 20)


def run(emit: Emit, minutes: float, keep: Path | None = None) -> bool:
    """Soak; whether everything was flat and no call failed. `keep`: a file for all samples, a JSON line a series."""
    with tempfile.TemporaryDirectory(prefix="edge-soak-") as name, _appliance(Path(name)) as edge:
        samples, lines = _load(edge, minutes * 60)
        settle(edge)
        left = _left(edge)
    if keep is not None:
        series = [{"what": what, "whose": whose, "values": v} for (what, whose), v in samples.values.items()]
        keep.write_text("".join(json.dumps(one) + "\n" for one in series))
    calls = sum(found["calls"]["value"] for found in lines)
    failed = sum(found["calls_failed"]["value"] for found in lines)
    emit("soak_calls", calls, "calls")
    emit("soak_failed", failed, "calls")
    emit("soak_keys_without_effect", sum(f.get("keys_without_effect", {"value": 0})["value"] for f in lines), "keys")
    rising = 0
    for what, whose in sorted(samples.values):
        risen, mean = samples.rise(what, whose, minutes * 60)
        noise = NOISE.get(what)
        label = "_".join(["soak", what, *([whose.removeprefix("edge-").replace("-", "_")] if whose else [])])
        if noise is None:  # what may grow: it is told, and not judged
            emit(label, round(mean, 2), "")
            continue
        allowed = max(noise.share * mean, noise.floor)
        flat = risen <= allowed
        rising += not flat
        emit(f"{label}_rise", round(risen, 2), f"of {mean:.1f}, at most {allowed:.1f}{'' if flat else ': IT GROWS'}")
    for what, value in left.items():
        emit(f"soak_left_{what}", value, "")
    emit("soak_rising", rising, "series")
    return not rising and not failed and not any(left.values())


@contextmanager
def _appliance(folder: Path) -> Iterator[Appliance]:
    with ExitStack() as stack:
        at, there = stack.enter_context(address()), stack.enter_context(address())
        edge = Appliance(at, folder)
        write_site(edge, SLOTS)
        stack.enter_context(closing(_Desk(there)))
        for name, text in MENUS.items():
            (folder / "menus" / f"{name}.yaml").write_text(text.replace("TARGET", f"{there}:5060"))
        _short_prompt(folder)
        more = [f'[[routes]]\nnumber = "{name}"\nmenu = "{name}"\n' for name in MENUS]
        more += [f'[[agents]]\nname = "a{n}"\ntarget = "sip:a{n}@{there}:5060"\n' for n in range(AGENTS)]
        more.append(f'[[queues]]\nname = "sales"\nagents = {json.dumps([f"a{n}" for n in range(AGENTS)])}\n')
        # So small that what every sink has is taken away again and again: that is soaked, too.
        more.append("[events]\nquota_mb = 16\n")
        edge.site.write_text(edge.site.read_text() + "".join(more))
        try:
            edge.start(ready=False)
            until(lambda: takes_calls(edge), 300, "calls let in")
            yield edge
        finally:
            edge.stop()


def _short_prompt(folder: Path) -> None:
    import numpy as np
    import soundfile

    at = np.arange(4000) / 8000
    place = folder / "prompts" / "en" / "short.wav"
    soundfile.write(place, 0.3 * np.sin(2 * np.pi * FIRST_HZ * at), 8000, subtype="PCM_16")


def _load(edge: Appliance, seconds: float) -> tuple[Samples, list[dict[str, Any]]]:
    """Run the generators; samples, and each one's figures by name."""
    samples, over = Samples(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(edge, samples, seconds, over), daemon=True)
    with ExitStack() as stack:
        running = [stack.enter_context(_generator(edge, kind, seconds)) for kind in KINDS]
        watcher.start()
        outputs = [process.communicate()[0] for process in running]
        over.set()
        watcher.join()
    found = []
    for output in outputs:
        lines = {one["name"]: one for one in map(json.loads, output.splitlines()) if "name" in one}
        if "calls" not in lines:
            raise RuntimeError("a load generator failed")
        found.append(lines)
    return samples, found


@contextmanager
def _generator(edge: Appliance, kind: Kind, seconds: float) -> Iterator[subprocess.Popen[str]]:
    with address() as at:
        words = ("--user", kind.menu, "--rate", str(kind.rate), "--hold", str(kind.hold_s), *kind.words)
        command = [sys.executable, str(GENERATOR), f"{edge.address}:5060", "--address", at, *words]
        with subprocess.Popen([*command, "--duration", str(seconds)], stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


def _watch(edge: Appliance, samples: Samples, seconds: float, over: threading.Event) -> None:
    began = time.monotonic()
    every_s = max(2.0, min(10.0, seconds / 60))
    while not over.wait(every_s):
        at_s = time.monotonic() - began
        if 5 <= at_s <= seconds:
            _sample(edge, samples, at_s)
        _forget_recordings(edge.recordings)


def _sample(edge: Appliance, samples: Samples, at_s: float) -> None:
    assert edge.process is not None
    found: dict[str, list[tuple[float, float, int, int]]] = {}
    for pid in usage.tree(edge.process.pid):
        with suppress(OSError):
            place = Path(f"/proc/{pid}")
            name = (place / "comm").read_text().strip()
            handles, threads = len(list((place / "fd").iterdir())), len(list((place / "task").iterdir()))
            memory = usage.memory_anonymous_mb([pid]), usage.memory_pss_mb([pid])
            found.setdefault(name, []).append((*memory, handles, threads))
    for name, many in found.items():
        # Spans come and go with the calls: one of them on average; how many there are is a series of its own.
        for index, what in enumerate(("anonymous_mb", "pss_mb", "handles", "threads")):
            samples.add(what, name, at_s, statistics.fmean(one[index] for one in many))
    samples.add("spans", "", at_s, len(found.get("edge-span", [])))
    for name, value in _stored(edge).items():
        samples.add(name, "", at_s, value)


def _stored(edge: Appliance) -> dict[str, float]:
    import sqlite3

    state = edge.state / "state.db"
    found = {"state_mb": state.stat().st_size / 1e6}
    with suppress(OSError):
        found["wal_mb"] = state.with_name("state.db-wal").stat().st_size / 1e6
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True, timeout=5)) as db:
        (found["journal_rows"],) = db.execute("SELECT count(*) FROM journal").fetchone()
    return found


def _left(edge: Appliance) -> dict[str, int]:
    """What calls have left behind: all of it should be none."""
    from bench.appliance import metrics

    text = metrics(edge)
    used = [float(line.split()[-1]) for line in text.splitlines() if line.startswith("edge_switch_media_slots_used")]
    dialogs = [float(line.split()[-1]) for line in text.splitlines() if line.startswith("edge_front_dialogs ")]
    restarts = sum(process["restarts"] for process in edge.status()["processes"])
    return {"slots": int(sum(used)), "dialogs": int(sum(dialogs)), "restarts": restarts}


def _forget_recordings(root: Path) -> None:
    limit = time.time() - KEEP_S
    for path in root.rglob("*.*"):
        with suppress(OSError):
            if path.is_file() and path.stat().st_mtime < limit:
                path.unlink()


def main() -> int:
    """Soak as the arguments say, and print each figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--samples", type=Path, help="keep all samples in this file")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    def emit(name: str, value: Any, unit: str, **more: Any) -> None:
        line = {"name": name, "value": value, "unit": unit, **more}
        print(json.dumps(line) if options.json else f"{name:44} {value} {unit}", flush=True)

    return 0 if run(emit, options.minutes, options.samples) else 1


if __name__ == "__main__":
    sys.exit(main())
