"""A leg's media as a small picture in the terminal: levels, buffer, loss, delay, quality."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edge.cli.output import printable

#: Cells of a bar.
WIDTH = 32
#: Ends of the level scale, dBm0.
QUIETEST, LOUDEST = -60.0, 3.0
#: The buffer's scale, unless more lies in it.
BUFFER_MS = 200.0
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(share: float, width: int = WIDTH) -> str:
    """Draw `share` (0 to 1, what is outside is cut off) as a bar of `width` cells, to an eighth of a cell."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def call_picture(call: dict[str, Any], legs: Sequence[dict[str, Any]]) -> RenderableType:
    """Draw a call: a line on it, and a box for each leg."""
    where = f"{call.get('menu', '')} {call.get('node', '')}".strip()
    facts = [call["id"], call.get("direction", ""), call.get("trunk", ""), call.get("phase", ""), where]
    head = Text(" · ".join(printable(fact) for fact in facts if fact), style="bold")
    if not legs:
        return Group(head, Text("no leg has media"))
    return Group(head, *map(leg_picture, legs))


def leg_picture(leg: dict[str, Any]) -> RenderableType:
    """Draw a leg."""
    figures = leg["figures"]
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    talks = "talks" if leg["talks"] else ""
    table.add_row("in", _level_bar(leg["level_in_dbm0"]), f"{_level(leg['level_in_dbm0'])}  {talks}")
    table.add_row("out", _level_bar(leg["level_out_dbm0"]), _level(leg["level_out_dbm0"]))
    table.add_row("buffer", _buffer_bar(leg), f"{leg['buffer_ms']:.0f} ms, target {leg['buffer_target_ms']:.0f} ms")
    grid = Table.grid(padding=(0, 2))
    for _ in range(5):
        grid.add_column(justify="right", no_wrap=True)
    grid.add_row("", "MOS", "loss", "jitter", "packets", style="dim")
    grid.add_row(
        "in", _mos(figures["mos_received"]), _percent(figures["loss_received"]), _ms(figures["jitter_ms"]),
        str(figures["packets_received"]),
    )  # fmt: skip
    grid.add_row(
        "out", _mos(figures["mos_sent"]), _percent(figures["loss_sent"]), _ms(figures["jitter_sent_ms"]),
        str(figures["packets_sent"]),
    )  # fmt: skip
    return Panel(
        Group(table, grid, Text(_counts(figures)), Text(_doing(leg)), *_warnings(leg)),
        title=Text(_title(leg)),
        title_align="left",
        width=78,
    )


def _title(leg: dict[str, Any]) -> str:
    codec = f"{leg['codec']}/{leg['clock_rate']}" if leg["codec"] else "not negotiated"
    learned = " (learned)" if leg["figures"]["symmetric_learned"] else ""
    secure = "SRTP" if leg["srtp"] else ""
    parts = (f"leg {leg['leg'].rpartition('.')[2]}", codec, secure, f"{leg['peer']}{learned}")
    return " · ".join(printable(part) for part in parts if part)


def _counts(figures: dict[str, Any]) -> str:
    trips = figures["round_trip_ms"]
    parts = [f"RTT {_ms(trips)}", f"lost {figures['packets_lost']}", f"late {figures['packets_late']}"]
    parts.append(f"made up {figures['concealed_ms']} ms")
    parts.append(f"RTCP {figures['rtcp_received']} in, {figures['rtcp_sent']} out")
    if figures["packets_refused"]:
        parts.append(f"refused {figures['packets_refused']}")
    return "  ".join(parts)


def _doing(leg: dict[str, Any]) -> str:
    parts = []
    if leg["plays"]:
        parts.append(f"plays {leg['plays']}")
    if leg["sends_digits"]:
        parts.append("sends digits")
    if leg["recording"]:
        parts.append(f"records {leg['recording']}")
    if leg["room"]:
        parts.append(f"room {leg['room']} ({leg['room_mode']})")
    return printable("  ".join(parts) or "idle")


_FAULTS = {
    "no_packets": "no packets come",
    "no_sound": "only silence comes",
    "not_received": "the peer receives nothing",
}


def _warnings(leg: dict[str, Any]) -> list[Text]:
    return [Text(f"! {_FAULTS.get(fault, fault)}", style="bold red") for fault in leg["faults"]]


def _level(level: float | None) -> str:
    return "silent" if level is None else f"{level:5.1f} dBm0"


def _level_bar(level: float | None) -> Text:
    share = 0.0 if level is None else (level - QUIETEST) / (LOUDEST - QUIETEST)
    colour = "red" if level is not None and level > -3 else "yellow" if level is not None and level > -10 else "green"
    return Text(bar(share), style=colour)


def _buffer_bar(leg: dict[str, Any]) -> Text:
    scale = max(BUFFER_MS, leg["buffer_ms"], leg["buffer_target_ms"])
    drawn = bar(leg["buffer_ms"] / scale)
    at = min(round(leg["buffer_target_ms"] / scale * WIDTH), WIDTH - 1)
    return Text(drawn[:at] + "┃" + drawn[at + 1 :], style="cyan")


def _mos(value: float | None) -> Text:
    if value is None:
        return Text("-")
    return Text(f"{value:.2f}", style="green" if value >= 4 else "yellow" if value >= 3.6 else "red")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"
