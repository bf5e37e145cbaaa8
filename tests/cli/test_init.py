"""A site begun as a copy of an example is a site that works, and says nothing of where it was copied from."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import main
from edge.cli.init import examples
from edge.config.loader import inspect


@pytest.mark.parametrize("example", examples())
def test_a_copy_works_on_this_machine(example: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "town"
    assert main(["init", str(folder), "--example", example]) == 0
    assert f"edge menu try main --config {folder}/site.toml" in capsys.readouterr().out
    found = inspect(folder / "site.toml")
    assert (found.errors, found.warnings) == ([], [])
    site = found.site
    assert site.name == "town"
    assert (site.paths.state, site.paths.recordings) == (f"{folder}/state", f"{folder}/recordings")
    assert [trunk.sources for trunk in site.trunks] == [["127.0.0.0/8"]]
    assert main(["menu", "test", "--config", str(folder / "site.toml")]) == 0
    written = "".join(file.read_text() for file in folder.rglob("*") if file.suffix in {".toml", ".yaml", ".csv"})
    assert "edge/app/examples" not in written
    assert "edge init" not in written


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
    assert main(["init", str(tmp_path / "mine.txt")]) == 2


def test_an_example_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "new"), "--example", "clinik"]) == 2
    assert "did you mean 'clinic'?" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_folder_that_can_not_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file/new")]) == 1
    assert "Not a directory" in capsys.readouterr().err


def test_a_folder_whose_name_is_none_of_a_site(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "my site"), "--example", "shop"]) == 0
    assert inspect(tmp_path / "my site/site.toml").site.name == "shop"


def test_a_copy_is_tried_before_it_ever_ran(tmp_path: Path) -> None:
    """Who is in its tables is known: the patient is spoken to in Spanish."""
    folder = tmp_path / "town"
    assert main(["init", str(folder), "--example", "clinic"]) == 0
    command = [sys.executable, "-m", "edge.cli", "menu", "try", "main", "--config", str(folder / "site.toml")]
    tried = subprocess.run(
        [*command, "--caller", "+15125550123"],
        input=b"q",
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "Clínica Riverside. Si es una emergencia" in tried.stdout.decode()
    assert not (folder / "state").exists()
