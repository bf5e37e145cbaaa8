"""What a start does before it is the only one on its folders: nothing."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from edge.app.preparing import Begun, Source, module_environment
from edge.app.running import RefusedError, claim, lock_state
from edge.config.site import Paths
from tests.config.box import Box


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def start(box: Box) -> subprocess.CompletedProcess[str]:
    source = msgspec.json.encode(Source(config=str(box.folder / "site.toml"))).decode()
    return subprocess.run(
        [sys.executable, "-m", "edge.app.start", source],
        env=module_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_run_writes_nothing_into_the_folder_of_the_first(box: Box) -> None:
    state = box.folder / "state"
    state.mkdir(exist_ok=True)
    held = lock_state(Paths(state=str(state)))
    second = start(box)
    os.close(held)
    assert second.returncode == 78
    assert f"{state} is in use by another `edge run` (pid {os.getpid()})" in second.stderr
    assert [one.name for one in state.iterdir()] == ["run"], "neither versions nor prompts nor tables"


def test_who_loads_asks_first_and_the_claim_is_the_askers(box: Box) -> None:
    asked: list[Paths] = []
    held: list[int] = []

    def asks(paths: Paths) -> None:
        held.append(claim(paths))
        asked.append(paths)
        assert [one.name for one in Path(paths.state).iterdir()] == ["run"], "before anything else is there"

    prepared = Begun(Source(config=str(box.folder / "site.toml"))).wait(asks)
    assert prepared.site is not None, prepared.errors
    assert [one.state for one in asked] == [prepared.site.paths.state]
    assert (Path(prepared.site.paths.state) / "versions" / "index.json").is_file()
    other = os.open(prepared.site.paths.state, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
    os.close(held[0])


def test_a_site_with_faults_claims_nothing_and_a_refusal_is_the_askers_to_tell(box: Box) -> None:
    def refuses(paths: Paths) -> None:
        raise RefusedError(f"{paths.state} is taken")

    with pytest.raises(RefusedError, match="is taken"):
        Begun(Source(config=str(box.folder / "site.toml"))).wait(refuses)
    (box.folder / "site.toml").write_text("name = ")
    assert Begun(Source(config=str(box.folder / "site.toml"))).wait(refuses).errors
