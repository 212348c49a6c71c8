"""The configuration, its revisions, and the table of settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from provider_console.core.settings import Settings
from provider_console.sdk.context import SettingsSection


class SettingsProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a configuration. `line` and `column` count from 1; None where the place is not known."""

    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None


class SettingsInvalid(Exception):
    """A configuration cannot be used; `problems` says all that is wrong, `file` where."""

    def __init__(self, file: str, problems: Sequence[SettingsProblem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("\n".join(_sentence(file, problem) for problem in problems))


def _sentence(file: str, problem: SettingsProblem) -> str:
    place = (
        "" if problem.line is None else f":{problem.line}" + ("" if problem.column is None else f":{problem.column}")
    )
    key = f"{problem.path}: " if problem.path else ""
    return f"{file}{place}: {key}{problem.message}"


class SettingsConflict(Exception):
    """Somebody else changed the configuration since it was read."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a value came from: `default`, `config.toml`, an environment name, or `command line`."""

    source: str
    line: int | None = None


class LoadedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and where each value came from, by dotted key. `warnings` are sentences."""

    settings: Settings
    origins: Mapping[str, Origin]
    warnings: tuple[str, ...] = ()


class SettingValue(msgspec.Struct, frozen=True, kw_only=True):
    """One setting in force. `allowed` says in words what it may be."""

    key: str
    value: Any
    default: Any
    unit: str | None = None
    allowed: str = ""
    description: str = ""
    type: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str | int, ...] = ()


class SettingTable(msgspec.Struct, frozen=True, kw_only=True):
    """Tables of which there may be any number: each by its name where they are `named`, else one after the other.

    `fields` are the settings of one of them, by their keys within it, with their defaults as values.
    """

    key: str
    named: bool
    fields: tuple[SettingValue, ...]


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the configuration. `text` is the whole file."""

    id: int
    at: float
    author: str
    reason: str
    hash: str
    text: str
    valid: bool = True


class SettingsStore(Protocol):
    """The configuration file with its revisions."""

    async def load(self, sections: Sequence[SettingsSection]) -> LoadedSettings:
        """Read and validate the file, the environment and the command line.

        Raises:
            SettingsInvalid: it cannot be used.
        """
        ...

    def values(self, loaded: LoadedSettings, sections: Sequence[SettingsSection]) -> Sequence[SettingValue]:
        """Every setting in force by its dotted key."""
        ...

    def tables(self, sections: Sequence[SettingsSection]) -> Sequence[SettingTable]:
        """Every kind of table of which there may be any number."""
        ...

    async def changed(self) -> bool:
        """Whether the file differs (time of change, then hash) from what `load` last read."""
        ...

    async def text(self) -> tuple[str, str]:
        """The file as it is (empty where there is none), and the revision it has for `put`.

        Raises:
            SettingsInvalid: it is no text.
        """
        ...

    def validate(self, text: str, sections: Sequence[SettingsSection], *, file: str) -> LoadedSettings:
        """What the text would mean.

        Raises:
            SettingsInvalid: it could not be used.
        """
        ...

    async def put(
        self, text: str, sections: Sequence[SettingsSection], *, revision: str, author: str, reason: str
    ) -> LoadedSettings:
        """Validate and save atomically, if the file is still the one named by `revision`; keep a revision.

        Raises:
            SettingsInvalid, SettingsConflict, StoreUnavailable
        """
        ...

    async def edited(self, key: str, value: object, *, text: str | None = None) -> str:
        """The file's text, or the one given, with one dotted key set (None removes it), comments kept."""
        ...

    async def revisions(self, *, limit: int = 50) -> Sequence[Revision]:
        """Newest first."""
        ...
