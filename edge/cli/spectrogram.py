"""A recording as a picture: the spectrogram of each channel, and what was heard in it, on one axis of time.

However long the recording is, the columns that are kept are bounded: when there are too many, neighbours are merged.
Needs Pillow (the extra `plot`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dsp.analysis import RATE, Detection
from dsp.codecs.g711 import POWER_0_DBM0
from edge.cli.palette import BACKGROUND, FAINT, INK, font

if TYPE_CHECKING:
    from PIL.Image import Image

#: Samples of a transform, and from one to the next.
WINDOW, HOP = 256, 80
BINS = WINDOW // 2 + 1
#: Width of the picture's spectrogram, and the columns that are kept at most.
WIDTH = 1400
MOST_COLUMNS = 2 * WIDTH
HEIGHT = 258
LANE = 18
MARGIN_LEFT, MARGIN_RIGHT, MARGIN = 74, 16, 10
AXIS = 26
#: Ends of the colour scale: level of a transform's bin, dBm0.
QUIETEST, LOUDEST = -85.0, -5.0

#: Lanes above each spectrogram in this order, and their colours.
COLOURS = {
    "dtmf": (255, 209, 102),
    "tone": (6, 214, 160),
    "answer": (239, 71, 111),
    "greeting": (247, 150, 170),
    "speech": (120, 170, 255),
    "level": (200, 200, 200),
}
#: From silence to loud, evenly in brightness.
_SCALE = ((4, 5, 18), (46, 16, 92), (126, 32, 118), (204, 66, 82), (247, 140, 50), (252, 232, 150))

_window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
#: A sine of power P gives P in its bin.
_NORM = 2.0 / float(_window.sum()) ** 2


class Spectrogram:
    """Feed the blocks of a recording, then `draw`."""

    def __init__(self, channels: int) -> None:
        self._rest = np.zeros((channels, 0), np.int16)
        self._power = np.zeros((channels, MOST_COLUMNS, BINS), np.float32)
        self._columns = 0
        #: Transforms that one column is the greatest of.
        self._merged = 1
        self._open = 0  # transforms in the newest column

    def feed(self, samples: npt.NDArray[np.int16]) -> None:
        """Take int16[channels, n] at 8 kHz in."""
        samples = np.concatenate([self._rest, samples], axis=1)
        count = max((samples.shape[1] - WINDOW) // HOP + 1, 0)
        if count:
            views = np.lib.stride_tricks.sliding_window_view(samples, WINDOW, axis=1)[:, : count * HOP : HOP]
            power = np.abs(np.fft.rfft(views * _window, axis=2)) ** 2 * _NORM
            for place in range(count):
                self._add(power[:, place])
        self._rest = samples[:, count * HOP :].copy()

    def _add(self, power: npt.NDArray[Any]) -> None:
        if self._open in {0, self._merged}:
            if self._columns == MOST_COLUMNS:
                half = self._power.reshape(len(self._power), MOST_COLUMNS // 2, 2, BINS).max(axis=2)
                self._power[:, : MOST_COLUMNS // 2] = half
                self._columns, self._merged, self._open = MOST_COLUMNS // 2, 2 * self._merged, 0
            self._power[:, self._columns] = power
            self._columns, self._open = self._columns + 1, 1
        else:
            newest = self._power[:, self._columns - 1]
            np.maximum(newest, power, out=newest)
            self._open += 1

    def draw(self, found: Sequence[Detection], length: int, title: str) -> "Image":
        """Make the picture; `length` is the recording's, in samples."""
        from PIL import Image, ImageDraw

        lanes = [kind for kind in COLOURS if any(one.kind == kind for one in found)]
        panel = LANE * len(lanes) + HEIGHT + AXIS + MARGIN
        size = (MARGIN_LEFT + WIDTH + MARGIN_RIGHT, 30 + panel * len(self._power) + MARGIN)
        image = Image.new("RGB", size, BACKGROUND)
        draw = ImageDraw.Draw(image)
        draw.text((MARGIN, 8), title, INK, font(15))
        seconds = max(length, 1) / RATE
        for channel, power in enumerate(self._power):
            top = 30 + panel * channel
            floor = top + LANE * len(lanes)
            image.paste(self._picture(power, length), (MARGIN_LEFT, floor))
            _axes(draw, floor, seconds)
            name = f"channel {channel + 1}" if len(self._power) > 1 else ""
            draw.text((MARGIN, floor + HEIGHT + 6), name, INK, font(11))
            for number, kind in enumerate(lanes):
                place = top + LANE * number
                draw.text((MARGIN, place + 2), kind, COLOURS[kind], font(12))
                mine = [one for one in found if one.kind == kind and one.channel == channel]
                _lane(draw, mine, place, floor, seconds)
        return image

    def _picture(self, power: npt.NDArray[Any], length: int) -> "Image":
        from PIL import Image

        level = 10 * np.log10(np.maximum(power[: max(self._columns, 1)].T[::-1] / POWER_0_DBM0, 1e-12))
        share = np.clip((level - QUIETEST) / (LOUDEST - QUIETEST), 0, 1) * (len(_SCALE) - 1)
        anchors = np.arange(len(_SCALE))
        colours = np.stack([np.interp(share, anchors, [one[i] for one in _SCALE]) for i in range(3)], axis=-1)
        small = Image.fromarray(colours.astype(np.uint8))
        # column k stands for the samples round its transforms' middles
        step = HOP * self._merged
        left, right = WIDTH * (WINDOW - HOP) / 2 / max(length, 1), WIDTH * self._columns * step / max(length, 1)
        out = Image.new("RGB", (WIDTH, HEIGHT), _SCALE[0])
        width = max(min(round(right), WIDTH - round(left)), 1)
        out.paste(small.resize((width, HEIGHT), Image.Resampling.BILINEAR), (round(left), 0))
        return out


