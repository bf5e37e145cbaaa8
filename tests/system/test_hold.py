"""Hold music and announcements, with real phones: who hears what in which second, and that no edge clicks."""

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import tones
from tests.support.addresses import address as loopback_address
from tests.support.appliance import MENU, TONES, Appliance, appliance
from tests.support.baresip import HOST, baresip
from tests.support.rtp_stream import FRAME, RtpStream, _lay_out
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.flows import hears, talking
from tests.system.test_wideband import G722, RATE
from tests.system.test_wideband import hears as hears_wide

pytestmark = pytest.mark.system

CALLER, TARGET = 700, 900
#: The music: a second of each, so that it can be told where it is. Not so loud that an edge could hide in it.
BEGINS, GOES_ON = 330, 480
SAID = 1800


@dataclass
class Place:
    """An appliance, a caller, and the target of its transfers."""

    edge: Appliance
    caller: Softphone
    target: Softphone


def music(folder: Path) -> Path:
    at = np.arange(8000) / 8000
    seconds = [0.1 * np.sin(2 * np.pi * hz * at) for hz in (BEGINS, GOES_ON)]
    soundfile.write(folder / "music.wav", np.concatenate(seconds), 8000, subtype="PCM_16")
    return folder / "music.wav"


@contextmanager
def place(folder: Path, menu: str = MENU, **site: str) -> Iterator[Place]:
    with ExitStack() as stack:
        at, caller_at, target_at = (stack.enter_context(loopback_address()) for _ in range(3))
        caller = stack.enter_context(Softphone(caller_at, tone_hz=CALLER))
        target = stack.enter_context(Softphone(target_at, port=5060, tone_hz=TARGET, user="target"))
        edge = stack.enter_context(appliance(at, folder, target=target_at, menu=menu, **site))
        yield Place(edge, caller, target)
        edge.check_histories()


def reinvite(call: Call, direction: str) -> None:
    call.reinvite(direction)
    until(lambda: call.last_reinvite is not None, 15, "an answer to the re-INVITE")
    assert call.last_reinvite == 200


def change(call: Call, direction: str, method: str) -> None:
    if method == "INVITE":
        reinvite(call, direction)
        return
    call.direction = direction
    call.send("UPDATE", body=call._describe())
    until(
        lambda: [m for m in call.received if m.cseq == (call._cseq, "UPDATE") and m.status == 200],
        15,
        "200 to the UPDATE",
    )


def timeline(stream: RtpStream) -> list[np.ndarray]:
    """What was heard, in pieces without a missing packet (a machine that is busy may miss a tick)."""
    packets = stream.audio()
    cuts = [
        at for at, (a, b) in enumerate(itertools.pairwise(packets), 1) if (b.timestamp - a.timestamp) % 2**32 != FRAME
    ]
    return [_lay_out(packets[a:b]) for a, b in itertools.pairwise([0, *cuts, len(packets)])]


def sharpest(samples: np.ndarray) -> int:
    """Largest second difference: a click is one that no tone of the talk has."""
    return int(np.abs(np.diff(samples.astype(int), 2)).max()) if len(samples) > 2 else 0


def frames_of(samples: np.ndarray, hz: float) -> np.ndarray:
    """Which tenths of a second are mostly the tone `hz`."""
    return np.array([tones.share(samples[at : at + 800], hz, 40) > 0.6 for at in range(0, len(samples) - 799, 800)])


