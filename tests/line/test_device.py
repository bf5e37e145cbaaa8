"""A line's device over its comings and goings, with a modem on ptys."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from edge.config.devices import Devices
from edge.config.errors import Findings
from edge.config.trunk_settings import Line
from edge.core.lines.words import Action, Dial, Ended, HangUp, SoundOn
from edge.line.device import STORM, LineDevice
from edge.vocabulary.private import Private
from tests.support.modem import Simulator
from tests.support.sound_server import sound_server


class Bench:
    """A device with what it has told."""

    def __init__(self, modem: Simulator | None = None, profile: str = "simcom-sim7600", **more: str) -> None:
        settings = {"port": modem.port, "sound_port": modem.sound, **more} if modem is not None else more
        device = Devices(Path("/nowhere"), Findings()).get(profile)
        line = Line(name="lte", profile=profile, device=msgspec.to_builtins(device), **settings)
        self.told: list[Action] = []
        self.faults: list[tuple[str, str]] = []
        self.device = LineDevice(line, self.told.append, lambda kind, text: self.faults.append((kind, text)))
        self.states: list[tuple[str, str]] = []
        self.device.on_state = lambda: self.states.append((self.device.state, self.device.text))

    async def reached(self, condition: Callable[[], object], limit_s: float = 40) -> None:
        try:
            async with asyncio.timeout(limit_s):
                while not condition():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{self.states} {self.faults} {self.told}") from None


@pytest.fixture
def modem(tmp_path: Path) -> Iterator[Simulator]:
    with Simulator("simcom", tmp_path / "lte") as one:
        yield one


def run(bench: Bench, test: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        bench.device.start()
        try:
            await asyncio.wait_for(test(), 120)
        finally:
            bench.device.close()
            assert await bench.device.closed(30)

    asyncio.run(whole())


def test_another_modem_than_the_line_s_is_not_taken(modem: Simulator) -> None:
    bench = Bench(modem, imei="350000000000006")

    async def test() -> None:
        await bench.reached(lambda: bench.device.state == "failed")
        assert bench.device.text == "its IMEI is 861234567890123, the line is for 350000000000006"
        assert bench.device.trouble.startswith("failed: its IMEI")
        modem.do("unplug")
        await bench.reached(lambda: bench.device.state == "absent")
        modem.do("set", imei="")
        modem.do("plug")
        await bench.reached(lambda: bench.device.state == "failed")
        assert bench.device.text == "it does not tell its IMEI, the line is for 350000000000006"
        modem.do("unplug")
        await bench.reached(lambda: bench.device.state == "absent")
        modem.do("set", imei="350000000000006")
        modem.do("plug")
        await bench.reached(lambda: bench.device.ready)
        assert bench.device.trouble == ""

    run(bench, test)


def test_a_line_without_its_sound_is_absent_until_the_sound_is_there(modem: Simulator, tmp_path: Path) -> None:
    later = tmp_path / "later"
    bench = Bench(modem, sound_port=str(later))

    async def test() -> None:
        await bench.reached(lambda: bench.device.text.startswith("no sound: "))
        assert bench.device.state == "absent"
        assert str(later) in bench.device.text
        later.symlink_to(modem.sound)
        await bench.reached(lambda: bench.device.ready)
        assert bench.device.opened == 1

    run(bench, test)


def test_a_line_that_begins_is_starting_until_its_sound_is_open_and_absent_at_no_time(modem: Simulator) -> None:
    bench = Bench(modem)

    async def test() -> None:
        await bench.reached(lambda: bench.device.ready)
        assert {state for state, _ in bench.states[:-1]} == {"starting"}, bench.states

    run(bench, test)


def test_gaps_that_come_again_and_again_are_a_fault_once(modem: Simulator) -> None:
    bench = Bench(modem)
    told: list[int] = []
    bench.device.on_disturbed = told.append

    async def test() -> None:
        await bench.reached(lambda: bench.device.ready)
        bench.device.feed(Dial(Private("555")))
        await bench.reached(lambda: SoundOn() in bench.told)

        async def listen() -> None:
            while True:
                bench.device.speak(160, time.monotonic())
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            listener = group.create_task(listen())
            while not bench.device.disturbed:
                for mute in (True, False):
                    modem.do("set", mute=mute)
                    await asyncio.sleep(0.4)
            listener.cancel()
        assert "its sound broke" in bench.device.disturbed
        assert [kind for kind, _ in bench.faults] == ["sound"]
        assert told[0] >= STORM
        bench.device.feed(HangUp())
        await bench.reached(lambda: any(isinstance(one, Ended) for one in bench.told))

    run(bench, test)


def test_a_modem_server_that_is_dark_is_waited_for_beside_the_loop() -> None:
    """The loop, on which the process beats, does not stand still for the time that a connection takes to fail."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as callers:
        address = server.getsockname()
        bench = Bench(port=f"socket://127.0.0.1:{address[1]}")
        # A full queue: the kernel drops what comes, as a host that is switched off does.
        for _ in range(4):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(address)
        beats = 0

        async def test() -> None:
            nonlocal beats
            while not bench.device.text.endswith("timed out"):
                beats += 1
                await asyncio.sleep(0.05)
            assert bench.device.state == "absent"

        run(bench, test)
        # A hundred when nothing else runs; none to speak of when the loop stands still for the attempt.
        assert beats > 10


def test_a_sound_server_that_hangs_is_waited_for_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sound_server(tmp_path / "desk") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        bench = Bench(profile="sound-card-handset")
        # Should the loop stand still, too, this one goes on; and the test has failed.
        net = threading.Timer(20, server.go_on)

        async def test() -> None:
            await asyncio.sleep(1)  # it cannot be opened
            assert not bench.device.ready
            server.go_on()
            await bench.reached(lambda: bench.device.ready)
            server.halt()
            await bench.reached(lambda: not bench.device.ready)
            assert "stands still" in bench.faults[0][1]
            await asyncio.sleep(1)  # it cannot be closed
            server.go_on()
            await bench.reached(lambda: bench.device.ready)
            assert net.is_alive()

        server.halt()
        net.start()
        run(bench, test)
        net.cancel()
