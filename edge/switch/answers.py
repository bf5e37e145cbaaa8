"""What backends say, whatever carries it."""

import re
import time
from collections.abc import Mapping

import msgspec

from edge.vocabulary.asks import AskAnswer

#: Octets of an answer.
MAX_ANSWER = 16 * 1024
_RESULT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
MAX_ATTRIBUTES, MAX_VALUE = 32, 256
TLS_ONLY = "sensitive digits leave over TLS only"

_decode = msgspec.json.Decoder(AskAnswer).decode


class AskError(Exception):
    """No answer; the text says why, and holds nothing of question or URL."""


def read_answer(body: bytes) -> AskAnswer:
    """Read an answer. Raises AskError, msgspec.MsgspecError, UnicodeDecodeError."""
    if len(body) > MAX_ANSWER:
        raise AskError("the answer is too long")
    answer = _decode(body)
    if not _RESULT.fullmatch(answer.result):
        raise AskError("the answer's result is not a name")
    return answer


def left(deadline: float) -> float:
    """Return the seconds that are left. Raises TimeoutError when there are none."""
    rest = deadline - time.monotonic()
    if rest <= 0:
        raise TimeoutError
    return rest


def plain(attributes: Mapping[str, str | int | float | bool]) -> dict[str, str]:
    """Return the attributes that a call may have, as texts."""
    found = {}
    for name, value in list(attributes.items())[:MAX_ATTRIBUTES]:
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        if _RESULT.fullmatch(name) and len(text) <= MAX_VALUE and text.isprintable():
            found[name] = text
    return found
