"""A backend in a process of its own, so that it can be killed and frozen: `python -m tests.support.outside HOST PORT`.

It is asked by menus, and takes events. With a third argument it answers, and what it answers is no answer.
"""

import json
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[2]
GARBAGE = b"\x00\xff<html>{]" * 1000


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    garbage = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = GARBAGE if self.garbage else json.dumps({"result": "gold"}).encode()
        # Of events garbage takes none: else they would not be told again.
        self.send_response(500 if self.garbage and self.path == "/events" else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_arguments: object) -> None:
        return


class Outside:
    """That process, over its lives."""

    def __init__(self, host: str, port: int) -> None:
        self.url = f"http://{host}:{port}"
        self._command = [sys.executable, "-m", "tests.support.outside", host, str(port)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, garbage: bool = False) -> None:
        """Begin a life, and wait until it listens."""
        self.kill()
        command = [*self._command, *(["garbage"] if garbage else [])]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"listens\n"

    def freeze(self) -> None:
        """Stop it: connections to it are made (by the kernel), and nothing comes of them."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """End it: connections to it are refused."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def main() -> None:
    host, port, *garbage = sys.argv[1:]
    _Handler.garbage = bool(garbage)
    server = ThreadingHTTPServer((host, int(port)), _Handler)
    server.daemon_threads = True
    print("listens", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
