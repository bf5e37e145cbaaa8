"""The real process: zygote, worker, engine, sockets, link and channel. Who hears whom is told by tones."""

import random
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import asdict, replace

from dsp.plane import layout
from edge.config.compiled import CompiledSite, packed
from edge.config.site import Recording
from edge.core.menus.model import Announcement, Gather, HangUp, Menu, Sound, Transfer
from edge.media.worker import sounds_of
from edge.vocabulary.commands import (
    Bridge,
    CloseLeg,
    DetectTones,
    OpenLeg,
    Play,
    SendDigits,
    StopPlay,
    StopRecording,
    Unbridge,
    UpdateLeg,
)
from edge.vocabulary.ids import LegId, PlayId, SlotIndex
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private
from edge.vocabulary.reports import (
    AudioStopped,
    CommandDone,
    DigitHeard,
    DigitsSent,
    LegMediaEnded,
    MediaSnapshot,
    PlayEnded,
    RecordingDone,
    RecordingFailed,
    SoundHeard,
)
from edge.vocabulary.supervision import Ready, Reload, Stop
from edge.vocabulary.wire import pack
from tests.media.rig import LIMIT_S, Rig
from tests.support import tones
from tests.support.rtp_stream import RtpStream
from tests.support.waiting import until

pytestmark = pytest.mark.system


def silent(rig_phone: RtpStream, over_s: float = 0.4) -> bool:
    heard = rig_phone.recorded(over_s)
    return heard.size > 0 and tones.level_dbm0(heard) < -60


def channels(path: str) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(path) as read:
        frames = np.frombuffer(read.readframes(read.getnframes()), np.int16).reshape(-1, 2)
    return frames[:, 0], frames[:, 1]


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_a_prompt_is_heard_by_its_leg_only_and_ends_once(rig: Rig, codec: str) -> None:
    one, other = rig.phone(), rig.phone()
    leg = rig.leg(0, one, codec=codec)
    rig.leg(1, other)
    sound = rig.tone_file("a.wav", 440, 1.5, rate=16000)
    play = rig.play(leg, sound)
    until(lambda: one.hears(440, 1.0), LIMIT_S)
    ended = rig.wait(PlayEnded)
    assert (ended.leg, ended.play, ended.how) == (leg, play, "finished")
    assert ended.played_ms == pytest.approx(1500, abs=21)
    until(lambda: silent(one) and silent(other), LIMIT_S)
    figures = rig.close_leg(leg)
    assert one.lost() == 0
    assert figures.packets_sent >= 75
    assert figures.packets_received > 0
    assert figures.packets_lost == 0
    assert figures.packets_refused <= 1  # the first of a source proves nothing yet
    assert len(rig.all(PlayEnded)) == 1


def test_a_list_plays_in_order_and_missing_files_are_told_and_left_out(rig: Rig) -> None:
    phone = rig.phone()
    leg = rig.leg(0, phone)
    (rig.folder / "text.wav").write_text("not a sound")
    files = [
        rig.tone_file("a.wav", 400, 0.5),
        str(rig.folder / "none.wav"),
        str(rig.folder / "text.wav"),
        rig.tone_file("b.wav", 900, 0.5),
    ]
    rig.play(leg, *files)
    rig.wait(PlayEnded, lambda r: r.how == "finished")
    told = rig.all(PlayEnded)
    assert [(r.how, r.file) for r in told] == [("missing", files[1]), ("missing", files[2]), ("finished", "")]
    assert told[-1].played_ms == pytest.approx(1000, abs=21)
    heard = phone.recorded()
    loud = np.flatnonzero(np.abs(heard) > 1000)
    heard = heard[loud[0] : loud[-1]]
    assert tones.share(heard[:3500], 400) > 0.9
    assert tones.share(heard[-3500:], 900) > 0.9


