import json

from hypothesis import given
from hypothesis import strategies as st

from edge.core.recording import sidecar
from edge.vocabulary.ids import LegId, RecordingId

NOTE = sidecar.OpenNote(recording=RecordingId("rec1"), leg=LegId("call.7.2"), started="2026-11-21T19:00:00.123Z")


def test_a_sidecar_names_call_and_gaps_in_milliseconds() -> None:
    made = sidecar.finished(
        NOTE, "/spool/2026/11/21/rec1.wav", frames=16000, gaps=(80, 0), size_bytes=64044, sha256="ab" * 32
    )
    assert json.loads(sidecar.encode(made)) == {
        "version": 1,
        "recording": "rec1",
        "call": "call.7",
        "leg": "call.7.2",
        "file": "rec1.wav",
        "started": "2026-11-21T19:00:00.123Z",
        "duration_ms": 2000,
        "sample_rate": 8000,
        "channels": ["leg", "other side"],
        "gap_ms_left": 10,
        "gap_ms_right": 0,
        "size_bytes": 64044,
        "sha256": "ab" * 32,
        "truncated": False,
        "error": "",
        "repaired": False,
    }
    assert sidecar.decode_sidecar(sidecar.encode(made)) == made


def test_an_error_means_truncated_and_repaired_gaps_are_unknown() -> None:
    made = sidecar.finished(
        NOTE, "a.wav", frames=0, gaps=(None, None), size_bytes=44, sha256="", error="disk full", repaired=True
    )
    assert (made.truncated, made.repaired, made.gap_ms_left, made.gap_ms_right) == (True, True, None, None)


def test_file_names() -> None:
    assert sidecar.sidecar_path("/a/b.c/rec.wav") == "/a/b.c/rec.json"
    assert sidecar.open_path("/a/b.c/rec.wav") == "/a/b.c/rec.open"


@given(st.binary(max_size=200))
def test_anything_else_is_no_note(data: bytes) -> None:
    assert sidecar.decode_note(data) is None
    assert sidecar.decode_sidecar(data) is None


def test_a_torn_note_is_no_note() -> None:
    data = sidecar.encode(NOTE)
    assert sidecar.decode_note(data) == NOTE
    assert all(sidecar.decode_note(data[:n]) is None for n in range(len(data) - 2))
