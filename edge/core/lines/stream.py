"""From the bytes of a modem's control port to lines, prompts, codes and sound.

Lines end in CR, LF or both, in any mixture (V.250, 5.7.1); what cannot be printed is left out of them. With `shielded`,
<DLE> begins a code (V.253), and after CONNECT there is sound until <DLE><ETX>.
"""

from typing import Final, NamedTuple

#: A short message of 160 characters in UCS2 has 640; what is longer is no line of ours.
MAX_LINE: Final = 1024
DLE, ETX, SUB = 0x10, 0x03, 0x1A


class Line(NamedTuple):
    """A line, without its ends and the blanks around it; never empty."""

    text: str

    def __repr__(self) -> str:
        return f"Line(<{len(self.text)} characters>)"


class Prompt(NamedTuple):
    """The modem waits for the text of a message (`> `, TS 27.005, 3.5.1)."""


class Code(NamedTuple):
    """A code shielded by <DLE>, as a character."""

    code: str


class Sound(NamedTuple):
    """Sound, without its shielding."""

    data: bytes


class SoundOver(NamedTuple):
    """Sound has ended (<DLE><ETX>)."""


class Overlong(NamedTuple):
    """A line was longer than `MAX_LINE`; it is left out."""


Token = Line | Prompt | Code | Sound | SoundOver | Overlong


class Stream:
    """Takes bytes in pieces of any size; the tokens do not depend on where the pieces end, but for those of sound."""

    def __init__(self, *, shielded: bool = False) -> None:
        self._shielded = shielded
        self._line = bytearray()
        self._overlong = False
        self._after_dle = False
        self.sound = False
        #: The line feed of CONNECT is still to come.
        self._line_feed = False

    def feed(self, data: bytes) -> list[Token]:
        """Give what is complete now."""
        tokens: list[Token] = []
        heard = bytearray()
        for octet in data:
            if self._line_feed:
                self._line_feed = False
                if octet == 0x0A:
                    continue
            if self._shielded and (self._after_dle or octet == DLE):
                self._shield(octet, heard, tokens)
            elif self.sound:
                heard.append(octet)
            else:
                self._text(octet, tokens)
        _flush(heard, tokens)
        return tokens

    def _shield(self, octet: int, heard: bytearray, tokens: list[Token]) -> None:
        if not self._after_dle:
            self._after_dle = True
            return
        self._after_dle = False
        if octet == DLE and self.sound:
            heard.append(DLE)
        elif octet == SUB and self.sound:
            heard += bytes((DLE, DLE))
        elif octet == ETX:
            _flush(heard, tokens)
            if self.sound:
                self.sound = False
                tokens.append(SoundOver())
        elif 0x20 < octet < 0x7F:
            _flush(heard, tokens)
            tokens.append(Code(chr(octet)))

    def _text(self, octet: int, tokens: list[Token]) -> None:
        if octet in (0x0D, 0x0A):
            self._end_line(octet, tokens)
        elif self._overlong or not 0x20 <= octet < 0x7F:
            pass
        elif len(self._line) == MAX_LINE:
            self._overlong = True
        else:
            self._line.append(octet)
            if self._line == b"> ":
                self._line.clear()
                tokens.append(Prompt())

    def _end_line(self, octet: int, tokens: list[Token]) -> None:
        text = self._line.decode("ascii").strip()
        self._line.clear()
        if self._overlong:
            self._overlong = False
            tokens.append(Overlong())
        elif text:
            tokens.append(Line(text))
            if self._shielded and text.startswith("CONNECT"):
                self.sound, self._line_feed = True, octet == 0x0D


def shield(sound: bytes) -> bytes:
    """Make sound fit for the control stream: each <DLE> twice."""
    return sound.replace(b"\x10", b"\x10\x10")


def _flush(heard: bytearray, tokens: list[Token]) -> None:
    if heard:
        tokens.append(Sound(bytes(heard)))
        heard.clear()
