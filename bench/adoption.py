#!/usr/bin/env python3
"""Spans killed under conversations: none may be cut, and each call has one end.

Rounds of talks of two legs each, all up when every span that holds one of their legs is killed with SIGKILL at once.
Then both sides of every talk must hear each other and keys must arrive, and the talks are hung up, from each side in
turn. A kill counts only when the span held a leg that was up, and switch has told that front went on with it.

    python -m bench.adoption --kills 300 [--talks 10] [--json]
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.support.addresses import address
from tests.support.appliance import Appliance, appliance
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until

CALLER_HZ, TARGET_HZ = 700, 900
#: A span that dies younger counts as one that could not start, and its successor is held back.
AGE_S = 2.2
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
    reasons: list[str] = field(default_factory=list)


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

    def __init__(self, edge: Appliance, caller: Softphone, target: Softphone) -> None:
        self.edge, self.caller, self.target = edge, caller, target
        self.figures = Figures()

    def run(self, talks: int) -> None:
        """Set talks up, kill all their spans, see that they go on, end them."""
        pairs = [self._talk() for _ in range(talks)]
        until(lambda: all(_hear(pair) for pair in pairs), 30, "all talk")
        time.sleep(AGE_S)
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
        for span in held:
            os.kill(pids[span], signal.SIGKILL)
        return held

    def _judge(self, pairs: list[tuple[Call, Call]]) -> None:
        for number, (call, there) in enumerate(pairs):
            if not _hear((call, there)) or not call.state == there.state == "answered":
                self.figures.cut += 1
                self.figures.reasons.append(f"{call.state} {there.state} after {self.figures.kills} kills")
            call.audio.press(str(number % 10))
        time.sleep(0.5)
        for number, (_, there) in enumerate(pairs):
            if not any(event.key == str(number % 10) for event in there.audio.events()):
                self.figures.keys_lost += 1

    def _end(self, pairs: list[tuple[Call, Call]]) -> None:
        for number, (call, there) in enumerate(pairs):
            first, second = (call, there) if number % 2 else (there, call)
            first.bye()
            second.wait_ended()
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


def kills(count: int, talks: int) -> Figures:
    """Kill spans until `count` kills have landed under a talk."""
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        address() as edge_at,
        address() as caller_at,
        address() as target_at,
        Softphone(caller_at, tone_hz=CALLER_HZ) as caller,
        Softphone(target_at, port=5060, tone_hz=TARGET_HZ, user="target") as target,
        appliance(edge_at, Path(folder), target=target_at, menu=MENU) as edge,
    ):
        rounds = Rounds(edge, caller, target)
        while rounds.figures.kills < count:
            rounds.run(talks)
        rounds.check_ends()
    rounds.figures.seconds = round(time.monotonic() - began, 1)
    return rounds.figures


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Kill spans under talks, 1,000 times."""
    figures = kills(20 if quick else 1000, 4 if quick else 10)
    emit("span_kills", figures.kills, "kills")
    emit("span_kill_talks", figures.talks, "conversations of two legs")
    emit("span_kill_legs_taken_over", figures.legs_taken_over, "legs")
    emit("span_kill_talks_cut", figures.cut, "conversations")
    emit("span_kill_wrong_ends", figures.wrong_ends, "calls")
    emit("span_kill_keys_lost", figures.keys_lost, "keys")
    emit("span_kill_rtp_lost", figures.rtp_lost, "packets")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--talks", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    figures = kills(chosen.kills, chosen.talks)
    if chosen.json:
        print(json.dumps(asdict(figures)))
    else:
        for name, value in asdict(figures).items():
            print(f"{name:>16}  {value}")
    return int(bool(figures.cut or figures.wrong_ends or figures.keys_lost))


if __name__ == "__main__":
    sys.exit(main())
