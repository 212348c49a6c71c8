"""Foreign text is never read as markup: what would read it so is not called, or told not to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

SOURCES: Final = Path(__file__).parents[2] / "src" / "provider_console" / "tui"

READERS: Final = frozenset({"notify", "Static", "Label", "Button", "Option", "Collapsible"})
"""What reads a plain string as markup unless `markup=False` says that it is none."""

ALWAYS: Final = frozenset(
    {"from_markup", "render_markup", "DataTable", "Markdown", "MarkdownViewer", "RichLog", "Toast"}
)
"""What reads markup in any case, or makes it of its cells."""

TITLES: Final = frozenset({"border_title", "border_subtitle", "tooltip"})


def breaches(source: str) -> Iterator[str]:
    """Each place of a source where a text would be read as markup."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            if name in ALWAYS or (name in READERS and not _harmless(node)):
                yield f"{node.lineno}: {name}"
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute) and target.attr in TITLES:
                    yield f"{node.lineno}: {target.attr}"


def _harmless(call: ast.Call) -> bool:
    said = {keyword.arg: keyword.value for keyword in call.keywords}
    told = said.get("markup")
    empty = bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == ""
    return empty or (isinstance(told, ast.Constant) and told.value is False)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("self.notify(name)", ["1: notify"]),
        ("self.notify(name, markup=True)", ["1: notify"]),
        ("self.notify(name, markup=False)", []),
        ("yield Static(provider.name, id='x')", ["1: Static"]),
        ("yield Static('', id='x')", []),
        ("Text.from_markup(f'[b]{name}')", ["1: from_markup"]),
        ("self.border_title = name", ["1: border_title"]),
        ("table = DataTable()", ["1: DataTable"]),
    ],
)
def test_a_text_that_would_be_read_as_markup_is_caught(source: str, found: list[str]) -> None:
    assert list(breaches(source)) == found


def test_the_terminal_reads_no_text_as_markup() -> None:
    files = sorted(SOURCES.rglob("*.py"))

    assert len(files) > 50
    assert {
        str(file.relative_to(SOURCES)): found for file in files if (found := list(breaches(file.read_text("utf-8"))))
    } == {}
