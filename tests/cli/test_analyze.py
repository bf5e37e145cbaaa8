"""`edge analyze` on files of every kind: a right answer, or a clear error that names the file."""

import json
import resource
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.cli import main
from edge.cli.sound_file import SoundFile
from tests.support import tones

KEYS = "159D"
#: Where key `i` starts and ends, seconds.
STARTS = [0.1 + 0.2 * i for i in range(len(KEYS))]
LENGTH = 0.1


def keys(rate: int, shift: float = 0.0) -> np.ndarray:
    t = np.arange(rate) / rate - shift
    sound = np.zeros(rate)
    for key, start in zip(KEYS, STARTS, strict=True):
        on = (t >= start) & (t < start + LENGTH)
        sound[on] += sum(0.2 * np.sin(2 * np.pi * hz * t[on]) for hz in tones.DTMF[key])
    return sound


def analyzed(capsys: pytest.CaptureFixture[str], *files: Path, code: int = 0, error: str = "") -> list[dict]:
    assert main(["analyze", *map(str, files), "--json"]) == code
    out, err = capsys.readouterr()
    if error:
        assert error in err
    else:
        assert err == ""
    return [json.loads(line) for line in out.splitlines()]


def check_keys(lines: list[dict], file: Path, shift: float = 0.0, channel: int = 1) -> None:
    lines = [line for line in lines if line["kind"] == "dtmf" and line["channel"] == channel]
    assert [line["digit"] for line in lines] == list(KEYS)
    for line, start in zip(lines, STARTS, strict=True):
        assert line["start_s"] == pytest.approx(start + shift, abs=0.005)
        assert line["end_s"] == pytest.approx(start + shift + LENGTH, abs=0.005)
        assert line["at_s"] > line["start_s"]
        assert line["level_dbm0"] == pytest.approx(-7.6, abs=0.5)
        assert line["file"] == str(file)


@pytest.mark.parametrize(
    ("name", "rate", "subtype"),
    [
        ("a.wav", 8000, "PCM_16"),
        ("a.wav", 8000, "ULAW"),
        ("a.wav", 8000, "ALAW"),
        ("a.wav", 6000, "PCM_16"),
        ("a.wav", 11025, "PCM_U8"),
        ("a.wav", 44100, "FLOAT"),
        ("a.wav", 48000, "PCM_24"),
        ("a.aiff", 16000, "PCM_32"),
        ("a.flac", 48000, "PCM_24"),
        ("a.ogg", 16000, "VORBIS"),
        ("a.au", 192_000, "DOUBLE"),
    ],
)
def test_any_format_and_rate(name, rate, subtype, tmp_path, capsys):
    path = tmp_path / name
    soundfile.write(path, keys(rate), rate, subtype=subtype)
    check_keys(analyzed(capsys, path), path)


@pytest.mark.parametrize(
    ("name", "subtype", "rate"),
    [("a.ul", "ULAW", 8000), ("a.ALAW", "ALAW", 8000), ("a.sln", "PCM_16", 8000), ("a.sln16", "PCM_16", 16_000)],
)
def test_files_of_telephone_systems_without_a_header(name, subtype, rate, tmp_path, capsys):
    path = tmp_path / name
    soundfile.write(path, keys(rate), rate, subtype=subtype, format="RAW", endian="LITTLE")
    check_keys(analyzed(capsys, path), path)


def test_samples_that_nothing_is_known_of(tmp_path, capsys):
    path = tmp_path / "a.raw"
    soundfile.write(path, keys(8000), 8000, subtype="PCM_16", format="RAW")
    assert analyzed(capsys, path, code=1, error="a.raw: not a sound file that can be read (samples without") == []


def test_a_picture_in_a_folder_that_is_not_there(tmp_path, capsys):
    path = sound_of(tmp_path)
    assert main(["analyze", str(path), "--plot", str(tmp_path / "no" / "a.png")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "there is no such folder" in err


def test_a_line_says_which_channel(tmp_path, capsys):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([keys(48_000), keys(48_000, 0.05)], axis=1), 48_000, subtype="PCM_24")
    lines = analyzed(capsys, path)
    check_keys(lines, path)
    check_keys(lines, path, 0.05, channel=2)
    order = [line["start_s"] for line in lines if line["kind"] == "dtmf"]
    assert order == sorted(order)


def test_values_that_are_no_numbers_and_clipping(tmp_path, capsys):
    sound = keys(8000).astype(np.float32)
    sound[100:120], sound[300] = np.nan, -np.inf
    sound[1000:1005] = 7.5
    path = tmp_path / "a.wav"
    soundfile.write(path, sound, 8000, subtype="FLOAT")
    lines = analyzed(capsys, path, error="a.wav: 21 values that are no numbers")
    assert [line["digit"] for line in lines if line["kind"] == "dtmf"] == list(KEYS)
    assert main(["analyze", str(path)]) == 0
    assert "a.wav: 5 values beyond full scale were clipped" in capsys.readouterr().err


def sound_of(folder: Path, name: str = "good.wav", rate: int = 8000) -> Path:
    path = folder / name
    soundfile.write(path, keys(rate), rate)
    return path


@pytest.mark.parametrize("name", ["good.wav", "good.flac"])
def test_of_a_truncated_file_what_is_there_is_told(name, tmp_path, capsys):
    path = sound_of(tmp_path, name, 48_000)
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * 0.6)])
    reason = "truncated: ends after" if name == "good.wav" else "broken after"
    lines = analyzed(capsys, path, code=1, error=f"{name}: {reason}")
    assert [line["digit"] for line in lines if line["kind"] == "dtmf"][:2] == ["1", "5"]


