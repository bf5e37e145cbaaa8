"""Rolling menus back, and watching their files: the real loader in its child, over processes that have no job."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.config.loader import load
from edge.config.packed import PackedSite
from edge.runtime.process import read_site
from tests.app.appliance import Appliance
from tests.app.test_reload import MENU, Site, reloads
from tests.support.waiting import until

pytestmark = pytest.mark.system


@pytest.fixture
def site(tmp_path: Path, address: str) -> Site:
    return Site(tmp_path, address)


@pytest.fixture
def appliance(site: Site) -> Iterator[Appliance]:
    appliance = Appliance(load(site.file), source=site.file)
    appliance.until_ready()
    yield appliance
    appliance.end()


def write(site: Site, reason: str) -> None:
    menu = site.file.parent / "menus/main.yaml"
    other = menu.with_name(".main.yaml.new")
    other.write_text(MENU.replace("hang_up: {}", f'hang_up: "{reason}"'))
    other.replace(menu)


def running(appliance: Appliance, name: str = "switch") -> str:
    """The version that a process has now."""
    return read_site(reloads(appliance, name)[-1], PackedSite).versions["main"]


def notices(appliance: Appliance) -> list[dict[str, Any]]:
    return [event[1] for event in appliance.request("switch", "seen") if event[0] == "notice"]


def test_a_menu_is_rolled_back_whatever_its_files_say_and_released(
    appliance: Appliance, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    write(site, "one")
    answer = appliance.ask("reload")
    one = answer["body"]["menus"]["main"]
    assert appliance.ask("rollback", menu="main")["error"].endswith("has had no other version")
    write(site, "two")
    two = appliance.ask("reload")["body"]["menus"]["main"]
    assert running(appliance) == two != one
    (site.file.parent / "menus/main.yaml").write_text("nodes: [")
    answer = appliance.ask("rollback", menu="main")
    assert answer == {"ok": True, "body": {"menu": "main", "version": one, "instead_of": two, "warnings": []}}
    assert {running(appliance, name) for name in ("switch", "media", "front")} == {one}
    state = str(appliance.run_dir.parent)
    held = appliance.status()["configuration"]["rolled_back"]
    assert [(pin["menu"], pin["version"], pin["file"]) for pin in held] == [("main", one, two)]

    refused = appliance.ask("reload")
    assert not refused["ok"]
    capsys.readouterr()
    assert main(["status", "--state", state]) == 0
    shown = capsys.readouterr().out
    assert f"menu main is rolled back to {one} since" in shown
    assert f"configuration: {len(refused['errors'])} faults" in shown
    assert refused["errors"][0] in shown
    status = appliance.status()
    assert status["ready"], "a fault in a file is no reason to take no calls"
    assert status["configuration"]["refused"]["errors"] == refused["errors"]
    write(site, "three")
    answer = appliance.ask("reload")
    assert answer["body"]["menus"] == {}, "new calls get what they got"
    assert "stays rolled back" in answer["body"]["warnings"][-1]
    assert appliance.status()["configuration"]["refused"] is None
    assert main(["menu", "release", "main", "--state", state]) == 0
    three = running(appliance)
    assert capsys.readouterr().out == f"new calls of menu 'main' get {three}, instead of {one}\n"
    assert three not in {one, two}

    until(lambda: len(notices(appliance)) == 6, 10, "all told")
    told = notices(appliance)
    assert [event["type"] for event in told] == [
        "configuration.loaded",
        "configuration.loaded",
        "menu.rolled_back",
        "configuration.refused",
        "configuration.loaded",
        "menu.released",
    ]
    assert told[1]["menus"] == {"main": two}
    assert (told[2]["version"], told[2]["instead_of"]) == (one, two)
    assert told[3]["places"] == [refused["errors"][0].partition(": ")[0]]
    assert told[3]["faults"] == len(refused["errors"])
    assert (told[5]["version"], told[5]["instead_of"]) == (three, one)
    exposition = appliance.request("web", "scrape all")["supervisor"]
    assert 'edge_supervisor_reloads_total{result="refused"} 1.0' in exposition
    assert "edge_supervisor_refused_configurations 0.0" in exposition


def test_what_can_not_be_done_is_said(appliance: Appliance, site: Site) -> None:
    assert appliance.ask("reload")["ok"]
    for request in ({}, {"menu": 7}, {"menu": "main", "version": 7}):
        assert 'names "menu"' in appliance.ask("rollback", **request)["error"]
    assert "no version of a menu 'mian'" in appliance.ask("rollback", menu="mian")["error"]
    assert "begin with 'zz'" in appliance.ask("rollback", menu="main", version="zz")["error"]
    assert "is not rolled back" in appliance.ask("release", menu="main")["error"]
    assert notices(appliance)[1:] == []


def test_a_notice_waits_for_switch(appliance: Appliance, site: Site) -> None:
    pid = appliance.one("switch")["pid"]
    os.kill(pid, 19)  # SIGSTOP: it hears nothing, and is ended as one that hangs
    write(site, "one")
    assert appliance.ask("reload")["ok"]
    until(lambda: appliance.one("switch")["pid"] not in {pid, None} and appliance.status()["ready"], 40, "another one")
    until(lambda: len(notices(appliance)) == 1, 20, "told to the next switch")


def test_files_are_loaded_when_they_change_if_the_site_wants_it(appliance: Appliance, site: Site) -> None:
    site.file.write_text(site.file.read_text() + "[reload]\nwatch = true\n")
    assert appliance.ask("reload")["ok"]
    assert appliance.status()["configuration"]["watched"]

    def versions() -> list[tuple[str, str]]:
        return [(event["type"].partition(".")[2], event["by"]) for event in notices(appliance)]

    write(site, "renamed into place")
    until(lambda: versions()[1:] == [("loaded", "watch")], 30, "loaded by itself")
    first = running(appliance)
    menu = site.file.parent / "menus/main.yaml"
    menu.write_text("version: 1\nstart: bye\nnodes:\n  by")  # as it is while it is being written
    until(lambda: versions()[2:] == [("refused", "watch")], 30, "refused by itself, once")
    refused = appliance.status()["configuration"]["refused"]
    assert (refused["by"], refused["faults"]) == ("watch", len(refused["errors"]))
    assert running(appliance) == first
    release = site.file.parent / "release-2"
    release.mkdir()
    (release / "main.yaml").write_text(MENU)
    menu.parent.rename(site.file.parent / "release-1")
    menu.parent.symlink_to(release)
    until(lambda: versions()[3:] == [("loaded", "watch")], 30, "a folder in its place by a link")
    assert running(appliance) != first
    assert appliance.ask("reload")["ok"]
    assert versions()[4:] == [("loaded", "reload")]
    site.file.write_text(site.file.read_text().replace("watch = true", "watch = false"))
    until(lambda: versions()[5:] == [("loaded", "watch")], 30, "the last one of its kind")
    assert not appliance.status()["configuration"]["watched"]