def test_who_talks_with_somebody_who_holds_hears_music(tmp_path: Path) -> None:
    with place(tmp_path, media=f'hold_music = "{music(tmp_path)}"') as at:
        caller, target = talking(at)
        for method in ("INVITE", "UPDATE"):
            change(target, "sendonly", method)
            hears(caller, BEGINS)
            hears(caller, GOES_ON)
            hears(caller, BEGINS)
            heard = caller.audio.recorded(2.0)
            assert tones.share(heard, TARGET) < 0.001, "what the target sends meanwhile is not heard"
            assert tones.level_dbm0(heard) == pytest.approx(-19.8, abs=1.0), "as loud as all prompts: -26 dBov"
            change(target, "sendrecv", method)
            hears(caller, TARGET)
            hears(target, CALLER)
            assert tones.share(caller.audio.recorded(1.0), GOES_ON) < 0.001
        reinvite(caller, "inactive")
        hears(target, BEGINS)
        hears(target, GOES_ON)
        assert tones.share(target.audio.recorded(0.5), CALLER) < 0.001
        reinvite(caller, "sendrecv")
        hears(target, CALLER)
        hears(caller, TARGET)
        caller.bye()
        target.wait_ended()
        at.edge.wait_event("call.ended")
        types = [kind for kind in at.edge.types() if kind in {"leg.held", "leg.resumed"}]
        assert types == ["leg.held", "leg.resumed"] * 3
        starts = _edges(caller.audio.recorded())
        assert len(starts) == 2
        assert all(hz == BEGINS for hz in starts), "each hold begins the music anew"
        _no_clicks(caller.audio)


def _edges(heard: np.ndarray) -> list[int]:
    """What is heard first, each time that the target's tone gives way to music."""
    voice, first, second = (frames_of(heard, hz) for hz in (TARGET, BEGINS, GOES_ON))
    found = []
    for at in np.flatnonzero(voice[:-1] & ~voice[1:]):
        after = next((hz for i in range(at + 1, at + 6) for hz, on in ((BEGINS, first), (GOES_ON, second)) if on[i]), 0)
        found += [after] if after else []
    return found


def _no_clicks(stream: RtpStream) -> None:
    """From the first second of the talk on nothing is sharper than the loudest tone, the target's."""
    pieces = [piece for piece in timeline(stream) if len(piece) > 2 * FRAME]
    steady = sharpest(tones.sine(TARGET, 8000)) + 600  # G.711's own steps at that level: 256
    talk = np.concatenate([[0], *(piece for piece in pieces)])
    begins = next(at for at in range(0, len(talk), 800) if tones.share(talk[at : at + 800], TARGET, 40) > 0.6)
    position = 0
    for piece in pieces:
        inside = piece[max(0, begins + 800 - position) :]
        assert sharpest(inside) <= 1.3 * steady, (sharpest(inside), steady)
        position += len(piece)


def test_without_music_the_other_side_is_heard_and_recordings_go_on(tmp_path: Path) -> None:
    with place(tmp_path, media=f'hold_music = "{music(tmp_path)}"', trunk='hold_music = "none"') as at:
        caller, target = talking(at)
        reinvite(target, "sendonly")
        at.edge.wait_event("leg.held")
        until(lambda: target.audio.packets[-1].at_s < time.time() - 2, 15, "nothing is sent to who holds")
        hears(caller, TARGET)  # its trunk has no music, so it hears what the other side sends
        reinvite(target, "sendrecv")
        hears(target, CALLER)
        reinvite(caller, "sendonly")
        until(lambda: caller.audio.packets[-1].at_s < time.time() - 2, 15, "nothing is sent to who holds")
        hears(target, CALLER)
        reinvite(caller, "sendrecv")
        hears(target, CALLER)
        hears(caller, TARGET)
        caller.bye()
        id_ = at.edge.last_call()
        done = at.edge.wait_event("recording.completed", id_)["data"]
        held, resumed = _holds(at.edge, f"{id_}.1")
        samples, rate = soundfile.read(done["path"], dtype="int16")
        from_ = samples[round((held + 0.7) * rate) : round((resumed - 0.3) * rate)]
        assert tones.share(from_[:, 0], CALLER) > 0.6, "what the caller says goes on"
        assert tones.level_dbm0(from_[:, 1]) < -50, "nothing may be sent to it"
        held, resumed = _holds(at.edge, f"{id_}.2")
        from_ = samples[round((held + 0.7) * rate) : round((resumed - 0.3) * rate)]
        assert tones.share(from_[:, 0], CALLER) > 0.6
        at.edge.wait_event("call.ended", id_)


