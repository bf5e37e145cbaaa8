"""Reload: the real loader in its child, over processes that have no job."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config.loader import load
from edge.runtime.process import read_site
from tests.app.appliance import Appliance
from tests.support.waiting import until

pytestmark = pytest.mark.system

SITE = """
name = "reloaded"
[sip]
address = "{address}"
inner_address = "{address}"
port = {port}
[media]
slots = 3
[http]
address = "{address}"
[paths]
state = "{state}"
recordings = "{state}/rec"
menus = "menus"
prompts = "prompts"
[limits]
drain_seconds = {drain}
[[trunks]]
name = "t"
sources = ["127.0.0.0/8"]
address = "{address}:5999"
[[routes]]
number = "*"
menu = "main"
"""
CAMPAIGN = """
[[campaigns]]
name = "spring"
lists = ["customers"]
rules = "us-ftc"
trunk = "t"
menu = "main"
caller_id = "+12025550123"
"""

MENU = """
version: 1
start: bye
nodes:
  bye:
    hang_up: {}
"""


class Site:
    def __init__(self, folder: Path, address: str) -> None:
        self.file = folder / "site.toml"
        self._state = folder / "state"
        self._address = address
        (folder / "menus").mkdir()
        (folder / "prompts").mkdir()
        (folder / "menus" / "main.yaml").write_text(MENU)
        self.write()

    def write(self, drain: Any = 30, port: int = 5060, more: str = "") -> None:
        text = SITE.format(address=self._address, state=self._state, drain=drain, port=port)
        self.file.write_text(text + more)


@pytest.fixture
def site(tmp_path: Path, address: str) -> Site:
    return Site(tmp_path, address)


@pytest.fixture
def appliance(site: Site) -> Iterator[Appliance]:
    appliance = Appliance(load(site.file), source=site.file)
    appliance.until_ready()
    yield appliance
    appliance.end()


def reloads(appliance: Appliance, name: str) -> list[str]:
    return [event[1] for event in appliance.request(name, "seen") if event[0] == "reload"]


def test_all_are_told_and_what_needs_a_restart_stays(appliance: Appliance, site: Site) -> None:
    site.write(drain=77, port=5061)
    answer = appliance.ask("reload")
    assert answer["ok"], answer
    assert answer["body"]["needs_restart"] == ["sip.port"]
    for name in ("front", "switch", "media", "forwarder", "web"):
        (path,) = reloads(appliance, name)
        now = read_site(path)
        assert now.limits.drain_seconds == 77
        assert now.sip.port == 5060
    assert appliance.status()["needs_restart"] == ["sip.port"]
    assert appliance.status()["ready"]


def test_a_faulty_configuration_is_refused_with_every_fault_and_the_old_one_stays(
    appliance: Appliance, site: Site
) -> None:
    site.write(drain='"soon"\nbogus = 1')
    answer = appliance.ask("reload")
    assert not answer["ok"]
    assert len(answer["errors"]) == 2
    assert all(error.startswith(f"{site.file}:") for error in answer["errors"])
    assert reloads(appliance, "switch") == []
    appliance.signal(signal.SIGHUP)
    until(lambda: appliance.log.count("the old one stays") == 4, 30, "by signal, too; both faults are logged each time")
    site.write(drain=5)
    appliance.signal(signal.SIGHUP)
    until(lambda: len(reloads(appliance, "switch")) == 1, 30, "the next good one is taken")


def test_processes_that_start_later_have_the_new_site(appliance: Appliance, site: Site) -> None:
    site.write(drain=99)
    assert appliance.ask("reload")["ok"]
    for name in ("forwarder", "media"):
        pid = appliance.one(name)["pid"]
        os.kill(pid, signal.SIGKILL)
        until(lambda name=name, pid=pid: appliance.one(name)["pid"] not in {pid, None}, 20)
    until(lambda: appliance.status()["ready"], 20)
    (path,) = reloads(appliance, "media")
    assert read_site(path).limits.drain_seconds == 99
    assert reloads(appliance, "forwarder") == [], "an executed process reads it at its start"


def test_reloads_at_once_are_all_answered(appliance: Appliance, site: Site) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: appliance.ask("reload"), range(4)))
    assert all(answer["ok"] for answer in answers)
    assert appliance.status()["ready"]


def test_a_stop_during_a_reload_does_not_wait_for_it(appliance: Appliance) -> None:
    appliance.signal(signal.SIGHUP)
    appliance.signal(signal.SIGINT)
    assert appliance.process.wait(20) == 0


def dialer(appliance: Appliance) -> int | None:
    """Its pid, None when there is none or it does not run yet."""
    found = [one["pid"] for one in appliance.status()["processes"] if one["name"] == "dialer"]
    return found[0] if found and appliance.status()["ready"] else None


def test_the_dialer_comes_with_the_first_campaign_and_goes_after_the_last_attempt(
    appliance: Appliance, site: Site
) -> None:
    assert dialer(appliance) is None
    site.write(more=CAMPAIGN)
    answer = appliance.ask("reload")
    assert answer["ok"], answer
    assert answer["body"]["needs_restart"] == []
    until(lambda: dialer(appliance) is not None, 20)
    pid = dialer(appliance)
    appliance.request("dialer", "set calls", ["d1"])
    site.write()
    assert appliance.ask("reload")["ok"]
    appliance.request("dialer", "seen")  # it is there: an attempt is open
    site.write(more=CAMPAIGN)
    assert appliance.ask("reload")["ok"]
    assert dialer(appliance) == pid, "campaigns came back before it went"
    site.write()
    assert appliance.ask("reload")["ok"]
    until(lambda: appliance.log.count("the dialer ends with its last attempt") == 2, 10)
    appliance.request("dialer", "set calls", [])
    until(lambda: "dialer" not in [one["name"] for one in appliance.status()["processes"]], 10)
    assert appliance.status()["ready"]
    site.write(more=CAMPAIGN)
    assert appliance.ask("reload")["ok"]
    until(lambda: dialer(appliance) not in {None, pid}, 20)
