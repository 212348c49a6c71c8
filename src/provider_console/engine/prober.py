"""When providers are checked: spread over the interval, by the one process that holds the data directory's lock.

A probe that contradicts what is known is repeated about a second later; what traffic contradicts is asked once an
interval out of turn.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Callable, Mapping
from typing import Final

from provider_console.core.breaker import Hold
from provider_console.core.classify import QUOTA_PROBE_S
from provider_console.core.ports.machine import ProberLock
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.core.settings import Settings
from provider_console.engine.checker import CONCURRENT, CONFIRM_S, Checker
from provider_console.engine.lane import CHECK_JITTER, QUOTA_REST_S, STALE_INTERVALS, Lane
from provider_console.engine.stored_checks import StoredChecks

log = logging.getLogger(__name__)

CONFIRM_MAX_S: Final = 1.2 * CONFIRM_S
"""What was contradicted by a probe is asked again within this; what is due later was contradicted by traffic."""
SPACING_S: Final = 0.05
"""Between two probes of the first round: somebody is looking at an empty screen, and nobody needs a storm."""
LOOK_S: Final = 0.25
REST_S: Final = 0.75
"""The longest between two looks, where no probe is due before: traffic may doubt a provider meanwhile."""
LOCK_S: Final = 5.0
"""How often a console that does not probe asks whether the one that does is gone; takeover must be under 35 s."""


class Prober:
    """Has providers checked on schedule."""

    def __init__(
        self,
        *,
        lanes: Mapping[str, Lane],
        settings: Callable[[], Settings],
        checker: Checker,
        stored: StoredChecks,
        clock: Clock,
        rng: random.Random,
        lock: ProberLock,
    ) -> None:
        self._lanes = lanes
        self._settings = settings
        self._checker = checker
        self._stored = stored
        self._clock = clock
        self._rng = rng
        self._lock = lock
        self._due: dict[str, float] = {}
        self._doubted_at: dict[str, float] = {}
        """When traffic last had a provider asked out of turn."""
        self._scheduled_at: float | None = None
        self._reread_at = clock.monotonic()
        self.probing = False

    async def run(self) -> None:
        """Probe until cancelled, while this process holds the lock; until then read what the other one found."""
        running: set[str] = set()
        self._scheduled_at = self._clock.monotonic()
        limit = asyncio.Semaphore(CONCURRENT)

        async def one(lane: Lane) -> None:
            try:
                async with limit:
                    await self._checker.check(lane)
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
                    if self._due[name] <= now or (lane.contradicted and self._doubted(lane, now)):
                        running.add(name)
                        group.create_task(one(lane))
                due = min(self._due.values(), default=now)
                await self._clock.sleep(min(REST_S, max(LOOK_S, due - now)))

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
        silent_s = self._clock.monotonic() - max(self._scheduled_at, self._checker.checked_at or -math.inf)
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
        for known in (self._doubted_at, self._checker.states, self._stored.told_until):
            if not known.keys() <= self._lanes.keys():
                for name in known.keys() - self._lanes.keys():
                    del known[name]

    def _doubted(self, lane: Lane, now: float) -> bool:
        """Whether a probe shall say now who is right, traffic or what is known: once an interval."""
        name = lane.provider.id
        if self._due[name] <= now + CONFIRM_MAX_S:
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
        if enabled != self._due.keys():
            for name in self._due.keys() - enabled:
                del self._due[name]
            new = sorted(enabled - self._due.keys())
            spread_s = min(interval_s, SPACING_S * len(new))
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
        due = now + interval_s * self._rng.uniform(1 - CHECK_JITTER, 1 + CHECK_JITTER)
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
            await self._stored.believe()
        except StoreUnavailable as error:
            # It may be readable again by the next look; the lock is waited for meanwhile.
            log.warning("the checks of the process that probes cannot be read: %s", error)
