"""The sites that people copy compile without a word of complaint; their own tests pass, and leave nothing out."""

import json
import re
from pathlib import Path
from typing import ClassVar

import jsonschema
import pytest
import yaml

import edge
from edge.cli import main
from edge.config import menus

EXAMPLES = sorted((Path(edge.__file__).parent / "app/examples").glob("*/site.toml"))
SCHEMAS = Path(edge.__file__).parents[1] / "docs"


class Plain(yaml.SafeLoader):
    """Dates are texts, as the compiler reads them."""

    yaml_implicit_resolvers: ClassVar = {
        char: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
        for char, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@pytest.mark.parametrize("site", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_compiles_and_passes_its_tests(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--config", str(site), "--state", str(tmp_path)]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out
    assert main(["menu", "test", "--config", str(site)]) == 0
    said = capsys.readouterr().out
    assert "0 failed" in said
    assert "no test" not in said


@pytest.mark.parametrize("site", EXAMPLES, ids=lambda path: path.parent.name)
def test_editors_take_it(site: Path) -> None:
    for file in (site.parent / "menus").glob("*.yaml"):
        name = "menu-tests" if file.name.endswith(".test.yaml") else "menu"
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
        jsonschema.validate(json.loads(json.dumps(yaml.load(file.read_text(), Plain))), schema)


def test_there_are_examples() -> None:
    assert {path.parent.name for path in EXAMPLES} == {"city", "clinic", "garage", "shop"}


def test_the_guide_for_newcomers_is_true(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever follows it has a menu without a fault, and tests of every way."""
    folder = tmp_path / "town"
    assert main(["init", str(folder), "--example", "clinic"]) == 0
    (folder / "menus/main.test.yaml").unlink()
    page = (SCHEMAS / "first-menu.md").read_text()
    files = re.findall(r"```yaml\n# (menus/\S+)\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in files] == ["menus/main.yaml", "menus/main.test.yaml"]
    for name, text in files:
        (folder / name).write_text(text)
    site = ["--config", str(folder / "site.toml")]
    capsys.readouterr()
    assert main(["menu", "check", *site]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().err
    assert main(["menu", "test", *site]) == 0
    said = capsys.readouterr().out
    assert "3 passed, 0 failed; 7 of 7 nodes" in said
    assert "no test" not in said


def test_a_menu_is_compiled_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    compiled: list[str] = []
    real = menus.MenuCompiler.compile_file

    def counting(self: menus.MenuCompiler, path: Path) -> object:
        compiled.append(path.name)
        return real(self, path)

    monkeypatch.setattr(menus.MenuCompiler, "compile_file", counting)
    assert main(["menu", "check", "--config", str(EXAMPLES[0])]) == 0
    assert main(["menu", "test", "--config", str(EXAMPLES[0])]) == 0
    assert "0 failed" in capsys.readouterr().err
    assert compiled == ["main.yaml", "main.yaml"], "one a command"
