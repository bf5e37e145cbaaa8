"""The device is who it is said to be, initialises as its profile says, and has a network."""

import pytest

from edge.cli.hw_bench import Bench
from edge.cli.hw_profiles import fit_model, knows_firmware
from edge.cli.hw_target import Target
from edge.core.lines.words import Dial, Ended, Fault, Identified, Signal, StateChanged
from edge.vocabulary.private import Private

Figures = dict[str, object]


def test_it_is_found(target: Target, figures: Figures) -> None:
    figures["port"] = target.found.control
    if target.profile is not None and target.profile.sound.how == "control":
        figures["sound"] = "in the control port"
    else:
        figures["sound"] = target.found.sound_port or (target.found.card.hardware if target.found.card else "by name")
    figures["usb"] = str(target.found.usb or "")


def test_it_takes_its_initialisation(bench: Bench, identity: Identified, figures: Figures) -> None:
    """Ready without a fault: no command was refused that the profile needs, nothing came that it does not know."""
    ready = bench.wait(1, StateChanged, fits=lambda one: one.state == "ready")
    starting = bench.wait(1, StateChanged, fits=lambda one: one.state == "starting")
    figures["ready_after_s"] = round(bench.seconds_between(starting, ready), 2)
    faults = [action.text for _, action in bench.said if isinstance(action, Fault)]
    figures["faults"] = len(faults)
    assert not faults


def test_it_is_who_the_profile_says(target: Target, identity: Identified, figures: Figures) -> None:
    assert target.profile is not None
    known = knows_firmware(target.profile, identity.firmware)
    figures["model"], figures["firmware"] = identity.model, identity.firmware
    figures["firmware_known"] = "any" if known is None else known
    assert identity.model, "it does not say its model"
    named = [word for word in target.profile.model.upper().replace(",", " ").split() if len(word) > 2]
    fits = fit_model(f"{identity.model} {identity.firmware}", {"this": target.profile})
    assert fits or any(word in identity.model.upper() for word in named)


def test_signal(bench: Bench, identity: Identified, figures: Figures) -> None:
    if not bench.profile.dialogue.signal:
        pytest.skip("a telephone line has no signal to ask for")
    signal = bench.signal or bench.wait(bench.profile.dialogue.status_every_ms / 1000 + 5, Signal)
    figures["signal_dbm"], figures["operator"] = signal.dbm, signal.operator
    assert signal.dbm is not None, "it does not know its signal"
    assert -113 <= signal.dbm <= -25
    assert signal.operator


def test_nothing_reopens_by_itself(bench: Bench, identity: Identified) -> None:
    """A port that is lost and found while nobody touches it is a bad cable, or too little current."""
    states = [action.state for _, action in bench.said if isinstance(action, StateChanged)]
    assert states.count("starting") == 1, f"it went through {', '.join(states)}"


def test_what_cannot_be_a_number_never_reaches_the_modem(bench: Bench, identity: Identified) -> None:
    place = bench.tell(Dial(Private("1;+CPWROFF")))
    ended = bench.wait(5, Ended, since=place)
    assert ended.cause == "failed"
