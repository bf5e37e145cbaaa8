"""Callers who ask to be called back, in virtual time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.callbacks.rules import Rules
from edge.core.callbacks.window import WindowRule
from edge.core.menus.calendar import UTC_ZONE, Calendar
from edge.core.menus.facts import Facts
from edge.core.menus.kinds.callback import MOST_TYPED
from edge.core.menus.model import Callback, Gather, Play
from edge.core.menus.parts import Reading, Sound
from edge.core.menus.words import Digit, Flash, PlayDone, PlaySounds, RequestCallback, Resumed, TimeUp
from tests.core.menus.walk import HELLO, Walk

HOUR = 3_600_000
NUMBER = Sound("", "number", reading=Reading("${callback_number}", "digits"))
#: Any word is a file of its own name.
WORDS = {
    "en": {word: word for word in ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")}
}


def gather(label: str, **more) -> Gather:
    limits = {"max_digits": 1, "max_failures": 2, "no_match": [[Sound("/huh", "huh")]]} | more
    return Gather(prompt=[Sound(f"/{label}", label), NUMBER], failed="", **limits)


NODE = Callback(
    offer=gather("offer"),
    ask=gather("type", min_digits=4, max_digits=20, finish_on_key="#"),
    confirm=gather("confirm"),
    rules=Rules(countries=["AT"]),
    window=WindowRule(within_ms=HOUR),
    zone=UTC_ZONE,
    next="won",
    declined="bye",
    failed="lost",
    refused="refused",
)
OWN = Facts(peer="+4930123456", country="DE", wall_ms=1_795_000_000_000)


class Asking(Walk):
    """A caller at the node, who asks."""

    def __init__(self, node: Callback = NODE, facts: Facts = OWN, **more) -> None:
        #: Everything that was ever asked for.
        self.requests: list[RequestCallback] = []
        refused = {"refused": Play(sounds=[HELLO], next="bye")}
        super().__init__({"a": node, **refused, **more}, facts=facts, words=WORDS)

    def give(self, *inputs):
        done = super().give(*inputs)
        self.requests += [action for action in done if isinstance(action, RequestCallback)]
        return done

    def digits(self) -> str:
        """The number that is being read out."""
        plays = [action for action in self.actions if isinstance(action, PlaySounds)]
        words = list(WORDS["en"])
        return "".join(str(words.index(one.path)) for one in plays[-1].sounds if one.path in words)


def test_the_own_number_is_read_out_as_it_is_dialled_and_taken_by_a_key() -> None:
    walk = Asking()
    assert walk.heard()[0] == "offer"
    assert walk.digits() == "030123456"
    walk.press("1")
    assert walk.ended == "won"
    assert walk.requests == [
        RequestCallback(node="a", number="+4930123456", begins_ms=1_795_000_000_000, ends_ms=1_795_000_000_000 + HOUR)
    ]


def test_another_number_is_typed_read_back_and_taken() -> None:
    walk = Asking()
    walk.press("2")
    assert walk.heard()[0] == "type"
    walk.press("0043")
    walk.press("1234567#")
    assert walk.heard()[0] == "confirm"
    assert walk.digits() == "00431234567"
    walk.press("1")
    assert walk.ended == "won"
    assert [one.number for one in walk.requests] == ["+431234567"]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (Facts(country="DE"), "hidden"),
        (Facts(peer="100", country="DE"), "an extension"),
        (Facts(peer="+33140205050", country="DE"), "abroad"),
        (Facts(peer="+499001234567", country="DE"), "premium rate"),
    ],
)
def test_who_has_no_number_to_be_called_at_has_to_type_one(facts: Facts, why: str) -> None:
    walk = Asking(facts=facts)
    assert walk.heard()[0] == "type", why
    walk.press("030123456#1")
    assert [one.number for one in walk.requests] == ["+4930123456"]


def test_a_number_that_is_none_is_no_match_and_one_that_may_not_be_called_is_refused() -> None:
    walk = Asking(facts=Facts(country="DE"))
    walk.press("1234567890123#")
    assert walk.results() == [("no_match", "1234567890123")]
    assert walk.heard()[0] == "huh"
    walk.press("00499001234567#")
    assert walk.entered() == ["refused"]
    assert walk.requests == []
    walk = Asking(facts=Facts(country="DE"))
    walk.press("99#")
    walk.press("99#")
    assert walk.ended == "lost"


def test_without_a_country_nobody_is_called() -> None:
    walk = Asking(facts=Facts(peer="+4930123456"))
    walk.press("030123456#")
    walk.press("004930123456#")
    assert (walk.ended, walk.requests) == ("lost", [])


def test_callers_who_do_not_want_it() -> None:
    walk = Asking()
    walk.press("3")
    assert walk.ended == "bye"
    walk = Asking()
    walk.give(PlayDone())
    walk.wait(5000)
    walk.give(PlayDone())
    walk.wait(5000)
    assert (walk.ended, walk.requests) == ("bye", [])


def test_a_node_without_a_number_to_type_has_the_own_one_only() -> None:
    walk = Asking(Callback(**{name: getattr(NODE, name) for name in NODE.__struct_fields__} | {"ask": None}))
    walk.press("2")
    assert walk.results() == [("no_match", "2")]
    for facts, end in ((Facts(country="DE"), "lost"), (Facts(peer="+33140205050", country="DE"), None)):
        node = Callback(**{name: getattr(NODE, name) for name in NODE.__struct_fields__} | {"ask": None})
        walk = Asking(node, facts)
        assert walk.ended == end
        assert walk.run.node == ("lost" if end else "refused")


def test_no_more_requests_than_the_site_takes() -> None:
    walk = Asking(facts=Facts(peer="+4930123456", country="DE", callbacks_full=True))
    assert walk.ended == "lost"


def test_a_window_that_never_opens_is_a_failure() -> None:
    rule = WindowRule(calendar=Calendar(week=[[]] * 7), within_ms=HOUR)
    walk = Asking(Callback(**{name: getattr(NODE, name) for name in NODE.__struct_fields__} | {"window": rule}))
    walk.press("1")
    assert (walk.ended, walk.requests) == ("lost", [])


def test_the_next_node_can_say_until_when() -> None:
    said = Sound("", "by", reading=Reading("${callback_by}", "time"))
    node = Callback(**{name: getattr(NODE, name) for name in NODE.__struct_fields__} | {"next": "say"})
    walk = Asking(node, say=Play(sounds=[said], next="won"))
    walk.press("1")
    values = walk.run._walk.values
    assert [values.get(name, walk.now) for name in ("callback_number", "callback_from", "callback_by")] == [
        "030123456",
        f"{UTC_ZONE.local(OWN.wall_ms):%H:%M}",
        f"{UTC_ZONE.local(OWN.wall_ms + HOUR):%H:%M}",
    ]
    assert values.get("callback_date", walk.now) == f"{UTC_ZONE.local(OWN.wall_ms + HOUR):%Y-%m-%d}"


def test_who_comes_again_has_asked_already() -> None:
    again = Gather(prompt=[HELLO], choices={"5": "a", "6": "won"}, failed="lost")
    node = Callback(**{name: getattr(NODE, name) for name in NODE.__struct_fields__} | {"next": "again"})
    walk = Asking(node, again=again)
    walk.press("1")
    walk.press("5")
    assert walk.entered() == ["a", "again"]
    walk.press("6")
    assert len(walk.requests) == 1


def test_who_types_for_ever_is_sent_on() -> None:
    walk = Asking()
    for _ in range(MOST_TYPED):
        walk.press("2")
        walk.press("030123456#")
    walk.press("2")
    assert (walk.ended, walk.requests) == ("lost", [])


STEPS = st.lists(
    st.sampled_from(["1", "2", "3", "0", "#", "*", "0301234567#", "00331402050#", "flash", "played", "time", "crash"]),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.sampled_from(["", "+4930123456", "+33140205050"]), st.booleans())
def test_whatever_is_pressed_nobody_is_called_twice_or_without_a_yes(steps: list[str], peer: str, back: bool) -> None:
    again = Gather(prompt=[HELLO], choices={"5": "a", "0": "a"}, failed="won", max_failures=9)
    node = Callback(
        **{name: getattr(NODE, name) for name in NODE.__struct_fields__} | ({"next": "again"} if back else {})
    )
    walk = Asking(node, Facts(peer=peer, country="DE"), again=again)
    for step in steps:
        read_out = walk.run._walk.values.callback.get("callback_number", "")
        before = len(walk.requests)
        match step:
            case "flash":
                walk.give(Flash())
            case "played":
                walk.give(PlayDone())
            case "time":
                walk.now += 6000
                walk.give(TimeUp())
            case "crash":
                walk.give(Resumed())
            case _:
                for key in step:
                    read_out = walk.run._walk.values.callback.get("callback_number", "")
                    walk.give(Digit(key))
                    if len(walk.requests) > before:
                        before = len(walk.requests)
                        assert key == "1"
                        assert read_out
        assert len(walk.requests) == before, step
    assert len(walk.requests) <= 1
    assert all(one.number.startswith(("+49", "+43")) for one in walk.requests)
    for _ in range(200):
        if walk.run.state == "over":
            return
        walk.give(PlayDone())
        walk.wait(10_000)
    raise AssertionError(f"the call is still at {walk.run.node}")