def test_a_header_of_a_stream_is_not_truncated(tmp_path, capsys):
    """What was written to a pipe has no length in its header."""
    path = sound_of(tmp_path)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(data))
    check_keys(analyzed(capsys, path), path)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "empty file"),
        (b"hello, I am a text\n" * 50, "not a sound file"),
        (bytes(1000), "not a sound file"),
        (np.random.default_rng(5).bytes(4000), "not a sound file"),
        (None, "No such file"),
    ],
    ids=["empty", "text", "zeros", "random", "missing"],
)
@pytest.mark.parametrize("suffix", [".wav", ".raw", ""])
def test_what_is_no_sound(content, error, suffix, tmp_path, capsys):
    bad, good = tmp_path / f"bad{suffix}", sound_of(tmp_path)
    if content is not None:
        bad.write_bytes(content)
    assert main(["analyze", str(bad), str(good), "--json"]) == 1
    out, err = capsys.readouterr()
    assert f"{bad}: {error}" in err
    check_keys([json.loads(line) for line in out.splitlines()], good)  # the others are still read


def test_a_header_alone_and_half_a_header(tmp_path, capsys):
    data = sound_of(tmp_path).read_bytes()
    for length, error in ((44, "holds no sound"), (20, "not a sound file"), (3, "not a sound file")):
        path = tmp_path / "cut.wav"
        path.write_bytes(data[:length])
        assert analyzed(capsys, path, code=1, error=f"{path}: {error}") == []


def test_a_folder_and_no_file(tmp_path, capsys):
    assert analyzed(capsys, tmp_path, code=1, error=f"{tmp_path}: not a regular file") == []
    assert main(["analyze"]) == 2
    assert "usage" in capsys.readouterr().err
    assert main(["analyze", "--no-such-option", "a.wav"]) == 2


def test_the_table(tmp_path, capsys):
    path = sound_of(tmp_path)
    assert main(["analyze", str(path)]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["from", "to", "channel", "kind", "what", "evidence"]
    digits = [row.split() for row in rows if " dtmf " in row]
    assert [row[4] for row in digits] == list(KEYS)
    assert float(digits[0][0]) == pytest.approx(0.1, abs=0.005)


def test_a_name_cannot_steer_the_terminal(tmp_path, capsys):
    path = tmp_path / "\x1b[2Jevil.wav"
    path.write_bytes(b"")
    assert main(["analyze", str(path)]) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_long_files_are_read_in_blocks(tmp_path):
    """Ten minutes of stereo at 48 kHz, 220 MB as floats, in bounded memory; not a sample is lost or shifted."""
    path = tmp_path / "long.flac"
    second = np.stack([keys(48_000), keys(48_000, 0.05)], axis=1).astype(np.float32)
    with soundfile.SoundFile(path, "w", 48_000, 2) as file:
        for _ in range(600):
            file.write(second)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    file = SoundFile(path)
    blocks = [(block[:, :160].copy(), block.shape[1]) for block in file.blocks()]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert file.samples == sum(length for _, length in blocks) == 600 * 8000
    assert grown < 40_000, f"{grown} kB"
    assert file.faults == file.notes == []


def test_resampling_keeps_the_place(tmp_path):
    """A click stays where it is, at every rate."""
    for rate in (11_025, 16_000, 44_100, 48_000):
        sound = np.zeros(rate)
        sound[rate // 4] = 0.9
        path = tmp_path / f"{rate}.wav"
        soundfile.write(path, sound, rate)
        got = np.concatenate(list(SoundFile(path).blocks()), axis=1)[0]
        assert abs(int(np.argmax(np.abs(got))) - 2000) <= 1
        assert abs(len(got) - 8000) <= 1
