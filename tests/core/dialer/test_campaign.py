"""What a campaign decides: how fast, whom it shows, what follows."""

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.dialer.campaign import DEFAULT_RETRIES, Retry, Settings, Throttle, follows
from edge.core.menus.calendar import Calendar
from edge.vocabulary.dialing import Contact, ContactNumber, Disposition, Next, PastAttempt
from edge.vocabulary.private import Private

MOBILE, HOME = Private("+4915112345678"), Private("+493012345678")
CONTACT = Contact(listed_in="all", id="1", numbers=[ContactNumber(number=MOBILE), ContactNumber(number=HOME)])


def settings(**more: typing.Any) -> Settings:
    return Settings(
        **{
            "name": "spring",
            "lists": ["all"],
            "rules": "de",
            "trunk": "carrier",
            "menu": "hello",
            "caller_id": Private("+4930555"),
            **more,
        }
    )


def past(disposition: Disposition, times: int, campaign: str = "spring") -> list[PastAttempt]:
    return [
        PastAttempt(attempt=str(number), campaign=campaign, started_ms=number, disposition=disposition)
        for number in range(times)
    ]


def test_every_disposition_but_held_leads_somewhere() -> None:
    assert set(DEFAULT_RETRIES) == set(typing.get_args(Disposition)) - {"held"}
    assert set(follows(settings(), CONTACT, MOBILE, [], 0)) == set(DEFAULT_RETRIES)


@pytest.mark.parametrize(
    ("number", "before", "wanted"),
    [
        (MOBILE, [], Next(step="same_number", after_ms=600_000)),
        (MOBILE, past("busy", 3), Next(step="same_number", after_ms=600_000)),
        (MOBILE, past("busy", 4), Next(step="next_number", after_ms=600_000)),
        (MOBILE, past("no_answer", 9), Next(step="same_number", after_ms=600_000)),
        (MOBILE, past("busy", 9, "another"), Next(step="same_number", after_ms=600_000)),
        (HOME, past("busy", 4), Next(step="done")),
        (Private("+49301"), past("busy", 4), Next(step="done")),
    ],
)
def test_after_a_busy_line(number: Private, before: list[PastAttempt], wanted: Next) -> None:
    assert follows(settings(), CONTACT, number, before, 0)["busy"] == wanted


def test_a_contact_is_done_when_its_attempts_are_used_up() -> None:
    found = follows(settings(max_attempts=3), CONTACT, MOBILE, [], 2)
    assert {one.step for disposition, one in found.items() if disposition != "cancelled"} == {"done"}
    assert found["cancelled"].step == "same_number", "that was us, and does not count"


def test_a_campaign_may_say_something_else() -> None:
    own = {**DEFAULT_RETRIES, "connected": Retry(step="next_number", after_ms=5)}
    assert follows(settings(retries=own), CONTACT, MOBILE, [], 0)["connected"] == Next(step="next_number", after_ms=5)


def test_the_longest_prefix_says_which_number_is_shown() -> None:
    shown = settings(caller_ids={"+49": Private("a"), "+49151": Private("b"), "+1": Private("c")})
    assert shown.caller_for(MOBILE) == Private("b")
    assert shown.caller_for(HOME) == Private("a")
    assert shown.caller_for(Private("+3311")) == Private("+4930555")


def test_its_own_schedule() -> None:
    calendar = Calendar(week=[[(540, 1020)]] * 5 + [[], []])
    monday = 4 * 86_400_000  # 5 January 1970
    open_then = settings(calendar=calendar)
    assert not open_then.dials_at(monday + 8 * 3_600_000)
    assert open_then.dials_at(monday + 9 * 3_600_000)
    assert not open_then.dials_at(monday + 5 * 86_400_000 + 9 * 3_600_000)
    assert settings().dials_at(0)


@given(
    st.integers(1, 50),
    st.integers(1, 30),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 5)), min_size=1, max_size=60),
)
def test_never_more_calls_than_it_may_in_any_second_and_at_any_time(
    rate: int, channels: int, steps: list[tuple[int, int]]
) -> None:
    terms, throttle = settings(calls_per_second=rate, max_channels=channels), Throttle()
    now_ms = open_now = 0
    begun: list[int] = []
    for pause_ms, ended in steps:
        now_ms += pause_ms
        open_now = max(0, open_now - ended)
        room = throttle.room(terms, open_now, now_ms)
        throttle.take(room)
        open_now += room
        begun += [now_ms] * room
        assert open_now <= channels
    for at in begun:
        # A full second's worth at once, and what is earned while that second passes.
        assert sum(at <= other < at + 1000 for other in begun) <= 2 * rate
