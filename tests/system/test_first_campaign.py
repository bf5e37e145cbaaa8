"""Whoever follows the guide of campaigns comes to its end: every command of docs/first-campaign.md, in its order."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import main
from tests.support.addresses import address
from tests.support.appliance import ROOT, Appliance
from tests.support.callees import Callees
from tests.support.campaigns import attempts
from tests.support.softphone import Softphone
from tests.support.waiting import until

pytestmark = pytest.mark.system

PAGE = ROOT / "docs/first-campaign.md"
#: At whatever hour the tests run, on whatever day.
HOURS = '[hours]\nweek = { mon-sun = "00:00-24:00" }\noverride = true\nreason = "nobody is called by this test"\n'
LIKES, BUSY, ALSO = "+13125550101", "+13125550112", "+16175550103"


def commands(home: Path) -> list[tuple[list[str], set[int]]]:
    """The commands with the exit codes that the page tells (`# exit code 0 or 1`)."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found = []
    for line in "".join(blocks).splitlines():
        if line.startswith("cd "):
            continue  # `follow` goes there
        command, _, comment = line.partition("   # exit code ")
        codes = {int(one) for one in comment.split(" or ")} if comment else {0}
        found.append((shlex.split(command.replace("~", str(home)))[1:], codes))
    return found


def localise(edge: Appliance, town: str, agents: str) -> None:
    """What the page has the reader put in: addresses."""
    text = edge.site.read_text()
    text = text.replace('address = "192.0.2.10"', f'address = "{town}:5060"').replace("192.0.2.20", f"{agents}:5060")
    text = text.replace('address = "127.0.0.1"', f'address = "{edge.address}"\ninner_address = "{edge.address}"')
    edge.site.write_text(text + f'\n[http]\naddress = "{edge.address}"\n')
    rules = edge.folder / "rules" / "ours.toml"
    rules.write_text(re.sub(r"\[hours\]\n.*?\n(?=source)", HOURS, rules.read_text(), flags=re.DOTALL))


def watched(folder: Path) -> str:
    """`edge dial status --watch` on a terminal, until Ctrl-C."""
    command = [sys.executable, "-m", "edge.cli", "dial", "status", "--watch", "--config", "site.toml"]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "140"}
    with subprocess.Popen(command, cwd=folder, stdout=theirs, env=environment) as process:
        os.close(theirs)
        said = b""
        while b"ended/min" not in said:
            said += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    os.close(ours)
    return said.decode(errors="replace")


def test_the_guide_is_true_from_the_list_to_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    garage = tmp_path / "garage"
    with (
        address() as at,
        address() as town_at,
        address() as agents_at,
        Callees(town_at) as town,
        Softphone(agents_at, port=5060, user="anna", auto_answer=True),
    ):
        edge = Appliance(at, garage)
        told: dict[str, str] = {}
        try:
            for words, codes in commands(tmp_path):
                if words[0] == "run":
                    localise(edge, town_at, agents_at)
                    edge.start()
                    continue
                if "--watch" in words:
                    told["watch"] = watched(garage)
                    continue
                assert main(words) in codes, (words, capsys.readouterr())
                told[" ".join(words[:-2])] = capsys.readouterr().out
                follow(words, edge, town, monkeypatch, garage)
        finally:
            edge.stop()
    assert "1 new" in told["dial dnc import do-not-call.csv --list us-national-dnc"]
    assert re.search(r"(?m)^own +1\b", told["dial dnc list"]), "who pressed 9 stands on our own list"
    assert "connected" in told["dial report"]
    assert "appointments" in told["watch"]
    reports = [json.loads(line) for line in told["dial report --json"].splitlines()]
    assert [one["breaches"] for one in reports] == [[], []], "no rule was broken"
    assert town.most() == 1


def follow(words: list[str], edge: Appliance, town: Callees, monkeypatch: pytest.MonkeyPatch, garage: Path) -> None:
    """What happens after a command, in the world."""
    if words[0] == "init":
        monkeypatch.chdir(garage)
    elif words[:3] == ["dial", "start", "recall"]:
        until(lambda: {LIKES, ALSO} <= town.talking.keys(), 40, "who has agreed is called")
        edge.wait_event("menu.node_entered", count=2)
        for number, key in ((LIKES, "9"), (ALSO, "")):
            call = town.talking[number]
            call.audio.press(key) if key else call.hang_up()
        until(lambda: len(attempts(edge, "recall")) == 3, 60, "all of them have ended")
        ends = {one["number"]: one["disposition"] for one in attempts(edge, "recall")}
        assert ends == {LIKES: "silence", BUSY: "busy", ALSO: "silence"}, "phones of this town say nothing"
    elif words[:3] == ["dial", "start", "appointments"]:
        until(lambda: any(one["disposition"] == "rejected" for one in attempts(edge, "appointments")), 40, "he rejects")
        until(lambda: "+13125550106" in town.talking, 40, "the other one answers")
        edge.wait_event("queue.connected")
        town.talking["+13125550106"].bye()
        until(lambda: len(attempts(edge, "appointments")) == 2, 40, "both are over")
