"""What tables of the site say of a caller, asked when a call begins. Tens of microseconds each, whatever their size."""

import contextlib
import json
import sqlite3

from edge.config.menu_tables import Table
from edge.core.menus.facts import Row
from edge.core.menus.model import Lookup, Menu
from edge.runtime.logs import logger
from edge.vocabulary.private import Private

_log = logger("switch")


class Tables:
    """The tables of one loaded configuration."""

    def __init__(self, tables: list[Table]) -> None:
        self._made = {table.name: table.made for table in tables}
        self._open: dict[str, sqlite3.Connection | None] = {}
        self._asked_by: dict[str, tuple[Menu, list[str]]] = {}

    def rows(self, menu: Menu, number: str) -> dict[str, Row]:
        """Return what the tables that a menu asks say of a number in E.164, by the table's name."""
        if not number.startswith("+"):
            return {}
        found = ((name, self._row(name, number)) for name in self._tables_of(menu))
        return {name: row for name, row in found if row is not None}

    def attributes(self, name: str, number: str) -> dict[str, str]:
        """Return what a table says of a number in E.164; empty: it is not in it."""
        row = self._row(name, number) if number.startswith("+") else None
        return {key: value.reveal() for key, value in row.attributes.items()} if row is not None else {}

    def close(self) -> None:
        """Close the files."""
        for db in self._open.values():
            if db is not None:
                db.close()
        self._open.clear()

    def _tables_of(self, menu: Menu) -> list[str]:
        known = self._asked_by.get(menu.name)
        if known is None or known[0] is not menu:
            names = dict.fromkeys(node.table for node in menu.nodes.values() if isinstance(node, Lookup))
            known = self._asked_by[menu.name] = (menu, list(names))
        return known[1]

    def _row(self, name: str, number: str) -> Row | None:
        """Ask one table. One that is gone or broken knows nobody: the call goes on as that of a stranger."""
        try:
            db = self._connection(name)
            if db is None:
                return None
            found = db.execute("SELECT blocked, attributes FROM callers WHERE number = ?", (number,)).fetchone()
            if found is None:
                return None
            said = json.loads(found[1])
            return Row(bool(found[0]), {str(key): Private(str(value)) for key, value in said.items()})
        except (sqlite3.Error, ValueError, AttributeError) as error:
            _log.warning("a table cannot be asked", table=name, error=type(error).__name__)
            self._forget(name)
            return None

    def _connection(self, name: str) -> sqlite3.Connection | None:
        if name not in self._open:
            path = self._made.get(name, "")
            self._open[name] = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) if path else None
        return self._open[name]

    def _forget(self, name: str) -> None:
        db = self._open.pop(name, None)
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                db.close()
