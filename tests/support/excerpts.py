"""What pages of docs/ show of commands, to be held against the commands."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def excerpt(page: str, begins: str) -> list[str]:
    """Give the lines of the code block of a page whose first line begins so, without that line when it is a command.

    Runs of blanks are one of two: how wide columns are follows from names of the machine.
    """
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
    (block,) = [one for one in blocks if one.startswith(begins)]
    return evened(block.partition("\n")[2] if begins.startswith("$ ") else block)


def evened(text: str) -> list[str]:
    """Give the lines that have something, with columns two blanks apart."""
    return [re.sub(r" {2,}", "  ", line.strip()) for line in text.splitlines() if line.strip()]
