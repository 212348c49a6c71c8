"""All that is wrong with a configuration's values, not just the first thing."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import inspect

from provider_console.adapters.addresses import proxy_address
from provider_console.adapters.settings_schema import Path, default_of, expected, peel
from provider_console.core.credentials import KEY_SHAPES, is_credential_name
from provider_console.core.moments import span_s
from provider_console.core.nearest import did_you_mean
from provider_console.core.settings import EngineSettings
from provider_console.sdk.provider import ID_PATTERN

NEVER_A_VALUE: Final = "write the NAME of the credential, never its value"

_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong (or, in a warning, odd). `also` are other settings that had a part in it.

    For a name that nobody knows, `known` holds those that would do: looking for the nearest one costs more than
    all the rest, so it waits until the sentence is asked for.
    """

    path: Path
    message: str
    at_key: bool = False
    also: tuple[Path, ...] = ()
    known: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The message, with the nearest known name or some of them."""
        return self.message + did_you_mean(str(self.path[-1]), self.known)


def shown(value: object) -> str:
    """A value as a message may show it: short, and never one that could be a secret."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            text = str(value)
            return text if len(text) <= _SHOWN else "a very long number"
        case str():
            return _shown_text(value)
        case dict():
            return "a table"
        case list() | tuple():
            return "a list"
        case datetime.datetime():
            return "a date with a time"
        case datetime.date():
            return "a date"
        case datetime.time():
            return "a time"
    return "that"


def _shown_text(value: str) -> str:
    if not value:
        return "an empty text"
    if KEY_SHAPES.search(value) or "://" in value or re.fullmatch(r"[A-Za-z0-9+/=_-]{20,}", value):
        return "the text given"
    if len(value) > _SHOWN or not value.isprintable():
        return f"a text of {len(value)} characters"
    return f'"{value}"'


# --- types and bounds ---------------------------------------------------------------------------------------


def check(value: object, kind: inspect.Type, path: Path, *, default: object = None) -> Iterator[Finding]:
    """Everything about a value that its type does not allow."""
    bare = peel(kind).kind
    if isinstance(bare, inspect.UnionType):
        yield from _union(value, bare, path)
    elif isinstance(bare, inspect.StructType) and isinstance(value, dict):
        yield from _table(value, bare, path)
    elif isinstance(bare, inspect.DictType) and isinstance(value, dict):
        yield from _mapping(value, bare, path)
    elif isinstance(bare, _LISTS) and isinstance(value, list):
        yield from _list(value, bare, path)
    elif not fits(value, bare):
        yield Finding(path, f"must be {expected(kind, default)}, not {shown(value)}")


_LISTS: Final = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)


def fits(value: object, kind: inspect.Type) -> bool:
    """Whether a single value is of a type and within its bounds; types this table does not know are let through."""
    match kind:
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool) and _within(value, kind)
        case inspect.FloatType():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return number and math.isfinite(value) and _within(value, kind)  # type: ignore[arg-type]  # a number, looked at a line above
        case inspect.StrType():
            return isinstance(value, str) and _text_fits(value, kind)
        case inspect.LiteralType():
            return any(type(choice) is type(value) and choice == value for choice in kind.values)
        case inspect.EnumType():
            return any(type(choice.value) is type(value) and choice.value == value for choice in kind.cls)
        case inspect.StructType() | inspect.DictType():
            return isinstance(value, dict)
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
            return isinstance(value, list)
        case inspect.TupleType():
            return isinstance(value, list)
    return True


def _within(value: float, kind: inspect.IntType | inspect.FloatType) -> bool:
    return (
        (kind.ge is None or value >= kind.ge)
        and (kind.gt is None or value > kind.gt)
        and (kind.le is None or value <= kind.le)
        and (kind.lt is None or value < kind.lt)
        and -(2**63) <= value < 2**63
    )


def _text_fits(value: str, kind: inspect.StrType) -> bool:
    return (
        (kind.min_length is None or len(value) >= kind.min_length)
        and (kind.max_length is None or len(value) <= kind.max_length)
        and (kind.pattern is None or re.search(kind.pattern, value) is not None)
    )


def _union(value: object, kind: inspect.UnionType, path: Path) -> Iterator[Finding]:
    suited = [member for member in kind.types if _shape_fits(value, peel(member).kind)]
    if any(not any(check(value, member, path)) for member in suited):
        return
    if suited and isinstance(value, dict | list):  # what is wrong inside it says more
        yield from check(value, suited[0], path)
    else:
        yield Finding(path, f"must be {expected(kind)}, not {shown(value)}")


def _shape_fits(value: object, kind: inspect.Type) -> bool:
    tables = isinstance(kind, inspect.StructType | inspect.DictType)
    lists = isinstance(kind, _LISTS)
    return tables if isinstance(value, dict) else lists if isinstance(value, list) else not (tables or lists)


def _table(value: Mapping[str, Any], kind: inspect.StructType, path: Path) -> Iterator[Finding]:
    fields = {field.encode_name: field for field in kind.fields}
    for key, inner in value.items():
        field = fields.get(key)
        if field is not None:
            yield from check(inner, field.type, (*path, key), default=default_of(field))
        elif key != kind.tag_field and kind.forbid_unknown_fields:
            yield Finding((*path, key), "is not a known key", at_key=True, known=tuple(fields))
    for key, field in fields.items():
        if field.required and key not in value:
            yield Finding((*path, key), f"is missing; it must be {expected(field.type)}", at_key=True)


