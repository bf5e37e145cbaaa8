"""`edge dial dnc` and `edge dial consent`."""

from pathlib import Path

import pytest

from edge.storage.campaigns.store import opened
from edge.vocabulary.private import Private
from tests.cli.test_dial_import import Desk

NUMBER = "+49301234567"


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_our_own_list(desk: Desk) -> None:
    assert desk.dial("dnc", "add", "030 1234567", "--country", "DE") == 0
    assert desk.dial("dnc", "add", NUMBER) == 0
    assert "stood there already" in desk.out
    assert desk.dial("dnc", "check", NUMBER) == 1
    assert desk.out.splitlines()[1].startswith("own")
    file = desk.write("number,since\n+49301234568,2026-01-02\n", name="own.csv")
    assert desk.dial("dnc", "import", file) == 0
    out = desk.folder / "out.csv"
    assert desk.dial("dnc", "export", "-o", str(out)) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert out.read_text().splitlines()[2] == "+49301234568,2026-01-02 00:00:00+00:00"
    assert desk.dial("dnc", "export", "-o", str(out)) == 1, "nothing is written over"
    (desk.folder / "other").mkdir()
    other = Desk(desk.folder / "other", desk._capsys)
    assert other.dial("dnc", "import", str(out)) == 0
    assert other.dial("dnc", "export") == 0
    assert other.out == out.read_bytes().decode()
    assert desk.dial("dnc", "remove", NUMBER) == 0
    assert desk.dial("dnc", "remove", NUMBER) == 1
    assert desk.dial("dnc", "check", NUMBER) == 0
    assert desk.dial("dnc", "check", "nobody") == 1
    assert desk.err == "'nobody' is no telephone number\n"
    assert desk.dial("dnc", "drop", "own") == 1


def test_a_register_with_its_date(desk: Desk) -> None:
    # As the register of the United States is: area code and number, without a header.
    file = desk.write("415,5550132\n415,5550133\n")
    how = ("--no-header", "--map", "number=1+2", "--country", "US", "--list", "us-register")
    assert desk.dial("dnc", "import", file, *how, "--date", "2026-11-01") == 0
    assert "2 new" in desk.out
    (shown,) = desk.json("dnc", "list")
    assert shown == {"name": "us-register", "loaded_ms": 1_793_491_200_000, "numbers": 2}
    file = desk.write("415,5550133\nwhat,ever\n")
    assert desk.dial("dnc", "import", file, *how, "--date", "2026-11-20") == 1
    assert "1 lines were refused, so this edition does not take the place" in desk.err
    assert desk.json("dnc", "list") == [shown]
    file = desk.write("415,5550133\n")
    assert desk.dial("dnc", "import", file, *how, "--date", "2026-11-20") == 0
    assert "1 numbers are not on the list any more" in desk.out
    assert opened(desk.state).suppressed(Private("+14155550132")) == []
    assert desk.dial("dnc", "import", file, *how, "--date", "tomorrow") == 2
    assert desk.dial("dnc", "import", file, "--list", "no name") == 2
    assert desk.dial("dnc", "drop", "us-register") == 0
    assert desk.dial("dnc", "drop", "us-register") == 1


def test_consents(desk: Desk) -> None:
    file = desk.write(
        "Tel,Datum,Beleg\n030 1234567,2026-01-02,form 7\n030 1234568,2099-01-01,form 8\n030 1234569,,form 9\n"
    )
    how = ("--map", "number=Tel", "--map", "given=Datum", "--map", "evidence=Beleg", "--country", "DE")
    assert desk.dial("consent", "import", file, *how, "--kind", "prior_express_written") == 1
    assert desk.err.splitlines()[:2] == [f"{file}:3: given: is in the future", f"{file}:4: given: is empty"]
    assert desk.dial("consent", "check", NUMBER) == 0
    assert desk.out.splitlines()[1].split() == [
        "prior_express_written", "2026-01-02", "00:00:00+00:00", "form", "7",
    ]  # fmt: skip
    expires = ("--given", "2026-02-01", "--expires", "2026-03-01", "--evidence", "call 12")
    assert desk.dial("consent", "add", NUMBER, "--kind", "prior_express", *expires) == 0
    assert [one["kind"] for one in desk.json("consent", "check", NUMBER)] == ["prior_express_written", "prior_express"]
    desk.dial("consent", "check", NUMBER)
    assert "(expired)" in desk.out
    assert desk.dial("consent", "withdraw", NUMBER, "--kind", "prior_express") == 0
    assert desk.dial("consent", "withdraw", NUMBER) == 0
    assert desk.dial("consent", "withdraw", NUMBER) == 1
    assert desk.dial("consent", "check", NUMBER) == 1
    assert desk.dial("consent", "add", NUMBER, "--kind", "x", "--given", "never") == 2
