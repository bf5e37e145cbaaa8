"""Trials in switch: who gets which menu, what stops them, and what a restart keeps of them."""

import math
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from edge.config.compiled import CompiledSite
from edge.config.engines import slots_of
from edge.config.menu_tables import Standard, StopIf, TrialSource
from edge.config.site import Media, Route
from edge.core.calls.slots import QUARANTINE_MS
from edge.metrics.library import generate_latest
from edge.metrics.switch import SwitchMetrics
from edge.storage.store import Store
from edge.switch import standards
from edge.switch.exchange import Exchange
from edge.switch.plan import Plan
from edge.switch.recovery import recover
from edge.switch.requests import RequestError, Requests
from edge.switch.seats import Seats
from edge.switch.trials import META, TrialError
from edge.vocabulary import reports as r
from edge.vocabulary import site_events
from edge.vocabulary.ids import Incarnation, LegId
from edge.vocabulary.private import Private
from tests.core.calls.desk import MENU
from tests.switch.world import ended, incoming, media_ended, recording_done

OTHER = replace(MENU, name="other", version="v2")
SPAN = "span span-1"
WALL = datetime(2026, 11, 21, 12, tzinfo=UTC)


def site_with(**trial):
    one = TrialSource(**({"name": "greeting", "menu": "main", "candidate": "other", "share": 50} | trial))
    return CompiledSite(
        name="test",
        media=Media(slots=20),
        routes=[Route(number="2*", menu="main")],
        menus={"main": MENU, "other": OTHER},
        trials=[one],
        standards=[Standard(menu="main", served_at=["pin"])],
    )


class Office:
    """An exchange with a clock of its own, whose peers do what they are told."""

    def __init__(self, site, stored=None):
        self.now = 5000
        self.wall = WALL
        self.metrics = SwitchMetrics()
        seats = Seats([slots_of(site.media, 0)])
        self.exchange = Exchange(Plan(site), "boot", self.metrics, lambda: self.now, lambda: self.wall, seats)
        self.exchange.connected |= {"front", "media", SPAN}
        self.exchange.trials.restore(stored or {})
        counted = {key.removeprefix(standards.META): text for key, text in (stored or {}).items()}
        self.exchange.standards.restore(counted)

    def report(self, process, body):
        self.exchange.report(process, Incarnation("span-1" if process == "span" else process), body)

    def carried_out(self):
        for receiver in ("media", SPAN):
            for command in self.exchange.pending.take(receiver):
                self.report("span" if receiver == SPAN else receiver, r.CommandDone(command.id))

    def begin(self, call, number="100"):
        self.report("front", replace(incoming(call), caller=Private(number)))
        self.carried_out()
        self.report("span", r.LegAnswered(LegId(f"{call}.1")))
        self.carried_out()

    def end(self, call, by="caller"):
        recordings = self.exchange.calls[call].recordings
        self.report("span", ended(LegId(f"{call}.1"), by=by))
        self.carried_out()
        for recording in recordings:
            self.report("media", recording_done(LegId(f"{call}.1"), recording))
        self.report("media", media_ended(LegId(f"{call}.1")))
        assert call not in self.exchange.calls
        self.now += QUARANTINE_MS

    def told(self, kind):
        bodies = [msgspec.json.decode(row.body) for row in self.exchange.turn.events if row.type == kind]
        return [body["data"] for body in bodies]

    @property
    def stored(self):
        return {key.removeprefix(META): text for key, text in self.exchange.turn.meta.items()}

    def trial(self):
        (one,) = self.exchange.trials.listed(int(self.wall.timestamp() * 1000))
        return one


