"""Plugins: found by entry point, loaded one by one behind a barrier, and put aside with a reason where they fail.

Two phases, because the configuration is checked with the plugins' own section types before any context exists:
`discover` imports and asks for settings sections, `Registry.start` asks for everything else.

pluggy's own loading is not used: `load_setuptools_entrypoints` ends the program for one broken plugin, one
raising implementation loses the whole call of its hook, and a misspelt hook is silent until `check_pending`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from provider_console.console.views import PluginView
from provider_console.engine import plugin_shape as shape
from provider_console.engine.plugin_barrier import Misbehaved, misbehaviour
from provider_console.engine.plugin_entry import GROUP, ImplementationCall, found_plugins, load
from provider_console.engine.plugin_roster import Claims, Installed, OnTrouble, Roster, Trouble
from provider_console.sdk.context import PluginContext, SettingsSection
from provider_console.sdk.driver import Driver
from provider_console.sdk.errors import ErrorClass
from provider_console.sdk.hooks import Ranker
from provider_console.sdk.operation import OperationKind
from provider_console.sdk.source import Source

__all__ = ["GROUP", "ClassifyHook", "OnTrouble", "Plugins", "Registry", "Trouble", "discover"]

IMPORT_S: Final = 10.0
"""For an import, on a cold disk too: the slowest of ours, with its libraries, takes 0.4 s."""

HOOK_S: Final = 5.0
"""For one hook; hooks make objects and ask nobody."""

FIRST: Final = ("translation", "dynamic_ai", "system_secrets")
"""Field by field the first source with a value wins: what the administrator wrote goes before what was found."""

T = TypeVar("T")

ClassifyHook = Callable[[Exception], ErrorClass | None]


def discover(
    disabled: Collection[str],
    *,
    on_trouble: OnTrouble,
    entry_points: Callable[[], Iterable[metadata.EntryPoint]] | None = None,
    import_s: float = IMPORT_S,
    hook_s: float = HOOK_S,
) -> Registry:
    """Import every installed plugin that is not disabled by its entry point's name, and ask for its settings.

    Whatever a plugin does, this returns; a fault costs at most `import_s` and `hook_s` seconds. Call it outside
    the event loop. `entry_points` None: those installed in the group `provider_console.plugins`.
    """
    found, problems = found_plugins(entry_points, first=FIRST)
    names = {plugin.name for plugin in found}
    problems += [f"[plugins] disabled names {name!r}, which is not installed" for name in disabled if name not in names]
    roster = Roster(
        [Installed(plugin, disabled=plugin.name in disabled) for plugin in found],
        on_trouble=on_trouble,
        import_s=import_s,
        hook_s=hook_s,
        problems=problems,
    )
    claims = Claims()
    with roster.barrier.quiet():
        for plugin in roster.running():
            try:
                _load(roster, plugin, claims)
            except Misbehaved as fault:
                roster.put_aside(plugin, fault)
    return Registry(roster)


def _load(roster: Roster, plugin: Installed, claims: Claims) -> None:
    if plugin.found.fault is not None:
        raise Misbehaved(plugin.found.fault)
    claims.claim(plugin, {"name": (plugin.name,)})
    point = plugin.found.entry_point
    plugin.loaded = roster.behind_barrier(plugin, f"import of {point.value}", lambda: load(point), roster.import_s)
    for sections in roster.ask(plugin, "provider_console_settings", shape.sections):
        _join(plugin.sections, sections, "settings section")
    claims.claim(plugin, {"settings section": plugin.sections})
    if plugin.sections:
        types = tuple(plugin.sections.values())
        plugin.provider_section = roster.behind_barrier(
            plugin, "provider_console_settings", lambda: shape.provider_section(types), roster.hook_s
        )


class Registry:
    """Plugins that are imported and have not been handed a context yet."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    @property
    def sections(self) -> tuple[SettingsSection, ...]:
        """The settings sections to check the configuration with."""
        return self._roster.sections()

    @property
    def unloaded_sections(self) -> frozenset[str]:
        """Names of sections whose plugin is off: what is known of it, and the entry point's own name."""
        return self._roster.unloaded_sections()

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about everything that is not as it should be."""
        return self._roster.all_problems()

    def sections_of(self, plugin: str) -> tuple[str, ...]:
        """The section names of one plugin, for its context."""
        return tuple(name for p in self._roster.running() if p.name == plugin for name in p.sections)

    def views(self) -> tuple[PluginView, ...]:
        """Every installed plugin."""
        return self._roster.views()

    def start(self, context_for: Callable[[str], PluginContext]) -> Plugins:
        """Hand each plugin its context, made by `context_for(plugin name)`, and collect what it brings."""
        roster = self._roster
        claims = Claims()
        with roster.barrier.quiet():
            for plugin in roster.running():
                context = context_for(plugin.name)
                try:
                    _collect(roster, plugin, context)
                    claims.claim(
                        plugin,
                        {
                            "source": plugin.sources,
                            "driver": plugin.drivers,
                            "operation kind": plugin.kinds,
                            "order": plugin.rankers,
                        },
                    )
                except Misbehaved as fault:
                    roster.put_aside(plugin, fault)
        return Plugins(roster)


def _collect(roster: Roster, plugin: Installed, context: PluginContext) -> None:
    for sources in roster.ask(plugin, "provider_console_sources", shape.sources, context=context):
        _join(plugin.sources, sources, "source")
    for drivers in roster.ask(plugin, "provider_console_drivers", shape.drivers, context=context):
        _join(plugin.drivers, drivers, "driver")
    for kinds in roster.ask(plugin, "provider_console_operations", shape.kinds):
        _join(plugin.kinds, kinds, "operation kind")
    for rankers in roster.ask(plugin, "provider_console_rankers", shape.rankers):
        _join(plugin.rankers, rankers, "order")
    for themes, problems in roster.ask(plugin, "provider_console_themes", shape.themes):
        plugin.themes += themes
        plugin.problems += problems


def _join(known: dict[str, Any], more: Mapping[str, Any], what: str) -> None:
    for name in more:
        if name in known:
            raise Misbehaved(f"it brings the {what} {name} twice")
    known.update(more)


class Plugins:
    """What the loaded plugins bring. The mappings are read-only and replaced when a plugin is put aside."""

    sources: Mapping[str, Source]
    drivers: Mapping[str, Driver]
    driver_section: Mapping[str, str]
    """Driver -> the settings section of its plugin that holds a mapping `providers`, where there is one."""
    kinds: Mapping[str, OperationKind]
    rankers: Mapping[str, Ranker]
    sections: tuple[SettingsSection, ...]
    themes: tuple[Path, ...]
    classify_hooks: Sequence[ClassifyHook]
    source_plugin: Mapping[str, str]
    driver_plugin: Mapping[str, str]

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._silenced: set[object] = set()
        self._publish()

    @property
    def unloaded_sections(self) -> frozenset[str]:
        """Names of sections whose plugin is off: what is known of it, and the entry point's own name."""
        return self._roster.unloaded_sections()

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about everything that is not as it should be."""
        return self._roster.all_problems()

    def views(self) -> tuple[PluginView, ...]:
        """Every installed plugin."""
        return self._roster.views()

    def quarantine(self, plugin: str, reason: str, traceback: str | None = None) -> bool:
        """Take a plugin and all it brought out of service; False where no such plugin is in service."""
        for known in self._roster.running():
            if known.name == plugin:
                self._roster.put_aside(known, Misbehaved(reason, traceback), before_telling=self._publish)
                return True
        return False

    def hear(self, listener: OnTrouble) -> None:
        """Tell somebody of each plugin, and each implementation of a hook, that is put aside from now on."""
        self._roster.listener = listener

    @property
    def listens(self) -> bool:
        """Whether any plugin wants to hear of events."""
        return bool(self._listeners)

    def notify(self, event: object) -> None:
        """Hand an event to every plugin that listens; one that raises is not called again."""
        for plugin, call in self._listeners:
            work = partial(_told, call, event)
            self._inline(plugin, "provider_console_on_event", call, work)

    def _inline(self, plugin: Installed, doing: str, key: object, work: Callable[[], T]) -> T | None:
        """Run foreign code in this thread: it is called too often, and too near to the loop, for one of its own."""
        if key in self._silenced or not plugin.runs:
            return None
        try:
            return work()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the plugin barrier
            self._silenced.add(key)
            self._publish()
            self._roster.silence(plugin, misbehaviour(error, doing))
            return None

    def _publish(self) -> None:
        running = self._roster.running()
        self.sources = _merged((p.sources for p in running), FIRST)
        self.drivers = _merged(p.drivers for p in running)
        self.kinds = _merged(p.kinds for p in running)
        self.sections = self._roster.sections()
        self.themes = tuple(theme for p in running for theme in p.themes)
        self.source_plugin = _merged(dict.fromkeys(p.sources, p.name) for p in running)
        self.driver_plugin = _merged(dict.fromkeys(p.drivers, p.name) for p in running)
        self.driver_section = _merged(
            dict.fromkeys(p.drivers, p.provider_section) for p in running if p.provider_section is not None
        )
        self.rankers = _merged(
            {name: self._guarded_ranker(p, name, ranker) for name, ranker in p.rankers.items()} for p in running
        )
        self.classify_hooks = tuple(
            self._guarded_classify(plugin, call) for plugin, call in self._live("provider_console_classify")
        )
        self._listeners = self._live("provider_console_on_event")

    def _live(self, hook: str) -> tuple[tuple[Installed, ImplementationCall], ...]:
        return tuple(
            (plugin, call)
            for plugin in self._roster.running()
            for call in plugin.loaded.hooks.get(hook, ())
            if call not in self._silenced
        )

    def _guarded_classify(self, plugin: Installed, call: ImplementationCall) -> ClassifyHook:
        def classify(error: Exception) -> ErrorClass | None:
            return self._inline(
                plugin, "provider_console_classify", call, lambda: shape.error_class(call({"error": error}))
            )

        return classify

    def _guarded_ranker(self, plugin: Installed, name: str, ranker: Ranker) -> Ranker:
        def ranked(provider: Any, *, score: float) -> tuple[float, ...]:
            key = self._inline(
                plugin, f"ranker {name}", (plugin.name, name), lambda: shape.rank(ranker(provider, score=score))
            )
            # Put aside in the middle of a decision: by score, which every order can be compared with.
            return (-score,) if key is None else key

        return ranked


def _merged(parts: Iterable[Mapping[str, Any]], first: Sequence[str] = ()) -> MappingProxyType[str, Any]:
    everything = {name: value for part in parts for name, value in part.items()}
    ordered = sorted(everything, key=lambda name: (first.index(name) if name in first else len(first), name))
    return MappingProxyType({name: everything[name] for name in ordered})


def _told(call: ImplementationCall, event: object) -> None:
    shape.no_coroutine(call({"event": event}))
