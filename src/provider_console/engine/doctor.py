"""What is wrong and what to do: the machine's own troubles first, then the four that every administrator meets.

Each finding carries its evidence and, where something is to be done, the command that does it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final

from provider_console.console.views import CheckView, Finding, HealthState
from provider_console.core.ports import StoreUnavailable
from provider_console.engine.lane import NAMELESS
from provider_console.engine.standing import span

if TYPE_CHECKING:
    from provider_console.engine.engine import Engine

EARLIEST_WALL: Final = 1_735_689_600.0
"""2025-01-01: a clock that says less makes every certificate look wrong."""

_WORKING: Final = frozenset({HealthState.HEALTHY, HealthState.DEGRADED})


async def examine(engine: Engine) -> Sequence[Finding]:
    """Look at everything once, and probe every enabled provider."""
    checks_run = _prober(engine)  # before it checks by itself
    findings = [
        _configuration(engine),
        await _keyring(engine),
        await _database(engine),
        await _audit(engine),
        _clock(engine),
        _plugins(engine),
        _providers_found(engine),
    ]
    findings += [finding async for finding in _providers_answer(engine)]
    findings.append(_slow(engine))
    findings.append(checks_run)
    return findings


def _configuration(engine: Engine) -> Finding:
    file = engine.parts.config_file
    if engine.desk.problem is not None:
        return Finding(
            check="configuration",
            ok=False,
            evidence=engine.desk.problem,
            mend="provider-console config history, then provider-console config restore REVISION",
        )
    return Finding(check="configuration", ok=True, evidence=f"{file} is valid")


async def _keyring(engine: Engine) -> Finding:
    backend = await engine.parts.secrets.backend()
    if backend.usable:
        return Finding(check="keyring", ok=True, evidence=f"credentials are stored in {backend.name}")
    needed = sorted({lane.missing for lane in engine.catalog.lanes.values() if lane.missing})
    # Without a keyring everything works from the environment; it is a trouble only once a credential is missing.
    return Finding(
        check="keyring",
        ok=not needed,
        evidence=backend.reason,
        mend=f"export {needed[0]}=…, or start a keyring and provider-console secrets set {needed[0]}"
        if needed
        else None,
    )


async def _database(engine: Engine) -> Finding:
    try:
        await engine.parts.usage.executions(limit=1)
        await engine.recorder.flush()
    except StoreUnavailable as error:
        return Finding(check="usage database", ok=False, evidence=str(error), mend="make room, or mend the permissions")
    if engine.recorder.problem is not None:
        return Finding(
            check="usage database",
            ok=False,
            evidence=f"{engine.recorder.problem}; {engine.recorder.dropped} rows were dropped",
            mend="make room, or mend the permissions",
        )
    return Finding(check="usage database", ok=True, evidence="it can be read and written")


async def _audit(engine: Engine) -> Finding:
    try:
        verdict = await engine.parts.audit.verify()
    except StoreUnavailable as error:
        return Finding(check="audit trail", ok=False, evidence=str(error), mend="make room, or mend the permissions")
    if verdict.ok:
        return Finding(check="audit trail", ok=True, evidence=f"{verdict.rows} rows, intact")
    return Finding(
        check="audit trail",
        ok=False,
        evidence=f"row {verdict.broken_at}: {verdict.reason}",
        mend="provider-console audit verify --json",
    )


def _clock(engine: Engine) -> Finding:
    wall = engine.parts.clock.wall()
    if wall < EARLIEST_WALL:
        return Finding(check="clock", ok=False, evidence="the clock is before 2025", mend="timedatectl set-ntp true")
    return Finding(check="clock", ok=True, evidence="it is plausible")


def _plugins(engine: Engine) -> Finding:
    bad = [plugin for plugin in engine.parts.plugins.views() if plugin.state == "quarantined"]
    if bad:
        return Finding(
            check="plugins",
            ok=False,
            evidence="; ".join(f"{plugin.name}: {plugin.reason}" for plugin in bad),
            mend="provider-console plugins list --json",
        )
    return Finding(check="plugins", ok=True, evidence="every installed plugin is loaded")


def _providers_found(engine: Engine) -> Finding:
    lanes = engine.catalog.lanes.values()
    enabled = [lane for lane in lanes if lane.provider.enabled]
    if enabled:
        problems = "; ".join(engine.catalog.problems)
        return Finding(
            check="providers are found",
            ok=not problems,
            evidence=problems or f"{len(enabled)} of {len(lanes)} are enabled",
            mend="provider-console providers --include-inactive, and mend what the sentence names"
            if problems
            else None,
        )
    found = sorted(lane.provider.id for lane in lanes if not lane.provider.configured)
    return Finding(
        check="providers are found",
        ok=False,
        evidence="; ".join([f"none is enabled; found: {', '.join(found) or 'none'}", *engine.catalog.problems]),
        mend=f"provider-console providers enable {found[0]}"
        if found
        else "provider-console secrets set OPENAI_API_KEY, or add a provider to config.toml",
    )


async def _providers_answer(engine: Engine) -> AsyncIterator[Finding]:
    lanes = [lane for _, lane in sorted(engine.catalog.lanes.items()) if lane.provider.enabled]
    checks = await engine.checker.check_all(lanes)
    await engine.recorder.flush()
    for check in checks:
        good = check.state in _WORKING
        yield Finding(
            check=f"{check.provider} answers",
            ok=good,
            evidence=check.message or check.state.value,
            mend=None if good else _mend(engine, check),
        )
    if checks and not any(check.state in _WORKING for check in checks):
        yield Finding(
            check="somebody answers",
            ok=False,
            evidence="every enabled provider fails",
            mend="provider-console providers --include-inactive",
        )


def _mend(engine: Engine, check: CheckView) -> str:
    lane = engine.catalog.lanes[check.provider]
    name = lane.provider.credential
    # What a provider is configured in; a driver that no plugin gives a section to has none to name.
    section = engine.parts.plugins.driver_section.get(lane.provider.driver, "SECTION")
    if lane.missing == NAMELESS or (check.error_class == "authentication" and not name):
        return f"provider-console config set {section}.providers.{check.provider}.credential NAME"
    if lane.missing is not None or check.error_class == "authentication":
        return f"provider-console secrets set {name}"
    if check.error_class in ("network", "timeout"):
        key = f"{section}.providers.{check.provider}.base_url"
        return f"provider-console config get {key}, and see whether that address can be reached"
    return f"provider-console check {check.provider}"


def _slow(engine: Engine) -> Finding:
    threshold_s = engine.settings().engine.response_time_threshold / 1000
    now = engine.parts.clock.monotonic()
    slow = [
        name
        for name, lane in sorted(engine.catalog.lanes.items())
        if (latency_s := lane.stats.latency_s(now) or lane.history_latency_s) is not None
        and latency_s > threshold_s / 3
    ]
    if slow:
        return Finding(
            check="answers are quick",
            ok=False,
            evidence=f"{', '.join(slow)}: usually over {threshold_s / 3:.0f} s",
            mend=f"provider-console providers disable {slow[0]}, or give it the tier fallback",
        )
    return Finding(check="answers are quick", ok=True, evidence="nobody is usually slow")


def _prober(engine: Engine) -> Finding:
    prober = engine.prober
    failed = [failure for failure in engine.lifecycle.failures if "task prober " in failure]
    overdue_s = prober.overdue_s
    if failed or overdue_s is not None:
        evidence = failed[0] if failed else f"nothing was checked for {span(overdue_s or 0.0)}"
        return Finding(
            check="health checks run",
            ok=False,
            evidence=evidence,
            mend="restart the console; if it happens again, look at its log",
        )
    if not any(lane.provider.enabled for lane in engine.catalog.lanes.values()):
        evidence = "no provider is enabled, so nothing is checked"
    elif engine.checker.last_check_wall is not None:
        ago_s = max(0.0, engine.parts.clock.wall() - engine.checker.last_check_wall)
        evidence = f"the last one was {span(ago_s)} ago"
    elif prober.scheduled:
        evidence = "the first ones are under way"
    else:
        evidence = "no console is checking now; a command checks only when it is asked to"
    return Finding(check="health checks run", ok=True, evidence=evidence)
