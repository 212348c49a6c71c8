"""What a plugin's objects have to look like: the sdk's contracts, checked against what a hook returned.

Every check reads foreign attributes, which may run foreign code: call them behind the barrier.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, get_type_hints

import msgspec

from provider_console.core.settings import TABLES
from provider_console.engine.plugin_barrier import Misshapen
from provider_console.sdk.context import SettingsSection
from provider_console.sdk.driver import Driver
from provider_console.sdk.errors import ErrorClass
from provider_console.sdk.hooks import Ranker
from provider_console.sdk.operation import OperationKind
from provider_console.sdk.provider import ID_PATTERN
from provider_console.sdk.source import Source

T = TypeVar("T")

MANY: Final = 256
"""Things of one sort that one plugin may bring."""

THEME_BYTES: Final = 256 * 1024
"""As for every TOML file that is read."""

OWN_ORDERS: Final = ("priority", "score")

# A Protocol's own body returns None, so a method that nobody wrote would look as if it were there.
_TO_WRITE: Final[Mapping[type, tuple[str, ...]]] = {Source: ("discover",), Driver: ("call", "probe")}


def sources(value: object) -> dict[str, Source]:
    """Sources by name."""
    return _named(value, "source", Source)


def drivers(value: object) -> dict[str, Driver]:
    """Drivers by name."""
    found = _named(value, "driver", Driver)
    for name, driver in found.items():
        if not driver.categories:
            raise Misshapen(f"the driver {name} names no category, so nothing would ever use it")
        for category in driver.categories:
            _name(category, f"a category of the driver {name}")
        if driver.max_characters is not None and driver.max_characters < 1:
            raise Misshapen(f"max_characters of the driver {name} is below 1; None means no limit")
    return found


def kinds(value: object) -> dict[str, OperationKind]:
    """Kinds of operation by name."""
    found = _named(value, "operation kind", OperationKind)
    for name, kind in found.items():
        _name(kind.category, f"the category of the operation kind {name}")
        names = [field.name for field in kind.fields]
        if len(set(names)) < len(names):
            raise Misshapen(f"two fields of the operation kind {name} have one name")
    return found


def sections(value: object) -> dict[str, SettingsSection]:
    """Settings sections by name: frozen structs with a default for every field."""
    found: dict[str, SettingsSection] = {}
    for item in _items(value):
        if not isinstance(item, SettingsSection):
            raise Misshapen(f"{_said(item)} is not a SettingsSection")
        name = _name(item.name, "the name of a settings section")
        if name in TABLES:
            raise Misshapen(f"the settings section {name} is the console's own; choose another name")
        if name in found:
            raise Misshapen(f"there are two settings sections {name}")
        _check_section_type(name, item.type)
        found[name] = item
    return found


def provider_section(value: Iterable[SettingsSection]) -> str | None:
    """The first section with a mapping `providers`, which adopting a found provider writes into."""
    return next((s.name for s in value if isinstance(getattr(s.type(), "providers", None), Mapping)), None)


def rankers(value: object) -> dict[str, Ranker]:
    """Orders of providers by name."""
    if not isinstance(value, Mapping):
        raise Misshapen(f"it returned {_said(value)} in place of a mapping of name to ranker")
    found: dict[str, Ranker] = {}
    for key in _bounded(value):
        name = _name(key, "the name of a ranker")
        if name in OWN_ORDERS:
            raise Misshapen(f"the order {name} is the console's own; choose another name")
        ranker = value[key]
        if not callable(ranker) or isinstance(ranker, type) or _is_async(ranker):
            raise Misshapen(f"the ranker {name} is {_said(ranker)} in place of a plain function")
        found[name] = ranker
    return found


def themes(value: object) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Theme files that can be read, and sentences about those that cannot."""
    found: list[Path] = []
    problems: list[str] = []
    for item in _items(value):
        if not isinstance(item, str | Path):
            raise Misshapen(f"{_said(item)} is not a path")
        path = Path(item)
        if path.suffix != ".toml" or not path.is_file():
            problems.append(f"there is no theme file {path.name}")
        elif path.stat().st_size > THEME_BYTES:
            problems.append(f"the theme file {path.name} is over {THEME_BYTES // 1024} KiB")
        else:
            found.append(path)
    return tuple(found), tuple(problems)


def error_class(value: object) -> ErrorClass | None:
    """A classification: an error class, by itself or by its name, or None."""
    no_coroutine(value)
    try:
        return None if value is None else ErrorClass(str(value))
    except ValueError:
        raise Misshapen(f"it returned {_said(value)} in place of an ErrorClass or None") from None


def no_coroutine(value: object) -> None:
    """Refuse what an `async def` returns where a plain function is wanted."""
    if inspect.iscoroutine(value):
        value.close()
        raise Misshapen("it returned a coroutine; it has to be a plain function")


def rank(value: object) -> tuple[float, ...]:
    """A ranker's answer: a tuple of finite numbers."""
    if not isinstance(value, tuple) or len(value) > MANY:
        raise Misshapen(f"it returned {_said(value)} in place of a tuple of numbers")
    if not all(isinstance(part, int | float) and math.isfinite(part) for part in value):
        raise Misshapen("it returned a key that is not made of finite numbers")
    return value


# --- the parts ----------------------------------------------------------------------------------------------


