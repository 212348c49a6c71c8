"""The machine's own troubles: configuration, keyring, files, room, databases, clock, lock, plugins, alerts, network."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from provider_console.console.views import Finding, RevisionView
from provider_console.core.ports.settings import SettingsInvalid
from provider_console.core.ports.store import StoreUnavailable
from provider_console.engine.alert_desk import rule_views
from provider_console.engine.lane import STALE_INTERVALS
from provider_console.engine.standing import span

if TYPE_CHECKING:
    from provider_console.engine.engine import Engine

PROGRAM: Final = "provider-console"

EARLIEST_WALL: Final = 1_735_689_600.0
"""2025-01-01: a clock that says less makes every certificate look wrong."""

FUTURE_S: Final = 300.0
"""Records that are further ahead than this were written by a clock that was wrong, or this one is."""

ROOM_BYTES: Final = 200 * 1024 * 1024
"""Less room than this is gone in a busy day: 10,000 attempts take about 3 MB."""

SLOWEST_CHECKS_S: Final = 600.0
"""A provider that goes down is noticed within the interval: ten minutes of failing calls is a trouble."""

STUCK_CHECKS: Final = 200
"""The newest checks that are looked through for one that was made on schedule."""


def ok(check: str, evidence: str) -> Finding:
    """Nothing is wrong with something."""
    return Finding(check=check, ok=True, evidence=evidence)


def bad(check: str, evidence: str, mend: str) -> Finding:
    """Something is wrong, and this command mends it."""
    return Finding(check=check, ok=False, evidence=evidence, mend=mend)


async def machine_findings(engine: Engine) -> Sequence[Finding]:
    """Everything that has nothing to do with providers."""
    return [
        await _configuration(engine),
        await _keyring(engine),
        await _files(engine),
        await _room(engine),
        await _database(engine),
        await _audit(engine),
        await _clock(engine),
        await _lock(engine),
        _plugins(engine),
        await _alerts(engine),
        await _network(engine),
        await _traces(engine),
    ]


async def _configuration(engine: Engine) -> Finding:
    file = engine.parts.config_file
    if engine.desk.problem is None:
        text, _revision = await engine.desk.text()
        return ok("configuration", f"{file} is valid" if text else f"{file} is absent or empty: the defaults count")
    usable = await _last_usable(engine)
    command = f"{PROGRAM} config edit" if usable is None else f"{PROGRAM} config restore {usable.id}"
    return bad("configuration", engine.desk.problem, command)


async def _last_usable(engine: Engine) -> RevisionView | None:
    """The newest version that can still be used."""
    parts = engine.parts
    try:
        for revision in await parts.settings_store.revisions():
            try:
                parts.settings_store.validate(revision.text, parts.plugins.sections, file=parts.config_file)
            except SettingsInvalid:
                continue
            return next(view for view in await engine.desk.history(limit=50) if view.id == revision.id)
    except StoreUnavailable:
        return None
    return None


async def _keyring(engine: Engine) -> Finding:
    backend = await engine.parts.secrets.backend()
    if backend.usable:
        return ok("keyring", f"credentials are stored in {backend.name}")
    needed = sorted({lane.missing for lane in engine.catalog.lanes.values() if lane.missing and lane.provider.enabled})
    # Without a keyring everything works from the environment; it is a trouble only once a credential is missing.
    return bad("keyring", backend.reason, f"export {needed[0]}=VALUE") if needed else ok("keyring", backend.reason)


async def _files(engine: Engine) -> Finding:
    exposed = await engine.parts.machine.exposed()
    if exposed:
        words = " and ".join(exposed)
        return bad(
            "files are private", f"other users of this machine may change {words}", f"chmod go-w {shlex.join(exposed)}"
        )
    return ok("files are private", "nobody else may change the configuration or the databases")


async def _room(engine: Engine) -> Finding:
    machine = engine.parts.machine
    free = await engine.parts.machine.free_bytes()
    if free is None:
        return ok("disk space", f"how much is free in {machine.data_folder} cannot be said")
    said = f"{free // 2**20:,} MiB are free in {machine.data_folder}"
    if free >= ROOM_BYTES:
        return ok("disk space", said)
    return bad(
        "disk space", f"{said}; without room nothing is recorded", f"{PROGRAM} config set history.keep_attempts 7d"
    )


async def _database(engine: Engine) -> Finding:
    try:
        await engine.parts.usage.executions(limit=1)
        await engine.recorder.flush()
    except StoreUnavailable as error:
        return bad("usage database", str(error), _writable(engine))
    if engine.recorder.problem is not None:
        evidence = f"{engine.recorder.problem}; {engine.recorder.dropped} rows were dropped"
        return bad("usage database", evidence, _writable(engine))
    return ok("usage database", "it can be read and written")


def _writable(engine: Engine) -> str:
    return f"chmod -R u+rwX {shlex.quote(engine.parts.machine.data_folder)}"


async def _audit(engine: Engine) -> Finding:
    try:
        verdict = await engine.parts.audit.verify()
    except StoreUnavailable as error:
        return bad("audit trail", str(error), _writable(engine))
    if verdict.ok:
        return ok("audit trail", f"{verdict.rows} rows, intact")
    file = engine.parts.machine.audit_file
    # Kept for whoever has to look into it; a new trail begins beside it.
    aside = f"mv {shlex.quote(file)} {shlex.quote(f'{file}.row-{verdict.broken_at}')}"
    return bad("audit trail", f"row {verdict.broken_at}: {verdict.reason}", aside)


async def _clock(engine: Engine) -> Finding:
    wall = engine.parts.clock.wall()
    if wall < EARLIEST_WALL:
        return bad("clock", "the clock is before 2025", "timedatectl set-ntp true")
    try:
        newest = max((row.at for row in (await engine.parts.usage.latest_checks()).values()), default=0.0)
    except StoreUnavailable:
        newest = 0.0  # said by the usage database
    if newest > wall + FUTURE_S:
        ahead = f"the newest check on record is {span(newest - wall)} ahead of the clock"
        return bad("clock", ahead, "timedatectl set-ntp true")
    return ok("clock", "it is plausible")


async def _lock(engine: Engine) -> Finding:
    check = "one console checks"
    if engine.prober.probing:
        return ok(check, "this one does")
    holder = await engine.parts.machine.prober()
    if holder is None:
        return ok(check, "no console is checking now; a command checks only when it is asked to")
    who = "another console" if holder.pid is None else f"process {holder.pid}"
    silent_s = await _silence(engine)
    within_s = STALE_INTERVALS * engine.settings().health.health_check_interval / 1000
    if silent_s is None or silent_s <= within_s:
        return ok(check, f"{who} does")
    mend = f"kill {holder.pid}" if holder.pid is not None else f"fuser -k {shlex.quote(engine.parts.machine.lock_file)}"
    return bad(check, f"{who} holds the lock and has checked nothing for {span(silent_s)}: it is stuck", mend)


async def _silence(engine: Engine) -> float | None:
    """For how long no check was made on schedule; None where none is on record, or none is due."""
    if not any(lane.provider.enabled for lane in engine.catalog.lanes.values()):
        return None
    try:
        rows = await engine.parts.usage.checks(limit=STUCK_CHECKS)
    except StoreUnavailable:
        return None
    made = next((row.at for row in rows if not row.manual), None)
    return None if made is None else engine.parts.clock.wall() - made


def _plugins(engine: Engine) -> Finding:
    quarantined = [plugin for plugin in engine.parts.plugins.views() if plugin.state == "quarantined"]
    if quarantined:
        evidence = "; ".join(f"{plugin.name}: {plugin.reason}" for plugin in quarantined)
        return bad("plugins", evidence, f"{PROGRAM} plugins disable {quarantined[0].name}")
    installed = {plugin.name for plugin in engine.parts.plugins.views()}
    absent = sorted(set(engine.settings().plugins.disabled) - installed)
    if absent:
        evidence = f"[plugins] disabled names {absent[0]}, which is not installed"
        return bad("plugins", evidence, f"{PROGRAM} plugins enable {shlex.quote(absent[0])}")
    return ok("plugins", "every installed plugin is loaded, or off as you wish")


async def _alerts(engine: Engine) -> Finding:
    settings = engine.settings().alerts
    for key, arguments in (("on_alert", settings.on_alert), ("on_clear", settings.on_clear)):
        if arguments and not await engine.parts.machine.has_program(arguments[0]):
            evidence = f"alerts.{key} names {arguments[0]}, which is not a program of this machine"
            return bad("alerts", evidence, f"{PROGRAM} config set alerts.{key} --unset")
    wrong = [f"{rule.name}: {rule.problem}" for rule in rule_views(settings) if rule.problem is not None]
    if wrong:
        return bad("alerts", "; ".join(wrong), f"{PROGRAM} config edit")
    return ok("alerts", f"{sum(rule.watched for rule in rule_views(settings))} rules are watched")


async def _network(engine: Engine) -> Finding:
    file = engine.settings().network.ca_file
    if file and not await engine.parts.machine.is_file(file):
        evidence = f"network.ca_file names {file}, which cannot be read"
        return bad("authorities", evidence, f"{PROGRAM} config set network.ca_file --unset")
    return ok("authorities", f"those of {file} as well" if file else "the usual ones")


async def _traces(engine: Engine) -> Finding:
    telemetry, endpoint = engine.parts.telemetry, engine.settings().telemetry.endpoint
    if telemetry is None or not telemetry.wanted:
        return ok("traces", "executions are sent nowhere, as you wish")
    trouble = await telemetry.check()
    if trouble is not None:
        return bad("traces", f"executions cannot be sent to {endpoint}: {trouble.problem}", trouble.command)
    return ok("traces", f"executions are sent to {endpoint}")
