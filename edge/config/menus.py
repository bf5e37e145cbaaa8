"""The menu compiler: YAML files of the language in `menu_source.py` to the model in `core/menus/model.py`."""

import hashlib
import typing
from functools import cache
from pathlib import Path

from msgspec import Struct, inspect

from edge.config import kinds
from edge.config import menu_source as source
from edge.config.campaign_whispers import WhisperCompiler
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.located import Located, find, place_of
from edge.config.menu_advice import advise, compare
from edge.config.menu_checks import check_flow
from edge.config.menu_files import menu_files
from edge.config.menu_frame import frame_of
from edge.config.menu_nodes.gather import GatherNode
from edge.config.menu_nodes.parts import Frame, SoundSource
from edge.config.menu_sounds import SoundFinder, SoundReader
from edge.config.prompts import PromptUse, Synthesis
from edge.config.shape import Shaper, fields_of, is_short
from edge.config.sources import read_yaml
from edge.core.menus import model


class ReadNode(Struct):
    """A node as read: its kind, its typed source, and where it stands."""

    kind: str
    source: Struct
    located: Located


class MenuCompiler:
    """Compiles all menus of a site. Faults become findings."""

    def __init__(self, site: CompiledSite, findings: Findings, checked: list[str]) -> None:
        self._site = site
        self._findings = findings
        self._checked = checked
        #: Every file could be compiled.
        self.complete = True
        self._speeches: dict[str, Synthesis] = {}
        #: Every sound and text that menus name.
        self.uses: list[PromptUse] = []
        #: Sources of each menu that compiled, by the menu and the name of the file, its sub-menus among them.
        self.sources: dict[str, dict[str, str]] = {}
        #: SHA-256 of each sound file that was found, by its path.
        self.digests: dict[str, str] = {}
        self._compiled: list[tuple[model.Menu, Located]] = []

    @property
    def speeches(self) -> list[Synthesis]:
        """Texts to be spoken, each once, in the order of the menus."""
        return list(self._speeches.values())

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
        for path in menu_files(folder):
            self._checked.append(str(path))
            menu = self.compile_file(path)
            if menu is None:
                self.complete = False
            else:
                menus[menu.name] = menu
        self.compare()
        return menus

    def compare(self) -> None:
        """Note what the menus compiled so far have twice."""
        compare(self._compiled, self._findings)

    def compile_whispers(self, root: Located) -> dict[str, model.Menu]:
        """Compile what agents of campaigns are told, by the campaign's name."""
        return WhisperCompiler(self._site, self._findings, self._speeches, self.uses).compile(root)

    def compile_file(self, path: Path) -> model.Menu | None:
        """Compile one file; None when it has errors."""
        before = self._findings.error_count
        fault = kinds.name_fault(path.stem)
        if fault:
            self._findings.error(Place(str(path)), f"the menu's name: {fault}")
        root, text = read_yaml(path, self._findings)
        if root is None:
            return None
        whole = _Compilation(self._site, self._findings, self._speeches, self.uses)
        menu = whole.compile(path, root, text)
        if self._findings.error_count != before:
            return None
        advise(menu, root, self._findings)
        self.sources[menu.name] = whole.sources
        self.digests |= whole.digests
        self._compiled.append((menu, root))
        return menu


class _Compilation:
    """One menu on its way from files to model: its own file, and those of the menus that it asks for."""

    def __init__(
        self, site: CompiledSite, findings: Findings, speeches: dict[str, Synthesis], uses: list[PromptUse]
    ) -> None:
        self.site = site
        self.findings = findings
        self.speeches = speeches
        self.uses = uses
        self.digest = hashlib.sha256()
        self.sources: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        self.nodes: dict[str, model.Node] = {}
        self.words: dict[str, dict[str, str]] = {}
        self._attributes: dict[str, model.Attribute] = {}
        #: First nodes of the menus that were asked for, by the menu's name.
        self._starts: dict[str, str] = {}
        #: Files that are being compiled, each asked for by the one before.
        self._stack: list[Path] = []

    def made_of(self, data: bytes) -> None:
        """Let the version depend on something."""
        self.digest.update(data)

    def compile(self, path: Path, root: Located, text: bytes) -> model.Menu:
        """Compile a file and what it asks for."""
        file = self._file(path, root, text, "", None)
        return model.Menu(
            name=path.stem,
            version=self.digest.hexdigest()[:16],
            start=file.start,
            nodes=self.nodes,
            language=file.frame.languages[0],
            attributes=self._attributes,
            zone=file.frame.zone,
            limits=file.limits,
            words=self.words,
        )

    def submenu(self, name: str, asking: "_MenuFile", place: Place) -> str:
        """Compile another menu of the folder; returns its first node, "" when there is none."""
        path = self._stack[-1].with_name(f"{name}.yaml")
        if path in self._stack:
            self.findings.error(place, f"menu '{name}' asks for itself", "a sub-menu goes back by 'give_back'")
            return ""
        if not path.is_file():
            known = [other.stem for other in menu_files(path.parent)]
            self.findings.error(place, f"there is no menu '{name}' beside this one", did_you_mean(name, known))
            return ""
        if name not in self._starts:
            root, text = read_yaml(path, self.findings)
            self._starts[name] = ""
            if root is not None:
                self._starts[name] = self._file(path, root, text, f"{name}/", asking.frame.commands).start
        return self._starts[name]

    def _file(
        self, path: Path, root: Located, text: bytes, prefix: str, commands: model.Commands | None
    ) -> "_MenuFile":
        self.digest.update(text)
        self.sources[path.name] = text.decode()
        self._stack.append(path)
        file = _MenuFile(path, prefix, self)
        file.compile(root, commands)
        self._stack.pop()
        for name, attribute in file.frame.attributes.items():
            if self._attributes.setdefault(name, attribute) != attribute:
                place = place_of(root, ("attributes", name))
                self.findings.error(place, f"another menu of the same call has '{name}' as something else")
        return file


