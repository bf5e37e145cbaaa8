import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from edge.app.demo import SITE_FILE
from edge.cli import main


@pytest.fixture
def menus(tmp_path: Path) -> Path:
    shutil.copytree(SITE_FILE.parent / "menus", tmp_path / "menus")
    return tmp_path / "menus"


def edit(menus: Path, old: str, new: str) -> str:
    file = menus / "main.test.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return str(file)


def test_the_demo_passes_and_is_covered(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["menu", "test", "--demo", "--junit", str(tmp_path / "out.xml")]) == 0
    out = capsys.readouterr().out
    assert "8 passed, 0 failed; 11 of 11 nodes" in out
    assert "no test" not in out
    suite = ET.parse(tmp_path / "out.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("8", "0")


def test_a_failure_has_its_line_and_the_call(menus: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = edit(menus, "hear: thank you", "hear: no thanks")
    line = next(n for n, text in enumerate(Path(file).read_text().splitlines(), 1) if "no thanks" in text)
    junit = tmp_path / "out.xml"
    assert main(["menu", "test", file, "--demo", "--junit", str(junit)]) == 1
    out = capsys.readouterr().out
    assert f"{file}:{line}:9: A number that ends with the pound key: 'no thanks' was not heard" in out
    assert "number               press     4" in out
    assert ET.parse(junit).getroot().find("testsuite/testcase/failure") is not None
    assert main(["menu", "test", file, "--demo", "--json"]) == 1
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert [row["passed"] for row in rows[:-1]].count(False) == 1
    assert rows[-1]["nodes_missed"] == []


def test_what_no_test_comes_to_is_told(menus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = menus / "main.test.yaml"
    file.write_text("version: 1\ntests:\n  - {name: x, steps: [{press: 1}, {at: main}]}\n")
    assert main(["menu", "test", str(file), "--demo"]) == 0
    out = capsys.readouterr().out
    assert "no test comes to: number, thanks, connect, engaged, nobody, no_answer, goodbye, end" in out


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("at: number", "at: numbre", "menu 'main' has no node 'numbre'"),
        ("press: 2", "pres: 2", "unknown setting 'pres' (did you mean 'press'?)"),
        ("press: 2", "{press: 2, at: number}", "a step is one thing, not 2: press, at"),
        ("press: 2", "{}", "a step is one thing, not 0"),
        ("press: 2", "press: x", "'x'"),
        ("busy}", "bsy}", "'bsy' is not allowed here (did you mean 'busy'?)"),
        ("steps:", "time: tomorrow\n    steps:", "'tomorrow' is not a time"),
    ],
)
def test_faults_of_tests_have_their_place(
    menus: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, told: str
) -> None:
    file = edit(menus, old, new)
    assert main(["menu", "test", file, "--demo"]) == 78
    assert told in capsys.readouterr().err


def test_nothing_to_test_is_no_success(menus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["menu", "test", "mian", "--demo"]) == 2
    assert "did you mean 'main'" in capsys.readouterr().err
    (menus / "main.test.yaml").write_text("version: 1\ntests: []\n")
    assert main(["menu", "test", str(menus / "main.test.yaml"), "--demo"]) == 1


def test_tests_are_no_menus(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["menu", "check", "--demo"]) == 0
    assert "checked 1 menus" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--to", "sip:100@127.0.0.1"], "--to needs --call"),
        (["--call", "--jobs", "0"], "--jobs is from 1 to 50"),
        (["--call", "--to", "mailto:somebody"], "'mailto:somebody' cannot be called"),
    ],
)
def test_options_of_calls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["menu", "test", "--demo", *options]) == 2
    assert told in capsys.readouterr().err


TRIAL_MENUS = {
    "main.yaml": """
version: 1
start: hello
nodes:
  hello: {say: Welcome to the long greeting of this house., next: end}
  end: {hang_up: }
""",
    "short.yaml": """
version: 1
start: hi
nodes:
  hi: {say: Good morning., next: end}
  end: {hang_up: }
""",
}
ON_TRIAL = """
version: 1
tests:
  - name: as ever
    steps: [{at: hello}, {end: true}]
  - name: what is tried
    trial: short
    caller: ""
    steps: [{at: hi}, {hear: good morning}, {end: true}]
  - name: the other side
    trial: short
    arm: control
    steps: [{at: hello}, {end: true}]
"""


@pytest.fixture
def on_trial(tmp_path: Path) -> Path:
    """A site with a trial that nobody's number is part of."""
    (tmp_path / "menus").mkdir()
    for name, text in TRIAL_MENUS.items():
        (tmp_path / "menus" / name).write_text(text)
    (tmp_path / "menus/main.test.yaml").write_text(ON_TRIAL)
    site = f'''
name = "trial"
[paths]
state = "{tmp_path}/state"
menus = "menus"
[[routes]]
number = "*"
menu = "main"
[[trials]]
name = "short"
menu = "main"
candidate = "short"
callers = ["+49"]
'''
    (tmp_path / "site.toml").write_text(site)
    return tmp_path


def test_a_test_may_be_on_the_candidate_of_a_trial(on_trial: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["menu", "test", "main", "--config", str(on_trial / "site.toml")]) == 0
    assert "main: 3 passed, 0 failed; 2 of 2 nodes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("site", "trial", "told"),
    [
        ("", "shrt", "the site has no trial 'shrt' (did you mean 'short'?)"),
        ('version = "3f2a"', "short", "no version of a menu 'short' is kept"),
        ('menu = "short"', "short", "trial 'short' is of menu 'short'"),
        ('candidate = "gone"', "short", "menu 'gone', which trial 'short' tries, cannot be compiled"),
    ],
)
def test_a_trial_that_is_not_there_is_told(
    on_trial: Path, capsys: pytest.CaptureFixture[str], site: str, trial: str, told: str
) -> None:
    file, tests = on_trial / "site.toml", on_trial / "menus/main.test.yaml"
    key = site.partition(" ")[0]
    head, _, rest = file.read_text().partition("[[trials]]")
    kept = [line for line in rest.splitlines() if not key or not line.startswith(f"{key} ")]
    file.write_text("\n".join([head, "[[trials]]", *kept, site]))
    tests.write_text(tests.read_text().replace("trial: short", f"trial: {trial}", 1))
    assert main(["menu", "test", "main", "--config", str(file)]) == 78
    assert told in capsys.readouterr().err
