"""A trunk of a running appliance: front, switch and provider are real, what has to do with audio is not."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import main
from edge.config.loader import inspect
from edge.storage.reader import Reader
from tests.app.appliance import Appliance
from tests.app.test_reload import MENU
from tests.support.addresses import address as own_address
from tests.support.provider import PASSWORD, PORT, USER, Kamailio, kamailio
from tests.support.waiting import until

pytestmark = pytest.mark.system

SITE = """
name = "box"
[sip]
address = "{address}"
inner_address = "{address}"
[media]
slots = 3
[http]
address = "{address}"
[paths]
state = "{state}"
recordings = "{state}/rec"
menus = "menus"
prompts = "prompts"
[[trunks]]
name = "office"
sources = ["127.0.0.0/8"]
[[routes]]
number = "*"
menu = "main"
"""
TRUNK = """
[[trunks]]
name = "provider"
address = "{provider}:{port}"
user = "{user}"
password = "${{TRUNK_PASSWORD}}"
register = true
qualify = "1s"
qualify_misses = 1
"""


class Site:
    """The files, the provider and the appliance."""

    def __init__(self, folder: Path, address: str, provider: Kamailio) -> None:
        self.file = folder / "site.toml"
        self.state = folder / "state"
        self._text = SITE.format(address=address, state=self.state)
        self._trunk = TRUNK.format(provider=provider.host, port=PORT, user=USER)
        for name in ("menus", "prompts"):
            (folder / name).mkdir()
        (folder / "menus" / "main.yaml").write_text(MENU)
        self.write(trunk=True)
        environment = {"TRUNK_PASSWORD": PASSWORD, "REAL": "front switch"}
        found = inspect(self.file, environment=environment)
        assert not found.errors, found.errors
        self.appliance = Appliance(found.site, environment, source=self.file)

    def write(self, *, trunk: bool) -> None:
        self.file.write_text(self._text + (self._trunk if trunk else ""))

    def standing(self) -> dict[str, object]:
        found = [one for one in self.appliance.status().get("trunks") or [] if one["name"] == "provider"]
        return found[0] if found else {}

    def told(self) -> list[str]:
        return [e.type for e in Reader(self.state / "state.db").events_after(0) if e.type.startswith("trunk.")]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Kamailio]:
    with own_address() as host, kamailio(host, tmp_path) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, address: str, provider: Kamailio) -> Iterator[Site]:
    made = Site(tmp_path, address, provider)
    made.appliance.until_ready()
    yield made
    made.appliance.end()


def memory_of(pid: int) -> bytes:
    """What a process can read of itself: its writable memory and its environment."""
    found = [Path(f"/proc/{pid}/environ").read_bytes()]
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line):
                start, end = int(match[1], 16), int(match[2], 16)
                try:
                    memory.seek(start)
                    found.append(memory.read(end - start) or b"")
                except OSError:
                    continue  # a mapping of the kernel's own
    return b"".join(found)


def test_from_its_registration_to_its_end(site: Site, provider: Kamailio, capsys: pytest.CaptureFixture[str]) -> None:
    appliance = site.appliance
    until(lambda: site.standing().get("registered") and site.standing()["qualify"] == "up", 20, "the registration")
    state = str(site.state)
    assert main(["trunk", "show", "provider", "--state", state]) == 0
    assert main(["trunk", "test", "provider", "--state", state]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"200 after \d+ ms", shown), shown
    assert main(["status", "--state", state]) == 0
    assert "registered" in capsys.readouterr().out

    pids = {p["name"]: p["pid"] for p in appliance.status()["processes"]}
    assert PASSWORD.encode() in memory_of(pids["front"]), "or this test would see nothing"
    spans = [span["pid"] for span in appliance.status()["spans"]]
    assert spans
    others = [pid for name, pid in pids.items() if name not in ("front", "forwarder")]
    for pid in [*spans, *others]:
        assert PASSWORD.encode() not in memory_of(pid), (pid, pids)

    until(lambda: len(site.told()) == 2, 10, "both events")
    assert sorted(site.told()) == ["trunk.registered", "trunk.up"]
    # Front is killed: it registers anew, and backends need not hear of it.
    os.kill(pids["front"], signal.SIGKILL)
    until(lambda: appliance.one("front")["pid"] not in (None, pids["front"]), 20, "front again")
    until(lambda: site.standing().get("registered"), 20, "the registration again")
    provider.stop()
    until(lambda: "trunk.down" in site.told(), 20, "its end")
    assert site.told().count("trunk.registered") == 1
    assert main(["trunk", "list", "--state", state]) == 0
    assert "no answer to" in capsys.readouterr().out
    provider.start()
    until(lambda: site.told().count("trunk.up") == 2, 30, "its return")
    # A reload without it unregisters it.
    site.write(trunk=False)
    assert appliance.ask("reload")["ok"]
    until(lambda: not site.standing(), 10, "the trunk is gone")
    until(lambda: "trunk.unregistered" in site.told(), 10, "its last event")
    assert PASSWORD not in appliance.log
