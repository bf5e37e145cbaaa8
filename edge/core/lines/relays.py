"""What is written to a relay board: octets of a template, for one channel."""

import re
from typing import Final

#: What may stand in a template: an octet, the channel's number as an octet or as an ASCII digit, and the checksum.
WORD: Final = re.compile(r"[0-9A-Fa-f]{2}|\{channel\}|\{digit\}|\{sum\}", re.ASCII)


def octets(template: str, channel: int) -> bytes:
    """Give what switches `channel` by a template such as `A0 {channel} 01 {sum}`.

    `{sum}` is the sum of all octets before it, modulo 256. ValueError where a word is none of `WORD`, or the channel
    does not fit.
    """
    made = bytearray()
    for word in template.split():
        if not WORD.fullmatch(word):
            raise ValueError(f"'{word}' is neither an octet nor {{channel}}, {{digit}} or {{sum}}")
        match word:
            case "{channel}":
                made += bytes((channel,))
            case "{digit}":
                made += b"%d" % channel
            case "{sum}":
                made.append(sum(made) % 256)
            case _:
                made += bytes.fromhex(word)
    return bytes(made)
