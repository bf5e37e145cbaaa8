import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from edge.app.demo import SITE_FILE
from edge.config.menu_files import menu_files

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/menu.schema.json").read_text())
BROKEN = ROOT / "tests/config/broken/menus/menus"


def plain(path: Path) -> Any:
    """YAML as a JSON Schema validator of an editor sees it: keys are texts."""
    return json.loads(json.dumps(yaml.safe_load(path.read_text()), default=str))


def test_the_pages_are_current() -> None:
    script = [sys.executable, "scripts/configuration_reference.py", "--check"]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("page", ["configuration.md", "menu-reference.md"])
def test_each_setting_is_explained(page: str) -> None:
    rows = [row for row in (ROOT / "docs" / page).read_text().splitlines() if row.startswith("| `")]
    assert rows
    assert [row for row in rows if not row.split(" | ")[-1].strip(" |")] == []


def test_a_page_that_is_not_current_is_noticed(tmp_path: Path) -> None:
    for folder in ("scripts", "edge", "docs"):
        (tmp_path / folder).symlink_to(ROOT / folder) if folder != "docs" else (tmp_path / folder).mkdir()
    script = tmp_path / "configuration_reference.py"
    code = (ROOT / "scripts/configuration_reference.py").read_text()
    script.write_text(code.replace("Path(__file__).resolve().parent.parent", f"Path({str(tmp_path)!r})"))

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, script, *options], capture_output=True, text=True, check=False)

    missing = run("--check")
    assert (missing.returncode, missing.stdout.count("not current: docs/")) == (1, 4), missing.stderr
    assert run().returncode == 0
    assert run("--check").returncode == 0
    page = tmp_path / "docs/menu-reference.md"
    page.write_text("# By hand\n" + page.read_text())
    assert run("--check").returncode == 0
    page.write_text(page.read_text() + "| edited |\n")
    assert run("--check").returncode == 1


def test_the_schema_is_one_and_takes_the_demo() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for menu in menu_files(SITE_FILE.parent / "menus"):
        jsonschema.validate(plain(menu), SCHEMA)


def test_the_schema_takes_the_example_of_the_manual() -> None:
    page = (ROOT / "docs/menus.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```")[0]
    jsonschema.validate(json.loads(json.dumps(yaml.safe_load(example))), SCHEMA)


@pytest.mark.parametrize("name", ["gathers", "kinds", "list", "tests", "versions"])
def test_the_schema_refuses_what_the_compiler_refuses(name: str) -> None:
    text = (BROKEN / f"{name}.yaml").read_text().replace("  ? [a, b]\n  : hang_up\n", "")
    menu = json.loads(json.dumps(yaml.safe_load(text), default=str))
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(menu))
