"""`edge prompts` on a site with a studio's recordings, spoken texts, and everything that can be wrong with them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dsp.loudness import gain_to, measure
from edge.cli import main
from edge.config.prompts import spoken_name

RATE = 8000
TEXT = "Please hold the line."

SITE = """name = "s"
[paths]
state = "state"
recordings = "recordings"
menus = "menus"
prompts = "prompts"
"""

MENU = """version: 1
language: de-at
start: a
nodes:
  a: {play: [good, clipped, quiet, padded, low-rate], next: b}
  b: {play: [twin, stereo, {say: "Please hold the line."}, {say: "Bitte warten.", language: de}], next: c}
  c: {play: [broken, nothing], next: end}
  end: {hang_up: }
"""


def voice(seconds: float = 1.0, level: float = -20.0, rate: int = RATE) -> np.ndarray:
    dice = np.random.default_rng(1)
    noise = dice.standard_normal(int(seconds * rate)) * 0.1
    return noise * gain_to(measure(noise, rate), level, 0.0)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    (folder / "de").mkdir(parents=True)
    (folder / "de-at").mkdir()
    (tmp_path / "menus").mkdir()
    (tmp_path / "menus" / "main.yaml").write_text(MENU)
    soundfile.write(folder / "de" / "good.wav", voice(2.0), RATE)
    soundfile.write(folder / "de" / "clipped.wav", np.clip(voice() * 12, -1, 1), RATE)
    soundfile.write(folder / "de" / "quiet.wav", voice(level=-50), RATE, subtype="PCM_24")
    padded = np.concatenate((np.zeros(6000), voice(), np.zeros(12000)))
    soundfile.write(folder / "de" / "padded.wav", padded, RATE)
    soundfile.write(folder / "de" / "low-rate.wav", voice(rate=6000), 6000)
    (folder / "de-at" / "twin.wav").write_bytes((folder / "de" / "good.wav").read_bytes())
    soundfile.write(folder / "de" / "stereo.flac", np.column_stack((voice(), voice())), RATE)
    (folder / "de" / "broken.wav").write_bytes(b"RIFF")
    soundfile.write(folder / "de" / "nobody.wav", voice(), RATE)
    file = tmp_path / "site.toml"
    file.write_text(SITE)
    return file


def lines(capsys: pytest.CaptureFixture[str], *command: str) -> list[dict]:
    capsys.readouterr()
    main(command)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_fault_is_told_with_its_place(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts", "check", "--config", str(site)]) == 1
    found = lines(capsys, "prompts", "check", "--config", str(site), "--json")
    told = {(one["name"], one["fault"]): (one["severity"], one["line"]) for one in found}
    assert told == {
        ("nothing", "missing"): ("error", 7),
        ("broken", "unreadable"): ("error", 7),
        ("clipped", "clipped"): ("warning", 5),
        ("quiet", "quiet"): ("warning", 5),
        ("padded", "lead"): ("warning", 5),
        ("padded", "tail"): ("warning", 5),
        ("low-rate", "rate"): ("warning", 5),
        ("stereo", "channels"): ("warning", 6),
        ("twin", "duplicate"): ("warning", 6),
    }


def test_the_list_says_where_each_comes_from(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts", "make", "--config", str(site)]) == 0
    found = lines(capsys, "prompts", "list", "--config", str(site), "--json")
    by_name = {one["text"] or one["name"]: one for one in found if one["kind"] == "prompt"}
    good, text = by_name["good"], by_name["Bitte warten."]
    assert (good["source"], good["seconds"], good["rate"], good["menus"]) == ("file", 2.0, RATE, ["main"])
    assert good["level_dbov"] == pytest.approx(-20, abs=0.1)
    assert (text["source"], text["language"]) == ("spoken", "de")
    assert text["level_dbov"] == pytest.approx(-26, abs=0.3)
    assert by_name["nothing"]["source"] == "missing"
    assert [Path(one["path"]).name for one in found if one["kind"] == "unused"] == ["nobody.wav"]
    assert main(["prompts", "list", "--config", str(site), "--language", "de"]) == 0
    assert "Bitte warten." in (said := capsys.readouterr().out)
    assert "good" not in said


def test_a_studio_gets_a_script_and_its_recordings_replace_what_is_spoken(
    site: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "script.csv"
    assert main(["prompts", "make", "--config", str(site), "--script", str(script)]) == 0
    with script.open(encoding="utf-8") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    wanted = f"de-at/{spoken_name(TEXT)}.wav"
    assert (rows[wanted]["text"], rows[wanted]["language"], rows[wanted]["there"]) == (TEXT, "de-at", "spoken")
    assert rows["de-at/nothing.wav"]["there"] == "no"
    studio = tmp_path / "studio"
    for name in (wanted, "de-at/good.wav", "de-at/twin.wav", "de-at/unknown.wav"):
        (studio / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(studio / name, voice(3.0), RATE)
    (studio / "de-at" / "nothing.wav").write_bytes(b"no sound")
    found = lines(capsys, "prompts", "make", "--config", str(site), "--import", str(studio), "--json")
    results = {Path(one["file"]).name: one["error"] for one in found}
    assert results.pop("nothing.wav")
    assert results.pop("twin.wav").endswith("--replace")
    assert results.pop("unknown.wav") == "no menu plays it"
    assert results == {Path(wanted).name: "", "good.wav": ""}
    listed = lines(capsys, "prompts", "list", "--config", str(site), "--json")
    now = {one["text"] or one["name"]: one for one in listed if one["kind"] == "prompt"}
    assert (now[TEXT]["source"], now[TEXT]["seconds"]) == ("file", 3.0)
    assert now["good"]["path"] == str(site.parent / "prompts" / "de-at" / "good.wav")
    assert main(["prompts", "make", "--config", str(site), "--import", str(studio), "--replace"]) == 1
    assert main(["prompts", "make", "--config", str(site), "--script", "x", "--import", "y"]) == 2


def test_a_site_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert main(["prompts", "list", "--config", str(tmp_path / "none.toml")]) == 78
