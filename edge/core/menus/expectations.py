"""What a caller does and what is to happen then, step by step, held against a call: a rehearsal, or a real one."""

from collections.abc import Set as AbstractSet
from typing import Protocol

from msgspec import Struct

from edge.core.menus.parts import NodeId
from edge.core.menus.rehearsed_world import Line, What

#: What is expected has to happen within this time of the call, unless the call ends before.
PATIENCE_MS = 120_000


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that the caller does or that is to happen; exactly one field is set."""

    press: str = ""
    wait_ms: int = 0
    speak_ms: int = 0
    hear: str = ""
    at: NodeId = ""
    input: str = ""
    set: dict[str, str] = {}
    transfer: str = ""
    whisper: str = ""
    ask: str = ""
    message: str = ""
    callback: str = ""
    survey: str = ""
    do_not_call: str = ""
    queue: str = ""
    end: bool = False


class Miss(Struct, frozen=True):
    """A step that was not as expected."""

    #: Index of the step.
    step: int
    message: str


class Played(Protocol):
    """A call that is held against steps."""

    @property
    def lines(self) -> list[Line]:
        """What happened so far; lines are only ever added."""

    @property
    def now_ms(self) -> int:
        """Time of the call."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""

    @property
    def node(self) -> NodeId:
        """The node that it is at."""

    @property
    def values(self) -> dict[str, str]:
        """Attributes and language as they are."""

    @property
    def lag_ms(self) -> int:
        """How long after it has happened something may be told; 0: it is known at once."""

    @property
    def recording(self) -> bool:
        """Whether it is the caller's turn to speak."""

    @property
    def unseen(self) -> AbstractSet[What]:
        """What cannot be seen of this call: steps that expect it are passed over."""

    def press(self, keys: str) -> None:
        """Press keys one after the other."""

    def pass_time(self, ms: int) -> None:
        """Let time pass."""

    def speak(self, ms: int) -> None:
        """Speak for so long."""

    def step(self, until: int) -> bool:
        """Let the next thing happen, until then at the latest; False when nothing did."""

    def follows(self, number: int, found: int) -> bool:
        """Say whether a line came after another one that was found."""


def follow(steps: list[Step], call: Played, patience_ms: int = PATIENCE_MS) -> Miss | None:
    """Go through a call step by step; returns the first that is missed.

    Expected things are looked for after the one that was found before, and what lies between is passed over; time goes
    on until they happen. A key is pressed when the step before it is done.
    """
    search = _Search(call, patience_ms)
    for index, step in enumerate(steps):
        if step.press:
            if call.over:
                return Miss(index, "the call has ended before")
            call.press(step.press)
        elif step.wait_ms:
            call.pass_time(step.wait_ms)
        elif step.speak_ms:
            if not _may_speak(call):
                return Miss(index, f"nothing is recorded within {PATIENCE_MS // 1000} s, so nobody hears the caller")
            call.speak(step.speak_ms)
        elif step.set:
            missed = "" if "set" in call.unseen else _missing_values(step.set, call)
            if missed:
                return Miss(index, missed)
        else:
            what, text = _wanted(step)
            if what not in call.unseen and not search.find(what, text):
                return Miss(index, search.instead(what, text))
    return None


def _may_speak(call: Played) -> bool:
    """Wait until it is the caller's turn to speak; False when that does not come."""
    until = call.now_ms + PATIENCE_MS
    while not call.recording:
        if not call.step(until):
            return False
    return True


def passed_over(steps: list[Step], call: Played) -> int:
    """Count the steps that cannot be seen of a call."""
    return sum(("set" if step.set else _wanted(step)[0]) in call.unseen for step in steps if not _done(step))


def _done(step: Step) -> bool:
    """Say whether a step is something that the caller does."""
    return bool(step.press or step.wait_ms or step.speak_ms)


class _Search:
    """Looks for what is expected, each time after what was found before."""

    def __init__(self, call: Played, patience_ms: int) -> None:
        self._call, self._patience_ms = call, patience_ms
        self._found = -1
        #: The last line that was found of each kind: none is found twice.
        self._used: dict[What, int] = {}

    def find(self, what: What, text: str) -> bool:
        """Wait for a line."""
        call = self._call
        until, looked = call.now_ms + self._patience_ms, 0
        while True:
            for number in range(looked, len(call.lines)):
                if self._is_new(number) and _fits(call.lines[number], what, text):
                    self._found = self._used[what] = number
                    return True
            looked = len(call.lines)
            if not call.step(until) and len(call.lines) == looked:
                return False

    def _is_new(self, number: int) -> bool:
        used = self._used.get(self._call.lines[number].what, -1)
        return number > used and (self._found < 0 or self._call.follows(number, self._found))

    def instead(self, what: What, text: str) -> str:
        """Say what was found in place of it."""
        call = self._call
        names = {
            "hear": "heard",
            "enter": "entered",
            "input": "the input",
            "transfer": "dialled",
            "whisper": "whispered",
            "ask": "asked",
            "message": "what came of a message",
            "callback": "asked to be called back",
            "survey": "told by the survey",
            "do_not_call": "put on the list",
            "queue": "joined",
            "end": "over",
        }
        lines = [line for number, line in enumerate(call.lines) if line.what == what and self._is_new(number)]
        others = [line.node if what == "enter" else line.text[line.known :].strip() for line in lines]
        shown = ", ".join(f"'{one[:60]}'" for one in others[:5]) or "nothing"
        wanted = "the call is not over" if what == "end" else f"'{text[:80]}' was not {names[what]}"
        within = f"within {self._patience_ms // 1000} s, and the call is at '{call.node}'"
        how = "and the call has ended" if call.over else within
        return f"{wanted} {how}" if what == "end" else f"{wanted} {how}; {names[what]}: {shown}"


def _wanted(step: Step) -> tuple[What, str]:
    if step.hear:
        return "hear", step.hear
    if step.at:
        return "enter", step.at
    if step.input:
        return "input", step.input
    for what in ("transfer", "whisper", "message", "callback", "survey", "do_not_call", "queue"):
        if text := getattr(step, what):
            return what, text
    return ("ask", step.ask) if step.ask else ("end", "")


def _fits(line: Line, what: What, text: str) -> bool:
    if line.what != what:
        return False
    match what:
        case "hear":
            # At least the last character is of what this line adds.
            wanted = plain(text)
            return wanted in plain(line.text)[max(0, line.known - len(wanted) + 1) :]
        case "whisper":
            return plain(text) in plain(line.text)
        case "enter":
            return line.node == text
        case "transfer" | "input":
            return line.text.split(" ")[0] == text
        case _:
            return not text or line.text == text


def plain(text: str) -> str:
    """Return a text as it is compared: without capitals, breaks and doubled spaces."""
    return " ".join(text.casefold().split())


def _missing_values(wanted: dict[str, str], call: Played) -> str:
    """Say which values are not as they should be; a call that tells late is given its time."""
    until = call.now_ms + call.lag_ms
    missed = _values(wanted, call)
    while missed and call.now_ms < until and call.step(until):
        missed = _values(wanted, call)
    return missed


def _values(wanted: dict[str, str], call: Played) -> str:
    have = call.values
    wrong = [
        f"{name} is {have.get(name) or 'not set'!r}, not {value!r}"
        for name, value in wanted.items()
        if have.get(name, "") != value
    ]
    return "; ".join(wrong)
