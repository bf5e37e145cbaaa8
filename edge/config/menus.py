"""The menu compiler: YAML files of the language in `menu_source.py` to the model in `core/menus/model.py`."""

import hashlib
import ipaddress
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from edge.config import kinds, prompts
from edge.config import menu_source as source
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.located import Located, find, place_of
from edge.config.menu_checks import check_answered, check_flow, check_gather, check_transfer
from edge.config.menu_source import SoundSource
from edge.config.prompts import Synthesis
from edge.config.shape import Shaper
from edge.config.site import Site, Trunk
from edge.config.sources import read_yaml
from edge.config.tones import ringing_of
from edge.core.menus import model


class ReadNode(Struct):
    """A node as read: its kind, its typed source, and where it stands."""

    kind: str
    source: source.Node
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
        menu = _MenuFile(path, self._site, self._findings, self.speeches).compile(root, text)
        return menu if self._findings.error_count == before else None


class _MenuFile:
    """One file on its way from source to model."""

    def __init__(self, path: Path, site: Site, findings: Findings, speeches: list[Synthesis]) -> None:
        self._path = path
        self._site = site
        self._findings = findings
        self._speeches = speeches
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
            if isinstance(node.source, source.GatherNode):
                check_gather(node.source, node.located, self._findings)
            elif isinstance(node.source, source.PlayNode) and not node.source.play.sounds:
                self._findings.follow_up(place_of(node.located, ("play",)), "there is nothing to play")
            elif isinstance(node.source, source.AnsweredNode):
                check_answered(node.source, node.located, self._findings)
            elif isinstance(node.source, source.TransferNode):
                check_transfer(node.source, node.located, self._site, self._findings)
        compiled = {name: self._compile_node(node) for name, node in nodes.items()}
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
        found = [kind for kind in source.NODE_KINDS if kind in table]
        if len(found) != 1:
            if found:
                message = f"node '{name}' is of {len(found)} kinds: {', '.join(found)}"
                self._findings.error(table[found[1]].key_place, message, "make two nodes of it")
            else:
                advice = next(filter(None, (did_you_mean(key, source.NODE_KINDS) for key in table)), "")
                kinds_known = "one of " + ", ".join(source.NODE_KINDS)
                self._findings.error(node.key_place, f"node '{name}' has no kind", advice or kinds_known)
            return None
        kind = found[0]
        located = Located({**table, kind: self._with_defaults(kind, table[kind])}, node.place, node.key_place)
        return ReadNode(kind, self._shaper.shape(source.NODE_KINDS[kind], located), located)

    def _with_defaults(self, kind: str, settings: Located) -> Located:
        defaults = self._defaults.get(kind)
        if not defaults:
            return settings
        own = settings.table
        if own is None:
            short = {"gather": "greet_long", "transfer": "to"}.get(kind, "")
            own = {short: settings} if settings.value is not None and short else {}
        return Located({**defaults, **own}, settings.place, settings.key_place)

    def _read_sounds(self, node: Located) -> list[SoundSource]:
        items = [node] if node.items is None else node.items
        return [sound for item in items for sound in [self._read_sound(item)] if sound is not None]

    def _read_sound(self, node: Located) -> SoundSource | None:
        if node.table is not None:
            before = self._findings.error_count
            spoken = self._shaper.shape(source.SpokenSource, node)
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

    # --- to the model -----------------------------------------------------------------------------------------------

    def _compile_node(self, node: ReadNode) -> model.Node:
        builders: dict[str, Callable[[Any], model.Node]] = {
            "play": lambda n: model.Play(sounds=self._sounds(n.play.sounds), barge_in=n.play.barge_in, next=n.next),
            "say": lambda n: self._say(n, place_of(node.located, ("say",))),
            "gather": self._gather,
            "transfer": self._transfer,
            "listen": lambda n: model.Listen(
                for_sound=n.listen.wait_for == "sound", timeout_ms=n.listen.timeout, next=n.next, failed=n.failed
            ),
            "answered": self._answered,
            "press": lambda n: model.Press(
                digits=n.press.digits, duration_ms=n.press.duration, gap_ms=n.press.gap, next=n.next
            ),
            "wait": lambda n: model.Wait(milliseconds=n.wait, next=n.next),
            "hang_up": lambda n: model.HangUp(text=n.hang_up.reason),
        }
        return builders[node.kind](node.source)

    def _say(self, node: source.SayNode, place: Place) -> model.Play:
        if not node.say.text:
            return model.Play(sounds=[], next=node.next)  # reported
        sound = SoundSource(say=node.say.text, language=node.say.language, place=place)
        return model.Play(sounds=self._sounds([sound]), barge_in=node.say.barge_in, next=node.next)

    def _gather(self, node: source.GatherNode) -> model.Gather:
        own = structs.asdict(node.gather)
        return model.Gather(
            prompt=self._sounds(own["greet_long"]),
            barge_in=own["barge_in"],
            min_digits=own["min_digits"],
            max_digits=own["max_digits"],
            finish_on_key=own["finish_on_key"],
            first_digit_timeout_ms=own["first_digit_timeout"],
            inter_digit_timeout_ms=own["inter_digit_timeout"],
            choices=node.choices,
            next=node.next,
            max_failures=own["max_failures"],
            no_input=self._sounds(own["no_input"]),
            no_match=self._sounds(own["no_match"]),
            failed=node.failed,
            sensitive=own["sensitive"],
        )

    def _answered(self, node: source.AnsweredNode) -> model.Answered:
        return model.Answered(
            wait_for=node.answered.wait_for,
            timeout_ms=node.answered.timeout,
            greeting_timeout_ms=node.answered.greeting_timeout,
            beep_timeout_ms=node.answered.beep_timeout,
            human=node.human,
            machine=node.machine,
            fax=node.fax or node.machine,
            unknown=node.unknown or node.human,
            no_beep=node.no_beep or node.machine,
        )

    def _transfer(self, node: source.TransferNode) -> model.Transfer:
        return model.Transfer(
            target=node.transfer.to,
            trunk=node.transfer.trunk,
            by=node.transfer.by,
            ring_timeout_ms=node.transfer.ring_timeout,
            ringing=self._sounds(node.transfer.ringing) or self._ringing_tone(node.transfer),
            announcement=self._announcement(node.transfer.announcement),
            on_outcome=node.on_outcome,
            failed=node.failed,
            after=node.after,
        )

    def _announcement(self, said: source.AnnouncementSettings | None) -> model.Announcement | None:
        if said is None:
            return None
        return model.Announcement(
            sounds=self._sounds(said.sounds), every_ms=said.every, to=said.to, duck_db=said.duck_db
        )

    def _ringing_tone(self, transfer: source.TransferSettings) -> list[model.Sound]:
        tone = ringing_of(self._site, self._trunk_of(transfer))
        self._digest.update("".join(sound.path for sound in tone).encode())
        return tone

    def _trunk_of(self, transfer: source.TransferSettings) -> Trunk | None:
        """Find the trunk that a target belongs to, as far as that can be told before it is dialled."""
        if transfer.trunk:
            return next((trunk for trunk in self._site.trunks if trunk.name == transfer.trunk), None)
        split = kinds.split_host_port(transfer.to.rpartition("@")[2].removeprefix("sip:").partition(";")[0])
        if split is None or kinds.ip_fault(split[0]):
            return None
        host = ipaddress.ip_address(split[0])
        networks = ((ipaddress.ip_network(source), trunk) for trunk in self._site.trunks for source in trunk.sources)
        return next((trunk for network, trunk in networks if host in network), None)

    def _sounds(self, sounds: list[SoundSource]) -> list[model.Sound]:
        return [made for sound in sounds for made in [self._sound(sound)] if made is not None]

    def _sound(self, sound: SoundSource) -> model.Sound | None:
        language = sound.language or self._language
        if sound.say:
            path = prompts.speech_path(Path(self._site.paths.state), language, sound.say)
            if language not in self._voices_checked:
                self._voices_checked.add(language)
                prompts.check_voice(language, sound.place, self._findings)
            speech = Synthesis(text=sound.say, language=language, path=str(path), place=sound.place)
            if all(other.path != speech.path for other in self._speeches):
                self._speeches.append(speech)
            self._digest.update(path.name.encode())
            return model.Sound(path=str(path), label=sound.say[:80])
        folder = Path(self._site.paths.prompts)
        found, searched = prompts.find_sound(folder, language, sound.file)
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
        return model.Sound(path=str(found), label=sound.file)


_ENDINGS = ", ".join(prompts.EXTENSIONS)
