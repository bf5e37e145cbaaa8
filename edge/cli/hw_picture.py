"""What a loop does, drawn: in the terminal, and as a picture (Pillow, the extra `plot`)."""

import math
from typing import TYPE_CHECKING, Final

from rich.text import Text

from dsp.loop import BAND, Measured
from edge.cli.line_chart import Curve, Panel, chart
from edge.cli.output import console, print_table
from edge.cli.palette import BACKGROUND

if TYPE_CHECKING:
    from PIL.Image import Image

#: Characters of a bar, and the dB that they stand for.
_WIDTH, _RANGE_DB = 48, 24.0
#: Farther from the gain at 1 kHz than that is drawn as bad (ITU-T G.712, table 2, allows less to exchanges).
_FAR_DB: Final = 3.0


def print_gains(measured: Measured) -> None:
    """Draw the gain at each frequency as a bar."""
    out = console()
    top = max(db for _, db in measured.gains)
    out.print(f"gain by frequency; a bar from {top - _RANGE_DB:.0f} to {top:.0f} dB", highlight=False)
    for hz, db in measured.gains:
        inside = BAND[0] <= hz <= BAND[1]
        far = abs(db - measured.gain_db) > _FAR_DB
        style = "dim" if not inside else "red" if far else "green"
        length = round(_WIDTH * max(0.0, min(1.0, 1 + (db - top) / _RANGE_DB)))
        out.print(Text(f"{hz:>6} Hz {db:>7.1f} dB "), Text("█" * length or "·", style=style), sep="")


def print_levels(measured: Measured) -> None:
    """List what became of a tone of 1 kHz at each level."""
    rows = [
        (
            f"{step.played_dbm0:g}",
            f"{step.heard_dbm0:.1f}",
            f"{step.heard_dbm0 - step.played_dbm0:+.1f}",
            f"{step.distortion_percent:.1f}",
        )
        for step in measured.steps
    ]
    columns = ("played, dBm0", "heard, dBm0", "gain, dB", "distortion, %")
    print_table(columns, rows, right=columns)


def picture(measured: Measured, title: str) -> "Image":
    """Draw gain by frequency, and level and distortion by level."""
    from PIL import Image

    gains = [(float(hz), db) for hz, db in measured.gains]
    low, high = _scale([*(db for _, db in gains), measured.gain_db - 6, measured.gain_db + 2])
    upper = chart(title, "Hz", [Panel("gain, dB", [Curve("gain", gains)], measured.gain_db, low, high)], even=True)
    steps = measured.steps
    heard = Curve("heard", [(step.played_dbm0, step.heard_dbm0) for step in steps])
    even = Curve("as at 1 kHz, -12 dBm0", [(step.played_dbm0, step.played_dbm0 + measured.gain_db) for step in steps])
    distorted = Curve("distortion", [(step.played_dbm0, step.distortion_percent) for step in steps])
    levels = _scale([measured.noise_dbm0, *(level for curve in (heard, even) for _, level in curve.points)])
    percent = _scale([0.0, 1.0, *(share for _, share in distorted.points)])
    lower = chart(
        f"noise floor {measured.noise_dbm0:.0f} dBm0",
        "played, dBm0",
        [
            Panel("heard, dBm0", [heard, even], measured.noise_dbm0, *levels),
            Panel("all but the tone, %", [distorted], None, *percent),
        ],
    )
    image = Image.new("RGB", (max(upper.width, lower.width), upper.height + lower.height), BACKGROUND)
    image.paste(upper, (0, 0))
    image.paste(lower, (0, upper.height))
    return image


def _scale(values: list[float]) -> tuple[float, float]:
    """Give ends of a scale whose quarters are whole numbers."""
    low = math.floor(min(values))
    return float(low), float(low + 4 * max(1, math.ceil((max(values) - low) / 4)))