class _MenuFile:
    """One file on its way; what the modules of kinds have of it is `parts.Desk`."""

    def __init__(self, path: Path, prefix: str, whole: _Compilation) -> None:
        self._whole = whole
        self._prefix = prefix
        self._defaults: dict[str, dict[str, Located]] = {}
        self._finder = SoundFinder(path.stem, whole.site, whole.findings, whole)
        reader = SoundReader(whole.findings, path.parent)
        self._findings = whole.findings
        self._shaper = Shaper(
            whole.findings,
            path.parent,
            hooks={
                "sounds": reader.sounds,
                "ladder": reader.ladder,
                "texts_by_language": reader.texts,
                "values_list": self._read_values,
                "nodes": self._read_nodes,
            },
        )
        self.frame = Frame()
        self.limits = model.Limits()
        self.start = ""

    def compile(self, root: Located, commands: model.Commands | None) -> None:
        """Add the file's nodes to the compiled menu. `commands`: those of the file that asks for this one."""
        defaults = find(root, ("defaults",))
        for kind, settings in ((defaults.table if defaults else None) or {}).items():
            self._defaults[kind] = settings.table or {}
        menu = self._shaper.shape(source.MenuSource, root)
        nodes = typing.cast(dict[str, ReadNode], menu.nodes)
        self.frame = frame_of(menu, root, self._whole.site, self._prefix, self._findings)
        self.frame.commands = self.frame.commands or commands
        gathers = [node.source for node in nodes.values() if isinstance(node.source, GatherNode)]
        self.frame.kept = {one.gather.keep for one in gathers} - {""}
        self.limits = model.Limits(time_ms=menu.limits.time, nodes=menu.limits.nodes)
        self._finder.frame = self.frame
        self.start = self.node(menu.start)
        check_flow(menu.start, nodes, root, self._findings, also=_own(self.frame.commands, self._prefix))
        for node in nodes.values():
            source.KINDS[node.kind].check(node.source, node.located, self)
        for name, node in nodes.items():
            self._whole.nodes[self.node(name)] = source.KINDS[node.kind].compile(node.source, node.located, self)

    def node(self, name: str) -> str:
        """Name a node of the file as it is named in the compiled menu."""
        return f"{self._prefix}{name}" if name else ""

    def submenu(self, name: str, place: Place) -> str:
        """Add another menu's nodes to the compiled menu; returns the first one's name, "" when there is none."""
        return self._whole.submenu(name, self, place)

    @property
    def site(self) -> CompiledSite:
        """The site that the menu is for."""
        return self._whole.site

    @property
    def findings(self) -> Findings:
        """Where faults go."""
        return self._findings

    def made_of(self, what: str) -> None:
        """Let the menu's version depend on something that its file does not say."""
        self._whole.digest.update(what.encode())

    def sounds(self, sounds: list[SoundSource]) -> list[model.Sound]:
        """Find files, have texts spoken; what is not there is a finding."""
        return self._finder.sounds(sounds)

    def ladder(self, ladder: list[list[SoundSource]]) -> list[list[model.Sound]]:
        """Do the same for each rung."""
        return [self._finder.sounds(rung) for rung in ladder]

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
        extra = _extra_of(kind)
        own = {extra["short"]: settings} if is_short(settings, extra) else settings.table or {}
        return Located({**defaults, **own}, settings.place, settings.key_place)

    def _read_values(self, node: Located) -> list[str]:
        """Read a value, or a list of values, as they are written."""
        items = [node] if node.items is None else node.items
        if any(item.table is not None or item.items is not None for item in items):
            self._findings.error(node.place, "expected a value, or a list of values")
            return []
        return [item.value if isinstance(item.value, str) else item.text or "" for item in items]


def _own(commands: model.Commands | None, prefix: str) -> list[str]:
    """Name the nodes of the file itself that commands lead to."""
    nodes = commands.nodes.values() if commands is not None else ()
    return [
        name.removeprefix(prefix) for name in nodes if name.startswith(prefix) and "/" not in name.removeprefix(prefix)
    ]


@cache
def _extra_of(kind: str) -> dict[str, typing.Any]:
    """Give what the annotation of a kind's settings says."""
    own = next(field for field in fields_of(source.KINDS[kind].source) if field.name == kind)
    return (own.type.extra or {}) if isinstance(own.type, inspect.Metadata) else {}
