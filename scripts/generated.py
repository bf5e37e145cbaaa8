"""What the scripts that make pages share: comments of fields, a page that begins with its own text, write or check."""

import argparse
import ast
import inspect
import textwrap
from pathlib import Path


def field_comments(kind: type) -> dict[str, str]:
    """Return the `#:` comments above the fields of a class and of those of its bases that are ours."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] == "edge":
            found |= _own_field_comments(base)
    return found


def _own_field_comments(kind: type) -> dict[str, str]:
    lines = textwrap.dedent(inspect.getsource(kind)).splitlines()
    tree = ast.parse("\n".join(lines)).body[0]
    found: dict[str, str] = {}
    if not isinstance(tree, ast.ClassDef):
        return found
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            above: list[str] = []
            at = node.lineno - 2
            while at >= 0 and lines[at].strip().startswith("#:"):
                above.insert(0, lines[at].strip()[2:].strip())
                at -= 1
            found[node.target.id] = " ".join(above)
    return found


def with_own_text(page: Path, marker: str, made: str) -> str:
    """Put what is made under the page's own text, which ends at the marker."""
    own = page.read_text("utf-8").partition(marker)[0] if page.exists() else ""
    return own + marker + "\n" + made


def write_or_check(root: Path, made: dict[Path, str], description: str) -> int:
    """Write files whose text is another one, or with `--check` only name them; 1 when there it found any."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a page is not current")
    check = parser.parse_args().check
    stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        print(f"{'not current' if check else 'written'}: {path.relative_to(root)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], "utf-8")
    return 1 if check and stale else 0
