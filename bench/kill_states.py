"""Kills in states that last a moment: of spans before the answer, and of front with requests in flight.

Every state is seen before the kill, else the run fails: a leg is `answering` and its caller has heard 100 only; a
refresh was received by the phone, or is due while front stands still; a re-INVITE has its 200 and not its ACK, or lies
in front's socket; so does a BYE; a leg is front's, for its span is dead.
"""

import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until

if TYPE_CHECKING:
    from bench.adoption import Figures

#: RFC 4028's floor; who refreshes does it at half of the time.
SESSION_S = 90
TIMER = {"Supported": "timer", "Session-Expires": f"{SESSION_S};refresher=uas"}
#: A span that dies younger counts as one that could not start.
AGE_S = 2.2
#: Who hears nothing for so long after a kill is cut off.
HEAR_S = 5
#: Spans for all calls are there by then.
ROOM_S = 15
#: For so long front stands still before it is killed; who is silent for 5 s is ended by the supervisor.
STILL_S = 3
#: Of 51 conversations each, for a phone is a thread that takes its share of the machine.
RUNS = 2
#: Prompts last a minute: the others are asked for by keys.
MENU = """version: 1
start: stay
nodes:
  stay:
    gather: {greet_long: welcome, first_digit_timeout: 300s}
    choices: {1: second}
    failed: bye
  second:
    gather: {greet_long: one, first_digit_timeout: 300s}
    choices: {2: third}
    failed: bye
  third:
    gather: {greet_long: two, first_digit_timeout: 300s}
    choices: {2: third}
    failed: bye
  bye:
    hang_up:
"""


