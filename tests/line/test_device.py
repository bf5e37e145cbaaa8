"""A line's device over its comings and goings, with a modem on ptys."""

import asyncio
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


class Bench:
    """A device with what it has told."""

    def __init__(self, modem: Simulator, **more: str) -> None:
        profile = Devices(Path("/nowhere"), Findings()).get("simcom-sim7600")
        settings = {"port": modem.port, "sound_port": modem.sound, **more}
        line = Line(name="lte", profile="simcom-sim7600", device=msgspec.to_builtins(profile), **settings)
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
            assert bench.device.close()

    asyncio.run(whole())


def test_another_modem_than_the_line_s_is_not_taken(modem: Simulator) -> None:
    bench = Bench(modem, imei="350000000000006")

    async def test() -> None:
        await bench.reached(lambda: bench.device.state == "failed")
        assert bench.device.text == "its IMEI is 861234567890123, the line is for 350000000000006"
        assert bench.device.trouble.startswith("failed: its IMEI")
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
