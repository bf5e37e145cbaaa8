"""`edge amd tune` on recordings made here: the matrix, bad recordings and labels, rules of a file."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dsp.detectors.answer import DEFAULTS
from edge.cli import main
from edge.config.trunk_settings import AmdRules, amd_settings
from tests.dsp.detectors.test_speech import mumble

SEED = 5


def call(path: Path, speech_s: float, wait_s: float = 3.0, rate: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    voice = mumble(speech_s, np.random.default_rng(SEED), -16) / 32768
    whole = np.concatenate([np.zeros(4000), voice, np.zeros(round(wait_s * 8000))])
    soundfile.write(path, np.repeat(whole, rate // 8000), rate)


@pytest.fixture
def folder(tmp_path):
    call(tmp_path / "human/word.wav", 0.6)
    call(tmp_path / "human/company.wav", 2.5, rate=16000)
    call(tmp_path / "human/chatty.wav", 5.0)
    call(tmp_path / "machine/greeting.wav", 7.0)
    return tmp_path


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_rules_have_the_detector_s_defaults():
    assert amd_settings(AmdRules(name="any")) == DEFAULTS


def test_the_matrix(folder, capsys):
    assert main(["amd", "tune", str(folder), "--json"]) == 0
    *calls, told = lines(capsys)
    verdicts = {Path(one["file"]).name: one["verdict"] for one in calls}
    assert verdicts == {"word.wav": "human", "company.wav": "human", "chatty.wav": "machine", "greeting.wav": "machine"}
    assert (told["humans"], told["humans_hung_up_on"], told["right"]) == (3, 1, 3)
    assert told["matrix"]["human"] == {"human": 2, "machine": 1, "fax": 0, "unknown": 0}
    assert main(["amd", "tune", str(folder)]) == 0
    assert "1 of 3 humans would have been hung up on" in capsys.readouterr().out


def test_a_machine_that_paused_is_corrected(folder, capsys):
    first, rest = (soundfile.read(folder / name)[0] for name in ("human/word.wav", "machine/greeting.wav"))
    paused = np.concatenate([first[: 4000 + 4800 + 6800], rest[4000:]])
    soundfile.write(folder / "machine/paused.wav", paused, 8000)
    assert main(["amd", "tune", str(folder), "--json"]) == 0
    *calls, told = lines(capsys)
    (one,) = [call for call in calls if call["file"].endswith("paused.wav")]
    assert one["verdict"] == "human"
    assert one["revised_s"] == pytest.approx(1.95 + 3.85, abs=0.3)
    assert (told["machines_revised"], told["humans_revised"]) == (1, 0)
    assert [call["revised_s"] for call in calls if call is not one] == [None] * 4


def test_other_rules_say_otherwise(folder, tmp_path, capsys):
    rules = tmp_path / "rules.toml"
    rules.write_text('[[amd_rules]]\nname = "patient"\nmachine_speech = "6s"\n')
    assert main(["amd", "tune", str(folder), "--settings", str(rules), "--json"]) == 0
    told = lines(capsys)[-1]
    assert (told["rules"], told["humans_hung_up_on"]) == ("patient", 0)


def test_labels_of_a_table(folder, capsys):
    (folder / "labels.csv").write_text("file,label\nmachine/greeting.wav,human\n# a note\n")
    assert main(["amd", "tune", str(folder), "--json"]) == 0
    assert lines(capsys)[-1]["humans"] == 4


@pytest.mark.parametrize(
    ("row", "said"), [("word.wav,humane", "labels.csv:1: expected"), ("no.wav,human", "labels.csv:1: there is no file")]
)
def test_bad_labels(folder, row, said, capsys):
    (folder / "labels.csv").write_text(row + "\n")
    assert main(["amd", "tune", str(folder)]) == 1
    assert said in capsys.readouterr().err


def test_a_recording_that_is_none(folder, capsys):
    (folder / "human/noise.wav").write_bytes(b"no sound at all")
    assert main(["amd", "tune", str(folder), "--json"]) == 1
    shown = capsys.readouterr()
    assert "noise.wav" in shown.err
    assert json.loads(shown.out.splitlines()[-1])["calls"] == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[amd_rules]]\nname = "x"\nwait = "9h"\n', "3:8: 9h is out of range"),
        ('[[amd_rules]]\nname = "x"\nwiat = "1s"\n', "did you mean 'wait'?"),
        ('[[amd_rules]]\nname = "x"\nwait = "5s"\n', "wait, 5000 ms, is more than machine_speech, 3850 ms"),
        ('[[amd_rules]]\nname = "x"\nmachine_speech = 4000\n', "expected a duration"),
        ("[[amd_rules]\n", "not TOML"),
        ("amd_rules = 3\n", "expected a list of tables"),
        ("[sip]\n", "there are no [[amd_rules]]"),
        ('[[amd_rules]]\nname = "x"\n[[amd_rules]]\nname = "y"\n', "name one of x, y"),
    ],
)
def test_bad_rules(folder, tmp_path, text, said, capsys):
    rules = tmp_path / "rules.toml"
    rules.write_text(text)
    assert main(["amd", "tune", str(folder), "--settings", str(rules)]) == 78
    shown = capsys.readouterr().err
    assert said in shown
    assert str(rules) in shown


def test_nothing_to_judge(tmp_path):
    assert main(["amd", "tune", str(tmp_path)]) == 2
    assert main(["amd", "tune", str(tmp_path / "none")]) == 1
