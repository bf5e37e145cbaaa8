"""`edge hw relay`: what a board is sent, through a pseudo terminal, and what is told where there is no board."""

import contextlib
import os
import pty
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import main
from tests.support.waiting import until

SITE = """
name = "bench"

[paths]
menus = "menus"
state = "state"

[[relays]]
name = "door"
profile = "relay-lcus"
port = "{port}"
channel = 2
pulse = "60ms"

[[relays]]
name = "horn"
profile = "relay-numato"
port = "{port}"
"""


class Board:
    """The far end of the board's port."""

    def __init__(self, folder: Path) -> None:
        self._end, near = pty.openpty()
        tty.setraw(near)
        os.set_blocking(self._end, False)
        self._near = near
        self.port = os.ttyname(near)
        self.config = folder / "site.toml"
        (folder / "menus").mkdir()
        self.config.write_text(SITE.format(port=self.port))
        self.got = b""

    def has(self, wanted: bytes) -> bool:
        with contextlib.suppress(BlockingIOError):
            self.got += os.read(self._end, 1000)
        return self.got == wanted

    def close(self) -> None:
        os.close(self._end)
        os.close(self._near)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    made = Board(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("relay", "state", "octets"),
    [
        ("door", "on", b"\xa0\x02\x01\xa3"),
        ("door", "off", b"\xa0\x02\x00\xa2"),
        ("door", "pulse", b"\xa0\x02\x01\xa3\xa0\x02\x00\xa2"),
        ("horn", "on", b"\rrelay on 0\r"),
    ],
)
def test_what_a_board_is_sent(board, capsys, relay, state, octets):
    assert main(["hw", "relay", relay, state, "--config", str(board.config)]) == 0, capsys.readouterr().err
    until(lambda: board.has(octets), what=f"{octets!r}")


def test_a_pulse_ends_when_somebody_stops_it(board, monkeypatch):
    def stopped(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("edge.cli.hw_relay.time.sleep", stopped)
        with pytest.raises(SystemExit):  # as Ctrl-C ends any command
            main(["hw", "relay", "door", "pulse", "--config", str(board.config)])
    until(lambda: board.has(b"\xa0\x02\x01\xa3\xa0\x02\x00\xa2"))


def test_who_is_asked_for_and_is_not_there(board, capsys):
    assert main(["hw", "relay", "dor", "on", "--config", str(board.config)]) == 2
    assert "there is no relay 'dor'; did you mean 'door'?" in capsys.readouterr().err
    board.config.write_text(SITE.format(port="/dev/none"))
    assert main(["hw", "relay", "door", "on", "--config", str(board.config)]) == 1
    assert "relay 'door': /dev/none is not there" in capsys.readouterr().err
    assert main(["hw", "relay", "door", "up", "--config", str(board.config)]) == 2


def test_a_port_that_somebody_has(board, capsys):
    import serial

    with serial.Serial(board.port, exclusive=True):
        assert main(["hw", "relay", "door", "on", "--config", str(board.config)]) == 1
    assert f"{board.port} is in use by" in capsys.readouterr().err


def test_a_network_port_where_nobody_listens(board, capsys, address):
    board.config.write_text(SITE.format(port=f"socket://{address}:9"))
    assert main(["hw", "relay", "door", "on", "--config", str(board.config)]) == 1
    assert f"socket://{address}:9: nobody listens there" in capsys.readouterr().err
