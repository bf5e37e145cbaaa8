"""Lines that come, change and go with a reload, in and out of calls; and a modem that is another than the site says."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, write_site
from tests.support.modem import two_modems
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears
from tests.system.test_line_faults import ALL_MENU, CALLER, OURS_HZ, THEIRS_HZ, Bench

pytestmark = [pytest.mark.system, pytest.mark.first]

IMEI, ANOTHER = "861234567890123", "359999999999999"


class Site(Bench):
    """The appliance whose lines a test chooses: `box` is the modem of `fxo`'s neighbour, under whatever name."""

    def choose(self, box: str = "", *, did: str = "100", imei: str = "") -> None:
        """Say which name the LTE modem's line has (empty: none), which number and IMEI."""
        modem, lines = self.modems["box"], ""
        if box:
            lines += f'[[lines]]\nname = "{box}"\nprofile = "simcom-sim7600"\nport = "socket://{modem.port}"\n'
            lines += f'sound_port = "{modem.sound}"\ndid = "{did}"\n' + (f'imei = "{imei}"\n' if imei else "")
        lines += f'[[lines]]\nname = "fxo"\nprofile = "voice-modem-v253"\nport = "{self.modems["fxo"].port}"\n'
        lines += 'did = "100"\n'
        if box != "box":  # the menu names it
            lines += '[[trunks]]\nname = "box"\naddress = "127.0.0.1:9"\nsources = ["192.0.2.1"]\n'
        write_site(self.edge, menu=ALL_MENU, extra=lines)

    def reload(self, box: str = "", **more: Any) -> None:
        """Have other lines in force."""
        self.choose(box, **more)
        self.edge.control(what="reload")

    def names(self) -> set[str]:
        """Which processes of lines there are."""
        return {one["name"] for one in self.edge.processes() if one["name"].startswith("line-")}

    def notes(self, name: str) -> list[str]:
        """What `edge status` notes of a line."""
        return [str(one) for one in self.edge.status()["notes"] if one["process"] == f"line-{name}"]

    def states(self, name: str) -> list[tuple[str, str]]:
        """Which states events have told of a line since `forget`, and why."""
        data = [one["data"] for one in self.edge.events() if one["type"] == "line.state_changed"]
        return [(one["state"], one["text"]) for one in data if one["line"] == name]

    def answers_as(self, trunk: str) -> str:
        """Ring the LTE modem: the menu answers on this trunk; returns the call."""
        self.modems["box"].do("ring", number=CALLER)
        self.far_hears("box", TONES["welcome"])
        call = self.edge.last_call()
        began = next(one for one in self.edge.events(call) if one["type"] == "call.started")["data"]
        assert (began["trunk"], began["caller"]) == (trunk, CALLER)
        return call


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("reload")
    with (
        address() as own,
        address() as caller_at,
        two_modems(own, folder) as (box, fxo),
        Softphone(caller_at, tone_hz=OURS_HZ) as caller,
    ):
        made = Site(Appliance(own, folder), box, fxo, caller, folder)
        made.choose()
        made.edge.start()
        try:
            made.ready("fxo")
            yield made
        finally:
            made.edge.stop()


@pytest.fixture(autouse=True)
def other(site: Site) -> Iterator[str]:
    """A call by the other line, over whatever happens: nothing else is cut."""
    site.edge.forget()
    pid = site.edge.pid("line-fxo")
    call = site.originate("fxo")
    site.far_hears("fxo", TONES["welcome"])
    yield call
    assert call in site.edge.hang_up_all()
    assert site.edge.pid("line-fxo") == pid
    site.end_of(call)
    site.ready("fxo")


