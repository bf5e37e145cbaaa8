"""Broken sites and menus, and what is said about each: `broken/<case>/` holds the files and `expected.txt`.

After a deliberate change of a message, `python tests/config/test_broken.py` writes the expectations again: read the
diff.
"""

from pathlib import Path

import pytest

from edge.config.loader import inspect

BROKEN = Path(__file__).with_name("broken")
ENVIRONMENT = {"SECRET": "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "SECRETS": "", "SITENAME": ""}
CASES = sorted(path.name for path in BROKEN.iterdir())


def said_about(case: str) -> str:
    folder = BROKEN / case
    found = inspect(folder / "site.toml", environment=ENVIRONMENT)
    lines = [f"error {error}" for error in found.errors] + [f"warning {warning}" for warning in found.warnings]
    return "".join(line.replace(f"{folder}/", "").replace(str(folder), "FOLDER") + "\n" for line in lines)


@pytest.mark.parametrize("case", CASES)
def test_every_fault_is_found_where_it_stands(case: str) -> None:
    assert said_about(case) == (BROKEN / case / "expected.txt").read_text()


@pytest.mark.parametrize("case", CASES)
def test_each_error_names_a_file_that_was_read_and_a_line_in_it(case: str) -> None:
    found = inspect(BROKEN / case / "site.toml", environment=ENVIRONMENT)
    assert found.errors
    for error in found.errors:
        if Path(error.file).is_file() and error.line:
            lines = Path(error.file).read_bytes().decode(errors="replace").splitlines()
            assert 1 <= error.line <= len(lines) + 1
            assert error.column <= len([*lines, ""][error.line - 1]) + 1


if __name__ == "__main__":
    for name in CASES:
        (BROKEN / name / "expected.txt").write_text(said_about(name))
