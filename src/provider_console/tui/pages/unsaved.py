"""What somebody changed and has not saved: by key, and what that makes of the file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from provider_console.console.views import ConfigImpact, SettingView
from provider_console.tui.pages.values import same
from provider_console.tui.pages.words import plural

ABSENT: Final = object()
"""In place of a value: the file says nothing of it."""


@dataclass(frozen=True, slots=True)
class Written:
    """The configuration file as it was read: its text, its revision, and what it says by dotted key."""

    text: str = ""
    revision: str = ""
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, text: str, revision: str) -> Written:
        """A text with its revision; one that is no TOML says nothing."""
        try:
            tables = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError):
            tables = {}
        return cls(text, revision, MappingProxyType(tables))

    def value(self, key: str) -> Any:
        """What the file says of a setting, `ABSENT` where it says nothing."""
        step: Any = self.values
        for part in key.split("."):
            if not isinstance(step, Mapping) or part not in step:
                return ABSENT
            step = step[part]
        return step


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Changes by dotted key (None takes the key out), or a whole text `edited` by hand, made on `base`.

    `text` is the file with all of them, `impact` what that would change, `problem` why it could not be used; all three
    are None until the console has said so.
    """

    changes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    base: Written = field(default_factory=Written)
    edited: str | None = None
    text: str | None = None
    impact: ConfigImpact | None = None
    problem: str | None = None

    def __bool__(self) -> bool:
        return bool(self.changes) or self.edited is not None

    def with_change(self, setting: SettingView, value: Any, base: Written) -> Unsaved:
        """One more change; one that leaves the file as it is takes back the one before."""
        changes = {key: each for key, each in self.changes.items() if key != setting.key}
        there = base.value(setting.key)
        unchanged = value is None or same(value, setting.default) if there is ABSENT else same(value, there)
        if not unchanged:
            changes[setting.key] = value
        if not changes:
            return Unsaved()
        return Unsaved(MappingProxyType(changes), self.base if self.changes else base)

    def without(self, key: str) -> Unsaved:
        """The same, but for one change that is put back."""
        changes = {name: each for name, each in self.changes.items() if name != key}
        return (
            replace(self, changes=MappingProxyType(changes), text=None, impact=None, problem=None)
            if changes
            else Unsaved()
        )

    def with_tables(self, made: Mapping[str, Any], base: Written) -> Unsaved:
        """Whole tables, lists of them or parts set or removed: what was changed beneath them before is forgotten."""
        base = self.base if self.changes else base
        under = tuple(f"{one}." for one in made)
        changes = {key: value for key, value in self.changes.items() if not f"{key}.".startswith(under)}
        for key, value in made.items():
            there = base.value(key)
            unchanged = value is None if there is ABSENT else same(value, there)
            if not unchanged:
                changes[key] = value
        return Unsaved(MappingProxyType(changes), base) if changes else Unsaved()

    def outcome(self, key: str) -> Any:
        """What a changed setting would be; `ABSENT` where it is not changed. None: it, or the table it is in, goes."""
        if key in self.changes:
            return self.changes[key]
        return None if self.changed_by(key) else ABSENT

    def changed_by(self, key: str) -> str | None:
        """The change that a setting is part of: its own, or that of a table it is in."""
        while key and key not in self.changes:
            key = key.rpartition(".")[0]
        return key or None

    def found(self, text: str, impact: ConfigImpact) -> Unsaved:
        """The same, with what it makes of the file."""
        return replace(self, text=text, impact=impact, problem=None)

    def refused(self, problem: str) -> Unsaved:
        """The same, with why it could not be used."""
        return replace(self, text=None, impact=None, problem=problem)

    def both(self, now: Written) -> list[str]:
        """The keys that somebody else changed meanwhile, too."""
        return [key for key in self.changes if self.base.value(key) != now.value(key)]

    @property
    def said(self) -> str:
        """How many changes there are, in words."""
        return "A new text" if self.edited is not None else plural(len(self.changes), "change")

    def sections(self) -> frozenset[str]:
        """The sections in which something is not saved."""
        return frozenset(key.partition(".")[0] for key in self.changes)


def reason(changes: Mapping[str, Any]) -> str:
    """What a revision is saved as.

    >>> reason({"engine.order": "score"}), reason({"a.b": 1, "a.c": 2, "a.d": 3, "a.e": 4})
    ('set engine.order', 'set a.b, a.c, a.d and 1 more')
    """
    keys = list(changes)
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return f"set {', '.join(keys[:3])}{more}" if keys else "edit"
