"""How soon who answers a campaign and an agent hear each other: 100 attempts at once, 20 agents.

A real appliance, and a town (`bench.answering`) whose callees ring and answer at times of their own. Measured from the
callee's 200 to the first packet in which he has an agent's tone, and in which an agent has his; where it is listened
for who answered, from the verdict. Agents answer at once where they are rung, so what a person takes to pick up is left
out. Abandoned is who had no agent in his ear within 2 s of his 200 (of the verdict).
"""

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from bench import usage
from bench.answering import Seen, Settings
from edge.cli import main
from edge.storage.campaigns.store import opened
from tests.support.addresses import address
from tests.support.appliance import Appliance, write_site
from tests.support.campaigns import RULES, fill
from tests.support.waiting import until

SEED = 20261122
AGENTS = 20
#: Attempts at once, the calls before the measurement, and its length in seconds.
ATTEMPTS, WARM, SECONDS = 100, 150, 30.0
QUICK_SECONDS = 12.0
ABANDONED_NS = 2_000_000_000
#: Turns of the town that may be late, and share of the machine that others may have.
MAX_LATE, MAX_STEAL = 0.02, 0.02
SITE = """
[[trunks]]
name = "town"
sources = ["192.0.2.1"]
address = "{town}:5060"
[[queues]]
name = "sales"
agents = [{names}]
max_wait = "2s"
[[campaigns]]
name = "answers"
lists = ["answers"]
rules = "anytime"
trunk = "town"
queue = "sales"
caller_id = "+493022334455"
on_machine = "{on_machine}"
pacing = "power"
ratio_percent = 1000
abandoned_most_permille = 1000
max_channels = {attempts}
calls_per_second = 40
ring_timeout = "10s"
[[campaigns.retries]]
on = ["no_answer", "rejected", "congestion", "failed", "silence", "cancelled", "busy", "abandoned", "machine"]
step = "done"
"""
AGENT = """
[[agents]]
name = "{name}"
target = "sip:{name}@{at}:5060"
line = "{line}"
rest = "1s"
"""


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure it."""
    for line in ("nailed_up", "on_demand"):
        for listens in (False, True):
            Run(line, listens=listens, seconds=QUICK_SECONDS if quick else SECONDS).measure(emit)


class Run:
    """One of the four."""

    def __init__(self, line: str, *, listens: bool, seconds: float) -> None:
        self._line, self._listens, self._seconds = line, listens, seconds
        self._names = [f"a{at:02}" for at in range(AGENTS)]

    def measure(self, emit: Callable[..., None]) -> None:
        """Measure, and tell the figures."""
        with (
            tempfile.TemporaryDirectory() as folder,
            address() as at,
            address() as town_at,
            address() as agents_at,
        ):
            edge = Appliance(at, Path(folder))
            self._write(edge, town_at, agents_at)
            settings = Settings(
                seed=SEED, town=town_at, agents_at=agents_at, answers=0.4, least_s=1.0, most_s=9.0, talk_s=2.0,
                warm=WARM, speak=self._listens,
            )  # fmt: skip
            command = [sys.executable, "-m", "bench.answering", msgspec.json.encode(settings).decode()]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as town:
                try:
                    told, verdicts, steal = self._run(edge, town)
                finally:
                    town.kill()
        self._tell(emit, told, verdicts, steal)

    def _write(self, edge: Appliance, town: str, agents_at: str) -> None:
        agents = "".join(AGENT.format(name=name, at=agents_at, line=self._line) for name in self._names)
        names = ", ".join(f'"{name}"' for name in self._names)
        on_machine = "hang_up" if self._listens else "menu"
        site = SITE.format(town=town, names=names, on_machine=on_machine, attempts=ATTEMPTS)
        write_site(edge, extra=site + agents, slots=2 * ATTEMPTS)
        rules = edge.folder / "dialing_rules"
        rules.mkdir()
        (rules / "anytime.toml").write_text(RULES.replace("ceiling_per_mille = 30", "ceiling_per_mille = 1000"))
        edge.site.write_text(edge.site.read_text().replace("[paths]\n", f'[paths]\ndialing_rules = "{rules}"\n'))
        edge.state.mkdir(parents=True)
        store = opened(edge.state)
        fill(store, "answers", [[f"+4930{10_000_000 + of}"] for of in range(4000)])
        store.close()

    def _run(self, edge: Appliance, town: "subprocess.Popen[str]") -> tuple[dict[str, Any], dict[str, int], float]:
        assert town.stdout is not None
        assert town.stdin is not None
        assert town.stdout.readline() == "ready\n"
        edge.start()
        try:
            if self._line == "nailed_up":
                self._log_in(edge)
            assert main(["dial", "start", "answers", "--config", str(edge.site)]) == 0
            until(lambda: self._begun(edge) >= WARM, 120, "pacing has learnt", every_s=0.5)
            before = usage.machine()
            time.sleep(self._seconds)
            after = usage.machine()
            assert main(["dial", "pause", "answers", "--why", "over", "--config", str(edge.site)]) == 0
            time.sleep(1.0)
            told, _ = town.communicate("\n")
            steal = (after[1] - before[1]) / max(1, after[0] - before[0])
            return json.loads(told), self._verdicts(edge), steal
        finally:
            edge.stop()

    def _log_in(self, edge: Appliance) -> None:
        for name in self._names:
            edge.control(what="request", process="switch", request="agent_wish", body={"agent": name, "wish": "log_in"})

        def up() -> bool:
            found = edge.control(what="request", process="switch", request="agents", body=None)["body"]
            return all(one["line"] == "up" for one in found)

        until(up, 60, "all legs are up", every_s=0.2)

    @staticmethod
    def _begun(edge: Appliance) -> int:
        found = edge.control(what="request", process="dialer", request="campaigns", body={})["body"][0]
        return sum(found["outcomes"].values()) + int(found["open"])

    def _verdicts(self, edge: Appliance) -> dict[str, int]:
        """Give when each number was known to have been answered by a person, nanoseconds of the wall clock."""
        if not self._listens:
            return {}
        numbers, found = dict[str, str](), dict[str, int]()
        for event in edge.events():
            if event["type"] == "dialer.attempt_started":
                numbers[event["subject"]] = event["data"]["number"]
            elif event["type"] == "answer.detected" and event["data"]["verdict"] in {"human", "unknown"}:
                at = datetime.fromisoformat(event["time"])
                found[numbers[event["subject"]]] = int(at.timestamp() * 1_000_000_000)
        return found

    def _tell(self, emit: Callable[..., None], told: dict[str, Any], verdicts: dict[str, int], steal: float) -> None:
        seen = msgspec.convert(told["seen"], list[Seen])
        if self._listens:
            seen = [one for one in seen if one.number in verdicts]
        # Who answered so late that the end of the run came first says nothing.
        last_ns = max((one.answered_ns for one in seen), default=0) - ABANDONED_NS
        seen = [one for one in seen if one.answered_ns <= last_ns]
        since = {one.number: verdicts.get(one.number, one.answered_ns) for one in seen}
        agent = [(one.agent_heard_ns - since[one.number]) / 1e6 for one in seen if one.agent_heard_ns]
        callee = [(one.callee_heard_ns - since[one.number]) / 1e6 for one in seen if one.callee_heard_ns]
        served = [one for one in seen if 0 < one.agent_heard_ns <= since[one.number] + ABANDONED_NS]
        name = f"dialer_answers_{self._line}{'_after_verdict' if self._listens else ''}"
        more = {
            "answers": len(seen), "agents": AGENTS, "attempts_at_once": round(told["at_once_mean"]),
            "most_at_once": told["at_once_most"], "seed": SEED,
        }  # fmt: skip
        void = [f"the town was late in {told['late']:.1%} of its turns"] if told["late"] > MAX_LATE else []
        void += [f"others had {steal:.1%} of the machine"] if steal > MAX_STEAL else []
        if void:
            more["void"] = void
        emit(f"{name}_answers", len(seen), "answers", **more)
        self._spread(emit, f"{name}_callee_hears_agent", agent, more)
        if self._listens:
            late = [(one.agent_heard_ns - one.answered_ns) / 1e6 for one in seen if one.agent_heard_ns]
            self._spread(emit, f"dialer_answers_{self._line}_listening_callee_hears_agent", late, more)
        else:
            self._spread(emit, f"{name}_agent_hears_callee", callee, more)
        emit(f"{name}_abandoned", round(100 * (1 - len(served) / len(seen)), 2) if seen else 0.0, "%", **more)

    @staticmethod
    def _spread(emit: Callable[..., None], name: str, values: list[float], more: dict[str, Any]) -> None:
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            if values:
                emit(f"{name}_{label}", round(quantile(values, share)), "ms", **more)


def quantile(values: list[float], share: float) -> float:
    """Give the value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
