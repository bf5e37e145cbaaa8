"""Names made of events: subjects, topics, routing keys and streams, such as `edge.{site}.{type}.{call}`."""

import re
from collections.abc import Callable
from typing import Final

#: What may stand in braces.
FIELDS: Final = {
    "site": "name of the appliance",
    "type": "type of the event, as `call.ended`",
    "group": "its part before the first dot, as `call`",
    "call": "id of the call; of an event that belongs to none, the name of the appliance",
    "id": "id of the event",
}
#: What an event without any subject has for its call.
NO_CALL: Final = "none"
_PART: Final = re.compile(r"\{([^{}]*)\}")


def template_fault(text: str) -> str:
    """Say what is wrong with a template; empty: nothing."""
    unknown = [name for name in _PART.findall(text) if name not in FIELDS]
    if unknown:
        return f"'{{{unknown[0]}}}' is none of the fields of a template: " + ", ".join(sorted(FIELDS))
    if "{" in _PART.sub("", text) or "}" in _PART.sub("", text):
        return "a brace has no partner"
    return "" if text.strip() and text.isprintable() and " " not in text else "a template is a text without spaces"


class Template:
    """A template that `template_fault` has nothing against. `clean` makes a value fit for the place that it goes to."""

    def __init__(self, text: str, site: str, clean: Callable[[str], str]) -> None:
        self._clean = clean
        self._text = text.replace("{site}", clean(site))

    def fill(self, kind: str, call: str | None, id_: str) -> str:
        """Make the name for an event. Dots of its type stay: they are levels of their own."""
        values = {
            "type": ".".join(map(self._clean, kind.split("."))),
            "group": self._clean(kind.partition(".")[0]),
            "call": self._clean(call or NO_CALL),
            "id": self._clean(id_),
        }
        return _PART.sub(lambda match: values[match[1]], self._text)

    @property
    def beginning(self) -> str:
        """What all names begin with: all before the first field that depends on the event."""
        return _PART.split(self._text, maxsplit=1)[0]


def cleaner(forbidden: str) -> Callable[[str], str]:
    """Make what puts `_` in the place of characters that a name can't have: those, spaces and what can't be printed."""
    bad = re.compile(rf"[{re.escape(forbidden)}\s]") if forbidden else re.compile(r"\s")

    def clean(text: str) -> str:
        text = bad.sub("_", text)
        if not text.isprintable():
            text = "".join(c if c.isprintable() else "_" for c in text)
        return text or "_"

    return clean
