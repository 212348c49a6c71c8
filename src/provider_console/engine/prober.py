"""Asks providers how they are: spread over the interval, one process for a data directory, free questions only.

A probe that contradicts what is known is repeated about a second later, and only two words in a row change a state.
Real traffic in the last interval proves more than a probe and stands in for it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

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
from provider_console.engine.lane import NAMELESS, STALE_INTERVALS, Lane
from provider_console.engine.recorder import Recorder
from provider_console.engine.standing import category_medians, lane_score, state_of, usual_median
from provider_console.sdk.driver import Call, ProbeResult
from provider_console.sdk.errors import BadResult, ErrorClass

log = logging.getLogger(__name__)

PROBE_S: Final = 5.0
JITTER: Final = 0.1
CONFIRM_S: Final = 1.0
CONFIRM_MAX_S: Final = 1.2 * CONFIRM_S
"""What was contradicted by a probe is asked again within this; what is due later was contradicted by traffic."""
CONCURRENT: Final = 16
FIRST_ROUND_S: Final = 2.0
"""The first round is spread over this at most: somebody is looking at an empty screen."""
LOOK_S: Final = 0.25
QUOTA_REST_S: Final = QUOTA_PROBE_S * (1 + JITTER)
"""The longest rest between two probes of a provider whose quota is used up."""
OUTAGE_CHECKS: Final = 3_000
"""How many checks are read back for the begin of an outage: a day of them."""
LOCK_S: Final = 5.0
"""How often a console that does not probe asks whether the one that does is gone; takeover must be under 35 s."""

_PROVES_KEY: Final = frozenset({"authentication", "quota", "paid"})
_PROVES_QUOTA: Final = frozenset({"quota", "paid"})

_UP: Final = {HealthState.HEALTHY: True, HealthState.DEGRADED: True, HealthState.UNHEALTHY: False}
_HOLDS: Final = {ErrorClass.AUTHENTICATION.value: Hold.NEEDS_AUTH, ErrorClass.QUOTA.value: Hold.QUOTA}
_CLASSES: Final = {hold: error_class for error_class, hold in _HOLDS.items()}


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
        self._doubted_at: dict[str, float] = {}
        """When traffic last had a provider asked out of turn."""
        self._told_until: dict[str, float] = {}
        """Until when a provider is held for nothing but the word of the process that probes."""
        self._born = clock.monotonic()
        self._scheduled_at: float | None = None
        self._checked_at: float | None = None
        self._reread_at = clock.monotonic()
        self.probing = False
        self.last_check_wall: float | None = None

    # --- on schedule -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Probe until cancelled, while this process holds the lock; until then read what the other one found."""
        running: set[str] = set()
        self._scheduled_at = self._clock.monotonic()
        limit = asyncio.Semaphore(CONCURRENT)

        async def one(lane: Lane) -> None:
            try:
                async with limit:
                    await self.check(lane)
            except Exception:  # one check that cannot be made must not end all the others
                lane.contradicted = False  # it is asked again in its turn
                log.exception("checking %s failed", lane.provider.id)
            finally:
                running.discard(lane.provider.id)
                self._schedule(lane)

        async with asyncio.TaskGroup() as group:
            while True:
                self._look_around()
                if not self._holds_lock():
                    await self._reread()
                    await self._clock.sleep(LOCK_S)
                    continue
                now = self._clock.monotonic()
                self._plan_round(now)
                for name, lane in list(self._lanes.items()):
                    if name in running or name not in self._due:
                        continue
                    if self._due[name] <= now or self._doubted(lane, now):
                        running.add(name)
                        group.create_task(one(lane))
                await self._clock.sleep(LOOK_S)

    @property
    def next_check_wall(self) -> float | None:
        """When the next probe is due, in wall seconds; None where this process does not probe."""
        if not self.probing or not self._due:
            return None
        return self._clock.wall() + max(0.0, min(self._due.values()) - self._clock.monotonic())

    @property
    def overdue_s(self) -> float | None:
        """For how long no check has been heard of, where this console ought to have heard; None: all is well."""
        lanes = [lane for lane in self._lanes.values() if lane.provider.enabled]
        if self._scheduled_at is None or not lanes:
            return None
        rests = all(lane.breaker.held is Hold.QUOTA for lane in lanes)
        within_s = STALE_INTERVALS * self._interval_s() if not rests else QUOTA_REST_S
        silent_s = self._clock.monotonic() - max(self._scheduled_at, self._checked_at or -math.inf)
        return silent_s if silent_s > max(within_s, STALE_INTERVALS * self._interval_s()) else None

    @property
    def scheduled(self) -> bool:
        """Whether this console checks by itself, or waits to take over from the one that does."""
        return self._scheduled_at is not None

    def _look_around(self) -> None:
        """See which holds are new, and forget whoever has left."""
        now = self._clock.monotonic()
        for lane in self._lanes.values():
            lane.note_hold(now)
        kept: tuple[dict[str, Any], ...] = (self._states, self._doubted_at, self._told_until)
        for known in kept:
            for name in [name for name in known if name not in self._lanes]:
                del known[name]

    def _doubted(self, lane: Lane, now: float) -> bool:
        """Whether traffic contradicts what is known, and a probe shall say now who is right: once an interval."""
        name = lane.provider.id
        if not lane.contradicted or self._due[name] <= now + CONFIRM_MAX_S:
            return False
        if now - self._doubted_at.get(name, -math.inf) < self._interval_s():
            return False
        self._doubted_at[name] = now
        return True

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
        lane.note_hold(now)
        if lane.breaker.held is Hold.QUOTA:
            interval_s = max(interval_s, QUOTA_PROBE_S)
        due = now + interval_s * self._rng.uniform(1 - JITTER, 1 + JITTER)
        if lane.breaker.held is Hold.QUOTA and lane.held_since is not None:
            # A probe before that would not end the hold, and the next one would be a quarter of an hour later.
            due = max(due, lane.held_since + QUOTA_PROBE_S)
        self._due[lane.provider.id] = due

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
        """Take over what the newest stored checks say, where they are fresh and this process knows nothing newer."""
        for name, newest in (await self._store.latest_checks()).items():
            lane = self._lanes.get(name)
            row = None if lane is None else await self._told(newest)
            if lane is None or row is None:
                continue
            now = self._clock.monotonic()
            at = now - (self._clock.wall() - row.at)
            self.last_check_wall = max(self.last_check_wall or 0.0, row.at)
            self._checked_at = max(self._checked_at or -math.inf, at)
            lane.note_hold(now)
            self._believe_release(lane, row, at)
            if lane.seen_at is None or at > lane.seen_at:
                await self._believe(lane, row, at)
                self._on_change()

    async def _told(self, newest: CheckRow) -> CheckRow | None:
        """The newest check that is one, if it is fresh: that a breaker moved is the other process's own affair."""
        row: CheckRow | None = newest
        if _is_move(newest):
            since = self._clock.wall() - self._fresh_s(newest)
            rows = await self._store.checks(provider=newest.provider, since=since, limit=OUTAGE_CHECKS)
            row = next((one for one in rows if not _is_move(one)), None)
        if row is None or not 0 <= self._clock.wall() - row.at < self._fresh_s(row):
            return None
        return row

    def _fresh_s(self, row: CheckRow) -> float:
        fresh_s = STALE_INTERVALS * self._interval_s()
        return max(fresh_s, QUOTA_REST_S) if row.error_class == ErrorClass.QUOTA else fresh_s

    def _believe_release(self, lane: Lane, row: CheckRow, at: float) -> None:
        """End a hold of this process where the other one's later probe proves what it waits for."""
        since = lane.held_since
        if row.passed and row.rung and since is not None and at > since and self._ends_hold(lane, row.rung, at):
            self._forget_value(lane)
            lane.release()
            self._on_change()

    async def _believe(self, lane: Lane, row: CheckRow, at: float) -> None:
        """Stand as a row says. Not what the one probe said, but what came of it: a first bad word makes nobody down."""
        state = HealthState(row.state)
        if state is HealthState.HELD and row.passed is None and row.error_class is None:
            # It found no credential; whether there is one this process sees for itself.
            self._states[lane.provider.id] = state
            self._forget_value(lane)
            await self._credential_missing(lane)
            return
        self._states[lane.provider.id] = state
        lane.seen_at = at
        lane.last_error = row.message if not row.passed else lane.last_error
        if state is HealthState.HELD:
            await self._believe_hold(lane, row, at)
            return
        if self._only_told(lane):
            lane.release()
        down = state is HealthState.UNHEALTHY
        lane.up = _UP.get(state)
        lane.down_since = at - (row.at - await self._went_down(row)) if down else None

    async def _believe_hold(self, lane: Lane, row: CheckRow, at: float) -> None:
        """Hold as the other process does, until its word is too old: it renews it with every probe."""
        name, told = lane.provider.id, self._only_told(lane)
        hold = _HOLDS.get(row.error_class or "", lane.breaker.held if told else None)
        if hold is None or (lane.breaker.held is not None and not told) or await self._renewed(lane, at):
            return
        if lane.breaker.held is not hold:
            lane.release()
        self._told_until[name] = at + self._fresh_s(row)
        lane.breaker.hold(hold, until=self._told_until[name])
        lane.held_since = lane.held_since or at

    def _only_told(self, lane: Lane) -> bool:
        """Whether it is held because a row says so, not because this process was refused."""
        breaker = lane.breaker
        return breaker.held is not None and breaker.held_until == self._told_until.get(lane.provider.id, math.inf)

    async def _renewed(self, lane: Lane, at: float) -> bool:
        """Whether the credential may be another one by now, or has proved itself here."""
        name = lane.provider.credential
        if lane.used_at is not None and at - lane.used_at < STALE_INTERVALS * self._interval_s():
            return True
        if name is None or lane.driver.credential == "none":
            return False
        if self._born <= at:
            before = lane.credential
            self._forget_value(lane)
            await self._credential_missing(lane)
            return lane.credential != before
        info = await self._secrets.info(name)
        # The environment of this process may be another one than that of the process that was refused.
        return info.backend == "environment" or (info.age_s is not None and self._clock.monotonic() - info.age_s > at)

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
            lane.contradicted = False
            return self._note(lane, passed=None, manual=manual)
        lane.note_hold(self._clock.monotonic())
        if await self._credential_missing(lane):
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
                else _failure(error, self._hooks, self._redact)
            )
            return self._failed(lane, failure, self._clock.monotonic() - begun, manual=manual)
        return self._passed(lane, answer, self._clock.monotonic() - begun, manual=manual)

    def _forget_value(self, lane: Lane) -> None:
        if lane.provider.credential is not None:
            self._secrets.forget(lane.provider.credential)

    async def _credential_missing(self, lane: Lane) -> bool:
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
        if self._ends_hold(lane, answer.rung, now):
            lane.release()
        self._on_change()
        return self._note(
            lane, passed=True, manual=manual, rung=answer.rung, latency_s=latency_s, message=answer.detail or None
        )

    def _ends_hold(self, lane: Lane, rung: str, at: float) -> bool:
        """Whether a probe that passed at a moment (monotonic) ends the hold of its provider.

        Where no free rung proves a quota and no reset is known, time has to do: the next call is the trial then.
        """
        breaker = lane.breaker
        if breaker.held is Hold.NEEDS_AUTH:
            return rung in _PROVES_KEY
        if breaker.held is not Hold.QUOTA:
            return False
        if rung in _PROVES_QUOTA:
            return True
        if breaker.held_until is not None or any(one.free and one.name in _PROVES_QUOTA for one in lane.driver.rungs):
            return False
        return lane.held_since is not None and at - lane.held_since >= QUOTA_PROBE_S

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
        if lane is not None and self._state(lane)[0] is not self._states.get(provider_id):
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
        before = self._states.get(name)
        self._states[name] = state
        if state is HealthState.HELD and lane.missing is None and lane.breaker.held is not None and not error_class:
            # A probe may pass and its provider stay held: whoever reads the row shall learn for what.
            error_class, message = _CLASSES[lane.breaker.held], message or why
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
            self.last_check_wall, self._checked_at = wall, now
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


def _is_move(row: CheckRow) -> bool:
    """Whether a row only says that a breaker moved under traffic."""
    return row.passed is None and row.rung == "traffic"


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
