"""Settings in `config.toml`, with the environment and the command line laid over it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from provider_console.adapters import toml_edit
from provider_console.adapters.environment import split_key
from provider_console.adapters.settings_file import (
    Content,
    Lock,
    Stamp,
    content_of,
    gone,
    replaced,
    revision_of,
    stamp_of,
)
from provider_console.adapters.settings_text import Surroundings, read
from provider_console.adapters.settings_values import tables, values
from provider_console.core.ports.settings import (
    LoadedSettings,
    Revision,
    SettingsInvalid,
    SettingsProblem,
    SettingTable,
    SettingValue,
)
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.sdk.context import SettingsSection

LOCK_WAIT_S: Final = 5.0
"""A save takes milliseconds; who holds the lock longer is stuck."""
LOCK_STEP_S: Final = 0.02

FILE_AUTHOR: Final = "file"
"""The author of a revision that was found in the file: somebody used an editor."""


class RevisionStore(Protocol):
    """Where versions of the configuration are kept."""

    async def add_revision(self, *, at: float, author: str, reason: str, hash: str, text: str, valid: bool) -> int:  # noqa: A002 - the column's name
        """Keep a version; its id."""
        ...

    async def revisions(self, *, limit: int = 50) -> Sequence[Revision]:
        """Newest first."""
        ...


class TomlSettings:
    """The settings of one console (a `SettingsStore`).

    Precedence: defaults < file < environment < command line. `overrides` are the command line's, by dotted key;
    a text among them is read like a variable of the environment. `tolerated` names tables whose plugin is not
    loaded: they are warned of instead of refused; it is looked at anew each time, so it may grow. `revisions`
    None keeps no history.
    """

    def __init__(
        self,
        file: Path,
        *,
        revisions: RevisionStore | None,
        clock: Clock,
        environ: Mapping[str, str],
        overrides: Mapping[str, object],
        tolerated: Collection[str] = (),
    ) -> None:
        self._file = file
        self._revisions = revisions
        self._clock = clock
        self._environ = dict(environ)
        self._overrides = dict(overrides)
        self._tolerated = tolerated
        self._seen: Content | None = None

    async def load(self, sections: Sequence[SettingsSection]) -> LoadedSettings:
        """Read and validate file, environment and command line; no file means defaults, unless there was one before.

        A valid text whose hash is not the newest revision's is kept as one, by author `file`.

        Raises:
            SettingsInvalid: it cannot be used; every problem is named.
        """
        content = await asyncio.to_thread(content_of, self._file)
        # An accident must not take every provider away from a console that is at work.
        lost = self._seen is not None and self._seen.data and content.stamp == Stamp()
        self._seen = content  # a text that is wrong is not read again until it changes
        if lost:
            raise gone(self._file)
        loaded = await asyncio.to_thread(self._read, content, sections, only_own=False)
        warning = await self._adopt(content)
        if warning is None:
            return loaded
        return LoadedSettings(settings=loaded.settings, origins=loaded.origins, warnings=(*loaded.warnings, warning))

    async def load_own(self) -> LoadedSettings:
        """The console's own tables only, other tables unread: for what must be known before plugins are loaded.

        Raises:
            SettingsInvalid: those tables cannot be used, or the text is not TOML.
        """
        content = await asyncio.to_thread(content_of, self._file)
        return await asyncio.to_thread(self._read, content, (), only_own=True)

    def values(self, loaded: LoadedSettings, sections: Sequence[SettingsSection]) -> Sequence[SettingValue]:
        """Every setting in force by its dotted key."""
        return values(loaded.settings, sections)

    def tables(self, sections: Sequence[SettingsSection]) -> Sequence[SettingTable]:
        """Every kind of table of which there may be any number."""
        return tables(sections)

    async def changed(self) -> bool:
        """Whether the file differs from what `load` last read; a stat where nothing happened."""
        if self._seen is None:
            return True
        stamp = await asyncio.to_thread(stamp_of, self._file)
        if stamp == self._seen.stamp:
            return False
        try:
            content = await asyncio.to_thread(content_of, self._file)
        except SettingsInvalid:
            return True
        if content.data != self._seen.data:
            return True
        self._seen = content  # touched, not changed
        return False

    async def text(self) -> tuple[str, str]:
        """The file as it is (empty where there is none), and the revision it has for `put`.

        Raises:
            SettingsInvalid: it cannot be read.
        """
        content = await asyncio.to_thread(content_of, self._file)
        return content.text(self._file), content.revision

    def validate(self, text: str, sections: Sequence[SettingsSection], *, file: str) -> LoadedSettings:
        """What the text would mean here and now, environment and command line included.

        Raises:
            SettingsInvalid: it could not be used.
        """
        return read(
            text,
            sections=sections,
            around=self._around(only_own=False),
            file=file,
            revision=revision_of(text.encode(errors="replace")),
        )

    async def put(
        self, text: str, sections: Sequence[SettingsSection], *, revision: str, author: str, reason: str
    ) -> LoadedSettings:
        """Validate and save atomically, if the file is still the one named by `revision`; keep a revision.

        A link is written through. Nothing is saved before everything is valid; on return the file is on the
        disk. Should the process die between saving and keeping the revision, the next `load` keeps it.

        Raises:
            SettingsInvalid, SettingsConflict, StoreUnavailable
        """
        loaded = await asyncio.to_thread(self.validate, text, sections, file=str(self._file))
        data = text.encode()
        lock = await self._lock()
        try:
            # The thread frees its share itself: a cancelled caller leaves no half-held lock behind.
            await asyncio.to_thread(replaced, self._file, data, revision=revision, lock=lock.shared())
            if self._revisions is not None:
                await self._revisions.add_revision(
                    at=self._clock.wall(),
                    author=author,
                    reason=reason,
                    hash=revision_of(data),
                    text=text,
                    valid=True,
                )
        finally:
            lock.free()
        return loaded

    async def edited(self, key: str, value: object, *, text: str | None = None) -> str:
        """The file's text, or the one given, with one dotted key set (None removes it), comments and order kept.

        Nothing is saved.

        Raises:
            SettingsInvalid: the key is not one, or the text cannot take the change.
        """
        try:
            path = split_key(key)
        except ValueError as error:
            raise SettingsInvalid(str(self._file), [SettingsProblem(message=str(error))]) from error
        if text is None:
            text, _ = await self.text()
        return await asyncio.to_thread(toml_edit.edited, text, path, value, file=str(self._file))

    async def revisions(self, *, limit: int = 50) -> Sequence[Revision]:
        """Newest first; none where no history is kept."""
        return () if self._revisions is None else await self._revisions.revisions(limit=limit)

    def _read(self, content: Content, sections: Sequence[SettingsSection], *, only_own: bool) -> LoadedSettings:
        return read(
            content.text(self._file),
            sections=sections,
            around=self._around(only_own=only_own),
            file=str(self._file),
            revision=content.revision,
        )

    def _around(self, *, only_own: bool) -> Surroundings:
        return Surroundings(
            environ=self._environ, overrides=self._overrides, tolerated=self._tolerated, only_own=only_own
        )

    async def _lock(self) -> Lock:
        deadline = self._clock.monotonic() + LOCK_WAIT_S
        while True:
            lock = await asyncio.to_thread(Lock.taken, self._file)
            if lock is not None:
                return lock
            if self._clock.monotonic() >= deadline:
                raise StoreUnavailable(
                    f"{self._file}: another process is saving the configuration and does not finish; "
                    "end it and try again"
                )
            await self._clock.sleep(LOCK_STEP_S)

    async def _adopt(self, content: Content) -> str | None:
        """Keep a hand-edited text as a revision; a sentence where that was not possible."""
        if self._revisions is None or not content.data:
            return None
        try:
            newest = await self._revisions.revisions(limit=1)
            if newest and newest[0].hash == content.revision:
                return None
            if await self._being_saved():
                return None  # its writer keeps the revision
            await self._revisions.add_revision(
                at=self._clock.wall(),
                author=FILE_AUTHOR,
                reason="changed outside the console",
                hash=content.revision,
                text=content.data.decode(),
                valid=True,
            )
        except StoreUnavailable as error:
            return f"this version of the configuration was not kept: {error}"
        return None

    async def _being_saved(self) -> bool:
        try:
            lock = await asyncio.to_thread(Lock.taken, self._file)
        except StoreUnavailable:
            return False  # the folder cannot be written, so nobody is writing
        if lock is None:
            return True
        lock.free()
        return False
