"""Questions to backends in virtual time, and sensitive digits on their way to one."""

from edge.core.menus.kinds.checks import Check
from edge.core.menus.model import Ask, Attribute, Gather, Play, Transfer
from edge.core.menus.words import (
    AskBackend,
    AttributesSet,
    BackendSaid,
    Dial,
    Digit,
    EnterNode,
    InputResult,
    PlayDone,
    Resumed,
    StopSounds,
)
from tests.core.menus.walk import HELLO, PROMPT, Walk

ASK = Ask(endpoint="crm", send=["caller", "vip"], answers={"yes": "won"}, failed="lost", timeout="bye", timeout_ms=3000)
CARD = Gather(
    prompt=[PROMPT], max_digits=4, min_digits=4, next="cvc", failed="lost", sensitive=True, keep="card",
    check=Check(algorithm="luhn"),
)  # fmt: skip
CVC = Gather(prompt=[], max_digits=3, min_digits=3, next="pay", failed="lost", sensitive=True, keep="cvc")
PAY = Ask(
    endpoint="bank",
    send=["card", "cvc", "amount"],
    answers={"approved": "won"},
    next="a",
    failed="lost",
    timeout="lost",
)
SHOP = {"a": CARD, "cvc": CVC, "pay": PAY}


def asked(walk):
    return [action for action in walk.actions if isinstance(action, AskBackend)]


def test_an_answer_has_its_way_and_sets_attributes():
    walk = Walk({"a": ASK}, attributes={"vip": Attribute(default="no")})
    assert asked(walk) == [AskBackend(1, "a", "crm", 3000, {"caller": "", "vip": "no"}, {})]
    said = BackendSaid(number=1, outcome="ok", answer="yes", attributes={"vip": "gold", "skill": "${caller}", "x": "1"})
    walk.give(said)
    assert walk.ended == "won"
    assert walk.set_to() == [{"vip": "gold"}], "known ones, and no templates"


def test_without_an_answer_the_menu_has_a_way_of_its_own():
    for said, end in (
        (BackendSaid(number=1, outcome="ok", answer="what"), "lost"),
        (BackendSaid(number=1, outcome="failed"), "lost"),
        (BackendSaid(number=1, outcome="timeout"), "bye"),
    ):
        walk = Walk({"a": ASK})
        walk.give(said)
        assert walk.ended == end
    walk = Walk({"a": ASK})
    walk.wait(3300)
    assert walk.ended == "bye", "also when nobody says that it is over"


def test_the_answer_to_an_earlier_question_changes_nothing():
    walk = Walk({"a": ASK})
    assert asked(Walk({"a": ASK}))[0].number == 1
    walk.give(Resumed())
    assert asked(walk)[0].number == 2, "after a crash it is asked anew"
    assert walk.give(BackendSaid(number=1, outcome="ok", answer="yes")) == []
    walk.give(BackendSaid(number=2, outcome="ok", answer="yes"))
    assert walk.ended == "won"


def test_a_sound_is_played_meanwhile_and_stopped():
    walk = Walk({"a": Ask(endpoint="crm", sounds=[HELLO], next="won", failed="lost", timeout="lost")})
    assert walk.heard() == ["hello"]
    assert walk.press("1") == [], "keys mean nothing to it"
    walk.give(BackendSaid(number=1, outcome="ok"))
    assert walk.actions[0] == StopSounds()
    walk = Walk({"a": Ask(endpoint="crm", sounds=[HELLO], next="won", failed="lost", timeout="lost")})
    walk.give(PlayDone())
    walk.give(BackendSaid(number=1, outcome="ok"))
    assert StopSounds() not in walk.actions
    assert walk.ended == "won"


def test_kept_digits_leave_once_and_are_sensitive_until_then():
    walk = Walk(SHOP, attributes={"amount": Attribute(type="digits", default="12")})
    walk.press("4243")
    assert walk.results() == [("no_match", "****")], "the check digit is wrong"
    walk.press("1230")
    assert walk.results() == [("matched", "****")]
    assert walk.run.sensitive
    walk.press("071")
    assert asked(walk) == [AskBackend(1, "pay", "bank", 5000, {"amount": "12"}, {"card": "1230", "cvc": "071"})]
    assert walk.run.sensitive
    walk.give(BackendSaid(number=1, outcome="ok", answer="declined"))
    assert walk.run.node == "a"
    walk.press("1230071")
    assert asked(walk)[0].secrets == {"card": "1230", "cvc": "071"}
    walk.give(BackendSaid(number=2, outcome="ok", answer="approved"))
    assert walk.ended == "won"
    assert not walk.run.sensitive
    assert not any("1230" in str(a) for a in walk.actions if isinstance(a, InputResult | EnterNode | AttributesSet))


def test_digits_that_a_crash_has_lost_are_asked_for_again():
    for pressed in ("1230", "1230071"):  # between the two gathers, and while the bank is asked
        walk = Walk(SHOP)
        walk.press(pressed)
        walk.give(Resumed())
        assert walk.run.node == "a"
        assert walk.heard() == ["prompt"]
        walk.press("1230071")
        assert asked(walk)[0].secrets == {"card": "1230", "cvc": "071"}


def test_who_goes_elsewhere_takes_no_kept_digits_along():
    other = Gather(prompt=[PROMPT], choices={"1": "pay"}, failed="lost")
    walk = Walk({**SHOP, "a": Gather(prompt=[], max_digits=4, next="say", failed="lost", sensitive=True, keep="card"),
                 "say": Play(sounds=[HELLO], next="other"), "other": other})  # fmt: skip
    walk.press("1230")
    assert walk.run.node == "say"
    assert walk.run.sensitive
    walk.give(PlayDone())
    assert walk.run.node == "other"
    assert not walk.run.sensitive
    walk.press("1")
    assert asked(walk)[0].secrets == {}
    walk = Walk({"a": Gather(prompt=[], max_digits=1, next="t", failed="lost", sensitive=True, keep="pin"),
                 "t": Transfer(target="sip:x@y", failed="lost")})  # fmt: skip
    walk.give(Digit("1"))
    assert isinstance(walk.actions[-1], Dial)
    assert not walk.run.sensitive
