"""The switch process over a real link: what leaves it is on disk, and it takes up its calls when it was killed."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from edge.vocabulary.site_events import MenuRolledBack
from edge.vocabulary.supervision import Drain, Ready, Reload, Replied, Request, Scrape, Scraped
from edge.vocabulary.wire import pack
from tests.core.calls.desk import REMOTE
from tests.switch.world import Peer, World, check_events, ended, incoming

FIRST = LegId("call1.1")
SECOND = LegId("call1.2")


class Cast:
    """A world with everybody in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.front = world.peer("front", "front-1")
        self.span = world.peer("span", "span-1")
        self.other = world.peer("span", "span-2")
        self.media = world.peer("media", "media-1")

    def until(self, condition: Callable[[], bool]) -> None:
        self.world.until(condition)

    def call(self, name: str = "call1") -> None:
        leg = LegId(f"{name}.1")
        self.front.legs[leg] = None
        self.span.legs[leg] = "early"
        self.front.link.report(incoming(name))

    def caller_hangs_up(self, leg: LegId = FIRST) -> None:
        self.span.legs.pop(leg, None)
        self.front.legs.pop(leg, None)
        self.span.link.report(ended(leg))

    def plays(self, leg: LegId = FIRST) -> list[c.Play]:
        return [p for p in self.media.bodies(c.Play) if p.leg == leg]

    def play_ends(self) -> None:
        count = len(self.plays())
        self.media.link.report(r.PlayEnded(leg=FIRST, play=self.plays()[-1].play, how="finished", played_ms=1))
        self.until(lambda: len(self.plays()) > count)

    def press(self, digit: str, start_ms: int = 5000) -> None:
        self.media.link.report(
            r.DigitHeard(leg=FIRST, method="rfc4733", digit=Private(digit), start_ms=start_ms, duration_ms=80)
        )

    def wait_end(self, call: str = "call1") -> None:
        self.until(lambda: "call.ended" in self.world.types(call))


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    world = World(tmp_path)
    try:
        cast = Cast(world)
        world.start()
        yield cast
    finally:
        world.close()


def up_to(cast: Cast, state: str) -> None:
    """Bring a call into a state."""
    if state == "media opens":
        cast.media.obey = False
        cast.call()
        cast.until(lambda: bool(cast.media.bodies(c.OpenLeg)) and "call.started" in cast.world.types("call1"))
        return
    if state == "answering":
        cast.span.obey = False
        cast.call()
        # The answer leaves before the call is on disk; who loses everything then has nothing to end.
        cast.until(lambda: bool(cast.span.bodies(c.Answer)) and "call.started" in cast.world.types("call1"))
        return
    cast.call()
    cast.until(lambda: bool(cast.plays()))
    if state == "prompt":
        return
    cast.play_ends()
    if state == "gather":
        return
    cast.other.obey = state in {"target rings", "talk"}
    cast.front.obey = state != "reserving"
    cast.press("1")
    if state == "reserving":
        cast.until(lambda: bool(cast.front.bodies(c.ReserveSpan)))
        return
    cast.until(lambda: bool(cast.other.bodies(c.MakeCall)))
    if state == "dialling":
        return
    cast.until(lambda: "leg.ringing" in cast.world.types("call1"))
    if state == "talk":
        cast.front.link.report(r.LegMedia(SECOND, REMOTE))
        cast.other.link.report(r.LegAnswered(SECOND))
        cast.until(lambda: "bridge.started" in cast.world.types("call1"))


STATES = ["media opens", "answering", "prompt", "gather", "reserving", "dialling", "target rings", "talk"]


