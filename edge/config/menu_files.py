"""Which files of a folder are menus."""

from pathlib import Path

#: What names of tests beside menus end with.
TESTS_ENDING = ".test.yaml"


def menu_files(folder: Path) -> list[Path]:
    """List the menus of a folder; tests stand beside them. Names that begin with a dot are an editor's."""
    return sorted(
        path for path in folder.glob("*.yaml") if not path.name.endswith(TESTS_ENDING) and not path.name.startswith(".")
    )
