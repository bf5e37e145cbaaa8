"""Peers that never say what they should to a BYE or a re-INVITE of ours: calls end, and nothing of them is left."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from edge.core.sip.actions import Action, HangUp
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.session_timers import Policy
from edge.core.sip.uri import NameAddr, Uri
from edge.vocabulary.reports import LegEnded
from tests.core.sip.steps import world_with
from tests.core.sip.test_adoption import IN
from tests.core.sip.test_census import census, left_over
from tests.core.sip.test_challenged import ACCOUNT, challenge
from tests.core.sip.test_orphans import lose
from tests.core.sip.test_session_timers import taken
from tests.core.sip.world import TRUNK_HOST, World, answer, reports, to_peer

Said = Callable[[Request], Response | bytes | None]


def status(code: int, **changes: object) -> Said:
    def said(request: Request) -> Response:
        response = answer(request, code, media="")
        response.contact = None
        for name, value in changes.items():
            setattr(response, name, value)
        return response

    return said


def stray(request: Request) -> Response:
    """The right answer to something else."""
    response = answer(request, 200, media="")
    response.vias = [replace(response.vias[0], params=(("branch", "z9hG4bKnobodys"),))]
    return response


ANSWERS: dict[str, Said] = {
    "nothing": lambda _: None,
    "garbage": lambda request: serialise(answer(request, 200, media=""))[:-7] + b"\xff\x00",
    "cut off": lambda request: serialise(answer(request, 200, media=""))[:60],
    "trying for ever": status(100),
    "redirection": status(302, contact=NameAddr(Uri("sip", "900", "192.0.2.77"))),
    "401 for ever": lambda request: challenge(request, 401),
    "407 for ever": lambda request: challenge(request, 407),
    "a foreign realm": lambda request: challenge(request, 401, realm="elsewhere"),
    "interval too small": status(422, extras={"Min-SE": "4294967295"}),
    "pending for ever": status(491),
    "not here": status(481),
    "server error": status(500),
    "busy everywhere": status(600),
    "a code of its own": status(699),
    "stray": stray,
    "number beyond": status(200, cseq=2**31 - 1),
    "accepted without a description": status(200, contact=NameAddr(Uri("sip", "x", TRUNK_HOST))),
}


def converse(world: World, actions: list[Action], said: Said, ms: int) -> list[Action]:
    """Let time pass, and have the peer answer every request in its way; all that came of it."""
    found = list(actions)
    for _ in range(ms // 500):
        fresh = actions
        for _ in range(10):  # an answer may bring the next request at once
            asked = [m for m in to_peer(fresh) if isinstance(m, Request) and m.method != "ACK"]
            fresh = [a for request in asked if (one := said(request)) is not None for a in world.peer(one)]
            found += fresh
        actions = world.wait(500)
        found += actions
    return found


def sent(actions: list[Action], method: str) -> int:
    return sum(isinstance(m, Request) and m.method == method for m in to_peer(actions))


@pytest.mark.parametrize("how", ANSWERS)
def test_a_bye_of_ours_is_over_after_32_seconds_whatever_it_gets(how: str) -> None:
    world = world_with(account=ACCOUNT)
    before = census(world.door)
    taken(world)
    lose(world)
    actions = converse(world, world.put(HangUp(IN, "over")), ANSWERS[how], 70_000)
    assert 1 <= sent(actions, "BYE") <= 33, "11 of each try at the most"
    assert [report for report in reports(actions) if isinstance(report, LegEnded)], how
    assert len([report for report in reports(actions) if isinstance(report, LegEnded)]) == 1
    assert left_over(world, before) == {}


@pytest.mark.parametrize("adopted", [False, True])
@pytest.mark.parametrize("how", ANSWERS)
def test_a_refresh_of_ours_that_is_never_granted_ends_the_call(how: str, adopted: bool) -> None:
    world = world_with(account=ACCOUNT, session=Policy(expires_s=90))
    before = census(world.door)
    taken(world, **{"Session-Expires": "95;refresher=uac"})  # a proxy asked, the peer can't: we refresh
    ended = lose(world) if adopted else []
    # It would go on for ever, were every refresh granted: 90 s, then 32 s for each BYE, and the tombstone.
    actions = converse(world, ended, ANSWERS[how], 240_000)
    assert sent(actions, "INVITE") >= 1
    ends = [report for report in reports(actions) if isinstance(report, LegEnded)]
    if how == "accepted without a description":
        assert not ends, "an answer is an answer: the peer is there"
        return
    assert len(ends) == 1
    assert left_over(world, before) == {}
