"""Profiles of devices that carry lines, of relay boards and of computers: read, and checked beyond their types.

They lie in the folders of all profiles, shipped and of the site, and `kind` tells them from gateways.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

import edge
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.kinds import name_fault
from edge.config.located import Located, find, place_of
from edge.config.shape import Shaper
from edge.config.sources import read_toml
from edge.core.lines.profile import (
    DEVICE_KINDS,
    GROUPS,
    NEEDED_GROUPS,
    Command,
    DeviceKind,
    DeviceProfile,
    Meaning,
)

#: Beside the packages, in a clone as in an installation.
SHIPPED: Final = Path(edge.__file__).parents[1] / "firmware_profiles"
#: Tables that say nothing of a device of each kind.
_FOREIGN: Final[dict[DeviceKind, tuple[str, ...]]] = {
    "modem": ("relays", "board"),
    "fxo_modem": ("relays", "board"),
    "sound_card": ("serial", "dialogue", "relays", "board"),
    "relay_board": ("dialogue", "sound", "dsp", "board"),
    "board": ("find", "serial", "dialogue", "sound", "dsp", "limits", "relays"),
}
_RATES: Final = (8_000, 16_000, 32_000, 44_100, 48_000)
_PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")


class KnownDevice(Struct, frozen=True):
    """A profile of a device that was read, and its source."""

    profile: DeviceProfile
    root: Located


def is_device(root: Located) -> bool:
    """Say whether a file of the profiles' folders is about a device, and not about a gateway behind SIP."""
    kind = find(root, ("kind",))
    if kind is None or not isinstance(kind.value, str):
        return False
    # A word that is nearly one of ours means one of ours, so that the fault is told with the right words.
    return kind.value in DEVICE_KINDS or any(
        f"'{word}'" in did_you_mean(kind.value, _ALL_KINDS) for word in DEVICE_KINDS
    )


#: With those of gateways (`edge.config.profiles.Profile.kind`), so that a word is near to the right one.
_ALL_KINDS: Final = (*DEVICE_KINDS, "fxo_gateway", "pstn_gateway", "gsm_gateway", "carrier", "pbx", "other")


class Devices:
    """The profiles of devices, of a site and shipped; a file is read once, and its faults become findings."""

    def __init__(self, folder: Path, findings: Findings, checked: list[str] | None = None) -> None:
        self._folder = folder
        self._findings = findings
        self._checked = checked if checked is not None else []
        self._read: dict[str, KnownDevice | None] = {}

    def names(self) -> list[str]:
        """List all that there are, those with faults, too."""
        return sorted(name for name in self._files() if self._is_device(name))

    def get(self, name: str) -> DeviceProfile | None:
        """Give a profile by its name; None when there is none of that name, or it has faults."""
        known = self.known(name)
        return known.profile if known is not None else None

    def known(self, name: str) -> KnownDevice | None:
        """Give a profile with its source."""
        if name not in self._read:
            path = self._files().get(name)
            self._read[name] = self._load(path) if path is not None and self._is_device(name) else None
        return self._read[name]

    def check_own(self) -> None:
        """Read every profile of the site that is about a device, whether a line names it or not."""
        for path in sorted(self._folder.glob("*.toml")):
            self.known(path.stem)

    def _files(self) -> dict[str, Path]:
        return {path.stem: path for folder in (SHIPPED, self._folder) for path in sorted(folder.glob("*.toml"))}

    def _is_device(self, name: str) -> bool:
        path = self._files().get(name)
        root = read_toml(path, Findings()) if path is not None else None
        return root is not None and is_device(root)

    def _load(self, path: Path) -> KnownDevice | None:
        self._checked.append(str(path))
        before = self._findings.error_count
        root = read_toml(path, self._findings)
        if root is None:
            return None
        fault = name_fault(path.stem)
        if fault:
            self._findings.error(Place(str(path)), f"the profile's name: {fault}")
        profile = Shaper(self._findings, path.parent).shape(DeviceProfile, root)
        if self._findings.error_count == before:
            check_device(profile, root, self._findings)
        return KnownDevice(profile, root) if self._findings.error_count == before else None


def check_device(profile: DeviceProfile, root: Located, findings: Findings) -> None:
    """Check what the types do not say."""
    for name in ("vendor", "model"):
        if not getattr(profile, name).strip():
            findings.error(place_of(root, (name,)), f"'{name}' is empty")
    if not profile.sources or not all(source.strip() for source in profile.sources):
        findings.error(
            place_of(root, ("sources",)), "a profile says where its facts are from", "a manual, a standard..."
        )
    for table in _FOREIGN[profile.kind]:
        if find(root, (table,)) is not None:
            findings.error(place_of(root, (table,), key=True), f"a profile of kind '{profile.kind}' has no [{table}]")
    _CHECKS[profile.kind](profile, root, findings)


