"""Where keys and values of a TOML document stand.

`tomllib` keeps no positions, and the style-keeping parsers keep text, not lines. This scanner runs after `tomllib` has
accepted the text, so it only has to find its way and never has to judge.
"""

import bisect

TomlPath = tuple[str | int, ...]
Position = tuple[int, int]

_BARE_END = ",]}\n#"


class TomlPlaces:
    """Positions (line, column, from 1) of a valid TOML document (v1.0.0), by path; list items by index."""

    def __init__(self, text: str) -> None:
        self.keys: dict[TomlPath, Position] = {}
        self.values: dict[TomlPath, Position] = {}
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self._line_starts = [0] + [i + 1 for i, char in enumerate(self._text) if char == "\n"]
        #: Elements so far of each array of tables.
        self._lengths: dict[TomlPath, int] = {}
        self._document()

    def position(self, offset: int) -> Position:
        """Line and column of a character."""
        line = bisect.bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def _document(self) -> None:
        table: TomlPath = ()
        while True:
            self._skip(" \t\n")
            if self._at >= len(self._text):
                return
            if self._peek("["):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> TomlPath:
        start = self._at
        is_list = self._peek("[[")
        self._at += 2 if is_list else 1
        keys = [key for key, _ in self._dotted("]")]
        self._at += 2 if is_list else 1
        path = self._resolve(keys[:-1])
        path = (*path, keys[-1])
        if is_list:
            self._mark(path, start, start)
            index = self._lengths.get(path, 0)
            self._lengths[path] = index + 1
            path = (*path, index)
        elif path in self._lengths:
            path = (*path, self._lengths[path] - 1)
        for end in range(1, len(path)):
            self._mark(path[:end], start, start)
        self._mark(path, start, start)
        return path

    def _resolve(self, keys: list[str]) -> TomlPath:
        path: TomlPath = ()
        for key in keys:
            path = (*path, key)
            if path in self._lengths:
                path = (*path, self._lengths[path] - 1)
        return path

    def _mark(self, path: TomlPath, key: int, value: int) -> None:
        self.keys.setdefault(path, self.position(key))
        self.values.setdefault(path, self.position(value))

    def _pair(self, table: TomlPath) -> None:
        keys = self._dotted("=")
        self._at += 1
        self._skip(" \t")
        path = table
        for key, offset in keys:
            path = (*path, key)
            self._mark(path, offset, offset)
        self.values[path] = self.position(self._at)
        self._value(path)

    def _dotted(self, end: str) -> list[tuple[str, int]]:
        keys: list[tuple[str, int]] = []
        while True:
            self._skip(" \t")
            start = self._at
            if self._text[start] in "\"'":
                self._string()
                keys.append((_unquote(self._text[start : self._at]), start))
            else:
                while self._text[self._at] not in " \t.=]":
                    self._at += 1
                keys.append((self._text[start : self._at], start))
            self._skip(" \t")
            if self._text[self._at] == end:
                return keys
            self._at += 1  # the dot

    def _value(self, path: TomlPath) -> None:
        char = self._text[self._at]
        if char in "\"'":
            self._string()
        elif char == "[":
            self._list(path)
        elif char == "{":
            self._inline(path)
        else:
            while self._at < len(self._text) and self._text[self._at] not in _BARE_END:
                self._at += 1

    def _list(self, path: TomlPath) -> None:
        self._at += 1
        index = 0
        while True:
            self._skip(" \t\n,")
            if self._peek("]"):
                self._at += 1
                return
            self._mark((*path, index), self._at, self._at)
            self._value((*path, index))
            index += 1

    def _inline(self, path: TomlPath) -> None:
        self._at += 1
        while True:
            self._skip(" \t\n,")
            if self._peek("}"):
                self._at += 1
                return
            self._pair(path)

    def _string(self) -> None:
        quote = self._text[self._at]
        closing = quote * 3 if self._peek(quote * 3) else quote
        self._at += len(closing)
        while not self._peek(closing):
            self._at += 2 if quote == '"' and self._peek("\\") else 1
        self._at += len(closing)
        # A multi-line string may end in one or two quotes of its own.
        while len(closing) == 3 and self._peek(quote):
            self._at += 1

    def _skip(self, chars: str) -> None:
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif self._text[self._at] in chars:
                self._at += 1
            else:
                return

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)


def _unquote(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    import tomllib  # escapes in a quoted key are as rare as they are many-sided

    return next(iter(tomllib.loads(f"{key} = 0")))
