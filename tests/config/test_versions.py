"""Versions of menus: kept with their sounds, found again, held, released, forgotten. By the real compiler."""

from pathlib import Path

import msgspec
import pytest

from edge.app.prepare import prepared
from edge.app.preparing import Source
from edge.config.compiled import CompiledSite
from edge.config.versions import NoVersionError
from edge.core.menus.sounds import sound_paths
from edge.vocabulary.wire import pack, unpacker
from tests.config.box import MENU, Box


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_version_keeps_what_it_said_and_how_it_sounded(box: Box) -> None:
    box.load("start")
    first, heard = box.menu, box.heard()
    box.record(2)
    box.write("two")
    versions = box.load("watch")
    assert box.menu.version != first.version
    assert box.heard() != heard
    line = versions.index.menus["main"]
    assert line.current == line.file == box.menu.version
    assert [(one.by, one.since_by) for one in line.versions.values()] == [("start", "start"), ("watch", "watch")]
    kept = versions.kept("main", first.version)
    assert kept.menu == first
    assert kept.sources == {"main.yaml": MENU.format("one")}
    assert [Path(sound).read_bytes() for sound in kept.sounds] == [heard], "the recording of today is another one"
    # What was written is what is read.
    assert box.versions().index == versions.index


def test_what_a_call_in_progress_plays_is_there_whatever_is_recorded(box: Box) -> None:
    box.load("start")
    heard, call = box.heard(), list(sound_paths(box.menu))
    box.record(2)
    (box.folder / "prompts/en/hello.wav").unlink()
    box.record(3)
    box.load()
    assert [Path(path).read_bytes() for path in call] == [heard]
    assert box.heard() != heard


def test_the_same_files_are_the_same_version_since_when_they_came(box: Box) -> None:
    box.load("start")
    before = msgspec.json.encode(box.versions().index)
    box.load("reload")
    box.load("start")
    assert msgspec.json.encode(box.versions().index) == before


def test_a_rolled_back_menu_stays_so_over_loads_until_it_is_released(box: Box) -> None:
    box.load("start")
    one = box.menu.version
    box.write("two")
    box.load()
    two = box.menu.version
    versions = box.versions()
    assert versions.find("main", "") == one
    box.site = versions.pin(box.site, "main", one)
    versions.write()
    assert box.menu.version == one
    box.write("three")
    versions = box.load("start")
    assert box.menu.version == one, "over a restart with another file, too"
    (pin,) = versions.pins
    line = versions.index.menus["main"]
    assert (pin.menu, pin.version, pin.file) == ("main", one, line.file)
    assert line.file not in {one, two}
    assert line.versions[line.file].since == "", "no call has had it"
    assert line.versions[one].since_by == "rollback"
    versions = box.versions()
    box.site = versions.release(box.site, "main")
    assert box.menu.version == line.file
    assert "three" in versions.kept("main", line.file).sources["main.yaml"]
    assert versions.pins == []
    assert versions.find("main", "") == one, "what calls had before"
    with pytest.raises(NoVersionError, match="not rolled back"):
        versions.release(box.site, "main")


def test_only_the_last_ones_are_kept_and_those_that_matter(box: Box) -> None:
    names = []
    for number in range(6):
        box.write(f"number {number}")
        box.record(number + 1)
        versions = box.load(keep=3, in_use=names[:1])
        names.append(box.menu.version)
    kept = versions.index.menus["main"].versions
    assert list(kept) == [names[0], *names[3:]], "a call is on the first"
    assert {path.stem for path in (box.state / "versions/menus/main").iterdir()} == set(kept)
    assert len(list((box.state / "versions/sounds").iterdir())) == 4
    box.load(keep=3)
    assert list(box.versions().index.menus["main"].versions) == names[3:]
    assert len(list((box.state / "versions/sounds").iterdir())) == 3


def test_a_held_version_is_never_too_old(box: Box) -> None:
    box.load()
    first = box.menu.version
    versions = box.versions()
    versions.pin(box.site, "main", first)
    versions.write()
    for number in range(5):
        box.write(f"number {number}")
        box.load(keep=2)
    assert box.menu.version == first
    assert len(box.versions().index.menus["main"].versions) == 3


def test_spoken_texts_of_kept_versions_stay_in_the_cache(box: Box) -> None:
    speech = box.state / "prompts/0123.wav"
    box.load()
    kept = box.versions().kept("main", box.menu.version)
    path = box.state / "versions/menus/main" / f"{box.menu.version}.msgpack"
    path.write_bytes(msgspec.msgpack.encode({**msgspec.to_builtins(kept), "sounds": [str(speech)]}))
    assert str(speech) in set(box.versions().sounds())