def test_a_whole_call(cast):
    cast.call()
    cast.until(lambda: bool(cast.plays()))
    cast.play_ends()
    cast.press("9")
    cast.wait_end()
    assert [type(b).__name__ for _, b in cast.span.commands] == ["Answer", "HangUp"]
    check_events(cast.world.events())
    body = json.loads(cast.world.events()[0].body)
    assert (body["specversion"], body["source"], body["id"], body["subject"]) == (
        "1.0",
        "edge/test",
        "call1.1",
        "call1",
    )
    assert body["data"]["called"] == "200"
    cast.until(lambda: cast.front.link.kept == cast.span.link.kept == cast.media.link.kept == 0)


def test_commands_leave_after_their_input_is_on_disk(cast):
    cast.call()
    cast.until(lambda: bool(cast.plays()))
    # The command is here, so its input must be on disk already: nothing that happens later is needed for it.
    with sqlite3.connect(cast.world.state / "state.db") as db:
        rows = db.execute("SELECT call, number FROM journal").fetchall()
    (id_,) = [id_ for id_, body in cast.media.commands if isinstance(body, c.Play)]
    assert ("call1", int(id_.split(":")[1])) in rows


def test_a_leg_is_opened_and_answered_before_its_call_is_on_disk(cast):
    cast.until(lambda: cast.media.link.connected)
    cast.call("call0")  # switch has greeted everybody when this one runs
    cast.until(lambda: any(p.leg == "call0.1" for p in cast.media.bodies(c.Play)))
    cast.span.obey = False
    with contextlib.closing(sqlite3.connect(cast.world.state / "state.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        cast.front.link.report(incoming("call1"))
        cast.until(lambda: any(body.leg == FIRST for body in cast.span.bodies(c.Answer)))
        cast.until(lambda: any(body.leg == FIRST for body in cast.media.bodies(c.OpenLeg)))
        assert db.execute("SELECT count(*) FROM calls").fetchone() == (1,)
        db.execute("ROLLBACK")
    cast.until(lambda: "call.started" in cast.world.types("call1"))


def test_nobody_is_told_that_a_call_is_over_before_its_end_is_on_disk(cast):
    cast.span.obey = False
    cast.front.link.report(incoming("call2", called="999"))
    cast.until(lambda: bool(cast.span.bodies(c.Reject)))
    assert [call["id"] for call in cast.world.ask("calls")] == ["call2"]
    with contextlib.closing(sqlite3.connect(cast.world.state / "state.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        # So that it finds the report that ends the call and the question in one turn.
        cast.world.process.send_signal(signal.SIGSTOP)
        cast.span.link.report(ended(LegId("call2.1"), "no_route", "appliance", 404))
        cast.world.tell(Request(99, "calls", b"{}"))
        cast.world.process.send_signal(signal.SIGCONT)
        cast.world.settle()
        assert not any(isinstance(m, Replied) and m.id == 99 for m in cast.world.messages)
        db.execute("ROLLBACK")
    cast.until(lambda: any(isinstance(m, Replied) and m.id == 99 for m in cast.world.messages))
    assert cast.world.types("call2")[-1] == "call.ended"
    assert cast.world.ask("calls") == []


def test_all_calls_are_ended_before_a_stop(cast):
    up_to(cast, "talk")
    cast.front.link.report(incoming("call2", called="999"))
    cast.until(lambda: "call.ended" in cast.world.types("call2"))
    cast.until(lambda: not cast.world.ask("end_calls", {}))
    assert cast.world.types("call1")[-1] == "call.ended"
    assert b'"outcome":"stopped"' in cast.world.events("call1")[-1].body
    cast.front.link.report(incoming("call3"))
    cast.until(lambda: cast.world.types("call3") == ["call.started", "call.ended"])
    assert cast.world.stop() == 0
    check_events(cast.world.events())


def test_a_call_whose_end_nobody_tells_has_one_when_switch_stops(cast):
    up_to(cast, "answering")
    cast.front.obey = False
    cast.front.link.report(r.LegAdopted(FIRST, cast.span.incarnation))
    cast.until(lambda: cast.world.types("call1") == ["call.started", "leg.adopted"])
    assert cast.world.ask("end_calls", {}), "nobody says that the leg is down"
    assert cast.world.stop() == 0
    assert cast.world.types("call1").count("call.ended") == 1
    cast.world.start()
    assert cast.world.ask("calls") == []
    check_events(cast.world.events())


def test_no_route_is_404(cast):
    cast.front.link.report(incoming("call2", called="999"))
    cast.until(lambda: "call.ended" in cast.world.types("call2"))
    assert cast.span.bodies(c.Reject) == [c.Reject(LegId("call2.1"), 404, "")]


def test_a_call_told_again_after_its_end_and_a_kill_is_no_new_one(cast):
    cast.front.link.report(incoming("call2", called="999"))
    cast.until(lambda: "call.ended" in cast.world.types("call2"))
    cast.world.kill()
    cast.world.start()
    successor = cast.world.peer("front", "front-2")
    successor.link.report(incoming("call2", called="999"))
    successor.link.report(incoming("call3", called="999"))
    cast.until(lambda: "call.ended" in cast.world.types("call3"))
    assert cast.world.types("call2") == ["call.started", "call.ended"]


def test_forwarder_is_woken(cast):
    forwarder = cast.world.peer("forwarder", "f-1")
    cast.until(lambda: forwarder.link.connected)
    cast.call()
    cast.until(lambda: any(isinstance(b, c.Wake) and b.sequence >= 2 for _, b in forwarder.commands))


@pytest.mark.parametrize("state", STATES)
def test_killed_in_any_state_and_taken_up(cast, state):
    up_to(cast, state)
    before = cast.world.events()
    assert "call.ended" not in [e.type for e in before]
    cast.world.kill()
    for peer in cast.world.peers:
        peer.obey = True
        for id_, body in peer.commands:
            undone = not any(done == id_ for done in peer.link._results if peer.link._results[done] is not None)
            if undone and not isinstance(body, c.Wake):
                peer.carry_out(id_, body)
    cast.world.start()
    cast.until(lambda: all(peer.link.connected for peer in cast.world.peers))
    cast.until(lambda: bool(cast.plays()))
    cast.caller_hangs_up()
    cast.wait_end()
    cast.world.settle()
    check_events(cast.world.events())
    assert cast.world.events()[: len(before)] == before
    assert cast.world.types("call1").count("call.ended") == 1
    ids = [id_ for peer in cast.world.peers for id_, _ in peer.commands]
    assert len(ids) == len(set(ids)), "a command was handed out twice"


@pytest.mark.parametrize("back_first", ["media", "span"])
def test_killed_between_the_answer_and_the_disk(cast, back_first):
    up_to(cast, "media opens")
    # Another writer holds the commit of the next input up; `Answer` does not wait for it.
    with contextlib.closing(sqlite3.connect(cast.world.state / "state.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        for id_, body in cast.media.commands:
            cast.media.carry_out(id_, body)
        cast.media.obey = True
        cast.until(lambda: bool(cast.span.bodies(c.Answer)))
        assert db.execute("SELECT MAX(number) FROM journal").fetchall() == [(1,)]
        cast.world.kill()
    late = cast.span if back_first == "media" else cast.media
    cast.world.peers.remove(late)
    cast.world.start()
    if back_first == "span":
        cast.until(lambda: "call.answered" in cast.world.types("call1"))
    else:
        cast.until(lambda: cast.media.link.connected and cast.media.link.kept == 0)
    cast.world.peers.append(late)
    cast.until(lambda: bool(cast.plays()))
    assert cast.world.types("call1").count("call.answered") == 1
    answers = [id_ for id_, body in cast.span.commands if isinstance(body, c.Answer)]
    assert len(set(answers)) == len(answers) == (2 if back_first == "media" else 1)
    cast.caller_hangs_up()
    cast.wait_end()
    check_events(cast.world.events())


@pytest.mark.parametrize("back_last", ["front", "span", "media"])
def test_killed_when_the_answer_was_sent_and_nothing_is_on_disk(cast, back_last):
    """What the new life hears first of the call is different each time; it is the same call, answered once."""
    cast.call("call0")
    cast.until(lambda: any(p.leg == "call0.1" for p in cast.media.bodies(c.Play)))
    with contextlib.closing(sqlite3.connect(cast.world.state / "state.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        cast.call()
        cast.until(lambda: cast.span.legs.get(FIRST) == "confirmed" and FIRST in cast.media.legs)
        assert db.execute("SELECT count(*) FROM calls WHERE id = 'call1'").fetchone() == (0,)
        cast.world.kill()
    slot = cast.media.legs[FIRST]
    late = {"front": cast.front, "span": cast.span, "media": cast.media}[back_last]
    cast.world.peers.remove(late)
    cast.world.start()
    others = [peer for peer in (cast.front, cast.span, cast.media) if peer is not late]
    cast.until(lambda: all(peer.link.connected for peer in others))
    if late is not cast.front:
        cast.until(lambda: "call.started" in cast.world.types("call1"))
    cast.world.peers.append(late)
    cast.until(lambda: bool(cast.plays()))
    assert cast.media.legs[FIRST] == slot
    assert cast.world.types("call1").count("call.started") == 1
    assert cast.world.types("call1").count("call.answered") == 1
    cast.caller_hangs_up()
    cast.wait_end()
    check_events(cast.world.events())


@pytest.mark.parametrize("state", STATES)
def test_appliance_restarted_in_any_state(cast, state):
    up_to(cast, state)
    cast.world.kill()
    for peer in cast.world.peers:
        peer.link.close()
    cast.world.peers.clear()
    cast.world.boot = "boot-2"
    cast.world.start()
    cast.wait_end()
    check_events(cast.world.events())
    last = json.loads(cast.world.events("call1")[-1].body)
    assert last["data"]["end"]["outcome"] == "appliance_restart"
    if state not in {"media opens", "answering"}:
        assert cast.world.types("call1").count("recording.failed") == 1


def test_caller_hung_up_while_switch_was_dead(cast):
    up_to(cast, "prompt")
    cast.world.kill()
    cast.caller_hangs_up()
    cast.world.start()
    cast.wait_end()
    last = json.loads(cast.world.events("call1")[-1].body)
    assert (last["data"]["end"]["outcome"], last["data"]["end"]["ended_by"]) == ("completed", "caller")
    check_events(cast.world.events())


def test_span_died_while_switch_was_dead(cast):
    up_to(cast, "prompt")
    cast.world.kill()
    cast.span.link.close()
    cast.world.peers.remove(cast.span)
    cast.world.start()
    cast.wait_end()
    last = json.loads(cast.world.events("call1")[-1].body)
    assert last["data"]["end"]["outcome"] == "span_lost"


def test_media_that_comes_back_empty_ends_its_calls(cast):
    up_to(cast, "prompt")
    cast.media.link.close()
    cast.world.peers.remove(cast.media)
    fresh = cast.world.peer("media", "media-2")
    cast.wait_end()
    assert fresh.legs == {}
    last = json.loads(cast.world.events("call1")[-1].body)
    assert last["data"]["end"]["outcome"] == "media_lost"


def test_unknown_legs_of_a_snapshot_are_discarded(cast):
    stranger = Peer(cast.world, "span", "span-9")
    stranger.legs[LegId("ghost.1")] = "confirmed"
    cast.world.peers.append(stranger)
    cast.until(lambda: stranger.discarded == ["ghost.1"])


def test_commands_wait_for_a_peer_that_is_away(cast):
    cast.media.link.close()
    cast.world.peers.remove(cast.media)
    cast.call()
    cast.until(lambda: cast.world.types("call1") == ["call.started"])
    successor = cast.world.peer("media", "media-2")
    cast.until(lambda: bool(successor.bodies(c.Play)))
    assert isinstance(successor.commands[0][1], c.OpenLeg)


def test_requests(cast):
    menu = cast.world.site.menus["main"]
    reply = cast.world.ask("originate", {"target": "sip:x@127.0.0.1", "menu": msgspec.to_builtins(menu)})
    call = reply["call"]
    cast.until(lambda: bool(cast.other.bodies(c.MakeCall)))
    listed = cast.world.ask("calls")
    assert [(one["id"], one["direction"], one["called"]) for one in listed] == [(call, "outgoing", "sip:x@127.0.0.1")]
    one = cast.world.ask("call", {"id": call})
    assert (one["state"], one["end"]) == ("open", None)
    cast.world.ask("hang_up", {"id": call})
    cast.wait_end(call)
    one = cast.world.ask("call", {"id": call})
    assert (one["state"], one["end"]["outcome"]) == ("ended", "stopped")
    assert one["events"][-1]["type"] == "call.ended"
    assert one["recordings"] == []


def test_events_of_the_supervisor_are_made_and_those_of_a_call_name_its_version(cast):
    up_to(cast, "prompt")
    notice = MenuRolledBack(menu="main", version="v1", instead_of="v2")
    cast.world.ask("notice", msgspec.to_builtins(notice))
    cast.caller_hangs_up()
    cast.wait_end()
    rows = [msgspec.json.decode(event.body) for event in cast.world.events()]
    (own,) = [event for event in rows if event["type"] == "menu.rolled_back"]
    assert (own["subject"], own["callseq"], own["data"]["version"]) == (cast.world.site.name, 1, "v1")
    assert "menuversion" not in own
    version = cast.world.site.menus["main"].version
    assert {event.get("menuversion") for event in rows if event is not own} == {version}
    assert len(rows) > 5


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("nonsense", {}),
        ("call", {"id": "none"}),
        ("call", 5),
        ("notice", {"type": "call.ended"}),
        ("originate", {"target": "x", "menu": "none"}),
    ],
)
def test_bad_requests_get_an_error(cast, what, body):
    with pytest.raises(LookupError):
        cast.world.ask(what, body)


def test_drain_finishes_what_runs_and_refuses_the_rest(cast):
    up_to(cast, "prompt")
    cast.world.tell(Drain())
    cast.world.ask("calls")  # the drain was read before it
    cast.front.link.report(incoming("call2"))
    cast.wait_end("call2")
    assert cast.span.bodies(c.Reject)[0].code == 503
    cast.caller_hangs_up()
    cast.wait_end()
    assert cast.world.stop() == 0


def test_reload_is_for_new_calls(cast):
    up_to(cast, "prompt")
    site = cast.world.site
    menu = msgspec.structs.replace(site.menus["main"], version="v2")
    cast.world.site_path.write_bytes(pack(msgspec.structs.replace(site, menus={"main": menu})))
    cast.world.tell(Reload(str(cast.world.site_path)))
    cast.world.ask("calls")
    cast.call("call2")
    cast.until(lambda: bool(cast.plays(LegId("call2.1"))))
    versions = {
        e.call: json.loads(e.body)["data"]["menu_version"] for e in cast.world.events() if e.type == "menu.node_entered"
    }
    assert versions == {"call1": "v1", "call2": "v2"}


def test_metrics(cast):
    up_to(cast, "gather")
    cast.press("9")
    cast.wait_end()
    cast.world.tell(Scrape(7))
    cast.until(lambda: any(isinstance(m, Scraped) for m in cast.world.messages))
    text = next(m.text for m in cast.world.messages if isinstance(m, Scraped))
    assert 'edge_switch_calls_total{direction="incoming",outcome="completed"} 1.0' in text
    assert 'edge_switch_digits_total{method="rfc4733"} 1.0' in text


def test_newer_state_file_is_refused_untouched(tmp_path):
    world = World(tmp_path)
    try:
        world.state.mkdir()
        path = world.state / "state.db"
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE future (x)")
            db.execute("PRAGMA user_version = 99")
        before = path.read_bytes()
        world.start(wait=False)
        world.until(lambda: world.process.poll() is not None)
        assert world.process.returncode == 78
        assert path.read_bytes() == before
        assert [p.name for p in world.state.iterdir()] == ["state.db"]
    finally:
        world.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 3 MB for the state."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


@pytest.fixture
def cast_on_small_disk(tmp_path: Path, small_disk: Path) -> Iterator[Cast]:
    world = World(tmp_path, state=small_disk)
    try:
        cast = Cast(world)
        world.start()
        yield cast
    finally:
        world.close()


def fill(folder: Path) -> Path:
    """Leave no byte free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return filler


def test_disk_full_while_a_call_runs(cast_on_small_disk, small_disk):
    cast = cast_on_small_disk
    up_to(cast, "prompt")
    filler = fill(small_disk)
    cast.play_ends()  # the running call goes on: its gather's prompt plays
    cast.until(lambda: "state.db" in cast.world.condition("storage"))
    before = cast.world.types("call1")
    cast.front.link.report(incoming("call2"))
    cast.until(lambda: bool(cast.span.bodies(c.Reject)))
    assert cast.span.bodies(c.Reject)[0].code == 503
    cast.press("1")
    cast.until(lambda: bool(cast.other.bodies(c.MakeCall)))
    assert cast.world.types("call1") == before
    assert cast.media.link.kept > 0, "nothing may be acknowledged that is not on disk"
    filler.unlink()
    cast.until(lambda: cast.world.condition("storage") == "")
    cast.until(lambda: "leg.ringing" in cast.world.types("call1"))
    cast.front.link.report(incoming("call3"))
    cast.until(lambda: "call.answered" in cast.world.types("call3"))
    cast.caller_hangs_up()
    cast.wait_end()
    assert cast.world.types("call2") == []
    check_events(cast.world.events())
    cast.until(lambda: cast.media.link.kept == 0)


def test_killed_while_the_disk_was_full(cast_on_small_disk, small_disk):
    cast = cast_on_small_disk
    up_to(cast, "prompt")
    filler = fill(small_disk)
    cast.play_ends()
    cast.press("1")
    cast.until(lambda: bool(cast.other.bodies(c.MakeCall)))
    cast.world.kill()
    filler.unlink()
    cast.world.start()
    cast.until(lambda: "leg.ringing" in cast.world.types("call1"))
    cast.caller_hangs_up()
    cast.wait_end()
    check_events(cast.world.events())
    ids = [id_ for peer in cast.world.peers for id_, _ in peer.commands]
    assert len(ids) == len(set(ids))


def test_read_only_at_the_start(tmp_path, small_disk):
    world = World(tmp_path, state=small_disk)
    remount(small_disk, "ro")
    try:
        cast = Cast(world)
        world.start(wait=False)
        world.until(lambda: bool(world.condition("storage")))
        assert not any(isinstance(m, Ready) for m in world.messages)
        with pytest.raises(LookupError):
            world.ask("calls")
        remount(small_disk, "rw")
        world.until(lambda: any(isinstance(m, Ready) for m in world.messages))
        assert world.condition("storage") == ""
        up_to(cast, "prompt")
    finally:
        world.close()


def test_too_little_space_refuses_new_calls(tmp_path, small_disk):
    world = World(tmp_path, state=small_disk, reserve_mb=2)
    try:
        cast = Cast(world)
        world.start()
        up_to(cast, "prompt")
        filler = small_disk / "filler"
        filler.write_bytes(b"\0" * 1_500_000)
        world.until(lambda: "2 MB" in world.condition("disk"))
        cast.front.link.report(incoming("call2"))
        cast.until(lambda: bool(cast.span.bodies(c.Reject)))
        filler.unlink()
        world.until(lambda: world.condition("disk") == "")
        cast.caller_hangs_up()
        cast.wait_end()
    finally:
        world.close()
