"""Reading source files into located values. Faults of syntax become findings; nothing raises."""

import tomllib
from pathlib import Path
from typing import Any

import yaml

from edge.config.errors import Findings, Place
from edge.config.located import Located, merge
from edge.config.toml_places import TomlPath, TomlPlaces

#: A configuration is written by people; more than this is a wrong file.
MAX_FILE_BYTES = 2_000_000
#: Values of one YAML file, aliases unfolded: an alias bomb ends here.
MAX_YAML_VALUES = 100_000
MAX_YAML_DEPTH = 50
#: libyaml's, ten times as fast, where PyYAML was built with it.
_FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(path: Path, findings: Findings) -> str | None:
    """Read the file as text (UTF-8); None, with a finding, when it can't be read."""
    place = Place(str(path))
    try:
        data = path.read_bytes()
        if len(data) > MAX_FILE_BYTES:
            findings.error(place, f"the file has {len(data)} bytes, more than {MAX_FILE_BYTES}")
            return None
        return data.decode()
    except OSError as error:
        findings.error(place, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.error(Place(str(path), line, 1), "is not UTF-8")
    return None


def read_site_files(path: Path, findings: Findings, checked: list[str]) -> Located | None:
    """Read the site file with all of `conf.d/*.toml` beside it merged into it; None when one of them can't be read."""
    root = read_toml(path, findings)
    checked.append(str(path))
    complete = root is not None
    for extra in sorted((path.parent / "conf.d").glob("*.toml")):
        checked.append(str(extra))
        addition = read_toml(extra, findings)
        if root is not None and addition is not None:
            merge(root, addition, findings)
        complete = complete and addition is not None
    return root if complete else None


def read_toml(path: Path, findings: Findings) -> Located | None:
    """Read one TOML file."""
    text = read_text(path, findings)
    if text is None:
        return None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        findings.error(_toml_error_place(path, text, str(error)), _toml_message(str(error)))
        return None
    except RecursionError:
        findings.error(Place(str(path), 1, 1), "is nested too deeply")
        return None
    return _locate(values, (), TomlPlaces(text), str(path))


def _toml_message(message: str) -> str:
    return "not TOML: " + message.partition(" (at ")[0]


def _toml_error_place(path: Path, text: str, message: str) -> Place:
    # tomllib names the place in words only (its attributes came with Python 3.14).
    _, _, where = message.rpartition("(at ")
    words = where.rstrip(")").replace(",", "").split()
    if len(words) == 4 and words[0] == "line":
        return Place(str(path), int(words[1]), int(words[3]))
    return Place(str(path), max(1, text.rstrip().count("\n") + 1), 1)


def _locate(value: Any, path: TomlPath, places: TomlPlaces, file: str) -> Located:
    if isinstance(value, dict):
        value = {key: _locate(below, (*path, key), places, file) for key, below in value.items()}
    elif isinstance(value, list):
        value = [_locate(below, (*path, index), places, file) for index, below in enumerate(value)]
    first = (1, 1)
    return Located(value, Place(file, *places.values.get(path, first)), Place(file, *places.keys.get(path, first)))


def read_yaml(path: Path, findings: Findings) -> tuple[Located | None, bytes]:
    """Read one YAML 1.1 file (safe subset, no custom tags), and its bytes for the content hash."""
    text = read_text(path, findings)
    if text is None:
        return None, b""
    place = Place(str(path), 1, 1)
    try:
        node = _compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is not None:
            place = Place(str(path), mark.line + 1, mark.column + 1)
        findings.error(place, f"not YAML: {error.problem or error.context}")
        return None, b""
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        findings.error(Place(str(path), line, 1), "contains a character that YAML does not allow")
        return None, b""
    except RecursionError:
        findings.error(place, "is nested too deeply")
        return None, b""
    if node is None:
        findings.error(place, "the file is empty")
        return None, b""
    return _YamlReader(str(path), findings).read(node), text.encode()


def _compose(text: str) -> yaml.Node | None:
    """Read a document. Raises `yaml.YAMLError`, and `RecursionError` when it is nested too deeply."""
    try:
        _check_depth(text)
        return yaml.compose(text, Loader=_FAST_LOADER)
    except yaml.YAMLError:
        # Both refuse the same; PyYAML's own says better what is wrong, and where.
        return yaml.compose(text, Loader=yaml.SafeLoader)


def _check_depth(text: str) -> None:
    """Count first, for libyaml composes by recursion in C, where nothing but the end of the stack ends it."""
    depth = 0
    for event in yaml.parse(text, Loader=_FAST_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_YAML_DEPTH:
            raise RecursionError


class _YamlReader:
    """Turns composed nodes into located values."""

    def __init__(self, file: str, findings: Findings) -> None:
        self._file = file
        self._findings = findings
        self._constructor = yaml.SafeLoader("")
        self._values = 0
        self._open: list[yaml.Node] = []

    def read(self, node: yaml.Node) -> Located | None:
        """Read the whole document; None when it is not fit for use."""
        try:
            return self._node(node, None)
        except _TooMuchError as error:
            self._findings.error(Place(self._file, 1, 1), str(error))
            return None

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _node(self, node: yaml.Node, key: Place | None) -> Located:
        self._values += 1
        if self._values > MAX_YAML_VALUES:
            raise _TooMuchError(f"has more than {MAX_YAML_VALUES} values")
        if node in self._open or len(self._open) >= MAX_YAML_DEPTH:
            raise _TooMuchError("is nested too deeply or contains itself")
        place = self._place(node)
        if isinstance(node, yaml.ScalarNode):
            return Located(self._scalar(node, place), place, key or place, node.value)
        self._open.append(node)
        value: Any
        if isinstance(node, yaml.SequenceNode):
            value = [self._node(item, None) for item in node.value]
        else:
            value = self._mapping(node)
        self._open.pop()
        return Located(value, place, key or place)

    def _mapping(self, node: yaml.Node) -> dict[str, Located]:
        table: dict[str, Located] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._findings.error(place, "a key must be a word")
                continue
            name = key_node.value
            if key_node.tag == "tag:yaml.org,2002:merge":
                self._findings.error(place, "merge keys ('<<') are not supported", "use 'defaults'")
            elif name in table:
                self._findings.error(place, f"'{name}' is set twice; the first is at {table[name].key_place}")
            else:
                table[name] = self._node(value_node, place)
        return table

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        try:
            return self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError, KeyError, TypeError):
            self._findings.error(place, f"'{node.value[:40]}' cannot be understood", "put quotes around a text")
            return node.value


class _TooMuchError(Exception):
    """The document is larger than any menu."""
