"""From files to an effective configuration: site file, `conf.d/*.toml` beside it, menus.

Every fault of every file is found in one go. The loader neither writes nor starts anything, except that with
`make_prompts` the texts to be spoken are synthesised into the state folder.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from edge.config import prompts
from edge.config.calendars import site_calendars
from edge.config.campaign_rules import campaign_rules
from edge.config.checks import check_site, hold_music
from edge.config.compiled import CompiledSite
from edge.config.devices import Devices
from edge.config.errors import ConfigError, ConfigErrors, Findings, Place
from edge.config.lines import origins_of, with_lines
from edge.config.located import Located
from edge.config.menus import MenuCompiler
from edge.config.profiles import Profiles, resolve
from edge.config.prompts import PromptUse, Synthesis
from edge.config.relays import check_relays
from edge.config.shape import Shaper
from edge.config.sinks import read_sink
from edge.config.site import Paths, Site
from edge.config.sources import read_site_files
from edge.config.tables import check_tables, make_tables
from edge.config.tls import file_digests
from edge.config.versions import Versions

NOTHING: Mapping[str, object] = MappingProxyType({})


class Inspection(Struct, kw_only=True):
    """All that can be said about a configuration."""

    site: CompiledSite
    errors: list[ConfigError]
    warnings: list[ConfigError]
    #: Files that were read.
    checked: list[str]
    #: Texts that the menus speak.
    speeches: list[Synthesis] = field(default_factory=list)
    #: Every sound and text that menus name.
    prompts: list[PromptUse] = field(default_factory=list)
    #: Sources of each menu, by the menu and the name of the file.
    sources: dict[str, dict[str, str]] = field(default_factory=dict)
    #: SHA-256 of each sound file that menus name, by its path.
    digests: dict[str, str] = field(default_factory=dict)
    #: Where each setting of each trunk came from: `file:line:column`, or `default`.
    origins: dict[str, dict[str, str]] = field(default_factory=dict)
    #: Why secrets are `WITHHELD`; they are where `spare_secrets` was asked for only, else it is among the errors.
    withheld: list[ConfigError] = field(default_factory=list)
    #: Sound files that settings of the site file name, with the place of each.
    sounds: list[tuple[str, Place]] = field(default_factory=list)


def load(path: Path, overrides: Mapping[str, object] = NOTHING, *, make_prompts: bool = True) -> CompiledSite:
    """Load a configuration: `load_found`, of which only the site is wanted."""
    return load_found(path, overrides, make_prompts=make_prompts).site


def load_found(
    path: Path,
    overrides: Mapping[str, object] = NOTHING,
    *,
    make_prompts: bool = True,
    claim: Callable[[Site], None] | None = None,
) -> Inspection:
    """Load a configuration.

    `overrides` are values by dotted name (`"sip.port": 5070`), as command-line options give them; they win over the
    files. Raises `ConfigErrors` with every fault. With `make_prompts` every text to be spoken lies in the state folder
    afterwards. `claim` is called before anything is written there.
    """
    found = inspect(path, overrides)
    if not found.errors and claim is not None:
        claim(found.site)
    if not found.errors and make_prompts:
        findings = Findings()
        prompts.synthesise_all(found.speeches, findings)
        make_tables(found.site.tables, findings)
        found.errors = findings.errors
        if not found.errors:
            site = found.site
            state = Path(site.paths.state)
            used = [*(speech.path for speech in found.speeches), *Versions(state).sounds()]
            prompts.clean_cache(state, used, site.speech.cache_mb * 1_000_000)
    if found.errors:
        raise ConfigErrors(found.errors, found.warnings)
    return found


def inspect(
    path: Path,
    overrides: Mapping[str, object] = NOTHING,
    environment: Mapping[str, str] | None = None,
    *,
    menus: bool = True,
    spare_secrets: bool = False,
) -> Inspection:
    """Read and check everything; faults are returned, never raised. Without `menus` they are left alone.

    With `spare_secrets` it is no fault that a secret cannot be had: who only looks may not be allowed to.
    """
    findings = Findings()
    withheld: list[ConfigError] = []
    checked: list[str] = []
    path = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 -- links stay as they are named
    root = read_site_files(path, findings, checked)
    if root is None:
        # After a fault of syntax half of the settings are unknown: more messages would be about what is not wrong.
        return Inspection(
            site=CompiledSite(name="unknown"), errors=findings.errors, warnings=findings.warnings, checked=checked
        )
    _override(root, overrides)
    shaper = Shaper(
        findings,
        path.parent,
        os.environ if environment is None else environment,
        {"sink": lambda node: read_sink(shaper, findings, node)},
        withheld if spare_secrets else None,
    )
    site = shaper.shape(CompiledSite, root)
    profiles = Profiles(site, findings, checked)
    profiles.check_own()
    devices = Devices(Path(site.paths.profiles), findings, checked)
    devices.check_own()
    check_relays(site, root, devices, findings)
    resolved = resolve(site, root, profiles, findings)
    lines, line_trunks = with_lines(resolved.site, root, devices, findings)
    site = msgspec.structs.replace(resolved.site, lines=lines, trunks=[*resolved.site.trunks, *line_trunks])
    calendars = site_calendars(site.hours, root, findings)
    rulesets = campaign_rules(site, root, findings, checked)
    site = msgspec.structs.replace(
        site,
        calendars=calendars,
        rulesets=rulesets,
        tables=check_tables(site.tables, Path(site.paths.state), root, findings),
    )
    compiler = MenuCompiler(site, findings, checked)
    compiled = compiler.compile_folder(Path(site.paths.menus)) if menus else {}
    paths = msgspec.structs.replace(site.paths, run=site.paths.run or f"{site.paths.state}/run")
    site = msgspec.structs.replace(site, paths=paths, menus=compiled, source=str(path))
    if menus:
        site = msgspec.structs.replace(site, whispers=compiler.compile_whispers(root))
    check_site(site, root, findings, menus_complete=menus and compiler.complete)
    site = msgspec.structs.replace(site, tls_files=file_digests(site))
    return Inspection(
        site=site,
        errors=findings.errors,
        warnings=findings.warnings,
        checked=checked,
        speeches=compiler.speeches,
        prompts=compiler.uses,
        sources=compiler.sources,
        digests=compiler.digests,
        withheld=withheld,
        origins=resolved.origins | origins_of(site, root, devices),
        sounds=hold_music(site, root),
    )


class Whereabouts(Struct, frozen=True, kw_only=True):
    """Of a site what a command needs that only looks: nothing of it is a secret."""

    paths: Paths = field(default_factory=Paths)
    #: Of dates that people type.
    time_zone: Annotated[str, Meta(extra={"kind": "time_zone", "optional": True})] = ""


def inspect_paths(path: Path, overrides: Mapping[str, object] = NOTHING) -> tuple[Whereabouts, list[ConfigError]]:
    """Read where things lie, and nothing else: for who looks at an appliance, whatever else its file says.

    Neither secrets nor faults of other tables are in the way: who may not read a secret may ask for status.
    """
    findings = Findings()
    path = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 -- links stay as they are named
    root = read_site_files(path, findings, [])
    if root is None:
        return Whereabouts(), findings.errors
    _override(root, overrides)
    wanted = {name: node for name, node in (root.table or {}).items() if name in Whereabouts.__struct_fields__}
    some = Located(wanted, root.place, root.key_place)
    found = Shaper(findings, path.parent, os.environ, {}).shape(Whereabouts, some)
    paths = msgspec.structs.replace(found.paths, run=found.paths.run or f"{found.paths.state}/run")
    return msgspec.structs.replace(found, paths=paths), findings.errors


def _override(root: Located, overrides: Mapping[str, object]) -> None:
    for name, value in overrides.items():
        place = Place("--" + name.removeprefix("paths.").replace(".", "-").replace("_", "-"))
        table: dict[str, Located] = root.value
        *tables, last = name.split(".")
        for step in tables:
            below = table.setdefault(step, Located({}, place, place))
            if below.table is None:
                break  # the file has a fault there, which is reported
            table = below.value
        else:
            # On a command line a relative path starts from the working folder, not from the site file.
            plain = os.path.abspath(Path(str(value)).expanduser()) if tables == ["paths"] and value else value  # noqa: PTH100
            if last.endswith(("_ms", "_seconds")):
                table.pop(last.removesuffix("_ms").removesuffix("_seconds"), None)
            table[last] = Located(plain, place, place)
