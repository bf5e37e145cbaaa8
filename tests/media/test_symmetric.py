"""Symmetric RTP as switch commands it, over restarts of the worker; and the live view of such a leg."""

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from dsp.plane import layout, learning
from edge.media.sockets import BadAddressError, pack_sockaddr, unpack_sockaddr
from edge.media.views import ViewError, Views
from edge.vocabulary.commands import CloseLeg, OpenLeg, UpdateLeg
from edge.vocabulary.ids import LegId, SlotIndex
from edge.vocabulary.media import Address
from edge.vocabulary.quality import LegView
from edge.vocabulary.reports import LegMediaEnded
from tests.dsp.rig import mulaw, rtp
from tests.media.desk import Desk
from tests.media.test_takeup import killed_anywhere

A = LegId("a.1")
TONE = mulaw(8000 * np.sin(2 * np.pi * 400 * np.arange(160) / 8000))
HOLD = learning.HOLD_NS // 20_000_000 + 1


@pytest.fixture
def make_desk(address: str) -> Iterator[Callable[[], Desk]]:
    desks: list[Desk] = []

    def make() -> Desk:
        desks.append(Desk(address))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


def peer_of(desk: Desk) -> tuple[str, int] | None:
    try:
        return desk.sockets[0].getpeername()
    except OSError:
        return None


def talk(desk: Desk, peer: int, ticks: int, start: int = 0) -> None:
    for n in range(start, start + ticks):
        desk.peers[peer].sendto(rtp(0, n, 160 * n, 7 + peer, TONE), desk.sockets[0].getsockname())
        desk.tick()


def opened(desk: Desk, **facts: object) -> None:
    assert desk.do(OpenLeg(leg=A, slot=SlotIndex(0), remote=desk.remote(0, symmetric=True, **facts))) is None


def test_the_window_is_opened_however_often_the_worker_is_killed(make_desk: Callable[[], Desk]) -> None:
    desks = killed_anywhere(
        make_desk,
        lambda desk: None,
        lambda desk: OpenLeg(leg=A, slot=SlotIndex(0), remote=desk.remote(0, symmetric=True)),
    )
    for desk in desks:
        talk(desk, 1, HOLD + 2)
        assert peer_of(desk) == desk.peers[1].getsockname()
        assert desk.engine_says(0, "connected", "ln_learned") == [1, 1]


def test_a_new_address_opens_a_new_window_however_often_the_worker_is_killed(make_desk: Callable[[], Desk]) -> None:
    def learned(desk: Desk) -> None:
        opened(desk)
        talk(desk, 1, HOLD + 3)
        assert desk.engine_says(0, "ln_state", "ln_learned") == [learning.OFF, 1]
        desk.results.clear()
        desk.writes = 0

    for desk in killed_anywhere(make_desk, learned, lambda desk: UpdateLeg(A, desk.remote(2, symmetric=True))):
        talk(desk, 2, 5)
        assert peer_of(desk) == desk.peers[2].getsockname()
        assert desk.engine_says(0, "ln_learned") == [0]


