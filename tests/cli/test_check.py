import json
import shutil
import wave
from pathlib import Path

import pytest

from edge.app.demo import SITE_FILE
from edge.cli import main

BROKEN = Path(__file__).parents[1] / "config/broken"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SITE_FILE.parent, tmp_path / "demo", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return tmp_path / "demo"


def test_the_demo_is_fine_and_nothing_is_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["check", "--demo", "--state", str(tmp_path / "state")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 errors, 0 warnings"
    assert not (tmp_path / "state").exists()


def test_every_error_is_a_line_and_the_exit_code_is_78(capsys: pytest.CaptureFixture[str]) -> None:
    file = BROKEN / "names/site.toml"
    assert main(["check", "--config", str(file)]) == 78
    lines = capsys.readouterr().out.splitlines()
    assert f"{file}:6:1: unknown setting 'adress' (did you mean 'address'?)" in lines
    assert lines[-1] == "7 errors, 1 warning"


def test_json_has_a_line_a_finding_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "--config", str(BROKEN / "names/site.toml")]) == 78
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["severity"] for line in lines] == ["error"] * 7 + ["warning", "summary"]
    assert lines[0]["line"] == 2
    assert (lines[-1]["errors"], lines[-1]["warnings"]) == (7, 1)


def test_the_effective_site_shows_no_secret(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "site.toml").open("a") as file:
        file.write(f'[[sinks]]\nname = "a"\nurl = "https://example.org/"\nsecret = "{SECRET}"\n')
    assert main(["check", "--effective", "--config", str(folder / "site.toml")]) == 0
    assert main(["check", "--effective", "--json", "--config", str(folder / "site.toml")]) == 0
    out = capsys.readouterr().out
    assert SECRET not in out
    assert out.count("********") == 2
    assert '"max_call_seconds": 14400' in out


def test_the_effective_site_tells_where_each_setting_of_a_trunk_came_from(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = folder / "site.toml"
    line = site.read_text().count("\n") + 4
    with site.open("a") as file:
        file.write('[[trunks]]\nname = "gsm"\nsources = ["192.0.2.77"]\ndtmf_min_tone = "60ms"\n')
        file.write('profile = "asterisk-chan-dongle"\n')
    assert main(["check", "--effective", "--json", "--config", str(site)]) == 0
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    (trunk,) = [one for one in shown["site"]["trunks"] if one["name"] == "gsm"]
    assert (trunk["dtmf_min_tone_ms"], trunk["dtmf_min_pause_ms"], trunk["dtmf_max_twist_db"]) == (60, 50, 6)
    origins = shown["trunk_origins"]["gsm"]
    assert origins["dtmf_min_tone_ms"] == f"{site}:{line}:17"
    assert "firmware_profiles/asterisk-chan-dongle.toml:" in origins["dtmf_min_pause_ms"]
    assert origins["dtmf_max_twist_db"] == "default"


def test_a_prompt_that_is_no_sound_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompts = folder / "prompts/en"
    prompts.mkdir(parents=True)
    menu = folder / "menus/main.yaml"
    menu.write_text("version: 1\nstart: a\nnodes:\n  a:\n    play: [good, bad]\n    next: end\n  end:\n    hang_up:\n")
    with wave.open(str(prompts / "good.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    (prompts / "bad.wav").write_bytes(b"RIFF no sound at all")
    assert main(["check", "--config", str(folder / "site.toml")]) == 78
    out = capsys.readouterr().out
    assert f"{prompts}/bad.wav: is not a sound that can be played" in out
    assert "2 sound files" in out
    assert "1 error," in out


def test_hold_music_that_is_no_sound_is_told_where_it_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with wave.open(str(folder / "good.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    (folder / "bad.wav").write_bytes(b"RIFF no sound at all")
    site = folder / "site.toml"
    text = site.read_text().replace("[media]\n", '[media]\nhold_music = "good.wav"\n')
    trunk = '\n[[trunks]]\nname = "{0}"\nsources = ["192.0.2.{1}"]\nhold_music = "{2}"\n'
    site.write_text(text + trunk.format("a", 1, "bad.wav") + trunk.format("b", 2, "gone.wav"))
    assert main(["check", "--config", str(site)]) == 78
    lines = capsys.readouterr().out.splitlines()
    rows = site.read_text().splitlines()
    bad, gone = (rows.index(f'hold_music = "{name}.wav"') + 1 for name in ("bad", "gone"))
    found = f"{site}:{bad}:14: hold music {folder}/bad.wav: is not a sound that can be played"
    assert any(line.startswith(found) for line in lines), lines
    assert f"{site}:{gone}:14: hold music {folder}/gone.wav: there is no such file" in lines
    assert lines[-1].startswith("2 errors"), lines
    site.write_text(text)
    assert main(["check", "--config", str(site)]) == 0


def test_demo_and_config_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--demo", "--config", "x.toml"]) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_an_unknown_option_is_wrong_usage() -> None:
    assert main(["check", "--bogus"]) == 2


def test_a_hostile_file_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site.toml").write_text('name = "\\u001b[2J\\u202e"\n')
    assert main(["check", "--config", str(tmp_path / "site.toml")]) == 78
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_menus_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["menu", "check", "--config", str(folder / "site.toml")]) == 0
    loops = BROKEN / "menus/menus/loops.yaml"
    assert main(["menu", "check", str(loops), "--config", str(folder / "site.toml")]) == 1
    captured = capsys.readouterr()
    assert "the call would go round without end" in captured.out
    assert "checked 1 menus" in captured.err
