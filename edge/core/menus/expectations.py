"""What a caller does and what is to happen then, step by step, held against a rehearsal."""

from msgspec import Struct

from edge.core.menus.parts import NodeId
from edge.core.menus.rehearsal import Line, Rehearsal, What

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
    ask: str = ""
    message: str = ""
    callback: str = ""
    survey: str = ""
    end: bool = False


class Miss(Struct, frozen=True):
    """A step that was not as expected."""

    #: Index of the step.
    step: int
    message: str


def follow(steps: list[Step], call: Rehearsal) -> Miss | None:
    """Go through a call step by step; returns the first that is missed.

    Expected things are looked for after the one that was found before, and what lies between is passed over; time goes
    on until they happen. A key is pressed when the step before it is done.
    """
    seen = 0
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
            missed = _values(step.set, call)
            if missed:
                return Miss(index, missed)
        else:
            what, text = _wanted(step)
            found = _await(what, text, call, seen)
            if found is None:
                return Miss(index, _instead(what, text, call, seen))
            seen = found + 1
    return None


def _may_speak(call: Rehearsal) -> bool:
    """Wait until it is the caller's turn to speak; False when that does not come."""
    until = call.now_ms + PATIENCE_MS
    while not call.recording:
        if not call.step(until):
            return False
    return True


def _wanted(step: Step) -> tuple[What, str]:
    if step.hear:
        return "hear", step.hear
    if step.at:
        return "enter", step.at
    if step.input:
        return "input", step.input
    for what in ("transfer", "message", "callback", "survey"):
        if text := getattr(step, what):
            return what, text
    return ("ask", step.ask) if step.ask else ("end", "")


def _await(what: What, text: str, call: Rehearsal, seen: int) -> int | None:
    """Return the line that was waited for."""
    until = call.now_ms + PATIENCE_MS
    while True:
        for number in range(seen, len(call.lines)):
            if _fits(call.lines[number], what, text):
                return number
        seen = len(call.lines)
        if not call.step(until):
            return None


def _fits(line: Line, what: What, text: str) -> bool:
    if line.what != what:
        return False
    match what:
        case "hear":
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


def _values(wanted: dict[str, str], call: Rehearsal) -> str:
    have = call.values
    wrong = [
        f"{name} is {have.get(name) or 'not set'!r}, not {value!r}"
        for name, value in wanted.items()
        if have.get(name, "") != value
    ]
    return "; ".join(wrong)


def _instead(what: What, text: str, call: Rehearsal, seen: int) -> str:
    names = {
        "hear": "heard",
        "enter": "entered",
        "input": "the input",
        "transfer": "dialled",
        "ask": "asked",
        "message": "what came of a message",
        "callback": "asked to be called back",
        "survey": "told by the survey",
        "end": "over",
    }
    others = [line.node if what == "enter" else line.text for line in call.lines[seen:] if line.what == what]
    shown = ", ".join(f"'{one[:60]}'" for one in others[:5]) or "nothing"
    wanted = "the call is not over" if what == "end" else f"'{text[:80]}' was not {names[what]}"
    how = "and the call has ended" if call.over else f"within {PATIENCE_MS // 1000} s, and the call is at '{call.node}'"
    return f"{wanted} {how}" if what == "end" else f"{wanted} {how}; {names[what]}: {shown}"
