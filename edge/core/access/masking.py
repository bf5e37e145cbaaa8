"""What is left of a number for who may not see it."""

from typing import Final

#: Stands for what is hidden.
HIDDEN: Final = "***"
#: Fewer digits are no number that three of them could stand for, but a key, a PIN, an extension: all of it is hidden.
LEAST_DIGITS: Final = 7
SHOWN: Final = 3


def masked(text: str) -> str:
    """Hide a number, a URI or a name: of a number the last three digits are left, of anything else nothing."""
    if not text:
        return ""
    user = text.partition("@")[0]
    digits = "".join(char for char in user if char in "0123456789")
    return HIDDEN + (digits[-SHOWN:] if len(digits) >= LEAST_DIGITS else "")
