"""`edge dial import`, `lists` and `contacts`."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.cli import main
from edge.storage.campaigns.store import opened
from edge.storage.campaigns.words import Lease, Outcome
from edge.vocabulary.private import Private

LIST = (
    "\ufeffKunde;Telefon;Mobil;Zone;Name\r\nk1;030/1234567;0171 2345678;Europe/Berlin;Zoë\r\nk2;030 7654321;;;Max\r\n"
)
MAP = ("--map", "id=Kunde", "--map", "number=Telefon", "--map", "number_mobile=Mobil", "--map", "zone=Zone")


class Desk:
    """Somebody at a terminal."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir()
        self._capsys = capsys
        self.out = self.err = ""

    def write(self, text: str, encoding: str = "utf-8", name: str = "list.csv") -> str:
        file = self.folder / name
        file.write_bytes(text.encode(encoding))
        return str(file)

    def dial(self, *arguments: str) -> int:
        code = main(["dial", *arguments, "--state", str(self.state)])
        self.out, self.err = self._capsys.readouterr()
        return code

    def json(self, *arguments: str) -> list[dict[str, object]]:
        self.dial(*arguments, "--json")
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_list_of_a_spreadsheet(desk: Desk, encoding: str) -> None:
    file = desk.write(LIST, encoding)
    assert desk.dial("import", file, "--list", "customers", "--country", "de", *MAP) == 0
    assert re.match(rf"list customers \({encoding}\): 2 new, .* 0 refused; [\d,]+ lines/s", desk.out)
    assert not (desk.folder / "list.csv.rejects.csv").exists()
    first, second = desk.json("contacts", "list", "customers")
    assert first["numbers"] == [{"number": "+49301234567"}, {"number": "+491712345678", "label": "mobile"}]
    assert (first["zone"], first["attributes"], second["id"]) == ("Europe/Berlin", {"Name": "Zoë"}, "k2")
    assert desk.json("import", file, "--list", "customers", "--country", "DE", *MAP)[0]["same"] == 2


def test_refused_lines_are_told_with_file_line_field_and_reason(desk: Desk) -> None:
    bad = LIST + 'k3;oops;;Mars/Base;x\r\nk1;030 1112223;;;again\r\nk4;"030;;;\r\n'
    file = desk.write(bad)
    assert desk.dial("import", file, "--list", "customers", "--country", "DE", *MAP) == 1
    assert "2 new" in desk.out
    assert desk.err.splitlines() == [
        f"{file}:4: number: is no telephone number",
        f"{file}:4: zone: 'Mars/Base' is no time zone (as Europe/Berlin)",
        f"{file}:5: id: came in line 2 already",
        f"{file}:6: has a quote that is not closed",
        f"3 lines were refused; all of them, with their reasons: {file}.rejects.csv",
    ]
    rejects = Path(f"{file}.rejects.csv")
    assert rejects.stat().st_mode & 0o777 == 0o600
    assert rejects.read_text().splitlines()[1] == "4,number,is no telephone number,k3;oops;;Mars/Base;x"
    # The line is mended, and the list is imported again.
    file = desk.write(LIST + "k3;030 9998887;;;x\r\n")
    assert desk.dial("import", file, "--list", "customers", "--country", "DE", *MAP) == 0
    assert "1 new, 0 changed, 2 the same" in desk.out


def test_a_dry_run_says_all_of_it_and_changes_nothing(desk: Desk) -> None:
    file = desk.write(LIST + "k1;030 1112223;;;again\r\n")
    assert desk.dial("import", file, "--list", "customers", "--country", "DE", *MAP, "--dry-run") == 1
    assert f"{file}:4: id: came in line 2 already" in desk.err
    assert "2 new" in desk.out
    assert sorted(one.name for one in desk.folder.rglob("*")) == ["list.csv", "state"]
    wanted = desk.folder / "wanted.csv"
    desk.dial("import", file, "--list", "customers", "--country", "DE", *MAP, "--dry-run", "--rejects", str(wanted))
    assert wanted.read_text().splitlines()[1].startswith("4,id,")


def test_json_lines_with_columns_of_their_own(desk: Desk) -> None:
    file = desk.write(
        '{"id": 1, "tel": "+49301234567", "vip": true}\n{"id": 2, "phone": "+49301234568"}\n{"id": 3, "tel": "x"}\n',
        name="list.jsonl",
    )
    assert desk.dial("import", file, "--list", "a", "--map", "number=tel") == 1
    assert f"{file}:2: there is no column 'number'; there are 'id', 'phone'" in desk.err
    assert f"{file}:3: number: is no telephone number" in desk.err
    (found,) = desk.json("contacts", "list", "a")
    assert (found["id"], found["attributes"]) == ("1", {"vip": "true"})


def test_ids_are_made_where_there_are_none(desk: Desk) -> None:
    file = desk.write("number\n+49301234567\n+49301234568\n+49 30 1234567\n")
    assert desk.dial("import", file, "--list", "a") == 1
    assert f"{file}:4: id: came in line 2 already" in desk.err
    assert all("1234" not in str(one["id"]) for one in desk.json("contacts", "list", "a"))
    assert desk.dial("import", file, "--list", "a", "--no-header", "--map", "number=1") == 1
    assert f"{file}:1: 1: is no telephone number" not in desk.err
    assert f"{file}:1: number: is no telephone number" in desk.err