def _holds(edge: Appliance, leg: str) -> tuple[float, float]:
    """When a leg was held and resumed, seconds from the start of the recording."""
    events = edge.events()
    began = next(_time(e) for e in events if e["type"] == "recording.started")
    of = {e["type"]: _time(e) - began for e in events if e["data"].get("leg") == leg}
    return of["leg.held"], of["leg.resumed"]


def _time(event: dict[str, str]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def test_music_goes_on_when_media_and_switch_are_killed(tmp_path: Path) -> None:
    with place(tmp_path, media=f'hold_music = "{music(tmp_path)}"') as at:
        caller, target = talking(at)
        reinvite(target, "sendonly")
        hears(caller, BEGINS)
        for name in ("media", "switch"):
            at.edge.wait_restarted(name, at.edge.kill(name))
            hears(caller, GOES_ON)
            hears(caller, BEGINS)
        recorded = at.edge.last_call()
        reinvite(target, "sendrecv")
        hears(caller, TARGET)
        caller.bye()
        done = at.edge.wait_event("recording.completed", recorded)["data"]
        samples, _ = soundfile.read(done["path"], dtype="int16")
        for hz in (BEGINS, GOES_ON, TARGET):
            assert frames_of(samples[:, 1], hz).sum() >= 8, f"the recording has what the caller heard: {hz} Hz"
        at.edge.wait_event("call.ended", recorded)


def test_a_conference_hears_neither_our_music_nor_that_of_who_holds(tmp_path: Path) -> None:
    third_hz = 1900
    with (
        place(tmp_path, media=f'hold_music = "{music(tmp_path)}"') as at,
        loopback_address() as third_at,
        Softphone(third_at, port=5060, tone_hz=third_hz, user="third") as phone,
    ):
        caller, target = talking(at)
        id_ = at.edge.last_call()
        request = {"id": id_, "target": phone.uri, "mode": "talk"}
        at.edge.control(what="request", process="switch", request="invite", body=request)
        third = phone.expect_call()
        third.accept()
        until(lambda: _level(caller, third_hz) > -20 and _level(caller, TARGET) > -20, 20, "a talk of three")
        reinvite(target, "sendonly")  # its tone goes on, as the music of an exchange does
        until(lambda: _level(caller, TARGET) < -60 and _level(third, TARGET) < -60, 15, "the others without it")
        until(lambda: caller.audio.hears(third_hz) and third.audio.hears(CALLER), 15, "they go on talking")
        for hz in (BEGINS, GOES_ON):
            assert _level(caller, hz) < -60
            assert _level(third, hz) < -60
        third.bye()
        hears(caller, BEGINS)  # alone with who holds
        hears(caller, GOES_ON)
        reinvite(target, "sendrecv")
        hears(caller, TARGET)
        caller.bye()
        at.edge.wait_event("call.ended", id_)


def test_an_announcement_is_heard_by_both_over_their_lowered_voices(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts/en"
    prompts.mkdir(parents=True)
    tone = 0.1 * np.sin(2 * np.pi * SAID * np.arange(2 * 8000) / 8000)
    soundfile.write(prompts / "said.wav", tone, 8000, subtype="PCM_16")
    more = "ringing: ringing, announcement: {sounds: said, every: 5s, duck_db: 20}"
    with place(tmp_path, menu=MENU.replace("ringing: ringing", more), media=f'hold_music = "{music(tmp_path)}"') as at:
        caller, target = talking(at)
        for call, voice in ((caller, TARGET), (target, CALLER)):
            until(lambda: _level(call, SAID) > -40, 15, "the announcement")  # noqa: B023 - waits here
            until(lambda: _level(call, SAID) < -60 and _level(call, voice) > -13, 15, "its end")  # noqa: B023
            ducked = lambda: _level(call, SAID) > -21 and _level(call, voice) < -31  # noqa: B023, E731
            until(ducked, 15, "again, whole for half a second")
            assert _level(call, SAID) == pytest.approx(-19.8, abs=1.5), "as loud as all prompts"
            assert _level(call, voice) > -34, "the voice under it goes on, 20 dB lower"
            until(lambda: _level(call, SAID) < -60 and _level(call, voice) > -13, 15, "as before")  # noqa: B023
        reinvite(target, "sendonly")
        hears(caller, BEGINS)
        hears(caller, GOES_ON)
        reinvite(target, "sendrecv")
        until(lambda: _level(caller, SAID) > -21 and _level(caller, TARGET) < -28, 15, "both again")
        caller.bye()
        at.edge.wait_event("call.ended")
        _no_clicks_over_said(caller.audio)


def _level(call: Call, hz: float) -> float:
    """Level of the tone `hz` in the last half second, dBm0."""
    heard = call.audio.recorded(0.5)
    part = tones.share(heard, hz, 40)
    return tones.level_dbm0(heard) + 10 * np.log10(part) if part > 0 else -99.0


def _no_clicks_over_said(stream: RtpStream) -> None:
    limit = sharpest(tones.sine(TARGET, 8000)) + sharpest(tones.sine(SAID, 8000, -17.0)) + 600
    talk = [piece for piece in timeline(stream) if len(piece) > 2 * FRAME]
    assert max(sharpest(piece) for piece in talk) <= 1.3 * limit


def test_wideband_telephones_hear_music_and_announcements(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts/en"
    prompts.mkdir(parents=True)
    tone = 0.2 * np.sin(2 * np.pi * SAID * np.arange(3 * 8000) / 8000)
    soundfile.write(prompts / "said.wav", tone, 8000, subtype="PCM_16")
    more = "announcement: {sounds: said, every: 6s, duck_db: 40}"
    menu = MENU.replace('to: "sip:target@TARGET"', f'to: "555", trunk: loop, {more}')
    account = ";answermode=auto"
    with (
        loopback_address() as at,
        baresip(tmp_path / "caller", 6000, codecs=G722, rate=RATE, account=account) as caller,
        baresip(tmp_path / "target", 5000, user="555", codecs=G722, rate=RATE, account=account) as target,
        appliance(
            at, tmp_path, menu=menu,
            trunk=f'address = "{HOST}:{target.sip_port}"\ncodecs = ["G722", "PCMU"]\n'
            f'hold_music = "{music(tmp_path)}"',
        ) as edge,
    ):  # fmt: skip
        caller.command("dial", edge.uri)
        caller.wait_for("CALL_ESTABLISHED")
        until(lambda: hears_wide(caller, TONES["welcome"]), 20, "the caller hears the welcome")
        caller.command("sndcode", "9")
        target.wait_for("CALL_ESTABLISHED")
        for phone, voice in ((caller, 5000), (target, 6000)):
            until(lambda: hears_wide(phone, SAID), 20, "the announcement")  # noqa: B023 - waits here
            until(lambda: hears_wide(phone, voice), 20, "the voice again")  # noqa: B023
        for _ in range(2):
            # The target's own recorder stays silent after a hold of its own, though it gets its packets.
            target.command("hold")
            until(lambda: hears_wide(caller, BEGINS), 20, "the music")
            until(lambda: hears_wide(caller, GOES_ON), 20, "the music goes on")
            target.command("resume")
            until(lambda: hears_wide(caller, 5000), 20, "the voice after the hold")
        caller.command("hangup")
        until(lambda: edge.types().count("call.ended") == 1, 20, "the end of the call")
        assert [kind for kind in edge.types() if kind in {"leg.held", "leg.resumed"}] == ["leg.held", "leg.resumed"] * 2
        edge.check_histories()
