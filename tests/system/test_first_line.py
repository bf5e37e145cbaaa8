"""Whoever follows docs/lines.md has a modem that takes calls: every command of its first section, in its order."""

import re
from pathlib import Path

import pytest

from edge.cli import main
from tests.support.addresses import address
from tests.support.appliance import ROOT, Appliance, write_site
from tests.support.modem import Simulator
from tests.support.plugged import Plugged
from tests.support.waiting import until

pytestmark = pytest.mark.system

CALLER = "+4930123456"


def section() -> tuple[list[list[str]], str]:
    """The commands of the section, and what it puts into the site file."""
    text = (ROOT / "docs/lines.md").read_text()
    text = text.partition("## From a modem in a box")[2].partition("\n## ")[0]
    before, block, after = re.split(r"```(?:toml\n)?", text, maxsplit=2)
    return [one.split() for one in re.findall(r"`edge ([^`]+)`", before + after)], block


def test_the_section_is_true_from_the_box_to_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands, block = section()
    plugged = Plugged(tmp_path / "machine")
    plugged.device("1-2", "12d1:1436", names=("HUAWEI", "HUAWEI Mobile"))
    for number in range(5):
        plugged.usb_serial("1-2", number, f"ttyUSB{number}")
    monkeypatch.setattr("edge.runtime.devices.SYSFS", plugged.sysfs)
    monkeypatch.setattr("edge.runtime.devices.DEV", plugged.dev)
    with (
        address() as at,
        address() as modem_at,
        Simulator("huawei", tmp_path / "modem", tcp=f"{modem_at}:5901") as modem,
    ):
        modem.do("set", ring_ms=4000)
        edge = Appliance(at, tmp_path)
        write_site(edge)
        options = ["--config", str(edge.site)]
        told: dict[str, str] = {}
        edge.start()
        try:
            for words in commands:
                name = " ".join(words)
                if words[0] == "check":  # the reader has put it into the site file
                    line = block.partition("[[routes]]")[0] + f'port = "socket://{modem.port}"\n'
                    edge.site.write_text(f'{edge.site.read_text()}\n{line}sound_port = "{modem.sound}"\n')
                if words[0] == "status" and "reload" in told:
                    until(lambda: main(["hw", "monitor", "--once", *options]) == 0, 60, "the line is ready", every_s=1)
                    # Front asks each second, and says that the trunk is up when it has heard so.
                    until(lambda: main(["trunk", "show", "gsm", *options]) == 0, 20, "front has heard it", every_s=1)
                if words[0] == "calls":
                    modem.do("ring", number=CALLER)
                    edge.wait_event("menu.node_entered", limit_s=40)
                capsys.readouterr()
                asked = [f"socket://{modem.port}" if word == "PORT" else word for word in words]
                assert main([*asked, *options]) == 0, (name, capsys.readouterr())
                told[name] = capsys.readouterr().out
            modem.do("over")
            edge.wait_event("call.ended")
        finally:
            edge.stop()
    assert "huawei-e1750 (commands)" in told["hw list"]
    assert "huawei-e1750" in told["hw probe PORT"]
    assert "ready" in told["hw monitor --once"]
    assert "line gsm: its state" in told["doctor --only devices"]
    assert re.search(rf"gsm.*{re.escape(CALLER)}|{re.escape(CALLER)}.*gsm", told["calls"]), told["calls"]