def _mapping(value: Mapping[str, Any], kind: inspect.DictType, path: Path) -> Iterator[Finding]:
    for key, inner in value.items():
        key_kind = peel(kind.key_type).kind
        if isinstance(key_kind, inspect.StrType) and not _text_fits(key, key_kind):
            yield Finding((*path, key), f"has a name that must be {expected(key_kind)}", at_key=True)
        yield from check(inner, kind.value_type, (*path, key))
    if (kind.max_length is not None and len(value) > kind.max_length) or (
        kind.min_length is not None and len(value) < kind.min_length
    ):
        yield Finding(path, f"has {len(value)} entries; {_count_words(kind.min_length, kind.max_length)}", at_key=True)


def _list(value: Sequence[Any], kind: Any, path: Path) -> Iterator[Finding]:
    for place, inner in enumerate(value):
        yield from check(inner, kind.item_type, (*path, place))
    if (kind.max_length is not None and len(value) > kind.max_length) or (
        kind.min_length is not None and len(value) < kind.min_length
    ):
        yield Finding(path, f"has {len(value)} entries; {_count_words(kind.min_length, kind.max_length)}")


def _count_words(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f"{low} to {high} are allowed"
    return f"at most {high} are allowed" if high is not None else f"at least {low} are needed"


# --- rules between settings ---------------------------------------------------------------------------------


def names(value: object, path: Path) -> Iterator[Finding]:
    """Provider ids, credential names and addresses, wherever they stand."""
    if isinstance(value, list):
        for place, inner in enumerate(value):
            yield from names(inner, (*path, place))
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        here = (*path, key)
        if key == "providers" and isinstance(inner, dict):
            for provider in inner:
                if not ID_PATTERN.fullmatch(provider):
                    yield Finding(
                        (*here, provider),
                        "is not a provider's id; one has 1 to 64 of a to z, 0 to 9, _ and -",
                        at_key=True,
                    )
        if key == "credential" and isinstance(inner, str):
            complaint = credential_complaint(inner)
            if complaint:
                yield Finding(here, complaint)
        elif isinstance(inner, str):
            complaint = address_complaint(inner, proxy=here == ("network", "proxy"))
            if complaint:
                yield Finding(here, complaint)
        else:
            yield from names(inner, here)


_LOGIN: Final = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]*@")


def address_complaint(text: str, *, proxy: bool) -> str | None:
    """What is wrong with a text that may be an address: a password in it would be kept in every revision."""
    if proxy and text:
        try:
            proxy_address(text)
        except ValueError as error:
            return str(error)
    elif _LOGIN.match(text):
        return "holds a user name or a password; remove it and name a credential instead"
    return None


def credential_complaint(name: str) -> str | None:
    """What is wrong with the name of a credential, never repeating it: it may be the value."""
    if is_credential_name(name):
        return None
    if not name:
        return "is empty; leave the key out where no credential is needed"
    return f"{NEVER_A_VALUE} (capital letters, digits and _, like OPENAI_API_KEY)"


def delays(engine: Mapping[str, Any]) -> Iterator[Finding]:
    """`max_delay` below `base_delay`, in `[engine]` and in each category, after defaults and inheritance."""
    general = {name: engine.get(name, getattr(EngineSettings(), name)) for name in ("base_delay", "max_delay")}
    yield from _delays(general, written=engine, path=("engine",))
    categories = engine.get("categories")
    for name, own in categories.items() if isinstance(categories, dict) else ():
        if isinstance(own, dict) and ("base_delay" in own or "max_delay" in own):
            values = {key: own.get(key, value) for key, value in general.items()}
            yield from _delays(values, written=own, path=("engine", "categories", name))


def _delays(values: Mapping[str, Any], *, written: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    low, high = values["base_delay"], values["max_delay"]
    if not (isinstance(low, int) and isinstance(high, int)) or high >= low:
        return
    base, limit = (*path, "base_delay"), (*path, "max_delay")
    if "max_delay" in written:
        yield Finding(limit, f"must be at least base_delay ({low} ms), not {high} ms", also=(base,))
    else:
        yield Finding(base, f"must be at most max_delay ({high} ms), not {low} ms", also=(limit,))


def oddities(engine: Mapping[str, Any]) -> Iterator[Finding]:
    """An attempt allowed to take longer than the whole operation: legal (the deadline wins), rarely meant."""
    categories = engine.get("categories")
    tables: list[tuple[Path, Any]] = [(("engine",), engine)]
    if isinstance(categories, dict):
        tables += [(("engine", "categories", name), own) for name, own in categories.items()]
    for path, table in tables:
        attempt, whole = table.get("response_time_threshold"), table.get("deadline")
        if attempt is not None and whole is not None and attempt > whole:
            yield Finding(
                (*path, "response_time_threshold"),
                f"is longer ({attempt} ms) than the deadline of the whole operation ({whole} ms), which wins",
            )


_CHARTS: Final = (
    ("keep_attempts", 2 * 3_600, "an hour by the minute beside the hour before"),
    ("keep_rollups", 60 * 86_400, "30 days beside the 30 days before"),
)


def short_memories(history: Mapping[str, Any]) -> Iterator[Finding]:
    """A retention that deletes what the charts show: legal, and worth a word."""
    for key, shown_s, chart in _CHARTS:
        keep = history.get(key)
        if isinstance(keep, str) and (span_s(keep) or shown_s) < shown_s:
            yield Finding(("history", key), f"deletes after {keep} what charts of {chart} show")
