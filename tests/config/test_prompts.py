import array
import io
import math
import os
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from dsp.loudness import measure
from edge.config import prompts, speakers
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings, Place
from edge.config.site import Speech, Voice
from edge.config.speakers import Speaker, speak, speaker_for


def wav(samples: list[int], rate: int = 8000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(array.array("h", samples).tobytes())
    return out.getvalue()


def level_dbov(data: bytes) -> float:
    with wave.open(io.BytesIO(data)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return measure(samples, file.getframerate()).level_dbov


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
    assert max(samples) <= 10 ** (prompts.PEAK_LIMIT_DBOV / 20) * 32768


def test_silence_stays_silence() -> None:
    assert prompts.normalised(wav([0] * 800)) == wav([0] * 800)


def speaker(language: str = "en", pace: int = 100) -> Speaker:
    return Speaker(engine="espeak-ng", program="espeak-ng", voice=language, pace=pace)


@pytest.mark.parametrize("language", ["en", "en-gb", "de", "cmn", "de+f3"])
def test_espeak_speaks_at_the_level_of_p56(language: str) -> None:
    made = prompts.normalised(speak(speaker(language), "1 2 3 4 5"))
    assert level_dbov(made) == pytest.approx(prompts.TARGET_DBOV, abs=0.2)


def test_pace_is_heard() -> None:
    slow, fast = (len(speak(speaker(pace=pace), "a rather long sentence about opening hours")) for pace in (60, 160))
    assert slow > 1.8 * fast


def test_a_text_cannot_be_an_option(tmp_path: Path) -> None:
    target = tmp_path / "stolen.wav"
    speak(speaker(), f"-w {target} hello")
    assert not target.exists()


def speech(folder: Path, text: str, language: str = "en") -> prompts.Synthesis:
    path = str(prompts.speech_path(folder, speaker(language), text))
    return prompts.Synthesis(
        text=text, language=language, path=path, place=Place("menu.yaml", 3, 5), speaker=speaker(language)
    )


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
    speakers.voice_of_espeak.cache_clear()
    monkeypatch.setenv("PATH", "/nonexistent")
    findings = Findings()
    speakers.check_speaker(speaker(), "en", Place("menu.yaml", 1, 1), findings)
    assert findings.errors[0].suggestion == "apt-get install espeak-ng"


def test_voices_by_language_with_fallback() -> None:
    site = CompiledSite(
        name="s",
        speech=Speech(pace=90),
        voices=[
            Voice(language="de", voice="de+f3"),
            Voice(language="de-at", pace=120),
            Voice(language="en", engine="piper", voice="/voices/en.onnx"),
        ],
    )
    found = {language: speaker_for(site, language) for language in ("de", "de-ch", "de-at", "en-gb", "fr")}
    assert [(one.engine, one.voice, one.pace) for one in found.values()] == [
        ("espeak-ng", "de+f3", 90),
        ("espeak-ng", "de+f3", 90),
        ("espeak-ng", "de-at", 120),
        ("piper", "/voices/en.onnx", 90),
        ("espeak-ng", "fr", 90),
    ]
    paths = {prompts.speech_path(Path("/s"), one, "hello") for one in found.values()}
    assert len(paths) == 4, "who speaks in the same way shares a file, and nobody else"


PIPER = """#!/usr/bin/python3
# Behaves as piper's command line does, with espeak-ng for a voice: text on standard input, a WAV file where told.
import argparse, json, subprocess, sys
parser = argparse.ArgumentParser()
parser.add_argument("-m", "--model", required=True)
parser.add_argument("-f", "--output_file", required=True)
parser.add_argument("--length_scale", type=float, default=1.0)
arguments = parser.parse_args()
voice = json.load(open(arguments.model + ".json"))["espeak"]["voice"]
pace = str(int(175 / arguments.length_scale))
lines = sys.stdin.read().splitlines()
assert len(lines) == 1, "a line is a file"
said = ["espeak-ng", "-v", voice, "-s", pace, "-w", arguments.output_file, "--stdin"]
subprocess.run(said, input=lines[0].encode(), check=True)
"""


def piper(folder: Path) -> Speaker:
    program, voice = folder / "piper", folder / "de.onnx"
    program.write_text(PIPER)
    program.chmod(0o755)
    voice.write_bytes(b"weights")
    Path(f"{voice}.json").write_text('{"espeak": {"voice": "de"}}')
    return Speaker(engine="piper", program=str(program), voice=str(voice))


def test_piper_speaks_through_its_command_line(tmp_path: Path) -> None:
    one, findings = piper(tmp_path), Findings()
    speakers.check_speaker(one, "de", Place("menu.yaml", 1, 1), findings)
    assert not findings.errors
    made = prompts.normalised(speak(one, "Guten Tag.\nWas w\u00fcnschen Sie?"))
    assert level_dbov(made) == pytest.approx(prompts.TARGET_DBOV, abs=0.2)
    before = prompts.speech_path(tmp_path, one, "Guten Tag")
    Path(one.voice).write_bytes(b"better weights")
    assert prompts.speech_path(tmp_path, one, "Guten Tag") != before, "another voice file is another voice"


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("piper", "'{}/piper' is not there"),
        ("de.onnx", "{}/de.onnx is not there"),
        ("de.onnx.json", "no {}/de.onnx.json"),
    ],
)
def test_what_piper_lacks_is_told_where_the_text_stands(tmp_path: Path, missing: str, message: str) -> None:
    one, findings = piper(tmp_path), Findings()
    (tmp_path / missing).unlink()
    speakers.check_speaker(one, "de", Place("menu.yaml", 3, 5), findings)
    assert [(e.line, e.column) for e in findings.errors] == [(3, 5)]
    assert message.format(tmp_path) in findings.errors[0].message


