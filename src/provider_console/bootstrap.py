"""The only module that knows both ends: settings -> adapters -> engine -> Console."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from provider_console.adapters.clock import SystemClock, UlidIds
from provider_console.adapters.command import Commands
from provider_console.adapters.http import HttpClients
from provider_console.adapters.keyring_secrets import KeyringSecrets
from provider_console.adapters.lock import FileProberLock
from provider_console.adapters.log_file import log_to
from provider_console.adapters.machine import LocalMachine
from provider_console.adapters.memory_secrets import MemorySecrets
from provider_console.adapters.places import Places
from provider_console.adapters.redaction import Redactor
from provider_console.adapters.resolver import PinnedResolver, SystemLookup
from provider_console.adapters.sqlite import SqliteAudit, SqliteUsage
from provider_console.adapters.telemetry import TraceExport
from provider_console.adapters.toml_settings import TomlSettings
from provider_console.adapters.user import os_user
from provider_console.console.access import Identity, Role, guarded, role_of
from provider_console.console.console import Console
from provider_console.console.errors import (
    BadRequest,
    ConfigurationInvalid,
    ConsoleError,
    StorageUnavailable,
    Unauthenticated,
)
from provider_console.console.service import Service
from provider_console.console.views import PluginView
from provider_console.core.ports.settings import LoadedSettings, SettingsInvalid
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.settings import ApiSettings
from provider_console.engine.engine import GRACE_S, Engine, Parts, TokenParts, running
from provider_console.engine.engine_console import EngineConsole
from provider_console.engine.engine_service import EngineService
from provider_console.engine.lifecycle import Lifecycle
from provider_console.engine.plugin_context import Context
from provider_console.engine.plugins import GROUP, Registry, Trouble, discover
from provider_console.remote.address import Address
from provider_console.remote.connection import Connection
from provider_console.remote.remote_console import remote
from provider_console.remote.tokens import Tokens, keep_valid
from provider_console.sdk.errors import TransportError

if TYPE_CHECKING:
    from provider_console.adapters.http_wire import Wire

log = logging.getLogger(__name__)

SERVICE_GRACE_S: Final = 30.0
"""How long a server lets what runs finish; a terminal waits for five seconds."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Where the console runs: whose files, whose environment, and what the command line overrides.

    `home` is one folder for everything, as `PROVIDER_CONSOLE_HOME`. `overrides` are settings by dotted key.
    `secrets` memory: credentials are kept in this process and end with it; the system's keyring is not touched.
    `redactor` learns every credential that is loaded, so that whoever shows a defect can take them out of its words.
    """

    home: Path | None = None
    environ: Mapping[str, str] = msgspec.field(default_factory=lambda: dict(os.environ))
    overrides: Mapping[str, object] = {}
    secrets: Literal["keyring", "memory"] = "keyring"
    redactor: Redactor = msgspec.field(default_factory=Redactor)

    @property
    def places(self) -> Places:
        """The files of this console."""
        return Places.of(self.variables)

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment, with `home` in it where it is given."""
        return self.environ if self.home is None else {**self.environ, "PROVIDER_CONSOLE_HOME": str(self.home)}


@asynccontextmanager
async def open_console(
    situation: Situation | None = None, *, background: bool = True, grace_s: float = GRACE_S
) -> AsyncIterator[EngineConsole]:
    """The engine in this process, for Python code: no person, so no role and no audit rows.

    With `background` it probes, watches the configuration and refreshes the map; without, it answers and ends.

    Raises:
        ConfigurationInvalid: `config.toml` or the environment cannot be used.
    """
    async with _engine(situation or Situation(), background=background, grace_s=grace_s) as engine:
        yield EngineConsole(engine)


@asynccontextmanager
async def open_front_end(
    front_end: str,
    situation: Situation | None = None,
    *,
    role: Role | None = None,
    background: bool = True,
    grace_s: float = GRACE_S,
    repair: bool = False,
    local: bool = False,
    beside: Callable[[Console], Coroutine[Any, Any, None]] | None = None,
) -> AsyncIterator[Console]:
    """The engine in this process as a person may use it: held to the OS user's role, and audited.

    With `repair`, a configuration that cannot be used leaves the last good one in force, so that it can be mended.
    With `local` no source is asked that asks elsewhere: the map has what is configured, and keys that are there.
    `beside` is work of the program's own on the same engine, such as the sandbox's requests: without a person, so
    without a role and audit rows; it is cancelled at the end.

    Raises:
        ConfigurationInvalid, Forbidden
    """
    situation = situation or Situation()
    async with _engine(situation, background=background, grace_s=grace_s, repair=repair, local=local) as engine:
        user = os_user()
        identity = Identity(actor=user, role=role_of(user, engine.settings().access, wanted=role), front_end=front_end)
        own = EngineConsole(engine)
        company = None if beside is None else engine.lifecycle.start(beside(own), f"beside the {front_end}")
        try:
            yield guarded(own, engine.parts.audit, identity)
        finally:
            if company is not None:
                company.cancel()