def _check_modem(profile: DeviceProfile, root: Located, findings: Findings) -> None:
    if not profile.dialogue.init:
        findings.error(place_of(root, ("dialogue",), key=True), "'init' is missing", "at least ATE0")
    wanted = "voice_modem" if profile.kind == "fxo_modem" else "mobile"
    if profile.dialogue.style != wanted:
        where = place_of(root, ("dialogue", "style"))
        findings.error(where, f"the style of a profile of kind '{profile.kind}' is '{wanted}'")
    _check_sound(profile, root, findings)
    _check_placeholders(profile, root, findings)
    for index, one in enumerate(profile.dialogue.unsolicited):
        where = place_of(root, ("dialogue", "unsolicited", index, "match"))
        for fault in group_faults(one.match, one.means):
            findings.error(where, fault)


def group_faults(pattern: str, means: Meaning) -> Iterator[str]:
    """Say what is wrong with the named groups of a pattern."""
    has, allowed = set(re.compile(pattern).groupindex), GROUPS.get(means, frozenset())
    for name in sorted(has - allowed):
        known = ", ".join(sorted(allowed)) or "none"
        yield f"'{means}' has no group '{name}' ({did_you_mean(name, allowed) or 'known: ' + known})"
    for name in sorted(NEEDED_GROUPS.get(means, frozenset()) - has):
        yield f"'{means}' needs a group (?P<{name}>...)"


def _check_placeholders(profile: DeviceProfile, root: Located, findings: Findings) -> None:
    dialogue = profile.dialogue
    allowed: dict[tuple[str | int, ...], str] = {("dial",): "{number}", ("digit",): "{digit}"}
    for path, text in _commands(profile):
        found, wanted = _PLACEHOLDER.findall(text), allowed.get(path)
        where = place_of(root, ("dialogue", *path))
        for word in found:
            if word != wanted:
                findings.error(where, f"there is no {word} in this command", f"it has {wanted}" if wanted else "")
        if wanted is not None and text and found.count(wanted) != 1:
            findings.error(where, f"the command has no {wanted}, or several")
    if profile.dsp.dtmf == "info" and not dialogue.digit:
        findings.error(place_of(root, ("dsp", "dtmf")), "keys go by 'info', and [dialogue] has no 'digit'")


def _commands(profile: DeviceProfile) -> Iterator[tuple[tuple[str | int, ...], str]]:
    dialogue = profile.dialogue
    for name in ("dial", "answer", "digit", "signal", "operator", "registration", "sim"):
        yield (name,), getattr(dialogue, name)
    yield from ((("hang_up", index), text) for index, text in enumerate(dialogue.hang_up))
    for name in ("init", "sound_on", "sound_off"):
        listed: list[Command] = getattr(dialogue, name)
        yield from (((name, index), command.send) for index, command in enumerate(listed))


def _check_sound(profile: DeviceProfile, root: Located, findings: Findings) -> None:
    sound, style = profile.sound, profile.dialogue.style
    if sound.rate not in _RATES:
        known = ", ".join(map(str, _RATES))
        findings.error(place_of(root, ("sound", "rate")), f"{sound.rate} is no rate of sound", f"one of {known}")
    how = place_of(root, ("sound", "how"))
    if sound.how == "none":
        findings.error(how, "a line has sound", "'how' is uac, serial_pcm or control")
    if sound.how == "serial_pcm" and profile.find.usb and profile.find.sound_interface is None:
        findings.error(
            place_of(root, ("find",), key=True), "'sound_interface' is missing: its sound is on a serial port"
        )
    if sound.how == "control" and style != "voice_modem":
        findings.error(how, "sound in the control stream is for the style 'voice_modem' (V.253)")
    if sound.how == "uac" and sound.encoding != "s16le":
        findings.error(place_of(root, ("sound", "encoding")), "a sound card takes s16le")
    if sound.early and (profile.dialogue.sound_at == "connected" or style == "voice_modem"):
        findings.error(
            place_of(root, ("sound", "early")),
            "its sound begins with the answer, so there is none before it",
            "leave it out",
        )


def _check_relays(profile: DeviceProfile, root: Located, findings: Findings) -> None:
    if profile.relays is None:
        findings.error(root.key_place, "'relays' is missing")


def _check_board(profile: DeviceProfile, root: Located, findings: Findings) -> None:
    board = profile.board
    if board is None:
        findings.error(root.key_place, "'board' is missing")
        return
    for index, core in enumerate(board.media_cores):
        if not 0 <= core < board.cores:
            where = place_of(root, ("board", "media_cores", index))
            findings.error(where, f"there is no core {core}", f"from 0 to {board.cores - 1}")


_CHECKS: Final[dict[DeviceKind, Callable[[DeviceProfile, Located, Findings], None]]] = {
    "modem": _check_modem,
    "fxo_modem": _check_modem,
    "sound_card": _check_sound,
    "relay_board": _check_relays,
    "board": _check_board,
}


def shipped_device(name: str) -> DeviceProfile:
    """Give a shipped profile. KeyError when there is none; they are all checked in tests, so a fault is one of ours."""
    findings = Findings()
    profile = Devices(SHIPPED / "none", findings).get(name)
    if profile is None:
        raise KeyError(name, *map(str, findings.errors))
    return profile
