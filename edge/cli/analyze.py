"""`edge analyze FILE...`: what is heard in recordings, by the detectors of live calls."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from edge.cli.output import BAD, FINE, USAGE, complain, print_json, print_table, printable
from edge.cli.site import JsonOption, UsageError

if TYPE_CHECKING:  # numba and NumPy: not in each command
    from dsp.analysis import Detection, Settings
    from edge.cli.sound_file import SoundFile

RATE = 8000
#: An hour is no deadline.
MAX_DEADLINE_S = 600
#: What a detection is called by, whichever it has.
NAMES = ("digit", "label", "verdict")


def register(app: App) -> None:
    """Add the command."""
    app.command(analyze)


def analyze(
    *files: Annotated[Path, Parameter(help="Sound files: any format, rate and number of channels.")],
    country: Annotated[str | None, Parameter(help="Whose call progress tones to expect, such as us; else any.")] = None,
    deadline: Annotated[float | None, Parameter(help="Seconds until which it is decided who answered.")] = None,
    plot: Annotated[Path | None, Parameter(help="Draw the spectrogram with what was heard into this PNG file.")] = None,
    json: JsonOption = False,
) -> int:
    """Tell what is heard in recordings: keys, tones, speech, who answered.

    Channels are numbered from 1. Exit code 1: a file could not be read, or not to its end.
    """
    from edge.cli.sound_file import BadSoundError

    try:
        settings = _settings(files, plot, country, deadline)
    except UsageError as error:
        complain(error)
        return USAGE
    code = FINE
    for path in files:
        try:
            file, found = listen(path, plot, settings)
        except BadSoundError as error:
            complain(error)
            code = BAD
            continue
        for text in (*file.notes, *file.faults):
            complain(text)
        if file.faults:
            code = BAD
        if json:
            for one in found:
                print_json(as_json(one, path))
        else:
            _print(path, file, found, title=len(files) > 1)
    return code


def _settings(files: Sequence[Path], plot: Path | None, country: str | None, deadline: float | None) -> "Settings":
    """Check what was asked for. Raises `UsageError`."""
    from dsp.analysis import Settings, countries

    if not files:
        raise UsageError("usage: edge analyze FILE...")
    if plot is not None and len(files) > 1:
        raise UsageError("--plot draws one file")
    if plot is not None and not plot.absolute().parent.is_dir():
        raise UsageError(f"--plot {plot}: there is no such folder")
    if plot is not None and importlib.util.find_spec("PIL") is None:
        raise UsageError("--plot needs Pillow, which is not installed: pip install pillow (the extra 'plot')")
    if country is not None and country not in countries():
        raise UsageError(f"--country {country}: there are {', '.join(sorted(countries()))}")
    if deadline is not None and not 0 < deadline <= MAX_DEADLINE_S:
        raise UsageError(f"--deadline: more than 0 and at most {MAX_DEADLINE_S} seconds")
    return Settings(country, {} if deadline is None else {"deadline": round(deadline * 1000)})


def listen(
    path: Path, plot: Path | None = None, settings: "Settings | None" = None
) -> tuple["SoundFile", list["Detection"]]:
    """Analyse a file, and draw it. Raises `BadSoundError`."""
    from dsp.analysis import Analysis
    from edge.cli.sound_file import BadSoundError, SoundFile
    from edge.cli.spectrogram import Spectrogram, save

    file = SoundFile(path)
    analysis = Analysis(file.channels, settings)
    picture = None if plot is None else Spectrogram(file.channels)
    for block in file.blocks():
        analysis.feed(block)
        if picture is not None:
            picture.feed(block)
    found = analysis.finish()
    if picture is not None and plot is not None:
        try:
            save(picture.draw(found, analysis.length, printable(file.path.name)), plot)
        except OSError as error:
            raise BadSoundError(f"{plot}: {error.strerror or error}") from error
    return file, found


def _seconds(samples: int) -> float:
    """Seconds to the sample."""
    return round(samples / RATE, 6)


def as_json(one: "Detection", path: Path) -> dict[str, Any]:
    """Put a detection in one JSON object."""
    line: dict[str, Any] = {"kind": one.kind, **one.facts}
    if one.start is not None:
        line["start_s"] = _seconds(one.start)
    if one.end is not None:
        line["end_s"] = _seconds(one.end)
    line["at_s"] = _seconds(one.at)
    line["channel"] = one.channel + 1
    line["file"] = str(path)
    return line


def _shown(value: object) -> str:
    return "+".join(f"{one:g}" for one in value) if isinstance(value, list) else str(value)


def _print(path: Path, file: "SoundFile", found: Sequence["Detection"], *, title: bool) -> None:
    if title:
        print(f"{printable(str(path))}: {file.channels} channels, {file.rate} Hz, {_seconds(file.samples):.3f} s")
    rows = []
    for one in found:
        rest = ", ".join(f"{name} {_shown(value)}" for name, value in one.facts.items() if name not in NAMES)
        start = f"{one.place / RATE:.3f}"
        end = "" if one.end is None else f"{one.end / RATE:.3f}"
        what = next((one.facts[name] for name in NAMES if name in one.facts), "")
        rows.append((start, end, one.channel + 1, one.kind, what, rest))
    print_table(("from", "to", "channel", "kind", "what", "evidence"), rows, right=("from", "to", "channel"))
