"""Random inputs in random order: what must hold for every call, whatever crosses, repeats or never comes."""

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from edge.core.calls import referrals
from edge.core.calls.actions import Emit, FreeSeat, Send
from edge.core.calls.call import ENDING_MS, Call
from edge.core.calls.inputs import (
    Abandoned,
    Announce,
    ChangeMode,
    ChangeSound,
    Drop,
    Elapsed,
    GivenAway,
    Handed,
    Input,
    Invite,
    Joins,
    MediaLost,
    PutOnHold,
    Reserved,
    Resumed,
    Stopped,
    TakesPlace,
    Terms,
)
from edge.core.menus.model import Announcement, Answered, Play
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CallId, LegId, PlayId, RecordingId
from edge.vocabulary.media import LegSound
from edge.vocabulary.private import Private
from edge.vocabulary.wire import pack
from tests.core.calls.desk import (
    CALL,
    MENU,
    OTHER_SPAN,
    REMOTE,
    Desk,
    ended,
    incoming,
    media_ended,
    originate,
    recording_done,
    seat,
    sound,
)
from tests.core.calls.test_attempt import ORDER
from tests.core.calls.test_holding import MUSIC, hears_music
from tests.core.calls.test_messages import BOX
from tests.core.calls.test_tones import tone

MAX_CALL_MS = 600_000
#: The usual menu, with an announcement in its transfer; calls that we make ask who answered before it.
SAYING = replace(
    MENU,
    start="who",
    nodes={
        "who": Answered(wait_for="beep", human="greet", machine="leave", fax="bye", unknown="greet", no_beep="bye"),
        "leave": Play(sounds=[sound("message")], next="bye"),
        **MENU.nodes,
        "choose": replace(MENU.nodes["choose"], choices={**MENU.nodes["choose"].choices, "3": "box"}),
        "box": replace(BOX, next="choose"),
        "sales": replace(MENU.nodes["sales"], announcement=Announcement(sounds=[sound("said")], every_ms=15_000)),
    },
)
LEGS = st.sampled_from([LegId("c1.1"), LegId("c1.2"), LegId("c1.3"), LegId("c1.9")])
GUESTS = [LegId("c1.1"), LegId("c1.2"), LegId("c1.3"), LegId("c1.4")]
GUEST = st.sampled_from(GUESTS)
MODES = st.sampled_from(["talk", "listen", "whisper"])
OUTCOMES = st.sampled_from(["completed", "busy", "no_answer", "cancelled", "span_lost", "failed"])
#: Each message has one of these.
MESSAGE_EVENTS = ("message.recorded", "voicemail.left", "message.discarded", "message.failed")
METHODS = st.sampled_from(["rfc4733", "inband", "info"])


