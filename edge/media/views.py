"""A look at the media of a call while it lasts: read from the engine's records, which it does not notice."""

import math
from typing import Any

import msgspec
from msgspec import Struct

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.plane import layout
from edge.media.figures import quality_of
from edge.media.legs import Legs
from edge.media.slots import SlotState
from edge.media.sockets import unpack_sockaddr
from edge.vocabulary.ids import CallId, call_of
from edge.vocabulary.media import AudioFault
from edge.vocabulary.quality import LegView, QualityFigures
from edge.vocabulary.wire import json_reader, to_json

#: Legs in an answer; a call has a handful.
MAX_LEGS = 64
#: A level older than this is none.
FRESH_NS = 200_000_000
#: Below that it is silence, and no figure.
QUIETEST_DBM0 = -90.0


class ViewError(Exception):
    """The request can't be met; the text says why."""


class LegsRequest(Struct, frozen=True):
    """Name a call."""

    call: CallId


_request = json_reader(LegsRequest)


class Views:
    """Answers requests for the state of legs. Runs on the main thread; an answer costs some 10 us a leg."""

    def __init__(self, plane: layout.PlaneState, legs: Legs) -> None:
        self._plane, self._legs = plane, legs

    def answer(self, what: str, body: bytes) -> bytes:
        """Return the reply. Raises `ViewError`."""
        if what != "legs":
            raise ViewError(f"unknown request {what[:40]!r}")
        try:
            request = _request.decode(body)
        except msgspec.MsgspecError as error:
            raise ViewError(f"{what}: {error}") from error
        states = [state for state in self._legs.live() if call_of(state.leg) == request.call]
        now_ns = int(self._plane.ctl[layout.LAST_TICK_END_NS])
        found = sorted(states, key=lambda state: state.leg)[:MAX_LEGS]
        return to_json([self._view(state, now_ns) for state in found])

    def _view(self, state: SlotState, now_ns: int) -> LegView:
        return leg_view(state, self._plane.legs[state.slot], now_ns, self._plane.speech[state.slot])


def leg_view(state: SlotState, record: Any, now_ns: int, hearing: Any = None) -> LegView:
    """Return what the engine's `record` of the slot says of the leg in it; `now_ns`: end of the last tick.

    `hearing`: its `SPEECH_STATE`.
    """
    remote, recording = state.remote, state.recording
    rate = layout.SAMPLE_RATE << int(record["wide"])
    stored = int(record["jb_newest_ts"]) - int(record["jb_play_ts"]) if int(record["jb_started"]) else 0
    fresh = now_ns - int(record["rx_last_ns"]) < FRESH_NS
    playing = int(record["pl_active"])
    return LegView(
        leg=state.leg,
        slot=state.slot,
        phase=state.phase,
        codec=remote.codec if remote is not None else "",
        clock_rate=remote.clock_rate if remote is not None else 0,
        peer=_peer(state, record),
        srtp=remote is not None and remote.crypto != 0,
        level_in_dbm0=_level(record["ql_power_in"]) if fresh else None,
        level_out_dbm0=_level(record["ql_power_out"]) if int(record["transmit"]) and int(record["connected"]) else None,
        talks=bool(record["lv_on"]),
        buffer_ms=round(max(stored, 0) * 1000 / rate, 1),
        buffer_target_ms=round(int(record["jb_target"]) * 1000 / rate, 1),
        plays=state.plays.get(int(record["pl_number"])) if playing else None,
        recording=recording.recording if recording is not None and state.recording_open else None,
        room=int(record["rm_room"]),
        room_mode=state.room_mode if int(record["rm_room"]) else "",
        sends_digits=bool(record["dg_active"]),
        faults=_faults(record),
        figures=QualityFigures(**quality_of(record, remote, hearing)),
    )


def _peer(state: SlotState, record: Any) -> str:
    if int(record["ln_learned"]):
        return str(unpack_sockaddr(bytes(record["ln_from"])) or "")
    return str(state.remote.rtp) if state.remote is not None else ""


def _faults(record: Any) -> list[AudioFault]:
    told: dict[AudioFault, str] = {
        "no_packets": "rx_stop_told",
        "no_sound": "ql_quiet_told_ns",
        "not_received": "ql_deaf_told_ns",
    }
    return [fault for fault, field in told.items() if int(record[field])]


def _level(power: Any) -> float | None:
    """Mean square to dBm0; None for silence."""
    level = 10 * math.log10(int(power) / POWER_0_DBM0) if int(power) > 0 else -math.inf
    return round(level, 1) if level > QUIETEST_DBM0 else None
