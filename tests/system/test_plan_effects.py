"""What `edge plan` says of each kind of change is what `edge reload` then does: one appliance, changed three times.

Beside test_plan.py, which has registrations, routes, tokens and what is removed under calls.
"""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile

from tests.support.addresses import address
from tests.support.appliance import MENU, ROOT, TONES, Appliance, write_site
from tests.support.campaigns import CAMPAIGN, RULES
from tests.support.certificates import Authority
from tests.support.modem import Simulator
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = [pytest.mark.system, pytest.mark.first]

NEW_WELCOME = 480
WAITING = "version: 1\nstart: wait\nnodes:\n  wait: {queue: sales, failed: bye}\n  bye: {hang_up: {}}\n"
#: What a plan of each step has to have: what and name, action, and kinds of effects.
Expected = dict[tuple[str, str], tuple[str, set[str]]]
ADDED: Expected = {
    ("line", "cell"): ("added", {"line_begins"}),
    ("trunk", "cell"): ("added", set()),
    ("campaign", "first"): ("added", {"dialer_begins"}),
    ("dialing rules", "anytime"): ("added", {"new_calls"}),
    ("trial", "greeting"): ("added", {"new_calls"}),
}
CHANGED: Expected = {
    ("line", "cell"): ("changed", {"line_changes"}),
    ("agent", "ann"): ("changed", {"new_calls"}),
    ("queue", "sales"): ("changed", {"callers_stay"}),
    ("trunk group", "out"): ("changed", {"new_calls"}),
    ("sink", "file"): ("changed", {"cursor_goes_on"}),
    ("menu", "main"): ("changed", {"calls_keep_version"}),
    ("certificate", "sip.certificate"): ("changed", {"new_connections"}),
    ("certificate", "sip.key"): ("changed", {"new_connections"}),
}
REMOVED: Expected = {
    ("line", "cell"): ("removed", {"line_ends"}),
    ("trunk", "cell"): ("removed", {"calls_go_on"}),
    ("campaign", "first"): ("removed", {"calls_go_on", "dialer_ends"}),
    ("dialing rules", "anytime"): ("removed", {"new_calls"}),
    ("trial", "greeting"): ("removed", {"new_calls"}),
}


class Place(NamedTuple):
    edge: Appliance
    caller: Softphone
    first: Softphone
    second: Softphone
    modem: Simulator
    authority: Authority

    def write(self, *, more: bool, later: bool) -> None:
        """Write the site: `more` with what comes and goes, `later` with what is otherwise from the second step on."""
        agent, names = (self.second, "ba") if later else (self.first, "ab")
        members = ", ".join(f'{{trunk = "{name}", priority = {at}}}' for at, name in enumerate(names, 1))
        parts = [
            *(
                f'[[trunks]]\nname = "{name}"\naddress = "{phone.address}:5060"\nsources = ["192.0.2.1"]\n'
                for name, phone in (("a", self.first), ("b", self.second))
            ),
            f'[[trunk_groups]]\nname = "out"\nmembers = [{members}]\n',
            f'[[agents]]\nname = "ann"\ntarget = "sip:ann@{agent.address}:5060"\n',
            f'[[queues]]\nname = "sales"\nagents = ["ann"]\nmax_wait = "{9 if later else 5}m"\n',
            '[[routes]]\nnumber = "300"\nmenu = "waiting"\n',
            f'[[sinks]]\nname = "file"\ntype = "file"\npath = "{"two" if later else "one"}.jsonl"\n',
        ]
        if more:
            parts.append(CAMPAIGN.format(name="first").replace('"town"', '"a"'))
            parts.append('[[trials]]\nname = "greeting"\nmenu = "main"\ncandidate = "short"\nshare = 99\n')
            parts.append(
                f'[[lines]]\nname = "cell"\nprofile = "mine"\nport = "{self.modem.port}"\n'
                f'sound_port = "{self.modem.sound}"\n'
            )
        folder = self.edge.folder
        tls = f'certificate = "{folder / "tls.pem"}"\nkey = "{folder / "tls.key"}"'
        write_site(self.edge, sip=tls, extra="\n".join(parts))
        text = self.edge.site.read_text().replace("[paths]\n", f'[paths]\ndialing_rules = "{folder}/rules"\n')
        self.edge.site.write_text(text)
        (folder / "menus/waiting.yaml").write_text(WAITING)
        (folder / "menus/short.yaml").write_text(MENU.replace("greet_long: welcome", "greet_long: two"))
        profile = (ROOT / "firmware_profiles/simcom-sim7600.toml").read_text()
        (folder / "profiles").mkdir(exist_ok=True)
        (folder / "profiles/mine.toml").write_text(profile.replace('"500ms"', '"900ms"') if later else profile)
        if later:
            second = np.sin(2 * np.pi * NEW_WELCOME * np.arange(60 * 8000) / 8000)
            soundfile.write(folder / "prompts/en/welcome.wav", 0.3 * second, 8000, subtype="PCM_16")

    def certify(self) -> None:
        """Have a certificate made anew, in the same files."""
        pair = self.authority.issue(self.edge.address)
        for name, made in (("tls.pem", pair.certificate), ("tls.key", pair.key)):
            (self.edge.folder / name).write_bytes(Path(made).read_bytes())
            (self.edge.folder / name).chmod(0o600)

    def shown(self) -> str:
        """The certificate that peers are shown now."""
        return ssl.get_server_certificate((self.edge.address, 5061), timeout=20)

    def reload_as_planned(self, expected: Expected) -> dict[tuple[str, str], dict[str, Any]]:
        """Plan, compare, reload; then nothing is left to be done."""
        planned = self.edge.control(what="plan")["body"]["changes"]
        found = {(one["what"], one["name"]): one for one in planned}
        assert {
            key: (one["action"], {effect["kind"] for effect in one["effects"]}) for key, one in found.items()
        } == expected
        self.edge.control(what="reload")
        left = self.edge.control(what="plan")["body"]["changes"]
        assert left == [], "what was planned is what was done"
        return found

    def delivered(self, name: str) -> set[str]:
        """Ids of the events in a file of the sink."""
        path = self.edge.folder / f"{name}.jsonl"
        return {json.loads(line)["id"] for line in path.read_text().splitlines()} if path.exists() else set()

    def processes(self) -> set[str]:
        return {one["name"] for one in self.edge.processes() if one["pid"]}

    def line(self) -> str:
        answer = self.edge.control(what="request", process="line-cell", request="line", body=None)
        return str(answer["body"]["state"])

    def originate(self) -> None:
        order = {"target": "555", "trunk": "out", "menu": "main"}
        self.edge.control(what="request", process="switch", request="originate", body=order)

    def wish(self, wish: str) -> None:
        body = {"agent": "ann", "wish": wish}
        self.edge.control(what="request", process="switch", request="agent_wish", body=body)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as opened:
        at, *others = (opened.enter_context(address()) for _ in range(4))
        caller = opened.enter_context(Softphone(others[0], tone_hz=700))
        first, second = (opened.enter_context(Softphone(one, port=5060, auto_answer=True)) for one in others[1:])
        modem = opened.enter_context(Simulator("simcom", tmp_path / "modem"))
        (tmp_path / "rules").mkdir()
        (tmp_path / "rules/anytime.toml").write_text(RULES)
        made = Place(Appliance(at, tmp_path), caller, first, second, modem, Authority(tmp_path / "ca"))
        made.certify()
        made.write(more=False, later=False)
        opened.callback(made.edge.stop)
        made.edge.start()
        yield made


