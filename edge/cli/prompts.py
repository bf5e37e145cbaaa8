"""`edge prompts list | make | check`: what menus play, where it comes from, and what is wrong with it."""

import csv
import shutil
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from msgspec import Struct

from edge.cli.output import BAD, FINE, USAGE, complain, print_json, print_table
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, JsonOption, UsageError, failed, usable_site
from edge.config import prompts
from edge.config.errors import Findings
from edge.config.loader import Inspection
from edge.config.prompts import PromptUse

if TYPE_CHECKING:  # NumPy and libsndfile: not in each command
    from edge.cli.prompt_sound import Sound

LanguageOption = Annotated[str, Parameter(help="Prompts of this language only.")]


class Prompt(Struct, kw_only=True):
    """A prompt of one language, whichever menus play it."""

    use: PromptUse
    menus: list[str]
    sound: "Sound | None" = None
    #: Why it can't be played; empty: it can.
    error: str = ""

    @property
    def source(self) -> str:
        """Where it comes from."""
        if not self.use.path:
            return "missing"
        if self.use.spoken:
            return "spoken" if Path(self.use.path).is_file() else "not made yet"
        return "file"


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="prompts", help="Prompts of the menus: list them, make them, check them.")
    group.command(list_prompts, name="list")
    group.command(make)
    group.command(check)
    app.command(group)


def list_prompts(
    *,
    language: LanguageOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    json: JsonOption = False,
) -> int:
    """List what menus play, by language: where it comes from, length, level of speech; and files that none plays."""
    try:
        found = usable_site(config, demo=demo)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    every = prompts_of(found, language)
    unused = _unused(found)
    if json:
        for one in every:
            print_json({"kind": "prompt", **_plain(one)})
        for path, kind in unused:
            print_json({"kind": "unused", "path": str(path), "source": kind})
        return FINE
    rows = [
        (
            one.use.language,
            ", ".join(one.menus),
            one.use.text[:60] or one.use.name,
            one.source if not one.error or one.source != "file" else "unreadable",
            f"{one.sound.seconds:.1f}s" if one.sound else "",
            f"{one.sound.level_dbov:.1f}" if one.sound else "",
            one.sound.hash[:8] if one.sound else "",
            one.use.path,
        )
        for one in every
    ]
    columns = ("language", "menus", "prompt", "from", "length", "dBov", "hash", "file")
    print_table(columns, rows, right=("length", "dBov"))
    for path, kind in unused:
        print(f"unused {kind}: {path}")
    return FINE


def make(
    *,
    script: Annotated[
        Path | None, Parameter(help="Write a script for a studio instead: CSV with the file to record and its text.")
    ] = None,
    take: Annotated[
        Path | None,
        Parameter(name="--import", help="Take recordings over from a folder, named as in the script's first column."),
    ] = None,
    replace: Annotated[bool, Parameter(negative=(), help="With --import: also where there is a file already.")] = False,
    language: LanguageOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    json: JsonOption = False,
) -> int:
    """Have all texts spoken that are not yet; or write a script for a studio, or take its recordings over.

    Exit code 1: a text can't be spoken, or a recording is bad or of nothing that a menu plays.
    """
    if script is not None and take is not None:
        complain("--script and --import exclude each other")
        return USAGE
    try:
        found = usable_site(config, demo=demo)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    uses = _each_once(use for use in found.prompts if language in ("", use.language))
    if script is not None:
        return _write_script(script, uses, json=json)
    if take is not None:
        return _import(take, Path(found.site.paths.prompts), uses, replace=replace, json=json)
    findings = Findings()
    wanted = [speech for speech in found.speeches if language in ("", speech.language)]
    there = [speech for speech in wanted if Path(speech.path).is_file()]
    prompts.synthesise_all(wanted, findings)
    for fault in findings.errors:
        complain(fault)
    made = len(wanted) - len(there) - findings.error_count
    if json:
        print_json({"kind": "made", "made": made, "there": len(there), "failed": findings.error_count})
    else:
        print(f"{made} texts spoken, {len(there)} were there already, {findings.error_count} failed")
    return BAD if findings.errors else FINE


def check(
    *,
    language: LanguageOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    json: JsonOption = False,
) -> int:
    """Find what is missing, unreadable, clipped, too quiet, padded with silence, of a wrong rate, or there twice.

    Exit code 1: something is missing or can't be read. Texts that are not spoken yet are not missing.
    """
    from edge.cli.prompt_sound import faults

    try:
        found = usable_site(config, demo=demo)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    every = prompts_of(found, language)
    problems: list[tuple[str, str, Prompt, str]] = []
    for one in every:
        if one.source == "missing":
            problems.append(("error", "missing", one, f"there is no sound '{one.use.name}'"))
        elif one.error:
            problems.append(("error", "unreadable", one, f"{one.use.path}: {one.error}"))
        elif one.sound is not None:
            for word, text in faults(one.sound, spoken=one.use.spoken):
                problems.append(("warning", word, one, f"{one.use.path}: {text}"))
    problems += [("warning", "duplicate", one, text) for one, text in _duplicates(every)]
    for severity, word, one, text in problems:
        if json:
            place = {"file": one.use.place.file, "line": one.use.place.line}
            print_json({"severity": severity, "fault": word, "message": text, **_plain(one), **place})
        else:
            print(f"{one.use.place}: {'' if severity == 'error' else 'warning: '}{text}")
    errors = sum(severity == "error" for severity, *_ in problems)
    if not json:
        complain(f"checked {len(every)} prompts: {errors} errors, {len(problems) - errors} warnings")
    return BAD if errors else FINE


