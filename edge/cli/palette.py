"""Colours and letters that all pictures share."""

from typing import Any

BACKGROUND, INK, FAINT = (16, 17, 24), (228, 230, 238), (96, 99, 112)


def font(size: int) -> Any:
    """Give the letters that pictures are labelled with."""
    from PIL import ImageFont

    return ImageFont.load_default(size)
