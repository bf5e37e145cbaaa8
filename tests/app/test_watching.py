"""Watching files: what counts as a change, when it is over, and what people and tools do with files."""

import os
import threading
from pathlib import Path

import pytest

from edge.app.watching import SETTLE_MS, Settling, Watch, look_at, watched
from edge.config.site import Paths, Reloading, Site
from tests.support.waiting import until


@pytest.mark.parametrize(
    ("looks", "loads"),
    [
        ([("a", 0), ("a", 5000)], []),
        ([("b", 0), ("b", SETTLE_MS - 1)], []),
        ([("b", 0), ("b", SETTLE_MS)], [1]),
        ([("b", 0), ("b", SETTLE_MS), ("b", 9000)], [1]),
        # Still being written.
        ([("b", 0), ("c", 900), ("c", 1800), ("c", 900 + SETTLE_MS)], [3]),
        # Changed and put back: it is what is in force.
        ([("b", 0), ("a", 900), ("a", 5000)], []),
        # Loaded (and perhaps refused); put back: what is in force has to be said again.
        ([("b", 0), ("b", SETTLE_MS), ("a", 3000), ("a", 3000 + SETTLE_MS)], [1, 3]),
    ],
)
def test_a_change_is_loaded_once_when_it_is_over(looks: list[tuple[str, int]], loads: list[int]) -> None:
    settling = Settling("a")
    assert [at for at, look in enumerate(looks) if settling.look(*look)] == loads


def test_what_somebody_loads_by_hand_is_not_loaded_again() -> None:
    settling = Settling("a")
    assert not settling.look("b", 0)
    settling.loaded()
    assert not settling.look("b", SETTLE_MS)
    assert not settling.look("c", 5000)
    assert settling.look("c", 5000 + SETTLE_MS)


def test_files_that_changed_while_they_were_loaded_at_the_start_are_loaded_again() -> None:
    settling = Settling("")
    assert not settling.look("a", 0)
    assert settling.look("a", SETTLE_MS)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for name in ("menus", "prompts/en/spoken", "profiles", "conf.d"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "site.toml").write_text("site")
    (tmp_path / "menus/main.yaml").write_text("menu")
    (tmp_path / "prompts/en/hello.wav").write_text("hello")
    paths = Paths(
        state=str(tmp_path / "state"),
        menus=str(tmp_path / "menus"),
        prompts=str(tmp_path / "prompts"),
        profiles=str(tmp_path / "profiles"),
    )
    return Site(name="w", paths=paths, source=str(tmp_path / "site.toml"), reload=Reloading(watch=True))


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _rename_into_place(path: Path, text: str) -> None:
    other = path.with_name(path.name + ".new")
    other.write_text(text)
    times = path.stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))  # as `cp -p` and `rsync -t` do
    other.replace(path)


@pytest.mark.parametrize("how", [_write, _rename_into_place])
@pytest.mark.parametrize(
    "name",
    [
        "site.toml",
        "conf.d/more.toml",
        "menus/main.yaml",
        "menus/new.yaml",
        "prompts/en/hello.wav",
        "prompts/en/spoken/0a.wav",
        "prompts/de/hello.wav",
        "profiles/gateway.toml",
    ],
)
def test_every_file_that_is_loaded_counts(site: Site, name: str, how: object) -> None:
    path = Path(site.source).parent / name
    path.parent.mkdir(exist_ok=True)
    if how is _rename_into_place and not path.exists():
        path.write_text("same length")
    what = watched(site)
    before = look_at(what).signature
    assert look_at(what).signature == before
    how(path, "same length")  # type: ignore[operator]
    after = look_at(what).signature
    assert after != before
    path.unlink()
    assert look_at(what).signature != after


@pytest.mark.parametrize("name", ["menus/main.test.yaml", "menus/.x.yaml", "menus/.#main.yaml", "prompts/.x", "a"])
def test_what_is_not_loaded_does_not_count(site: Site, name: str) -> None:
    before = look_at(watched(site)).signature
    path = Path(site.source).parent / name
    if "#" in name:
        path.symlink_to("somebody@somewhere.1:2")
    else:
        path.write_text("x")
    assert look_at(watched(site)).signature == before


def test_a_folder_put_in_anothers_place_by_a_link_counts(site: Site, tmp_path: Path) -> None:
    old, new = tmp_path / "menus", tmp_path / "release-2"
    old.rename(tmp_path / "release-1")
    new.mkdir()
    (new / "main.yaml").write_text("menu")
    old.symlink_to("release-1")
    before = look_at(watched(site)).signature
    link = tmp_path / "link"
    link.symlink_to("release-2")
    link.replace(old)
    assert look_at(watched(site)).signature != before


def test_folders_that_hold_links_to_themselves_have_an_end(site: Site, tmp_path: Path) -> None:
    (tmp_path / "prompts/en/again").symlink_to(tmp_path / "prompts")
    look_at(watched(site))


def test_a_site_without_files_looks_like_nothing() -> None:
    nowhere = Site(name="w", paths=Paths(menus="/nowhere/m", prompts="/nowhere/p", profiles="/nowhere/f"), source="/x")
    assert look_at(watched(nowhere)).newest_ns == 0


def test_the_thread_tells_of_changes_only_while_it_is_wanted(site: Site, tmp_path: Path) -> None:
    changes = threading.Semaphore(0)
    watch = Watch(changes.release)
    watch.follow(site, look_at(watched(site)).signature)
    (tmp_path / "menus/main.yaml").write_text("another menu")
    assert changes.acquire(timeout=20)
    thread = next(one for one in threading.enumerate() if one.name == "watch")
    watch.follow(Site(name="w"), "")
    until(lambda: not thread.is_alive(), 10, "the thread ended")
    assert not changes.acquire(blocking=False)
