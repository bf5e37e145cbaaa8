"""Who speaks a text: espeak-ng, or piper where a voice file is given, with the voice and the pace of each language.

A speaker is told a text on standard input and leaves a WAV file; both programs do that. Nothing of it is in a call's
path: texts are spoken when the configuration is loaded, and kept.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from edge.config.errors import Findings, Place
from edge.config.site import Site

_SPEAK_SECONDS = 60
#: Words a minute of espeak-ng at 100 %, its own default.
_ESPEAK_PACE = 175
#: Voices of espeak-ng for languages whose own it speaks wrongly. Its `cmn` (1.51) reads the Pinyin that it makes of a
#: character as English, "hao three"; the other one reads characters and Pinyin as Chinese.
_ESPEAK_VOICES = {"cmn": "cmn-latn-pinyin", "zh": "cmn-latn-pinyin"}


class Speaker(Struct, frozen=True, kw_only=True):
    """A program, its voice and its pace, for texts of one language."""

    engine: str
    #: Its name or path.
    program: str
    #: Of espeak-ng a name (`de`, `en-us+f3`), of piper the path of its `.onnx` file.
    voice: str
    #: Percent of the ordinary one.
    pace: int = 100

    @property
    def key(self) -> str:
        """What a text's sound depends on, apart from the text."""
        stamp = ""
        if self.engine == "piper":
            try:
                found = Path(self.voice).stat()
                stamp = f"{found.st_size}:{found.st_mtime_ns}"
            except OSError:
                stamp = "missing"
        return "\0".join((self.engine, self.voice, str(self.pace), stamp))


def languages_to_try(language: str) -> list[str]:
    """Name the language itself, then without its region: `en-gb`, `en`."""
    parts = language.split("-")
    return ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]


def speaker_for(site: Site, language: str) -> Speaker:
    """Return who speaks a language on this site: by `[[voices]]` of it or of its language without a region."""
    own = {voice.language.lower(): voice for voice in site.voices}
    found = next((own[tried] for tried in languages_to_try(language.lower()) if tried in own), None)
    engine = (found.engine if found is not None else "") or site.speech.engine
    program = site.speech.piper if engine == "piper" else site.speech.espeak
    voice = found.voice if found is not None else ""
    return Speaker(
        engine=engine,
        program=program,
        voice=voice or ("" if engine == "piper" else _ESPEAK_VOICES.get(language.lower().split("-")[0], language)),
        pace=(found.pace if found is not None else 0) or site.speech.pace,
    )


@lru_cache(256)
def voice_of_espeak(program: str, voice: str) -> str | None:
    """Name the voice that espeak-ng speaks a language (or `voice`) with, that of the region first; None: it has none.

    Raises `FileNotFoundError` when there is no such program.
    """
    name, plus, variant = voice.partition("+")
    for tried in languages_to_try(name):
        # Asking for a voice is the only sure test: the list of voices does not name all that is understood.
        command = [program, "-q", "-v", tried + plus + variant, "--stdin"]
        if subprocess.run(command, input=b"", capture_output=True, timeout=_SPEAK_SECONDS, check=False).returncode == 0:
            return tried + plus + variant
    return None


def check_speaker(speaker: Speaker, language: str, place: Place, findings: Findings) -> None:
    """Find out whether a text can be spoken here; what is missing is told where the text stands."""
    if speaker.engine == "piper":
        _check_piper(speaker, language, place, findings)
        return
    try:
        voice = voice_of_espeak(speaker.program, speaker.voice)
    except (OSError, subprocess.SubprocessError):
        message = f"a text is to be spoken, but {speaker.program} is not there"
        findings.error(place, message, "apt-get install espeak-ng")
        return
    if voice is None:
        findings.error(place, f"espeak-ng has no voice for '{speaker.voice}'", "'espeak-ng --voices' lists them")


def _check_piper(speaker: Speaker, language: str, place: Place, findings: Findings) -> None:
    if shutil.which(speaker.program) is None:
        message = f"a text is to be spoken by piper, but '{speaker.program}' is not there"
        findings.error(place, message, "pip install piper-tts, and set speech.piper to its path")
    elif not speaker.voice:
        message = f"piper has no voice for '{language}'"
        findings.error(place, message, "a [[voices]] with language and voice, the path of an .onnx file")
    elif not Path(speaker.voice).is_file():
        findings.error(place, f"piper's voice {speaker.voice} is not there", "download it with its .onnx.json")
    elif not Path(speaker.voice + ".json").is_file():
        findings.error(place, f"beside piper's voice there is no {speaker.voice}.json", "it comes with the voice")


def speak(speaker: Speaker, text: str) -> bytes:
    """Speak a text; a WAV file. Raises `OSError` or `subprocess.SubprocessError`."""
    return _speak_piper(speaker, text) if speaker.engine == "piper" else _speak_espeak(speaker, text)


def _speak_espeak(speaker: Speaker, text: str) -> bytes:
    voice = voice_of_espeak(speaker.program, speaker.voice) or speaker.voice
    pace = str(_ESPEAK_PACE * speaker.pace // 100)
    # The text goes in by standard input: it can neither be an option nor be seen in the process list.
    return _run([speaker.program, "-v", voice, "-s", pace, "-b", "1", "--stdin", "--stdout"], text)


def _speak_piper(speaker: Speaker, text: str) -> bytes:
    # Its versions differ in what they write to standard output; all of them know these options. A line is a sentence
    # to it, and some write a file for each.
    line = " ".join(text.split()) + "\n"
    with tempfile.TemporaryDirectory(prefix="edge-speech-") as folder:
        file = Path(folder, "said.wav")
        scale = f"{100 / speaker.pace:.3f}"
        _run([speaker.program, "--model", speaker.voice, "--output_file", str(file), "--length_scale", scale], line)
        return file.read_bytes()


def _run(command: list[str], text: str) -> bytes:
    # In a locale of its own: with that of a daemon (C) programs written in Python read other encodings.
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, input=text.encode(), capture_output=True, timeout=_SPEAK_SECONDS, check=True, env=environment
    )
    return done.stdout


def text_key(text: str) -> str:
    """Name a text in file names: 12 hexadecimal digits of its hash, whatever speaks it."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:12]