def test_a_refreshed_session_keeps_what_was_learned(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    opened(desk)
    talk(desk, 1, HOLD + 3)
    assert desk.do(UpdateLeg(A, desk.remote(0, symmetric=True, direction="sendonly"))) is None
    desk.tick()
    assert peer_of(desk) == desk.peers[1].getsockname()
    assert desk.engine_says(0, "ln_state") == [learning.OFF]


def test_a_hold_by_no_address_and_the_way_back(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    opened(desk)
    talk(desk, 1, HOLD + 3)
    assert desk.do(UpdateLeg(A, desk.remote(0, symmetric=True, rtp=Address("0.0.0.0", 9)))) is None
    talk(desk, 2, 40)
    assert desk.engine_says(0, "connected") == [0]
    assert peer_of(desk) is None
    desk.peers[2].sendto(b"early", desk.sockets[0].getsockname())
    assert desk.do(UpdateLeg(A, desk.remote(0, symmetric=True))) is None
    talk(desk, 1, HOLD + 3, start=500)
    assert peer_of(desk) == desk.peers[1].getsockname()


def test_without_the_setting_the_negotiated_address_is_connected_before_the_answer(
    make_desk: Callable[[], Desk],
) -> None:
    desk = make_desk()
    assert desk.do(OpenLeg(leg=A, slot=SlotIndex(0), remote=desk.remote(0))) is None
    assert peer_of(desk) == desk.peers[0].getsockname()
    talk(desk, 1, HOLD + 3)
    assert desk.engine_says(0, "rx_packets", "rx_refused", "ln_state") == [0, 0, learning.OFF]


def test_an_address_that_cannot_be_sent_to_is_refused_and_nothing_is_opened(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    remote = desk.remote(0, symmetric=True, rtp=Address("not.an.address", 4000))
    assert "not.an.address" in (desk.do(OpenLeg(leg=A, slot=SlotIndex(0), remote=remote)) or "")
    assert desk.legs.open_leg(A) is None


def test_the_record_says_that_the_address_was_learned(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    opened(desk)
    talk(desk, 1, HOLD + 60)
    assert desk.do(CloseLeg(A)) is None
    desk.tick()
    (ended,) = desk.all(LegMediaEnded)
    assert isinstance(ended, LegMediaEnded)
    assert (ended.symmetric_learned, ended.codec, ended.loss_received) == (True, "PCMU", 0.0)
    assert ended.mos_received is not None
    assert ended.mos_received > 4.3


def test_the_live_view_shows_peer_levels_and_quality(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    opened(desk)
    talk(desk, 1, HOLD + 100)
    desk.plane.ctl[layout.LAST_TICK_END_NS] = desk.now_ns  # as the loop does
    views = Views(desk.plane, desk.legs)
    (view,) = json.loads(views.answer("legs", b'{"call": "a"}'))
    assert set(view) == set(LegView.__struct_fields__)
    host, port = desk.peers[1].getsockname()
    assert view["peer"] == f"{host}:{port}"
    assert view["level_in_dbm0"] == pytest.approx(-9, abs=1.5)
    assert view["level_out_dbm0"] is None
    assert (view["leg"], view["talks"], view["faults"], view["plays"]) == (A, True, [], None)
    assert view["figures"]["mos_received"] > 4.3
    assert 0 < view["buffer_ms"] <= 200
    desk.tick(40)
    desk.plane.ctl[layout.LAST_TICK_END_NS] = desk.now_ns
    (view,) = json.loads(views.answer("legs", b'{"call": "a"}'))
    assert view["level_in_dbm0"] is None
    assert json.loads(views.answer("legs", b'{"call": "a.1"}')) == []


@pytest.mark.parametrize(("what", "body"), [("legs", b""), ("legs", b"{}"), ("legs", b"[1]"), ("other", b"{}")])
def test_a_request_for_nothing_is_refused(make_desk: Callable[[], Desk], what: str, body: bytes) -> None:
    desk = make_desk()
    with pytest.raises(ViewError):
        Views(desk.plane, desk.legs).answer(what, body)


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::7"])
def test_addresses_are_packed_and_unpacked(text: str) -> None:
    words = pack_sockaddr(Address(text, 40000))
    data = b"".join((word & (1 << 64) - 1).to_bytes(8, "little") for word in words)
    assert len(data) == 32
    assert unpack_sockaddr(data) == Address(text, 40000)


@pytest.mark.parametrize("bad", [Address("224.0.0.1", 4000), Address("192.0.2.1", 0), Address("example.org", 4000)])
def test_what_is_no_unicast_address_is_not_packed(bad: Address) -> None:
    with pytest.raises(BadAddressError):
        pack_sockaddr(bad)
    assert unpack_sockaddr(bytes(32)) is None
