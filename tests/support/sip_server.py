"""A SIP server of a few lines that answers OPTIONS and REGISTER, and a router in front of it that rewrites SIP (ALG).

Written apart from what is tested: text in, text out, as RFC 3261 section 8.2.6.2 and RFC 3581 say.
"""

import contextlib
import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

_LARGEST = 65_536


class SipServer:
    """Answers 200 on UDP; keeps what it was asked. `account`: user and password that REGISTER has to prove."""

    def __init__(self, address: str, port: int = 5060, account: tuple[str, str] | None = None) -> None:
        self.requests: list[str] = []
        self.status = "200 OK"
        self._account = account
        self._sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((address, port))
        self.address, self.port = self._sock.getsockname()[:2]
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
        if text.startswith("REGISTER ") and self._account is not None and not _proves(text, *self._account):
            challenge = f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}"'
            return answer(text, source, "401 Unauthorized", challenge)
        return answer(text, source, self.status)

    def close(self) -> None:
        """End."""
        with socket.socket(self._sock.family, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (self.address, self.port))
        self._thread.join(10)
        self._sock.close()


REALM, NONCE = "provider", "n0nce"


def _proves(text: str, user: str, password: str) -> bool:
    """Tell whether a request answers the challenge as RFC 2069 says."""
    given = dict(re.findall(r'(\w+)="([^"]*)"', header(text, "Authorization")))

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

    secret, asked = md5(user, REALM, password), md5(text.split(" ", 1)[0], given.get("uri", ""))
    return given.get("username") == user and given.get("response") == md5(secret, NONCE, asked)


def answer(text: str, source: tuple[str, int], status: str, *more: str) -> str:
    """Write a response to a request."""
    via = header(text, "Via").replace(";rport", f";rport={source[1]};received={source[0]}")
    lines = [f"SIP/2.0 {status}", f"Via: {via}", *more]
    lines += [f"{name}: {header(text, name)}" for name in ("From", "Call-ID", "CSeq")]
    lines.append(f"To: {header(text, 'To')};tag=server")
    if text.startswith("REGISTER ") and header(text, "Contact"):
        lines.append(f"Contact: {header(text, 'Contact')}")
    return "\r\n".join([*lines, "Content-Length: 0", "", ""])


@contextlib.contextmanager
def stream_server(address: str, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Answer 200 on TCP, or on TLS with `context`; gives the port."""
    listener = socket.create_server((address, 0))
    threads = [threading.Thread(target=_accept, args=(listener, context), daemon=True)]
    threads[0].start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        threads[0].join(10)
        listener.close()


def _accept(listener: socket.socket, context: ssl.SSLContext | None) -> None:
    while True:
        try:
            plain, source = listener.accept()
        except OSError:
            return
        threading.Thread(target=_talk, args=(plain, source, context), daemon=True).start()


def _talk(plain: socket.socket, source: tuple[str, int], context: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError), plain:
        sock = plain if context is None else context.wrap_socket(plain, server_side=True)
        with sock:
            received = ""
            while data := sock.recv(_LARGEST):
                if not data.isascii():  # such as a handshake of TLS
                    sock.sendall(b"SIP/2.0 400 Bad Request\r\n\r\n")
                    return
                received += data.decode()
                while "\r\n\r\n" in received:
                    text, _, received = received.partition("\r\n\r\n")
                    if text.strip():
                        sock.sendall(answer(text + "\r\n", source[:2], "200 OK").encode())


def header(text: str, name: str) -> str:
    """Return a header's value, empty where there is none."""
    found = re.search(rf"(?m)^{name}: ([^\r\n]*)", text)
    return found[1] if found else ""


@contextlib.contextmanager
def sip_server(address: str, port: int = 5060, account: tuple[str, str] | None = None) -> Iterator[SipServer]:
    """One that runs until the end of the block."""
    server = SipServer(address, port, account)
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
