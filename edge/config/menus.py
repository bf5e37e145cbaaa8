"""The menu compiler: YAML files of the language in `menu_source.py` to the model in `core/menus/model.py`."""

import hashlib
import typing
from functools import cache
from pathlib import Path

from msgspec import Struct, inspect

from edge.config import kinds, prompts
from edge.config import menu_source as source
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.located import Located, find
from edge.config.menu_checks import check_flow
from edge.config.menu_nodes.parts import SoundSource, SpokenSource
from edge.config.prompts import PromptUse, Synthesis
from edge.config.shape import Shaper, fields_of
from edge.config.site import Site
from edge.config.sources import read_yaml
from edge.config.speakers import check_speaker, speaker_for
from edge.core.menus import model


class ReadNode(Struct):
    """A node as read: its kind, its typed source, and where it stands."""

    kind: str
    source: Struct
    located: Located


class MenuCompiler:
    """Compiles all menus of a site. Faults become findings."""

    def __init__(self, site: Site, findings: Findings, checked: list[str]) -> None:
        self._site = site
        self._findings = findings
        self._checked = checked
        #: Every file could be compiled.
        self.complete = True
        #: Texts to be spoken, each once.
        self.speeches: list[Synthesis] = []
        #: Every sound and text that menus name.
        self.uses: list[PromptUse] = []

    def compile_folder(self, folder: Path) -> dict[str, model.Menu]:
        """Compile each `*.yaml` file of the folder; the file's name is the menu's."""
        if not folder.is_dir():
            if self._site.routes:
                self._findings.error(Place(str(folder)), "there is no such folder of menus", "set paths.menus")
                self.complete = False
            return {}
        for other in sorted(folder.glob("*.yml")):
            self._findings.warning(Place(str(other)), "is not read", "menus are named *.yaml")
        menus: dict[str, model.Menu] = {}
        for path in sorted(folder.glob("*.yaml")):
            self._checked.append(str(path))
            menu = self.compile_file(path)
            if menu is None:
                self.complete = False
            else:
                menus[menu.name] = menu
        return menus

    def compile_file(self, path: Path) -> model.Menu | None:
        """Compile one file; None when it has errors."""
        before = self._findings.error_count
        fault = kinds.name_fault(path.stem)
        if fault:
            self._findings.error(Place(str(path)), f"the menu's name: {fault}")
        root, text = read_yaml(path, self._findings)
        if root is None:
            return None
        menu = _MenuFile(path, self._site, self._findings, self.speeches, self.uses).compile(root, text)
        return menu if self._findings.error_count == before else None


