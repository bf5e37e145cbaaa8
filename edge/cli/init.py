"""`edge init`: a site of one's own, begun as a copy of an example."""

import shutil
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

import edge.app
from edge.cli.output import BAD, FINE, complain, printable
from edge.cli.site import UsageError, failed
from edge.config.errors import did_you_mean
from edge.config.kinds import name_fault

EXAMPLES = Path(edge.app.__file__).parent / "examples"
#: What an example says of a machine that is not this one, and what a copy says: it takes calls of this machine, and
#: keeps everything beside its site file.
_CARRIER = ('sources = ["192.0.2.10"]', 'sources = ["127.0.0.0/8"]  # this machine; then your carrier')


def register(app: App) -> None:
    """Add the command."""
    app.command(init, name="init")


def examples() -> list[str]:
    """Name the sites that can be copied."""
    return sorted(path.parent.name for path in EXAMPLES.glob("*/site.toml"))


def init(
    folder: Annotated[Path, Parameter(help="Where the site goes; it is made, or empty.")],
    /,
    *,
    example: Annotated[str, Parameter(help=f"What to begin with: {', '.join(examples())}.")] = "clinic",
) -> int:
    """Begin a site as a copy of an example: it takes calls of this machine, and keeps its state in its own folder."""
    try:
        if example not in examples():
            raise UsageError(
                f"there is no example '{printable(example)}' "
                f"({did_you_mean(example, examples()) or 'there are ' + ', '.join(examples())})"
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} is not empty; a site is begun in a folder of its own")
        shutil.copytree(EXAMPLES / example, folder, dirs_exist_ok=True)
        for file in folder.rglob("*"):
            if file.suffix in {".toml", ".yaml"}:
                file.write_text(localised(file.read_text(encoding="utf-8"), example, folder), encoding="utf-8")
    except UsageError as error:
        return failed(error)
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return BAD
    site = folder / "site.toml"
    print(
        f"{site} is a copy of the example '{example}'. "
        f"Its targets (sip:...@192.0.2...) and endpoints are nobody's: put in your own.\n"
        f"  edge check --config {site}\n"
        f"  edge menu test --config {site}\n"
        f"  edge menu try main --config {site}\n"
        f"  edge run --config {site}"
    )
    return FINE


def localised(text: str, example: str, folder: Path) -> str:
    """Change what a file of an example says to what holds for a copy of it in `folder`."""
    state = f"~/.local/state/edge-{example}"
    lines = [line for line in text.splitlines() if "edge init" not in line]
    changed = "\n".join([*lines, ""])
    for old, new in (
        (f"edge/app/examples/{example}/site.toml", str(folder / "site.toml")),
        (f'"{state}/recordings"', '"recordings"'),
        (f'"{state}"', '"state"'),
        _CARRIER,
    ):
        changed = changed.replace(old, new)
    name = folder.resolve().name
    return changed if name_fault(name) else changed.replace(f'\nname = "{example}"\n', f'\nname = "{name}"\n', 1)
