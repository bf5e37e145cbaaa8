"""Profiles of devices and gateways: what is known of a model, in one file each, so that a trunk need only name it.

What the trunk itself says wins over its profile, and the profile over the defaults. All of that is settled here, when
a site is loaded; the processes see trunks whose settings are whole. A profile of the site (`[paths] profiles`) takes
the place of a shipped one of the same name.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Struct, field, structs

from edge.config.annotations import of_kind, ranging
from edge.config.checks import check_amd_rules
from edge.config.compiled import CompiledSite
from edge.config.devices import SHIPPED, is_device
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.kinds import name_fault
from edge.config.located import Located, find, place_of
from edge.config.shape import UNITS, Shaper
from edge.config.sources import read_toml
from edge.config.tones import countries_of
from edge.config.trunk_settings import UNSAID, AmdRules, AmdSettings, Trunk
from edge.vocabulary.media import DigitSending, InbandDtmf

#: Of the settings of a trunk that the site's own `[media]` has a word for, too.
_INHERITED: Final = ("media", "inband_dtmf")


class ProfileDtmf(Struct, frozen=True, kw_only=True):
    """Keys: how they are sent to it, and which of its tones are keys. The words are those of a trunk."""

    #: `dtmf` of a trunk.
    send: DigitSending | None = None
    #: `inband_dtmf` of a trunk.
    inband: InbandDtmf | None = None
    #: `dtmf_min_tone` of a trunk.
    min_tone_ms: Annotated[int | None, ranging(40, 80)] = None
    #: `dtmf_min_pause` of a trunk.
    min_pause_ms: Annotated[int | None, ranging(40, 70)] = None
    #: `dtmf_min_level_dbm0` of a trunk.
    min_level_dbm0: Annotated[int | None, ranging(-31, -5)] = None
    #: `dtmf_max_twist_db` of a trunk.
    max_twist_db: Annotated[int | None, ranging(1, 6)] = None
    #: `dtmf_max_reverse_twist_db` of a trunk.
    max_reverse_twist_db: Annotated[int | None, ranging(1, 10)] = None


class ProfileTones(Struct, frozen=True, kw_only=True):
    """Call progress tones."""

    #: `tones` of a trunk: a country, or `any`.
    country: Annotated[str | None, of_kind("name")] = None


class ProfileAmd(Struct, frozen=True, kw_only=True):
    """Who answered."""

    #: `amd` of a trunk.
    detect: bool | None = None
    #: Rules for it, as in `[[amd_rules]]`; a trunk that names rules of its own has those.
    rules: AmdSettings | None = None


class ProfileDsp(Struct, frozen=True, kw_only=True):
    """What is done with its audio."""

    #: `auto_level` of a trunk.
    auto_level: bool | None = None


class Profile(Struct, frozen=True, kw_only=True):
    """One device, gateway or carrier."""

    #: Who makes it.
    vendor: str
    #: What it is called.
    model: str
    #: What it is, for people who choose one.
    kind: Literal["fxo_gateway", "pstn_gateway", "gsm_gateway", "carrier", "pbx", "other"]
    #: Versions of its firmware that the facts were found for; empty: any.
    firmware: list[str] = field(default_factory=list)
    #: Where the facts are from: manuals, standards, measurements.
    sources: list[str]
    dtmf: ProfileDtmf = ProfileDtmf()
    tones: ProfileTones = ProfileTones()
    amd: ProfileAmd = ProfileAmd()
    dsp: ProfileDsp = ProfileDsp()


#: Table and key of a profile -> setting of a trunk.
SETTINGS: Final[Mapping[tuple[str, str], str]] = {
    ("dtmf", "send"): "dtmf",
    ("dtmf", "inband"): "inband_dtmf",
    ("dtmf", "min_tone_ms"): "dtmf_min_tone_ms",
    ("dtmf", "min_pause_ms"): "dtmf_min_pause_ms",
    ("dtmf", "min_level_dbm0"): "dtmf_min_level_dbm0",
    ("dtmf", "max_twist_db"): "dtmf_max_twist_db",
    ("dtmf", "max_reverse_twist_db"): "dtmf_max_reverse_twist_db",
    ("tones", "country"): "tones",
    ("amd", "detect"): "amd",
    ("dsp", "auto_level"): "auto_level",
}


class Known(Struct, frozen=True):
    """A profile that was read, and its source."""

    profile: Profile
    root: Located


class Resolved(Struct, frozen=True):
    """A site whose trunks are whole, and where each of their settings came from."""

    site: CompiledSite
    #: Trunk -> setting -> `file:line:column`, or `default`.
    origins: dict[str, dict[str, str]]


def names_in(folder: Path) -> list[str]:
    """List the profiles of gateways and carriers in a folder; those of devices are `edge.config.devices`."""
    return sorted(path.stem for path in folder.glob("*.toml") if not _is_device(path))


def _is_device(path: Path) -> bool:
    root = read_toml(path, Findings())
    return root is not None and is_device(root)


class Profiles:
    """The profiles of a site and the shipped ones; a file is read once, and its faults become findings."""

    def __init__(self, site: CompiledSite, findings: Findings, checked: list[str]) -> None:
        self._folder = Path(site.paths.profiles)
        self._countries = countries_of(site)
        self._findings = findings
        self._checked = checked
        self._read: dict[str, Known | None] = {}

    def names(self) -> list[str]:
        """List all that there are."""
        return sorted({*names_in(self._folder), *names_in(SHIPPED)})

    def is_device(self, name: str) -> bool:
        """Say whether the profile of that name is that of a device that carries lines."""
        own = self._folder / f"{name}.toml"
        path = own if own.is_file() else SHIPPED / f"{name}.toml"
        return path.is_file() and _is_device(path)

    def check_own(self) -> None:
        """Read every profile of the site, whether a trunk names it or not."""
        for name in names_in(self._folder):
            self.get(name)

    def get(self, name: str) -> Known | None:
        """Read a profile; None when there is none of that name, or it has faults."""
        if name not in self._read:
            own = self._folder / f"{name}.toml"
            path = own if own.is_file() else SHIPPED / f"{name}.toml"
            self._read[name] = self._load(path) if path.is_file() and not _is_device(path) else None
        return self._read[name]

    def _load(self, path: Path) -> Known | None:
        self._checked.append(str(path))
        before = self._findings.error_count
        fault = name_fault(path.stem)
        if fault:
            self._findings.error(Place(str(path)), f"the profile's name: {fault}")
        root = read_toml(path, self._findings)
        if root is None:
            return None
        profile = Shaper(self._findings, path.parent).shape(Profile, root)
        if self._findings.error_count == before:
            self._check(profile, root)
        return Known(profile, root) if self._findings.error_count == before else None

    def _check(self, profile: Profile, root: Located) -> None:
        for name in ("vendor", "model"):
            if not getattr(profile, name).strip():
                self._findings.error(place_of(root, (name,)), f"'{name}' is empty")
        if not profile.sources or not all(source.strip() for source in profile.sources):
            self._findings.error(
                place_of(root, ("sources",)), "a profile says where its facts are from", "a manual, a standard..."
            )
        country = profile.tones.country
        if country is not None and country not in self._countries:
            self._findings.error(
                place_of(root, ("tones", "country")),
                f"there are no tones of '{country}'",
                did_you_mean(country, self._countries) or "known: " + ", ".join(sorted(self._countries)),
            )
        if profile.amd.rules is not None:
            rules = AmdRules(name="profile", **structs.asdict(profile.amd.rules))
            check_amd_rules(rules, root, ("amd", "rules"), self._findings)


def resolve(site: CompiledSite, root: Located, profiles: Profiles, findings: Findings) -> Resolved:
    """Fill in what trunks leave to their profiles, and to `[media]`."""
    origins: dict[str, dict[str, str]] = {}
    trunks: list[Trunk] = []
    rules = list(site.amd_rules)
    for index, trunk in enumerate(site.trunks):
        path = ("trunks", index)
        known = profiles.get(trunk.profile) if trunk.profile else None
        if trunk.profile and profiles.is_device(trunk.profile):
            what = f"'{trunk.profile}' is a device, not a gateway"
            findings.follow_up(place_of(root, (*path, "profile")), what, "a line of [[lines]] takes it")
        elif trunk.profile and known is None and trunk.profile not in profiles.names():
            findings.follow_up(
                place_of(root, (*path, "profile")),
                f"there is no profile '{trunk.profile}'",
                did_you_mean(trunk.profile, profiles.names()) or "known: " + ", ".join(profiles.names()),
            )
        said = _said(root, path)
        own = {name: str(place) for name, place in said.items()}
        changes = dict(_changes(known, said, own)) if known is not None else {}
        media = find(root, _INHERITED)
        if "inband_dtmf" not in own:
            changes["inband_dtmf"] = site.media.inband_dtmf
            if media is not None:
                own["inband_dtmf"] = str(media.place)
        if known is not None and known.profile.amd.rules is not None and "amd_rules" not in said:
            # No author can write this name, so it is nobody else's.
            changes["amd_rules"] = f"profile:{trunk.profile}"
            own["amd_rules"] = str(place_of(known.root, ("amd", "rules")))
            if all(one.name != changes["amd_rules"] for one in rules):
                rules.append(AmdRules(name=changes["amd_rules"], **structs.asdict(known.profile.amd.rules)))
        trunks.append(structs.replace(trunk, **changes))
        asked = (name for name in Trunk.__struct_fields__ if name not in UNSAID)
        origins[trunk.name] = {name: own.get(name, "default") for name in asked}
    return Resolved(structs.replace(site, trunks=trunks, amd_rules=rules), origins)


def _said(root: Located, path: tuple[str, int]) -> dict[str, Place]:
    """Give the settings that a trunk's own table has, by their full names, with their places."""
    trunks = find(root, (path[0],))
    items = (trunks.items if trunks is not None else None) or []
    table = (items[path[1]].table if path[1] < len(items) else None) or {}
    said: dict[str, Place] = {}
    for name in Trunk.__struct_fields__:
        written = next((key for key in (name, *_without_unit(name)) if key in table), None)
        if written is not None:
            said[name] = table[written].place
    return said


def _without_unit(name: str) -> Iterator[str]:
    return (name.removesuffix(unit) for unit in UNITS if name.endswith(unit))


def _changes(known: Known, said: Mapping[str, Place], origins: dict[str, str]) -> Iterator[tuple[str, Any]]:
    for (table, key), setting in SETTINGS.items():
        value = getattr(getattr(known.profile, table), key)
        if value is not None and setting not in said:
            written = next((word for word in (key, *_without_unit(key)) if find(known.root, (table, word))), key)
            origins[setting] = str(place_of(known.root, (table, written)))
            yield setting, value
