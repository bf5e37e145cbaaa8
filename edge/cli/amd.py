"""`edge amd tune FOLDER`: what rules for telling who answered would have done to calls that were recorded."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from msgspec import Struct
from msgspec.structs import replace

from edge.cli.output import BAD, CONFIGURATION, FINE, USAGE, complain, print_json, print_table
from edge.cli.site import JsonOption

if TYPE_CHECKING:  # numba and NumPy: not in each command
    import numpy as np
    import numpy.typing as npt

VERDICTS = ("human", "machine", "fax", "unknown")
#: What is heard of a call: no verdict takes longer.
MOST_SECONDS = 60
RATE = 8000
LABELS = "labels.csv"


class Judged(Struct, frozen=True, kw_only=True):
    """A recording, what it is, and what was said of it."""

    file: str
    truth: str
    verdict: str
    cause: str
    #: From the begin of the recording: the verdict, the begin and the end of speech before it.
    at_s: float
    speech_start_s: float
    speech_end_s: float
    #: When the verdict, a human, was taken back: a machine that had only paused.
    revised_s: float | None = None


def register(app: App) -> None:
    """Add the commands."""
    amd = App(name="amd", help="Answering machine detection: try rules on recordings.")
    amd.command(tune)
    app.command(amd)


def tune(
    folder: Annotated[
        Path,
        Parameter(
            help="Recordings that begin with the answer, the other side alone or on one channel. What each is says its"
            f" sub-folder ({', '.join(VERDICTS)}), or lines 'file,label' in {LABELS}."
        ),
    ],
    *,
    settings: Annotated[Path | None, Parameter(help="File with [[amd_rules]]; without it the defaults.")] = None,
    rules: Annotated[str, Parameter(help="Which of its rules; may be left out where there is one.")] = "",
    channel: Annotated[int, Parameter(help="Channel with the other side, from 1.")] = 1,
    json: JsonOption = False,
) -> int:
    """Replay a folder of labelled recordings and tell how many humans would have been hung up on.

    Exit code 1: a recording or a label is bad (the others count); 2: no labelled recordings; 78: bad rules.
    """
    from edge.config.amd import load_amd_rules
    from edge.config.errors import ConfigErrors
    from edge.config.trunk_settings import AmdRules

    try:
        chosen = AmdRules(name="defaults") if settings is None else load_amd_rules(settings, rules)
    except ConfigErrors as errors:
        complain(errors)
        return CONFIGURATION
    if rules and settings is None:
        complain("--rules names rules of a file: add --settings FILE")
        return USAGE
    faults: list[str] = []
    labelled = labels(folder, faults)
    judged = _judge_all(labelled, chosen, channel, faults)
    for fault in faults:
        complain(fault)
    if not judged:
        complain(f"{folder}: no labelled recordings that can be read")
        return BAD if labelled or faults else USAGE
    if json:
        for one in judged:
            print_json({"kind": "call", **{name: getattr(one, name) for name in Judged.__struct_fields__}})
        print_json({"kind": "summary", "rules": chosen.name, **summary(judged)})
    else:
        _print(judged, chosen.name)
    return BAD if faults else FINE


def labels(folder: Path, faults: list[str]) -> list[tuple[Path, str]]:
    """List recordings with what they are; what is wrong with labels goes to `faults`."""
    if not folder.is_dir():
        faults.append(f"{folder}: there is no such folder")
        return []
    found = {
        path: truth
        for truth in VERDICTS
        for path in sorted((folder / truth).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
    table = folder / LABELS
    if table.exists():
        try:
            with table.open(newline="", encoding="utf-8-sig") as lines:
                _read_labels(table, csv.reader(lines), found, faults)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            faults.append(f"{table}: cannot be read: {error}")
    return list(found.items())


def _read_labels(table: Path, lines: Any, found: dict[Path, str], faults: list[str]) -> None:
    for row in lines:
        place = f"{table}:{lines.line_num}"
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#") or (lines.line_num == 1 and cells[:2] == ["file", "label"]):
            continue
        if len(cells) != 2 or cells[1] not in VERDICTS:
            faults.append(f"{place}: expected a file and one of {', '.join(VERDICTS)}")
        elif not (table.parent / cells[0]).is_file():
            faults.append(f"{place}: there is no file {cells[0]}")
        else:
            found[table.parent / cells[0]] = cells[1]


def _judge_all(labelled: Sequence[tuple[Path, str]], chosen: Any, channel: int, faults: list[str]) -> list[Judged]:
    from dsp.detectors import answer, answer_offline
    from edge.cli.sound_file import BadSoundError
    from edge.config.trunk_settings import amd_settings

    record = answer.settings(amd_settings(chosen))
    judged = []
    for path, truth in labelled:
        try:
            samples = _samples(path, channel)
        except BadSoundError as error:
            faults.append(str(error))
            continue
        for one in answer_offline.judge(samples, record):
            if int(one["code"]) in answer.CODE_NAMES:
                start, end, at = (round(int(one[name]) / RATE, 3) for name in ("start", "end", "at"))
                verdict, cause = answer.CODE_NAMES[int(one["code"])], answer.CAUSE_NAMES[int(one["cause"])]
                judged.append(
                    Judged(
                        file=str(path), truth=truth, verdict=verdict, cause=cause, at_s=at, speech_start_s=start,
                        speech_end_s=end,
                    )
                )  # fmt: skip
            elif int(one["code"]) == answer.REVISED:
                judged[-1] = replace(judged[-1], revised_s=round(int(one["at"]) / RATE, 3))
    return judged


def _samples(path: Path, channel: int) -> "npt.NDArray[np.int16]":
    """Read the begin of a recording as int16[1, samples] at 8 kHz."""
    import numpy as np

    from edge.cli.sound_file import BadSoundError, SoundFile

    file = SoundFile(path)
    if not 1 <= channel <= file.channels:
        raise BadSoundError(f"{path}: there is no channel {channel}, it has {file.channels}")
    blocks, length = [], 0
    for block in file.blocks():
        blocks.append(block[channel - 1 : channel])
        length += block.shape[1]
        if length >= MOST_SECONDS * RATE:
            break
    return np.concatenate(blocks, axis=1)[:, : MOST_SECONDS * RATE] if blocks else np.zeros((1, 0), np.int16)


def summary(judged: Sequence[Judged]) -> dict[str, Any]:
    """Sum up: the confusion matrix, shares, and median times."""
    counts = Counter((one.truth, one.verdict) for one in judged)
    humans = [one for one in judged if one.truth == "human"]
    lost = [one for one in humans if one.verdict in {"machine", "fax"}]
    return {
        "calls": len(judged),
        "right": sum(one.verdict == one.truth for one in judged),
        "humans": len(humans),
        "humans_hung_up_on": len(lost),
        "machines_revised": sum(one.truth == "machine" and one.revised_s is not None for one in judged),
        "humans_revised": sum(one.revised_s is not None for one in humans),
        "matrix": {truth: {verdict: counts[truth, verdict] for verdict in VERDICTS} for truth in VERDICTS},
        "median_s": {
            "human_after_speech": _median([one.at_s - one.speech_end_s for one in humans if one.verdict == "human"]),
            "machine_from_speech": _median(
                [one.at_s - one.speech_start_s for one in judged if one.truth == one.verdict == "machine"]
            ),
        },
    }


def _median(values: list[float]) -> float | None:
    return round(sorted(values)[len(values) // 2], 3) if values else None


def _print(judged: Sequence[Judged], rules: str) -> None:
    told = summary(judged)
    rows = [[truth, *(told["matrix"][truth][verdict] for verdict in VERDICTS)] for truth in VERDICTS]
    print_table(("what it was", *(f"told: {verdict}" for verdict in VERDICTS)), rows)
    print(
        f"\nWith these settings ({rules}) {told['humans_hung_up_on']} of {told['humans']} humans would have been hung"
        f" up on; {told['right']} of {told['calls']} verdicts are right."
    )
    print(
        f"Machines taken for humans that were corrected when they went on: {told['machines_revised']};"
        f" humans taken for machines by that: {told['humans_revised']}."
    )
    for name, text in (
        ("human_after_speech", "humans are told {:.2f} s after they stop speaking (median)"),
        ("machine_from_speech", "machines are told {:.2f} s after they begin to speak (median)"),
    ):
        if told["median_s"][name] is not None:
            print(text.format(told["median_s"][name]))
    wrong = [one for one in judged if one.verdict != one.truth]
    if wrong:
        print()
        columns = ("wrong", "is", "told", "cause", "at", "speech")
        print_table(
            columns,
            [
                (one.file, one.truth, one.verdict, one.cause, f"{one.at_s:.2f}",
                 f"{one.speech_start_s:.2f} to {one.speech_end_s:.2f}")
                for one in wrong
            ],
        )  # fmt: skip
