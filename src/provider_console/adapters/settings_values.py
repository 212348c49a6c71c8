"""Every setting that is in force, one by one: its value beside what the table of settings says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from provider_console.adapters.settings_schema import default_of, expected, info_of, items_of, kinds, opens, peel
from provider_console.core.ports.settings import SettingTable, SettingValue
from provider_console.core.settings import TABLES, Settings
from provider_console.sdk.context import SettingsSection


def values(settings: Settings, sections: Sequence[SettingsSection]) -> list[SettingValue]:
    """Every setting by its dotted key, tables that are not there left out."""
    found: list[SettingValue] = []
    for name, kind in kinds(sections).items():
        table = getattr(settings, name) if name in TABLES else settings.sections.get(name)
        if table is not None:
            found.extend(_values(kind, name, table))
    return found


def _values(kind: inspect.Type, key: str, value: Any) -> Iterator[SettingValue]:
    bare = peel(kind).kind
    if isinstance(bare, inspect.StructType):
        for field in bare.fields:
            name, inner = f"{key}.{field.encode_name}", getattr(value, field.name)
            if opens(field.type) and inner is not None:
                yield from _values(field.type, name, inner)
            else:
                yield _value(field, name, inner)
    elif isinstance(bare, inspect.DictType) and isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _values(bare.value_type, f"{key}.{name}", inner)
    elif isinstance(value, Sequence):
        yield SettingValue(
            key=key, value=msgspec.to_builtins(value, enc_hook=str), default=[], unit=None, allowed=expected(kind)
        )


def tables(sections: Sequence[SettingsSection]) -> list[SettingTable]:
    """Every kind of table of which there may be any number, in the order of the types."""
    return [table for name, kind in kinds(sections).items() for table in _tables(kind, name)]


def _tables(kind: inspect.Type, key: str) -> Iterator[SettingTable]:
    bare = peel(kind).kind
    if not isinstance(bare, inspect.StructType):
        return
    for field in bare.fields:
        name, inner = f"{key}.{field.encode_name}", peel(field.type).kind
        items = inner.value_type if isinstance(inner, inspect.DictType) else items_of(inner)
        if items is None:
            yield from _tables(inner, name)
        elif opens(items):
            fields = tuple(_fields(items, ""))
            yield SettingTable(key=name, named=isinstance(inner, inspect.DictType), fields=fields)


def _fields(kind: inspect.Type, key: str) -> Iterator[SettingValue]:
    bare = peel(kind).kind
    for field in bare.fields if isinstance(bare, inspect.StructType) else ():
        name = f"{key}{field.encode_name}"
        if opens(field.type):
            yield from _fields(field.type, f"{name}.")
        else:
            yield _value(field, name, None if field.required else default_of(field))


def _value(field: inspect.Field, key: str, value: Any) -> SettingValue:
    info = info_of(field, key)
    return SettingValue(
        key=key,
        value=msgspec.to_builtins(value, enc_hook=str),
        default=info.default,
        unit=info.unit,
        allowed=info.expected,
        description=info.description,
        type=info.type,
        minimum=info.minimum,
        maximum=info.maximum,
        choices=info.choices,
    )
