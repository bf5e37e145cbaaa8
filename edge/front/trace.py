"""Which messages belong to which leg, for the ring of SIP messages (`edge.runtime.sip_trace`)."""

import re
from collections.abc import Iterable

from edge.core.sip.actions import Flow
from edge.core.sip.message import Parsed, Request, Response
from edge.core.sip.presence import is_six
from edge.front.hep import HepExport
from edge.runtime.sip_trace import Traced, TraceWriter, blotted
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address

#: As `serialise` writes it.
_CALL_ID = re.compile(rb"\r\nCall-ID: ([^\r]*)\r\n")


class Trace:
    """Messages of peers on legs that front knows go to the ring; those and what belongs to no leg to `export`."""

    def __init__(self, fd: int, own: Iterable[Address], export: HepExport) -> None:
        """Write to the ring `fd`; `own`: our addresses, the first one of each family counts."""
        self._export = export
        self._own = {is_six(one.host): one for one in reversed(list(own))}
        self._writer = TraceWriter(fd)
        self._leg_of: dict[str, LegId] = {}
        self._call_id_of: dict[LegId, str] = {}

    def name(self, leg: LegId, call_id: str) -> None:
        """Take note of whose messages those of a Call-ID are."""
        if leg not in self._call_id_of:
            self._call_id_of[leg] = call_id
            self._leg_of[call_id] = leg

    def forget(self, leg: LegId) -> None:
        """Let go of a leg whose tombstone is gone."""
        call_id = self._call_id_of.pop(leg, "")
        if self._leg_of.get(call_id) == leg:
            del self._leg_of[call_id]

    def received(self, at_ns: int, data: bytes, message: Parsed, flow: Flow) -> None:
        """Keep a message that has been handled: by then an INVITE has its leg."""
        if isinstance(message, Request | Response):
            self._write(self._leg_of.get(message.call_id), at_ns, True, flow, data)

    def sent(self, at_ns: int, data: bytes, flow: Flow) -> None:
        """Keep a message that has gone to a peer, as it was before keys were put in."""
        call_id = _CALL_ID.search(data) if self._leg_of else None
        leg = self._leg_of.get(call_id[1].decode()) if call_id is not None else None
        self._write(leg, at_ns, False, flow, data)

    def _write(self, leg: LegId | None, at_ns: int, incoming: bool, flow: Flow, data: bytes) -> None:
        if leg is None and not self._export.on:
            return
        own = self._own.get(is_six(flow.address.host), flow.address)
        message = Traced(leg or LegId(""), at_ns, incoming, flow.transport, flow.address, own, blotted(data))
        if leg is not None:
            self._writer.write(message)
        self._export.send(message)
