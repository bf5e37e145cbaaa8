import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNNING = [re.split(r"[><=[]", line)[0] for line in PROJECT["dependencies"]]
DEVELOPING = [re.split(r"[><=[]", line)[0] for line in PROJECT["optional-dependencies"]["dev"]]


def locked(name: str) -> dict[str, str]:
    """Name -> version of each entry; each entry must have hashes."""
    text = (ROOT / name).read_text()
    entries = re.findall(
        r"^([a-z0-9.-]+)==(\S+)(?: ;[^\\]*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE
    )
    assert len(entries) == len([line for line in text.splitlines() if line and not line.startswith((" ", "#"))])
    return {package: version for package, version, _ in entries}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-appliance.lock"])
def test_each_entry_has_hashes_and_no_index_is_named(name: str) -> None:
    assert locked(name)
    assert "://" not in (ROOT / name).read_text()


def test_the_locks_have_all_that_the_project_asks_for() -> None:
    assert set(map(str.lower, RUNNING)) <= set(locked("requirements.lock"))
    assert set(map(str.lower, RUNNING + DEVELOPING)) <= set(locked("requirements-dev.lock"))


def test_developing_has_the_same_versions_as_running() -> None:
    developing = locked("requirements-dev.lock")
    for package, version in locked("requirements.lock").items():
        assert developing[package] == version


def test_what_is_on_a_site_is_what_was_tested() -> None:
    """And nothing that only developing needs."""
    site, developing = locked("requirements-appliance.lock"), locked("requirements-dev.lock")
    assert site.items() >= locked("requirements.lock").items()
    shared = site.keys() & developing.keys()
    assert {name: site[name] for name in shared} == {name: developing[name] for name in shared}
    lines = {re.split(r"[><=[]", line)[0] for line in PROJECT["optional-dependencies"]["lines"]}
    assert lines <= site.keys()
    assert not {"pytest", "ruff", "mypy"} & site.keys()


def test_each_dependency_is_explained() -> None:
    page = (ROOT / "docs/dependencies.md").read_text()
    first_cells = ",".join(re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE))
    explained = {word.strip() for word in first_cells.split(",")}
    assert set(RUNNING + DEVELOPING) <= explained
    script = (ROOT / "scripts/install-test-peers").read_text().replace("\\\n", " ")
    peers = re.search(r"scripts/apt (.+)", script)
    assert peers is not None
    assert len(peers[1].split()) > 10
    assert {"espeak-ng", "python3-venv", *peers[1].split()} <= explained
