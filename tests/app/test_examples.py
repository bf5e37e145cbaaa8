"""The sites that people copy compile without a word of complaint; their own tests pass, and leave nothing out."""

import json
from pathlib import Path
from typing import ClassVar

import jsonschema
import pytest
import yaml

import edge
from edge.cli import main

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
    assert "no test comes to" not in said


@pytest.mark.parametrize("site", EXAMPLES, ids=lambda path: path.parent.name)
def test_editors_take_it(site: Path) -> None:
    for file in (site.parent / "menus").glob("*.yaml"):
        name = "menu-tests" if file.name.endswith(".test.yaml") else "menu"
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
        jsonschema.validate(json.loads(json.dumps(yaml.load(file.read_text(), Plain))), schema)


def test_there_are_examples() -> None:
    assert EXAMPLES
