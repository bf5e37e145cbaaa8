"""Coverage-guided fuzzing of the grammar: `python -m tests.core.sip.fuzz_parser [libFuzzer options] [FOLDERS]`.

Nothing may raise on any octets, and what parses must mean the same when it is written and read again.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["edge.core.sip"]):
    from edge.core.sip.message import Malformed, Request, Response, answer_malformed, serialise
    from edge.core.sip.parser import parse
    from edge.core.sip.sdp import read_session
    from edge.core.sip.stream import StreamReader

TORTURE = Path(__file__).parent / "torture"


def one(data: bytes) -> None:
    """Feed one input to all that reads what peers send."""
    head, _, body = data.partition(b"\r\n\r\n")
    for candidate in (data, data.replace(b"\n", b"\r\n")):
        message = parse(candidate)
        if isinstance(message, Request | Response):
            again = parse(serialise(message))
            if again != message:
                raise AssertionError("written and read again it is another message")
        elif isinstance(message, Malformed):
            answer_malformed(message, "tag")
        parse(candidate, stream=True)
    StreamReader().feed(data)
    for policy in ("off", "optional"):
        read_session(body or head, policy)  # type: ignore[arg-type]


def main() -> None:
    """Run; the messages of RFC 4475 are where it starts."""
    folders = [word for word in sys.argv[1:] if not word.startswith("-")]
    atheris.Setup([*sys.argv, *([] if folders else [str(TORTURE)])], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
