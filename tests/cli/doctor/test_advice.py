"""Advice of the doctor says what to do, and begins with it."""

import ast
from pathlib import Path

import edge.cli.doctor

#: What somebody can be told to do. A new word is welcome here when it is one.
VERBS = frozenset(
    {
        *("add", "allow", "apt", "ask", "change", "chmod", "choose", "chown", "delete", "end"),
        *("find", "forward", "give", "have", "install", "lower", "look", "make", "mask", "mend"),
        *("move", "name", "restart", "say", "plug", "put", "raise", "record", "renew", "report", "run", "see", "set"),
        *("start", "switch", "take", "tell", "try", "unplug", "use", "wait", "write"),
    }
)
FOLDER = Path(edge.cli.doctor.__file__).parent


def texts(node: ast.expr, known: dict[str, str]) -> list[str]:
    """What an argument may say, as far as it stands in the module."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        first = node.values[0]
        return [str(first.value)] if isinstance(first, ast.Constant) else []
    if isinstance(node, ast.BoolOp):
        return [text for one in node.values for text in texts(one, known)]
    if isinstance(node, ast.IfExp):
        return texts(node.body, known) + texts(node.orelse, known)
    return [known[node.id]] if isinstance(node, ast.Name) and node.id in known else []


def advices(file: Path) -> list[str]:
    """The texts that are given as advice in a module."""
    tree = ast.parse(file.read_text())
    known = {}
    for one in ast.walk(tree):
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
            found = texts(one.value, {})
            known |= {one.targets[0].id: found[0]} if found else {}
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
    given = [one.args[2] for one in calls if one.func.attr in {"bad", "advice"} and len(one.args) > 2]
    return [text for one in given for text in texts(one, known)]


def test_advice_begins_with_what_to_do() -> None:
    found = {file.name: advices(file) for file in FOLDER.glob("*.py")}
    assert sum(map(len, found.values())) > 60, "they are found"
    wrong = [(name, text) for name, said in found.items() for text in said if text.split()[0].strip(":,") not in VERBS]
    assert wrong == []
