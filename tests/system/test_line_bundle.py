"""`edge doctor --bundle` beside an appliance with a modem: nobody's number, message, modem or card is in it.

Its board wants no real-time priority, and has none though it is allowed.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli.doctor.redaction import Redactor, forms
from tests.support.addresses import address
from tests.support.appliance import ROOT, Appliance, write_site
from tests.support.modem import Simulator
from tests.support.modem_dialogue import ucs2
from tests.support.waiting import until

pytestmark = pytest.mark.system

IMEI, CARD = "861234567890123", "8949020000001234567"
DIALLED, CALLER, SENDER, WORDS = "0301234567", "+49891234567", "+491711234567", "Parcel at Hildegard's"
PRIVATE = (IMEI, CARD, DIALLED, CALLER.lstrip("+"), SENDER.lstrip("+"), WORDS, "Hildegard")


def shapes(private: str) -> set[bytes]:
    """Every form in which it could have slipped through: also as modems write it (UCS2; semi-octets of PDUs)."""
    found = forms(private) | {ucs2(private).encode(), ucs2(private).lower().encode()}
    if private.isdigit():
        pairs = re.findall("..", private + "F" * (len(private) % 2))
        found.add("".join(pair[::-1] for pair in pairs).encode())
    return found


def found_in(data: bytes) -> list[tuple[str, bytes]]:
    return [(private, shape) for private in PRIVATE for shape in shapes(private) if shape in data]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Appliance, Simulator]]:
    with (
        address() as at,
        # A test's own folder may be too deep for the simulator's socket (unix(7): 108 octets).
        tempfile.TemporaryDirectory() as folder,
        # As links of /dev/serial/by-id have it.
        Simulator("huawei", Path(folder) / f"usb-HUAWEI_{IMEI}-if00") as modem,
    ):
        modem.do("set", loop=False, ring_ms=4000)
        edge = Appliance(at, tmp_path)
        line = f'[[lines]]\nname = "gsm"\nprofile = "huawei-e1750"\nport = "{modem.port}"\nimei = "{IMEI}"\n'
        write_site(edge, extra=f'{line}sound_port = "{modem.sound}"\ndid = "100"\n')
        try:
            edge.start(environment={"EDGE_RT_PRIORITY": "0"})
            yield edge, modem
        finally:
            edge.stop()


def test_nobody_and_nothing_of_the_modem_is_in_the_bundle(place: tuple[Appliance, Simulator], tmp_path: Path) -> None:
    edge, modem = place

    def line() -> dict[str, object]:
        asked = edge.control(what="request", process="line-gsm", request="line", body=None)
        return dict(asked["body"])

    def ready() -> bool:
        try:
            return line()["state"] == "ready" and not line()["busy"]
        except ValueError:
            return False

    until(ready, 60, f"ready: {edge.log_tail()}")
    modem.do("message", number=SENDER, text=WORDS)
    edge.wait_event("sms.received", limit_s=30)
    # It says whose card it has, and refuses what it was told to dial with the command.
    modem.do("say", lines=[f"+CCID: {CARD}", f"ERROR: ATD{DIALLED};"])
    body = {"target": DIALLED, "trunk": "gsm", "menu": "main"}
    asked = edge.control(what="request", process="switch", request="originate", body=body)
    edge.wait_event("call.answered", asked["body"]["call"], limit_s=30)
    assert f"ATD{DIALLED};" in modem.tell()["log"]
    modem.do("over")
    edge.wait_event("call.ended", asked["body"]["call"], limit_s=30)
    until(ready, 60, f"ready again: {edge.log_tail()}")
    edge.forget()
    modem.do("ring", number=CALLER)
    edge.wait_event("menu.node_entered", limit_s=40)

    bundle = tmp_path / "bundle.tar.gz"
    command = [
        sys.executable,
        "-m",
        "edge.cli",
        "doctor",
        "--json",
        "--config",
        str(edge.site),
        "--bundle",
        str(bundle),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    told = [json.loads(one) for one in done.stdout.splitlines()]
    with tarfile.open(bundle) as archive:
        members = {one.name: archive.extractfile(one).read() for one in archive.getmembers()}  # type: ignore[union-attr]
    names = {name.removeprefix("edge-support/") for name in members}
    assert {"configuration.json", "calls.json", "events.json", "status.json", "metrics.txt", "journal.txt"} <= names
    assert not [name for name in names if name.endswith(".missing")], names
    for name, data in members.items():
        assert not found_in(data), name
    # It is of use all the same: the call, the message and the line are told of.
    last = json.loads(members["edge-support/events.json"])["last"]
    assert {"sms.received", "call.started", "call.ended", "line.state_changed"} <= {one["type"] for one in last}
    assert b"huawei-e1750" in members["edge-support/configuration.json"]
    # What the journal would have of it, by one who knows nobody beforehand.
    log = edge.log.read_text()
    assert "gsm" in log
    assert not found_in("\n".join(Redactor([], []).text(one) for one in log.splitlines()).encode())

    (right,) = [one for one in told if (one.get("check"), one.get("what")) == ("rights", "real time")]
    assert right["state"] == "ok", right
    assert "as the board's profile says" in right["evidence"]
    tasks = [int(one.name) for one in Path(f"/proc/{edge.pid('media')}/task").iterdir()]
    assert os.SCHED_RR not in {os.sched_getscheduler(task) for task in tasks}