@pytest.mark.parametrize(
    ("text", "options", "code", "told"),
    [
        (LIST, ("--list", "a", "--map", "number=Telefn"), 1, "no column 'Telefn' (did you mean 'Telefon'?)"),
        (LIST, ("--list", "a"), 1, "list.csv: there is no column 'number'; there are 'Kunde'"),
        (LIST, ("--list", "a", "--map", "number"), 2, "--map is FIELD=COLUMN"),
        (LIST, ("--list", "a", "--map", "id=Kunde", "--map", "id=Name"), 2, "--map names 'id' twice"),
        (LIST, ("--list", "my list"), 2, "'my list' is not a name"),
        (LIST, ("--list", "a", "--encoding", "gb18030", *MAP), 0, ""),
        ("a;b\n1;\xff\n", ("--list", "a", "--encoding", "ascii"), 1, "list.csv:2: this line is not ascii"),
        ("", ("--list", "a"), 1, "list.csv: is empty"),
        (LIST, ("--list", "a", "--delimiter", "xy"), 1, "a delimiter is one character"),
    ],
)
def test_what_can_not_be_imported(desk: Desk, text: str, options: tuple[str, ...], code: int, told: str) -> None:
    encoding = "gb18030" if "gb18030" in options else "latin-1" if "\xff" in text else "utf-8"
    file = desk.write(text.removeprefix("\ufeff") if encoding == "gb18030" else text, encoding)
    assert desk.dial("import", file, "--country", "DE", *options) == code, desk.err
    assert told in desk.err
    if code:
        assert desk.dial("lists", "list") == 1 or "a " not in desk.out


def test_an_import_that_is_killed_goes_on(tmp_path: Path) -> None:
    count = 12_000
    file = tmp_path / "list.csv"
    file.write_text("id,number\n" + "".join(f"k{index},030 1{index:06}\n" for index in range(count)))
    command = [sys.executable, "-m", "edge", "dial", "import", str(file), "--country", "DE", "--json"]
    for attempt in range(5):
        state = tmp_path / f"state{attempt}"
        state.mkdir()
        begin = [*command, "--list", "customers", "--state", str(state)]
        killed = _kill_after_a_batch(begin, state)
        again = subprocess.run(begin, capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stderr
        told = json.loads(again.stdout)
        if 0 < killed < count:  # else it was done before it could be killed: once more
            assert f"goes on behind line {killed}, where an earlier import stopped" in again.stderr
            assert (told["lines"], told["new"], told["same"]) == (count + 1, count, 0)
            assert opened(state).lists(0)[0].contacts == count
            return
    pytest.fail("it was never killed in time")


def _kill_after_a_batch(command: list[str], state: Path) -> int:
    """Start an import and kill it once a batch is in the store; returns how many lines are."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None and _lines(state) == 0:
            time.sleep(0.005)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    return _lines(state)


def _lines(state: Path) -> int:
    try:
        with sqlite3.connect(f"file:{state / 'campaigns.db'}?mode=ro", uri=True) as db:
            row = db.execute("SELECT lines FROM jobs").fetchone()
    except sqlite3.Error:
        return 0  # not made yet
    return row[0] if row else 0


# --- looking at lists


def test_lists_and_contacts_are_shown_with_what_became_of_them(desk: Desk) -> None:
    assert desk.dial("lists", "list") == 1
    assert "there are no lists" in desk.err
    desk.dial("import", desk.write(LIST), "--list", "customers", "--country", "DE", *MAP)
    store = opened(desk.state)
    due = store.due(["customers"], 10**13, 1)[0]
    store.set_campaign("spring", "running", 0)
    number = Private("+49301234567")
    lease = Lease(attempt="a1", campaign="spring", listed_in="customers", contact="k1", number=number, owner="x")
    assert due.contact.id == "k1"
    assert store.lease(lease, due.due_ms) is None
    (shown,) = desk.json("lists", "list")
    assert {name: shown[name] for name in ("name", "contacts", "due", "open", "done")} == {
        "name": "customers", "contacts": 2, "due": 1, "open": 1, "done": 0,
    }  # fmt: skip
    assert desk.dial("lists", "remove", "customers") == 1
    store.end("a1", Outcome(disposition="busy", ended_ms=due.due_ms + 5000))
    assert desk.dial("contacts", "list", "customers", "--in", "done") == 0
    assert "busy" in desk.out.splitlines()[1]
    assert desk.dial("contacts", "show", "030 1234567", "--country", "DE") == 0
    assert [line.split()[0] for line in desk.out.splitlines()] == ["list", "customers", "attempt", "a1"]
    kinds = desk.json("contacts", "show", "+49301234567")
    assert [(one["kind"], one.get("disposition")) for one in kinds] == [("contact", "busy"), ("attempt", "busy")]
    assert desk.dial("contacts", "show", "+49301119999") == 1
    assert desk.dial("lists", "restart", "customers", "--on", "no_answer") == 0
    assert "0 contacts" in desk.out
    assert desk.dial("lists", "restart", "customers", "--on", "bussy") == 1
    assert desk.dial("lists", "restart", "customers") == 0
    assert "1 contacts" in desk.out
    assert desk.dial("lists", "remove", "nothing") == 1
    assert "there is no list 'nothing'; there are customers" in desk.err
    assert desk.dial("lists", "remove", "customers") == 0
    assert desk.json("lists", "list") == []
    assert desk.dial("lists", "jobs") == 0
    assert "list customers" in desk.out
