"""The configuration in force: reload, edit, revisions."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from operator import attrgetter
from typing import Final

from provider_console.console.actor import actor_or
from provider_console.console.errors import (
    BadRequest,
    ConfigurationInvalid,
    Conflict,
    ConsoleError,
    NotFound,
    StorageUnavailable,
)
from provider_console.console.events import SettingsRejected, SettingsReloaded
from provider_console.console.views import ConfigView, RevisionView, SettingChange, SettingView, TableView, iso
from provider_console.core.ports.settings import (
    LoadedSettings,
    Revision,
    SettingsConflict,
    SettingsInvalid,
    SettingsStore,
    SettingTable,
    SettingValue,
)
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.core.settings import Settings
from provider_console.core.text import clean_text
from provider_console.engine.bus import Bus
from provider_console.engine.setting_changes import changes
from provider_console.engine.trial_desk import TrialDesk
from provider_console.sdk.context import SettingsSection

log = logging.getLogger(__name__)

LOOK_S: Final = 2.0
REASON: Final = 200
"""Characters of why a version was saved."""

AT_START: Final = ("network.proxy", "network.ca_file", "log.level", "plugins.disabled", "api.key_file")
"""Settings that are read once: clients, the log file, plugins and the place of keys are made with them."""


class Current:
    """The settings in force: one attribute, read on the path of every call."""

    __slots__ = ("settings",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


class SettingsDesk:
    """Holds one snapshot of the settings at a time; a change is one new snapshot, or none at all."""

    def __init__(
        self,
        store: SettingsStore,
        loaded: LoadedSettings,
        sections: Sequence[SettingsSection],
        *,
        file: str,
        clock: Clock,
        bus: Bus,
        author: str,
        applied: Callable[[Settings], Awaitable[None]],
        trials: TrialDesk,
        problem: str | None = None,
    ) -> None:
        self._store = store
        self._loaded = loaded
        self._begun_with = loaded.settings
        self._sections = tuple(sections)
        self._file = file
        self._clock = clock
        self._bus = bus
        self._author = author
        self._applied = applied
        self.trials = trials
        trials.file = self
        self.problem = problem
        """Why the file is not what is in force; None where it is."""
        self.current = Current(loaded.settings)

    @property
    def settings(self) -> Settings:
        """The settings of this moment."""
        return self.current.settings

    @property
    def waiting(self) -> tuple[str, ...]:
        """A sentence for each setting that was changed and is not yet what the console works with."""
        return tuple(
            f"{key} takes effect at the next start"
            for key in AT_START
            if attrgetter(key)(self._loaded.settings) != attrgetter(key)(self._begun_with)
        )

    async def watch(self) -> None:
        """Look at the file every 2 s until cancelled."""
        while True:
            await self._clock.sleep(LOOK_S)
            if await self._store.changed():
                await self.reload()

    async def reload(self) -> None:
        """Take the file as it is now; an invalid one leaves the last good one in force and says so."""
        try:
            loaded = await self._store.load(self._sections)
        except SettingsInvalid as error:
            if str(error) == self.problem:
                # Said once: a file that cannot even be read is tried again at each look.
                return
            self.problem = str(error)
            log.warning("the configuration cannot be used, the last good one stays in force: %s", self.problem)
            self._bus.publish(SettingsRejected(at=self._clock.wall(), problem=self.problem))
            return
        mended, self.problem = self.problem is not None, None
        await self._take(loaded, mended=mended)

    async def _take(self, loaded: LoadedSettings, *, mended: bool = False) -> None:
        changed = loaded.settings != self._loaded.settings
        self._loaded = loaded
        self.current.settings = loaded.settings
        if changed:
            await self._applied(loaded.settings)
        if changed or mended:
            log.info("the configuration of revision %s is in force", loaded.settings.revision)
            self._bus.publish(SettingsReloaded(at=self._clock.wall(), revision=loaded.settings.revision))

    async def view(self) -> ConfigView:
        """Every setting with its origin."""
        await self.trials.read()
        return self._view(self._loaded)

    async def text(self) -> tuple[str, str]:
        """The file's text and the revision it belongs to."""
        try:
            return await self._store.text()
        except SettingsInvalid as error:
            raise ConfigurationInvalid(str(error).splitlines()) from error

    async def validate(self, text: str, *, file: str) -> ConfigView:
        """What a text would mean.

        Raises:
            ConfigurationInvalid: it could not be used.
        """
        try:
            return self._view(self._store.validate(text, self._sections, file=file))
        except SettingsInvalid as error:
            raise ConfigurationInvalid(str(error).splitlines()) from error

    async def edited(self, changes: Mapping[str, object]) -> str:
        """The file's text with some keys set; nothing is saved.

        Raises:
            BadRequest, ConfigurationInvalid
        """
        text, _ = await self.text()
        key = ""
        try:
            for key, value in changes.items():
                text = await self._store.edited(key, value, text=text)
            # Only together: a lower bound may move with the upper one.
            self._store.validate(text, self._sections, file=self._file)
        except SettingsInvalid as error:
            raise _refused(error, key) from error
        return text

    async def set(self, key: str, value: object, *, within_s: float | None = None) -> ConfigView:
        """Set one key in the file, on trial for `within_s` where that is given.

        Raises:
            BadRequest, ConfigurationInvalid, Conflict, StorageUnavailable
        """
        _, revision = await self.text()
        try:
            text = await self._store.edited(key, value)
            loaded = await self._saved(text, revision=revision, reason=f"set {key}", within_s=within_s)
        except SettingsInvalid as error:
            raise _refused(error, key) from error
        return self._view(loaded)

    async def put(self, text: str, *, revision: str, reason: str, within_s: float | None = None) -> ConfigView:
        """Save a whole text, on trial for `within_s` where that is given.

        Raises:
            ConfigurationInvalid, Conflict, StorageUnavailable
        """
        try:
            reason = clean_text(reason, REASON)
            return self._view(await self._saved(text, revision=revision, reason=reason, within_s=within_s))
        except SettingsInvalid as error:
            raise ConfigurationInvalid(str(error).splitlines()) from error

    async def write_back(self, text: str, *, revision: str, reason: str) -> None:
        """Make an earlier text the one in force.

        Raises:
            ConfigurationInvalid, Conflict, StorageUnavailable
        """
        try:
            await self._written(text, revision=revision, reason=reason, author="provider-console")
        except SettingsInvalid as error:
            raise ConfigurationInvalid(str(error).splitlines()) from error

    async def _saved(self, text: str, *, revision: str, reason: str, within_s: float | None) -> LoadedSettings:
        await self.trials.refuse_another()
        if within_s is None:
            return await self._written(text, revision=revision, reason=reason, author=actor_or(self._author))
        loaded = self._store.validate(text, self._sections, file=self._file)
        before, _ = await self.text()
        on_trial = loaded.settings.revision
        await self.trials.begin(
            text_hash=on_trial, before=before, author=actor_or(self._author), reason=reason, within_s=within_s
        )
        try:
            loaded = await self._written(text, revision=revision, reason=reason, author=actor_or(self._author))
        except (ConsoleError, SettingsInvalid):
            await self.trials.end(on_trial)
            raise
        why = await self.trials.look()
        if why is not None:
            raise Conflict(f"{reason} was taken back at once: {why}")
        return loaded

    async def _written(self, text: str, *, revision: str, reason: str, author: str) -> LoadedSettings:
        try:
            loaded = await self._store.put(text, self._sections, revision=revision, author=author, reason=reason)
        except SettingsConflict as error:
            raise Conflict(str(error)) from error
        except StoreUnavailable as error:
            raise StorageUnavailable(str(error)) from error
        mended, self.problem = self.problem is not None, None
        await self._take(loaded, mended=mended)
        return loaded

    def changes(self, text: str) -> tuple[Settings, list[SettingChange]]:
        """What a text would mean, and every setting that it would change.

        Raises:
            ConfigurationInvalid
        """
        try:
            loaded = self._store.validate(text, self._sections, file=self._file)
        except SettingsInvalid as error:
            raise ConfigurationInvalid(str(error).splitlines()) from error
        now, then = (self._store.values(one, self._sections) for one in (self._loaded, loaded))
        return loaded.settings, changes(now, then)

    async def history(self, *, limit: int) -> Sequence[RevisionView]:
        """Versions, newest first."""
        try:
            revisions = await self._store.revisions(limit=limit)
        except StoreUnavailable as error:
            raise StorageUnavailable(str(error)) from error
        return [
            RevisionView(id=r.id, at=iso(r.at), author=r.author, reason=r.reason, hash=r.hash, valid=r.valid)
            for r in revisions
        ]

    async def revision_text(self, revision_id: int) -> str:
        """The text of an earlier version.

        Raises:
            NotFound: there is no such version. StorageUnavailable
        """
        return (await self._revision(revision_id)).text

    async def restore(self, revision_id: int) -> ConfigView:
        """Make an earlier version the one in force.

        Raises:
            NotFound: there is no such version. ConfigurationInvalid: it would no longer be valid. StorageUnavailable
        """
        return await self._restored(await self._revision(revision_id))

    async def _revision(self, revision_id: int) -> Revision:
        try:
            revisions = await self._store.revisions(limit=10_000)
        except StoreUnavailable as error:
            raise StorageUnavailable(str(error)) from error
        for revision in revisions:
            if revision.id == revision_id:
                return revision
        raise NotFound(
            f"there is no revision {revision_id}; provider-console config history lists them", field="revision_id"
        )

    async def _restored(self, revision: Revision) -> ConfigView:
        _, now = await self.text()
        try:
            loaded = await self._written(
                revision.text, revision=now, reason=f"restore revision {revision.id}", author=actor_or(self._author)
            )
        except SettingsInvalid as error:
            raise ConfigurationInvalid(
                [f"revision {revision.id} can no longer be used, and nothing was changed:", *str(error).splitlines()]
            ) from error
        # Whatever was on trial is not in force any more.
        await self.trials.end(now)
        return self._view(loaded)

    def _view(self, loaded: LoadedSettings) -> ConfigView:
        return ConfigView(
            revision=loaded.settings.revision,
            file=self._file,
            settings=tuple(
                setting_view(info, _origin(loaded, info.key)) for info in self._store.values(loaded, self._sections)
            ),
            tables=tuple(map(table_view, self._store.tables(self._sections))),
            problem=self.problem,
            warnings=(*loaded.warnings, *(self.waiting if loaded is self._loaded else ())),
            trial=self.trials.view,
        )


def setting_view(info: SettingValue, origin: str) -> SettingView:
    """A setting as a front end sees it."""
    return SettingView(
        key=info.key,
        value=info.value,
        default=info.default,
        origin=origin,
        unit=info.unit,
        allowed=info.allowed,
        description=info.description,
        type=info.type,
        minimum=info.minimum,
        maximum=info.maximum,
        choices=info.choices,
    )


def table_view(table: SettingTable) -> TableView:
    """A kind of table as a front end sees it."""
    fields = tuple(setting_view(info, "default") for info in table.fields)
    return TableView(key=table.key, named=table.named, fields=fields)


def _refused(error: SettingsInvalid, key: str) -> ConsoleError:
    if any(problem.line is not None and not problem.path for problem in error.problems):
        return ConfigurationInvalid(str(error).splitlines())
    # The file was fine before: what is wrong is the key or the value, and no line of the file is to blame.
    return BadRequest("\n".join(f"{p.path or key}: {p.message}" for p in error.problems), field=key)


def _origin(loaded: LoadedSettings, key: str) -> str:
    origin = loaded.origins.get(key)
    if origin is None:
        return "default"
    return origin.source if origin.line is None else f"{origin.source}:{origin.line}"
