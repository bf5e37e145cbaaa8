"""Links of the pages lead somewhere, and each page is linked to."""

import os
import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

FENCED = re.compile(r"```.*?```", re.DOTALL)


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub and GitLab make them."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ +(.*)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {f"{slug}-{n}" if n else slug for slug, most in found.items() for n in range(most + 1)}


def links(page: Path) -> list[tuple[Path, str]]:
    """Own files that a page links to, with the anchor."""
    found = []
    for link in re.findall(r"]\(([^)\s]+)\)", prose(page)):
        if re.match("[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        found.append((Path(os.path.normpath(page.parent / path)) if path else page, anchor))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    dead = [
        (str(target.relative_to(ROOT)), anchor)
        for target, anchor in links(page)
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target))
    ]
    assert dead == []


def test_each_page_is_linked_to() -> None:
    linked = {target for page in PAGES for target, _ in links(page) if target != page}
    assert [str(page.relative_to(ROOT)) for page in PAGES if page not in linked] == ["README.md"]
