"""How indicators are shown: values with their intervals, what is expected beside them, and a picture of differences."""

import math
from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape

from edge.config.menu_tables import Standard
from edge.core.indicators import estimates
from edge.core.indicators.comparison import INDICATORS, Compared
from edge.core.indicators.estimates import Estimate
from edge.core.indicators.standards import standing_of
from edge.core.indicators.tally import Tally

#: What is shown where nothing is known.
NONE = "-"


def value_text(unit: str, value: float) -> str:
    """Show a value of an indicator."""
    if math.isnan(value):
        return NONE
    if unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value / 1000:.1f} s" if unit == "ms" else f"{value:.2f}"


def estimate_text(unit: str, found: Estimate) -> str:
    """Show a value with its interval: `61.2 % [57.8, 64.5]`."""
    if not found.known:
        return NONE
    if math.isinf(found.low) and math.isinf(found.high):
        return value_text(unit, found.value)
    return f"{value_text(unit, found.value)} [{_bound(unit, found.low)}, {_bound(unit, found.high)}]"


def difference_text(unit: str, found: Estimate) -> str:
    """Show a difference, shares in percentage points."""
    if not found.known:
        return NONE
    low, high = (f"{_bound(unit, bound, signed=True)}" for bound in (found.low, found.high))
    return f"{_bound(unit, found.value, signed=True)} [{low}, {high}]"


def _bound(unit: str, value: float, *, signed: bool = False) -> str:
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    scaled, digits = {"share": (100 * value, 1), "ms": (value / 1000, 1)}.get(unit, (value, 2))
    return f"{scaled:{'+' if signed else ''}.{digits}f}"


def plain(found: Estimate) -> dict[str, Any] | None:
    """Give an estimate as JSON; None: nothing is known."""
    if not found.known:
        return None
    low, high = (None if math.isinf(bound) else bound for bound in (found.low, found.high))
    return {"value": found.value, "low": low, "high": high, "of": found.of}


def plain_row(row: Compared) -> dict[str, Any]:
    """Give a compared indicator as JSON."""
    return {
        "indicator": row.indicator,
        "unit": row.unit,
        "control": plain(row.control),
        "candidate": plain(row.candidate),
        "difference": plain(row.difference),
        "always": plain(row.always),
        "verdict": row.verdict,
        "more_calls": row.more_calls,
    }


def measured(tally: Tally) -> list[tuple[str, str, Estimate]]:
    """Estimate all indicators of a group that has values for them: name, unit, estimate. The median of time, too."""
    rows = [(one.name, one.unit, one.of(tally)) for one in INDICATORS]
    at = next(index for index, row in enumerate(rows) if row[0] == "time in menu")
    rows.insert(at + 1, ("time in menu, median", "ms", estimates.median(tally.time)))
    return [(name, str(unit), found) for name, unit, found in rows if found.known]


def nodes_of(tally: Tally) -> list[tuple[str, Estimate, Estimate, Estimate]]:
    """Estimate by node: abandonment of the calls that came there, rounds with no input and with no match.

    Only nodes where one of these can be told, the one where most calls are lost first.
    """
    rows: list[tuple[str, Estimate, Estimate, Estimate]] = []
    for node, came in tally.visited.items():
        rounds, left = tally.rounds_at(node), tally.abandoned_at[node]
        if rounds or left:
            silent, wrong = (estimates.share(tally.rounds_at(node, how), rounds) for how in ("no_input", "no_match"))
            rows.append((node, estimates.share(left, came), silent, wrong))
    return sorted(rows, key=lambda row: (-tally.abandoned_at[row[0]], row[0]))