class Place:
    """An appliance, and phones that call it: one acknowledges at once, the other when it is told to."""

    def __init__(self, stack: ExitStack, figures: "Figures") -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        at, caller_at = stack.enter_context(address()), stack.enter_context(address())
        self.phone = stack.enter_context(Softphone(caller_at, tone_hz=700))
        self.patient = stack.enter_context(Softphone(caller_at, tone_hz=700))
        self.patient.acknowledges = False
        self.edge: Appliance = stack.enter_context(appliance(at, folder, menu=MENU, sip="max_spans = 60", slots=160))
        self.figures = figures

    def begin(self, count: int, *, patient: bool = False, timer: bool = False) -> list[Call]:
        """Calls that are up and hear the menu."""
        found = [self._one(self.patient if patient else self.phone, TIMER if timer else None) for _ in range(count)]
        if patient:
            for call in found:
                call.acknowledge()
        return found

    def _one(self, phone: Softphone, headers: dict[str, str] | None) -> Call:
        """Call again while all spans are full: more of them are being made."""
        until_s = time.monotonic() + ROOM_S
        while True:
            call = phone.call(self.edge.uri, headers=headers)
            until(lambda call=call: call.final is not None, 10, "a final response")  # type: ignore[misc]
            if call.final != 503 or time.monotonic() > until_s:
                return call.wait_answered()
            call.audio.close()
            time.sleep(0.2)

    def spans(self) -> dict[str, int]:
        """Process ids of all spans."""
        return {span["incarnation"]: int(span["pid"]) for span in self.edge.status()["spans"]}

    def spans_of_legs(self) -> set[str]:
        """Return the spans that hold the calls; `front`: it has taken some over."""
        return {leg["span"] for leg in self.legs()}

    def kill_spans(self, *, wait: bool = True) -> None:
        """Kill the spans of all calls that are up."""
        spans = self.spans()
        for span in self.spans_of_legs() - {"front"}:
            os.kill(spans[span], signal.SIGKILL)
        if wait:
            until(lambda: self.spans_of_legs() == {"front"}, 20, "front has them all")

    def legs(self) -> list[dict[str, str]]:
        """First legs of all calls that are up."""
        return [call["legs"][0] for call in self.edge.live_calls()]

    @contextlib.contextmanager
    def front_stopped(self) -> Iterator[None]:
        """Front stands still, is killed, and followed by another one."""
        old = self.edge.pid("front")
        os.kill(old, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(old, signal.SIGKILL)
        self.figures.front_kills += 1
        self.edge.wait_restarted("front", old)

    def note(self, states: dict[str, list[Call]]) -> None:
        """Count conversations by the state in which they were seen as front was killed; there must be some of each."""
        for state, calls in states.items():
            if not calls:
                raise AssertionError(f"no call was in the state {state}")
            self.figures.front_states[state] = self.figures.front_states.get(state, 0) + len(calls)

    def must_live(self, calls: list[Call], prompt: str) -> None:
        """Count those that were cut, or hear nothing."""
        time.sleep(1.2)  # what was heard before the kill does not count
        for call in calls:
            # Phones that the machine has no time for hear nothing for a moment; what is cut stays so.
            with contextlib.suppress(AssertionError):
                until(lambda call=call: call.audio.hears(TONES[prompt]), HEAR_S)  # type: ignore[misc]
            if call.state != "answered" or not call.audio.hears(TONES[prompt]):
                self.figures.front_cut += 1
                self.figures.reasons.append(f"{call.state} {call.responses} {call.ended_by}")


def run(new: "type[Figures]", *, quick: bool) -> "Figures":
    """Make both kinds of kills."""
    figures = new()
    with ExitStack() as stack:
        place = Place(stack, figures)
        for _ in range(1 if quick else 3):
            before_the_answer(place)
        front(place, 2 if quick else 12)
        check_ends(place)
    return figures


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def before_the_answer(place: Place) -> None:
    """Kill spans that have an INVITE and have not answered: they were stopped before it came."""
    edge, figures = place.edge, place.figures
    until(lambda: not edge.live_calls() and edge.is_ready(), 20, "quiet")
    time.sleep(AGE_S)
    stopped = place.spans()
    for pid in stopped.values():
        os.kill(pid, signal.SIGSTOP)
    calls = [place.phone.call(edge.uri) for _ in range(3)]
    until(lambda: len(place.legs()) == len(calls), 4, "switch knows of the calls")
    held = {leg["span"] for leg in place.legs() if leg["signalling"] == "answering" and leg["span"] in stopped}
    until(lambda: all(call.responses for call in calls), 2, "100 to all")
    if not held or any(call.responses != [100] for call in calls):
        raise AssertionError(f"not in the state: {place.legs()}, {[call.responses for call in calls]}")
    for span in held:
        os.kill(stopped[span], signal.SIGKILL)
    for span in stopped.keys() - held:
        os.kill(stopped[span], signal.SIGCONT)
    for call in calls:
        call.wait_ended()
    until(lambda: not edge.live_calls(), 20, "the calls ended")
    ends = [e["data"]["end"]["outcome"] for e in edge.events() if e["type"] == "call.ended"][-len(calls) :]
    figures.unanswered += len(calls)
    for call, outcome in zip(calls, ends, strict=True):
        if call.final != 503 or outcome != "span_lost":
            figures.unanswered_wrong += 1
            figures.reasons.append(f"{call.responses} {outcome}")


@dataclass
class Conversations:
    """Calls that are up, by the state that they will be in, and such that hang up meanwhile."""

    adopted: list[Call]
    #: With the times at which front refreshes them, on this process's clock, seconds.
    due: list[Call]
    due_s: list[float]
    asked: list[Call]
    asking: list[Call]
    leaving: list[Call]

    @property
    def staying(self) -> list[Call]:
        """All that must not be cut."""
        return [*self.adopted, *self.due, *self.asked, *self.asking]

    def press(self, key: str) -> None:
        """Ask for the next prompt."""
        for call in self.staying:
            call.audio.press(key)


def front(place: Place, each: int) -> None:
    """Kill front twice under conversations, `each` in each of the states."""
    _say("conversations are set up")
    calls = _set_up(place, each)
    _say(f"{len(calls.staying) + len(calls.leaving)} are up: front is killed with requests on their way")
    _kill_with_requests_on_their_way(place, calls)
    place.must_live(calls.staying, "one")
    _say("front is killed with refreshes in flight, and all spans")
    _kill_with_refreshes_in_flight(place, calls)
    calls.press("2")
    place.must_live(calls.staying, "two")
    for call in calls.staying:
        call.bye()
    for call in calls.staying:
        call.wait_ended()
    until(lambda: not place.edge.live_calls(), 30, "all calls ended")


def _set_up(place: Place, each: int) -> Conversations:
    adopted = place.begin(each)
    time.sleep(AGE_S)
    place.kill_spans()
    due, due_s = [], []
    for _ in range(each):
        due += place.begin(1, timer=True)
        due_s.append(time.monotonic() + SESSION_S / 2)
        due[-1].withholds = {"UPDATE"}
    asked, asking = place.begin(each, patient=True), place.begin(each)
    calls = Conversations(adopted, due, due_s, asked, asking, place.begin(max(1, each // 4)))
    calls.press("1")
    until(lambda: all(call.audio.hears(TONES["one"]) for call in calls.staying), 30, "all hear the second prompt")
    return calls


def _kill_with_requests_on_their_way(place: Place, calls: Conversations) -> None:
    begin_s = (calls.due_s[0] + calls.due_s[-1] - STILL_S) / 2
    time.sleep(max(0.0, begin_s - 2 - time.monotonic()))
    for call in calls.asked:  # no sooner: after 32 s without the ACK the call would be hung up (RFC 3261 section 14.2)
        call.reinvite()
    until(lambda: all(call.unacknowledged for call in calls.asked), 10, "200 to the re-INVITEs")
    time.sleep(max(0.0, begin_s - time.monotonic()))
    with place.front_stopped():
        begin_s = time.monotonic()
        for call in calls.asking:
            call.reinvite("sendrecv", new_port=True)
        for call in calls.leaving:
            call.bye()
        time.sleep(STILL_S)
        end_s = time.monotonic() - 0.1
        states = {
            "adopted": calls.adopted,
            "refresh_due": [
                call
                for call, due_s in zip(calls.due, calls.due_s, strict=True)
                if begin_s < due_s < end_s and not call.requests("UPDATE")
            ],
            "reinvite_unacknowledged": [call for call in calls.asked if call.unacknowledged],
            "reinvite_sent": [call for call in calls.asking if call.last_reinvite is None],
            "bye_sent": [call for call in calls.leaving if call.state == "answered"],
        }
        place.note(states)
    for call in calls.asked:
        call.acknowledge()
    for call in calls.leaving:
        call.wait_ended()
    until(lambda: all("UPDATE" in call.withheld for call in calls.due), 20, "the refreshes that were due")


def _kill_with_refreshes_in_flight(place: Place, calls: Conversations) -> None:
    with place.front_stopped():
        place.note({"refresh_in_flight": [call for call in calls.due if "UPDATE" in call.withheld]})
        place.kill_spans(wait=False)
    for call in calls.due:
        call.answer_withheld()
    until(lambda: place.spans_of_legs() == {"front"}, 20, "front has them all")


def check_ends(place: Place) -> None:
    """Every call has one end; that of a conversation is a normal one."""
    place.edge.check_histories()
    ends = [e["data"]["end"] for e in place.edge.events() if e["type"] == "call.ended"]
    wrong = [end for end in ends if end["outcome"] not in {"completed", "span_lost"}]
    lost = sum(end["outcome"] == "span_lost" for end in ends)
    place.figures.wrong_ends += len(wrong) + abs(lost - place.figures.unanswered)
    place.figures.reasons += [str(end) for end in wrong]