def test_a_play_of_nothing_ends_at_once_even_for_ever(rig: Rig) -> None:
    leg = rig.leg(0, rig.phone())
    rig.play(leg, "/none.wav", times=0)
    assert [r.how for r in rig.all(PlayEnded)] == ["missing", "finished"]
    rig.play(leg, name="q")
    assert rig.wait(PlayEnded, lambda r: r.play == "q").how == "finished"


def test_a_play_replaces_the_one_before_and_can_be_stopped(rig: Rig) -> None:
    phone = rig.phone()
    leg = rig.leg(0, phone)
    low, high = rig.tone_file("a.wav", 400, 5), rig.tone_file("b.wav", 900, 0.3)
    rig.play(leg, low, name="one")
    until(lambda: phone.hears(400, 0.3), LIMIT_S)
    rig.play(leg, high, name="two", times=0)
    assert rig.wait(PlayEnded).play == "one"
    until(lambda: phone.hears(900, 0.6), LIMIT_S)  # longer than the file: it repeats
    rig.do(StopPlay(leg, PlayId("two")))
    assert [(r.play, r.how) for r in [rig.wait(PlayEnded, lambda r: r.play == "two")]] == [("two", "stopped")]
    rig.do(StopPlay(leg, PlayId("two")))
    until(lambda: silent(phone), LIMIT_S)
    assert len(rig.all(PlayEnded)) == 2


def test_more_sounds_than_the_engine_takes_at_once(rig: Rig) -> None:
    phone = rig.phone()
    leg = rig.leg(0, phone)
    files = [rig.tone_file(f"{n}.wav", 400 + 50 * n, 0.1) for n in range(20)]
    rig.play(leg, *files)
    assert rig.wait(PlayEnded).played_ms == pytest.approx(2000, abs=21)
    heard = phone.recorded()
    loud = np.flatnonzero(np.abs(heard) > 1000)
    heard = heard[loud[0] :]
    for n in range(20):
        piece = heard[n * 800 + 100 : n * 800 + 700]
        assert tones.share(piece, 400 + 50 * n, 40) > 0.8


def test_a_file_that_changed_is_read_again(rig: Rig) -> None:
    phone = rig.phone()
    leg = rig.leg(0, phone)
    rig.play(leg, rig.tone_file("a.wav", 400, 0.5))
    rig.wait(PlayEnded)
    rig.play(leg, rig.tone_file("a.wav", 900, 0.7), name="again", times=0)
    until(lambda: phone.hears(900, 0.5), LIMIT_S)


def test_a_key_stops_a_prompt_with_barge_in_in_the_engine(rig: Rig) -> None:
    phone = rig.phone()
    leg = rig.leg(0, phone)
    rig.play(leg, rig.tone_file("a.wav", 440, 30), barge_in=True)
    # Keys in a play's first moments are left to switch.
    until(lambda: rig.shared.plane.legs["pl_played"][0] > 2400 and phone.hears(440, 0.3), LIMIT_S)
    phone.press("5")
    assert rig.wait(PlayEnded).how == "barged"
    assert rig.wait(DigitHeard).digit == Private("5")


# A tone that the phone sends late in its middle is two keys to whoever plays it in time.
@pytest.mark.alone
@pytest.mark.parametrize("method", ["rfc4733", "inband"])
def test_keys_are_heard_once_each_in_order(rig: Rig, method: str) -> None:
    phone = rig.phone(300)
    leg = rig.leg(0, phone)
    until(lambda: rig.shared.plane.legs["rx_packets"][0] > 5, LIMIT_S)
    phone.press("1590*#", method=method)
    until(lambda: len(rig.all(DigitHeard, leg)) >= 6, LIMIT_S)
    heard = rig.all(DigitHeard, leg)
    assert [(d.digit.reveal(), d.method) for d in heard] == [(key, method) for key in "1590*#"]
    starts = [d.start_ms for d in heard]
    assert starts == sorted(set(starts))
    for digit in heard:
        assert digit.duration_ms == pytest.approx(100, abs=25)
        assert digit.end_seen
    if method == "inband":
        assert all(d.level_dbm0 is not None and -15 < d.level_dbm0 < -3 for d in heard)


