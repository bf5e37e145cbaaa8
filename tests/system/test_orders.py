"""Parked callers who are told something, and bridged with each other, by the API: through kills of what carries it."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from edge.client import ApiError, AsyncClient, Client
from edge.core.access.gate import hash_of
from edge.vocabulary import api
from tests.support.addresses import address
from tests.support.appliance import ROOT, Appliance, appliance
from tests.support.sip_call import Call
from tests.support.softphone import Softphone
from tests.support.waiting import until

pytestmark = pytest.mark.system

MENU = """
version: 1
start: parked
nodes:
  parked:
    park: {max: 10m, music: welcome, key: 5}
    left: bye
    next: bye
  bye:
    hang_up:
"""
TOKEN = "edge_of_the_test"
SITE = f"""
[[api_tokens]]
name = "crm"
role = "integrator"
hash = "{hash_of(TOKEN)}"
rate = 1000
burst = 1000
"""
MUSIC, TONES = 440, (700, 900)


class Parked(NamedTuple):
    """An appliance with two callers who wait."""

    edge: Appliance
    client: Client
    calls: list[Call]
    ids: list[str]

    def state(self, which: int) -> str:
        return self.client.call(self.ids[which]).doing

    def hear_each_other(self) -> None:
        for which, call in enumerate(self.calls):
            until(lambda which=which, call=call: call.audio.hears(TONES[1 - which]), 30, f"the other one, by {which}")

    def kill(self, process: str) -> None:
        self.edge.wait_restarted(process, self.edge.kill(process))


@contextmanager
def parked(folder: Path, callers: int = 2) -> Iterator[Parked]:
    with ExitStack() as stack:
        edge = stack.enter_context(appliance(stack.enter_context(address()), folder, menu=MENU, extra=SITE))
        client = stack.enter_context(Client(f"http://{edge.status()['http']}", TOKEN))
        calls, ids = [], []
        for number in range(callers):
            phone = stack.enter_context(Softphone(stack.enter_context(address()), tone_hz=TONES[number]))
            call = phone.call(edge.uri)
            call.wait_answered()
            edge.wait_event("menu.node_entered", count=number + 1)
            calls.append(call)
            ids.append(edge.last_call())
        for call in calls:
            until(lambda call=call: call.audio.hears(MUSIC), 30, "the music of a parked call")
        yield Parked(edge, client, calls, ids)
        edge.check_histories()


def command(edge: Appliance, *given: str) -> str:
    """Run `edge calls`; what it says."""
    line = [sys.executable, "-m", "edge.cli", "calls", *given, "--config", str(edge.site)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout


def test_two_parked_callers_talk_and_each_goes_on_when_the_talk_is_over(tmp_path: Path) -> None:
    with parked(tmp_path) as there:
        edge, client, (anna, bob), (first, second) = there
        assert {one.id for one in client.calls(state="parked")} == {first, second}
        with pytest.raises(ApiError, match="itself"):
            client.bridge(first, api.Bridge(other=first))
        with pytest.raises(ApiError, match="404"):
            client.bridge(first, api.Bridge(other="nobody"))
        begun = client.bridge(first, api.Bridge(other=second, after="return"))
        assert client.wait(begun).result == "connected"
        assert client.bridge(first, api.Bridge(other=second, after="return")) == begun
        assert client.bridge(second, api.Bridge(other=first, after="return")).operation == begun.operation
        there.hear_each_other()
        assert (there.state(0), there.state(1)) == ("transfer", "transfer")
        for refused in (api.Play(sounds=["en/one"]), api.Gather()):
            with pytest.raises(ApiError, match="409"):
                client.play(second, refused) if isinstance(refused, api.Play) else client.gather(second, refused)
        # Everything that has a part in the talk dies once.
        for process in ("switch", "media", "front"):
            there.kill(process)
            there.hear_each_other()
        # Keys are the other one's: this one would lead on from the park.
        bob.audio.press("5")
        edge.wait_event("dtmf.received", first)
        client.drop(first, next(one.id for one in client.call(first).legs if one.id.startswith(second)))
        for which, call in enumerate((anna, bob)):
            until(lambda which=which: there.state(which) == "parked", 20, "both are parked again")
            until(lambda call=call: call.audio.hears(MUSIC), 20, "the music again")
        kinds = [edge.types(one) for one in (first, second)]
        assert all({"order.started", "bridge.started", "bridge.ended", "order.ended"} <= set(one) for one in kinds)
        shown = command(edge, "--parked")
        assert first in shown
        assert second in shown
        # The other way round, by command, and a kill between the talk and its end.
        assert command(edge, "bridge", second, first, "--after", "return").startswith(f"{second}-op")
        there.hear_each_other()
        there.kill("switch")
        anna.bye()
        edge.wait_event("call.ended", first)
        until(lambda: there.state(1) == "parked", 20, "who is left is parked")
        bob.audio.press("5")
        edge.wait_event("call.ended", second)


@pytest.mark.parametrize("leaves", [0, 1])
def test_who_hangs_up_ends_both_where_that_is_wanted(tmp_path: Path, leaves: int) -> None:
    with parked(tmp_path) as there:
        there.client.bridge(there.ids[0], api.Bridge(other=there.ids[1]))
        there.hear_each_other()
        there.calls[leaves].bye()
        there.calls[1 - leaves].wait_ended(20)
        for one in there.ids:
            there.edge.wait_event("call.ended", one)


def test_a_text_is_spoken_and_written_down_nowhere(tmp_path: Path) -> None:
    text = "Your parcel is at the green house"
    with parked(tmp_path, callers=1) as there:
        edge, client, (caller,), (id_,) = there
        with pytest.raises(ApiError) as refused:
            client.say(id_, api.Say(text=text, language="xx"))
        assert (refused.value.status, refused.value.path) == (409, "$.language")
        with pytest.raises(ApiError) as refused:
            client.say(id_, api.Say(text="...", language="en"))
        assert (refused.value.status, refused.value.path) == (409, "$.text")
        begun = client.say(id_, api.Say(text=text, language="en"), key="once")
        assert client.wait(begun).result == "played"
        started = edge.wait_event("order.started", id_)["data"]
        assert (started["act"], started["language"], started["characters"]) == ("say", "en", len(text))
        until(lambda: caller.audio.hears(MUSIC), 20, "the music afterwards")
        assert client.say(id_, api.Say(text=text, language="en"), key="once") == begun
        # A kill while it is spoken: the rest is.
        long = " ".join(["The quick brown fox jumps over the lazy dog."] * 8)
        for process in ("media", "switch", "web"):
            begun = client.say(id_, api.Say(text=long, language="en", barge_in=True))
            assert client.operation(begun.operation).state == "running"
            there.kill(process)
            assert client.operation(begun.operation).state == "running"
            assert there.state(0) == "playing"
            caller.audio.press("1")
            assert client.wait(begun).result == "played"
        (said, *_) = [path for path in (edge.state / "said").iterdir() if path.suffix == ".wav"]
        assert said.stat().st_mode & 0o77 == 0
        for path in [one for one in tmp_path.rglob("*") if one.is_file() and one.suffix != ".wav"]:
            assert b"green house" not in path.read_bytes(), path
        caller.bye()
        edge.wait_event("call.ended", id_)
        assert client.say(id_, api.Say(text=text, language="en"), key="once").operation.startswith(id_)
        made = len(list((edge.state / "said").iterdir()))
        with pytest.raises(ApiError, match="404"):
            client.say(id_, api.Say(text="Too late", language="en"))
        assert len(list((edge.state / "said").iterdir())) == made


def test_on_asyncio_orders_and_their_events_go_on_through_a_kill_of_web(tmp_path: Path) -> None:
    with parked(tmp_path, callers=1) as there:
        (id_,), (caller,) = there.ids, there.calls

        async def serve(url: str) -> list[str]:
            seen = []
            async with AsyncClient(url, TOKEN) as edge:
                came = edge.stream(types=["order.*", "menu.node_entered"], after=0)
                async for one in came:
                    seen.append(one.event["type"])
                    if one.event["data"].get("kind") == "park" and "order.started" not in seen:
                        await edge.gather(id_, api.Gather(sounds=["en/one"], max_digits=1))
                        await asyncio.to_thread(there.kill, "web")
                        await asyncio.to_thread(caller.audio.press, "7")
                    elif one.event["type"] == "order.ended":
                        done = await edge.operation(one.event["data"]["operation"])
                        assert (done.result, done.digits) == ("matched", "7")
                        break
                await came.aclose()  # type: ignore[attr-defined]
            return seen

        seen = asyncio.run(asyncio.wait_for(serve(f"http://{there.edge.status()['http']}"), 120))
        assert [one for one in seen if one.startswith("order.")] == ["order.started", "order.ended"]
        caller.bye()
        there.edge.wait_event("call.ended", id_)
