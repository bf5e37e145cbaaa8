"""A call whose menu asks a bank: what leaves, what is written down, and what a new life of switch makes of it."""

import pytest

from edge.core.calls.actions import Emit, Question
from edge.core.calls.call import Call
from edge.core.calls.inputs import Asked, Resumed
from edge.core.menus.model import Ask, Gather, HangUp, Menu
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.wire import pack
from tests.core.calls.desk import CALL, Desk, incoming, sound

NUMBER = "4929608312745060"
SHOP = Menu(
    name="shop",
    version="v7",
    start="card",
    nodes={
        "card": Gather(
            prompt=[sound("card")], min_digits=16, max_digits=16, next="pay", failed="bye", sensitive=True, keep="card"
        ),
        "pay": Ask(endpoint="bank", send=["card", "called"], answers={"approved": "bye"}, failed="card", timeout="bye"),
        "bye": HangUp("goodbye"),
    },
)


class Shop(Desk):
    """Keeps the questions, too."""

    def give(self, input):  # noqa: A002
        self.questions = getattr(self, "questions", [])
        actions = self.call.handle(input, self.now_ms)
        self.journal.append((self.now_ms, self.call.entry))
        for action in actions:
            if isinstance(action, Question):
                self.questions.append(action)
            elif isinstance(action, Emit):
                self.events.append(action.event)
            else:
                self.sent.append(action)
        for action in actions:
            if self.auto and hasattr(action, "body"):
                self._carry_out(action)
        return actions


@pytest.fixture
def shop():
    desk = Shop(incoming(), SHOP).answer()
    desk.press(NUMBER)
    return desk


def test_the_number_leaves_in_the_question_and_is_written_nowhere(shop):
    (question,) = shop.questions
    assert {name: value.reveal() for name, value in question.secrets.items()} == {"card": NUMBER}
    assert {name: value.reveal() for name, value in question.values.items()} == {"called": "200"}
    assert question.facts == {"id": f"{CALL}:1", "call": CALL, "menu": "shop", "menu_version": "v7", "node": "pay"}
    assert (question.endpoint, question.timeout_ms) == ("bank", 5000)
    assert shop.bodies(c.SetPrivate)[-1].on, "still private while the bank thinks"
    shop.give(Asked(number=1, outcome="ok", answer="approved", after_ms=80))
    assert shop.of(e.MenuAsked) == [
        e.MenuAsked(node="pay", endpoint="bank", outcome="ok", answer="approved", after_ms=80, next="bye")
    ]
    assert shop.call.over
    written = b"".join(pack(entry) for _, entry in shop.journal) + pack(shop.events)
    assert NUMBER[:6].encode() not in written
    assert b"?" * 16 not in written


def test_a_new_life_asks_for_the_number_again(shop):
    again = Call(CALL, SHOP)
    for at_ms, entry in shop.journal:
        again.replay(entry, at_ms)
    assert again.run.node == "pay"
    actions = again.handle(Resumed(), shop.now_ms)
    assert again.run.node == "card"
    assert not [one for one in actions if isinstance(one, Question)]
    assert again.secrecy.on
    asked = []
    for number, digit in enumerate(NUMBER):
        report = r.DigitHeard(
            leg=shop.call.first.id, method="rfc4733", digit=type(shop.questions[0].secrets["card"])(digit),
            start_ms=shop.now_ms + 200 * number, duration_ms=80,
        )  # fmt: skip
        asked += [one for one in again.handle(report, shop.now_ms + 200 * number + 100) if isinstance(one, Question)]
    assert [(one.number, one.secrets["card"].reveal()) for one in asked] == [(2, NUMBER)]
    # What came of the first question finds the menu waiting for another one.
    answers = again.handle(Asked(number=1, outcome="ok", answer="approved", after_ms=9), shop.now_ms + 5000)
    assert [(one.event.late, one.event.next) for one in answers if isinstance(one, Emit)] == [(True, "")]
    assert again.run.node == "pay"


@pytest.mark.parametrize(
    ("asked", "way"),
    [
        (Asked(number=1, outcome="failed", error="no connection"), "card"),
        (Asked(number=1, outcome="timeout"), "bye"),
        (Asked(number=1, outcome="ok", answer="nonsense"), "card"),
    ],
)
def test_which_default_is_taken_is_told(shop, asked, way):
    shop.give(asked)
    (told,) = shop.of(e.MenuAsked)
    assert (told.outcome, told.next) == (asked.outcome, way)
    assert shop.of(e.MenuEntered)[-1].node == way