class _MenuFile:
    """One file on its way from source to model."""

    def __init__(
        self, path: Path, site: Site, findings: Findings, speeches: list[Synthesis], uses: list[PromptUse]
    ) -> None:
        self._path = path
        self._site = site
        self._findings = findings
        self._speeches = speeches
        self._uses = uses
        self._defaults: dict[str, dict[str, Located]] = {}
        self._language = "en"
        self._voices_checked: set[str] = set()
        self._digest = hashlib.sha256()
        self._shaper = Shaper(findings, path.parent, hooks={"sounds": self._read_sounds, "nodes": self._read_nodes})

    def compile(self, root: Located, text: bytes) -> model.Menu:
        self._digest.update(text)
        defaults = find(root, ("defaults",))
        for kind, settings in ((defaults.table if defaults else None) or {}).items():
            self._defaults[kind] = settings.table or {}
        menu = self._shaper.shape(source.MenuSource, root)
        nodes = typing.cast(dict[str, ReadNode], menu.nodes)
        self._language = menu.language or "en"
        check_flow(menu.start, nodes, root, self._findings)
        for node in nodes.values():
            source.KINDS[node.kind].check(node.source, node.located, self)
        compiled = {
            name: source.KINDS[node.kind].compile(node.source, node.located, self) for name, node in nodes.items()
        }
        return model.Menu(
            name=self._path.stem,
            version=self._digest.hexdigest()[:16],
            start=menu.start,
            nodes=compiled,
            language=self._language,
        )

    # --- reading --------------------------------------------------------------------------------------------------

    def _read_nodes(self, node: Located) -> dict[str, ReadNode]:
        if node.table is None:
            self._findings.error(node.place, "expected nodes by name")
            return {}
        read: dict[str, ReadNode] = {}
        for name, below in node.table.items():
            fault = kinds.name_fault(name)
            if fault:
                self._findings.error(below.key_place, f"the node's name: {fault}")
            one = self._read_node(name, below)
            if one is not None:
                read[name] = one
        return read

    def _read_node(self, name: str, node: Located) -> ReadNode | None:
        table = node.table
        if table is None:
            self._findings.error(node.place, f"node '{name}' must be a table", "such as 'hang_up:'")
            return None
        found = [kind for kind in source.KINDS if kind in table]
        if len(found) != 1:
            if found:
                message = f"node '{name}' is of {len(found)} kinds: {', '.join(found)}"
                self._findings.error(table[found[1]].key_place, message, "make two nodes of it")
            else:
                advice = next(filter(None, (did_you_mean(key, source.KINDS) for key in table)), "")
                kinds_known = "one of " + ", ".join(source.KINDS)
                self._findings.error(node.key_place, f"node '{name}' has no kind", advice or kinds_known)
            return None
        kind = found[0]
        located = Located({**table, kind: self._with_defaults(kind, table[kind])}, node.place, node.key_place)
        return ReadNode(kind, self._shaper.shape(source.KINDS[kind].source, located), located)

    def _with_defaults(self, kind: str, settings: Located) -> Located:
        defaults = self._defaults.get(kind)
        if not defaults:
            return settings
        own = settings.table
        if own is None:
            short = _short_of(kind)
            own = {short: settings} if settings.value is not None and short else {}
        return Located({**defaults, **own}, settings.place, settings.key_place)

    def _read_sounds(self, node: Located) -> list[SoundSource]:
        items = [node] if node.items is None else node.items
        return [sound for item in items for sound in [self._read_sound(item)] if sound is not None]

    def _read_sound(self, node: Located) -> SoundSource | None:
        if node.table is not None:
            before = self._findings.error_count
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

    # --- what the modules of kinds have of it (`parts.Desk`)

    @property
    def site(self) -> Site:
        """The site that the menu is for."""
        return self._site

    @property
    def findings(self) -> Findings:
        """Where faults go."""
        return self._findings

    def made_of(self, what: str) -> None:
        """Let the menu's version depend on something that its file does not say."""
        self._digest.update(what.encode())

    def sounds(self, sounds: list[SoundSource]) -> list[model.Sound]:
        """Find files, have texts spoken; what is not there is a finding."""
        return [made for sound in sounds for made in [self._sound(sound)] if made is not None]

    def _sound(self, sound: SoundSource) -> model.Sound | None:
        language = sound.language or self._language
        folder = Path(self._site.paths.prompts)
        name = sound.file or prompts.spoken_name(sound.say)
        found, searched = prompts.find_sound(folder, language, name)
        if found is None and sound.say:
            path = self._spoken(sound, language)
            self._use(sound, name, language, path)
            return model.Sound(path=path, label=sound.say[:80])
        self._use(sound, name, language, str(found or ""))
        if found is None:
            self._findings.error(
                sound.place,
                f"there is no sound '{sound.file}'; searched {', '.join(searched)}, as it is and with {_ENDINGS}",
                did_you_mean(sound.file, prompts.sounds_in(folder, language)),
            )
            return None
        try:
            self._digest.update(hashlib.sha256(found.read_bytes()).digest())
        except OSError as error:
            self._findings.error(sound.place, f"{found} cannot be read: {error.strerror}")
        return model.Sound(path=str(found), label=sound.file or sound.say[:80])

    def _spoken(self, sound: SoundSource, language: str) -> str:
        """Have a text spoken; the file that it will be in."""
        speaker = speaker_for(self._site, language)
        if language not in self._voices_checked:
            self._voices_checked.add(language)
            check_speaker(speaker, language, sound.place, self._findings)
        path = prompts.speech_path(Path(self._site.paths.state), speaker, sound.say)
        speech = Synthesis(text=sound.say, language=language, path=str(path), place=sound.place, speaker=speaker)
        if all(other.path != speech.path for other in self._speeches):
            self._speeches.append(speech)
        self._digest.update(path.name.encode())
        return str(path)

    def _use(self, sound: SoundSource, name: str, language: str, path: str) -> None:
        self._uses.append(
            PromptUse(menu=self._path.stem, language=language, name=name, text=sound.say, path=path, place=sound.place)
        )


@cache
def _short_of(kind: str) -> str:
    """Name the setting that a kind's value stands for when it is no table."""
    own = next(field for field in fields_of(source.KINDS[kind].source) if field.name == kind)
    return str(own.type.extra["short"]) if isinstance(own.type, inspect.Metadata) and own.type.extra else ""


_ENDINGS = ", ".join(prompts.EXTENSIONS)
