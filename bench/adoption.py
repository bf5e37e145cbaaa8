#!/usr/bin/env python3
"""Spans killed under conversations: none may be cut, and each call has one end.

Rounds of talks of two legs each, all up when every span that holds one of their legs is killed with SIGKILL, at a
random moment, in random order, at once or within some milliseconds. Then both sides of every talk must hear each other
and keys must arrive, and the talks are hung up from either side. A kill counts only when the span held a leg that was
up, and switch has told that front went on with it. `kill_states` are kills in other states, and those of front.

    python -m bench.adoption --kills 100 [--talks 10] [--seed 1] [--states] [--json]
    python -m bench.adoption --page docs/benchmarks.md --runs runs.jsonl    # rows of runs with --json
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from bench import kill_states, page
from tests.support.addresses import address
from tests.support.appliance import Appliance, appliance
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until

CALLER_HZ, TARGET_HZ = 700, 900
#: A span that dies younger counts as one that could not start, and its successor is held back.
AGE_S = 2.2
#: Whoever does not hear the other side for so long after a kill is cut off.
HEAR_S = 5
#: Of a hundred kills each.
SEEDS = tuple(range(1, 11))
MENU = """version: 1
start: connect
nodes:
  connect:
    transfer: {to: "sip:target@TARGET", ring_timeout: 20s}
    failed: bye
  bye:
    hang_up:
"""


@dataclass
class Figures:
    """What the rounds have shown."""

    kills: int = 0
    talks: int = 0
    legs_taken_over: int = 0
    #: Talks that ended before either side hung up, or whose sides did not hear each other any more.
    cut: int = 0
    keys_lost: int = 0
    #: Calls without exactly one end, or that ended otherwise than by a normal hang-up.
    wrong_ends: int = 0
    #: RTP packets that phones missed.
    rtp_lost: int = 0
    seconds: float = 0.0
    seeds: list[int] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    #: Calls whose span was killed before it answered; those of them without 503 and `span_lost`.
    unanswered: int = 0
    unanswered_wrong: int = 0
    #: Conversations that were up when front was killed, by the state they were in; those that were cut.
    front_states: dict[str, int] = field(default_factory=dict)
    front_kills: int = 0
    front_cut: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        """Return the figures of two runs together."""
        both = {}
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            both[one.name] = dict(Counter(mine) + Counter(theirs)) if isinstance(mine, dict) else mine + theirs
        return Figures(**both)

    @property
    def good(self) -> bool:
        """Whether nothing was lost."""
        return not (self.cut or self.wrong_ends or self.keys_lost or self.unanswered_wrong or self.front_cut)


def _legs(edge: Appliance) -> dict[str, set[str]]:
    """Legs that are up, by the span that holds them."""
    held: dict[str, set[str]] = {}
    for call in edge.live_calls():
        for leg in call["legs"]:
            if leg["signalling"] == "up" and leg["span"] != "front":
                held.setdefault(leg["span"], set()).add(leg["id"])
    return held


def _adopted(edge: Appliance, since: int) -> set[str]:
    return {event["data"]["leg"] for event in edge.events()[since:] if event["type"] == "leg.adopted"}


class Rounds:
    """One appliance, one caller and one target, each with many calls."""

    def __init__(self, edge: Appliance, caller: Softphone, target: Softphone, seed: int) -> None:
        self.edge, self.caller, self.target = edge, caller, target
        self.figures = Figures(seeds=[seed])
        self.dice = random.Random(seed)

    def run(self, talks: int) -> None:
        """Set talks up, kill all their spans, see that they go on, end them."""
        pairs = [self._talk() for _ in range(talks)]
        until(lambda: all(_hear(pair) for pair in pairs), 30, "all talk")
        time.sleep(AGE_S + self.dice.uniform(0, 0.3))
        since = len(self.edge.events())
        killed = self._kill()
        legs = {leg for of_span in killed.values() for leg in of_span}
        if len(legs) != 2 * talks:
            raise AssertionError(f"{len(legs)} legs of {talks} talks were up on spans: the kills would prove less")
        until(lambda: legs <= _adopted(self.edge, since), 20, "every leg was taken over")
        self.figures.kills += len(killed)
        self.figures.talks += talks
        self.figures.legs_taken_over += len(legs)
        # What was heard before the kill must not count as heard after it.
        time.sleep(1.2)
        self._judge(pairs)
        self._end(pairs)

    def _talk(self) -> tuple[Call, Call]:
        call = self.caller.call(self.edge.uri).wait_answered()
        there = self.target.expect_call()
        there.accept()
        return call, there

    def _kill(self) -> dict[str, set[str]]:
        held = _legs(self.edge)
        pids = {span["incarnation"]: int(span["pid"]) for span in self.edge.status()["spans"]}
        gap_s = self.dice.choice([0.0, 0.0, 0.01])
        for span in self.dice.sample(sorted(held), len(held)):
            os.kill(pids[span], signal.SIGKILL)
            time.sleep(self.dice.uniform(0, gap_s))
        return held

    def _judge(self, pairs: list[tuple[Call, Call]]) -> None:
        for number, (call, there) in enumerate(pairs):
            # Phones that the machine has no time for hear nothing for a moment; what is cut stays so.
            with suppress(AssertionError):
                until(lambda pair=(call, there): _hear(pair), HEAR_S)  # type: ignore[misc]
            if not _hear((call, there)) or not call.state == there.state == "answered":
                self.figures.cut += 1
                self.figures.reasons.append(f"{call.state} {there.state} after {self.figures.kills} kills")
            call.audio.press(str(number % 10))
        time.sleep(0.5)
        for number, (_, there) in enumerate(pairs):
            if not any(event.key == str(number % 10) for event in there.audio.events()):
                self.figures.keys_lost += 1

    def _end(self, pairs: list[tuple[Call, Call]]) -> None:
        sides = [self.dice.sample(pair, 2) for pair in pairs]
        one_by_one = self.dice.random() < 0.5  # or all at once
        for first, second in sides:
            first.bye()
            if one_by_one:
                second.wait_ended()
        for call, there in sides:
            there.wait_ended()
            self.figures.rtp_lost += call.audio.lost() + there.audio.lost()
            for audio in (call.audio, there.audio):
                audio.close()
        until(lambda: not self.edge.live_calls(), 30, "all calls ended")

    def check_ends(self) -> None:
        """Every call has one end, a normal one."""
        ends: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        for event in self.edge.events():
            if event["type"] == "call.started":
                ends[event["subject"]] += 0
            elif event["type"] == "call.ended":
                ends[event["subject"]] += 1
                end = event["data"]["end"]
                outcomes[end["outcome"]] += 1
                if end["outcome"] != "completed":
                    told = [f"{e['type']} {e['time'][17:23]}" for e in self.edge.events(event["subject"])]
                    self.figures.reasons.append(f"{end} {told}")
        self.figures.reasons += [f"{call}: {count} ends" for call, count in ends.items() if count != 1]
        self.figures.wrong_ends = sum(count != 1 for count in ends.values()) + outcomes.total() - outcomes["completed"]
        self.edge.check_histories()


def _hear(pair: tuple[Call, Call]) -> bool:
    call, there = pair
    return call.audio.hears(TARGET_HZ) and there.audio.hears(CALLER_HZ)


def kills(count: int, talks: int, seed: int) -> Figures:
    """Kill spans until `count` kills have landed under a talk."""
    began = time.monotonic()
    print(f"seed {seed}", file=sys.stderr, flush=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        address() as edge_at,
        address() as caller_at,
        address() as target_at,
        Softphone(caller_at, tone_hz=CALLER_HZ) as caller,
        Softphone(target_at, port=5060, tone_hz=TARGET_HZ, user="target") as target,
        appliance(edge_at, Path(folder), target=target_at, menu=MENU) as edge,
    ):
        rounds = Rounds(edge, caller, target, seed)
        while rounds.figures.kills < count:
            rounds.run(talks)
        rounds.check_ends()
    rounds.figures.seconds = round(time.monotonic() - began, 1)
    return rounds.figures


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Kill spans under talks, 1,000 times by ten seeds, and spans and front in other states."""
    runs = [kills(20, 4, 1)] if quick else [kills(100, 10, seed) for seed in SEEDS]
    runs += [kill_states.run(Figures, quick=quick) for _ in range(1 if quick else kill_states.RUNS)]
    tell(emit, sum(runs, Figures()))


