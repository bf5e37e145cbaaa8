"""A question to a backend over HTTPS: one POST of JSON, within a deadline.

Digits that nobody else may see are written into one buffer, which is overwritten when it has been sent.
"""

import contextlib
import http.client
import json
import queue
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from edge.config.site import Endpoint
from edge.core.calls.actions import Question
from edge.switch.answers import MAX_ANSWER, TLS_ONLY, AskError, left, read_answer
from edge.vocabulary.asks import AskAnswer


class HttpBackend:
    """An endpoint with `https://`, or `http://` on this machine."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        #: Made with the first question: the file with the authorities may not be there.
        self._context: ssl.SSLContext | None = None

    def ask(self, question: Question, deadline: float, hedged: Callable[[], None]) -> AskAnswer:
        """See `Backend`."""
        try:
            return self._ask(question, deadline, hedged)
        except (AskError, TimeoutError):
            raise
        except ssl.SSLCertVerificationError as error:
            raise AskError(f"certificate: {error.verify_message}") from None
        except (OSError, http.client.HTTPException, ValueError, msgspec.MsgspecError) as error:
            raise AskError(type(error).__name__) from None

    def _ask(self, question: Question, deadline: float, hedged: Callable[[], None]) -> AskAnswer:
        hedge_s = self._endpoint.hedge_ms / 1000
        if not hedge_s or question.secrets:  # these leave once
            return self._post(question, deadline)
        came: queue.SimpleQueue[AskAnswer | Exception] = queue.SimpleQueue()
        self._beside(question, deadline, came)
        try:
            first = came.get(timeout=min(hedge_s, left(deadline)))
        except queue.Empty:
            hedged()
            self._beside(question, deadline, came)
            first = _next(came, deadline)
            if isinstance(first, Exception):  # the other one may still come
                first = _next(came, deadline)
        if isinstance(first, Exception):
            raise first
        return first

    def close(self) -> None:
        """See `Backend`; nothing is kept."""

    def _beside(self, question: Question, deadline: float, came: "queue.SimpleQueue[AskAnswer | Exception]") -> None:
        def post() -> None:
            try:
                came.put(self._post(question, deadline))
            except Exception as error:
                came.put(error)

        threading.Thread(target=post, name="asker-hedge", daemon=True).start()

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            context = ssl.create_default_context(cafile=self._endpoint.ca_file or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._context = context
        return self._context

    def _post(self, question: Question, deadline: float) -> AskAnswer:
        endpoint = self._endpoint
        url = urlsplit(endpoint.url)
        host, tls = url.hostname or "", url.scheme == "https"
        if question.secrets and not tls:
            raise AskError(TLS_ONLY)
        sock = socket.create_connection((host, url.port or (443 if tls else 80)), timeout=left(deadline))
        # Whoever sends an answer octet by octet must not hold the thread.
        other = sock.dup()  # TLS takes the descriptor over from the object
        guard = threading.Timer(left(deadline), _cut, [other])
        guard.daemon = True
        guard.start()
        try:
            if tls:
                sock = self._tls().wrap_socket(sock, server_hostname=host)
            sock.settimeout(left(deadline))
            request = _request(endpoint, question)
            try:
                sock.sendall(request)
            finally:
                request[:] = bytes(len(request))
            return _read(sock, deadline)
        finally:
            guard.cancel()
            other.close()
            sock.close()


def _next(came: "queue.SimpleQueue[AskAnswer | Exception]", deadline: float) -> AskAnswer | Exception:
    try:
        return came.get(timeout=left(deadline))
    except queue.Empty:
        raise TimeoutError from None


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is over already
        sock.shutdown(socket.SHUT_RDWR)


def _request(endpoint: Endpoint, question: Question) -> bytearray:
    """Write head and body into one buffer, secrets last and nowhere else."""
    url = urlsplit(endpoint.url)
    plain = {**question.facts, "values": {name: value.reveal() for name, value in question.values.items()}}
    front = json.dumps(plain, ensure_ascii=True).encode()[:-2]  # without the two braces at its end
    secrets = [(name, value.reveal()) for name, value in question.secrets.items()]
    comma = 1 if question.values else 0
    size = len(front) + 2 + sum(len(name) + len(text) + 5 for name, text in secrets)
    size += max(0, len(secrets) - 1) + (comma if secrets else 0)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {url.netloc.rpartition('@')[2]}",
        "Content-Type: application/json",
        f"Content-Length: {size}",
        "Accept: application/json",
        "Connection: close",
        *([f"Authorization: Bearer {_token(endpoint)}"] if endpoint.token_file else []),
        "",
        "",
    ]
    head = "\r\n".join(lines).encode()
    # Of its whole size from the beginning: a buffer that grows leaves copies behind.
    out = bytearray(len(head) + size)
    at = 0
    for part in _parts(head + front, secrets, comma):
        if isinstance(part, bytes):
            out[at : at + len(part)] = part
            at += len(part)
        else:
            out[at] = part
            at += 1
    return out


def _token(endpoint: Endpoint) -> str:
    token = Path(endpoint.token_file).read_text().strip()
    if not token.isascii() or not token.isprintable():
        raise AskError("the token's file holds no token")
    return token


def _parts(front: bytes, secrets: list[tuple[str, str]], comma: int) -> "list[bytes | int]":
    parts: list[bytes | int] = [front]
    for number, (name, text) in enumerate(secrets):
        parts.append((b"," if number or comma else b"") + b'"' + name.encode() + b'":"')
        parts += [ord(digit) for digit in text]
        parts.append(b'"')
    return [*parts, b"}}"]


def _read(sock: socket.socket, deadline: float) -> AskAnswer:
    response = http.client.HTTPResponse(sock, method="POST")
    response.begin()
    body = bytearray()
    while len(body) <= MAX_ANSWER:
        sock.settimeout(left(deadline))
        part = response.read1(MAX_ANSWER)
        if not part:
            break
        body += part
    if response.status != 200:
        raise AskError(f"status {response.status}")
    if len(body) > MAX_ANSWER:
        raise AskError("the answer is too long")
    return read_answer(bytes(body))
