"""Checks that another process has stored: believed while they are fresh and this process knows nothing newer.

One process probes for a data directory. Every other one, and each that has just started, stands as its rows say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from provider_console.console.views import HealthState
from provider_console.core.ports.secrets import SecretStore
from provider_console.core.ports.time import Clock
from provider_console.core.ports.usage import CheckRow, UsageStore
from provider_console.core.settings import Settings
from provider_console.engine.checker import HOLD_CLASSES, Checker
from provider_console.engine.lane import QUOTA_REST_S, STALE_INTERVALS, Lane
from provider_console.sdk.errors import ErrorClass

OUTAGE_CHECKS: Final = 3_000
"""How many checks are read back for the begin of an outage: a day of them."""

_UP: Final = {HealthState.HEALTHY: True, HealthState.DEGRADED: True, HealthState.UNHEALTHY: False}
_HOLDS: Final = {error_class.value: hold for hold, error_class in HOLD_CLASSES.items()}


class StoredChecks:
    """Reads the newest stored checks into the lanes."""

    def __init__(
        self,
        *,
        lanes: Mapping[str, Lane],
        settings: Callable[[], Settings],
        store: UsageStore,
        secrets: SecretStore,
        clock: Clock,
        checker: Checker,
        remember: Callable[[CheckRow], None],
        on_change: Callable[[], None],
    ) -> None:
        self._lanes = lanes
        self._settings = settings
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._checker = checker
        self._remember = remember
        self._on_change = on_change
        self._born = clock.monotonic()
        self.told_until: dict[str, float] = {}
        """Until when a provider is held for nothing but another process's word."""

    async def believe(self) -> None:
        """Take over what the newest stored checks say, where they are fresh and this process knows nothing newer."""
        for name, newest in (await self._store.latest_checks()).items():
            lane = self._lanes.get(name)
            row = None if lane is None else await self._told(newest)
            if lane is None or row is None:
                continue
            self._remember(row)
            now = self._clock.monotonic()
            at = now - (self._clock.wall() - row.at)
            self._checker.last_check_wall = max(self._checker.last_check_wall or 0.0, row.at)
            self._checker.checked_at = max(self._checker.checked_at or -math.inf, at)
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
        fresh_s = self._fresh_for_s()
        return max(fresh_s, QUOTA_REST_S) if row.error_class == ErrorClass.QUOTA else fresh_s

    def _believe_release(self, lane: Lane, row: CheckRow, at: float) -> None:
        """End a hold of this process where the other one's later probe proves what it waits for."""
        since = lane.held_since
        if row.passed and row.rung and since is not None and at > since and lane.ends_hold(row.rung, at):
            self._forget_value(lane)
            lane.release()
            self._on_change()

    async def _believe(self, lane: Lane, row: CheckRow, at: float) -> None:
        """Stand as a row says. Not what the one probe said, but what came of it: a first bad word makes nobody down."""
        state = HealthState(row.state)
        if state is HealthState.HELD and row.passed is None and row.error_class is None:
            # It found no credential; whether there is one this process sees for itself.
            self._checker.states[lane.provider.id] = state
            self._forget_value(lane)
            await self._checker.credential_missing(lane)
            return
        self._checker.states[lane.provider.id] = state
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
        self.told_until[name] = at + self._fresh_s(row)
        lane.breaker.hold(hold, until=self.told_until[name])
        lane.held_since = lane.held_since or at

    def _only_told(self, lane: Lane) -> bool:
        """Whether it is held because a row says so, not because this process was refused."""
        breaker = lane.breaker
        return breaker.held is not None and breaker.held_until == self.told_until.get(lane.provider.id, math.inf)

    async def _renewed(self, lane: Lane, at: float) -> bool:
        """Whether the credential may be another one by now, or has proved itself here."""
        name = lane.provider.credential
        if lane.used_at is not None and at - lane.used_at < self._fresh_for_s():
            return True
        if name is None or lane.driver.credential == "none":
            return False
        if self._born <= at:
            before = lane.credential
            self._forget_value(lane)
            await self._checker.credential_missing(lane)
            return lane.credential != before
        info = await self._secrets.info(name)
        # The environment of this process may be another one than that of the process that was refused.
        return info.backend == "environment" or (info.age_s is not None and self._clock.monotonic() - info.age_s > at)

    def _forget_value(self, lane: Lane) -> None:
        if lane.provider.credential is not None:
            self._secrets.forget(lane.provider.credential)

    async def _went_down(self, row: CheckRow) -> float:
        """The wall time of the word that a provider went down, as far back as the newest checks tell."""
        rows = await self._store.checks(provider=row.provider, limit=OUTAGE_CHECKS)
        return next((one.at for one in rows if one.event == "went_down"), rows[-1].at if rows else row.at)

    def _fresh_for_s(self) -> float:
        return STALE_INTERVALS * self._settings().health.health_check_interval / 1000


def _is_move(row: CheckRow) -> bool:
    """Whether a row only says that a breaker moved under traffic."""
    return row.passed is None and row.rung == "traffic"
