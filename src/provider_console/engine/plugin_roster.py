"""What is known of each installed plugin, and how it is asked, put aside and shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from provider_console.console.views import PluginView
from provider_console.engine.plugin_barrier import Barrier, Misbehaved
from provider_console.engine.plugin_context import plugin_logger
from provider_console.engine.plugin_entry import Found, Loaded
from provider_console.sdk.context import SettingsSection
from provider_console.sdk.driver import Driver
from provider_console.sdk.hooks import Ranker
from provider_console.sdk.operation import OperationKind
from provider_console.sdk.source import Source


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin, or one implementation of a hook, was put aside."""

    plugin: str
    reason: str
    traceback: str | None = None


OnTrouble = Callable[[Trouble], None]


class Installed:
    """What is known of one entry point; `reason` None while nothing speaks against it."""

    def __init__(self, found: Found, *, disabled: bool) -> None:
        self.found = found
        self.disabled = disabled
        self.reason: str | None = None
        self.traceback: str | None = None
        self.problems: list[str] = []
        self.loaded = Loaded({})
        self.sections: dict[str, SettingsSection] = {}
        self.sources: dict[str, Source] = {}
        self.drivers: dict[str, Driver] = {}
        self.kinds: dict[str, OperationKind] = {}
        self.rankers: dict[str, Ranker] = {}
        self.themes: tuple[Path, ...] = ()
        self.provider_section: str | None = None

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def label(self) -> str:
        """How a sentence about two plugins names this one."""
        return " ".join(filter(None, (self.name, f"({self.found.package} {self.found.version})".replace("( )", ""))))

    @property
    def runs(self) -> bool:
        return self.reason is None and not self.disabled

    def view(self) -> PluginView:
        return PluginView(
            name=self.name,
            package=self.found.package,
            version=self.found.version,
            module=self.found.entry_point.value,
            state="disabled" if self.disabled else "loaded" if self.reason is None else "quarantined",
            hooks=tuple(sorted(self.loaded.hooks)),
            sources=tuple(self.sources),
            drivers=tuple(self.drivers),
            operations=tuple(self.kinds),
            settings=tuple(self.sections),
            themes=tuple(map(str, self.themes)),
            orders=tuple(self.rankers),
            reason="switched off in [plugins] disabled" if self.disabled else self.reason,
            traceback=self.traceback,
            problems=tuple(self.problems),
        )


class Roster:
    """What both phases share: the plugins, the barrier, and whom to tell."""

    def __init__(
        self, plugins: list[Installed], *, on_trouble: OnTrouble, import_s: float, hook_s: float, problems: list[str]
    ) -> None:
        self.plugins = plugins
        self.barrier = Barrier()
        self.import_s = import_s
        self.hook_s = hook_s
        self.problems = problems
        self._on_trouble = on_trouble
        self.listener: OnTrouble | None = None
        """Whom to tell as well, once there is somebody."""

    def running(self) -> list[Installed]:
        return [plugin for plugin in self.plugins if plugin.runs]

    def put_aside(
        self, plugin: Installed, fault: Misbehaved, *, before_telling: Callable[[], None] | None = None
    ) -> None:
        """Quarantine a plugin. `before_telling` brings what is in service up to date, so that nobody told sees it."""
        plugin.reason, plugin.traceback = fault.reason, fault.traceback
        if before_telling is not None:
            before_telling()
        self._tell(plugin, fault)

    def silence(self, plugin: Installed, fault: Misbehaved) -> None:
        """Note that one implementation was put aside; the rest of its plugin stays."""
        plugin.problems.append(f"{fault.reason}; it is not called again")
        self._tell(plugin, fault)

    def _tell(self, plugin: Installed, fault: Misbehaved) -> None:
        trouble = Trouble(plugin=plugin.name, reason=fault.reason, traceback=fault.traceback)
        self._on_trouble(trouble)
        if self.listener is not None:
            self.listener(trouble)

    def behind_barrier(self, plugin: Installed, doing: str, work: Callable[[], Any], limit_s: float) -> Any:
        value, printed = self.barrier.run(work, doing=doing, limit_s=limit_s)
        if printed.strip():
            plugin_logger(plugin.name).info("%s printed: %s", doing, printed)
        return value

    def ask(self, plugin: Installed, hook: str, read: Callable[[object], Any], **offered: object) -> list[Any]:
        """What each implementation of a hook returns, read and checked.

        Raises:
            Misbehaved: one of them failed.
        """
        return [
            self.behind_barrier(plugin, hook, lambda call=call: read(call(offered)), self.hook_s)  # type: ignore[misc]  # mypy infers no default of a lambda
            for call in plugin.loaded.hooks.get(hook, ())
        ]

    def views(self) -> tuple[PluginView, ...]:
        return tuple(plugin.view() for plugin in self.plugins)

    def all_problems(self) -> tuple[str, ...]:
        own = [f"the plugin {p.label} is quarantined: {p.reason}" for p in self.plugins if p.reason is not None]
        minor = [f"the plugin {p.label}: {problem}" for p in self.plugins for problem in p.problems]
        return (*self.problems, *own, *minor)

    def sections(self) -> tuple[SettingsSection, ...]:
        return tuple(section for plugin in self.running() for section in plugin.sections.values())

    def unloaded_sections(self) -> frozenset[str]:
        known = {section.name for section in self.sections()}
        absent = {name for p in self.plugins if not p.runs for name in (p.name, *p.sections)}
        return frozenset(absent - known)


class Claims:
    """Who brought which name first."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], Installed] = {}

    def claim(self, plugin: Installed, brought: Mapping[str, Collection[str]]) -> None:
        """Take every name, or none where one is taken: a plugin that is refused blocks no name."""
        claims = {(what, name): plugin for what, names in brought.items() for name in names}
        for (what, name), other in self._taken.items():
            if (what, name) in claims:
                raise Misbehaved(f"the {what} {name} of {plugin.label} is taken by {other.label}; disable one of them")
        self._taken |= claims
