"""`edge menu versions | rollback | release | diff`: the versions of menus that an appliance keeps."""

import difflib
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from edge.cli.daemon import RELOAD_S, ask_appliance
from edge.cli.output import BAD, FINE, complain, print_json, print_table, printable
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, JsonOption, StateOption, UsageError, failed, folders
from edge.config.versions import NoVersionError, Version, Versions
from edge.storage.reader import Reader, VersionCalls
from edge.storage.turn import StorageError

MenuName = Annotated[str, Parameter(help="Name of the menu.")]


def versions(
    menu: Annotated[str | None, Parameter(help="Name of a menu; none: all of them.")] = None,
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """List the versions that are kept, the newest first: since when calls get each, and how many did.

    `current` is what new calls get, `file` what the file said when it was loaded last, if that is another one.
    """
    try:
        folder, _ = folders(config, demo=demo, state=state)
        kept = _opened(folder)
        if menu is not None and menu not in kept.index.menus:
            raise UsageError(f"no version of a menu '{menu}' is kept")
        calls = {(one.menu, one.version): one for one in Reader(folder / "state.db").calls_by_version()}
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    found = [one for one in _documents(kept, calls) if menu in {None, one["menu"]}]
    if json:
        for one in found:
            print_json(one)
        return FINE
    rows = [
        (one["menu"], one["version"], _state(one), one["since"], one["since_by"], one["calls_now"], one["calls"])
        for one in found
    ]
    columns = ("menu", "version", "state", "since", "by", "calls now", "calls")
    print_table(columns, rows, right=("calls now", "calls"))
    return FINE


def _opened(folder: Path) -> Versions:
    kept = Versions(folder)
    for warning in kept.warnings:
        complain(f"warning: {warning}")
    return kept


def _documents(kept: Versions, calls: dict[tuple[str, str], VersionCalls]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, line in sorted(kept.index.menus.items()):
        for version, one in sorted(line.versions.items(), key=_age, reverse=True):
            counted = calls.get((name, version))
            found.append(
                {
                    "menu": name,
                    "version": version,
                    "current": version == line.current,
                    "file": version == line.file,
                    "pinned": version == line.current and bool(line.pinned),
                    "since": one.since,
                    "since_by": one.since_by,
                    "first": one.first,
                    "by": one.by,
                    "calls_now": counted.open if counted else 0,
                    "calls": counted.calls if counted else 0,
                    "last_call": counted.last if counted else "",
                }
            )
    return found


def _age(one: tuple[str, Version]) -> tuple[str, str]:
    return (one[1].since or one[1].first, one[0])


def _state(one: dict[str, Any]) -> str:
    if one["current"]:
        return "current, rolled back" if one["pinned"] else "current"
    return "file" if one["file"] else ""


def rollback(
    menu: MenuName,
    version: Annotated[str, Parameter(help="Beginning of a kept version; none: the one before.")] = "",
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Let new calls have a former version of a menu, at once and over restarts, until it is released.

    Its file is neither changed nor read: a reload takes what it says, but new calls get it after `edge menu release`.
    """
    request = {"what": "rollback", "menu": menu, "version": version}
    return _change(request, config=config, demo=demo, state=state)


def release(
    menu: MenuName,
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Let a menu that was rolled back follow its file again: what that said when it was loaded last."""
    return _change({"what": "release", "menu": menu}, config=config, demo=demo, state=state)


def _change(request: dict[str, Any], *, config: Path | None, demo: bool, state: Path | None) -> int:
    answer = ask_appliance((config, demo, state), request, RELOAD_S)
    if isinstance(answer, int):
        return answer
    if not answer["ok"]:
        complain(answer["error"])
        return BAD
    body = answer["body"]
    for warning in body["warnings"]:
        complain(f"warning: {warning}")
    print(printable(f"new calls of menu '{body['menu']}' get {body['version']}, instead of {body['instead_of']}"))
    return FINE


def diff(
    menu: MenuName,
    version: Annotated[str, Parameter(help="Beginning of a kept version.")],
    other: Annotated[str, Parameter(help="Beginning of another one; none: what new calls get.")] = "",
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Show what changed in the sources of a menu, its sub-menus among them, from one version to another."""
    try:
        folder, _ = folders(config, demo=demo, state=state)
        kept = _opened(folder)
        old = kept.find(menu, version)
        new = kept.find(menu, other) if other else kept.index.menus[menu].current
        before, after = kept.kept(menu, old), kept.kept(menu, new)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    except NoVersionError as error:
        complain(error)
        return BAD
    for name in sorted(before.sources.keys() | after.sources.keys()):
        was, is_now = (side.sources.get(name, "").splitlines() for side in (before, after))
        for line in difflib.unified_diff(was, is_now, f"{name} {old}", f"{name} {new}", lineterm=""):
            print(printable(line))
    gone, come = set(before.sounds) - set(after.sounds), set(after.sounds) - set(before.sounds)
    if gone or come:
        print(f"sounds: {len(come)} that were not there, {len(gone)} that are gone")
    return FINE
