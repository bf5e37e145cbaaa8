"""`edge run`, `status`, `reload`, `stop` as a shell sees them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import main
from tests.app.appliance import ROOT, Appliance, site_for

pytestmark = pytest.mark.system


def edge(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def appliance(tmp_path: Path, address: str) -> Iterator[Appliance]:
    appliance = Appliance(site_for(address, tmp_path))
    appliance.until_ready()
    yield appliance
    appliance.end()


def test_status_of_a_ready_appliance(appliance: Appliance, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    shown = edge("status", "--state", state)
    assert shown.returncode == 0
    assert shown.stdout.startswith("test: ready, running, up ")
    for name in ("front", "media", "switch", "forwarder", "web", "media-zygote", "span-zygote"):
        assert f"\n{name} " in shown.stdout
    document = json.loads(edge("status", "--state", state, "--json").stdout)
    assert document["ready"] is True
    assert document["calls"] == 0
    assert document["queues"] == []
    assert "paused" not in shown.stdout, "the site has no queues"


def test_status_has_a_line_for_each_queue(appliance: Appliance, tmp_path: Path) -> None:
    agents = {"ready": 1, "ringing": 0, "talking": 3, "wrap_up": 2, "resting": 4, "paused": 1, "logged_out": 9}
    busy = {"name": "sales", "waiting": 2, "longest_s": 75, "agents": agents}
    idle = {"name": "service", "waiting": 0, "longest_s": 0, "agents": dict.fromkeys(agents, 0)}
    appliance.request("switch", "set queues", [busy, idle])
    state = str(tmp_path / "state")
    lines = [line.split() for line in edge("status", "--state", state).stdout.splitlines()]
    assert ["queue", "waiting", "longest", "agents", "ready", "ringing", "talking", "paused"] in lines
    assert ["sales", "2", "1m15s", "1", "0", "3", "7"] in lines
    assert ["service", "0", "0", "0", "0", "0"] in lines
    assert json.loads(edge("status", "--state", state, "--json").stdout)["queues"] == [busy, idle]


def test_status_says_why_it_is_not_ready(appliance: Appliance, tmp_path: Path) -> None:
    appliance.request("switch", "health", ["storage", "disk \x1b[31mfull"])
    shown = edge("status", "--state", str(tmp_path / "state"))
    assert shown.returncode == 1
    assert "NOT READY" in shown.stdout
    assert "  switch: disk \\x1b[31mfull\n" in shown.stdout
    assert edge("status", "--json", "--state", str(tmp_path / "state")).returncode == 1


def test_stop_drains_and_stop_now_does_not_wait(appliance: Appliance, tmp_path: Path) -> None:
    appliance.request("switch", "set calls", [{"id": "a"}])
    state = str(tmp_path / "state")
    assert edge("stop", "--state", state).returncode == 0
    assert appliance.status()["mode"] == "draining"
    assert edge("stop", "--now", "--state", state).returncode == 0
    assert appliance.process.wait(20) == 0


def test_a_reload_that_is_not_possible_is_bad(appliance: Appliance, tmp_path: Path) -> None:
    told = edge("reload", "--state", str(tmp_path / "state"))
    assert told.returncode == 1
    assert told.stderr == "there is nothing to reload\n"


@pytest.mark.parametrize("command", ["status", "reload", "stop"])
def test_nobody_runs(tmp_path: Path, command: str) -> None:
    told = edge(command, "--state", str(tmp_path))
    assert told.returncode == 1
    assert "the appliance does not run" in told.stderr
    assert told.stdout == ""


#: Of a site whose secrets are in the service's environment, and not in this shell's.
HELD_BACK = """name = "box"
time_zone = "Europe/Berlin"
[paths]
state = "{state}"
recordings = "{state}"
menus = "{state}/menus"
prompts = "{state}/menus"
[[trunks]]
name = "carrier"
sources = ["127.0.0.2"]
address = "127.0.0.2"
user = "me"
password = "${{A_SECRET_THAT_NO_SHELL_HAS}}"
[[agents]]
name = "anna"
id = "10"
target = "10"
trunk = "carrier"
pin = "credential:anna"
[[sinks]]
name = "crm"
url = "https://crm.example/"
secret = "file:/nowhere/secret"
"""


@pytest.mark.parametrize(
    ("code", "says", "commands"),
    [
        (
            1,
            "the appliance does not run",
            ["status", "reload", "stop", "plan", "bans list", "agents list", "trunk list", "queue list", "dial status"],
        ),
        (1, "state.db is not there", ["calls", "events list --since 1d", "callbacks list", "menu report main"]),
        (1, "campaigns.db is not there", ["dial report"]),
        (1, "there are no lists in", ["dial lists list"]),
        (2, "there is no relay 'door'", ["hw relay door on"]),
        (2, "there is no menu 'main'", ["menu draw main", "menu try main"]),
        (
            0,
            "",
            [
                *("recordings list", "recordings expire --dry-run", "voicemail list", "hw list", "menu check"),
                *("menu hours", "menu trial list", "prompts list", "prompts check"),
            ],
        ),
    ],
)
def test_who_looks_needs_no_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int, says: str, commands: list[str]
) -> None:
    (tmp_path / "menus").mkdir()
    site = tmp_path / "site.toml"
    site.write_text(HELD_BACK.format(state=tmp_path))
    for command in commands:
        assert main([*command.split(), "--config", str(site)]) == code, (command, capsys.readouterr())
        said = capsys.readouterr().err
        assert says in said, command
        assert not any(word in said for word in ("SECRET", "secret's file", "credential")), command


@pytest.mark.parametrize("command", ["check", "sinks test crm", "dial lists list"])
def test_who_uses_secrets_says_which_cannot_be_had(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "menus").mkdir()
    site = tmp_path / "site.toml"
    site.write_text(HELD_BACK.format(state=tmp_path) + '[dialer]\ndatabase = "credential:campaigns"\n')
    assert main([*command.split(), "--config", str(site)]) == 78
    told = "".join(capsys.readouterr())
    assert "site.toml:23:10: the secret's file /nowhere/secret cannot be read: No such file or directory" in told
    assert "the credential 'campaigns' cannot be read" in told


def test_a_time_zone_that_there_is_not_is_told_by_who_reads_dates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.toml").write_text('name = "box"\ntime_zone = "Europe/Berlinn"\n')
    assert main(["events", "list", "--since", "1d", "--config", str(tmp_path / "site.toml")]) == 78
    assert "site.toml:2:13: 'Europe/Berlinn' is no time zone" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["run", "--bogus"], ["nonsense"], ["run", "--sip-port", "x"], ["run", "--demo", "--config", "x"]]
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert edge(*arguments).returncode == 2


def test_a_bad_configuration_exits_with_78_naming_every_fault(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('name = "x"\nbogus = 1\n[sip]\nport = 99999\n')
    told = edge("run", "--config", str(site))
    assert told.returncode == 78
    assert f"{site}:2:" in told.stderr
    assert f"{site}:4:" in told.stderr
    missing = edge("run", "--config", str(tmp_path / "none.toml"))
    assert missing.returncode == 78
    assert str(tmp_path / "none.toml") in missing.stderr


def test_commands_are_listed() -> None:
    text = edge("--help").stdout
    for command in ("run", "status", "reload", "stop", "check", "calls", "events", "recordings", "menu"):
        assert f" {command} " in text