class CallMachine(RuleBasedStateMachine):
    """Everything the world may send, at any time."""

    desk: Desk
    menu = SAYING

    @initialize(
        out=st.booleans(),
        refuse=st.sampled_from([0, 0, 0, 0, 404, 503]),
        with_seat=st.sampled_from([True, True, True, False]),
        remote=st.sampled_from([REMOTE, REMOTE, None]),
        recorded=st.booleans(),
        engine_up=st.booleans(),
        auto=st.booleans(),
        campaign=st.booleans(),
    )
    def begin(self, out, refuse, with_seat, remote, recorded, engine_up, auto, campaign):
        music = {"": MUSIC}
        terms = Terms(
            menu="main",
            max_call_ms=MAX_CALL_MS,
            recordings="/rec" if recorded else "",
            messages="/rec",
            hold_music=music,
            answering={"": {"wait": 700}},
            tones={"pstn": "us"},
            amd={"pstn": {"wait": 900}},
            auto_level=["pstn"],
        )
        first: Input
        if out:
            first = replace(originate(terms), attempt=ORDER if campaign else None)
            self.given = set()
        else:
            with_seat = with_seat and not refuse
            first = incoming(refuse, with_seat, remote, terms, engine_up)
            self.given = {0} if with_seat else set()
        self.next_seat = 1
        self.began_ms = 1_000_000
        self.aborted = False
        self.desk = Desk(first, menu=self.menu, auto=auto)

    def give(self, input: Input) -> None:  # noqa: A002
        self.desk.give(input)

    @rule(
        number=st.integers(1, 3),
        failed=st.sampled_from([True, False, False]),
        ms=st.sampled_from([0, 3000]),
        by=st.sampled_from(["silence", "stopped", "leg_ended"]),
    )
    def message_ends(self, number, failed, ms, by):
        first, id_ = LegId("c1.1"), RecordingId(f"c1-m{number}")
        if failed:
            self.give(r.RecordingFailed(leg=first, recording=id_, path="/m.wav", duration_ms=ms, error="full"))
        else:
            self.give(replace(recording_done(first, id_), duration_ms=ms, ended_by=by))

    @rule(ms=st.integers(0, 30_000))
    def time_passes(self, ms):
        self.desk.wait(ms)

    @rule(which=st.integers(0, 200), error=st.sampled_from([None, None, None, "broken"]))
    def command_done(self, which, error):
        if self.desk.sent:
            self.give(r.CommandDone(self.desk.sent[-1 - which % len(self.desk.sent)].id, error))

    @rule(leg=LEGS, with_seat=st.booleans(), trunk=st.sampled_from(["", "pstn", "other"]))
    def reserved(self, leg, with_seat, trunk=""):
        number = None
        if with_seat and self.desk.call.waits_for_seat(leg):  # switch takes a slot only then
            number = self.next_seat
            self.next_seat += 1
            self.given.add(number)
        self.give(Reserved(leg, OTHER_SPAN, seat(number) if number is not None else None, trunk))

    @rule(leg=LEGS, outcome=OUTCOMES)
    def refused(self, leg, outcome):
        self.give(r.SpanRefused(leg, EndReason(outcome=outcome, ended_by="appliance")))

    @rule(leg=LEGS)
    def goes_on_in_another_call(self, leg):
        handed = referrals.handed(self.desk.call, leg)
        if handed is not None:
            self.given.discard(handed.seat.slot)
            self.give(GivenAway(handed.leg, CallId("c7")))

    @rule(leg=LEGS, joined=st.booleans())
    def joins(self, leg, joined):
        asked = r.TransferAsked(leg=leg, target=Private(""), trunk="pstn", other=LegId("c8.1"))
        call = self.desk.call
        known = call.legs.get(leg)
        joined = joined and known is not None and referrals.why_not(call, known) is None
        handed = None
        if joined:
            self.given.add(self.next_seat)
            at = seat(self.next_seat)
            new = LegId(f"c8.{self.next_seat}")
            handed = Handed(leg=new, span=OTHER_SPAN, seat=at, remote=REMOTE, trunk="pstn")
            self.next_seat += 1
        self.give(Joins(asked, handed))

    @rule(leg=LEGS, with_seat=st.booleans())
    def takes_the_place(self, leg, with_seat):
        call = self.desk.call
        known = call.legs.get(leg)
        with_seat = with_seat and known is not None and referrals.why_not(call, known) is None
        if with_seat:
            self.given.add(self.next_seat)
        at = seat(self.next_seat) if with_seat else None
        new = LegId(f"c9.{self.next_seat}")
        self.next_seat += 1
        self.give(TakesPlace(replace(incoming().report, leg=new, replaces=leg), at))

    @rule(leg=LEGS, on=st.booleans())
    def put_on_hold(self, leg, on):
        self.give(PutOnHold(leg, on))

    @rule(leg=LEGS, trunk=st.sampled_from(["pstn", "other"]))
    def wants_another_in_its_place(self, leg, trunk):
        self.give(r.TransferAsked(leg=leg, target=Private("300"), trunk=trunk))

    @rule(leg=LEGS, early=st.booleans())
    def ringing(self, leg, early):
        self.give(r.LegRinging(leg, 183 if early else 180, early))

    @rule(leg=LEGS)
    def answered(self, leg):
        self.give(r.LegAnswered(leg))

    @rule(leg=LEGS, what=st.sampled_from(["human", "machine", "fax", "unknown", "greeting_ended", "beep"]))
    def heard_who_answered(self, leg, what):
        self.give(r.AnswerHeard(leg=leg, what=what, cause="beep", start_ms=1, end_ms=2, at_ms=3, level_dbm0=-20.0))

    @rule(leg=LEGS, label=st.sampled_from(["busy", "ringback", "sit"]), phase=st.sampled_from(["begin", "end", "once"]))
    def heard_a_tone(self, leg, label, phase):
        self.give(tone(leg, label, phase))

    @rule()
    def first_answered(self):
        self.give(r.LegAnswered(LegId("c1.1")))

    @rule(leg=LEGS)
    def media_facts(self, leg):
        self.give(r.LegMedia(leg, REMOTE))

    @rule(leg=GUEST, direction=st.sampled_from(["sendrecv", "sendonly", "inactive", "recvonly"]))
    def peer_holds_or_resumes(self, leg, direction):
        self.give(r.LegMedia(leg, replace(REMOTE, direction=direction)))

    @rule(leg=LEGS, outcome=OUTCOMES)
    def leg_ended(self, leg, outcome):
        self.give(ended(leg, outcome))

    @rule(leg=LEGS)
    def media_closed(self, leg):
        self.give(media_ended(leg))

    @rule(leg=LEGS)
    def media_lost(self, leg):
        self.give(MediaLost(leg))

    @rule(leg=LEGS, digit=st.sampled_from("12345690*#"), method=METHODS)
    def key(self, leg, digit, method):
        at = self.desk.now_ms
        if method == "info":
            self.give(r.InfoDigit(leg, Private(digit), 160, at))
        else:
            self.give(r.DigitHeard(leg=leg, method=method, digit=Private(digit), start_ms=at - 100, duration_ms=80))

    @rule(how=st.sampled_from(["finished", "stopped", "barged", "missing"]))
    def play_ends(self, how):
        plays = self.desk.bodies(c.Play)
        if plays:
            last = plays[-1]
            self.give(r.PlayEnded(leg=last.leg, play=last.play, how=how, played_ms=1, file="/x.wav"))

    @rule()
    def strange_play_ends(self):
        self.give(r.PlayEnded(leg=LegId("c1.1"), play=PlayId("other"), how="finished", played_ms=1))

    @rule(leg=LEGS, on=st.booleans())
    def sound(self, leg, on):
        self.give(r.SoundHeard(leg, on, self.desk.now_ms))

    @rule(leg=LEGS)
    def small_reports(self, leg):
        self.give(r.DigitsSent(leg))
        self.give(r.AudioStopped(leg, 30_000))

    @rule(failed=st.booleans())
    def recording_ends(self, failed):
        if failed:
            first = LegId("c1.1")
            self.give(r.RecordingFailed(leg=first, recording="c1-1", path="/r.wav", duration_ms=5, error="full"))
        else:
            self.give(recording_done(LegId("c1.1"), "c1-1"))

    @rule(key=st.sampled_from("1112"))
    def caller_comes_to_a_choice(self, key):
        """Random steps alone hardly ever get this far."""
        for send in list(self.desk.sent):
            if isinstance(send.body, c.OpenLeg):
                self.give(r.CommandDone(send.id))
        self.first_answered()
        self.media_facts(LegId("c1.1"))
        if self.desk.call.run.node == "greet":
            self.play_ends("finished")
        self.desk.now_ms += 500
        self.key(LegId("c1.1"), key, "rfc4733")

    @rule(leg=st.sampled_from([LegId("c1.2"), LegId("c1.2"), LegId("c1.3"), LegId("c1.4")]))
    def target_answers(self, leg):
        if self.desk.call.waits_for_seat(leg):
            self.reserved(leg, True)
        for send in list(self.desk.sent):
            if isinstance(send.body, c.OpenLeg):
                self.give(r.CommandDone(send.id))
        self.media_facts(leg)
        self.answered(leg)

    @rule(holds=st.sampled_from([[], ["c1.1"], ["c1.2"], ["c1.2", "c1.1"]]))
    def two_talk_and_hold(self, holds):
        """So does what holds are about."""
        self.caller_comes_to_a_choice("1")
        self.target_answers(LegId("c1.2"))
        for leg in holds:
            self.peer_holds_or_resumes(LegId(leg), "sendonly")

    @rule(mode=MODES, to=st.sampled_from([None, None, *GUESTS]), supervises=st.booleans())
    def somebody_is_asked_in(self, mode, to, supervises):
        target, caller = Private("sip:boss@127.0.0.1"), Private("edge")
        self.give(Invite(target=target, trunk="", caller=caller, mode=mode, to=to, supervises=supervises))

    @rule(leg=GUEST, mode=MODES, to=st.sampled_from([None, *GUESTS]))
    def mode_is_changed(self, leg, mode, to):
        self.give(ChangeMode(leg, mode, to))

    @rule(leg=LEGS, muted=st.booleans(), gain_db=st.sampled_from([0.0, 6.0]))
    def sound_is_changed(self, leg, muted, gain_db):
        self.give(ChangeSound(leg, LegSound(muted=muted, gain_db=gain_db)))

    @rule(leg=LEGS)
    def leg_is_dropped(self, leg):
        self.give(Drop(leg))

    @rule(to=st.sampled_from(["both", "caller", "target"]))
    def something_is_announced(self, to):
        self.give(Announce(Announcement(sounds=[sound("asked")], to=to)))

    @rule()
    def early_timer(self):
        self.give(Elapsed())

    @rule()
    def resumed(self):
        self.give(Resumed())

    @rule(text=st.sampled_from(["by hand", "no room"]))
    def stopped(self, text):
        self.give(Stopped(text))

    @rule()
    def appliance_restarts(self):
        sent = len(self.desk.sent)
        over = self.desk.call.over
        self.give(Abandoned([]))
        assert self.desk.call.over
        assert len(self.desk.sent) == sent, "nobody is left who could carry out a command"
        self.aborted = self.aborted or not over

    @rule()
    def second_beginning(self):
        self.give(incoming())

    @invariant()
    def events_are_in_order(self):
        types = self.desk.types()
        assert types[0] == "call.started"
        assert types.count("call.started") == 1
        assert types.count("call.ended") == (1 if self.desk.call.over else 0)
        assert (types[-1] == "call.ended") == self.desk.call.over
        attempt = self.desk.call.attempt is not None
        assert types.count("dialer.attempt_started") == (1 if attempt else 0)
        assert types.count("dialer.attempt_ended") == (1 if attempt and self.desk.call.over else 0)

    @invariant()
    def pairs_match(self):
        count = self.desk.count
        ended = [event.leg for event in self.desk.of(e.LegEnded)]
        started = [event.leg for event in self.desk.of(e.LegStarted)]
        assert len(ended) == len(set(ended))
        # The first leg was not started by an event, and the end of whichever is the first at the end is the call's.
        strangers = {leg for leg in ended if not leg.startswith("c1.")}
        assert set(ended) - set(started) - strangers <= {self.desk.call.id + ".1"}
        assert 0 <= count("bridge.started") - count("bridge.ended") <= 1
        assert count("conference.left") <= count("conference.joined")
        recorded = len(self.desk.bodies(c.StartRecording))
        assert recorded <= 1 + count("transfer.completed")
        assert count("recording.completed") + count("recording.failed") <= recorded
        messages = len(self.desk.bodies(c.StartMessage))
        told = sum(map(count, MESSAGE_EVENTS))
        assert told <= messages
        if self.desk.call.over:
            assert told == messages
            moved = {event.leg for event in self.desk.of(e.LegMoved)}
            assert set(started) - set(ended) - moved <= {self.desk.call.first.id}
            assert count("bridge.started") == count("bridge.ended")
            assert count("conference.left") == count("conference.joined")
            assert count("recording.completed") + count("recording.failed") == recorded

    @invariant()
    def music_is_for_who_would_hear_nobody(self):
        call = self.desk.call
        assert self.desk.count("leg.resumed") <= self.desk.count("leg.held")
        for id_ in hears_music(self.desk):
            leg = call.legs[id_]
            if call.phase == "running" and leg.media == "open":
                partner = call.talks_with(leg)
                assert call.talking
                assert partner is not None
                assert partner.held or leg.on_hold
                assert not leg.held or leg.on_hold
                assert leg.on_hold or not any(g.joined and g.mode == "talk" for g in call.guests.present.values())

    @invariant()
    def sensitive_digits_stay_inside(self):
        digits = [e.digits.reveal() for e in self.desk.events if type(e).__name__ == "MenuInput" and e.node == "pin"]
        assert all(set(d) <= {"*"} for d in digits)

    def teardown(self):
        if not hasattr(self, "desk"):
            return
        desk = self.desk
        self._ends_by_itself(desk)
        if not self.aborted:
            assert sorted(desk.freed) == sorted(self.given)
        self._replay_is_the_same(desk)

    def _ends_by_itself(self, desk: Desk) -> None:
        """Whatever happened: without any further report it ends, in time."""
        desk.auto = False
        steps = 0
        # The rules move the clock without giving the time that is due, so the end may be overdue already.
        began_ms = desk.now_ms
        while not desk.call.over:
            assert desk.call.deadline is not None
            desk.now_ms = max(desk.now_ms, desk.call.deadline.at_ms)
            desk.give(Elapsed())
            steps += 1
            assert steps < 1000
        assert desk.call.ended_ms is not None
        assert desk.call.ended_ms <= self.began_ms + MAX_CALL_MS
        assert desk.now_ms <= max(desk.call.ended_ms + ENDING_MS, began_ms)

    def _replay_is_the_same(self, desk: Desk) -> None:
        twin = Call(CALL, self.menu)
        actions = [action for now_ms, entry in desk.journal for action in twin.replay(entry, now_ms)]
        assert [a for a in actions if isinstance(a, Send)] == desk.sent
        assert [a.slot for a in actions if isinstance(a, FreeSeat)] == desk.freed
        assert [type(a.event) for a in actions if isinstance(a, Emit)] == [type(e) for e in desk.events]
        assert (twin.phase, twin.callseq, twin.deadline) == (desk.call.phase, desk.call.callseq, desk.call.deadline)
        assert pack([entry for _, entry in desk.journal])


CallMachine.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
TestCallMachine = CallMachine.TestCase
