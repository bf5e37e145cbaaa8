"""The sounds of one menu file: as written, and as found in each of its languages."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Protocol

from msgspec import Struct

from edge.config import kinds, prompts
from edge.config.annotations import of_kind
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.located import Located
from edge.config.menu_nodes.parts import FORMATS, Frame, ReadSource, SoundSource, SpokenSource
from edge.config.prompts import PromptUse, Synthesis
from edge.config.shape import Shaper
from edge.config.speakers import check_speaker, speaker_for
from edge.core.menus import model
from edge.core.menus.facts import INSERT
from edge.core.menus.parts import Format
from edge.core.menus.reading import GRAMMARS, grammar_of, read_out, vocabulary

_ENDINGS = ", ".join(prompts.EXTENSIONS)


class _Text(Struct, kw_only=True):
    text: Annotated[str, of_kind("speech")]


class Whole(Protocol):
    """What all files of a menu have in common."""

    @property
    def speeches(self) -> dict[str, Synthesis]:
        """Texts to be spoken, each once, by the file that it will be in."""
        ...

    @property
    def uses(self) -> list[PromptUse]:
        """Every sound and text that menus name."""
        ...

    @property
    def words(self) -> dict[str, dict[str, str]]:
        """Files of the words that values are read out with, by language and word."""
        ...

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each sound file that was found, by its path."""
        ...

    def made_of(self, data: bytes) -> None:
        """Let the version depend on something."""
        ...


class SoundReader:
    """Reads sounds as they are written."""

    def __init__(self, findings: Findings, base: Path) -> None:
        self._findings = findings
        self._shaper = Shaper(findings, base, hooks={"texts_by_language": self.texts})

    def sounds(self, node: Located) -> list[SoundSource]:
        """Read a sound, or a list of them."""
        items = [node] if node.items is None else node.items
        return [sound for item in items for sound in [self._sound(item)] if sound is not None]

    def ladder(self, node: Located) -> list[list[SoundSource]]:
        """Read sounds, or a list of lists of them."""
        if node.items is not None and any(item.items is not None for item in node.items):
            return [self.sounds(item) for item in node.items]
        sounds = self.sounds(node)
        return [sounds] if sounds else []

    def texts(self, node: Located) -> dict[str, str]:
        """Read a text, which stands under "", or texts by language."""
        if node.table is None:
            read = self._shaper.shape(_Text, Located({"text": node}, node.place, node.key_place))
            return {"": read.text} if read.text else {}
        found: dict[str, str] = {}
        for language, below in node.table.items():
            fault = kinds.language_fault(language)
            if fault:
                self._findings.error(below.key_place, fault)
            found[language] = self._shaper.shape(_Text, Located({"text": below}, below.place, below.key_place)).text
        if not found:
            self._findings.error(node.place, "there is no text to speak")
        return found

    def _sound(self, node: Located) -> SoundSource | None:
        if node.table is not None:
            before = self._findings.error_count
            if not FORMATS.isdisjoint(node.table):
                read = self._shaper.shape(ReadSource, node)
                return self._reading(read, node) if self._findings.error_count == before else None
            spoken = self._shaper.shape(SpokenSource, node)
            if self._findings.error_count != before:
                return None
            return SoundSource(say=spoken.say, language=spoken.language, place=node.place)
        name = node.value if isinstance(node.value, str) else node.text if node.value is not None else None
        if not name:
            self._findings.error(node.place, "expected the name of a sound, or 'say: TEXT'")
            return None
        parts = Path(name).parts
        if not name.isprintable() or "\\" in name or name.startswith("/") or ".." in parts:
            self._findings.error(node.place, f"'{name[:60]!s}' is not the name of a sound in the prompts folder")
            return None
        return SoundSource(file=name, place=node.place)

    def _reading(self, read: ReadSource, node: Located) -> SoundSource | None:
        table = node.table or {}
        named = [name for name in table if name in FORMATS]
        if len(named) != 1:
            self._findings.error(node.place, f"one value is read out at a time, not {' and '.join(named)}")
            return None
        form: Format = named[0]  # type: ignore[assignment]
        if "currency" in table and form != "money":
            self._findings.error(table["currency"].key_place, "'currency' is for money")
        value = getattr(read, form)
        if not value:
            self._findings.error(table[form].place, f"there is no {form} to read out")
            return None
        reading = model.Reading(value, form, read.currency if form == "money" else "")
        return SoundSource(reading=reading, place=node.place)