@asynccontextmanager
async def open_service(
    situation: Situation | None = None, *, grace_s: float = SERVICE_GRACE_S, repair: bool = False
) -> AsyncIterator[Service]:
    """The engine in this process for a server: whoever comes is known by a token.

    Raises:
        ConfigurationInvalid; Forbidden: the OS user is not in `[access]`.
    """
    async with _engine(situation or Situation(), background=True, grace_s=grace_s, repair=repair) as engine:
        role_of(os_user(), engine.settings().access)
        yield EngineService(engine)


@asynccontextmanager
async def open_remote(
    address: Address, tokens: Tokens, *, situation: Situation | None = None, ca_file: Path | None = None
) -> AsyncIterator[Console]:
    """The console of an engine elsewhere, as its token may use it; the token is renewed for as long as this is open.

    Raises:
        Unauthenticated: there is no token, or it is refused. ConsoleError: the CA file cannot be used.
    """
    situation = situation or Situation()
    redactor, clock, rng = situation.redactor, SystemClock(), random.Random()  # noqa: S311 - jitter, no cryptography
    token = await tokens.find()
    if token is None:
        raise Unauthenticated(
            f"there is no token for {address.url}; leave the console and start it again, which asks for one"
        )
    redactor.add(token)
    tokens.tell(redactor.add)
    level = str(situation.overrides.get("log.level", "info"))
    with log_to(situation.places, level=level, redactor=redactor, environ=situation.variables):
        wire = await _wire(address, clock, ca_file)
        connection = Connection(address, wire, token)
        console = remote(connection, clock, spread=rng.random)
        try:
            async with Lifecycle() as lifecycle:
                lifecycle.start(
                    keep_valid(console, connection, tokens, clock, spread=rng.random), "renewal of the token"
                )
                yield console
        except Unauthenticated:
            await tokens.forget(connection.token)
            raise
        finally:
            await wire.aclose()


async def _wire(address: Address, clock: SystemClock, ca_file: Path | None) -> Wire:
    # In a thread: loading the HTTP library and reading certificates take 0.2 s, in which keys must be answered.
    module = await asyncio.to_thread(import_module, "provider_console.adapters.http_wire")
    try:
        context = await asyncio.to_thread(module.tls_context, ca_file)
    except TransportError as error:
        raise ConsoleError(error.message) from error
    resolver = PinnedResolver("loopback", plain=True, lookup=SystemLookup(clock)) if address.plain else None
    wire: Wire = module.Wire(resolver=resolver, context=context, proxy=None)
    return wire


@asynccontextmanager
async def _engine(
    situation: Situation, *, background: bool, grace_s: float, repair: bool = False, local: bool = False
) -> AsyncIterator[Engine]:
    places, environ = situation.places, situation.variables
    clock = SystemClock()
    redactor = situation.redactor
    quarantines = _Quarantines(redactor)
    usage = SqliteUsage(places.console_db, clock=clock)
    stack = ExitStack()
    try:
        tolerated: set[str] = set()
        settings_store = TomlSettings(
            places.config_file,
            revisions=usage,
            clock=clock,
            environ=environ,
            overrides=situation.overrides,
            tolerated=tolerated,
        )
        try:
            registry, loaded, problem = await _configured(
                settings_store, usage, tolerated, file=str(places.config_file), quarantines=quarantines, repair=repair
            )
        except SettingsInvalid as error:
            raise ConfigurationInvalid(str(error).splitlines()) from error
        except StoreUnavailable as error:
            raise StorageUnavailable(str(error)) from error
        secrets = (
            KeyringSecrets(index=usage, clock=clock, environ=environ, on_loaded=redactor.add)
            if situation.secrets == "keyring"
            else MemorySecrets(environment=environ, clock=clock, index=usage, on_loaded=redactor.add)
        )
        network = loaded.settings.network
        http = HttpClients(
            clock=clock,
            proxy=network.proxy or None,
            ca_file=Path(network.ca_file) if network.ca_file else None,
            credentials=secrets.get,
        )
        journal = stack.enter_context(
            log_to(places, level=loaded.settings.log.level, redactor=redactor, environ=environ)
        )
        quarantines.log_file_is_open()
        live: list[Engine] = []
        # In a thread: a hook that hangs costs its plugin, not the loop.
        plugins = await asyncio.to_thread(
            registry.start,
            lambda name: Context(
                name,
                own=registry.sections_of(name),
                current=lambda: (live[0].settings() if live else loaded.settings).sections,
                secrets=secrets,
                http=http,
            ),
        )
        telemetry = TraceExport(
            lambda: live[0].settings() if live else loaded.settings,
            http=http,
            secrets=secrets,
            clock=clock,
            rng=random.Random(),  # noqa: S311 - jitter, no cryptography
        )
        parts = Parts(
            clock=clock,
            rng=random.Random(),  # noqa: S311 - jitter, no cryptography
            ids=UlidIds(clock, rng=random.SystemRandom()),
            http=http,
            secrets=secrets,
            usage=usage,
            audit=SqliteAudit(places.audit_db, clock=clock, key=secrets.audit_key),
            settings_store=settings_store,
            loaded=loaded,
            lock=FileProberLock(places.lock),
            plugins=plugins,
            bell=Commands(environ),
            machine=LocalMachine(places),
            config_file=str(places.config_file),
            problem=problem,
            author=os_user(),
            redact=redactor.redact,
            journal=journal,
            telemetry=telemetry,
            local=local,
            tokens=lambda: _token_parts(
                lambda: (live[0].settings() if live else loaded.settings).api,
                secrets=secrets,
                usage=usage,
                clock=clock,
                http=http,
            ),
        )
        async with running(parts, background=background, grace_s=grace_s) as engine:
            live.append(engine)
            try:
                yield engine
            except ConsoleError:
                raise
            except Exception:
                # A defect: whoever holds the console says it in a sentence, the log file has the rest.
                log.exception("a front end failed")
                raise
    finally:
        stack.close()
        await usage.close()