class Expected:
    """A standard beside what was measured."""

    def __init__(self, standard: Standard | None) -> None:
        self._standard = standard
        of = standard if standard is not None else Standard(menu="x")
        #: Indicator -> bound, and whether it is the most.
        self._bounds = {
            "containment": (of.containment_least / 100, False),
            "abandonment": (of.abandonment_most / 100, True),
            "misroutes": (of.misroutes_most / 100, True),
            "repeat calls": (of.repeats_most / 100, True),
            "time in menu": (float(of.time_in_menu_most_ms), True),
        }

    def said(self, indicator: str, unit: str, found: Estimate) -> tuple[str, str]:
        """Give the standard of an indicator and whether it is met; empty texts without one."""
        bound, most = self._bounds.get(indicator, (0.0, True))
        return _met(unit, bound, found, most=most)

    def of_node(self, node: str, found: Sequence[Estimate]) -> list[str]:
        """Tell of each standard of a node what is wrong with it; `found` as in `nodes_of`."""
        nodes = self._standard.nodes if self._standard is not None else []
        one = next((standard for standard in nodes if standard.node == node), None)
        if one is None:
            return []
        bounds = (one.abandonment_most, one.no_input_most, one.no_match_most)
        texts = []
        for what, percent, estimate in zip(("abandonment", "no input", "no match"), bounds, found, strict=True):
            text, met = _met("share", percent / 100, estimate, most=True)
            if text:
                texts.append(f"{what} {text}: {met}")
        return texts


def _met(unit: str, bound: float, found: Estimate, *, most: bool) -> tuple[str, str]:
    """Judge by the interval: met and missed are sure, else it is told what it looks like."""
    if not bound:
        return "", ""
    text = f"{'at most' if most else 'at least'} {value_text(unit, bound)}"
    if not found.known:
        return text, "not known"
    within, standing = standing_of(found, bound, most=most)
    return text, ("met" if within else "missed") + (", not sure yet" if standing == "unsure" else "")


# --- a picture

_ROW, _LEFT, _WIDTH, _RIGHT, _TOP = 30, 170, 420, 230, 54
_FONT = 'font-family="sans-serif" font-size="13"'
_COLOURS = {"better": "#1a7f37", "higher": "#0b5cad", "lower": "#0b5cad", "worse": "#b42318"}


def svg(title: str, rows: Iterable[Compared]) -> str:
    """Draw the differences of shares with both intervals, as SVG: the thick one is for one look, the thin for all."""
    shown = [row for row in rows if row.unit == "share" and row.difference.known]
    reach = max([0.01, *(abs(bound) for row in shown for bound in (row.difference.low, row.difference.high))]) * 1.1
    height = _TOP + _ROW * len(shown) + 34

    def across(value: float) -> float:
        return _LEFT + _WIDTH * (max(-reach, min(reach, value)) + reach) / (2 * reach)

    bottom = _TOP + _ROW * len(shown)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + _RIGHT}" height="{height}" {_FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="12" y="24" font-size="15" font-weight="bold">{escape(title)}</text>',
        f'<line x1="{across(0):.1f}" x2="{across(0):.1f}" y1="{_TOP - 12}" y2="{bottom}" stroke="#888"/>',
    ]
    for number, row in enumerate(shown):
        y, colour = _TOP + _ROW * number + 8, _COLOURS.get(row.verdict, "#444")
        lines.append(f'<text x="12" y="{y + 4}">{escape(row.indicator)}</text>')
        for found, width in ((row.always, 1.2), (row.difference, 5)):
            if found.known:
                ends = f'x1="{across(found.low):.1f}" x2="{across(found.high):.1f}"'
                lines.append(f'<line {ends} y1="{y}" y2="{y}" stroke="{colour}" stroke-width="{width}"/>')
        at = across(row.difference.value)
        lines.append(f'<circle cx="{at:.1f}" cy="{y}" r="5" fill="{colour}" stroke="white"/>')
        said = f"{difference_text('share', row.difference).split(' ')[0]} points, {row.verdict}"
        lines.append(f'<text x="{_LEFT + _WIDTH + 12}" y="{y + 4}" fill="{colour}">{escape(said)}</text>')
    for value in (-reach / 1.1, 0.0, reach / 1.1):
        text = f'<text x="{across(value):.1f}" y="{bottom + 20}" text-anchor="middle" fill="#666">'
        lines.append(f"{text}{100 * value:+.1f}</text>")
    return "\n".join([*lines, "</svg>", ""])
