"""Curves as a picture: panels one below the other, on one axis. Needs Pillow (the extra `plot`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from edge.cli.palette import BACKGROUND, FAINT, INK, font

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS = ((255, 209, 102), (239, 71, 111), (6, 214, 160), (120, 170, 255), (200, 140, 255))
WIDTH, HEIGHT = 900, 220
LEFT, RIGHT, TOP, GAP, BOTTOM = 70, 150, 60, 40, 46


class Curve(Struct, frozen=True):
    """Points (x, y), and a name that all panels share."""

    name: str
    points: list[tuple[float, float]]


class Panel(Struct, frozen=True):
    """Curves on one scale; a curve's colour goes by its name."""

    title: str
    curves: list[Curve]
    #: A level that is drawn across, such as a ceiling.
    level: float | None = None
    #: Ends of the scale; None: those of the points.
    low: float | None = 0.0
    high: float | None = None


def chart(title: str, x_title: str, panels: Sequence[Panel], *, even: bool = False) -> "Image":
    """Draw panels over one axis. `even`: the values of x stand at even distances, whatever they are."""
    from PIL import Image, ImageDraw

    xs = sorted({x for panel in panels for curve in panel.curves for x, _ in curve.points}) or [0.0]
    places = {x: (index if even else x) for index, x in enumerate(xs)}
    names = list(dict.fromkeys(curve.name for panel in panels for curve in panel.curves))
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
    image = Image.new("RGB", (LEFT + WIDTH + RIGHT, TOP + len(panels) * (HEIGHT + GAP) + BOTTOM - GAP), BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw.text((LEFT, 8), title, INK, font(15))
    first, last = places[xs[0]], places[xs[-1]]

    def across(x: float) -> float:
        return LEFT + WIDTH * (places[x] - first) / ((last - first) or 1)

    for number, panel in enumerate(panels):
        _panel(draw, panel, TOP + number * (HEIGHT + GAP), across, colours)
    floor = TOP + len(panels) * (HEIGHT + GAP) - GAP
    marks = xs if even or len(xs) <= 12 else [xs[round(index * (len(xs) - 1) / 10)] for index in range(11)]
    for x in marks:
        draw.text((across(x), floor + 6), f"{x:g}", INK, font(11), anchor="ma")
    draw.text((LEFT + WIDTH / 2, floor + 24), x_title, INK, font(12), anchor="ma")
    for index, name in enumerate(names):
        draw.text((LEFT + WIDTH + 12, TOP + 18 * index), name, colours[name], font(13))
    return image


def _panel(draw: Any, panel: Panel, top: int, across: Any, colours: dict[str, tuple[int, int, int]]) -> None:
    ys = [y for curve in panel.curves for _, y in curve.points]
    ys += [panel.level] if panel.level is not None else []
    low = min(ys, default=0.0) if panel.low is None else panel.low
    high = max([*ys, low + 1e-9]) if panel.high is None else panel.high

    def up(y: float) -> float:
        return top + HEIGHT - HEIGHT * (min(max(y, low), high) - low) / (high - low)

    draw.text((LEFT, top - 18), panel.title, INK, font(12))
    draw.rectangle((LEFT, top, LEFT + WIDTH, top + HEIGHT), outline=FAINT)
    for quarter in range(5):
        y = low + (high - low) * quarter / 4
        draw.line((LEFT - 4, up(y), LEFT, up(y)), FAINT)
        draw.text((LEFT - 8, up(y)), f"{y:.3g}", INK, font(11), anchor="rm")
    if panel.level is not None:
        draw.line((LEFT, up(panel.level), LEFT + WIDTH, up(panel.level)), INK)
    for curve in panel.curves:
        line = [(across(x), up(y)) for x, y in curve.points]
        if len(line) > 1:
            draw.line(line, colours[curve.name], 2)
        if len(line) <= 40:
            for x, y in line:
                draw.ellipse((x - 3, y - 3, x + 3, y + 3), colours[curve.name])
