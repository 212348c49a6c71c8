"""What is wrong and what to do: the machine's own troubles first, then the four that every administrator meets.

Each finding carries its evidence and, where something is to be done, the one command that does it. A word in capitals
stands for what only the reader knows.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from provider_console.console.views import CheckView, Finding, HealthState
from provider_console.core.nearest import nearest
from provider_console.engine.doctor_machine import PROGRAM, SLOWEST_CHECKS_S, bad, machine_findings, ok
from provider_console.engine.lane import NAMELESS
from provider_console.engine.standing import span

if TYPE_CHECKING:
    from provider_console.engine.engine import Engine

_WORKING: Final = frozenset({HealthState.HEALTHY, HealthState.DEGRADED})


async def examine(engine: Engine) -> Sequence[Finding]:
    """Look at everything once, and probe every enabled provider."""
    checks_run = _checks_run(engine)  # before it checks by itself
    findings = [*await machine_findings(engine), _providers_found(engine)]
    findings += [finding async for finding in _providers_answer(engine)]
    findings.append(_slow(engine))
    findings.append(checks_run)
    return findings


# --- provider not found --------------------------------------------------------------------------------------


def _providers_found(engine: Engine) -> Finding:
    check = "providers are found"
    lanes = engine.catalog.lanes.values()
    enabled = [lane for lane in lanes if lane.provider.enabled]
    problems = "; ".join(engine.catalog.problems)
    misspelt = _misspelt(engine)
    if misspelt is not None:
        return bad(check, problems, misspelt)
    if enabled:
        if problems:
            return bad(check, problems, f"{PROGRAM} cache clear")
        return ok(check, f"{len(enabled)} of {len(lanes)} are enabled")
    found = sorted(lane.provider.id for lane in lanes if not lane.provider.configured)
    off = sorted(lane.provider.id for lane in lanes if lane.provider.configured)
    said = f"none is enabled; configured: {', '.join(off) or 'none'}; found: {', '.join(found) or 'none'}"
    evidence = "; ".join([said, *engine.catalog.problems])
    if off or found:
        return bad(check, evidence, f"{PROGRAM} providers enable {(off or found)[0]}")
    return bad(check, evidence, f"{PROGRAM} config edit")


def _misspelt(engine: Engine) -> str | None:
    """The command for a configured provider whose driver nobody brings: a plugin that is off, or a slip."""
    drivers = engine.parts.plugins.drivers
    for section, value in sorted(engine.settings().sections.items()):
        for name, table in sorted(_tables(value).items()):
            driver = getattr(table, "driver", None)
            if not isinstance(driver, str) or driver in drivers:
                continue
            meant = nearest(driver, drivers)
            if meant is not None:
                return f"{PROGRAM} config set {section}.providers.{name}.driver {meant}"
            return f"{PROGRAM} config set {section}.providers.{name} --unset"
    return None


def _tables(section: Any) -> dict[str, Any]:
    providers = getattr(section, "providers", None)
    return dict(providers) if isinstance(providers, dict) else {}


# --- all providers failing -----------------------------------------------------------------------------------


async def _providers_answer(engine: Engine) -> AsyncIterator[Finding]:
    lanes = [lane for _, lane in sorted(engine.catalog.lanes.items()) if lane.provider.enabled]
    checks = await engine.checker.check_all(lanes)
    await engine.recorder.flush()
    can_store = (await engine.parts.secrets.backend()).usable
    mends = {one.provider: _mend(engine, one, can_store=can_store, alone=len(checks) == 1) for one in checks}
    for one in checks:
        name, evidence = f"{one.provider} answers", one.message or one.state.value
        yield ok(name, evidence) if one.state in _WORKING else bad(name, evidence, mends[one.provider])
    if checks and not any(one.state in _WORKING for one in checks):
        spare = sorted(name for name, lane in engine.catalog.lanes.items() if not lane.provider.enabled)
        # To switch one off helps where others are left; here it takes what brings one back.
        usable = [mend for mend in mends.values() if " disable " not in mend]
        found = f"{PROGRAM} providers enable {spare[0]}" if spare else usable[0] if usable else None
        mend = found or _mend(engine, checks[0], can_store=can_store, alone=True)
        yield bad("somebody answers", "every enabled provider fails", mend)


def _mend(engine: Engine, check: CheckView, *, can_store: bool, alone: bool) -> str:
    lane = engine.catalog.lanes[check.provider]
    name = lane.provider.credential
    # What a provider is configured in; a driver that no plugin gives a section to has none to name.
    section = engine.parts.plugins.driver_section.get(lane.provider.driver, "SECTION")
    if lane.missing == NAMELESS or (check.error_class == "authentication" and not name):
        return f"{PROGRAM} config set {section}.providers.{check.provider}.credential NAME"
    if lane.missing is not None or check.error_class == "authentication":
        return f"{PROGRAM} secrets set {name}" if can_store else f"export {name}=VALUE"
    if not alone:
        return f"{PROGRAM} providers disable {check.provider}"
    if check.error_class in ("network", "timeout"):
        return f"{PROGRAM} config set {section}.providers.{check.provider}.base_url ADDRESS"
    return f"{PROGRAM} check {check.provider}"


# --- slow responses ------------------------------------------------------------------------------------------


def _slow(engine: Engine) -> Finding:
    threshold_s = engine.settings().engine.response_time_threshold / 1000
    now = engine.parts.clock.monotonic()
    slow = {
        name: latency_s
        for name, lane in sorted(engine.catalog.lanes.items())
        if lane.provider.enabled
        and (latency_s := lane.stats.latency_s(now) or lane.history_latency_s) is not None
        and latency_s > threshold_s / 3
    }
    if not slow:
        return ok("answers are quick", "nobody is usually slow")
    worst = max(slow, key=lambda name: slow[name])
    evidence = f"{', '.join(slow)}: usually over {threshold_s / 3:.1f} s"
    others = [n for n, lane in engine.catalog.lanes.items() if lane.provider.enabled and n not in slow]
    if others:
        return bad("answers are quick", evidence, f"{PROGRAM} providers disable {worst}")
    # Nobody else is there: what is usual for it must not count as slow, nor run into the timeout.
    enough_ms = math.ceil(slow[worst] * 4) * 1000
    return bad("answers are quick", evidence, f"{PROGRAM} config set engine.response_time_threshold {enough_ms}")


# --- health checks failing -----------------------------------------------------------------------------------


def _checks_run(engine: Engine) -> Finding:
    check = "health checks run"
    prober = engine.prober
    failed = [failure for failure in engine.lifecycle.failures if "task prober " in failure]
    overdue_s = prober.overdue_s
    if failed or overdue_s is not None:
        evidence = failed[0] if failed else f"nothing was checked for {span(overdue_s or 0.0)}"
        return bad(check, evidence, "restart the console; if it happens again, look at its log")
    interval_s = engine.settings().health.health_check_interval / 1000
    if interval_s > SLOWEST_CHECKS_S:
        evidence = f"each provider is checked every {span(interval_s)}: one that goes down is not noticed before"
        return bad(check, evidence, f"{PROGRAM} config set health.health_check_interval --unset")
    if not any(lane.provider.enabled for lane in engine.catalog.lanes.values()):
        return ok(check, "no provider is enabled, so nothing is checked")
    if engine.checker.last_check_wall is not None:
        ago_s = max(0.0, engine.parts.clock.wall() - engine.checker.last_check_wall)
        return ok(check, f"the last one was {span(ago_s)} ago")
    if prober.scheduled:
        return ok(check, "the first ones are under way")
    return ok(check, "no console is checking now; a command checks only when it is asked to")
