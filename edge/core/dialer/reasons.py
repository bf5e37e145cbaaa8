"""What the rules found: each rule's answer with its figures, and the words for people."""

from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct

#: The rules, in the order in which they are asked and shown.
Rule = Literal[
    "clock",
    "number",
    "history",
    "zone",
    "hours",
    "attempts",
    "gap",
    "after",
    "own_list",
    "list",
    "consent",
    "caller_id",
]

Reason = Literal[
    "clock_unknown",
    "not_a_number",
    "not_ordinary",
    "not_covered",
    "history_unknown",
    "under_way",
    "held",
    "talking",
    "zone_unknown",
    "hours",
    "holiday",
    "attempts",
    "gap",
    "after_outcome",
    "own_list",
    "lists_unknown",
    "listed",
    "list_missing",
    "list_stale",
    "consents_unknown",
    "consent_missing",
    "caller_id_missing",
    "caller_id_foreign",
]

#: What each reason says, for the page of the rules.
REASONS: Final[dict[Reason, str]] = {
    "clock_unknown": "the time of day is not one that time zones and holidays are known of",
    "not_a_number": "there is no such number (E.164)",
    "not_ordinary": "premium rate, shared cost, toll-free, or of a kind that is not known: never called",
    "not_covered": "its country, or its beginning, is not among those that the rules are for",
    "history_unknown": "what became of earlier attempts cannot be read",
    "under_way": "it is being called, or the contact is on another number",
    "held": "nobody knows what became of an attempt: a person has to say so first",
    "talking": "it has a call with us, or is called back by us: looked at again when that is over",
    "zone_unknown": "nobody can say what time it is where it rings",
    "hours": "outside the calling hours of a zone that it may be in",
    "holiday": "a public holiday where it rings",
    "attempts": "it, or its contact, was dialled as often as may be",
    "gap": "it was dialled too short a time ago",
    "after_outcome": "what became of an attempt asks for a longer pause",
    "own_list": "somebody asked us not to call",
    "lists_unknown": "whether it is on a list cannot be read",
    "listed": "it is on a list of numbers that are not to be called",
    "list_missing": "a list that has to be asked was never loaded",
    "list_stale": "a list that has to be asked is too old",
    "consents_unknown": "whether somebody agreed cannot be read",
    "consent_missing": "nobody agreed to such a call, or the proof is lacking",
    "caller_id_missing": "the call would show no number",
    "caller_id_foreign": "the call would show a number that is not ours",
}


class Check(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of one rule. Which figures there are follows from the rule."""

    rule: Rule
    #: None: it allows the call.
    reason: Reason | None = None
    source: str = ""
    #: The moment (ms) from which this rule would allow it; None: waiting alone won't do.
    next_ms: int | None = None
    #: Attempts in the window.
    have: int = 0
    most: int = 0
    #: Window, gap or age, ms.
    span_ms: int = 0
    #: What `names` are of: `number` or `contact`, `day` or `week`.
    of: str = ""
    window: str = ""
    #: Zones, a holiday, a list, kinds of consent, an outcome.
    names: tuple[str, ...] = ()


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether a number may be dialled now, and all that speaks against it."""

    allowed: bool
    #: Every rule that forbids it.
    refusals: list[Check] = []
    #: The first moment (ms) at which all rules allow it as far as can be known now; None: waiting alone won't do, or it
    #: is further than the horizon (see `rules.HORIZON_MS`).
    next_ms: int | None = None

    @property
    def reasons(self) -> list[Reason]:
        """The reasons alone, each once, for figures and events."""
        return list(dict.fromkeys(check.reason for check in self.refusals if check.reason is not None))


_MANY_NAMES = 4


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _MANY_NAMES
    return ", ".join(names[:_MANY_NAMES]) + (f" and {more} more" if more > 0 else "")


def duration(milliseconds: int) -> str:
    """Say how long."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size} {unit}"
    return f"{milliseconds / 3_600_000:.1f} h" if milliseconds >= 3_600_000 else f"{milliseconds / 1000:.0f} s"


def _attempts(check: Check) -> str:
    window = f"this {check.window}" if check.window else f"within {duration(check.span_ms)}"
    return f"{check.have} of {check.most} attempts of the {check.of} {window}"


_TEXTS: dict[Rule, Callable[[Check], str]] = {
    "number": lambda check: " ".join(check.names).replace("unknown", "fixed or mobile"),
    "history": lambda check: "" if check.reason == "history_unknown" else f"{check.have} earlier attempts",
    "zone": lambda check: f"{_some(check.names)} (from the {check.of})",
    "attempts": _attempts,
    "gap": lambda check: f"{duration(check.span_ms)} between attempts",
    "after": lambda check: f"{duration(check.span_ms)} after an attempt that ended {_some(check.names)}",
    "list": lambda check: (
        f"{_some(check.names)}, at most {duration(check.span_ms)} old" if check.span_ms else _some(check.names)
    ),
    "consent": lambda check: f"needs {' or '.join(check.names)}",
}


def text_of(check: Check) -> str:
    """Say in words what a rule found. Times are not in it: who shows them knows the reader's zone."""
    said = _TEXTS[check.rule](check) if check.rule in _TEXTS else ""
    if check.reason is None:
        return said
    if check.rule == "hours":
        said = _some(check.names)
    return f"{REASONS[check.reason]}{': ' if said else ''}{said}"
