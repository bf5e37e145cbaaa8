"""What became of requests to be called back, from their events."""

from edge.core.callbacks.report import CallbackCount
from edge.vocabulary import events, site_events
from edge.vocabulary.ids import CallbackId, CallId
from edge.vocabulary.private import Private


def asked(id_: str, renewed: bool = False) -> events.CallbackRequested:
    return events.CallbackRequested(
        callback=CallbackId(id_),
        number=Private("+4930"),
        reason="lost",
        node="n",
        menu="m",
        menu_version="v",
        renewed=renewed,
    )


def began(id_: str, attempt: int, after_ms: int) -> site_events.CallbackAttemptStarted:
    return site_events.CallbackAttemptStarted(
        callback=CallbackId(id_),
        call=CallId(f"o{id_}{attempt}"),
        attempt=attempt,
        number=Private("+4930"),
        order="caller_first",
        after_ms=after_ms,
    )


def rang(id_: str, rang_ms: int | None, within: bool | None) -> site_events.CallbackAttemptEnded:
    return site_events.CallbackAttemptEnded(
        callback=CallbackId(id_),
        call=CallId("o"),
        attempt=1,
        disposition="no_answer",
        left=True,
        answered=within is None,
        rang_ms=rang_ms,
        in_standard=within,
    )


def test_each_request_has_one_fate_and_each_ring_its_length() -> None:
    counted = CallbackCount()
    told = [
        *(asked(one) for one in "abcd"),
        asked("a", renewed=True),
        began("a", 1, 1000),
        rang("a", 22_500, True),
        began("a", 2, 900_000),
        rang("a", 4_000, None),
        site_events.CallbackClosed(callback=CallbackId("a"), by="reached"),
        began("b", 1, 9000),
        rang("b", 20_000, False),
        rang("b", None, None),
        site_events.CallbackClosed(callback=CallbackId("b"), by="not_reached"),
        events.CallbackSuperseded(callback=CallbackId("c"), after_ms=5),
        # Asked for before the time that is counted.
        site_events.CallbackClosed(callback=CallbackId("z"), by="reached"),
        began("z", 1, 77),
    ]
    for event in told:
        counted.take(event)
    assert counted.requests == 4
    assert counted.fates == {
        "reached": 1, "not_reached": 1, "superseded": 1, "operator": 0, "forbidden": 0, "open": 1
    }  # fmt: skip
    assert (counted.reached.value, counted.reached.of) == (0.5, 2)
    assert (counted.in_standard, counted.out_of_standard_ms) == (1, [20_000])
    assert (counted.first_within_ms(0.5), counted.first_within_ms(0.9)) == (1000, 9000)


def test_nothing_yet() -> None:
    counted = CallbackCount()
    assert counted.first_within_ms(0.5) is None
    assert not counted.reached.known
    assert not counted.ring_standard.known
