"""TLS between a socket and the SIP that goes over it, without a socket of its own: octets in, octets out (RFC 8446)."""

import contextlib
import ssl
from typing import Literal

READ_SIZE = 65_536

Result = Literal["ok", "certificate", "refused", "failed", "late"]


class TlsBrokenError(Exception):
    """The connection can't go on; `result` says why, in the words of the metric, and the text for the log."""

    def __init__(self, result: Result, text: str) -> None:
        super().__init__(text)
        self.result: Result = result


class TlsLayer:
    """One connection's TLS. `server_name` (client): what its certificate must be for; empty: not asked for."""

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, server_name: str = "") -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_name or None
        )
        self.server_side = server_side
        self.verified = context.verify_mode == ssl.CERT_REQUIRED
        #: The handshake is over.
        self.open = False
        #: The peer has said that nothing more comes.
        self.ended = False
        self._waiting = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Take octets of the socket; returns what they say. Raises `TlsBrokenError`; `take` may have an alert then."""
        self._incoming.write(data)
        try:
            if not self.open:
                self._tls.do_handshake()
                self.open = True
                self._send_waiting()
            return self._read()
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLCertVerificationError as error:
            raise TlsBrokenError("certificate", error.verify_message or "certificate verify failed") from None
        except ssl.SSLError as error:
            reason = str(error.reason or "protocol")
            raise TlsBrokenError(
                "refused" if "ALERT" in reason else "failed", reason.lower().replace("_", " ")
            ) from None

    def start(self) -> None:
        """Begin the handshake as the client: `take` has its first message."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return

    def _read(self) -> bytes:
        found = bytearray()
        try:
            while data := self._tls.read(READ_SIZE):
                found += data
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return bytes(found)

    def send(self, data: bytes) -> None:
        """Encrypt `data` for `take`; before the end of the handshake it waits."""
        self._waiting += data
        if self.open:
            self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting:
            # A MemoryBIO takes everything, so nothing is ever left over.
            del self._waiting[: self._tls.write(self._waiting)]

    @property
    def waiting(self) -> int:
        """Octets that wait for the end of the handshake."""
        return len(self._waiting)

    def take(self) -> bytes:
        """Return what is to go out on the socket."""
        return self._outgoing.read()

    def close(self) -> bytes:
        """Return the alert that says that we send nothing more (section 6.1), where there can be one."""
        if self.open:
            with contextlib.suppress(OSError, ValueError):
                self._tls.unwrap()
        return self._outgoing.read()

    def peer_certificate(self) -> bytes | None:
        """Return what the peer showed, in DER form."""
        return self._tls.getpeercert(binary_form=True)
