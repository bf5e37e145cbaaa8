"""The keys of encrypted calls: made here, kept in the key table, and put into descriptions on their way out."""

import base64
import binascii
import os
import re

from edge.core.sip.actions import DropKeys, KeepKeys, OfferKeys
from edge.core.sip.crypto import PLACEHOLDER
from edge.runtime.key_table import SEED_BYTES, KeyRecord, KeyTable, TableFullError, local_key
from edge.vocabulary.crypto import SUITES


class UnknownKeysError(Exception):
    """A message names keys that are not there (any more); it must not be sent."""


class Keys:
    """Carries out what the core says about keys; it knows them by handle only."""

    def __init__(self, table: KeyTable) -> None:
        self._table = table

    def perform(self, action: OfferKeys | KeepKeys | DropKeys) -> bool:
        """Do it; False: the table has no room, or the peer's key is none."""
        if isinstance(action, DropKeys):
            self._table.wipe(action.handle)
            return True
        try:
            self._table.write(action.handle, self._record(action))
        except (TableFullError, binascii.Error):
            return False
        return True

    def _record(self, action: OfferKeys | KeepKeys) -> KeyRecord:
        seed = os.urandom(SEED_BYTES)
        if isinstance(action, OfferKeys):
            return KeyRecord("", seed, b"")
        before = self._table.read(action.seed_of) if action.seed_of else None
        remote = base64.b64decode(action.remote.reveal(), validate=True)
        return KeyRecord(action.suite, before.seed if before is not None else seed, remote)

    def keep_only(self, handles: set[int]) -> int:
        """Overwrite what no dialog of an earlier life names; return how many records that were."""
        return self._table.keep_only(handles)

    def filled(self, message: bytes) -> bytes:
        """Return a message with our keys where it names them; raises `UnknownKeysError`."""
        return PLACEHOLDER.sub(self._line, message) if b" inline:keys-" in message else message

    def _line(self, match: re.Match[bytes]) -> bytes:
        record, suite = self._table.read(int(match[3], 16)), match[2].decode()
        if record is None or suite not in SUITES:
            raise UnknownKeysError
        return match[1] + base64.b64encode(local_key(record.seed, suite))
