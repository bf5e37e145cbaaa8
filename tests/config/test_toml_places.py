import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.toml_places import TomlPath, TomlPlaces

AWKWARD = '''\
# comment = "not a key" [nor.a.table]
name = "a # is no comment here" # but here
sip.address = '127.0.0.1'
  "quoted key".'with [brackets]' = """
[not.a.table]
x = 1 \\""" ""\"""
[media] # [comment]
slots = 0x10
date = 1979-05-27 07:32:00
[[trunks]]
sources = [ # one a line
  "192.0.2.1", # first
  [1, {a.b = 2, c = ["]", '}']}],
]
[trunks.extra]
k = true
[[trunks]]
sources = []
[[trunks.deep]]
[[trunks.deep]]
x = -inf
[a.b.c]
d = 1
'''


def paths_of(value: Any, path: TomlPath = ()) -> list[TomlPath]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, below in value.items():
            found += paths_of(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            found += paths_of(below, (*path, index))
    return found


def test_every_key_of_an_awkward_document_has_its_place() -> None:
    places = TomlPlaces(AWKWARD)
    assert set(places.keys) == set(paths_of(tomllib.loads(AWKWARD)))
    assert places.keys["sip", "address"] == (3, 5)
    assert places.values["sip", "address"] == (3, 15)
    assert places.keys["quoted key", "with [brackets]"] == (4, 16)
    assert places.keys["trunks", 0, "sources"] == (11, 1)
    assert places.values["trunks", 0, "sources", 0] == (12, 3)
    assert places.values["trunks", 0, "sources", 1, 1, "a", "b"] == (13, 14)
    assert places.keys["trunks", 0, "extra", "k"] == (16, 1)
    assert places.keys["trunks", 1] == (17, 1)
    assert places.keys["trunks", 1, "deep", 1, "x"] == (21, 1)
    assert places.keys["a", "b", "c", "d"] == (23, 1)


def test_windows_line_ends_count_as_one() -> None:
    places = TomlPlaces("a = 1\r\n\r\nb = 2\r\n")
    assert places.keys["b",] == (3, 1)


KEYS = st.text("abz_-", min_size=1, max_size=4)
SCALARS = st.one_of(
    st.integers(-999, 999).map(str),
    st.booleans().map(lambda b: str(b).lower()),
    st.text("ab #[]{},='").map(lambda t: f'"{t}"'),
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.dictionaries(KEYS, below, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=8,
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4).map(lambda t: "".join(f"{k} = {v}\n" for k, v in t.items()))


@given(
    first=TABLES,
    tables=st.dictionaries(KEYS.map(lambda key: "T" + key), st.lists(TABLES, min_size=1, max_size=3), max_size=3),
)
@settings(max_examples=150, deadline=None)
def test_the_scanner_finds_exactly_what_the_parser_finds(first: str, tables: dict[str, list[str]]) -> None:
    text = first
    for name, bodies in tables.items():
        text += "".join(f"[[{name}]]\n{body}" for body in bodies) if len(bodies) > 1 else f"[{name}]\n{bodies[0]}"
    places = TomlPlaces(text)
    assert set(places.keys) == set(paths_of(tomllib.loads(text)))
    lines = text.split("\n")
    for path, (line, column) in places.keys.items():
        if isinstance(path[-1], str):
            assert lines[line - 1][column - 1 :].lstrip("[").startswith(path[-1])