@pytest.mark.parametrize("event", [101, None])
def test_digits_are_sent_by_the_negotiated_method(rig: Rig, event: int | None) -> None:
    phone, listener = rig.phone(), rig.phone()
    leg = rig.leg(0, phone, event=event)
    rig.do(SendDigits(leg, Private("19#"), 100, 100), id_="digits")
    rig.wait(DigitsSent)
    if event is not None:
        until(lambda: len(phone.events()) == 3, LIMIT_S)
        assert [(e.key, e.duration_ms) for e in phone.events()] == [("1", 100), ("9", 100), ("#", 100)]
    else:
        heard = phone.recorded()
        assert phone.events() == []
        loud = np.abs(heard) > 1000
        assert 0.25 * 8000 < np.count_nonzero(np.convolve(loud, np.ones(40), "same") > 0) < 0.36 * 8000
    assert listener.packets == []
    rig.do(SendDigits(leg, Private("19#"), 100, 100), id_="digits")
    assert rig.error(SendDigits(leg, Private("12x"))) == "not a string of digits"
    assert len(rig.all(DigitsSent)) == 1


def test_bridged_legs_hear_each_other_and_nobody_else(rig: Rig) -> None:
    phones = [rig.phone(hz) for hz in (400, 700, 1000)]
    legs = [rig.leg(n, phone) for n, phone in enumerate(phones)]
    rig.do(Bridge(legs[0], legs[1]))
    until(lambda: phones[0].hears(700) and phones[1].hears(400), LIMIT_S)
    assert silent(phones[2])
    rig.do(Unbridge(legs[1]))
    until(lambda: silent(phones[0]) and silent(phones[1]), LIMIT_S)
    assert rig.error(Bridge(legs[0], LegId("nobody.1"))) == "no leg nobody.1"
    assert "itself" in rig.error(Bridge(legs[0], legs[0]))


def test_sound_begins_and_ends_and_silence_of_the_line_is_told(rig: Rig) -> None:
    phone = rig.phone()
    leg = rig.leg(0, phone)
    until(lambda: len(phone.audio()) > 5, LIMIT_S)
    phone.tone_hz = 500
    on = rig.wait(SoundHeard)
    phone.tone_hz = 0
    off = rig.wait(SoundHeard, lambda r: not r.on)
    assert (on.leg, on.on) == (leg, True)
    assert off.at_ms > on.at_ms
    phone.sending = False
    assert rig.wait(AudioStopped).silent_ms >= 1000
    assert rig.close_leg(leg).first_sound_ms is not None


def test_only_the_negotiated_peer_is_heard_and_a_new_address_takes_over(rig: Rig) -> None:
    first, stranger, second, listener = rig.phone(400), rig.phone(700), rig.phone(1000), rig.phone()
    leg, ear = rig.leg(0, first), rig.leg(1, listener)
    rig.do(Bridge(leg, ear))
    stranger.remote, stranger.sending = rig.slot_address(0), True
    second.remote, second.sending = rig.slot_address(0), True
    until(lambda: listener.hears(400, least=0.95), LIMIT_S)
    rig.do(UpdateLeg(leg, rig.remote(second)))
    until(lambda: listener.hears(1000, least=0.95), LIMIT_S)
    assert stranger.packets == []