def rings(phone: Softphone, since: int) -> Callable[[], bool]:
    return lambda: len(phone.calls) > since


def test_what_is_said_of_each_change_is_what_is_done(place: Place) -> None:
    edge, caller = place.edge, place.caller
    place.wish("pause")
    in_menu, waiting = (caller.call(f"sip:{number}@{edge.address}:5060") for number in ("100", "300"))
    hears(in_menu, TONES["welcome"])
    edge.wait_event("queue.entered")

    place.write(more=True, later=False)
    place.reload_as_planned(ADDED)
    assert {"dialer", "line-cell"} <= place.processes()
    until(lambda: place.line() == "ready", 60, "the line is ready")
    pid = edge.pid("line-cell")
    tried = caller.call(edge.uri)
    hears(tried, TONES["two"])
    assert edge.events(edge.last_call())[0]["data"]["arm"] == "candidate"
    tried.bye()
    before = place.shown()

    place.write(more=True, later=True)
    place.certify()
    plan = place.reload_as_planned(CHANGED)
    assert [Path(one).name for one in plan["menu", "main"]["sounds"]] == ["welcome.wav"]
    assert [one["name"] for one in plan["line", "cell"]["settings"]] == ["device.limits.rest_ms"]
    until(lambda: place.line() == "ready", 60, "the line is ready again")
    assert edge.pid("line-cell") == pid, "its process goes on"
    assert place.shown() != before
    assert "queue.left" not in edge.types(), "who waits keeps his place"
    place.wish("ready")
    until(rings(place.second, 0), 20, "the agent is called where he is now")
    assert not place.first.calls
    place.originate()
    until(rings(place.second, 1), 20, "the group begins with its new first member")
    assert not place.first.calls
    in_menu.audio.press("1")
    hears(in_menu, TONES["one"])
    until(lambda: place.delivered("two"), 20, "events go to the new file")
    assert not place.delivered("one") & place.delivered("two"), "it goes on at its place"

    place.write(more=False, later=True)
    place.reload_as_planned(REMOVED)
    until(lambda: not {"dialer", "line-cell"} & place.processes(), 20, "both processes end")
    newer = caller.call(edge.uri)
    hears(newer, NEW_WELCOME)
    for call in (in_menu, waiting, newer):
        call.bye()
