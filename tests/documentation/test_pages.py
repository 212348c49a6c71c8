"""The pages themselves: links lead somewhere, code compiles, and nothing speaks of one machine."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tests.documentation.pages import PAGES, ROOT, Block, anchors, blocks, name, prose, text

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MACHINE = re.compile(r"(?<![\w.~])/(?:work|home|root|tmp|Users|private|opt|mnt)/|\blocalhost:\d|[A-Z]:\\")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_to_a_page_and_a_heading(page: Path):
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            assert target.startswith("https://"), target
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{name(page)} links to {target}"
        assert found.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(found), f"{name(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_names_a_folder_of_one_machine(page: Path):
    assert MACHINE.findall(page.read_text("utf-8")) == []


@pytest.mark.parametrize("block", [b for b in blocks("python") if ">>> " not in b.text], ids=str)
def test_every_python_block_compiles(block: Block):
    ast.parse(block.text, str(block))


@pytest.mark.parametrize("block", [b for b in blocks("python") if ">>> " not in b.text], ids=str)
def test_every_name_that_a_python_block_imports_from_here_exists(block: Block):
    from importlib import import_module

    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("provider_console"):
            module = import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name), f"{block}: {node.module} has no {alias.name}"


def test_every_page_is_linked_from_the_readme_or_from_the_list_of_decisions():
    linked = {
        *LINK.findall(text("README.md")),
        *(f"docs/decisions/{t}" for t in LINK.findall(text("docs/decisions/README.md"))),
    }
    pages = {name(page) for page in PAGES} - {"README.md", "plugins/template/README.md"}
    assert pages <= linked


def test_folders_of_tests_that_contributors_are_told_of_exist():
    told = set(re.findall(r"^\| `(tests/\w+)`", text("CONTRIBUTING.md"), re.MULTILINE))
    assert all((ROOT / folder).is_dir() for folder in told)


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == ROOT / "docs"], ids=name)
def test_every_page_says_first_what_the_reader_can_do_after_it(page: Path):
    assert page.read_text("utf-8").splitlines()[2].startswith("After this page you ")
