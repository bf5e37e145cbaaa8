"""A SIP server of a few lines that answers OPTIONS and REGISTER, and a router in front of it that rewrites SIP (ALG).

Written apart from what is tested: text in, text out, as RFC 3261 section 8.2.6.2 and RFC 3581 say.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator

_LARGEST = 65_536


class SipServer:
    """Answers 200 on UDP; keeps what it was asked."""

    def __init__(self, address: str, port: int = 5060) -> None:
        self.requests: list[str] = []
        self.status = "200 OK"
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((address, port))
        self.address, self.port = self._sock.getsockname()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def methods(self, user: str = "") -> list[str]:
        """First words of the requests, in order; `user`: of those only whose From has that user part."""
        chosen = [text for text in self.requests if not user or f"<sip:{user}@" in header(text, "From")]
        return [text.split(" ", 1)[0] for text in chosen]

    def _serve(self) -> None:
        while True:
            data, source = self._sock.recvfrom(_LARGEST)
            if not data:
                return
            text = data.decode()
            self.requests.append(text)
            self._sock.sendto(self._answer(text, source).encode(), source)

    def _answer(self, text: str, source: tuple[str, int]) -> str:
        via = header(text, "Via").replace(";rport", f";rport={source[1]};received={source[0]}")
        lines = [f"SIP/2.0 {self.status}", f"Via: {via}"]
        lines += [f"{name}: {header(text, name)}" for name in ("From", "Call-ID", "CSeq")]
        lines.append(f"To: {header(text, 'To')};tag=server")
        if text.startswith("REGISTER "):
            lines.append(f"Contact: {header(text, 'Contact')}")
        return "\r\n".join([*lines, "Content-Length: 0", "", ""])

    def close(self) -> None:
        """End."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (self.address, self.port))
        self._thread.join(10)
        self._sock.close()


def header(text: str, name: str) -> str:
    """Return a header's value, empty where there is none."""
    found = re.search(rf"(?m)^{name}: ([^\r\n]*)", text)
    return found[1] if found else ""


@contextlib.contextmanager
def sip_server(address: str, port: int = 5060) -> Iterator[SipServer]:
    """One that runs until the end of the block."""
    server = SipServer(address, port)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def gateway(address: str, server: SipServer, rewrite: Callable[[str, str], str]) -> Iterator[int]:
    """A router on `address` that sends on to `server` what `rewrite(text, its own host:port)` makes of a request.

    Answers go back as they come. Gives its port.
    """
    inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inside.bind((address, 5060))
    outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outside.bind((address, 0))
    own = "{}:{}".format(*outside.getsockname())
    client: list[tuple[str, int]] = []

    def out() -> None:
        while data := inside.recvfrom(_LARGEST):
            if not data[0]:
                return
            client[:] = [data[1]]
            outside.sendto(rewrite(data[0].decode(), own).encode(), (server.address, server.port))

    def back() -> None:
        while data := outside.recv(_LARGEST):
            inside.sendto(data, client[0])

    threads = [threading.Thread(target=out), threading.Thread(target=back)]
    for thread in threads:
        thread.start()
    try:
        yield int(inside.getsockname()[1])
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            for sock in (inside, outside):
                last.sendto(b"", sock.getsockname())
        for thread in threads:
            thread.join(10)
        inside.close()
        outside.close()


def as_an_alg(text: str, own: str) -> str:
    """Rewrite Via and Contact as application layer gateways do: our address becomes the router's."""
    text = re.sub(r"(?m)^(Via: SIP/2\.0/UDP )[^;\r\n]*", rf"\g<1>{own}", text)
    return re.sub(r"(?m)^(Contact: <sip:[^@]*@)[^>;]*", rf"\g<1>{own}", text)


def as_a_router(text: str, own: str) -> str:
    """Leave SIP alone, as a plain NAT does."""
    del own
    return text
