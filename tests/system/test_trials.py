"""A trial by share over real calls: sides by caller, a stop in the middle, a restart, and a report that counts them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.core.routing.trials import Asker, Trial, arm_of
from tests.support.addresses import address
from tests.support.appliance import MENU, ROOT, TONES, Appliance, write_site
from tests.support.softphone import Softphone
from tests.system.flows import hears

pytestmark = pytest.mark.system

TRIAL = '[[trials]]\nname = "greeting"\nmenu = "main"\ncandidate = "short"\nshare = 50\n'
#: Who greets with what: main.yaml with the prompt `welcome`, short.yaml with `two`.
GREETS = {"control": TONES["welcome"], "candidate": TONES["two"], "": TONES["welcome"]}
CALLERS = ("1001", "1002", "1003", "1004", "1005")


def command(edge: Appliance, *words: str) -> str:
    """Run `edge ...` as operators do; what it prints."""
    line = [sys.executable, "-m", "edge.cli", *words, "--config", str(edge.site)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def make_call(edge: Appliance, caller: Softphone, number: str, *, abandon: bool) -> dict[str, Any]:
    """Call as `number`, hear who greets, and hang up or press 0; returns the data of `call.ended`."""
    before = edge.types().count("call.started")
    caller.user = number
    call = caller.call(edge.uri).wait_answered()
    started = edge.wait_event("call.started", count=before + 1)["data"]
    hears(call, GREETS[started["arm"]])
    if abandon:
        call.bye()
    else:
        call.audio.press("0")
        call.wait_ended()
    ended: dict[str, Any] = edge.wait_event("call.ended", count=before + 1)["data"]
    assert (ended["trial"], ended["arm"]) == (started["trial"], started["arm"])
    assert ended["menu"] == ("short" if ended["arm"] == "candidate" else "main")
    return ended


def test_a_trial_over_real_calls(tmp_path: Path) -> None:
    with address() as at, address() as caller_at, Softphone(caller_at, tone_hz=700) as caller:
        edge = Appliance(at, tmp_path)
        write_site(edge, extra=TRIAL)
        (tmp_path / "menus/short.yaml").write_text(
            MENU.replace("greet_long: welcome", "greet_long: two").replace("TARGET", "127.0.0.1:9")
        )
        edge.start()
        try:
            trial = Trial(name="greeting", menu="main", candidate="short", share=50)
            calls = []
            for number, who in enumerate((*CALLERS, *CALLERS[:3])):
                ended = make_call(edge, caller, who, abandon=number % 2 == 0)
                assert ended["arm"] == arm_of(trial, Asker(call="", number=who, wall_ms=0)), "the same caller, the same"
                calls.append(ended)
            assert {one["arm"] for one in calls} == {"control", "candidate"}

            command(edge, "menu", "trial", "stop", "greeting")
            assert edge.wait_event("trial.stopped")["data"]["by"] == "request"
            assert make_call(edge, caller, CALLERS[0], abandon=True)["trial"] == ""
            assert edge.stop() == 0
            edge.start()
            assert [one["condition"] for one in edge.status()["trials"]] == ["stopped"]
            assert make_call(edge, caller, CALLERS[1], abandon=True)["trial"] == ""

            shown = command(edge, "status")
            assert "50 % of callers" in shown
            assert "stopped by request at 20" in shown
            said = json.loads(command(edge, "menu", "trial", "report", "greeting", "--json"))
            assert said["stopped_by"] == "request"
            for arm in ("control", "candidate"):
                of_arm = [one for one in calls if one["arm"] == arm]
                assert said["sides"][arm]["calls"] == len(of_arm) == said[f"{arm}_calls"]
                abandoned = sum(one["end"]["ended_by"] == "caller" for one in of_arm)
                (row,) = (one for one in said["comparison"] if one["indicator"] == "abandonment")
                assert row[arm]["value"] == pytest.approx(abandoned / len(of_arm))
            command(edge, "menu", "trial", "start", "greeting")
            again = make_call(edge, caller, CALLERS[2], abandon=True)
            assert again["arm"] == calls[2]["arm"]
            edge.check_histories()
        finally:
            edge.stop()