def _named(value: object, what: str, contract: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in _items(value):
        name = _fitting(item, what, contract)
        if name in found:
            raise Misshapen(f"there are two of the {what} {name}")
        found[name] = item
    return found


def _items(value: object) -> tuple[Any, ...]:
    no_coroutine(value)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise Misshapen(f"it returned {_said(value)} in place of a tuple or list")
    return _bounded(value)


def _bounded(value: Iterable[T]) -> tuple[T, ...]:
    items = tuple(islice(iter(value), MANY + 1))
    if len(items) > MANY:
        raise Misshapen(f"it returned more than {MANY} things")
    return items


def _fitting(item: object, what: str, contract: type) -> str:
    if isinstance(item, type):
        raise Misshapen(f"the {what} {item.__name__} is a class; return an instance of it")
    hint = f"subclass provider_console.sdk.{contract.__name__}"
    if not hasattr(item, "name"):
        raise Misshapen(f"{_said(item)} is not a {what}: it has no name; {hint}")
    name = _name(item.name, f"the name of a {what}")
    fitting = _contract(contract)
    members = {}
    for member in fitting.hints:
        if not hasattr(item, member) and not hasattr(contract, member):
            raise Misshapen(f"the {what} {name} lacks {member}; {hint}")
        members[member] = getattr(item, member, getattr(contract, member, None))
    try:
        msgspec.convert(msgspec.to_builtins(members), fitting.shape, strict=True)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise Misshapen(f"the {what} {name} does not fit: {error}") from None
    for member, hinted in fitting.hints.items():
        if getattr(hinted, "__origin__", None) is tuple and not isinstance(members[member], tuple):
            raise Misshapen(f"{member} of the {what} {name} is {_said(members[member])}; make it a tuple")
    for method in fitting.methods:
        _check_method(getattr(item, method.name, None), method, f"{method.name} of the {what} {name}", hint)
    for unwritten in _TO_WRITE.get(contract, ()):
        if getattr(getattr(item, unwritten), "__func__", None) is vars(contract)[unwritten]:
            raise Misshapen(f"the {what} {name} inherits {unwritten} and has to write its own")
    return name


class _Method(NamedTuple):
    name: str
    is_async: bool
    parameters: tuple[str, ...]


class _Contract(NamedTuple):
    """What a Protocol of the sdk asks for, read from itself; `shape` checks the types of its data."""

    hints: Mapping[str, Any]
    shape: type[msgspec.Struct]
    methods: tuple[_Method, ...]


@functools.cache  # reading one takes 0.7 ms, and there is one check for each driver
def _contract(contract: type) -> _Contract:
    hints = get_type_hints(contract)
    methods = tuple(
        # The contract's own function counts `self`; a bound method does not.
        _Method(name, inspect.iscoroutinefunction(function), tuple(inspect.signature(function).parameters)[1:])
        for name, function in vars(contract).items()
        if not name.startswith("_") and inspect.isfunction(function)
    )
    return _Contract(hints, msgspec.defstruct(contract.__name__, list(hints.items())), methods)


def _check_method(given: object, wanted: _Method, called: str, hint: str) -> None:
    if not callable(given):
        raise Misshapen(f"there is no method {called}; {hint}")
    if inspect.isasyncgenfunction(given):
        raise Misshapen(f"{called} is an async generator; return one from an `async def` instead")
    if wanted.is_async and not _is_async(given):
        raise Misshapen(f"{called} is not `async def`")
    if not wanted.is_async and _is_async(given):
        raise Misshapen(f"{called} is `async def` and has to be a plain function")
    try:
        signature = inspect.signature(given)
    except ValueError:
        return  # written in C: it does not tell
    try:
        signature.bind(*wanted.parameters)
    except TypeError:
        raise Misshapen(f"{called} does not take the arguments ({', '.join(wanted.parameters)})") from None


def _is_async(given: object) -> bool:
    while isinstance(given, functools.partial):
        given = given.func
    if not callable(given):
        return False
    function = inspect.unwrap(given)
    call = getattr(type(function), "__call__", None)  # noqa: B004 - the method is wanted, for an object that has one
    if any(inspect.iscoroutinefunction(candidate) for candidate in (given, function, call)):
        return True
    returned = str(getattr(function, "__annotations__", {}).get("return", ""))
    return any(word in returned for word in ("Awaitable", "Coroutine", "Future"))


def _check_section_type(name: str, shape: object) -> None:
    if not isinstance(shape, type) or not issubclass(shape, msgspec.Struct):
        raise Misshapen(f"the type of the settings section {name} is not a msgspec.Struct")
    config = shape.__struct_config__
    if not config.frozen or not config.forbid_unknown_fields:
        raise Misshapen(f"the type of the settings section {name} needs frozen=True and forbid_unknown_fields=True")
    try:
        shape()
    except TypeError as error:
        raise Misshapen(f"the type of the settings section {name} needs a default for each field: {error}") from None


def _name(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise Misshapen(f"{what} is {_said(value)} in place of text")
    # An exact copy: a subclass of str may lie in its comparisons later.
    name = str.__str__(value)
    if not ID_PATTERN.fullmatch(name):
        raise Misshapen(f"{what} is {name[:80]!r}; use 1 to 64 of a-z, 0-9, _ and -")
    return name


def _said(value: object) -> str:
    if value is None:
        return "None"
    kind = type(value).__name__
    return f"{'an' if kind[:1] in 'aeiouAEIOU' else 'a'} {kind}"
