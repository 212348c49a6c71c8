"""Entry points of plugins, and the hooks behind one of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any, Final

import msgspec
import pluggy

from provider_console.core.nearest import did_you_mean
from provider_console.core.text import clean_text
from provider_console.engine.plugin_barrier import Misshapen
from provider_console.sdk import hooks as specifications
from provider_console.sdk.hooks import PROJECT
from provider_console.sdk.provider import ID_PATTERN

GROUP: Final = "provider_console.plugins"

PREFIX: Final = "provider_console_"

HOOKS: Final = tuple(sorted(name for name in vars(specifications) if name.startswith(PREFIX)))

OWN_PACKAGE: Final = "provider-console"

ImplementationCall = Callable[[Mapping[str, Any]], Any]
"""Calls one implementation of a hook with those of the offered arguments that it asks for."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An entry point. `fault` says why it cannot even be tried."""

    name: str
    package: str
    version: str
    entry_point: metadata.EntryPoint
    fault: str | None = None


class Loaded:
    """The implementations of each hook that a plugin has."""

    __slots__ = ("hooks",)

    def __init__(self, hooks: Mapping[str, tuple[ImplementationCall, ...]]) -> None:
        self.hooks = hooks


def found_plugins(
    entry_points: Callable[[], Iterable[metadata.EntryPoint]] | None, *, first: Sequence[str]
) -> tuple[list[Found], list[str]]:
    """Every entry point, those named in `first` at the front and then by name; and sentences about broken metadata.

    Where two packages claim one of the built-in names, the console's own goes first.
    """
    points, problems = _installed() if entry_points is None else (list(entry_points()), [])
    versions: dict[int, tuple[str, str]] = {}
    found = [_found(point, versions) for point in points]
    order = {name: index for index, name in enumerate(first)}
    found.sort(key=lambda f: (order.get(f.name, len(order)), f.name, f.package != OWN_PACKAGE, f.package))
    return found, problems


def _installed() -> tuple[list[metadata.EntryPoint], list[str]]:
    try:
        return list(metadata.entry_points(group=GROUP)), []
    except Exception:  # noqa: BLE001 - the barrier: one unreadable entry_points.txt of any package fails the whole call
        return _installed_one_by_one()


def _installed_one_by_one() -> tuple[list[metadata.EntryPoint], list[str]]:
    points: list[metadata.EntryPoint] = []
    problems: list[str] = []
    seen: set[str] = set()
    for distribution in metadata.distributions():
        try:
            name = str(distribution.metadata["Name"])
            if name in seen:
                continue
            seen.add(name)
            points += [point for point in distribution.entry_points if point.group == GROUP]
        except Exception as error:  # noqa: BLE001 - the barrier
            place = clean_text(str(getattr(distribution, "_path", "a package")))
            problems.append(f"the entry points of {place} cannot be read ({type(error).__name__}); reinstall it")
    return points, problems


def _found(point: metadata.EntryPoint, versions: dict[int, tuple[str, str]]) -> Found:
    distribution = point.dist
    package, version = versions.get(id(distribution), ("", ""))
    if distribution is not None and not package:
        try:
            about = distribution.metadata
            package, version = (clean_text(str(about[key] or ""), 80) for key in ("Name", "Version"))
        except Exception:  # noqa: BLE001 - the barrier: metadata is a file of somebody else's
            package, version = "unknown", ""
        versions[id(distribution)] = package, version
    fault = None
    if not ID_PATTERN.fullmatch(point.name):
        fault = "its entry point's name is not made of 1 to 64 of a-z, 0-9, _ and -; rename it in its pyproject.toml"
    return Found(name=clean_text(point.name, 64), package=package, version=version, entry_point=point, fault=fault)


def load(point: metadata.EntryPoint) -> Loaded:
    """Import what an entry point names and find its hooks. Runs foreign code: call it behind the barrier.

    Raises:
        Misshapen: there is no hook in it, one is misspelt, asks for something that is not offered, or is async.
        BaseException: whatever the import raises.
    """
    plugin = point.load()
    if plugin is None:
        raise Misshapen(f"{point.value} is None in place of a module")
    # One manager a plugin: a broken one cannot spoil the relay of the others, and `check_pending` is about it alone.
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(specifications)
    try:
        manager.register(plugin, point.name)
    except pluggy.PluginValidationError as error:
        raise Misshapen(_sentence(error)) from None
    _check_spelling(manager)
    _check_marks(plugin, point.value)
    found = {name: implementations for name in HOOKS if (implementations := _implementations(manager, name))}
    if not found:
        raise Misshapen(f"{point.value} implements no hook; mark its functions with @hookimpl")
    return Loaded(found)


def _sentence(error: pluggy.PluginValidationError) -> str:
    # pluggy explains over four lines, with the definition and the path; the last line says what is wrong.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    wrong = next((line for line in lines if line.startswith(("Argument", "Declared", "hookwrapper"))), "")
    return " ".join(filter(None, (lines[0].partition(" for hook ")[2] or lines[0], wrong)))


def _check_spelling(manager: pluggy.PluginManager) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError:
        unknown = sorted(
            name
            for name in vars(manager.hook)
            if not name.startswith("_") and not getattr(manager.hook, name).has_spec()
        )
        for name in unknown:
            raise Misshapen(f"there is no hook {name}{did_you_mean(name, HOOKS)}") from None
        raise


def _check_marks(plugin: object, value: str) -> None:
    for name in HOOKS:
        given = inspect.getattr_static(plugin, name, None)
        if inspect.isfunction(given) and not hasattr(given, f"{PROJECT}_impl"):
            raise Misshapen(f"{name} of {value} is not marked with @hookimpl, so nothing would call it")


def _implementations(manager: pluggy.PluginManager, hook: str) -> tuple[ImplementationCall, ...]:
    found = []
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        if implementation.wrapper or implementation.hookwrapper:
            raise Misshapen(f"{hook} is a wrapper around other plugins; write a plain implementation")
        if inspect.iscoroutinefunction(implementation.function):
            raise Misshapen(f"{hook} is `async def`; hooks are plain functions that return objects with async methods")
        found.append(_call(implementation.function, tuple(implementation.argnames)))
    return tuple(found)


def _call(function: Callable[..., Any], asked: tuple[str, ...]) -> ImplementationCall:
    def call(offered: Mapping[str, Any]) -> Any:
        return function(*[offered[name] for name in asked])

    return call
