"""`edge calls show --sip`: the SIP messages of a call as a ladder, as Mermaid, or whole."""

from datetime import datetime
from typing import Any, NamedTuple

from edge.cli.output import printable

#: Columns between two lines of the ladder.
_GAP = 34
_CLOCK = 9


class Step(NamedTuple):
    """One message, as an arrow."""

    seconds: float
    leg: str
    incoming: bool
    label: str
    #: Why a call ended (Reason header); "" when that is not said.
    reason: str


def label_of(text: str) -> tuple[str, str]:
    """Say in a few words what a message is (method or status, its body), and the reason that it names."""
    head, _, body = text.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if first.startswith("SIP/2.0 "):
        what = f"{first[8:]} ({fields.get('cseq', '').rpartition(' ')[2]})"
    else:
        what = first.partition(" ")[0]
    if body:
        what += " SDP" if "sdp" in fields.get("content-type", "").lower() else " +body"
    return printable(what), printable(fields.get("reason", ""))


def steps(messages: list[dict[str, Any]]) -> list[Step]:
    """Arrows of a call's messages; one that was there before says so."""
    began = datetime.fromisoformat(messages[0]["at"]) if messages else None
    seen: set[tuple[str, str, str]] = set()
    found = []
    for one in messages:
        key = (one["leg"], one["direction"], one["text"])
        again = " (again)" if key in seen else ""
        seen.add(key)
        assert began is not None  # noqa: S101 - there is a first one
        after = (datetime.fromisoformat(one["at"]) - began).total_seconds()
        label, reason = label_of(one["text"])
        found.append(Step(after, one["leg"], one["direction"] == "in", label + again, reason))
    return found


def peers(messages: list[dict[str, Any]]) -> dict[str, str]:
    """Return each leg's peer, as its first message names it."""
    found: dict[str, str] = {}
    for one in messages:
        found.setdefault(one["leg"], f"{one['peer']} {one['transport']}")
    return dict(sorted(found.items(), key=lambda item: int(item[0].rpartition(".")[2] or 0)))


def ladder(messages: list[dict[str, Any]]) -> str:
    """Draw a ladder: the first leg's peer left of the appliance, those of the others right of it."""
    at = peers(messages)
    legs = list(at)
    titles = [f"leg {legs[0].rpartition('.')[2]}", "edge", *(f"leg {leg.rpartition('.')[2]}" for leg in legs[1:])]
    below = [at[legs[0]], "", *(at[leg] for leg in legs[1:])]
    indent = " " * (_CLOCK + 2)
    rows = [indent + "".join(f"{cell:<{_GAP}}" for cell in cells).rstrip() for cells in (titles, below)]
    for step in steps(messages):
        place = 0 if step.leg == legs[0] else legs.index(step.leg) + 1
        rows.append(f"{step.seconds:>{_CLOCK}.3f}  {_arrow(len(titles), place, step)}  {step.reason}".rstrip())
    return "\n".join(rows) + "\n"


def _arrow(columns: int, place: int, step: Step) -> str:
    """Draw the arrow between the appliance (column 1) and a peer."""
    line = [" "] * (_GAP * (columns - 1) + 1)
    for column in range(columns):
        line[column * _GAP] = "|"
    left, right = sorted((place, 1))
    start, end = left * _GAP + 1, right * _GAP
    rightwards = step.incoming == (place == 0)
    width = end - start
    text = f" {step.label} "
    text = text if len(text) <= width - 4 else text[: width - 6] + ".. "
    drawn = text.center(width, "-")
    drawn = drawn[:-1] + ">" if rightwards else "<" + drawn[1:]
    line[start:end] = drawn
    return "".join(line)


def mermaid(messages: list[dict[str, Any]]) -> str:
    """Write the same as a Mermaid sequence diagram."""
    at = peers(messages)
    legs = list(at)
    names = {leg: f"L{leg.rpartition('.')[2]}" for leg in legs}
    order = [legs[0], "", *legs[1:]]
    peer = "    participant {0} as leg {1} {2}"
    rows = ["sequenceDiagram"]
    rows += [peer.format(names[leg], names[leg][1:], at[leg]) if leg else "    participant edge" for leg in order]
    for step in steps(messages):
        sides = (names[step.leg], "edge") if step.incoming else ("edge", names[step.leg])
        # A semicolon ends a statement there, and # begins an entity.
        text = f"{step.label} [{step.reason}]" if step.reason else step.label
        text = text.replace("#", "#35;").replace(";", "#59;")
        rows.append(f"    {sides[0]}->>{sides[1]}: {text} ({step.seconds:.3f} s)")
    return "\n".join(rows) + "\n"


def whole(messages: list[dict[str, Any]]) -> str:
    """Write the messages themselves; nothing in them can steer a terminal."""
    rows = []
    for one in messages:
        arrow = "from" if one["direction"] == "in" else "to"
        rows.append(f"--- {one['at']}  leg {one['leg']}  {arrow} {one['peer']} ({one['transport']})")
        rows += [printable(line) for line in one["text"].split("\r\n")]
    return "\n".join(rows) + "\n"