def test_a_line_is_added_its_settings_wait_for_its_call_and_it_is_renamed_and_removed(site: Site) -> None:
    assert site.names() == {"line-fxo"}
    site.reload("box")
    call = site.caller.call(site.edge.uri).wait_answered()
    hears(call, TONES["welcome"])
    site.ready("box")
    pid = site.edge.pid("line-box")
    call.audio.press("9")
    site.far_hears("box", OURS_HZ)
    site.far_says("box", THEIRS_HZ)
    hears(call, THEIRS_HZ)
    own = site.edge.last_call()
    asked = len(site.modems["box"].tell()["log"])
    # Its settings are others: the call goes on with those before.
    site.reload("box", did="200", imei=IMEI)
    hears(call, THEIRS_HZ)
    assert site.line("box")["busy"]
    assert not any("CGSN" in command for command in site.modems["box"].tell()["log"][asked:])
    call.bye()
    site.end_of(own)
    site.ready("box")
    until(lambda: any("CGSN" in one for one in site.modems["box"].tell()["log"][asked:]), 20, "it is asked anew")
    assert site.edge.pid("line-box") == pid
    # Renamed: the process of the old name ends, that of the new takes the modem.
    site.reload("lte")
    site.ready("lte")
    assert site.names() == {"line-lte", "line-fxo"}
    within = site.answers_as("lte")
    # Removed in a call: the call ends, the modem hangs up.
    site.reload()
    end = site.end_of(within)
    until(lambda: site.modems["box"].tell()["call"] is None, 20, "the modem has hung up")
    until(lambda: site.names() == {"line-fxo"}, 20, "its process has ended")
    assert end["ended_by"] == "caller", end
    assert site.line("fxo")["busy"]


def test_a_line_that_is_idle_is_removed_and_its_modem_is_left_alone(site: Site) -> None:
    site.reload("box")
    site.ready("box")
    asked = len(site.modems["box"].tell()["log"])
    site.reload()
    until(lambda: site.names() == {"line-fxo"}, 20, "its process has ended")
    modem = site.modems["box"].tell()
    assert modem["call"] is None
    assert not [one for one in modem["log"][asked:] if one.startswith(("ATD", "ATA"))]
    assert site.notes("box") == [], "who is gone is not missed"
    assert site.edge.status()["ready"]
    assert "call.ended" not in site.edge.types(), "nobody's call has ended"
    # It comes back as if it had never been away.
    site.reload("box")
    site.ready("box")
    call = site.called_by("box", CALLER)
    site.modems["box"].do("over")
    site.end_of(call)
    site.ready("box")


def test_another_modem_in_its_place_takes_no_calls_until_it_is_the_right_one(site: Site) -> None:
    site.reload("box", imei=ANOTHER)
    why = f"its IMEI is {IMEI}, the line is for {ANOTHER}"
    until(lambda: site.line("box")["state"] == "failed", 60, f"refused: {site.line('box')} {site.edge.log_tail()}")
    assert site.line("box")["text"] == why
    until(lambda: any(why in note for note in site.notes("box")), 20, f"a note: {site.edge.status()['notes']}")
    until(lambda: ("failed", why) in site.states("box"), 20, f"an event: {site.states('box')}")
    assert site.edge.status()["ready"]
    assert site.line("box")["identity"]["imei"] == IMEI
    assert site.end_of(site.originate("box"))["sip_code"] == 503
    assert not any(command.startswith("ATD") for command in site.modems["box"].tell()["log"][-20:])
    # The right one is plugged in.
    modem = site.modems["box"]
    modem.do("set", imei=ANOTHER)
    modem.do("unplug")
    until(lambda: site.line("box")["state"] == "absent", 20, f"gone: {site.line('box')}")
    modem.do("plug")
    site.ready("box")
    assert site.notes("box") == []
    # The wrong one again, and now the setting is mended.
    modem.do("set", imei=IMEI)
    modem.do("unplug")
    modem.do("plug")
    until(lambda: site.line("box")["text"] == why, 30, f"refused again: {site.line('box')}")
    site.reload("box", imei=IMEI)
    site.ready("box")
    until(lambda: site.states("box")[-1][0] == "ready", 20, f"an event: {site.states('box')}")