def test_each_caller_has_its_side_and_events_say_which():
    office = Office(site_with())
    for number in range(12):
        for call in (f"a{number}", f"b{number}"):
            office.begin(call, f"10{number}")
            office.end(call)
    started, done = office.told("call.started"), office.told("call.ended")
    assert {one["trial"] for one in started + done} == {"greeting"}
    assert {one["arm"] for one in started} == {"control", "candidate"}
    assert [one["arm"] for one in started] == [one["arm"] for one in done]
    by_caller = {}
    for one in started:
        by_caller.setdefault(one["caller"], set()).add(one["arm"])
    assert len(by_caller) == 12
    assert all(len(arms) == 1 for arms in by_caller.values())
    for one in done:
        expected = ("main", "v1") if one["arm"] == "control" else ("other", "v2")
        assert (one["menu"], one["menu_version"]) == expected
    entered = office.told("menu.node_entered")
    assert {(one["menu"], one["menu_version"]) for one in entered} == {("main", "v1"), ("other", "v2")}
    arms = [one["arm"] for one in done]
    assert office.trial()["control_calls"] == arms.count("control")
    assert office.trial()["candidate_calls"] == arms.count("candidate")
    counted = office.metrics.trial_calls
    assert counted.labels("greeting", "control", "abandoned")._value.get() == arms.count("control")


def test_calls_of_other_menus_and_outside_its_time_are_no_part_of_it():
    office = Office(site_with(starts="2026-11-21T13:00", until="2026-11-21T14:00"))
    seen = []
    for hour, condition in ((12, "planned"), (13, "running"), (14, "over")):
        office.wall = WALL.replace(hour=hour)
        office.begin(f"c{hour}")
        seen.append(office.told("call.started")[-1]["trial"])
        assert office.trial()["condition"] == condition
        office.end(f"c{hour}")
    assert seen == ["", "greeting", ""]
    assert Office(site_with(menu="elsewhere")).exchange.trials.listed(0)
    office = Office(site_with(menu="other", candidate="main"))
    office.begin("d")
    assert office.told("call.started")[-1]["trial"] == ""


def test_a_stop_is_for_new_calls_and_kept_over_restarts_and_reloads():
    site = site_with(callers=["*"], share=0)
    office = Office(site)
    office.begin("a")
    office.exchange.change_trial(office.exchange.trials.stop("greeting", WALL))
    office.begin("b")
    assert [one["arm"] for one in office.told("call.started")] == ["candidate", ""]
    assert office.told("trial.stopped") == [
        {
            "type": "trial.stopped",
            "trial": "greeting",
            "by": "request",
            "indicator": "",
            "worse_by": None,
            "at_least": None,
            "control_calls": 0,
            "candidate_calls": 0,
        }
    ]
    office.end("a")
    assert office.trial()["candidate_calls"] == 1, "a call in progress keeps its side and counts"
    with pytest.raises(TrialError, match="stopped since"):
        office.exchange.trials.stop("greeting", WALL)
    later = Office(site, office.stored)
    later.begin("c")
    assert later.told("call.started")[-1]["trial"] == ""
    assert (later.trial()["condition"], later.trial()["stopped_by"]) == ("stopped", "request")
    later.exchange.trials.configure(Plan(site).trials)
    assert later.trial()["condition"] == "stopped"
    later.exchange.change_trial(later.exchange.trials.start("greeting", WALL))
    later.begin("d")
    assert later.told("call.started")[-1]["arm"] == "candidate"
    assert later.told("trial.started") == [{"type": "trial.started", "trial": "greeting"}]
    assert later.trial()["candidate_calls"] == 0, "it is counted anew"
    with pytest.raises(TrialError, match="it is running"):
        later.exchange.trials.start("greeting", WALL)
    other = Office(site_with(callers=["*"], share=0, menu="main", candidate="missing"), office.stored)
    assert other.trial()["condition"] == "running", "another candidate is another trial"
    other.begin("e")
    assert other.told("call.started")[-1]["trial"] == "", "a candidate that is not there is nobody's menu"