@pytest.mark.parametrize(("direction", "we_send"), [("sendonly", False), ("inactive", False), ("recvonly", True)])
def test_a_peer_that_does_not_want_audio_gets_none(rig: Rig, direction: str, we_send: bool) -> None:
    phone = rig.phone()
    leg = rig.leg(0, phone)
    until(lambda: len(phone.audio()) > 5, LIMIT_S)
    rig.do(UpdateLeg(leg, rig.remote(phone, direction=direction)))
    ticks = rig.shared.plane.ctl
    start = int(ticks[layout.TICK])
    until(lambda: ticks[layout.TICK] > start + 2, LIMIT_S)
    count = len(phone.audio())
    start = int(ticks[layout.TICK])
    until(lambda: ticks[layout.TICK] > start + 10, LIMIT_S)
    assert (len(phone.audio()) > count) == we_send
    rig.do(UpdateLeg(leg, rig.remote(phone)))
    count = len(phone.audio())
    until(lambda: len(phone.audio()) > count + 5, LIMIT_S)


def test_a_leg_without_a_peer_and_a_peer_without_an_address(rig: Rig) -> None:
    phone = rig.phone(400)
    leg = LegId("call0.1")
    rig.do(OpenLeg(leg=leg, slot=SlotIndex(0), remote=None))
    phone.remote, phone.sending = rig.slot_address(0), True
    until(lambda: phone.sent > 10, LIMIT_S)
    assert phone.packets == []
    rig.do(UpdateLeg(leg, rig.remote(phone)))
    until(lambda: len(phone.audio()) > 5, LIMIT_S)
    held = rig.remote(phone, direction="inactive")
    rig.do(
        UpdateLeg(
            leg, type(held)(**{f: getattr(held, f) for f in held.__struct_fields__} | {"rtp": Address("0.0.0.0", 4000)})
        )
    )
    assert rig.close_leg(leg).packets_sent > 5


def test_commands_are_idempotent_by_their_subject(rig: Rig) -> None:
    phone = rig.phone()
    leg = rig.leg(0, phone)
    rig.do(OpenLeg(leg=leg, slot=SlotIndex(0), remote=rig.remote(phone)))
    sound = rig.tone_file("a.wav", 440, 0.2)
    rig.play(leg, sound)
    rig.wait(PlayEnded)
    rig.play(leg, sound)
    assert rig.error(OpenLeg(leg=LegId("other.1"), slot=SlotIndex(0), remote=None)) == f"slot 0 is used by {leg}"
    assert "another slot" in rig.error(OpenLeg(leg=leg, slot=SlotIndex(1), remote=None))
    assert rig.error(OpenLeg(leg=LegId("x.1"), slot=SlotIndex(99), remote=None)) == "no slot 99"
    first = rig.close_leg(leg)
    assert len(rig.all(PlayEnded)) == 1
    rig.do(CloseLeg(leg))
    assert rig.all(LegMediaEnded) == [first, first]
    assert rig.error(Play(leg=leg, play=PlayId("x"), files=[])) == f"no leg {leg}"
    assert rig.error(CloseLeg(LegId("nobody.1"))) == "no leg nobody.1"


def test_a_slot_is_used_again_at_once(rig: Rig) -> None:
    for n in range(10):
        phone = rig.phone()
        leg = LegId(f"call.{n}")
        rig.do(OpenLeg(leg=leg, slot=SlotIndex(0), remote=rig.remote(phone)))
        rig.send(CloseLeg(leg))
    until(lambda: len(rig.all(LegMediaEnded)) == 10, LIMIT_S)
    assert [r.leg for r in rig.all(LegMediaEnded)] == [f"call.{n}" for n in range(10)]


