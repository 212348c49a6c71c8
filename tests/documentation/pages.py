"""The pages of the documentation and what stands in them: tables, blocks of code, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]

PAGES: Final = tuple(
    sorted(
        [
            ROOT / "README.md",
            ROOT / "CONTRIBUTING.md",
            ROOT / "CHANGELOG.md",
            *(ROOT / "docs").rglob("*.md"),
            ROOT / "plugins" / "template" / "README.md",
        ]
    )
)

_FENCE: Final = re.compile(r"^ *```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```", re.DOTALL | re.MULTILINE)
_CODE: Final = re.compile(r"`([^`\n]+)`")
_HEADING: Final = re.compile(r"^#+ +(.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: the page, the line of its first row, its language and its text."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    """A page as people call it."""
    return page.relative_to(ROOT).as_posix()


def text(page: str) -> str:
    """The text of a page by its path from the root."""
    return (ROOT / page).read_text("utf-8")


def blocks(*languages: str) -> list[Block]:
    """Every fenced block of all pages in one of the languages."""
    return [block for page in PAGES for block in _blocks(page) if block.language in languages]


def _blocks(page: Path) -> Iterator[Block]:
    whole = page.read_text("utf-8")
    for match in _FENCE.finditer(whole):
        line = whole.count("\n", 0, match.start("text")) + 1
        yield Block(page, line, match["language"], match["text"])


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def rows(page: str, header: str) -> list[list[str]]:
    """The body of the one table whose first column is called `header`, cell by cell."""
    lines = text(page).splitlines()
    starts = [n for n, line in enumerate(lines) if line.startswith(f"| {header} |")]
    assert len(starts) == 1, f"{page} has {len(starts)} tables that begin with a column {header!r}"
    body = []
    for line in lines[starts[0] + 2 :]:
        if not line.startswith("|"):
            break
        body.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return body


def codes(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return _CODE.findall(cell)


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be linked, as GitHub makes them."""
    found = set()
    for heading in _HEADING.findall(_FENCE.sub("", page.read_text("utf-8"))):
        kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -_")
        found.add(kept.replace(" ", "-"))
    return found