def test_a_candidate_that_loses_callers_is_stopped_by_its_guard_rails():
    site = site_with(stop_if=StopIf(abandonment_worse_by=0, after_calls=20))
    office = Office(site)
    number = 0
    while not office.told("trial.stopped"):
        number += 1
        assert number < 300
        office.begin(f"c{number}", f"{number}")
        arm = office.told("call.started")[-1]["arm"]
        office.end(f"c{number}", by="caller" if arm == "candidate" else "network")
    (stopped,) = office.told("trial.stopped")
    assert (stopped["by"], stopped["indicator"], stopped["worse_by"]) == ("guard", "abandonment", 100.0)
    assert 0 < stopped["at_least"] < 100
    assert stopped["control_calls"] >= 20
    assert stopped["candidate_calls"] >= 20
    assert stopped["control_calls"] + stopped["candidate_calls"] == number
    office.begin("after")
    assert office.told("call.started")[-1]["trial"] == ""
    later = Office(site, office.stored)
    assert (later.trial()["condition"], later.trial()["stopped_by"]) == ("stopped", "guard")
    assert later.trial()["alarm"]["indicator"] == "abandonment"


def test_what_is_stored_by_another_version_or_of_another_trial_is_forgotten():
    office = Office(site_with(), {"greeting": "{]", "other": '{"what": "x > y", "stopped": "request"}'})
    assert office.trial()["condition"] == "running"
    office = Office(site_with(), {"greeting": '{"what": "main > third", "stopped": "request"}'})
    assert office.trial()["condition"] == "running"


def test_a_former_version_of_the_menu_itself_is_tried():
    former = replace(MENU, version="v0")
    site = replace(site_with(candidate="main", version="v", share=0, callers=["*"]), tried={"greeting": former})
    office = Office(site)
    office.begin("c")
    office.end("c")
    (done,) = office.told("call.ended")
    assert (done["arm"], done["menu"], done["menu_version"]) == ("candidate", "main", "v0")
    assert len(office.exchange.turn.menus) == 1
    assert office.trial()["candidate"] == "main@v"
    later = Office(replace(site, tried={}), office.stored)
    later.begin("d")
    assert later.told("call.started")[-1]["trial"] == "", "a version that is not kept is nobody's menu"


def test_a_call_that_a_restart_took_up_is_counted_when_it_ends(tmp_path):
    site = site_with(callers=["*"], share=0)
    office = Office(site)
    office.begin("c")
    store = Store(tmp_path / "state.db")
    store.write(office.exchange.take_turn())
    later = Office(site, store.meta(META))
    later.exchange.connected.clear()
    assert recover(store, later.exchange) == (1, 0)
    later.exchange.connected |= {"front", "media", SPAN}
    later.carried_out()
    later.end("c")
    assert later.told("call.ended")[-1]["arm"] == "candidate"
    assert later.trial()["candidate_calls"] == 1
    store.write(later.exchange.take_turn())
    assert '"abandoned":1' in store.meta(META)["greeting"]
    store.close()


def test_requests():
    office = Office(site_with())
    requests = Requests(lambda: office.exchange, None)
    (one,) = msgspec.json.decode(requests.answer("trials", b"null"))
    assert one["name"] == "greeting"
    assert one["split"] == "50 % of callers"
    with pytest.raises(RequestError, match="no trial 'x'"):
        requests.answer("trial_stop", b'{"name": "x"}')
    assert msgspec.json.decode(requests.answer("trial_stop", b'{"name": "greeting"}')) == {"trial": "greeting"}
    with pytest.raises(RequestError, match="is stopped since"):
        requests.answer("trial_stop", b'{"name": "greeting"}')
    requests.answer("trial_start", b'{"name": "greeting"}')
    assert [row.type for row in office.exchange.turn.events] == ["trial.stopped", "trial.started"]
    assert [row.callseq for row in office.exchange.turn.events] == [1, 2]
    office.exchange.trials.show(0)
    assert office.metrics.trial_running.labels("greeting")._value.get() == 1


def test_events_of_trials_are_the_appliance_s(tmp_path):
    office = Office(site_with())
    office.exchange.change_trial(office.exchange.trials.stop("greeting", WALL))
    (row,) = office.exchange.turn.events
    assert row.call == "test"
    assert isinstance(site_events.TrialStopped(trial="x", by="guard"), site_events.SiteEvent)


# --- standards


def expecting(**more):
    site = replace(site_with(), trials=[])
    return replace(site, standards=[Standard(menu="main", abandonment_most=20, time_in_menu_most_ms=60_000, **more)])