def test_a_recording_holds_both_sides_on_one_time_line(rig: Rig) -> None:
    phone = rig.phone(400)
    leg = rig.leg(0, phone)
    until(lambda: rig.shared.plane.legs["rx_packets"][0] > 5, LIMIT_S)
    sound = rig.tone_file("a.wav", 900, 1.0)
    recording = rig.record(leg, "both")
    rig.play(leg, sound)
    rig.wait(PlayEnded)
    rig.do(StopRecording(leg, recording.recording))
    done = rig.wait(RecordingDone)
    left, right = channels(recording.path)
    assert (done.duration_ms, done.size_bytes) == (len(left) // 8, Path(recording.path).stat().st_size)
    assert done.gap_ms_right == 0
    loud = np.flatnonzero(np.abs(right) > 1000)
    assert loud[-1] - loud[0] == pytest.approx(8000, abs=200)
    assert tones.share(right[loud[0] : loud[-1]], 900) > 0.95
    assert tones.share(left, 400) > 0.95
    rig.do(StopRecording(leg, recording.recording))


def test_closing_a_leg_completes_its_recording(rig: Rig) -> None:
    leg = rig.leg(0, rig.phone(400))
    recording = rig.record(leg, "closed")
    until(lambda: rig.shared.plane.legs["rec_write"][0] > 4000, LIMIT_S)
    rig.close_leg(leg)
    done = rig.wait(RecordingDone)
    assert done.duration_ms >= 500
    assert len(channels(recording.path)[0]) == done.duration_ms * 8


def test_random_bytes_and_large_packets_are_counted_and_nothing_else(rig: Rig) -> None:
    dice = random.Random(7)
    phone = rig.phone(400)
    leg = rig.leg(0, phone)
    listener = rig.phone()
    ear = rig.leg(1, listener)
    rig.do(Bridge(leg, ear))
    until(lambda: listener.hears(400), LIMIT_S)
    sent = 0
    for _ in range(60):
        for _ in range(20):
            data = dice.randbytes(dice.choice([0, 1, 11, 12, 13, 160, 1500, 4000]))
            phone._rtp.sendto(data, rig.slot_address(0))
            phone._rtcp.sendto(data, rig.slot_address(0, rtcp=1))
            sent += 1
        tick = int(rig.shared.plane.ctl[layout.TICK])
        until(lambda tick=tick: rig.shared.plane.ctl[layout.TICK] > tick, LIMIT_S)
    until(lambda: listener.hears(400), LIMIT_S)
    counted = rig.metrics()
    refused = counted["edge_media_packets_refused_total"] + counted["edge_media_packets_flooded_total"]
    assert refused >= 0.9 * sent
    assert counted["edge_media_rtcp_packets_refused_total"] > 0
    assert counted["edge_media_engine_starts_total"] == 1


def test_the_supervisor_hears_ready_beats_and_figures_and_stops_it(rig: Rig) -> None:
    leg = rig.leg(0, rig.phone())
    until(lambda: rig.worker.channel.listen() or rig.worker.channel.beats >= 2, LIMIT_S)
    figures = rig.metrics()
    assert figures["edge_media_legs"] == 1
    assert figures["edge_media_tick_seconds_count"] == figures['edge_media_tick_seconds_bucket{le="+Inf"}'] > 50
    assert figures["edge_media_packets_sent_total"] > 0
    rig.close_leg(leg)
    rig.worker.channel.send(Stop())
    assert rig.appliance.exited(rig.worker) == 0
    rig.next_worker()


def test_a_hung_engine_stops_the_beats_of_a_process_that_lives(rig: Rig) -> None:
    until(lambda: rig.worker.channel.listen() or rig.worker.channel.beats >= 1, LIMIT_S)
    rig.shared.plane.ctl[layout.RUN] = 0

    def without_beats(periods: int) -> bool:
        rig.worker.channel.listen()
        before, end_s = rig.worker.channel.beats, time.monotonic() + periods
        until(lambda: time.monotonic() > end_s, LIMIT_S)
        assert rig.metrics()
        return rig.worker.channel.beats == before

    until(lambda: without_beats(2), LIMIT_S)
    rig.crash()
    until(lambda: rig.worker.channel.listen() or rig.worker.channel.beats >= 1, LIMIT_S)


def test_a_reconnecting_switch_gets_a_snapshot_and_may_discard(rig: Rig) -> None:
    leg = rig.leg(0, rig.phone())
    rig.record(leg, "snap")
    rig.switch.stop()
    rig.switch.start()
    snapshot = rig.wait(MediaSnapshot, lambda s: s.legs)
    assert snapshot == MediaSnapshot({leg: SlotIndex(0)}, {leg: "snap"})
    peer = rig.switch.peer(rig.worker.incarnation)
    rig.switch.pump.post(lambda: peer.discard([leg, LegId("nobody.1")]))
    assert rig.wait(LegMediaEnded).leg == leg
    assert rig.wait(RecordingDone).recording == "snap"


def test_done_is_reported_before_the_leg_has_a_tick(rig: Rig) -> None:
    """On the path of a call's set-up nothing may wait for the engine."""
    rig.shared.plane.ctl[layout.RUN] = 0
    tick, since = -1, 0.0

    def still() -> bool:
        """No tick for the time of ten."""
        nonlocal tick, since
        before, tick = tick, int(rig.shared.plane.ctl[layout.TICK])
        if before != tick:
            since = time.monotonic()
        return time.monotonic() - since >= 0.2

    until(still, LIMIT_S)
    rig.leg(0, rig.phone())
    assert len(rig.all(CommandDone)) == 1
    assert rig.shared.plane.legs["state"][0] == layout.LEG_FREE


def test_a_reload_preloads_the_menus_and_moves_the_disk_limit(rig: Rig) -> None:
    site = rig.appliance.site
    sounds = [Sound(rig.tone_file(f"{n}.wav", 400 + n, 0.1), "x") for n in range(4)]
    music = rig.tone_file("music.wav", 500, 0.1)
    site = replace(site, media=replace(site.media, hold_music=music))
    menu = Menu(
        name="m",
        version="1",
        start="a",
        nodes={
            "a": Gather(prompt=[sounds[0]], no_input=[[sounds[1], sounds[0]]], next="b", failed="b"),
            "b": Transfer(
                target="sip:x@127.0.0.1", ringing=[sounds[2]], announcement=Announcement(sounds=[sounds[3]]), failed="c"
            ),
            "c": HangUp(),
        },
    )
    site = CompiledSite(**asdict(site), menus={"m": menu})
    assert sounds_of(packed(site)) == [music, *(s.path for s in sounds)]
    path = rig.folder / "site"
    path.write_bytes(pack(packed(replace(site, recording=Recording(reserve_mb=10**9)))))
    rig.worker.channel.send(Reload(str(path)))
    until(lambda: rig.metrics()["edge_media_prompt_files"] == 5, LIMIT_S)
    channel = rig.worker.channel
    until(lambda: channel.listen() or "reserved" in channel.conditions.get("recording_disk", ""), LIMIT_S)
    failed = rig.record(rig.leg(0, rig.phone()), "no-room")
    assert "reserved" in rig.wait(RecordingFailed, lambda r: r.recording == failed.recording).error
    path.write_bytes(pack(site))
    channel.send(Reload(str(path)))
    until(lambda: channel.listen() or channel.conditions["recording_disk"] == "", LIMIT_S)


def test_a_reload_brings_tones_of_further_countries(rig: Rig) -> None:
    site = replace(rig.appliance.site, tones={"ours": {"busy": "600/300,0/300"}})
    leg = rig.leg(0, rig.phone())
    assert "no tones of ours" in rig.error(DetectTones(leg, "ours"))
    path = rig.folder / "site"
    path.write_bytes(pack(site))
    rig.worker.channel.send(Reload(str(path)))
    until(lambda: rig.error(DetectTones(leg, "ours")) == "", LIMIT_S)
    standby = rig.appliance.fork(standby=True)
    standby.channel.next(Ready)
    standby.channel.send(Reload(str(path)))
    rig.appliance.kill(rig.worker)
    rig.take_over(standby)
    assert rig.error(DetectTones(rig.leg(1, rig.phone()), "ours")) == ""
