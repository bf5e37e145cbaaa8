"""`edge hw calibrate`: what the loop through a line does to sound, and the gains that follow."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from edge.cli.hw_port import PortError
from edge.cli.hw_target import Target, target_of
from edge.cli.output import FINE, complain, print_json, print_table
from edge.cli.site import BadSiteError, ConfigOption, JsonOption, UsageError, failed

if TYPE_CHECKING:
    from dsp.loop import Measured
    from edge.cli.hw_sound import Recorded


def calibrate(
    line: Annotated[str | None, Parameter(help="A line of the site.")] = None,
    /,
    *,
    profile: Annotated[str | None, Parameter(help="Without a line: the profile of the device.")] = None,
    port: Annotated[str | None, Parameter(help="Its port; else it is found by its profile.")] = None,
    sound_port: Annotated[str | None, Parameter(help="Its port of sound, where sound is on a port.")] = None,
    sound_in: Annotated[
        str | None, Parameter(help="What is heard: number of a sound device, or part of its name.")
    ] = None,
    sound_out: Annotated[str | None, Parameter(help="What is said.")] = None,
    call: Annotated[str | None, Parameter(help="Number of somebody who says what he hears (an echo test).")] = None,
    plot: Annotated[Path | None, Parameter(help="Draw it into this PNG file.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Measure the loop through a device: delay, gain by frequency and level, noise, clipping, drift of the clocks.

    Some 13 s of sweeps and tones are played and what comes back is measured. A sound card takes a cable from its output
    to its input (or a loudspeaker before a microphone); a modem has sound in a call only, so it calls a number that
    echoes. The line must not have a call meanwhile. Exit code 1: nothing came back, or the device cannot be used.
    """
    from dsp.loop import NothingHeardError
    from edge.cli.desk_sound import NoDeviceError
    from edge.cli.hw_bench import BenchError

    try:
        if plot is not None and importlib.util.find_spec("PIL") is None:
            raise UsageError("--plot needs Pillow, which is not installed: pip install pillow (the extra 'plot')")
        if plot is not None and not plot.absolute().parent.is_dir():
            raise UsageError(f"--plot {plot}: there is no such folder")
        target = target_of(
            line, config, profile=profile, port=port, sound_port=sound_port, sound_in=sound_in, sound_out=sound_out
        )
        if target.is_modem and not call:
            raise UsageError("a modem has sound in a call only: --call NUMBER of somebody who says what he hears")
        recorded, measured = run(target, call)
        document = as_json(target, recorded, measured)
        if json:
            print_json(document)
        else:
            _print(document, measured)
        if plot is not None:
            from edge.cli.hw_picture import picture
            from edge.cli.spectrogram import save

            gain = f"{measured.gain_db:+.1f} dB at 1 kHz"
            save(picture(measured, f"loop of {target.name}: {document['latency_ms']:.0f} ms, {gain}"), plot)
    except (UsageError, BadSiteError, PortError, NoDeviceError, BenchError, NothingHeardError, OSError) as error:
        return failed(error)
    return FINE


def run(target: Target, number: str | None) -> "tuple[Recorded, Measured]":
    """Play, record and measure. Raises `PortError`, `NoDeviceError`, `BenchError`, `NothingHeardError`."""
    from edge.cli.hw_bench import Bench, loop_of
    from edge.cli.hw_sound import through

    if target.profile is None or not target.is_modem or number is None:
        with loop_of(target.profile, target.found, sound_in=target.sound_in, sound_out=target.sound_out) as loop:
            return through(loop, complain)
    with Bench(target.profile, target.found.control) as bench:
        complain("waiting for the modem")
        bench.start()
        complain("calling")
        bench.call(number)
        names = {"sound_in": target.sound_in, "sound_out": target.sound_out}
        with loop_of(target.profile, target.found, bench, **names) as loop:
            found = through(loop, complain)
        bench.hang_up()
    return found


def as_json(target: Target, recorded: "Recorded", measured: "Measured") -> dict[str, Any]:
    """Put all figures into one object."""
    gain_in, gain_out = measured.recommended()
    clock = recorded.clock
    return {
        "device": target.name,
        "latency_ms": round(recorded.latency_ms(measured.lag), 1),
        "likeness": measured.likeness,
        "gain_db": measured.gain_db,
        "ripple_db": round(measured.ripple_db, 2),
        "noise_dbm0": measured.noise_dbm0,
        "clips_at_dbm0": measured.clips_at_dbm0,
        "drift_ppm": measured.drift_ppm,
        "slipped_samples": measured.slipped,
        "clock_ppm": None if clock is None else clock.ppm,
        "clock_within_ppm": None if clock is None else clock.within_ppm,
        "overruns": recorded.overruns,
        "underruns": recorded.underruns,
        "gains_db": {str(hz): db for hz, db in measured.gains},
        "levels": [
            {"played_dbm0": one.played_dbm0, "heard_dbm0": one.heard_dbm0, "distortion_percent": one.distortion_percent}
            for one in measured.steps
        ],
        "recommended": {"gain_in_db": gain_in, "gain_out_db": gain_out},
    }


def _print(document: dict[str, Any], measured: "Measured") -> None:
    from edge.cli.hw_picture import print_gains, print_levels

    clips, drift = document["clips_at_dbm0"], document["drift_ppm"]
    clock = document["clock_ppm"]
    lost = f"{abs(measured.slipped)} samples {'were lost' if measured.slipped < 0 else 'came too much'}"
    faults = f"{document['overruns']} overruns, {document['underruns']} underruns"
    rows = [
        ("device", document["device"]),
        ("loop latency", f"{document['latency_ms']:.1f} ms"),
        ("gain at 1 kHz", f"{document['gain_db']:+.1f} dB, {document['ripple_db']:.1f} dB apart from 300 to 3400 Hz"),
        ("noise floor", f"{document['noise_dbm0']:.1f} dBm0"),
        ("clips", "not up to 2 dBm0" if clips is None else f"from {clips:g} dBm0 on"),
        ("in against out", f"not to be told: {lost}" if drift is None else f"{drift:+.1f} ppm"),
        ("its clock", "" if clock is None else f"{clock:+.0f} ppm of ours, within {document['clock_within_ppm']:.0f}"),
        ("faults", faults),
    ]
    print_table(("", ""), [row for row in rows if row[1]])
    print()
    print_gains(measured)
    print()
    print_levels(measured)
    gains = document["recommended"]
    print()
    print("for the profile:")
    print("[sound]")
    for name in ("gain_in_db", "gain_out_db"):
        print(f"{name} = {gains[name]}")
