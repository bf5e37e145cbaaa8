"""Asking backends for a menu: an HTTPS request beside the loop, with a deadline, and what is said becomes an input.

Each question is a POST of JSON and is asked once. The answer is JSON, too: `result`, a word that the menu's node may
have a way for, and `attributes`. Whatever goes wrong (no connection, a certificate that is not the endpoint's, another
status than 200, an answer that is none) is the outcome `failed`; nothing of it raises.

Digits that nobody else may see are written into one buffer, which is overwritten when it has been sent.
"""

import contextlib
import http.client
import json
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge.config.site import Endpoint
from edge.core.calls.actions import Question
from edge.core.calls.inputs import Asked
from edge.runtime.memory import overwrite
from edge.vocabulary.ids import CallId

#: Questions that are asked at the same time, and that wait for their turn; what is more fails at once.
MOST, MOST_WAITING = 16, 256
#: Octets of an answer.
MAX_ANSWER = 16 * 1024
_RESULT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
MAX_ATTRIBUTES, MAX_VALUE = 32, 256

Result = Callable[[CallId, Asked], None]


class _Answer(Struct, frozen=True):
    result: str = "ok"
    attributes: dict[str, str | int | float | bool] = {}


_decode = msgspec.json.Decoder(_Answer).decode


class AskError(Exception):
    """No answer; the text says why, and holds nothing of question or URL."""


class Asker:
    """The threads. `result` is called on one of them."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._endpoints: dict[str, Endpoint] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._waiting: queue.Queue[tuple[Question, float]] = queue.Queue(MOST_WAITING)
        self._threads = 0
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()

    def take(self, endpoints: list[Endpoint]) -> None:
        """Know the endpoints of a configuration; questions under way go on."""
        with self._lock:
            self._endpoints = {endpoint.name: endpoint for endpoint in endpoints}
            self._contexts = {}

    def ask(self, question: Question) -> None:
        """Ask beside the loop."""
        try:
            self._waiting.put_nowait((question, time.monotonic()))
        except queue.Full:
            busy = Asked(number=question.number, outcome="failed", error="too many questions at once")
            self._result(question.call, busy)
            return
        if not self._idle.acquire(blocking=False) and self._threads < MOST:
            self._threads += 1
            threading.Thread(target=self._run, name=f"asker-{self._threads}", daemon=True).start()

    def _run(self) -> None:
        while True:
            question, began = self._waiting.get()
            self._one(question, began)
            # The thread takes no reference to a question into its wait for the next one.
            del question
            self._idle.release()

    def _one(self, question: Question, began: float) -> None:
        deadline = began + question.timeout_ms / 1000
        asked = Asked(number=question.number, outcome="failed")
        try:
            answer = self._post(self._endpoint(question), question, deadline)
            asked = replace(asked, outcome="ok", answer=answer.result, attributes=_plain(answer.attributes))
        except TimeoutError:
            asked = replace(asked, outcome="timeout", error="no answer in time")
        except ssl.SSLCertVerificationError as error:
            asked = replace(asked, error=f"certificate: {error.verify_message}"[:200])
        except (AskError, OSError, http.client.HTTPException, ValueError, msgspec.MsgspecError) as error:
            reason = str(error) if isinstance(error, AskError) else type(error).__name__
            outcome: Literal["timeout", "failed"] = "timeout" if time.monotonic() >= deadline else "failed"
            asked = replace(asked, outcome=outcome, error=reason[:200])
        finally:
            for value in question.secrets.values():
                overwrite(value.reveal())
        self._result(question.call, replace(asked, after_ms=round((time.monotonic() - began) * 1000)))

    def _endpoint(self, question: Question) -> Endpoint:
        with self._lock:
            endpoint = self._endpoints.get(question.endpoint)
        if endpoint is None:
            raise AskError("there is no such endpoint any more")
        return endpoint

    def _context(self, endpoint: Endpoint) -> ssl.SSLContext:
        with self._lock:
            known = self._contexts.get(endpoint.name)
            if known is None:
                known = ssl.create_default_context(cafile=endpoint.ca_file or None)
                known.minimum_version = ssl.TLSVersion.TLSv1_2
                self._contexts[endpoint.name] = known
            return known

    def _post(self, endpoint: Endpoint, question: Question, deadline: float) -> _Answer:
        url = urlsplit(endpoint.url)
        host, tls = url.hostname or "", url.scheme == "https"
        if question.secrets and not tls:
            raise AskError("sensitive digits leave over TLS only")
        sock = socket.create_connection((host, url.port or (443 if tls else 80)), timeout=_left(deadline))
        # Whoever sends an answer octet by octet must not hold the thread.
        other = sock.dup()  # TLS takes the descriptor over from the object
        guard = threading.Timer(_left(deadline), _cut, [other])
        guard.daemon = True
        guard.start()
        try:
            if tls:
                sock = self._context(endpoint).wrap_socket(sock, server_hostname=host)
            sock.settimeout(_left(deadline))
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


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


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


def _read(sock: socket.socket, deadline: float) -> _Answer:
    response = http.client.HTTPResponse(sock, method="POST")
    response.begin()
    body = bytearray()
    while len(body) <= MAX_ANSWER:
        sock.settimeout(_left(deadline))
        part = response.read1(MAX_ANSWER)
        if not part:
            break
        body += part
    if response.status != 200:
        raise AskError(f"status {response.status}")
    if len(body) > MAX_ANSWER:
        raise AskError("the answer is too long")
    answer = _decode(bytes(body))
    if not _RESULT.fullmatch(answer.result):
        raise AskError("the answer's result is not a name")
    return answer


def _plain(attributes: Mapping[str, str | int | float | bool]) -> dict[str, str]:
    found = {}
    for name, value in list(attributes.items())[:MAX_ATTRIBUTES]:
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        if _RESULT.fullmatch(name) and len(text) <= MAX_VALUE and text.isprintable():
            found[name] = text
    return found
