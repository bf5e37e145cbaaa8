"""What a menu knows of its call: who called whom, when, and the values that were set since."""

import re

from msgspec import Struct

from edge.core.menus.calendar import UTC_ZONE, Zone
from edge.core.menus.parts import Attribute, is_word
from edge.vocabulary.private import Private

#: `${name}` in a text.
INSERT = re.compile(r"\$\{([a-z][a-z0-9_]{0,31})\}")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: What a node `callback` gives a call: the number that is to be called, as it is dialled in the country of the call's
#: trunk, and the window: from when, until when at the latest, and the day of that.
CALLBACK = ("callback_number", "callback_from", "callback_by", "callback_date")
#: What every menu can ask for without declaring it; nobody can set them.
GIVEN = (
    "caller",
    "called",
    "digits",
    "result",
    "language",
    "time",
    "date",
    "weekday",
    "queue_position",
    "queue_minutes",
    *CALLBACK,
)
#: Attributes that need no declaration: what queues and backends ask for.
KNOWN_ATTRIBUTES: dict[str, Attribute] = {
    "skill": Attribute(),
    "priority": Attribute(type="number", least=0, most=100),
    "reason_code": Attribute(),
    "customer_type": Attribute(),
}


class Row(Struct, frozen=True, omit_defaults=True):
    """What a table says of a caller."""

    blocked: bool = False
    attributes: dict[str, Private] = {}


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known when the menu begins."""

    #: In E.164 where that is known, else as the trunk sent it; empty: the caller hides it.
    caller: str = ""
    called: str = ""
    #: Who the menu talks with: the caller, or of a call that we made the called one. Empty: it hides its number.
    peer: str = ""
    #: The time when the menu begins, milliseconds since 1970. 0: nobody has said; then it is 1970.
    wall_ms: int = 0
    #: What the tables that the menu asks say of the caller, by the table's name; not there: it is not in it.
    rows: dict[str, Row] = {}
    #: Country of the trunk that the call came by, ISO 3166-1 alpha-2; empty: it has none.
    country: str = ""
    #: As many requests to be called back are open as may be: no more are taken.
    callbacks_full: bool = False
    #: What attributes are set to from the beginning, as far as the menu takes it.
    attributes: dict[str, str] = {}
    #: To speak from the beginning, where the menu has it; empty: the menu's own.
    language: str = ""
    #: Who is called back by this call, in E.164; empty: nobody.
    callback_number: str = ""
    #: A campaign has made the call.
    attempt: bool = False


class Values:
    """The values of one call."""

    def __init__(self, attributes: dict[str, Attribute], language: str, zone: Zone = UTC_ZONE) -> None:
        self.facts = Facts()
        self.language = language
        #: Digits of the last gather whose digits may be known, and the result of the last sub-menu.
        self.digits = ""
        self.result = ""
        #: Values of `CALLBACK`, once there are any.
        self.callback: dict[str, str] = {}
        #: Where the call stands in its queue, and how long it will take there; 0: in none, or not known.
        self.queue_position = 0
        self.queue_minutes = 0
        self._began_ms = 0
        self._zone = zone
        self._attributes = {**KNOWN_ATTRIBUTES, **attributes}
        #: What was set, or has a default.
        self.set_to = {name: one.default for name, one in self._attributes.items() if one.default}

    def begin(self, facts: Facts, now_ms: int) -> None:
        """Take what is known when the menu begins."""
        self.facts = facts
        self._began_ms = now_ms
        if facts.callback_number:
            self.callback["callback_number"] = facts.callback_number
        for name, value in facts.attributes.items():
            declared = self._attributes.get(name)
            if declared is not None and declared.takes(value):
                self.set_to[name] = value

    def wall_ms(self, now_ms: int) -> int:
        """Give the time of day, milliseconds since 1970."""
        return self.facts.wall_ms + now_ms - self._began_ms

    def get(self, name: str, now_ms: int) -> str:
        """Give a value; "" where there is none."""
        match name:
            case "caller":
                return self.facts.caller
            case "called":
                return self.facts.called
            case "digits":
                return self.digits
            case "result":
                return self.result
            case "language":
                return self.language
            case "queue_position" | "queue_minutes":
                number = self.queue_position if name == "queue_position" else self.queue_minutes
                return str(number) if number else ""
            case "time" | "date" | "weekday":
                now = self._zone.local(self.wall_ms(now_ms))
                return {"time": f"{now:%H:%M}", "date": f"{now:%Y-%m-%d}", "weekday": WEEKDAYS[now.weekday()]}[name]
            case _ if name in CALLBACK:
                return self.callback.get(name, "")
            case _:
                return self.set_to.get(name, "")

    def set(self, values: dict[str, str], now_ms: int) -> dict[str, str]:
        """Set attributes, `${...}` in them filled; returns those that changed. What does not fit leaves the old one."""
        changed: dict[str, str] = {}
        for name, text in values.items():
            declared = self._attributes.get(name)
            value = INSERT.sub(lambda found: self.get(found[1], now_ms), text)
            if declared is None or not declared.takes(value) or self.set_to.get(name, "") == value:
                continue
            changed[name] = self.set_to[name] = value
        return changed

    @property
    def told(self) -> dict[str, str]:
        """Those values of `set_to` that may be told of."""
        return {name: value for name, value in self.set_to.items() if self._attributes[name].told}

    def fill_target(self, text: str, now_ms: int) -> str | None:
        """Fill `${...}` in a target; None when a value is missing or has characters that mean something in a URI."""
        if "${" not in text:
            return text
        values = [self.get(name, now_ms) for name in INSERT.findall(text)]
        if not all(is_word(value) for value in values):
            return None
        return INSERT.sub(lambda _found: values.pop(0), text)

    def fill(self, text: str, now_ms: int) -> str:
        """Fill `${...}` in a text for people or for reading out."""
        return INSERT.sub(lambda found: self.get(found[1], now_ms), text) if "${" in text else text
