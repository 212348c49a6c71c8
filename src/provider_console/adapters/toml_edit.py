"""One setting changed in a TOML text, with comments and order kept. Slow on large texts: run it in a thread."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, MutableMapping, Sequence
from difflib import SequenceMatcher
from typing import Any, TypeGuard

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from provider_console.adapters.settings_schema import dotted
from provider_console.adapters.settings_text import parse
from provider_console.core.ports.settings import SettingsInvalid, SettingsProblem


def edited(text: str, path: tuple[str, ...], value: object, *, file: str) -> str:
    """The text with the setting at `path` set to a plain value, or removed where `value` is None.

    Raises:
        SettingsInvalid: the text is not TOML, a value stands where a table would have to be, the value has no
            form in TOML, or the change cannot be made without touching something else.
    """
    before, _ = parse(text, file=file)
    wanted = _set(before, path, value, file=file)
    if wanted == before:
        return text
    try:
        document = tomlkit.parse(text)
        _apply(document, path, value)
        after = tomlkit.dumps(document)
        # A table that was only there for the one within it goes with that one.
        same = tomllib.loads(after) in (wanted, _shed(wanted, path[:-1]))
    except (TOMLKitError, tomllib.TOMLDecodeError, ValueError, KeyError) as error:
        raise _refused(file, path, "cannot be changed in place; edit the file by hand") from error
    if not same:  # tomlkit misplaces keys in some tables written out of order
        raise _refused(file, path, "cannot be changed without touching other settings; edit the file by hand")
    return after


def _shed(tree: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The same without the tables on a path that are empty."""
    if not path or not isinstance(tree.get(path[0]), dict):
        return tree
    inner = _shed(tree[path[0]], path[1:])
    return {name: inner if name == path[0] else each for name, each in tree.items() if inner or name != path[0]}


def _refused(file: str, path: tuple[str, ...], message: str) -> SettingsInvalid:
    return SettingsInvalid(file, [SettingsProblem(message=message, path=dotted(path))])


def _set(tree: Mapping[str, Any], path: tuple[str, ...], value: object, *, file: str) -> dict[str, Any]:
    """The same change on plain values: what the edited text has to mean."""
    new = dict(tree)
    step, last = new, path[-1]
    for depth, part in enumerate(path[:-1], 1):
        if part not in step and value is None:
            return new
        inner = step.get(part, {})
        if not isinstance(inner, dict):
            raise _refused(file, path[:depth], f"is not a table, so {dotted(path)} cannot be set")
        step[part] = dict(inner)
        step = step[part]
    if value is None:
        step.pop(last, None)
    else:
        step[last] = _plain(value, path, file=file)
    return new


def _plain(value: object, path: tuple[str, ...], *, file: str) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, path, file=file) for key, inner in value.items() if inner is not None}
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Sequence):
        return [_plain(inner, path, file=file) for inner in value]
    raise _refused(file, path, f"cannot be a {type(value).__name__}: the configuration has no form for it")


def _apply(document: MutableMapping[str, Any], path: tuple[str, ...], value: object) -> None:
    step = document
    for depth, part in enumerate(path[:-1], 1):
        if part not in step:
            if not isinstance(step, tomlkit.TOMLDocument | Table):
                step[part] = tomlkit.inline_table()
            else:
                step[part] = tomlkit.table(is_super_table=depth < len(path) - 1 or isinstance(value, Mapping))
        step = step[part]
    if value is None:
        del step[path[-1]]
    elif _are_tables(value) and isinstance(step, tomlkit.TOMLDocument | Table):
        if not isinstance(step.get(path[-1]), AoT):
            step[path[-1]] = tomlkit.aot()
        _fit(step[path[-1]], value)
    elif isinstance(value, Mapping) and isinstance(step, tomlkit.TOMLDocument | Table):
        step[path[-1]] = _table(value)
    elif path[-1] in step and not isinstance(value, Mapping | list | tuple):
        step[path[-1]] = value  # a plain value over a plain value keeps the comment behind it
    else:
        step[path[-1]] = tomlkit.item(_inline(value))


def _are_tables(value: object) -> TypeGuard[Sequence[Mapping[str, object]]]:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _fit(there: AoT, wanted: Sequence[Mapping[str, object]]) -> None:
    """Make a list of tables what is wanted; those that stay the same keep their comments, those that change theirs."""
    before = [msgspec.json.encode(each.unwrap()) for each in there]
    after = [msgspec.json.encode({key: one for key, one in each.items() if one is not None}) for each in wanted]
    steps = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for _tag, first, last, begin, end in reversed(steps):
        paired = min(last - first, end - begin)
        for place in reversed(range(first + paired, last)):
            del there[place]
        apart = bool(there) and there[-1].as_string().endswith("\n\n")
        for place in range(begin + paired, end):
            fresh = _table(wanted[place])
            if apart:
                fresh.add(tomlkit.nl())
            there.insert(first + place - begin, fresh)
        for place in range(paired if _tag != "equal" else 0):
            _change(there[first + place], wanted[begin + place])


def _change(table: Table, wanted: Mapping[str, object]) -> None:
    before = table.unwrap()
    for key in [key for key in before if wanted.get(key) is None]:
        del table[key]
    for key, value in wanted.items():
        if value is not None and (key not in before or before[key] != value):
            _apply(table, (key,), value)


def _table(value: Mapping[str, object]) -> Table:
    table = tomlkit.table()
    for key, inner in value.items():
        if inner is not None:
            table.add(str(key), tomlkit.item(_bare(inner)))
    return table


def _bare(value: object) -> Any:
    return _inline(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value


def _inline(value: object) -> Any:
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        table.update({str(key): _inline(inner) for key, inner in value.items() if inner is not None})
        return table
    if isinstance(value, list | tuple):
        array = tomlkit.array()
        array.extend([_inline(inner) for inner in value])
        return array
    return value
