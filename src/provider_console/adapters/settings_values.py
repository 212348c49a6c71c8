"""Every setting that is in force, one by one: its value beside what the table of settings says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from provider_console.adapters.settings_schema import expected, info_of, kinds, opens, peel
from provider_console.core.ports import SettingValue
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
