"""A backend that is asked over HTTPS: keeps the questions, and answers as the test says."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.certificates import Pair


class Oracle:
    """`say` is what it answers: a document, octets, or a status."""

    def __init__(self) -> None:
        self.say: Any = {"result": "ok"}
        #: Seconds before the answer, and between its octets.
        self.think_s = 0.0
        self.drip_s = 0.0
        #: Those of the next questions, before `think_s` holds.
        self.thoughts_s: list[float] = []
        self.questions: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        #: PEM file that its certificate is verified with.
        self.root = ""

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.questions.append(json.loads(body))
        self.headers.append(dict(handler.headers))
        time.sleep(self.thoughts_s.pop(0) if self.thoughts_s else self.think_s)
        status = self.say if isinstance(self.say, int) else 200
        answer = self.say if isinstance(self.say, bytes) else json.dumps(self.say).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        for at in range(len(answer)):
            handler.wfile.write(answer[at : at + 1] if self.drip_s else answer)
            if not self.drip_s:
                break
            handler.wfile.flush()
            time.sleep(self.drip_s)


@contextmanager
def oracle(address: str, pair: Pair | None) -> Iterator[Oracle]:
    """Serve until the end of the block; without a certificate in the clear."""
    told = Oracle()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            try:
                told.handle(self)
            except OSError:
                self.close_connection = True  # whoever asked has gone

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: object) -> None:
            pass

    server = Server((address, 0), Handler)
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    told.url = f"{'https' if pair else 'http'}://{address}:{server.server_address[1]}/ask?site=7"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
