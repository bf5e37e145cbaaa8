"""Prompts: whether every one is there, can be played, and is as loud as the others."""

import shutil
import statistics
from pathlib import Path

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient
from edge.cli.prompts import prompts_of

#: dB from the median of all at which a listener reaches for the volume.
OUTLIER_DB = 6.0
MOST = 8


def examine(patient: Patient, notes: Notes) -> None:
    """Look at all that menus play."""
    from edge.cli.prompt_sound import faults

    every = prompts_of(patient.found, "")
    unmade = 0
    told = 0
    for one in every:
        what = f"{one.use.language}: {one.use.name or one.use.text[:30]}"
        if one.source == "missing":
            continue  # a fault of the configuration, told there with its place
        if one.error:
            notes.bad(what, f"{one.use.path}: {one.error}", "record it anew; callers hear nothing")
            told += 1
        elif one.sound is None:
            unmade += 1
        else:
            for _, text in faults(one.sound, spoken=one.use.spoken)[: max(0, MOST - told)]:
                notes.advice(what, text, "run edge prompts check for all of them")
                told += 1
    _look_at_loudness(patient, notes)
    _look_at_speech(patient, unmade, notes)
    if not told:
        notes.ok("", f"{len(every)} prompts" if every else "menus play none")


def _look_at_loudness(patient: Patient, notes: Notes) -> None:
    if patient.site.speech.normalise_files:
        return  # they are brought to one level
    levels = {
        one.use.path: one.sound.level_dbov
        for one in prompts_of(patient.found, "")
        if one.sound is not None and one.sound.level_dbov > float("-inf")
    }
    if len(levels) < 3:
        return
    median = statistics.median(levels.values())
    for path, level in sorted(levels.items()):
        if abs(level - median) > OUTLIER_DB:
            text = f"speech at {level:.0f} dBov, the others at {median:.0f}"
            notes.advice(Path(path).name, text, "set speech.normalise_files = true, or record it anew")


def _look_at_speech(patient: Patient, unmade: int, notes: Notes) -> None:
    if not patient.found.speeches:
        return
    speech = patient.site.speech
    program = speech.espeak if speech.engine == "espeak-ng" else speech.piper
    if unmade and shutil.which(program) is None:
        notes.bad(program, f"it is not there, and {unmade} texts are not spoken yet", f"install {program}")
    if unmade:
        notes.ok("texts", f"{unmade} are spoken at the next start or reload")
