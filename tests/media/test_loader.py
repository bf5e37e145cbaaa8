import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dsp.tones.countries import COUNTRIES
from edge.media.loader import TONE_DBM0, Loader, UnreadableError, read_sound, stamp_of
from tests.support import tones
from tests.support.waiting import until

LIMIT = 8000 * 60


def tone(rate: int, hz: float, seconds: float = 1.0, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


def strongest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 8000 / len(samples))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("kind", ["wav", "flac", "ogg"])
def test_formats_and_rates_become_8_khz_mono(tmp_path: Path, rate: int, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    soundfile.write(path, np.stack([tone(rate, 440), tone(rate, 440)], axis=1), rate)
    samples = read_sound(str(path), LIMIT)
    assert samples.dtype == np.int16
    assert abs(len(samples) - 8000) <= 2
    assert strongest_hz(samples) == pytest.approx(440, abs=1.5)
    assert np.sqrt(np.mean((samples[500:-500] / 32768.0) ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "PCM_U8", "PCM_24", "FLOAT", "GSM610"])
def test_wav_encodings(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(8000, 440), 8000, subtype=subtype)
    assert strongest_hz(read_sound(str(path), LIMIT)) == pytest.approx(440, abs=1.5)


def test_full_scale_is_clipped_not_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.array([1.0, -1.0, 1.5, -1.5]), 8000, subtype="FLOAT")
    assert list(read_sound(str(path), LIMIT)) == [32767, -32768, 32767, -32768]


def test_mono_is_the_mean_of_the_channels(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.array([[0.5, -0.25]] * 8), 8000)
    assert list(read_sound(str(path), LIMIT)) == [4096] * 8


def test_a_file_longer_than_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(16000, 440), 16000)
    assert len(read_sound(str(path), 8000)) == 8000
    with pytest.raises(UnreadableError, match="longer"):
        read_sound(str(path), 7999)


def test_what_is_no_sound_is_an_error(tmp_path: Path) -> None:
    for name, content in {"text.wav": b"hello", "empty.wav": b"", "cut.wav": b"RIFF\xff\xff\xff\xffWAVE"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableError):
            read_sound(str(tmp_path / name), LIMIT)


def test_only_regular_files_have_a_stamp(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "none", Path("/dev/zero"), Path("x\0y")):
        with pytest.raises(UnreadableError):
            stamp_of(str(path))


def test_the_thread_tells_samples_and_errors_in_order(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(8000, 440), 8000)
    (tmp_path / "b.wav").write_bytes(b"no sound")
    woken: list[int] = []
    loader = Loader(LIMIT, lambda: woken.append(1))
    loader.start()
    for name in ("a.wav", "b.wav", "none.wav"):
        loader.request(str(tmp_path / name))
    until(lambda: len(woken) == 3)
    a, b, none = loader.results()
    assert (len(a.samples), a.error, a.stamp) == (8000, "", stamp_of(str(tmp_path / "a.wav")))
    assert (len(b.samples), bool(b.error)) == (0, True)
    assert "No such file" in none.error
    assert loader.results() == []
    loader.stop()


def test_what_a_caller_waits_for_comes_before_what_is_preloaded(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in "abc"]
    loader = Loader(LIMIT, lambda: None)
    for name in names:
        loader.request(name, urgent=False)
    loader.request(names[2])
    loader.start()
    loader.request("last", urgent=False)
    read: list[str] = []
    until(lambda: read.extend(r.path for r in loader.results()) or "last" in read)
    assert read == [names[2], names[0], names[1], "last"]
    loader.stop()


def test_the_ends_of_a_sound_are_faded_so_that_files_can_be_spliced(tmp_path):
    """Two files that begin and end at full level, one after the other: no step between any two samples."""
    path = tmp_path / "square.wav"
    soundfile.write(path, np.full(800, 0.5, np.float32), 8000, subtype="PCM_16")
    samples = read_sound(str(path), LIMIT).astype(int)
    assert list(samples[20:-20]) == [16384] * 760
    spliced = np.concatenate([np.zeros(1, int), samples, samples, np.zeros(1, int)])
    assert np.abs(np.diff(spliced)).max() < 16384 / 10


def test_tones_are_made() -> None:
    ring = read_sound("tone:" + COUNTRIES["uk"]["ring"], LIMIT)
    assert len(ring) == 8 * 3000
    on, off = ring[:3200], ring[3200:4800]
    assert tones.level_dbm0(on) == pytest.approx(TONE_DBM0, abs=0.2)
    assert sorted(tones.dominant(on, 2)) == pytest.approx([400, 450], abs=3)
    assert not off.any()
    assert len(read_sound("tone:425", LIMIT)) == 8000
    assert stamp_of("tone:425") == stamp_of("tone:440")


@pytest.mark.parametrize("text", ["", "loud", "425/0", "0/500"])
def test_what_is_no_tone(text: str) -> None:
    with pytest.raises(UnreadableError):
        read_sound(f"tone:{text}", LIMIT)


def test_a_tone_longer_than_the_memory() -> None:
    with pytest.raises(UnreadableError, match="prompt memory"):
        read_sound("tone:425/1000,0/4000", 39_999)
