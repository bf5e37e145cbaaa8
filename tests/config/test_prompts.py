import array
import io
import math
import subprocess
import wave
from pathlib import Path

import pytest

from edge.config import prompts
from edge.config.errors import Findings, Place


def wav(samples: list[int], rate: int = 8000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(array.array("h", samples).tobytes())
    return out.getvalue()


def level_dbov(data: bytes) -> float:
    with wave.open(io.BytesIO(data)) as file:
        samples = array.array("h", file.readframes(file.getnframes()))
        frame = file.getframerate() // 50
    return 10 * math.log10(prompts.active_power(samples, frame) / 32768**2)


def tone(amplitude: float, milliseconds: int) -> list[int]:
    return [int(amplitude * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(8 * milliseconds)]


@pytest.mark.parametrize("amplitude", [100, 3000, 32000])
def test_speech_comes_to_the_same_level_however_loud_it_was(amplitude: float) -> None:
    quiet_and_loud = tone(amplitude, 500) + [0] * 8000 + tone(amplitude, 500)
    assert level_dbov(prompts.normalised(wav(quiet_and_loud))) == pytest.approx(prompts.TARGET_DBOV, abs=0.2)


def test_a_peak_is_not_clipped() -> None:
    spiky = tone(300, 1000)
    spiky[4000] = 30000
    with wave.open(io.BytesIO(prompts.normalised(wav(spiky)))) as file:
        samples = array.array("h", file.readframes(file.getnframes()))
    assert max(samples) <= prompts.PEAK_LIMIT * 32768


def test_silence_stays_silence() -> None:
    assert prompts.normalised(wav([0] * 800)) == wav([0] * 800)


@pytest.mark.parametrize("language", ["en", "en-gb", "de", "cmn"])
def test_espeak_speaks_at_the_level_of_p56(language: str) -> None:
    made = prompts.normalised(prompts.speak("1 2 3 4 5", language))
    assert level_dbov(made) == pytest.approx(prompts.TARGET_DBOV, abs=0.5)


def test_a_text_cannot_be_an_option(tmp_path: Path) -> None:
    target = tmp_path / "stolen.wav"
    prompts.speak(f"-w {target} hello", "en")
    assert not target.exists()


def speech(folder: Path, text: str, language: str = "en") -> prompts.Synthesis:
    path = str(prompts.speech_path(folder, language, text))
    return prompts.Synthesis(text=text, language=language, path=path, place=Place("menu.yaml", 3, 5))


def test_a_cached_text_is_not_spoken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = Findings()
    prompts.synthesise_all([speech(tmp_path, "hello")], findings)
    monkeypatch.setenv("PATH", "/nonexistent")
    prompts.synthesise_all([speech(tmp_path, "hello")], findings)
    assert findings.errors == []
    prompts.synthesise_all([speech(tmp_path, "other")], findings)
    assert [(error.line, error.column) for error in findings.errors] == [(3, 5)]


def test_a_state_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("a file where the folder should be")
    findings = Findings()
    prompts.synthesise_all([speech(tmp_path, "hello")], findings)
    assert "cannot be written" in findings.errors[0].message


def test_no_espeak_is_an_error_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts.voice_for.cache_clear()
    monkeypatch.setenv("PATH", "/nonexistent")
    findings = Findings()
    prompts.check_voice("en", Place("menu.yaml", 1, 1), findings)
    assert findings.errors[0].suggestion == "apt-get install espeak-ng"


def test_what_is_made_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        prompts.write_durably(tmp_path / "x.wav", b"data")
    assert list(tmp_path.iterdir()) == []


def test_speaking_is_what_a_player_can_read(tmp_path: Path) -> None:
    findings = Findings()
    one = speech(tmp_path, "Good morning")
    prompts.synthesise_all([one], findings)
    done = subprocess.run(["soxi", "-D", one.path], capture_output=True, text=True, check=True)
    assert 0.3 < float(done.stdout) < 5