def _token_parts(
    settings: Callable[[], ApiSettings],
    *,
    secrets: KeyringSecrets | MemorySecrets,
    usage: SqliteUsage,
    clock: SystemClock,
    http: HttpClients,
) -> TokenParts:
    # Only now: few commands make a token or look at one, and PyJWT takes 0.1 s to load.
    from provider_console.adapters.jwks_tokens import JwksTokens
    from provider_console.adapters.jwt_tokens import JwtTokens
    from provider_console.adapters.token_keys import FileTokenKeys, KeyringTokenKeys

    file = settings().key_file
    keys = FileTokenKeys(Path(file).expanduser()) if file else KeyringTokenKeys(secrets)
    return TokenParts(
        store=usage.tokens,
        signer=JwtTokens(keys, clock=clock),
        trusted=JwksTokens(settings, http=http, clock=clock),
    )


async def _configured(
    store: TomlSettings, usage: SqliteUsage, tolerated: set[str], *, file: str, quarantines: _Quarantines, repair: bool
) -> tuple[Registry, LoadedSettings, str | None]:
    """The plugins and the settings; with `repair`, the last good ones and what is wrong with the file.

    Raises:
        SettingsInvalid, StoreUnavailable
    """
    problem: SettingsInvalid | None = None
    disabled: tuple[str, ...] = ()
    try:
        disabled = (await store.load_own()).settings.plugins.disabled
    except SettingsInvalid as error:
        problem = error
    registry = await asyncio.to_thread(discover, disabled, on_trouble=quarantines)
    tolerated.update(registry.unloaded_sections)
    if problem is None:
        try:
            return registry, await store.load(registry.sections), None
        except SettingsInvalid as error:
            problem = error
    if not repair:
        raise problem
    last = await usage.newest_valid()
    return registry, store.validate("" if last is None else last.text, registry.sections, file=file), str(problem)


async def check_plugins(folder: Path) -> Sequence[PluginView]:
    """The plugins of a project's folder, as the console would load them; their code runs.

    Nothing is installed, and they get no settings, no credentials and no network.

    Raises:
        BadRequest: there is no plugin in it.
    """
    points = await asyncio.to_thread(_entry_points, folder)
    clock, names = SystemClock(), {point.name for point in points}

    def look() -> Sequence[PluginView]:
        sys.path[:0] = [str(path) for path in (folder / "src", folder) if path.is_dir()]
        # Beside the installed ones, for a name that one of them has already.
        installed = [point for point in metadata.entry_points(group=GROUP) if point.name not in names]
        registry = discover((), on_trouble=lambda _: None, entry_points=lambda: [*installed, *points])
        secrets, http = MemorySecrets(clock=clock), HttpClients(clock=clock)
        plugins = registry.start(
            lambda name: Context(name, own=registry.sections_of(name), current=dict, secrets=secrets, http=http)
        )
        return [view for view in plugins.views() if view.name in names]

    return await asyncio.to_thread(look)


def _entry_points(folder: Path) -> list[metadata.EntryPoint]:
    file = folder / "pyproject.toml"
    try:
        project = tomllib.loads(file.read_text("utf-8")).get("project", {})
        named = project.get("entry-points", {}).get(GROUP, {})
        points = [metadata.EntryPoint(name, str(value), GROUP) for name, value in named.items()]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, AttributeError) as error:
        raise BadRequest(f"{file} cannot be read: {error}", field="plugin") from error
    if not points:
        raise BadRequest(f'{file} names no plugin in [project.entry-points."{GROUP}"]', field="plugin")
    return points


class _Quarantines:
    """Logs what happens to plugins; what happened before there was a log file waits for it."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._waiting: list[Trouble] | None = []

    def __call__(self, trouble: Trouble) -> None:
        if self._waiting is None:
            log.warning("plugin %s is quarantined: %s", trouble.plugin, self._redactor.redact(trouble.reason))
        else:
            self._waiting.append(trouble)

    def log_file_is_open(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for trouble in waiting:
            self(trouble)


__all__ = ["Situation", "check_plugins", "open_console", "open_front_end", "open_remote", "open_service"]
