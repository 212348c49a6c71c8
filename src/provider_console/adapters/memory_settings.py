"""The configuration in RAM, read by the same rules as the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from provider_console.adapters import toml_edit
from provider_console.adapters.environment import split_key
from provider_console.adapters.settings_file import revision_of
from provider_console.adapters.settings_text import Surroundings, read
from provider_console.adapters.settings_values import tables, values
from provider_console.core.ports.settings import (
    LoadedSettings,
    Revision,
    SettingsConflict,
    SettingsInvalid,
    SettingsProblem,
    SettingTable,
    SettingValue,
)
from provider_console.core.ports.time import Clock
from provider_console.core.settings import Settings
from provider_console.sdk.context import SettingsSection

FILE: Final = "config.toml"


class MemorySettings:
    """`SettingsStore` in RAM. A test hands in a text, or a `Settings` value that stands for one until `put`."""

    def __init__(self, settings: Settings | None = None, *, text: str = "", clock: Clock | None = None) -> None:
        self._clock = clock
        self._text = text
        self._settings: Settings | None = None
        self._uses = 0
        self._seen: tuple[str, int] | None = None
        self._revisions: list[Revision] = []
        if settings is not None:
            self.use(settings)

    def use(self, settings: Settings) -> None:
        """Let `load` give this value, as if somebody had edited the file."""
        self._uses += 1
        self._settings = msgspec.structs.replace(settings, revision=settings.revision or f"value-{self._uses}")

    def edit(self, text: str) -> None:
        """Change the text behind the console's back, as an editor does."""
        self._text, self._settings = text, None

    @property
    def _revision(self) -> str:
        return revision_of(self._text.encode()) if self._settings is None else self._settings.revision

    async def load(self, sections: Sequence[SettingsSection]) -> LoadedSettings:
        """Read and validate.

        Raises:
            SettingsInvalid: it cannot be used.
        """
        self._seen = (self._revision, self._uses)
        if self._settings is not None:
            return LoadedSettings(settings=self._settings, origins={})
        return self.validate(self._text, sections, file=FILE)

    def values(self, loaded: LoadedSettings, sections: Sequence[SettingsSection]) -> Sequence[SettingValue]:
        """Every setting in force by its dotted key."""
        return values(loaded.settings, sections)

    def tables(self, sections: Sequence[SettingsSection]) -> Sequence[SettingTable]:
        """Every kind of table of which there may be any number."""
        return tables(sections)

    async def changed(self) -> bool:
        """Whether it differs from what `load` last read."""
        return self._seen != (self._revision, self._uses)

    async def text(self) -> tuple[str, str]:
        """The text as it is, and its revision."""
        return self._text, self._revision

    def validate(self, text: str, sections: Sequence[SettingsSection], *, file: str) -> LoadedSettings:
        """What the text would mean.

        Raises:
            SettingsInvalid: it could not be used.
        """
        around = Surroundings(environ={}, overrides={})
        return read(text, sections=sections, around=around, file=file, revision=revision_of(text.encode()))

    async def put(
        self, text: str, sections: Sequence[SettingsSection], *, revision: str, author: str, reason: str
    ) -> LoadedSettings:
        """Validate and keep, if the configuration is still the one named by `revision`.

        Raises:
            SettingsInvalid, SettingsConflict
        """
        loaded = self.validate(text, sections, file=FILE)
        if revision != self._revision:
            raise SettingsConflict(f"{FILE} was changed by somebody else; look at the change and save again")
        self.edit(text)
        self._revisions.append(
            Revision(
                id=len(self._revisions) + 1,
                at=0.0 if self._clock is None else self._clock.wall(),
                author=author,
                reason=reason,
                hash=self._revision,
                text=text,
            )
        )
        return loaded

    async def edited(self, key: str, value: object, *, text: str | None = None) -> str:
        """The text, or the one given, with one dotted key set (None removes it), comments kept.

        Raises:
            SettingsInvalid: the key is not one, or the text cannot take the change.
        """
        try:
            path = split_key(key)
        except ValueError as error:
            raise SettingsInvalid(FILE, [SettingsProblem(message=str(error))]) from error
        return toml_edit.edited(self._text if text is None else text, path, value, file=FILE)

    async def revisions(self, *, limit: int = 50) -> Sequence[Revision]:
        """Newest first."""
        return self._revisions[::-1][:limit]