def _x(samples: int, seconds: float) -> float:
    return MARGIN_LEFT + min(max(samples / RATE / seconds, 0.0), 1.0) * WIDTH


def _step(seconds: float) -> float:
    """Give the distance of the marks on the axis of time: 1, 2 or 5 of something, a dozen of them at most."""
    wanted = seconds / 12
    for power in range(-3, 5):
        for digit in (1, 2, 5):
            if (step := digit * 10.0**power) >= wanted:
                return step
    return wanted


def _axes(draw: Any, floor: int, seconds: float) -> None:
    for khz in range(5):
        y = floor + HEIGHT - 1 - khz * (HEIGHT - 1) / 4
        draw.line((MARGIN_LEFT - 4, y, MARGIN_LEFT, y), FAINT)
        draw.text((MARGIN_LEFT - 8, max(y, floor + 6)), f"{khz} kHz", INK, font(11), anchor="rm")
    step = _step(seconds)
    digits = max(0, -int(np.floor(np.log10(step))))
    for number in range(int(seconds / step) + 1):
        x = MARGIN_LEFT + number * step / seconds * WIDTH
        draw.line((x, floor + HEIGHT, x, floor + HEIGHT + 4), FAINT)
        if x > MARGIN_LEFT + WIDTH - 2 * MARGIN:
            break  # there stands the unit
        draw.text((x, floor + HEIGHT + 5), f"{number * step:.{digits}f}", INK, font(11), anchor="ma")
    draw.text((MARGIN_LEFT + WIDTH, floor + HEIGHT + 5), "s", INK, font(11), anchor="ra")


def _lane(draw: Any, found: Sequence[Detection], place: int, floor: int, seconds: float) -> None:
    """Draw a bar and a name for each, as far as there is room, and frame what is meant in the spectrogram."""
    free = 0.0
    for one in found:
        colour = COLOURS[one.kind]
        start = _x(one.place, seconds)
        end = max(_x(one.at if one.end is None else one.end, seconds), start + 2)
        draw.rectangle((start, place + LANE - 5, end, place + LANE - 3), colour)
        if one.kind in {"dtmf", "tone"}:
            draw.rectangle((start, floor, end, floor + HEIGHT - 1), outline=colour)
        else:
            draw.line((start, floor, start, floor + HEIGHT - 1), colour)
        text = str(next((one.facts[name] for name in ("digit", "label", "verdict") if name in one.facts), ""))
        if text and start >= free:
            draw.text((start, place - 1), text, colour, font(12))
            free = start + draw.textlength(text, font(12)) + 4


def save(image: "Image", path: Path) -> None:
    """Write the picture as PNG, whatever the file is called. Raises OSError."""
    image.save(path, "PNG", optimize=False)
