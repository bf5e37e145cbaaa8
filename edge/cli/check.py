"""`edge check`: everything that is wrong with a configuration, before anything is started."""

import io
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from edge.cli.output import CONFIGURATION, FINE, USAGE, complain, print_json, printable
from edge.cli.site import ConfigOption, DemoOption, JsonOption, StateOption, UsageError, inspect_site
from edge.config.checks import masked
from edge.config.errors import ConfigError
from edge.config.loader import Inspection
from edge.core.menus.model import TONE


def register(app: App) -> None:
    """Add the command."""
    app.command(check, name="check")


def check(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
    effective: Annotated[bool, Parameter(negative=(), help="Print what is in force, secrets masked.")] = False,
) -> int:
    """Check site file, conf.d, menus and prompts; nothing is started or written.

    Every fault is printed as file:line:column: message (advice). Exit code 0: fine, 78: it can't be used.
    """
    overrides: dict[str, object] = {} if state is None else {"paths.state": state}
    try:
        found = inspect_site(config, demo=demo, overrides=overrides)
    except UsageError as error:
        complain(error)
        return USAGE
    sounds, unreadable = read_sounds(found)
    errors = found.errors + unreadable
    if json:
        _print_json(found, errors, sounds, effective=effective)
    else:
        _print_text(found, errors, sounds, effective=effective)
    return CONFIGURATION if errors else FINE


def _print_json(found: Inspection, errors: list[ConfigError], sounds: int, *, effective: bool) -> None:
    for severity, findings in (("error", errors), ("warning", found.warnings)):
        for finding in findings:
            print_json({"severity": severity, **msgspec.to_builtins(finding)})
    counts = {"files": found.checked, "menus": len(found.site.menus), "sounds": sounds, "speeches": len(found.speeches)}
    print_json({"severity": "summary", "errors": len(errors), "warnings": len(found.warnings), **counts})
    if effective and not errors:
        print_json({"severity": "effective", "site": masked(found.site), "trunk_origins": found.origins})


def _print_text(found: Inspection, errors: list[ConfigError], sounds: int, *, effective: bool) -> None:
    for error in errors:
        print(printable(f"{error}"))
    for warning in found.warnings:
        print(printable(f"{warning.file}:{warning.line}:{warning.column}: warning: {_after_place(warning)}"))
    if effective and not errors:
        shown = {**masked(found.site), "trunk_origins": found.origins}
        print(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
    nodes = sum(len(menu.nodes) for menu in found.site.menus.values())
    print(
        f"checked {_count(len(found.checked), 'file')}: {_count(len(found.site.trunks), 'trunk')}, "
        f"{_count(len(found.site.routes), 'route')}, {_count(len(found.site.menus), 'menu')} "
        f"with {_count(nodes, 'node')}, {_count(sounds, 'sound file')}, "
        f"{_count(len(found.speeches), 'text')} to be spoken, {_count(len(found.site.sinks), 'sink')}"
    )
    for file in found.checked:
        print(printable(f"  {file}"))
    print(f"{_count(len(errors), 'error')}, {_count(len(found.warnings), 'warning')}")


def _after_place(finding: ConfigError) -> str:
    return f"{finding.message} ({finding.suggestion})" if finding.suggestion else finding.message


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def read_sounds(found: Inspection) -> tuple[int, list[ConfigError]]:
    """Read each sound file as the media engine will; the number of files, and those that it could not play.

    A sound of a menu is found by its name in folders, so the fault is the file's; a setting names its file itself.
    """
    spoken = {speech.path for speech in found.speeches}
    paths = {path for menu in found.site.menus.values() for path in _sound_paths(menu)} - spoken
    faults = {path: _fault(path) for path in sorted(paths | {path for path, _ in found.sounds})}
    errors = [ConfigError(path, 0, 0, fault) for path, fault in faults.items() if fault and path in paths]
    missing = {(error.file, error.line, error.column) for error in found.errors}  # told before, by the loader
    for path, place in found.sounds:
        if faults[path] and place not in missing:
            errors.append(ConfigError(*place, f"hold music {path}: {faults[path]}"))
    return len(faults), errors


def _fault(path: str) -> str:
    """Say why a file cannot be played; empty: it can."""
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(Path(path).read_bytes())) as file:
            while len(file.read(65536, dtype="int16")):
                pass
    except (OSError, RuntimeError) as error:
        return f"is not a sound that can be played: {printable(str(error))[:200]}"
    return ""


def _sound_paths(menu: object) -> set[str]:
    """Find every sound of a menu, in whatever field of whatever node."""
    paths: set[str] = set()
    waiting: list[object] = [msgspec.to_builtins(menu)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            if value.keys() == {"path", "label"} and not value["path"].startswith(TONE):
                paths.add(value["path"])
            waiting += value.values()
    return paths