def test_a_piper_that_fails_is_told_where_the_text_stands(tmp_path: Path) -> None:
    one, findings = piper(tmp_path), Findings()
    Path(f"{one.voice}.json").write_text("{")
    path = str(prompts.speech_path(tmp_path, one, "x"))
    broken = prompts.Synthesis(text="x", language="de", path=path, place=Place("menu.yaml", 3, 5), speaker=one)
    prompts.synthesise_all([broken], findings)
    assert findings.errors[0].message.startswith("piper failed")


def test_the_cache_keeps_what_is_used_and_what_was_until_lately(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    old = prompts.KEPT_SECONDS + 1000
    for age, name in ((old + 2, "oldest"), (old, "old"), (old + 5, "used"), (10, "recent")):
        path = folder / f"{name}.wav"
        path.write_bytes(bytes(1000))
        os.utime(path, (path.stat().st_mtime - age, path.stat().st_mtime))
    (folder / "somebody.txt").write_bytes(bytes(5000))
    used = [str(folder / "used.wav")]
    assert prompts.clean_cache(tmp_path, used, 9000) == 0
    assert prompts.clean_cache(tmp_path, used, 8500) == 1
    assert sorted(p.stem for p in folder.glob("*.wav")) == ["old", "recent", "used"]
    assert prompts.clean_cache(tmp_path, used, 0) == 1
    assert sorted(p.stem for p in folder.glob("*.wav")) == ["recent", "used"]
    assert prompts.clean_cache(tmp_path / "nothing", used, 0) == 0


def test_a_text_that_is_used_again_is_young_and_the_same_file(tmp_path: Path) -> None:
    findings, one = Findings(), speech(tmp_path, "hello")
    prompts.synthesise_all([one], findings)
    before = Path(one.path).stat()
    os.utime(one.path, (before.st_atime - 1e7, before.st_mtime))
    prompts.synthesise_all([one], findings)
    after = Path(one.path).stat()
    assert after.st_atime > before.st_atime - 100
    assert abs(after.st_mtime - before.st_mtime) < 0.001


def test_what_is_made_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that takes data and fails when it has to keep them, which none does at will."""

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


@pytest.mark.parametrize("language", ["cmn", "cmn-tw", "zh", "zh-cn"])
def test_chinese_is_spoken_as_chinese(language: str) -> None:
    """The voice `cmn` of espeak-ng 1.51 says "yi one" for 一: the phonemes of both tell which language they are of."""

    def phonemes(voice: str) -> str:
        command = ["espeak-ng", "-q", "-x", "-v", voice, "--stdin"]
        return subprocess.run(command, input="付款请按一".encode(), capture_output=True, check=True).stdout.decode()

    voice = speaker_for(CompiledSite(name="x"), language).voice
    assert "(en)" not in phonemes(voice)
    assert "j'i55" in phonemes(voice)
    assert (
        speaker_for(CompiledSite(name="x", voices=[Voice(language=language, voice="cmn+f3")]), language).voice
        == "cmn+f3"
    )
