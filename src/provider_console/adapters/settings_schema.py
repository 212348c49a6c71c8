"""What each setting is, in plain words: the table behind messages, `config show`, forms and documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import inspect

from provider_console.core.settings import TABLES
from provider_console.sdk.context import SettingsSection

Path = tuple[str | int, ...]

_DEPTH: Final = 8
"""Types may refer to themselves; no setting is deeper."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class SettingInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. `key` has NAME for a name the user chooses and [] for each element of a list.

    `type` is what it is in one or two words, `expected` with its bounds as messages say it. `unit` None means
    the value has none; `minimum` and `maximum` are inclusive unless `expected` says above or below. `default`
    None means unset.
    """

    key: str
    type: str
    expected: str
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str | int, ...] = ()
    default: Any = None
    required: bool = False
    description: str = ""


class Peeled(msgspec.Struct, frozen=True):
    """A type without its wrapping. `kind` is a union only where several types remain beside None."""

    kind: inspect.Type
    optional: bool = False
    description: str = ""
    unit: str | None = None


def peel(kind: inspect.Type) -> Peeled:
    """Take metadata and `| None` off a type (TOML knows no null: an optional setting is one left unset)."""
    optional, description, unit = False, "", None
    while True:
        if isinstance(kind, inspect.Metadata):
            description = description or str((kind.extra_json_schema or {}).get("description", ""))
            unit = unit or (kind.extra or {}).get("unit")
            kind = kind.type
        elif isinstance(kind, inspect.UnionType):
            rest = tuple(member for member in kind.types if not isinstance(member, inspect.NoneType))
            optional = optional or len(rest) < len(kind.types)
            if len(rest) != 1:
                return Peeled(inspect.UnionType(rest), optional, description, unit)
            kind = rest[0]
        else:
            return Peeled(kind, optional, description, unit)


def kinds(sections: Sequence[SettingsSection]) -> dict[str, inspect.Type]:
    """Every top-level table by name; the console's own ones win over a plugin's of the same name."""
    own = {name: inspect.type_info(table) for name, table in TABLES.items()}
    return own | {section.name: inspect.type_info(section.type) for section in sections if section.name not in own}


def kind_at(tables: Mapping[str, inspect.Type], path: Sequence[str]) -> inspect.Type | None:
    """The type of the setting at a path, None where there is none."""
    kind = tables.get(path[0]) if path else None
    for part in path[1:]:
        if kind is None:
            return None
        bare = peel(kind).kind
        if isinstance(bare, inspect.StructType):
            kind = next((field.type for field in bare.fields if field.encode_name == part), None)
        else:
            kind = bare.value_type if isinstance(bare, inspect.DictType) else None
    return kind


# --- words --------------------------------------------------------------------------------------------------


def expected(kind: inspect.Type, default: object = None) -> str:
    """What a value must be: "a whole number from 1 to 20"."""
    peeled = peel(kind)
    bare = peeled.kind
    match bare:
        case inspect.LiteralType() | inspect.EnumType():
            choices = [f'"{choice}"' if isinstance(choice, str) else str(choice) for choice in _choices(bare)]
            return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
        case inspect.StrType():
            return _text(bare, default)
        case inspect.IntType() | inspect.FloatType():
            return _number(bare) + (f" {peeled.unit}" if peeled.unit else "")
        case inspect.UnionType():
            return " or ".join(expected(member) for member in bare.types)
    items = items_of(bare)
    if items is not None:
        inner = peel(items).kind
        plural = _PLURALS.get(type(inner))
        return f"a list of {plural}" if plural else "a list"
    return _WORDS.get(type(bare), "a value")


_WORDS: Final[Mapping[type, str]] = {
    inspect.BoolType: "true or false",
    inspect.StructType: "a table",
    inspect.DictType: "a table",
    inspect.DateTimeType: "a date with a time",
    inspect.DateType: "a date",
    inspect.TimeType: "a time",
    inspect.NoneType: "left out",
}
_PLURALS: Final[Mapping[type, str]] = {
    inspect.StrType: "texts",
    inspect.IntType: "whole numbers",
    inspect.FloatType: "numbers",
    inspect.StructType: "tables",
    inspect.DictType: "tables",
}


def _number(kind: inspect.IntType | inspect.FloatType) -> str:
    word = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    low = f"above {kind.gt:g}" if kind.gt is not None else f"at least {kind.ge}" if kind.ge is not None else ""
    high = f"below {kind.lt:g}" if kind.lt is not None else f"at most {kind.le}" if kind.le is not None else ""
    if kind.ge is not None and kind.le is not None:
        return f"{word} from {kind.ge:,} to {kind.le:,}"
    return " ".join(filter(None, (word, " and ".join(filter(None, (low, high))))))


def _text(kind: inspect.StrType, default: object) -> str:
    if kind.pattern is not None:
        like = f' like "{default}"' if isinstance(default, str) and default else ""
        return f"a text{like} (pattern {kind.pattern})"
    low, high = kind.min_length or 0, kind.max_length
    if low and high is not None:
        return f"a text of {low} to {high} characters"
    if high is not None:
        return f"a text of at most {high} characters"
    return f"a text of at least {low} character{'s' if low != 1 else ''}" if low else "a text"


def _choices(kind: inspect.LiteralType | inspect.EnumType) -> tuple[str | int, ...]:
    if isinstance(kind, inspect.LiteralType):
        return tuple(choice for choice in kind.values if isinstance(choice, str | int))
    return tuple(member.value for member in kind.cls)


def items_of(kind: inspect.Type) -> inspect.Type | None:
    """What a list is of; None for what is no list."""
    if isinstance(kind, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        return kind.item_type
    return None


def dotted(path: Path) -> str:
    """A path as it is typed: `translation.prefer."en>es"`, `plugins.disabled[1]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        quoted = part if _BARE_KEY.fullmatch(part) else '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'
        text += f".{quoted}" if text else quoted
    return text


# --- the table ----------------------------------------------------------------------------------------------


def describe(sections: Sequence[SettingsSection] = ()) -> list[SettingInfo]:
    """Every setting of the console and of the given plugins' tables, in the order of their types."""
    return [info for name, kind in kinds(sections).items() for info in _described(kind, name, depth=0)]


def _described(kind: inspect.Type, key: str, *, depth: int) -> Iterator[SettingInfo]:
    bare = peel(kind).kind
    if depth > _DEPTH:
        return
    if isinstance(bare, inspect.StructType):
        for field in bare.fields:
            name = f"{key}.{field.encode_name}"
            if opens(field.type):
                yield from _described(field.type, name, depth=depth + 1)
            else:
                yield info_of(field, name)
    elif isinstance(bare, inspect.DictType):
        yield from _described(bare.value_type, f"{key}.NAME", depth=depth + 1)
    else:
        items = items_of(bare)
        if items is not None:
            yield from _described(items, f"{key}[]", depth=depth + 1)


def opens(kind: inspect.Type) -> bool:
    """Whether a setting is only a way to others: a table, a mapping or a list of tables."""
    bare = peel(kind).kind
    if isinstance(bare, inspect.StructType):
        return True
    inner = bare.value_type if isinstance(bare, inspect.DictType) else items_of(bare)
    return inner is not None and opens(inner)


def info_of(field: inspect.Field, key: str) -> SettingInfo:
    """What a field of a table says of the setting at a key."""
    peeled = peel(field.type)
    bare = peeled.kind
    default = default_of(field)
    limits: dict[str, Any] = {}
    if isinstance(bare, inspect.IntType | inspect.FloatType):
        limits["minimum"] = bare.gt if bare.ge is None else bare.ge
        limits["maximum"] = bare.lt if bare.le is None else bare.le
    if isinstance(bare, inspect.LiteralType | inspect.EnumType):
        limits["choices"] = _choices(bare)
    return SettingInfo(
        key=key,
        type=_type(bare),
        expected=expected(field.type, default),
        unit=peeled.unit,
        default=msgspec.to_builtins(default, enc_hook=str),
        required=field.required,
        description=peeled.description,
        **limits,
    )


def _type(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.LiteralType | inspect.EnumType):
        return "choice"
    items = items_of(kind)
    if items is not None:
        return expected(kind).removeprefix("a ")
    simple: Mapping[type, str] = {
        inspect.IntType: "whole number",
        inspect.FloatType: "number",
        inspect.StrType: "text",
        inspect.BoolType: "true or false",
        inspect.DictType: "table",
    }
    return simple.get(type(kind), "value")


def default_of(field: inspect.Field) -> Any:
    """A field's default, None where it has none."""
    if field.default is not msgspec.NODEFAULT:
        return field.default
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else None
