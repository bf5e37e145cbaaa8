"""The picture of `edge analyze --plot` shows what was in the recording, where it was."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from dsp.analysis import Detection
from edge.cli import main, spectrogram
from edge.cli.spectrogram import BINS, COLOURS, HEIGHT, LANE, MARGIN_LEFT, MOST_COLUMNS, WIDTH, Spectrogram
from tests.support import tones


def brightness(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"), float)


def panel(image: Image.Image, lanes: int) -> np.ndarray:
    """The first channel's spectrogram, lowest frequency first."""
    top = 30 + LANE * lanes
    return brightness(image)[top : top + HEIGHT, MARGIN_LEFT : MARGIN_LEFT + WIDTH][::-1]


@pytest.mark.parametrize("seconds", [1, 20, 90])
def test_a_tone_is_drawn_where_it_was(seconds):
    """90 s have more transforms than columns, so neighbours were merged."""
    sound = np.zeros((1, seconds * 8000), np.int16)
    start, end = sound.shape[1] // 2, sound.shape[1] * 3 // 4
    sound[0, start:end] = tones.sine(1000, end - start)
    picture = Spectrogram(1)
    for at in range(0, sound.shape[1], 3001):
        picture.feed(sound[:, at : at + 3001])
    found = [Detection("tone", 0, end, start, end, {"label": "beep"})]
    drawn = panel(picture.draw(found, sound.shape[1], "x"), 1)
    inside = drawn[:, WIDTH // 2 + 40 : WIDTH * 3 // 4 - 40].mean(axis=1)
    assert abs(int(np.argmax(inside[4:-4])) + 4 - HEIGHT / 4) <= 2
    row = drawn[HEIGHT // 4]
    lit = np.flatnonzero(row > (row.max() + row.min()) / 2)
    assert abs(lit[0] - WIDTH / 2) <= max(WIDTH * 0.02 / seconds, 3)
    assert abs(lit[-1] - WIDTH * 3 / 4) <= max(WIDTH * 0.02 / seconds, 3)


def test_what_is_kept_is_bounded():
    picture = Spectrogram(2)
    block = np.zeros((2, 80_000), np.int16)
    for _ in range(9):
        picture.feed(block)
    assert picture._power.shape == (2, MOST_COLUMNS, BINS)
    assert picture._merged == 4
    assert MOST_COLUMNS // 2 <= picture._columns <= MOST_COLUMNS


def test_levels_are_in_dbm0():
    """A tone in the middle of a bin has its level there."""
    picture = Spectrogram(1)
    picture.feed(tones.sine(1000, 8000, -20.0)[None])
    power = picture._power[0, 50]
    assert 10 * np.log10(power[32] / spectrogram.POWER_0_DBM0) == pytest.approx(-20.0, abs=0.1)
    assert int(np.argmax(power)) == 32


def sound(folder: Path, name: str = "a.wav") -> Path:
    path = folder / name
    left, right = tones.dtmf("5", 100), tones.dtmf("9", 100)
    pause = np.zeros(1600, np.int16)
    soundfile.write(path, np.stack([np.concatenate([pause, one, pause]) for one in (left, right)], axis=1), 8000)
    return path


def test_the_command_draws_every_channel(tmp_path, capsys):
    out = tmp_path / "picture"
    assert main(["analyze", str(sound(tmp_path)), "--plot", str(out), "--json"]) == 0
    assert capsys.readouterr().err == ""
    image = Image.open(out)
    assert image.format == "PNG"
    assert image.width > WIDTH
    pixels = np.asarray(image)
    rows = np.flatnonzero((pixels == COLOURS["dtmf"]).all(axis=2).any(axis=1))
    assert rows.max() - rows.min() > HEIGHT  # marks in both panels


def test_an_analysis_of_nothing_heard_is_drawn(tmp_path):
    path, out = tmp_path / "short.wav", tmp_path / "a.png"
    soundfile.write(path, np.zeros(10, np.int16), 8000)
    assert main(["analyze", str(path), "--plot", str(out)]) == 0
    assert Image.open(out).width > WIDTH


def test_where_it_cannot_be_drawn(tmp_path, capsys, monkeypatch):
    path = sound(tmp_path)
    out = tmp_path / "no/such/folder.png"
    assert main(["analyze", str(path), "--plot", str(out)]) == 2
    assert f"{out}: there is no such folder" in capsys.readouterr().err
    assert main(["analyze", str(path), str(path), "--plot", str(tmp_path / "a.png")]) == 2
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert main(["analyze", str(path), "--plot", str(tmp_path / "a.png")]) == 2
    assert "needs Pillow" in capsys.readouterr().err