class SoundFinder:
    """Finds sounds in the languages of a menu; the first one is what the others fall back to."""

    def __init__(self, menu: str, site: CompiledSite, findings: Findings, whole: Whole) -> None:
        self._menu = menu
        self._site = site
        self._findings = findings
        self._whole = whole
        self._voices_checked: set[str] = set()
        self.frame = Frame()

    def sounds(self, sounds: list[SoundSource]) -> list[model.Sound]:
        """Find files, have texts spoken; what is not there is a finding."""
        return [made for sound in sounds for made in [self._one(sound)] if made is not None]

    @property
    def languages(self) -> list[str]:
        """The menu's, the first one first."""
        return self.frame.languages or ["en"]

    def _one(self, sound: SoundSource) -> model.Sound | None:
        if sound.reading is not None:
            return self._read(sound.reading, sound.place, self.languages)
        if any("${" in text for text in sound.say.values()):
            return self._template(sound)
        return self._said(sound) if sound.say else self._found(sound)

    # --- values that are read out

    def _template(self, sound: SoundSource) -> model.Sound:
        """Split texts at their values; each piece is a sound of its own."""
        first = self.languages[0]
        texts = {(language or sound.language or first): text for language, text in sound.say.items()}
        pieces = {one: self._pieces(texts[one], one, sound.place) for one in self.languages if one in texts}
        missing = [language for language in self.languages if language not in texts]
        if missing:
            self._findings.warning(sound.place, f"there is no text in {_listed(missing)}", "say: {LANGUAGE: TEXT, ...}")
        label = next(iter(texts.values()))[:80]
        return model.Sound("", label, pieces=pieces or {first: []})

    def _pieces(self, text: str, language: str, place: Place) -> list[model.Sound]:
        found: list[model.Sound] = []
        for number, part in enumerate(INSERT.split(text)):
            if number % 2:
                reading = self._reading_of(part, place)
                sound = self._read(reading, place, [language]) if reading is not None else None
                found += [sound] if sound is not None else []
            elif any(char.isalnum() for char in part):  # a full stop alone is nothing to speak
                if "${" in part:
                    self._findings.error(place, "'${' begins a value: ${name}, in small letters, digits and '_'")
                said = part.strip()
                found.append(model.Sound(self._speech(said, language, place), said[:80]))
        return found

    def _reading_of(self, name: str, place: Place) -> model.Reading | None:
        """Choose how a value is read out, by what it may be."""
        attribute = self.frame.attribute(name)
        value = f"${{{name}}}"
        dialled = name in {"caller", "called", "digits", "callback_number"}
        if dialled or (attribute is not None and attribute.type == "digits"):
            return model.Reading(value, "digits")
        if name in {"time", "callback_from", "callback_by"}:
            return model.Reading(value, "time")
        if name in {"date", "callback_date"}:
            return model.Reading(value, "date")
        if name in {"queue_position", "queue_minutes"} or (attribute is not None and attribute.type == "number"):
            return model.Reading(value, "number")
        if attribute is not None and attribute.values:
            return model.Reading(value, "word")
        known = self.frame.values()
        if name not in known:
            self._findings.error(place, f"there is no value '{name}'", did_you_mean(name, known))
        else:
            advice = "give it 'values', or make it a number or digits"
            self._findings.error(place, f"'{name}' can't be read out: it may be any text", advice)
        return None

    def _read(self, reading: model.Reading, place: Place, languages: list[str]) -> model.Sound | None:
        """Have the words made that a value may be read out with."""
        known, names = self.frame.values(), INSERT.findall(reading.value)
        unknown = next((name for name in names if name not in known), "")
        if unknown:
            self._findings.error(place, f"there is no value '{unknown}'", did_you_mean(unknown, known))
        elif not names and not read_out("en", reading.format, reading.value, reading.currency):
            self._findings.error(place, f"'{reading.value[:60]}' is no {reading.format}")
        for language in languages:
            words: Iterable[str] = vocabulary(language, reading.format, reading.currency)
            if reading.format == "word":
                attribute = self.frame.attribute(names[0]) if names else None
                words = attribute.values if attribute is not None else []
            elif grammar_of(language) is None:
                known_ones = ", ".join(GRAMMARS)
                self._findings.error(place, f"there are no rules to read values out in '{language}'", known_ones)
            have = self._whole.words.setdefault(language, {})
            for word in words:
                if word not in have:
                    have[word] = self._speech(word, language, place)
        return model.Sound("", f"{{{reading.format}: {reading.value}}}", reading=reading)

    # --- texts and files

    def _said(self, sound: SoundSource) -> model.Sound:
        first, *others = self.languages
        texts = dict(sound.say)
        if "" in texts:
            # A text without a language is in the first one, for everybody: such as "press 2" of a language's choice.
            own = sound.language or first
            missing = [] if sound.language else others
            texts = {first: texts[""]}
            paths = {first: self._speech(texts[first], own, sound.place)}
        else:
            missing = [language for language in self.languages if language not in texts]
            unused = [language for language in texts if language not in self.languages]
            if unused:
                advice = "put it in 'languages'"
                self._findings.warning(sound.place, f"the text in '{unused[0]}' is never spoken", advice)
            fallback = first if first in texts else next(iter(texts))
            texts = {first: texts[fallback]} | {one: text for one, text in texts.items() if one in others}
            spoken = {language: fallback if language == first else language for language in texts}
            paths = {language: self._speech(texts[language], spoken[language], sound.place) for language in texts}
        if missing:
            self._findings.warning(sound.place, f"there is no text in {_listed(missing)}", "say: {LANGUAGE: TEXT, ...}")
        label = texts.pop(first)[:80]
        return model.Sound(paths.pop(first), label, paths, {one: text[:80] for one, text in texts.items()})

    def _found(self, sound: SoundSource) -> model.Sound | None:
        first, *others = self.languages
        folder = Path(self._site.paths.prompts)
        found, searched = prompts.find_sound(folder, first, sound.file)
        self._use(sound.file, "", first, str(found or ""), sound.place)
        if found is None:
            self._findings.error(
                sound.place,
                f"there is no sound '{sound.file}'; searched {', '.join(searched)}, as it is and with {_ENDINGS}",
                did_you_mean(sound.file, prompts.sounds_in(folder, first)),
            )
            return None
        self._take(found, sound.place)
        paths: dict[str, str] = {}
        for language in others:
            other, _ = prompts.find_sound(folder, language, sound.file)
            self._use(sound.file, "", language, str(other or ""), sound.place)
            if other is not None:
                self._take(other, sound.place)
                paths[language] = str(other)
        missing = [language for language in others if language not in paths]
        if missing:
            self._findings.warning(
                sound.place, f"there is no sound '{sound.file}' in {_listed(missing)}", f"it is heard in '{first}'"
            )
        return model.Sound(str(found), sound.file, paths)

    def _speech(self, text: str, language: str, place: Place) -> str:
        """Find the recording of a text, or have it spoken; the file that it is or will be in."""
        name = prompts.spoken_name(text)
        recorded, _ = prompts.find_sound(Path(self._site.paths.prompts), language, name)
        if recorded is not None:
            self._take(recorded, place)
        path = str(recorded) if recorded is not None else self._spoken(text, language, place)
        self._use(name, text, language, path, place)
        return path

    def _spoken(self, text: str, language: str, place: Place) -> str:
        speaker = speaker_for(self._site, language)
        if language not in self._voices_checked:
            self._voices_checked.add(language)
            check_speaker(speaker, language, place, self._findings)
        path = str(prompts.speech_path(Path(self._site.paths.state), speaker, text))
        if path not in self._whole.speeches:
            self._whole.speeches[path] = Synthesis(
                text=text, language=language, path=path, place=place, speaker=speaker
            )
        self._whole.made_of(Path(path).name.encode())
        return path

    def _take(self, path: Path, place: Place) -> None:
        try:
            digest = hashlib.sha256(path.read_bytes())
        except OSError as error:
            self._findings.error(place, f"{path} cannot be read: {error.strerror}")
            return
        self._whole.made_of(digest.digest())
        self._whole.digests[str(path)] = digest.hexdigest()

    def _use(self, name: str, text: str, language: str, path: str, place: Place) -> None:
        self._whole.uses.append(
            PromptUse(menu=self._menu, language=language, name=name, text=text, path=path, place=place)
        )


def _listed(languages: list[str]) -> str:
    return ", ".join(f"'{language}'" for language in languages)
