"""One check of one provider: the cheapest free question, what the answer means, and the row that is kept of it.

A contradiction is not believed at once: only two words in a row change a state. Real traffic in the last interval
proves more than a probe and stands in for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from provider_console.console.events import HealthChecked, ProviderStateChanged
from provider_console.console.views import CheckView, HealthState, iso
from provider_console.core.breaker import BreakerState, Hold
from provider_console.core.classify import RULES, Failure
from provider_console.core.ports.http import HttpFactory
from provider_console.core.ports.secrets import SecretStore
from provider_console.core.ports.time import Clock
from provider_console.core.ports.usage import CheckRow, HealthEvent
from provider_console.core.settings import Settings
from provider_console.engine.bus import Bus
from provider_console.engine.lane import NAMELESS, Lane
from provider_console.engine.recorder import Recorder
from provider_console.engine.sorter import Sorter
from provider_console.engine.standing import category_medians, lane_score, state_of, usual_median
from provider_console.sdk.driver import Call, ProbeResult
from provider_console.sdk.errors import BadResult, ErrorClass

log = logging.getLogger(__name__)

PROBE_S: Final = 5.0
CONFIRM_S: Final = 1.0
CONCURRENT: Final = 16

HOLD_CLASSES: Final = {Hold.NEEDS_AUTH: ErrorClass.AUTHENTICATION, Hold.QUOTA: ErrorClass.QUOTA}
"""The error class that each hold comes from, as it stands in a row."""


class Checker:
    """Checks providers and keeps what the checks say."""

    def __init__(
        self,
        *,
        lanes: Mapping[str, Lane],
        settings: Callable[[], Settings],
        secrets: SecretStore,
        http: HttpFactory,
        recorder: Recorder,
        clock: Clock,
        bus: Bus,
        sorter: Sorter,
        on_change: Callable[[], None],
    ) -> None:
        self._lanes = lanes
        self._settings = settings
        self._secrets = secrets
        self._http = http
        self._recorder = recorder
        self._clock = clock
        self._bus = bus
        self._sorter = sorter
        self._on_change = on_change
        self.states: dict[str, HealthState] = {}
        """The state that was last told of each provider."""
        self.last_check_wall: float | None = None
        self.checked_at: float | None = None
        """When a check was last made, or heard of: the wall's time and the monotonic one."""

    async def check(self, lane: Lane, *, manual: bool = False) -> CheckView:
        """Check one provider now. A manual check confirms a contradiction itself, a second later."""
        row = await self._look(lane, manual=manual)
        if manual and lane.contradicted:
            await self._clock.sleep(CONFIRM_S)
            row = await self._look(lane, manual=manual)
        return check_view(row)

    async def check_all(self, lanes: Sequence[Lane]) -> list[CheckView]:
        """Check several providers now, 16 at a time."""
        limit = asyncio.Semaphore(CONCURRENT)

        async def one(lane: Lane) -> CheckView:
            async with limit:
                return await self.check(lane, manual=True)

        return list(await asyncio.gather(*(one(lane) for lane in lanes)))

    async def _look(self, lane: Lane, *, manual: bool) -> CheckRow:
        if not lane.provider.enabled:
            lane.contradicted = False
            return self._note(lane, passed=None, manual=manual)
        lane.note_hold(self._clock.monotonic())
        if await self.credential_missing(lane):
            lane.contradicted = False
            missing = "no credential is named" if lane.missing == NAMELESS else f"credential {lane.missing} is missing"
            return self._note(lane, passed=None, manual=manual, message=missing)
        now = self._clock.monotonic()
        if not manual and self._proved_by_traffic(lane, now):
            lane.hear(ok=True)
            lane.seen_at = now
            return self._note(lane, passed=True, rung="traffic", manual=False)
        begun = self._clock.monotonic()
        try:
            async with asyncio.timeout(PROBE_S) as timer:
                answer = await lane.driver.probe(await self._call(lane))
            answer = _sound(answer)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the plugin barrier
            failure = (
                Failure(error_class=ErrorClass.TIMEOUT, message=f"no answer within {PROBE_S:.0f} s")
                if timer.expired()
                else self._sorter.sort(error)
            )
            return self._failed(lane, failure, self._clock.monotonic() - begun, manual=manual)
        return self._passed(lane, answer, self._clock.monotonic() - begun, manual=manual)

    async def credential_missing(self, lane: Lane) -> bool:
        """Look whether the credential that a lane names is there; whether it needs one and has none."""
        name = lane.provider.credential
        if lane.driver.credential == "none" or name is None:
            return lane.missing is not None
        before = lane.missing
        if before is not None or lane.breaker.held is not None:
            # It may have been stored by another process; the value in memory would hide that for ever.
            self._secrets.forget(name)
        lane.found(await self._secrets.get(name))
        if before != lane.missing:
            self._on_change()
        return lane.missing is not None

    def _proved_by_traffic(self, lane: Lane, now: float) -> bool:
        return (
            lane.used_at is not None
            and now - lane.used_at < self._settings().health.health_check_interval / 1000
            and lane.up is True
            and not lane.contradicted
            and not lane.last_failed
        )

    async def _call(self, lane: Lane) -> Call:
        provider = lane.provider
        return Call(
            provider=provider,
            http=self._http.client(network=provider.network),
            credential=lane.credential if lane.driver.credential != "none" else None,
            model=next(iter(provider.models), None),
            timeout_s=PROBE_S,
        )

    def _passed(self, lane: Lane, answer: ProbeResult, latency_s: float, *, manual: bool) -> CheckRow:
        now = self._clock.monotonic()
        lane.seen_at = now
        lane.hear(ok=True)
        lane.stats.observe(now, ok=True, weight=0.5, latency_s=None)
        if lane.up:
            lane.breaker.probe_passed(now)
        if lane.ends_hold(answer.rung, now):
            lane.release()
        self._on_change()
        return self._note(
            lane, passed=True, manual=manual, rung=answer.rung, latency_s=latency_s, message=answer.detail or None
        )

    def _failed(self, lane: Lane, failure: Failure, latency_s: float, *, manual: bool) -> CheckRow:
        now = self._clock.monotonic()
        lane.last_error = failure.message
        rule = RULES[failure.error_class]
        lane.obey(failure, now)
        # An answer of any kind proves that the provider is there; only what counts against it makes it down.
        lane.seen_at = now
        passed: bool | None = None
        if rule.breaker == "counts":
            passed = False
            lane.hear(ok=False)
            lane.stats.observe(now, ok=False, weight=0.5 * rule.weight)
            lane.breaker.probe_failed(now)
        else:
            # It is there; whatever doubted that is settled, and its next turn comes soon enough.
            lane.contradicted = False
        lane.note_hold(now)
        self._on_change()
        return self._note(
            lane,
            passed=passed,
            manual=manual,
            latency_s=latency_s,
            error_class=failure.error_class.value,
            message=failure.message,
        )

    # --- what is kept ------------------------------------------------------------------------------------------

    def breaker_moved(self, provider_id: str, _before: BreakerState, _after: BreakerState) -> None:
        """A breaker moved under traffic: the state may be another one without any probe."""
        lane = self._lanes.get(provider_id)
        if lane is not None and self._state(lane)[0] is not self.states.get(provider_id):
            self._note(lane, passed=None, manual=False, rung="traffic", message=lane.last_error)

    def _state(self, lane: Lane) -> tuple[HealthState, str, float]:
        now, settings = self._clock.monotonic(), self._settings()
        median_s = usual_median(lane.provider, category_medians(self._lanes.values(), now=now))
        total = lane_score(lane, now=now, settings=settings, median_s=median_s).total
        state, why = state_of(lane, now=now, settings=settings, total=total)
        return state, why, total

    def _note(
        self,
        lane: Lane,
        *,
        passed: bool | None,
        manual: bool,
        rung: str | None = None,
        latency_s: float | None = None,
        error_class: str | None = None,
        message: str | None = None,
    ) -> CheckRow:
        """Keep a check as a row, with the event where the state is another one now."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        name = lane.provider.id
        state, why, total = self._state(lane)
        before = self.states.get(name)
        self.states[name] = state
        if state is HealthState.HELD and lane.missing is None and lane.breaker.held is not None and not error_class:
            # A probe may pass and its provider stay held: whoever reads the row shall learn for what.
            error_class, message = HOLD_CLASSES[lane.breaker.held], message or why
        event, out_s = self._event(lane, before, state, now)
        row = CheckRow(
            provider=name,
            at=wall,
            state=state.value,
            passed=passed,
            score=round(total, 1),
            rung=rung,
            latency_ms=None if latency_s is None else round(latency_s * 1000, 1),
            error_class=error_class,
            message=message,
            event=event,
            out_ms=None if out_s is None else round(out_s * 1000, 1),
            manual=manual,
        )
        if rung != "traffic" or passed is not None:
            self.last_check_wall, self.checked_at = wall, now
        self._recorder.note(row)
        self._bus.publish(HealthChecked(at=wall, check=check_view(row)))
        if before is not None and before is not state:
            log.info("%s is %s now, it was %s%s", name, state, before, "" if why == state else f": {why}")
            self._bus.publish(ProviderStateChanged(at=wall, provider=name, before=before, after=state, why=why))
        return row

    def _event(
        self, lane: Lane, before: HealthState | None, state: HealthState, now: float
    ) -> tuple[HealthEvent | None, float | None]:
        if state is HealthState.UNHEALTHY:
            if lane.down_since is None:
                lane.down_since = now
                return "went_down", None
            return None, None
        if lane.down_since is not None and state in (HealthState.HEALTHY, HealthState.DEGRADED):
            out_s = now - lane.down_since
            lane.down_since = None
            return "recovered", out_s
        if state is before:
            return None, None
        if state is HealthState.HELD and lane.missing is not None:
            return "credential_missing", None
        if state is HealthState.DEGRADED:
            return "degraded", None
        return None, None


def _sound(answer: object) -> ProbeResult:
    if not isinstance(answer, ProbeResult):
        raise BadResult(f"the driver's probe returned {type(answer).__name__} instead of a ProbeResult")
    return answer


def check_view(row: CheckRow) -> CheckView:
    """A check as a front end sees it."""
    return CheckView(
        provider=row.provider,
        at=iso(row.at),
        state=HealthState(row.state),
        passed=row.passed,
        score=row.score,
        rung=row.rung,
        latency_ms=row.latency_ms,
        error_class=row.error_class,
        message=row.message,
        event=row.event,
        out_ms=row.out_ms,
    )
