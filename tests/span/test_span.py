"""The span over real SIP: a phone on one side, switch's end of the link on the other. Front is absent, so the phone's
own SDP comes and goes, and the header that front would take off is seen."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.vocabulary import commands as cmd
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private
from edge.vocabulary.reports import InfoDigit, LegAnswered, LegEnded, LegRinging, SpanSnapshot
from edge.vocabulary.supervision import Beat, Drain, Stop
from tests.span.rig import Rig, Span
from tests.support.sip_wire import read_sdp
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until

MEDIA = Address("127.0.9.7", 16500)
LEG = LegId("c1.1")


@pytest.fixture
def phone(address: str) -> Iterator[Softphone]:
    # On the inner address, where front would be.
    with Softphone(address, port=5060) as alice:
        yield alice


@pytest.fixture
def rig(phone: Softphone, tmp_path: Path) -> Iterator[Rig]:
    with Rig(phone.address, tmp_path, front_port=phone.port) as started:
        yield started


@pytest.fixture
def span(rig: Rig) -> Span:
    return rig.fork()


def answered(rig: Rig, span: Span, phone: Softphone, leg: LegId = LEG) -> Call:
    call = phone.call(span.uri(leg))
    rig.switch.do(span.incarnation, cmd.Answer(leg, MEDIA))
    call.wait_answered()
    rig.switch.wait(LegAnswered, lambda r: r.leg == leg)
    return call


def _has(call: Call, method: str, count: int) -> bool:
    return len(call.requests(method)) == count


def _acknowledged(call: Call, cseq: int) -> bool:
    return any(m.cseq[0] == cseq for m in call.requests("ACK"))


def end_of(rig: Rig, leg: LegId = LEG) -> tuple[str, str, int | None, int | None]:
    end = rig.switch.wait(LegEnded, lambda r: r.leg == leg).end
    assert len(rig.switch.all(LegEnded, leg)) == 1
    return end.outcome, end.ended_by, end.sip_code, end.q850_cause


# --- incoming -------------------------------------------------------------------------------------------------------


def test_ring_progress_answer_bye(rig: Rig, span: Span, phone: Softphone) -> None:
    call = phone.call(span.uri(LEG))
    for command in (cmd.Ring(LEG), cmd.Progress(LEG, MEDIA), cmd.Answer(LEG, MEDIA)):
        rig.switch.do(span.incarnation, command)
    call.wait_answered()
    assert call.responses == [100, 180, 183, 200]
    headers = {m.status: m.get("X-Edge-Media") for m in call.received if m.method == "INVITE"}
    assert headers == {100: "", 180: "", 183: "127.0.9.7:16500", 200: "127.0.9.7:16500"}
    description = read_sdp(next(m.body for m in call.received if m.status == 200))
    assert description is not None
    assert description.payload_types == (0,)
    assert description.event_type == 101
    rig.switch.wait(LegAnswered, lambda r: r.leg == LEG)
    assert span.status()["legs"] == {LEG: "confirmed"}
    call.bye({"Reason": "Q.850;cause=16"})
    call.wait_ended()
    assert end_of(rig) == ("completed", "caller", None, 16)
    status = span.status()
    assert (status["legs"], status["faults"], status["link"]) == ({}, {}, True)


def test_command_before_its_invite_is_kept(rig: Rig, span: Span, phone: Softphone) -> None:
    early = rig.switch.order(span.incarnation, cmd.Answer(LEG, MEDIA))
    call = phone.call(span.uri(LEG)).wait_answered()
    assert rig.switch.result(early) is None
    call.bye()
    assert end_of(rig)[0] == "completed"


def test_command_without_invite_fails(rig: Rig, span: Span) -> None:
    assert rig.switch.result(rig.switch.order(span.incarnation, cmd.Ring(LEG))) == "no such leg"


def test_cancel(rig: Rig, span: Span, phone: Softphone) -> None:
    call = phone.call(span.uri(LEG))
    rig.switch.do(span.incarnation, cmd.Ring(LEG))
    until(lambda: 180 in call.responses)
    call.cancel()
    call.wait_ended()
    assert call.final == 487
    assert end_of(rig) == ("cancelled", "caller", 487, None)
    # An answer that crossed the CANCEL is too late, a hang-up is what happened anyway.
    assert rig.switch.result(rig.switch.order(span.incarnation, cmd.Answer(LEG, MEDIA))) == "the leg has ended"
    rig.switch.do(span.incarnation, cmd.HangUp(LEG))


@pytest.mark.parametrize(("code", "outcome"), [(486, "busy"), (503, "no_room"), (404, "no_route")])
def test_reject(rig: Rig, span: Span, phone: Softphone, code: int, outcome: str) -> None:
    call = phone.call(span.uri(LEG))
    rig.switch.do(span.incarnation, cmd.Reject(LEG, code))
    call.wait_ended()
    assert call.final == code
    assert end_of(rig) == (outcome, "appliance", code, None)


def test_hang_up_before_and_after_the_answer(rig: Rig, span: Span, phone: Softphone) -> None:
    early = phone.call(span.uri("e.1"))
    rig.switch.do(span.incarnation, cmd.Ring(LegId("e.1")))
    rig.switch.do(span.incarnation, cmd.HangUp(LegId("e.1")))
    early.wait_ended()
    assert early.final == 480
    assert end_of(rig, LegId("e.1")) == ("cancelled", "appliance", 480, None)

    call = answered(rig, span, phone)
    rig.switch.do(span.incarnation, cmd.HangUp(LEG))
    call.wait_ended()
    assert call.ended_by == "them"
    assert call.requests("BYE")[0].get("Reason").startswith("Q.850;cause=16;")
    assert end_of(rig) == ("completed", "appliance", None, None)


def test_hold_by_the_peer(rig: Rig, span: Span, phone: Softphone) -> None:
    call = answered(rig, span, phone)
    for direction, mirrored in (("sendonly", "recvonly"), ("sendrecv", "sendrecv"), ("inactive", "inactive")):
        call.reinvite(direction, new_port=True)
        until(lambda: call.last_reinvite == 200)
        assert call.remote is not None
        assert call.remote.direction == mirrored
    call.reinvite("sendrecv")
    until(lambda: call.last_reinvite == 200)

    call.bye()
    assert end_of(rig)[0] == "completed"
    assert span.status()["faults"] == {}


def test_info_digits_in_and_out(rig: Rig, span: Span, phone: Softphone) -> None:
    call = answered(rig, span, phone)
    call.info_digit("9", 160)
    digit = rig.switch.wait(InfoDigit)
    assert (digit.leg, digit.digit, digit.duration_ms) == (LEG, Private("9"), 160)
    rig.switch.do(span.incarnation, cmd.SendInfoDigits(LEG, Private("1#")))
    until(lambda: len(call.requests("INFO")) == 2)
    assert ["Signal=1" in call.requests("INFO")[0].body, "Signal=#" in call.requests("INFO")[1].body] == [True, True]


def test_hook_flash_by_info_in_and_out(rig: Rig, span: Span, phone: Softphone) -> None:
    call = answered(rig, span, phone)
    call.info_digit("!", 200)
    flash = rig.switch.wait(InfoDigit)
    assert (flash.digit.reveal(), flash.duration_ms) == ("!", 200)
    rig.switch.do(span.incarnation, cmd.SendInfoDigits(LEG, Private("!"), 200))
    until(lambda: len(call.requests("INFO")) == 1)
    assert call.requests("INFO")[0].body.split() == ["Signal=!", "Duration=200"]


def test_refer_is_declined_and_starts_nothing(rig: Rig, span: Span, phone: Softphone) -> None:
    call = answered(rig, span, phone)
    call.send("REFER", {"Refer-To": f"<sip:x@{phone.address}:{phone.port}>", "Contact": f"<{phone.uri}>"})
    until(lambda: any(m.method == "REFER" and m.status >= 200 for m in call.received))
    assert [m.status for m in call.received if m.method == "REFER"][-1] == 603
    assert span.status()["legs"] == {LEG: "confirmed"}
    assert len(phone.calls) == 1


def test_fifth_call_is_refused_and_the_four_live(rig: Rig, span: Span, phone: Softphone) -> None:
    calls = [answered(rig, span, phone, LegId(f"c{n}.1")) for n in range(4)]
    fifth = phone.call(span.uri("c5.1"))
    fifth.wait_ended()
    assert fifth.final == 486
    assert len(span.status()["legs"]) == 4
    for call in calls:
        call.bye()
        call.wait_ended()
    until(lambda: span.status()["legs"] == {})
    answered(rig, span, phone, LegId("c6.1"))


def test_a_slot_whose_bye_is_still_unread_takes_the_next_call(rig: Rig, span: Span, phone: Softphone) -> None:
    calls = [answered(rig, span, phone, LegId(f"c{n}.1")) for n in range(4)]
    # What front has sent before it gave the slot away, and switch's command, are there at once.
    os.kill(span.pid, signal.SIGSTOP)
    for _ in range(110):
        calls[0].send("OPTIONS")
    calls[3].bye()
    order = rig.switch.order(span.incarnation, cmd.MakeCall(LegId("c5.1"), MEDIA))
    os.kill(span.pid, signal.SIGCONT)
    assert rig.switch.result(order) is None
    phone.expect_call()


def test_second_invite_of_a_leg_is_refused(rig: Rig, span: Span, phone: Softphone) -> None:
    call = answered(rig, span, phone)
    second = phone.call(span.uri(LEG))
    second.wait_ended()
    assert second.final == 500
    nameless = phone.call(f"sip:{span.address}:{span.port}")
    nameless.wait_ended()
    assert nameless.final == 500
    assert span.status()["faults"] == {"duplicate_leg": 1, "no_leg": 1}
    call.bye()
    assert end_of(rig) == ("completed", "caller", None, None)


def test_late_offer(rig: Rig, span: Span, phone: Softphone) -> None:
    call = phone.call(span.uri(LEG), offer=False)
    rig.switch.do(span.incarnation, cmd.Answer(LEG, MEDIA))
    call.wait_answered()
    rig.switch.wait(LegAnswered)
    call.bye()
    assert end_of(rig)[0] == "completed"


# --- outgoing -------------------------------------------------------------------------------------------------------


def test_dial_ringing_early_media_answered(rig: Rig, span: Span, phone: Softphone) -> None:
    rig.switch.do(span.incarnation, cmd.MakeCall(LEG, MEDIA))
    call = phone.expect_call()
    invite = call.requests("INVITE")[0]
    assert invite.uri == f"sip:{LEG}@{phone.address}:{phone.port}"
    assert invite.get("X-Edge-Media") == str(MEDIA)
    call.ring()
    call.early_media()
    call.accept()
    rig.switch.wait(LegAnswered, lambda r: r.leg == LEG)
    assert rig.switch.all(LegRinging) == [LegRinging(LEG, 180, False), LegRinging(LEG, 183, True)]
    call.bye()
    assert end_of(rig) == ("completed", "callee", None, None)


@pytest.mark.parametrize(
    ("code", "reason", "end"),
    [
        (486, None, ("busy", "callee", 486, None)),
        (480, None, ("no_answer", "callee", 480, None)),
        (404, None, ("not_found", "callee", 404, None)),
        (603, "Q.850;cause=21", ("rejected", "callee", 603, 21)),
        (503, 'Q.850;cause=17;text="busy"', ("busy", "callee", 503, 17)),
        (487, None, ("no_answer", "callee", 487, None)),
    ],
)
def test_dial_refused(
    rig: Rig, span: Span, phone: Softphone, code: int, reason: str | None, end: tuple[str, str, int, int | None]
) -> None:
    rig.switch.do(span.incarnation, cmd.MakeCall(LEG, MEDIA))
    phone.expect_call().reject(code, {"Reason": reason} if reason else None)
    assert end_of(rig) == end
    assert span.status()["legs"] == {}


def test_our_cancel_and_our_bye(rig: Rig, span: Span, phone: Softphone) -> None:
    rig.switch.do(span.incarnation, cmd.MakeCall(LEG, MEDIA))
    call = phone.expect_call()
    call.ring()
    rig.switch.wait(LegRinging)
    rig.switch.do(span.incarnation, cmd.HangUp(LEG, "ring time over"))
    call.wait_ended()
    assert end_of(rig) == ("cancelled", "appliance", 487, None)

    other = LegId("c2.1")
    rig.switch.do(span.incarnation, cmd.MakeCall(other, MEDIA))
    call = phone.expect_call()
    call.accept()
    rig.switch.wait(LegAnswered, lambda r: r.leg == other)
    rig.switch.do(span.incarnation, cmd.HangUp(other))
    call.wait_ended()
    assert end_of(rig, other) == ("completed", "appliance", None, None)


def test_command_sent_again_is_done_once(rig: Rig, span: Span, phone: Softphone) -> None:
    for _ in range(2):
        rig.switch.order(span.incarnation, cmd.MakeCall(LEG, MEDIA), "c1:1:1")
    rig.switch.order(span.incarnation, cmd.MakeCall(LEG, MEDIA), "c1:1:2")
    assert rig.switch.result(CommandId("c1:1:2")) is None
    phone.expect_call()
    assert len(phone.calls) == 1


def test_dial_without_front_fails_and_ends(phone: Softphone, tmp_path: Path) -> None:
    with Rig(phone.address, tmp_path) as rig:
        span = rig.fork()
        failed = rig.switch.result(rig.switch.order(span.incarnation, cmd.MakeCall(LEG, MEDIA)))
        assert failed is not None
        assert "front" in failed
        assert end_of(rig) == ("failed", "appliance", None, None)


def test_invite_of_a_stranger_is_refused(rig: Rig, span: Span, phone: Softphone) -> None:
    """Any process of the machine can send to a loopback port; only front may bring calls."""
    with Softphone(phone.address, user="stranger") as stranger:
        call = stranger.call(span.uri(LEG))
        call.wait_ended()
        assert call.final == 403
    assert span.status()["faults"] == {"stranger": 1}
    answered(rig, span, phone)


# --- life -----------------------------------------------------------------------------------------------------------


def test_switch_away_and_back(rig: Rig, span: Span, phone: Softphone) -> None:
    call = answered(rig, span, phone)
    other = answered(rig, span, phone, LegId("c2.1"))
    rig.switch.stop()
    call.bye()
    call.wait_ended()
    rig.switch.start()
    assert end_of(rig) == ("completed", "caller", None, None)
    assert rig.switch.all(SpanSnapshot)[-1] == SpanSnapshot({LegId("c2.1"): "confirmed"})
    assert other.state == "answered"


def test_discarded_leg_is_hung_up(rig: Rig, span: Span, phone: Softphone) -> None:
    call = answered(rig, span, phone)
    peer = rig.switch.server.peer("span", span.incarnation)
    assert peer is not None
    rig.switch.pump.post(lambda: peer.discard([LEG, LegId("unknown.1")]))
    call.wait_ended()
    assert end_of(rig) == ("completed", "appliance", None, None)


@pytest.mark.parametrize("how", ["stop", "sigterm"])
def test_stop_hangs_up_and_exits(rig: Rig, span: Span, phone: Softphone, how: str) -> None:
    call = answered(rig, span, phone)
    ringing = phone.call(span.uri("c2.1"))
    rig.switch.do(span.incarnation, cmd.Ring(LegId("c2.1")))
    if how == "stop":
        span.channel.send(Stop())
    else:
        os.kill(span.pid, signal.SIGTERM)
    call.wait_ended()
    ringing.wait_ended()
    exited = rig.exited()
    assert (exited.pid, exited.status) == (span.pid, 0)
    until(lambda: len(rig.switch.all(LegEnded)) == 2)  # what the span said last may be read after its end is known
    assert {e.leg: e.end.ended_by for e in rig.switch.all(LegEnded)} == {LEG: "appliance", "c2.1": "appliance"}


def test_drain_ends_no_call(rig: Rig, span: Span, phone: Softphone) -> None:
    call = answered(rig, span, phone)
    span.channel.send(Drain())
    assert span.status()["legs"] == {LEG: "confirmed"}
    call.bye()
    assert end_of(rig)[1] == "caller"


def test_it_beats_while_idle(span: Span) -> None:
    for _ in range(2):
        span.channel.next(Beat)


def test_zygote_dies_and_calls_live(rig: Rig, span: Span, phone: Softphone) -> None:
    """Here no subreaper adopts the span, so it must end: the other half is in tests/runtime/test_zygote.py."""
    answered(rig, span, phone)
    rig.zygote.kill()
    until(lambda: not Path(f"/proc/{span.pid}").exists(), 10, "end of the span")


def test_spans_are_told_apart(rig: Rig, phone: Softphone) -> None:
    spans = [rig.fork() for _ in range(3)]
    assert len({s.port for s in spans}) == 3
    for number, one in enumerate(spans):
        answered(rig, one, phone, LegId(f"c{number}.1"))
    for number, one in enumerate(spans):
        assert one.status()["legs"] == {f"c{number}.1": "confirmed"}
    # Call-IDs, tags and branches come from a generator that fork copies: seeded in each child or equal in all.
    for one in spans:
        rig.switch.do(one.incarnation, cmd.MakeCall(LegId(f"{one.incarnation}.2"), MEDIA))
    for _ in spans:
        phone.expect_call()
    outgoing = [c for c in phone.calls.values() if not c.outgoing]
    assert len({c.call_id for c in outgoing}) == 3
    assert len({c.requests("INVITE")[0].branch for c in outgoing}) == 3


def test_killed_span_is_told_and_its_successor_knows_nothing(rig: Rig, span: Span, phone: Softphone) -> None:
    call = answered(rig, span, phone)
    os.kill(span.pid, signal.SIGKILL)
    exited = rig.exited()
    assert (exited.pid, exited.status) == (span.pid, -signal.SIGKILL)
    successor = rig.fork()
    assert successor.status()["legs"] == {}
    until(lambda: (successor.incarnation, SpanSnapshot({})) in rig.switch.reports)
    call._target = (successor.address, successor.port)
    call.send("BYE")
    until(lambda: any(m.status == 481 for m in call.received))


def test_confinement(span: Span) -> None:
    status = Path(f"/proc/{span.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    limits = Path(f"/proc/{span.pid}/limits").read_text()
    assert next(line for line in limits.splitlines() if line.startswith("Max core")).split()[4:6] == ["0", "0"]


def test_zygote_has_neither_numpy_nor_numba(rig: Rig) -> None:
    maps = Path(f"/proc/{rig.zygote.pid}/maps").read_text()
    assert "_pjsua2" in maps
    assert "numpy" not in maps
    assert "llvmlite" not in maps
    assert len(list(Path(f"/proc/{rig.zygote.pid}/task").iterdir())) == 1


def test_it_is_confined(rig: Rig, span: Span, phone: Softphone) -> None:
    """What a message may make of the stack: no new privileges, no programs, no network but its own loopback socket."""
    call = phone.call(span.uri(LEG))
    rig.switch.do(span.incarnation, cmd.Answer(LEG, MEDIA))
    call.wait_answered()
    told = dict(line.split(":", 1) for line in Path(f"/proc/{span.pid}/status").read_text().splitlines())
    assert (told["Seccomp"].strip(), told["NoNewPrivs"].strip()) == ("2", "1")
    inodes = {
        entry.readlink().name for entry in Path(f"/proc/{span.pid}/fd").iterdir() if "socket" in str(entry.readlink())
    }
    rows = [
        line.split()
        for table in ("tcp", "tcp6", "udp", "udp6", "raw")
        for line in Path(f"/proc/{span.pid}/net/{table}").read_text().splitlines()[1:]
    ]
    (own,) = [row[1] for row in rows if f"socket:[{row[9]}]" in inodes]
    assert own.partition(":")[0].endswith("7F"), "127.x, as the kernel writes it"
    call.bye()
    call.wait_ended()
