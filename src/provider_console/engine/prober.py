"""Asks providers how they are: spread over the interval, one process for a data directory, free questions only.

A probe that contradicts what is known is repeated about a second later, and only two words in a row change a state.
Real traffic in the last interval proves more than a probe and stands in for it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from provider_console.console.events import HealthChecked, ProviderStateChanged
from provider_console.console.views import CheckView, HealthState, iso
from provider_console.core.backoff import COOLDOWN_MAX_S
from provider_console.core.breaker import BreakerState, Hold
from provider_console.core.classify import QUOTA_PROBE_S, RULES, Failure, Hook, classify
from provider_console.core.ports import (
    CheckRow,
    Clock,
    HealthEvent,
    HttpFactory,
    ProberLock,
    SecretStore,
    StoreUnavailable,
    UsageStore,
)
from provider_console.core.settings import Settings
from provider_console.engine.bus import Bus
from provider_console.engine.lane import STALE_INTERVALS, Lane
from provider_console.engine.recorder import Recorder
from provider_console.engine.standing import category_medians, lane_score, state_of
from provider_console.sdk.driver import Call, ProbeResult
from provider_console.sdk.errors import BadResult, ErrorClass

log = logging.getLogger(__name__)

log = logging.getLogger(__name__)

PROBE_S: Final = 5.0
JITTER: Final = 0.1
CONFIRM_S: Final = 1.0
CONCURRENT: Final = 16
FIRST_ROUND_S: Final = 2.0
"""The first round is spread over this at most: somebody is looking at an empty screen."""
LOOK_S: Final = 0.25
OUTAGE_CHECKS: Final = 3_000
"""How many checks are read back for the begin of an outage: a day of them."""
LOCK_S: Final = 5.0
"""How often a console that does not probe asks whether the one that does is gone; takeover must be under 35 s."""

_PROVES_KEY: Final = frozenset({"authentication", "quota", "paid"})
_PROVES_QUOTA: Final = frozenset({"quota", "paid"})


class Prober:
    """Checks providers, on schedule or when asked, and keeps what the checks say."""

    def __init__(
        self,
        *,
        lanes: Mapping[str, Lane],
        settings: Callable[[], Settings],
        store: UsageStore,
        secrets: SecretStore,
        http: HttpFactory,
        recorder: Recorder,
        clock: Clock,
        rng: random.Random,
        bus: Bus,
        lock: ProberLock,
        on_change: Callable[[], None],
        hooks: tuple[Hook, ...] = (),
        redact: Callable[[str], str] = str,
    ) -> None:
        self._lanes = lanes
        self._settings = settings
        self._store = store
        self._secrets = secrets
        self._http = http
        self._recorder = recorder
        self._clock = clock
        self._rng = rng
        self._bus = bus
        self._lock = lock
        self._on_change = on_change
        self._hooks = hooks
        self._redact = redact
        self._due: dict[str, float] = {}
        self._states: dict[str, HealthState] = {}
        self._reread_at = clock.monotonic()
        self.probing = False
        self.last_check_wall: float | None = None

    # --- on schedule -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Probe until cancelled, while this process holds the lock; until then read what the other one found."""
        running: set[str] = set()
        limit = asyncio.Semaphore(CONCURRENT)

        async def one(lane: Lane) -> None:
            try:
                async with limit:
                    await self.check(lane)
            except Exception:  # one check that cannot be made must not end all the others
                log.exception("checking %s failed", lane.provider.id)
            finally:
                running.discard(lane.provider.id)
                self._schedule(lane)

        async with asyncio.TaskGroup() as group:
            while True:
                if not self._holds_lock():
                    await self._reread()
                    await self._clock.sleep(LOCK_S)
                    continue
                now = self._clock.monotonic()
                self._plan_round(now)
                for name, lane in list(self._lanes.items()):
                    if name in running or name not in self._due:
                        continue
                    if self._due[name] <= now or (lane.contradicted and self._due[name] > now + CONFIRM_S):
                        running.add(name)
                        group.create_task(one(lane))
                await self._clock.sleep(LOOK_S)

    @property
    def next_check_wall(self) -> float | None:
        """When the next probe is due, in wall seconds; None where this process does not probe."""
        if not self.probing or not self._due:
            return None
        return self._clock.wall() + max(0.0, min(self._due.values()) - self._clock.monotonic())

    def _holds_lock(self) -> bool:
        self.probing = self.probing or self._lock.acquire()
        return self.probing

    def _plan_round(self, now: float) -> None:
        """Give every new provider its first moment; after a sleep of the machine, spread what is overdue."""
        interval_s = self._interval_s()
        enabled = {name for name, lane in self._lanes.items() if lane.provider.enabled}
        for name in [name for name in self._due if name not in enabled]:
            del self._due[name]
        new = sorted(enabled - self._due.keys())
        spread_s = min(FIRST_ROUND_S, interval_s, 0.05 * len(new))
        for place, name in enumerate(new):
            self._due[name] = now + spread_s * place / len(new)
        overdue = [name for name, due in self._due.items() if now - due > interval_s]
        for name in overdue:
            self._due[name] = now + self._rng.uniform(0.0, interval_s)

    def _schedule(self, lane: Lane) -> None:
        now = self._clock.monotonic()
        if lane.contradicted:
            self._due[lane.provider.id] = now + CONFIRM_S * self._rng.uniform(0.8, 1.2)
            return
        interval_s = self._interval_s()
        if lane.breaker.held is Hold.QUOTA:
            interval_s = max(interval_s, QUOTA_PROBE_S)
        self._due[lane.provider.id] = now + interval_s * self._rng.uniform(1 - JITTER, 1 + JITTER)

    def _interval_s(self) -> float:
        return float(self._settings().health.health_check_interval) / 1000

    async def _reread(self) -> None:
        """Believe the last checks of the process that probes."""
        now = self._clock.monotonic()
        if now < self._reread_at:
            return
        self._reread_at = now + self._interval_s() / 2
        try:
            await self.recall()
        except StoreUnavailable as error:
            # It may be readable again by the next look; the lock is waited for meanwhile.
            log.warning("the checks of the process that probes cannot be read: %s", error)

    async def recall(self) -> None:
        """Take over what the newest stored checks say, as far as they are fresh."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        for name, row in (await self._store.latest_checks()).items():
            lane = self._lanes.get(name)
            age_s = wall - row.at
            if lane is None or row.passed is None or not 0 <= age_s < STALE_INTERVALS * self._interval_s():
                continue
            if lane.seen_at is None or now - age_s > lane.seen_at:
                self._states[name] = HealthState(row.state)
                down = self._states[name] is HealthState.UNHEALTHY
                # Not what the one probe said, but what came of it: a first bad word makes nobody down.
                lane.up, lane.seen_at = not down, now - age_s
                lane.last_error = row.message if not row.passed else lane.last_error
                lane.down_since = now - (wall - await self._went_down(row)) if down else None
                self.last_check_wall = max(self.last_check_wall or 0.0, row.at)
                self._on_change()

    async def _went_down(self, row: CheckRow) -> float:
        """The wall time of the word that a provider went down, as far back as the newest checks tell."""
        rows = await self._store.checks(provider=row.provider, limit=OUTAGE_CHECKS)
        return next((one.at for one in rows if one.event == "went_down"), rows[-1].at if rows else row.at)

    # --- one check ---------------------------------------------------------------------------------------------

    async def check(self, lane: Lane, *, manual: bool = False) -> CheckView:
        """Check one provider now. A manual check confirms a contradiction itself, a second later."""
        row = await self._look(lane, manual=manual)
        if manual and lane.contradicted:
            await self._clock.sleep(CONFIRM_S)
            row = await self._look(lane, manual=manual)
        return _view(row)

    async def check_all(self, lanes: Sequence[Lane]) -> list[CheckView]:
        """Check several providers now, 16 at a time."""
        limit = asyncio.Semaphore(CONCURRENT)

        async def one(lane: Lane) -> CheckView:
            async with limit:
                return await self.check(lane, manual=True)

        return list(await asyncio.gather(*(one(lane) for lane in lanes)))

    async def _look(self, lane: Lane, *, manual: bool) -> CheckRow:
        if not lane.provider.enabled:
            return self._note(lane, passed=None, manual=manual)
        if await self._credential_missing(lane):
            return self._note(lane, passed=None, manual=manual, message=f"credential {lane.missing} is missing")
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
                else _failure(error, self._hooks, self._redact)
            )
            return self._failed(lane, failure, self._clock.monotonic() - begun, manual=manual)
        return self._passed(lane, answer, self._clock.monotonic() - begun, manual=manual)

    async def _credential_missing(self, lane: Lane) -> bool:
        name = lane.provider.credential
        if lane.driver.credential == "none" or name is None:
            return lane.missing is not None
        before = lane.missing
        lane.found(await self._secrets.get(name))
        if before != lane.missing:
            self._on_change()
        return lane.missing is not None

    def _proved_by_traffic(self, lane: Lane, now: float) -> bool:
        return (
            lane.used_at is not None
            and now - lane.used_at < self._interval_s()
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
        held = lane.breaker.held
        if (held is Hold.NEEDS_AUTH and answer.rung in _PROVES_KEY) or (
            held is Hold.QUOTA and answer.rung in _PROVES_QUOTA
        ):
            lane.breaker.release()
        self._on_change()
        return self._note(
            lane, passed=True, manual=manual, rung=answer.rung, latency_s=latency_s, message=answer.detail or None
        )

    def _failed(self, lane: Lane, failure: Failure, latency_s: float, *, manual: bool) -> CheckRow:
        now = self._clock.monotonic()
        lane.last_error = failure.message
        rule = RULES[failure.error_class]
        match failure.error_class:
            case ErrorClass.AUTHENTICATION:
                lane.breaker.hold(Hold.NEEDS_AUTH)
            case ErrorClass.QUOTA:
                reset_s = failure.resets_after_s or failure.retry_after_s
                lane.breaker.hold(Hold.QUOTA, until=None if reset_s is None else now + reset_s)
            case ErrorClass.RATE_LIMITED if failure.retry_after_s:
                lane.breaker.cool(now + min(failure.retry_after_s, COOLDOWN_MAX_S))
        # An answer of any kind proves that the provider is there; only what counts against it makes it down.
        lane.seen_at = now
        passed: bool | None = None
        if rule.breaker == "counts":
            passed = False
            lane.hear(ok=False)
            lane.stats.observe(now, ok=False, weight=0.5 * rule.weight)
            lane.breaker.probe_failed(now)
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
        if lane is not None and self._state(lane)[0] is not self._states.get(provider_id):
            self._note(lane, passed=None, manual=False, rung="traffic", message=lane.last_error)

    def _state(self, lane: Lane) -> tuple[HealthState, str, float]:
        now, settings = self._clock.monotonic(), self._settings()
        medians = category_medians([lane], now=now)
        median_s = next(iter(medians.values()), None)
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
        before = self._states.get(name)
        self._states[name] = state
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
        self.last_check_wall = wall
        self._recorder.note(row)
        self._bus.publish(HealthChecked(at=wall, check=_view(row)))
        if before is not None and before is not state:
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


def _failure(error: BaseException, hooks: tuple[Hook, ...], redact: Callable[[str], str]) -> Failure:
    if isinstance(error, SystemExit):
        return Failure(error_class=ErrorClass.UNKNOWN, message="the driver tried to end the program")
    return classify(error, hooks=hooks, safe=redact)


def _view(row: CheckRow) -> CheckView:
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
