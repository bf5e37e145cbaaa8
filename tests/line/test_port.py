"""Serial ports on ptys: what is read, what is in use, what is lost, and sound that finds no room."""

import asyncio
import os
import pty
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from edge.core.lines.profile import Serial
from edge.line.port import Port, PortError


class Bench:
    """A pty, and what was told of its port."""

    def __init__(self) -> None:
        self.master, self._far = pty.openpty()
        tty.setraw(self._far)
        self.name = os.ttyname(self._far)
        self.data = b""
        self.lost: list[str] = []

    def open(self) -> Port:
        port = Port(self.name, Serial(), self._take, self.lost.append)
        port.begin()
        return port

    def _take(self, data: bytes) -> None:
        self.data += data

    def unplug(self) -> None:
        os.close(self._far)
        os.close(self.master)


async def reached(condition: Callable[[], object], limit_s: float = 20) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.01)


def run(test: Callable[[Bench], Awaitable[None]]) -> Bench:
    bench = Bench()
    asyncio.run(asyncio.wait_for(test(bench), 60))
    return bench


def test_what_comes_and_goes() -> None:
    async def test(bench: Bench) -> None:
        port = bench.open()
        port.write(b"AT\r")
        assert os.read(bench.master, 10) == b"AT\r"
        os.write(bench.master, b"\r\nOK\r\n")
        await reached(lambda: bench.data == b"\r\nOK\r\n")
        port.close()
        os.write(bench.master, b"late")
        await asyncio.sleep(0.1)
        assert bench.data == b"\r\nOK\r\n", "a closed port tells nothing"

    assert run(test).lost == []


def test_one_port_is_one_line_s() -> None:
    async def test(bench: Bench) -> None:
        port = bench.open()
        with pytest.raises(PortError, match=f"{bench.name} is in use by another line or program"):
            bench.open()
        port.close()
        bench.open().close()

    run(test)


def test_a_port_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        for url in (str(tmp_path / "ttyUSB7"), "socket://127.0.0.1:9"):
            with pytest.raises(PortError, match=url):
                Port(url, Serial(), bench.lost.append, bench.lost.append)  # type: ignore[arg-type]

    run(test)


def test_a_port_that_is_pulled_out_is_lost_once() -> None:
    async def test(bench: Bench) -> None:
        port = bench.open()
        bench.unplug()
        await reached(lambda: bench.lost)
        port.write(b"AT\r")
        assert port.write_sound(b"\0\0") == 0
        await asyncio.sleep(0.1)
        port.close()

    (text,) = run(test).lost
    assert text.startswith(("it was lost", "it cannot be written"))


def test_a_modem_that_takes_nothing_is_lost() -> None:
    async def test(bench: Bench) -> None:
        port = bench.open()
        for _ in range(20):
            port.write(bytes(8192))
        port.close()

    (text,) = run(test).lost
    assert text.startswith("it cannot be written")


def test_sound_never_waits_and_never_leaves_half_a_sample() -> None:
    async def test(bench: Bench) -> None:
        port = bench.open()
        os.set_blocking(bench.master, False)
        given = left_out = taken = 0
        for _ in range(400):
            given += 322
            left_out += port.write_sound(b"\x01\x02" * 161)
            if left_out:
                # As a device takes it: in pieces that end anywhere.
                taken += check(os.read(bench.master, 1001), taken)
        assert left_out
        while True:
            try:
                taken += check(os.read(bench.master, 4096), taken)
            except BlockingIOError:
                break
        assert taken + left_out <= given
        assert given - taken - left_out <= 1, "half a sample may still be owed"
        port.close()

    def check(data: bytes, place: int) -> int:
        assert data == (b"\x01\x02" * (len(data) // 2 + 2))[place % 2 :][: len(data)]
        return len(data)

    assert run(test).lost == []
