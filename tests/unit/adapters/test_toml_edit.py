"""Editing TOML, and finding one's way in it: whatever the text, only the named setting changes."""

from __future__ import annotations

import tomllib
from typing import Any

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as some

from provider_console.adapters.environment import split_key
from provider_console.adapters.settings_schema import dotted
from provider_console.adapters.settings_text import parse
from provider_console.adapters.toml_edit import edited
from provider_console.adapters.toml_scan import scan
from provider_console.core.ports.settings import SettingsInvalid

NAMES = some.sampled_from(["a", "b", "engine", "max_retries", "en>es", "my-id", "x.y", 'q"t', "ü", "1"])
SCALARS = (
    some.booleans()
    | some.integers(-(2**40), 2**40)
    | some.floats(allow_nan=False, allow_infinity=False, width=32)
    | some.text(some.characters(exclude_categories=["Cs"]), max_size=12)
)
VALUES = some.recursive(
    SCALARS,
    lambda inner: some.lists(SCALARS, max_size=3) | some.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
TREES = some.dictionaries(NAMES, VALUES, max_size=4)
PATHS = some.lists(NAMES, min_size=1, max_size=4).map(tuple)


def leaves(tree: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(tree, dict):
        return [leaf for key, inner in tree.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(tree, list):
        return [leaf for place, inner in enumerate(tree) for leaf in leaves(inner, (*path, place))]
    return [(path, tree)]


def planted(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any] | None:
    """The tree with a value at a path; None where another value stands in the way."""
    head, *rest = path
    if not rest:
        return {**tree, head: value}
    inner = tree.get(head, {})
    if not isinstance(inner, dict):
        return None
    below = planted(inner, tuple(rest), value)
    return None if below is None else {**tree, head: below}


@settings(max_examples=150, deadline=None)
@given(tree=TREES, path=PATHS, value=VALUES)
def test_an_edit_means_exactly_the_change_asked_for(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    text = tomlkit.dumps(tree)
    wanted = planted(tree, path, value)

    try:
        after = edited(text, path, value, file="config.toml")
    except SettingsInvalid as error:
        assert wanted is None or "by hand" in str(error)  # noqa: PT017
    else:
        assert tomllib.loads(after) == wanted


@settings(max_examples=100, deadline=None)
@given(tree=TREES, path=PATHS, value=SCALARS)
def test_set_and_removed_again_means_what_it_did_before(
    tree: dict[str, Any], path: tuple[str, ...], value: Any
) -> None:
    if planted(tree, path, value) is None or any(leaf[0][: len(path)] == path for leaf in leaves(tree)):
        return
    text = tomlkit.dumps(tree)

    try:
        after = edited(edited(text, path, value, file="f"), path, None, file="f")
    except SettingsInvalid as error:
        assert "by hand" in str(error)  # noqa: PT017
    else:
        assert dict(leaves(tomllib.loads(after))) == dict(leaves(tree))


@settings(max_examples=150, deadline=None)
@given(tree=TREES)
def test_every_value_is_found_where_it_stands(tree: dict[str, Any]) -> None:
    text = tomlkit.dumps(tree)
    lines = text.split("\n")

    layout = scan(text)

    for path, value in leaves(tree):
        place = layout.value(path)
        assert place is not None
        line, column = place
        rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
        assert any(_reads(rest, end) == value for end in _ends(rest)), (path, rest)


def _ends(rest: str) -> list[int]:
    return [end for end in range(1, len(rest) + 1) if end == len(rest) or rest[end] in ",]}\n "]


def _reads(rest: str, end: int) -> Any:
    try:
        return tomllib.loads(f"v = {rest[:end]}")["v"]
    except tomllib.TOMLDecodeError:
        return _reads


@settings(max_examples=300, deadline=None)
@given(text=some.text(some.sampled_from("[]{}=.,\"'\\#ab1 \n\t\r"), max_size=60))
def test_no_text_makes_the_reader_fail_in_a_way_of_its_own(text: str) -> None:
    try:
        tree, layout = parse(text, file="config.toml")
    except SettingsInvalid as error:
        assert str(error).startswith("config.toml")  # noqa: PT017
    else:
        assert tree == tomllib.loads(text)
        assert all(layout.value(path) for path, _ in leaves(tree))


@given(path=PATHS)
def test_a_key_is_split_as_it_was_written(path: tuple[str, ...]) -> None:
    if not any('"' in part for part in path):
        assert split_key(dotted(path)) == path


def test_a_crlf_file_keeps_its_line_ends() -> None:
    assert edited("[log]\r\nlevel = 'info'\r\n", ("log", "level"), "debug", file="f") == '[log]\r\nlevel = "debug"\r\n'
