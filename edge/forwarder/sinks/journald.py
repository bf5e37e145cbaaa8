"""systemd's journal, by its native protocol: a datagram of fields, or a sealed memory file where that is too long."""

import asyncio
import errno
import fcntl
import os
import socket
from collections.abc import Sequence

from edge.config.sink_settings import JournaldSettings
from edge.core.delivery.template import NO_CALL
from edge.forwarder.sinks.base import ACCEPTED, Answer, Outgoing, Sink, SinkContext, words

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
#: What EAGAIN of a full socket is waited for, seconds.
_LOOK_S = 0.01


def entry(event: Outgoing) -> bytes:
    """Write an event as the fields of an entry."""
    fields = {
        "MESSAGE": f"{event.type} {event.call or NO_CALL}",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "edge",
        "EDGE_ID": event.id,
        "EDGE_TYPE": event.type,
        "EDGE_CALL": event.call or "",
        "EDGE_TIME": event.time,
    }
    head = "".join(f"{name}={value}\n" for name, value in fields.items())
    # A value with a line break has its length before it; those of JSON are as good as spaces.
    return head.encode() + b"EDGE_EVENT=" + event.body.replace(b"\n", b" ") + b"\n"


class JournaldSink(Sink):
    """One datagram socket. What the journal's socket has taken counts as taken: there is no acknowledgement."""

    settings = JournaldSettings
    max_batch = 64
    parallel = 1

    def __init__(self, settings: JournaldSettings, context: SinkContext) -> None:
        self._path = settings.socket
        self._context = context
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    async def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Send all, in order, up to the first that is not taken."""
        answers: list[Answer] = []
        for event in events:
            if not answers or answers[-1] is ACCEPTED:
                answers.append(await self._send(entry(event)))
            else:
                answers.append(answers[-1])
        self._context.condition("" if answers[-1] is ACCEPTED else f"{self._path}: {answers[-1].error}")
        return answers

    async def _send(self, data: bytes) -> Answer:
        while True:
            try:
                self._try(data)
            except BlockingIOError:
                await asyncio.sleep(_LOOK_S)  # the journal is behind; the sink's timeout ends it
            except OSError as error:
                return Answer("unreachable", words(error))
            else:
                return ACCEPTED

    def _try(self, data: bytes) -> None:
        try:
            self._socket.sendto(data, self._path)
        except OSError as error:
            if error.errno not in {errno.EMSGSIZE, errno.ENOBUFS}:
                raise
            self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        fd = os.memfd_create("edge-event", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, fd.to_bytes(4, "little"))
            self._socket.sendmsg([], [rights], 0, self._path)
