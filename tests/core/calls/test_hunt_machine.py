"""Hunts under random inputs in random order: never two who talk with the caller, never a leg that is left behind."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from msgspec.structs import replace

from edge.core.calls.inputs import HuntTold
from edge.core.menus.model import Target, Whisper
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.ids import LegId
from tests.core.calls.desk import sound
from tests.core.calls.test_call_machine import SAYING, CallMachine

TARGETS = [Target(target=f"sip:{name}@127.0.0.1", trunk=trunk) for name, trunk in (("a", ""), ("b", "pstn"), ("c", ""))]
KEYS = [one.key for one in TARGETS]
TOLD = Whisper(sounds=[sound("for")], accept="1", decline="2", accept_timeout_ms=5000)
SALES = replace(SAYING.nodes["sales"], target="", targets=TARGETS, hunt_timeout_ms=40_000)
MENU = replace(
    SAYING,
    nodes={
        **SAYING.nodes,
        "choose": replace(SAYING.nodes["choose"], choices={"1": "sales", "2": "all", "9": "bye"}),
        "sales": replace(SALES, whisper=TOLD, strategy="round_robin", skip_busy=True, after="choose"),
        "all": replace(SALES, whisper=replace(TOLD, accept=""), strategy="all", after="told"),
        "told": replace(SALES, whisper=TOLD, strategy="all"),
    },
)
HUNTED = st.sampled_from([LegId(f"c1.{number}") for number in range(2, 9)])


class HuntMachine(CallMachine):
    """The same world, with a menu that looks for somebody."""

    menu = MENU

    @rule(last=st.sampled_from(["", *KEYS]), busy=st.sets(st.sampled_from(KEYS)))
    def others_call_and_talk(self, last, busy):
        self.desk.told = HuntTold(last=last, busy=sorted(busy))

    @rule()
    def told_without_having_asked(self):
        self.give(HuntTold())

    @rule(leg=HUNTED, key=st.sampled_from("1125"))
    def one_who_is_told_presses_a_key(self, leg, key):
        self.target_answers(leg)
        self.desk.now_ms += 500
        self.key(leg, key, "rfc4733")

    @rule(leg=HUNTED)
    def one_answers(self, leg):
        self.target_answers(leg)

    @rule(leg=HUNTED, how=st.sampled_from(["finished", "stopped", "missing"]))
    def all_is_said(self, leg, how):
        plays = [one for one in self.desk.bodies(c.Play) if one.leg == leg]
        if plays:
            self.give(r.PlayEnded(leg=leg, play=plays[-1].play, how=how, played_ms=500, file="x"))

    @invariant()
    def only_one_has_the_call(self):
        call = self.desk.call
        hunt = call.dialling.hunt
        if hunt is None or hunt.taken is None or call.phase != "running":
            return
        others = {transfer.leg.id for transfer in hunt._attempts} - {hunt.taken.leg.id}
        assert not others
        told = {event.leg for event in self.desk.of(e.WhisperStarted)} - {
            one.leg for one in self.desk.of(e.WhisperEnded)
        }
        assert not told

    @invariant()
    def hunts_and_whispers_end(self):
        count = self.desk.count
        assert 0 <= count("hunt.started") - count("hunt.ended") <= 1
        assert count("whisper.ended") <= count("whisper.started")
        if self.desk.call.over or self.desk.call.phase == "ending":
            assert count("hunt.started") == count("hunt.ended")
            assert count("whisper.started") == count("whisper.ended")

    @invariant()
    def who_is_dialled_is_followed(self):
        """A leg that nothing follows any more is on its way down."""
        call = self.desk.call
        if call.phase == "running":
            left = [leg for leg in call.legs.values() if leg is not call.first and call.party(leg) is None]
            assert all(leg.signalling in {"hanging", "down"} for leg in left)


HuntMachine.TestCase.settings = settings(CallMachine.TestCase.settings, max_examples=100)
TestHuntMachine = HuntMachine.TestCase