def tell(emit: Callable[..., None], figures: Figures) -> None:
    """Emit the rows of the page."""
    emit("span_kills", figures.kills, "kills")
    emit("span_kill_seeds", " ".join(map(str, sorted(figures.seeds))), "seeds")
    emit("span_kill_talks", figures.talks, "conversations of two legs")
    emit("span_kill_legs_taken_over", figures.legs_taken_over, "legs")
    emit("span_kill_talks_cut", figures.cut, "conversations")
    emit("span_kill_wrong_ends", figures.wrong_ends, "calls")
    emit("span_kill_keys_lost", figures.keys_lost, "keys")
    emit("span_kill_rtp_lost", figures.rtp_lost, "packets")
    if figures.unanswered:
        emit("span_kill_before_answer", figures.unanswered, "calls")
        emit("span_kill_before_answer_wrong", figures.unanswered_wrong, "calls without 503 and span_lost")
    if figures.front_kills:
        emit("front_kills", figures.front_kills, "kills")
        for state, count in figures.front_states.items():
            emit(f"front_kill_in_{state}", count, "conversations in that state")
        emit("front_kill_cut", figures.front_cut, "conversations")


def write_rows(path: Path, runs: Path) -> None:
    """Put the rows of runs that were made one by one (`--json`, a line each) into the page."""
    lines = [json.loads(line) for line in runs.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    rows: list[dict[str, object]] = []
    tell(lambda name, value, unit: rows.append({"name": name, "value": value, "unit": unit}),
         sum((Figures(**line) for line in lines), Figures()))  # fmt: skip
    path.write_text(page.with_rows(path.read_text(encoding="utf-8"), rows), encoding="utf-8")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--talks", type=int, default=10)
    parser.add_argument("--seed", type=int, default=SEEDS[0])
    parser.add_argument("--states", action="store_true", help="kills in other states, and of front")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--runs", type=Path)
    chosen = parser.parse_args()
    if chosen.page:
        write_rows(chosen.page, chosen.runs)
        return 0
    found = kill_states.run(Figures, quick=False) if chosen.states else kills(chosen.kills, chosen.talks, chosen.seed)
    if chosen.json:
        print(json.dumps(asdict(found)))
    else:
        for name, value in asdict(found).items():
            print(f"{name:>16}  {value}")
    return int(not found.good)


if __name__ == "__main__":
    sys.exit(main())
