"""The test in the place of a daemon: its control socket, at which each question gets the answer that the test says."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def answering(state: Path, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Answer at the control socket of a state folder until the end of the block; gives what was asked."""
    (state / "run").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(state / "run/control.sock"))
    listener.listen()
    asked: list[dict[str, Any]] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                asked.append(json.loads(stream.readline()))
                stream.write(json.dumps(answer(asked[-1])).encode() + b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