# --- what there is ------------------------------------------------------------------------------------------------


def _each_once(uses: Iterable[PromptUse]) -> list[PromptUse]:
    found: dict[tuple[str, str], PromptUse] = {}
    for use in uses:
        found.setdefault((use.language, use.name), use)
    return [found[key] for key in sorted(found)]


def prompts_of(found: Inspection, language: str) -> list[Prompt]:
    """Look at every prompt of a language (empty: of all), each once."""
    from edge.cli.prompt_sound import BadPromptError, read

    menus: dict[tuple[str, str], list[str]] = defaultdict(list)
    for use in found.prompts:
        if use.menu not in menus[use.language, use.name]:
            menus[use.language, use.name].append(use.menu)
    every = []
    for use in _each_once(use for use in found.prompts if language in ("", use.language)):
        one = Prompt(use=use, menus=menus[use.language, use.name])
        if one.source in {"file", "spoken"}:
            try:
                one.sound = read(Path(use.path))
            except BadPromptError as error:
                one.error = str(error)
        every.append(one)
    return every


def _plain(one: Prompt) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "language": one.use.language,
        "name": one.use.name,
        "text": one.use.text,
        "menus": one.menus,
        "source": one.source,
        "path": one.use.path,
    }
    if one.error:
        plain["error"] = one.error
    if one.sound is not None:
        sound = {name: getattr(one.sound, name) for name in one.sound.__struct_fields__}
        plain |= {name: round(value, 3) if isinstance(value, float) else value for name, value in sound.items()}
        if one.sound.level_dbov == float("-inf"):
            plain |= {"level_dbov": None, "peak_dbov": None}  # JSON has no infinity
    return plain


def _unused(found: Inspection) -> list[tuple[Path, str]]:
    """Files of the prompts folder that no menu plays, and spoken texts that none has any more."""
    played = {use.path for use in found.prompts} | {path for path, _ in found.sounds}
    folder, cache = Path(found.site.paths.prompts), Path(found.site.paths.state) / prompts.CACHE
    unused: list[tuple[Path, str]] = []
    for root, kind in ((folder, "file"), (cache, "text")):
        if root.is_dir():
            files = sorted(path for path in root.rglob("*") if path.suffix in prompts.EXTENSIONS)
            unused += [(path, kind) for path in files if str(path) not in played and not path.name.startswith(".")]
    return unused


def _duplicates(every: list[Prompt]) -> list[tuple[Prompt, str]]:
    """Find recordings that are there under several names."""
    by_hash: dict[str, list[Prompt]] = defaultdict(list)
    for one in every:
        if one.sound is not None and not one.use.spoken:
            by_hash[one.sound.hash].append(one)
    found = []
    for several in by_hash.values():
        paths = list(dict.fromkeys(one.use.path for one in several))
        if len(paths) > 1:
            other = next(one for one in several if one.use.path == paths[1])
            found.append((other, f"{paths[1]}: the same recording as {paths[0]}"))
    return found


# --- a studio -----------------------------------------------------------------------------------------------------


def _write_script(target: Path, uses: list[PromptUse], *, json: bool) -> int:
    with target.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("file", "language", "text", "there", "menu"))
        for use in uses:
            there = "no" if not use.path else "spoken" if use.spoken else "yes"
            out.writerow((f"{use.language}/{use.name}.wav", use.language, use.text, there, use.menu))
    if json:
        print_json({"kind": "script", "path": str(target), "prompts": len(uses)})
    else:
        print(f"{target}: {len(uses)} prompts")
    return FINE


def _import(source: Path, folder: Path, uses: list[PromptUse], *, replace: bool, json: bool) -> int:
    """Copy recordings to where menus look for them; bad ones, and those of nothing, stay where they are."""
    from edge.cli.prompt_sound import BadPromptError, faults, read

    known = {f"{use.language}/{use.name}" for use in uses}
    bad = 0
    for path in sorted(path for path in source.rglob("*") if path.is_file() and path.suffix in prompts.EXTENSIONS):
        name = str(path.relative_to(source).with_suffix(""))
        target = folder / path.relative_to(source)
        taken = prompts.find_sound(folder, name.partition("/")[0], name.partition("/")[2])[0]
        notes: list[str] = []
        if name not in known:
            result = "no menu plays it"
        elif taken is not None and taken.is_relative_to(folder / name.partition("/")[0]) and not replace:
            result = f"there is {taken} already: --replace"
        else:
            try:
                notes = [text for _, text in faults(read(path), spoken=False)]
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(f".{target.name}.part")
                shutil.copyfile(path, part)
                part.replace(target)
                result = ""
            except (BadPromptError, OSError) as error:
                result = str(error)
        bad += bool(result)
        if json:
            print_json({"kind": "import", "file": str(path), "target": str(target), "error": result, "warnings": notes})
        else:
            print(f"{path}: {result or f'now {target}'}{''.join(f'; {note}' for note in notes)}")
    return BAD if bad else FINE