@pytest.mark.parametrize(
    ("begin", "said"),
    [("ffffffffffffffffff", "no versions of menu 'main' begin with"), ("", "2 versions")],
)
def test_a_version_that_is_not_one_is_refused(box: Box, begin: str, said: str) -> None:
    box.load()
    versions = box.versions()
    line = versions.index.menus["main"]
    line.versions["00aa"] = line.versions["00ab"] = line.versions[line.current]
    with pytest.raises(NoVersionError, match=said):
        versions.find("main", begin or "00")
    with pytest.raises(NoVersionError, match="no version of a menu 'other'"):
        versions.find("other", "")


def test_without_a_version_before_there_is_nothing_to_go_back_to(box: Box) -> None:
    versions = box.load()
    with pytest.raises(NoVersionError, match="has had no other version"):
        versions.find("main", "")


def test_a_version_that_lost_a_sound_is_not_taken_and_a_held_one_gives_way(box: Box) -> None:
    box.load("start")
    one = box.menu.version
    box.write("two")
    box.record(2)
    box.load()
    versions = box.versions()
    versions.pin(box.site, "main", one)
    versions.write()
    for sound in versions.kept("main", one).sounds:
        Path(sound).unlink()
    with pytest.raises(NoVersionError, match="lacks 1 sounds"):
        versions.kept("main", one)
    versions = box.load("start")
    assert box.menu.version == versions.index.menus["main"].file != one
    assert versions.pins == []
    assert "follows its file again" in versions.warnings[0]


@pytest.mark.parametrize("broken", [b"", b"\xc1", b"{}"])
def test_broken_files_of_ours_are_warnings_and_no_end(box: Box, broken: bytes) -> None:
    box.load()
    version = box.menu.version
    (box.state / "versions/menus/main" / f"{version}.msgpack").write_bytes(broken)
    with pytest.raises(NoVersionError, match="kept by another release"):
        box.versions().kept("main", version)
    assert list(box.versions().sounds()) == []
    box.load()
    assert box.versions().kept("main", version).menu == box.menu, "made anew"
    (box.state / "versions/index.json").write_bytes(broken)
    versions = box.load()
    assert (versions.warnings == []) == (broken == b"{}")
    assert box.menu.version == version


def test_a_disk_that_takes_nothing_costs_no_call(box: Box) -> None:
    (box.state / "versions").parent.mkdir(parents=True)
    (box.state / "versions").write_bytes(b"in the way")
    versions = box.load()
    assert box.heard() == (box.folder / "prompts/en/hello.wav").read_bytes(), "played from where it lies"
    assert len(versions.warnings) <= 2
    assert "versions of menus cannot be kept" in versions.warnings[-1]


def test_a_menu_that_is_gone_keeps_its_versions_and_no_state(box: Box) -> None:
    other = box.folder / "menus/other.yaml"
    other.write_text(MENU.format("other"))
    box.load()
    version = box.site.menus["other"].version
    versions = box.versions()
    versions.pin(box.site, "other", version)
    versions.write()
    other.unlink()
    versions = box.load()
    assert "other" not in box.site.menus
    assert versions.pins == []
    with pytest.raises(NoVersionError, match="there is no menu 'other'"):
        versions.pin(box.site, "other", version)
    other.write_text(MENU.format("other"))
    box.load()
    assert box.site.menus["other"].version == version


def test_a_version_on_trial_is_read_and_one_that_is_not_kept_is_told(box: Box) -> None:
    box.load("start")
    first, heard = box.menu, box.heard()
    site = (box.folder / "site.toml").read_text()
    trial = '[[trials]]\nname = "former"\nmenu = "main"\ncandidate = "main"\nversion = "{}"\nshare = 50\n'
    (box.folder / "site.toml").write_text(site + trial.format(first.version[:6]))
    box.write("two")
    box.record(2)
    box.load()
    assert box.menu.version != first.version
    assert box.site.tried == {"former": first}
    assert Path(next(iter(sound_paths(box.site.tried["former"])))).read_bytes() == heard
    (box.folder / "site.toml").write_text(site + trial.format("zzzz"))
    versions = box.load()
    assert box.site.tried == {}
    assert versions.warnings == ["trial 'former' does not run: no versions of menu 'main' begin with 'zzzz'"]


def test_a_version_on_trial_is_never_too_old(box: Box) -> None:
    box.load("start")
    first = box.menu.version
    with (box.folder / "site.toml").open("a") as file:
        file.write('[reload]\nkeep_versions = 2\n[[trials]]\nname = "former"\nmenu = "main"\ncandidate = "main"\n')
        file.write(f'version = "{first}"\nshare = 50\n')
    for number in range(5):
        box.write(f"number {number}")
        loaded = prepared(Source(config=str(box.folder / "site.toml")))
        assert loaded.errors == []
        assert loaded.site is not None
        assert unpacker(CompiledSite).decode(pack(loaded.site)).tried["former"].version == first
    assert len(box.versions().index.menus["main"].versions) == 3
