"""Commands on their way: kept until done, sent again after a reconnect, in order."""

from edge.core.calls.actions import Send
from edge.switch.pending import Pending, call_of_command, receiver_of
from edge.vocabulary.commands import Answer, CloseLeg, HangUp, OpenLeg, ReleaseSpan
from edge.vocabulary.ids import CallId, CommandId, Incarnation, LegId, SlotIndex
from edge.vocabulary.media import Address

NONE = Incarnation("")


def media(call: str, number: int) -> Send:
    return Send(CommandId(f"{call}:{number}:1"), "media", NONE, CloseLeg(LegId(f"{call}.1")))


def ids(commands):
    return [command.id for command in commands]


def test_names():
    assert call_of_command(CommandId("a:b:3:1")) == "a:b"
    assert receiver_of("span", "s-1") == "span s-1"
    assert receiver_of("media", "m-1") == receiver_of("media", "m-2") == "media"


def test_each_is_sent_once_until_the_connection_breaks():
    pending = Pending()
    pending.add(media("a", 1))
    pending.add(media("a", 2))
    assert ids(pending.take("media")) == ["a:1:1", "a:2:1"]
    assert pending.take("media") == []
    pending.add(media("a", 3))
    pending.done("media", CommandId("a:1:1"))
    pending.again("media")
    assert ids(pending.take("media")) == ["a:2:1", "a:3:1"]
    assert len(pending) == 2


def test_done_before_it_was_sent():
    pending = Pending()
    pending.add(media("a", 1))
    pending.done("media", CommandId("a:1:1"))
    pending.done("media", CommandId("a:1:1"))
    assert (len(pending), pending.waiting()) == (0, [])


def test_spans_have_queues_of_their_own():
    pending = Pending()
    for span in ("s-1", "s-2"):
        pending.add(Send(CommandId(f"a:{span[-1]}:1"), "span", Incarnation(span), HangUp(LegId("a.1"))))
    assert ids(pending.take("span s-2")) == ["a:2:1"]
    assert pending.waiting() == ["span s-1"]


def test_forgetting_keeps_what_a_connected_receiver_has_yet_to_be_sent():
    pending = Pending()
    pending.add(media("a", 1))
    pending.take("media")
    pending.add(media("a", 2))
    pending.add(media("b", 1))
    pending.add(Send(CommandId("a:3:1"), "front", NONE, ReleaseSpan(LegId("a.2"))))
    pending.forget(CallId("a"), {"media"})
    assert ids(pending.take("media")) == ["a:2:1", "b:1:1"]
    assert pending.waiting() == []
    assert pending.has("media", CallId("b"))
    assert not pending.has("front", CallId("a"))


def test_what_may_leave_early_leaves_in_order():
    pending = Pending()
    opening = OpenLeg(leg=LegId("c.1"), slot=SlotIndex(0), remote=None)
    answer = Answer(LegId("c.1"), Address("127.0.0.1", 16384))
    pending.add(Send(CommandId("c:1:1"), "media", NONE, opening))
    pending.add(Send(CommandId("c:1:2"), "media", NONE, CloseLeg(LegId("c.1"))))
    pending.add(Send(CommandId("c:1:3"), "span", Incarnation("s"), answer))
    assert ids(pending.take_early("media")) == ["c:1:1"]
    assert ids(pending.take_early("span s")) == ["c:1:3"]
    assert pending.take_early("span s") == []
    assert ids(pending.take("media")) == ["c:1:2"]
    pending.add(Send(CommandId("c:3:1"), "span", Incarnation("s"), HangUp(LegId("c.1"))))
    pending.add(Send(CommandId("d:2:1"), "span", Incarnation("s"), answer))
    # A command that must wait holds up those behind it.
    assert pending.take_early("span s") == []
    # On a new connection all of it is sent again, in order.
    pending.again("span s")
    assert ids(pending.take("span s")) == ["c:1:3", "c:3:1", "d:2:1"]