def shown(office):
    office.exchange.standards.show(office.wall)
    lines = generate_latest(office.metrics.registry).decode().splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if line.startswith("edge_switch_standard_"))
    assert all('menu="main",node=""' in name for name in found)
    return {name.replace(',menu="main",node=""', ""): float(value) for name, value in found.items()}


def test_a_standard_shows_what_is_expected_and_what_is_measured():
    office = Office(expecting())
    before = shown(office)
    assert before['edge_switch_standard_target_ratio{indicator="abandonment"}'] == 0.2
    assert before['edge_switch_standard_target_seconds{indicator="time_in_menu"}'] == 60.0
    assert before['edge_switch_standard_samples{indicator="abandonment"}'] == 0
    assert math.isnan(before['edge_switch_standard_value_ratio{indicator="abandonment"}'])
    assert before['edge_switch_standard_met{indicator="abandonment"}'] == 0
    assert before['edge_switch_standard_missed{indicator="abandonment"}'] == 0
    for number in range(6):
        office.begin(f"c{number}")
        office.now += 3000
        office.end(f"c{number}")
    office.wall = WALL + timedelta(hours=1)
    after = shown(office)
    assert after['edge_switch_standard_value_ratio{indicator="abandonment"}'] == 1.0
    assert after['edge_switch_standard_value_seconds{indicator="time_in_menu"}'] == 3.0
    assert after['edge_switch_standard_samples{indicator="abandonment"}'] == 6
    assert after['edge_switch_standard_covered_seconds{indicator="abandonment"}'] == 3600
    assert after['edge_switch_standard_met{indicator="abandonment"}'] == 0
    assert after['edge_switch_standard_missed{indicator="abandonment"}'] == 1
    assert after['edge_switch_standard_met{indicator="time_in_menu"}'] == 1
    office.wall = WALL + timedelta(hours=25)
    assert shown(office)['edge_switch_standard_samples{indicator="abandonment"}'] == 0


def test_what_standards_counted_is_stored_with_each_call_and_survives():
    office = Office(expecting())
    for number in range(3):
        office.begin(f"c{number}")
        office.end(f"c{number}")
    later = Office(expecting(), office.stored)
    assert shown(later)['edge_switch_standard_samples{indicator="abandonment"}'] == 3
    later.exchange.standards.configure(Plan(expecting(containment_least=30)).standards, WALL)
    assert shown(later)['edge_switch_standard_samples{indicator="containment"}'] == 3, "a new bound, the same calls"
    later.exchange.standards.configure(Plan(expecting(served_at=["pin"])).standards, WALL)
    again = shown(later)
    assert again['edge_switch_standard_samples{indicator="abandonment"}'] == 0, "calls count as another thing now"
    assert not any("containment" in name for name in again)
    later.exchange.standards.configure([], WALL)
    assert shown(later) == {}
    garbage = {f"{standards.META}main/3": "{}", f"{standards.META}gone/3": "[", f"{standards.META}main/x": "\0"}
    assert shown(Office(expecting(), garbage))['edge_switch_standard_samples{indicator="abandonment"}'] == 0


def test_a_call_that_a_restart_took_up_counts_once_for_its_standard(tmp_path):
    office = Office(expecting())
    office.begin("a")
    office.end("a")
    office.begin("b")
    store = Store(tmp_path / "state.db")
    store.write(office.exchange.take_turn())
    later = Office(expecting())
    later.exchange.standards.restore(store.meta(standards.META))
    later.exchange.connected.clear()
    assert recover(store, later.exchange) == (1, 0)
    assert shown(later)['edge_switch_standard_samples{indicator="abandonment"}'] == 1
    later.exchange.connected |= {"front", "media", SPAN}
    later.carried_out()
    later.end("b")
    store.write(later.exchange.take_turn())
    last = Office(expecting())
    last.exchange.standards.restore(store.meta(standards.META))
    assert shown(last)['edge_switch_standard_samples{indicator="abandonment"}'] == 2
    assert shown(last)['edge_switch_standard_value_ratio{indicator="abandonment"}'] == 1.0
    store.close()
