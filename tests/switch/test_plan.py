"""What switch takes from the site for a call."""

from datetime import UTC, datetime

from dsp.detectors.answer import DEFAULTS
from edge.config.compiled import CompiledSite
from edge.config.site import Media
from edge.config.trunk_settings import AmdRules, Trunk
from edge.switch.plan import Plan

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_rules_for_who_answered_are_those_that_the_trunk_names() -> None:
    trunks = [
        Trunk(name="plain", sources=[]),
        Trunk(name="usual", sources=[], amd=True),
        Trunk(name="own", sources=[], amd=True, amd_rules="patient"),
        Trunk(name="off", sources=[], amd_rules="patient"),
    ]
    site = CompiledSite(name="test", trunks=trunks, amd_rules=[AmdRules(name="patient", machine_speech_ms=6000)])
    assert Plan(site).terms(None, NOW).amd == {"usual": DEFAULTS, "own": DEFAULTS | {"machine_speech": 6000}}


def test_hold_music_is_that_of_the_trunk_else_that_of_all() -> None:
    trunks = [
        Trunk(name="plain", sources=[]),
        Trunk(name="own", sources=[], hold_music="/own.wav"),
        Trunk(name="off", sources=[], hold_music="none"),
    ]
    site = CompiledSite(name="test", trunks=trunks, media=Media(hold_music="/all.wav"))
    assert Plan(site).terms(None, NOW).hold_music == {"": "/all.wav", "own": "/own.wav", "off": ""}
    assert Plan(CompiledSite(name="test", trunks=trunks)).terms(None, NOW).hold_music == {"own": "/own.wav", "off": ""}
    assert site.hold_music_files == ["/all.wav", "/own.wav"]
